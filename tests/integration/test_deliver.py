"""Deliver, against a real PostgreSQL and a real mail server: at most once, whole or not at all, nothing unnoticed."""

import atexit
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from mailbox_server import Mailbox
from openpyxl import Workbook
from scripted_server import DROP, STALL, certificate, scripted
from sqlalchemy import text

from monthend import warehouse
from monthend.deliver import Settings, arm, deliver, ledger, outcomes
from monthend.deliver.settings import Security
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office
from monthend.plan.declarations import ROOT, Declarations
from monthend.publish.packs import pack_folder
from monthend.publish.workbook import content_sha256

CHAIR, SECRETARY, CLERK = "chair.pdg@opcc.example", "secretary.pdg@police.example", "clerk.panel@council.example"
BOARD = """
board: {board}
title: {title}
description: A board of the tests.
owner: Head of performance
frequency: monthly
renderings: [{{rendering: board, marking: OFFICIAL, audience: {board}}}]
measures: [open_all_crime]
meetings: [2025-05-22]
recipients: [{recipients}]
allowed_domains: [{domains}]
"""
DELIVER = """
import sys
from pathlib import Path
from monthend import warehouse
from monthend.deliver import Settings, deliver
from monthend.office import Office
from monthend.plan.declarations import Declarations
home, url, declarations, position, port = sys.argv[1:]
office = Office(Path(home), warehouse.connect(url), Declarations(Path(declarations)))
print("ready", flush=True)
sys.stdin.readline()
deliver(office, int(position), Settings("redirect", redirect_to="trial@opcc.example", host="127.0.0.1",
                                        port=int(port), security="none"))
"""


@dataclass(frozen=True)
class Released:
    """A frozen month with released packs, made for one test."""

    position: int
    month: str
    pack_ids: dict[str, str]


@pytest.fixture(scope="session")
def server_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="deliver-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # last in, first out: after the server has stopped
    return home


@pytest.fixture(scope="session")
def url(server_home: Path) -> str:
    return warehouse.embedded(server_home)


@pytest.fixture(scope="session")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    root = tmp_path_factory.mktemp("declarations")
    for folder in ("reports", "include/feeds", "include/sql/measures"):
        shutil.copytree(ROOT / folder, root / folder)
    shutil.rmtree(root / "reports/boards")
    (root / "reports/boards").mkdir()
    for board, title, recipients, domains in (
        ("pdg", "Performance Delivery Group", f"{CHAIR}, {SECRETARY}", "opcc.example, police.example"),
        ("panel", "Police and Crime Panel", CLERK, "council.example"),
    ):
        words = BOARD.format(board=board, title=title, recipients=recipients, domains=domains)
        (root / "reports/boards" / f"{board}.yaml").write_text(words, encoding="utf-8")
    return Declarations(root)


@pytest.fixture
def office(url: str, declarations: Declarations, tmp_path: Path) -> Iterator[Office]:
    engine = warehouse.connect(url)
    yield Office(tmp_path, engine, declarations)
    engine.dispose()


@pytest.fixture
def live(mailbox: Mailbox, office: Office) -> Settings:
    arm(office, "tests", "the tests' own mail server")
    return Settings(
        "live", environment="tests", host="127.0.0.1", port=mailbox.port, security="none", sender="packs@opcc.example"
    )


@pytest.fixture
def pdg(office: Office) -> Released:
    return release(office, ("pdg", "board", "OFFICIAL-SENSITIVE"))


def release(office: Office, *packs: tuple[str, str, str], hold: tuple[str, ...] = (), revision: int = 1) -> Released:
    """Freeze the month after the newest one, build, and release one pack for each board, rendering and marking."""
    with office.engine.begin() as connection:

        def insert(table: str, key: str, **values: Any) -> int:
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            return connection.execute(
                text(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {key}"), values
            ).scalar_one()

        position = connection.execute(text("SELECT count(*) + 1 FROM snapshot.snapshot")).scalar_one()
        month = f"{2000 + position // 12}-{position % 12 + 1:02}"
        digest = hashlib.sha256(f"digest {position}".encode()).hexdigest()
        candidate = insert(
            "snapshot.candidate",
            "candidate_id",
            month=month,
            revision=revision,
            load_number=0,
            digest=digest,
            manifest="{}",
            facts_sha256="",
            readiness="{}",
            proposed_on="2025-05-12",
        )
        signed = {"display_name": "A. Steward", "shown_sha256": "", "channel": "command line", "login_user": "tests"}
        sign_off = insert(
            "snapshot.sign_off",
            "sign_off_id",
            **signed,
            candidate_id=candidate,
            answer="freeze",
            signed_by="a.steward",
            missing="[]",
            accepted=True,
            signed_on="2025-05-12",
        )
        insert(
            "snapshot.snapshot",
            "position",
            position=position,
            month=month,
            revision=revision,
            candidate_id=candidate,
            sign_off_id=sign_off,
            digest=digest,
            previous_seal="",
            seal=hashlib.sha256(f"seal {position}".encode()).hexdigest(),
            frozen_on="2025-05-13",
        )
        answer = insert(
            "pack.answer",
            "answer_id",
            **signed,
            position=position,
            answer="release",
            answered_by="b.releaser",
            accepted=True,
        )
        pack_ids = {}
        for board, rendering, marking in packs:
            file_name = f"{month} {board} {rendering}.xlsx"
            path = pack_folder(office, month, revision) / file_name
            pack_ids[f"{board} {rendering}"] = pack_id = hashlib.sha256(f"{month} {file_name}".encode()).hexdigest()
            build = insert(
                "pack.build",
                "build_id",
                pack_id=pack_id,
                position=position,
                board=board,
                rendering=rendering,
                meeting="2025-05-22",
                audience=board,
                marking=marking,
                file_name=file_name,
                content_sha256=workbook(path, 1417),
            )
            insert("pack.release", "build_id", build_id=build, pack_id=pack_id, answer_id=answer)
            if board in hold:
                insert("pack.hold", "build_id", build_id=build, answer_id=answer)
    return Released(position, month, pack_ids)


def workbook(path: Path, number: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    book.active["A1"] = number
    book.save(path)
    return content_sha256(path)


def states(office: Office, month: str) -> dict[tuple[str, int], str]:
    return {(str(row["recipient"]), int(str(row["attempt"]))): str(row["state"]) for row in outcomes(office, month)}


def events(office: Office, month: str) -> list[str]:
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT e.event FROM delivery.event e JOIN delivery.message USING (message_id)"
            " JOIN pack.build b USING (pack_id) JOIN snapshot.snapshot s USING (position)"
            " WHERE s.month = :month ORDER BY e.event_id",
            month=month,
        )
    return [row["event"] for row in rows]


def start(office: Office, url: str, released: Released, mailbox: Mailbox) -> "subprocess.Popen[str]":
    """A process that delivers, in redirect mode, as soon as it gets a line."""
    arguments = [str(office.home), url, str(office.declarations.root), str(released.position), str(mailbox.port)]
    process = subprocess.Popen(
        [sys.executable, "-c", DELIVER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.close()


def test_both_recipients_accepted_and_nothing_sent_twice(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    first = deliver(office, pdg.position, live)
    assert [(sent.recipient, sent.state, sent.attempt, sent.now) for sent in first] == [
        (CHAIR, "accepted", 1, True),
        (SECRETARY, "accepted", 1, True),
    ]
    again = deliver(office, pdg.position, live)
    assert [(sent.recipient, sent.state, sent.attempt, sent.now) for sent in again] == [
        (CHAIR, "accepted", 1, False),
        (SECRETARY, "accepted", 1, False),
    ]
    assert mailbox.recipients() == [CHAIR, SECRETARY]
    assert events(office, pdg.month) == ["queued"] * 2 + ["sending", "accepted"] * 2
    assert outcomes(office, pdg.month)[0]["detail"] == "250 2.0.0"


def test_a_message_is_marked_whole_and_a_witness(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    deliver(office, pdg.position, live)
    mails = [mail for _, mail in mailbox.received]
    assert len({mail["Message-ID"] for mail in mails}) == 2
    mail = mails[0]
    year = pdg.month.partition("-")[0]
    assert mail["Subject"].startswith("OFFICIAL-SENSITIVE: Performance Delivery Group pack, data to the end of ")
    assert mail["Subject"].endswith(f" {year}")
    assert mail["To"] == CHAIR
    assert mail["Content-Language"] == "en-GB"
    assert mail.get_content_type() == "multipart/mixed"
    alternative, attachment = mail.iter_parts()
    assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "text/html"]
    assert attachment.get_content() == (office.home / "packs" / pdg.month / attachment.get_filename()).read_bytes()
    with office.engine.connect() as connection:
        snapshot = warehouse.query(
            connection, "SELECT digest, seal FROM snapshot.snapshot WHERE position = :position", position=pdg.position
        )[0]
    for part in alternative.iter_parts():
        words = part.get_content()
        for said in (snapshot["digest"], snapshot["seal"], "22 May 2025", "13 May 2025", "performance@opcc.example"):
            assert said in words
        assert "1417" not in words
    html = list(alternative.iter_parts())[1].get_content()
    assert 'lang="en-GB"' in html
    assert "<title>OFFICIAL-SENSITIVE: " in html
    assert "http" not in html
    assert "src=" not in html


@pytest.mark.parametrize(
    ("answer", "state"),
    [("550 5.1.1 no such user secret-value", "refused"), ("451 4.7.1 later secret-value", "refused temporary")],
)
def test_one_of_two_recipients_is_refused_and_tried_again(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released, answer: str, state: str
) -> None:
    mailbox.answers[CHAIR] = answer
    with pytest.raises(NeedsPerson, match=rf"pdg \(board\) to {CHAIR}, live, attempt 1: {state}, RCPT {answer[:9]}\."):
        deliver(office, pdg.position, live)
    assert states(office, pdg.month) == {(CHAIR, 1): state, (SECRETARY, 1): "accepted"}
    assert "secret-value" not in str(outcomes(office, pdg.month))

    with pytest.raises(NeedsPerson, match=rf"{CHAIR}, live, attempt 2: {state}, .* next delivery tries"):
        deliver(office, pdg.position, live)
    mailbox.answers.clear()
    for _ in range(2):
        deliver(office, pdg.position, live)
    assert states(office, pdg.month) == {
        (CHAIR, 1): state,
        (CHAIR, 2): state,
        (CHAIR, 3): "accepted",
        (SECRETARY, 1): "accepted",
    }
    assert mailbox.recipients() == [CHAIR, SECRETARY]


@pytest.mark.parametrize(("answer", "state"), [("552 5.3.4 too big", "refused"), ("452 full", "refused temporary")])
def test_the_data_are_refused(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released, answer: str, state: str
) -> None:
    mailbox.on_data = lambda server: answer
    with pytest.raises(NeedsPerson):
        deliver(office, pdg.position, live)
    assert set(states(office, pdg.month).values()) == {state}


def test_a_process_killed_once_the_server_has_the_data_leaves_unknown(
    office: Office, url: str, mailbox: Mailbox, pdg: Released
) -> None:
    process = start(office, url, pdg, mailbox)

    def kill(server: Any) -> str:
        os.kill(process.pid, signal.SIGKILL)
        return "250 2.0.0 taken"

    mailbox.on_data = kill
    go(process)
    assert process.wait(30) == -signal.SIGKILL
    assert events(office, pdg.month) == ["queued", "queued", "sending"]
    mailbox.on_data = lambda server: "250 2.0.0 taken"
    redirect = Settings(
        "redirect", redirect_to="trial@opcc.example", host="127.0.0.1", port=mailbox.port, security="none"
    )
    for _ in range(2):
        with pytest.raises(NeedsPerson, match=rf"{CHAIR}, redirect, attempt 1: unknown.*not sent again by itself"):
            deliver_when_let_go(office, pdg, redirect)
    assert states(office, pdg.month) == {(CHAIR, 1): "unknown", (SECRETARY, 1): "accepted"}
    assert len(mailbox.received) == 2


def deliver_when_let_go(office: Office, released: Released, settings: Settings) -> None:
    """Deliver, once the database has noticed that the process that was sending is gone."""
    for _ in range(100):
        with office.engine.connect() as connection:
            if not warehouse.query(connection, "SELECT FROM pg_locks WHERE locktype = 'advisory'"):
                break
        time.sleep(0.05)
    deliver(office, released.position, settings)


def test_a_connection_lost_after_the_data_is_unknown(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    def hang_up(server: Any) -> str:
        server.transport.abort()
        return "250 2.0.0 taken"

    mailbox.on_data = hang_up
    for _ in range(2):
        with pytest.raises(NeedsPerson, match="Ask the recipient"):
            deliver(office, pdg.position, live)
    assert set(states(office, pdg.month).values()) == {"unknown"}
    assert mailbox.recipients() == [CHAIR, SECRETARY]


def test_a_fault_of_ours_between_sending_and_recording_is_unknown(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monthend.deliver import transport

    whole = transport.to_server

    def fails(*arguments: Any) -> transport.Outcome:
        whole(*arguments)
        raise RuntimeError

    monkeypatch.setattr(transport, "to_server", fails)
    with pytest.raises(RuntimeError):
        deliver(office, pdg.position, live)
    monkeypatch.undo()
    with pytest.raises(NeedsPerson, match="unknown"):
        deliver(office, pdg.position, live)
    assert states(office, pdg.month) == {(CHAIR, 1): "unknown", (SECRETARY, 1): "accepted"}
    assert mailbox.recipients() == [CHAIR, SECRETARY]


def test_two_processes_at_once_send_each_message_once(office: Office, url: str, mailbox: Mailbox) -> None:
    released = release(office, ("pdg", "board", "OFFICIAL"), ("panel", "board", "OFFICIAL"))

    def slowly(server: Any) -> str:
        time.sleep(0.2)
        return "250 2.0.0 taken"

    mailbox.on_data = slowly
    processes = [start(office, url, released, mailbox) for _ in range(2)]
    for process in processes:
        go(process)
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(mailbox.received) == 3
    assert states(office, released.month) == dict.fromkeys([(CHAIR, 1), (SECRETARY, 1), (CLERK, 1)], "accepted")
    assert events(office, released.month).count("sending") == 3


def test_a_message_that_another_process_is_sending_is_left_alone(
    office: Office, url: str, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    process = start(office, url, pdg, mailbox)
    seen: list[list[str]] = []

    def meanwhile(server: Any) -> str:
        mailbox.on_data = lambda server: "250 2.0.0 taken"
        redirect = replace(live, mode="redirect", redirect_to="trial@opcc.example", host="127.0.0.1", port=1)
        with pytest.raises(NeedsPerson, match="no connection"):
            deliver(office, pdg.position, redirect)
        seen.append(events(office, pdg.month))
        return "250 2.0.0 taken"

    mailbox.on_data = meanwhile
    go(process)
    process.wait(60)
    assert seen == [["queued", "queued", "sending", "sending", "refused temporary"]]
    assert states(office, pdg.month)[(CHAIR, 1)] == "accepted"


def test_a_message_becomes_sending_only_once(office: Office, pdg: Released) -> None:
    with office.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        message = ledger.queue(connection, pdg.pack_ids["pdg board"], CHAIR, "outbox", CHAIR)
        assert ledger.queue(connection, message.pack_id, CHAIR, "outbox", CHAIR) == message
        assert [ledger.record(connection, message, "sending") for _ in range(2)] == [True, False]


def test_a_server_that_does_not_answer_is_asked_once(office: Office, live: Settings, pdg: Released) -> None:
    with pytest.raises(NeedsPerson, match=r"refused temporary, no connection(.|\n)*queued\. It was not tried"):
        deliver(office, pdg.position, replace(live, port=1))
    assert states(office, pdg.month) == {(CHAIR, 1): "refused temporary", (SECRETARY, 1): "queued"}


def test_it_comes_through_once_the_server_is_back(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    with pytest.raises(NeedsPerson):
        deliver(office, pdg.position, replace(live, port=1))
    deliver(office, pdg.position, live)
    assert states(office, pdg.month) == {
        (CHAIR, 1): "refused temporary",
        (CHAIR, 2): "accepted",
        (SECRETARY, 1): "accepted",
    }
    assert mailbox.recipients() == [CHAIR, SECRETARY]


def test_a_server_without_starttls_is_not_spoken_to_in_the_open(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    with pytest.raises(NeedsPerson, match="TLS refused: no STARTTLS offered"):
        deliver(office, pdg.position, replace(live, security="starttls", username="packs", password="secret"))  # noqa: S106
    assert mailbox.received == []


@pytest.mark.parametrize(
    ("step", "does", "state", "detail"),
    [
        ("greeting", STALL, "refused temporary", "stalled: no greeting within 0.3 s"),
        ("EHLO", STALL, "refused temporary", "stalled: no answer to EHLO within 0.3 s"),
        ("RCPT", STALL, "refused temporary", "stalled: no answer to RCPT within 0.3 s"),
        ("DATA", STALL, "refused temporary", "stalled: no answer to DATA within 0.3 s"),
        ("message", STALL, "unknown", "stalled: no answer to the message within 0.3 s"),
        ("greeting", DROP, "refused temporary", "connection dropped before the greeting"),
        ("MAIL", DROP, "refused temporary", "connection dropped before the answer to MAIL"),
        ("DATA", DROP, "refused temporary", "connection dropped before the answer to DATA"),
        ("message", DROP, "unknown", "connection dropped before the answer to the message"),
        ("greeting", "421 4.3.2 secret-value", "refused temporary", "greeting 421 4.3.2"),
        ("MAIL", "530 5.7.0 secret-value", "refused", "MAIL 530 5.7.0"),
        ("RCPT", "451 4.7.1 secret-value", "refused temporary", "RCPT 451 4.7.1"),
        ("DATA", "451 secret-value", "refused temporary", "DATA 451"),
        ("message", "554 5.7.1 secret-value", "refused", "message 554 5.7.1"),
        ("message", "secret-value", "unknown", "message -1"),
    ],
)
def test_the_ledger_tells_one_fault_from_another(
    office: Office, live: Settings, pdg: Released, step: str, does: str, state: str, detail: str
) -> None:
    with scripted({step: does}) as port, pytest.raises(NeedsPerson):
        deliver(office, pdg.position, replace(live, port=port, timeout=0.3))
    first = outcomes(office, pdg.month)[0]
    assert (first["recipient"], first["attempt"], first["state"], first["detail"]) == (CHAIR, 1, state, detail)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("name", "days", "trusted", "detail"),
    [
        ("127.0.0.1", 1, False, "TLS refused: certificate not trusted"),
        ("127.0.0.1", -1, True, "TLS refused: certificate expired"),
        ("127.0.0.2", 1, True, "TLS refused: certificate is for another name"),
        ("127.0.0.1", 1, True, "250 2.0.0"),
    ],
)
def test_a_certificate_is_looked_at(
    office: Office,
    live: Settings,
    pdg: Released,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    security: Security,
    name: str,
    days: int,
    trusted: bool,
    detail: str,
) -> None:
    shown = certificate(tmp_path / "shown.pem", name, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown if trusted else certificate(tmp_path / "another.pem")))
    refused = pytest.raises(NeedsPerson) if detail.startswith("TLS") else nullcontext()
    with scripted({}, security, shown) as port, refused:
        deliver(office, pdg.position, replace(live, port=port, timeout=5, security=security))
    assert outcomes(office, pdg.month)[0]["detail"] == detail


@pytest.mark.parametrize(
    ("script", "security", "detail"),
    [
        ({"EHLO": "250 mail.example"}, "starttls", "TLS refused: no STARTTLS offered"),
        ({"STARTTLS": "454 4.7.0 secret-value"}, "starttls", "TLS refused: STARTTLS 454 4.7.0"),
        ({"STARTTLS": DROP}, "starttls", "connection dropped before the answer to STARTTLS"),
        ({}, "starttls", "TLS refused: the handshake failed"),  # it has no certificate to show
        ({}, "tls", "TLS refused: the handshake failed"),  # it speaks in the open where TLS was expected
    ],
)
def test_tls_that_does_not_come_about_is_no_conversation(
    office: Office, live: Settings, pdg: Released, script: dict[str, str], security: Security, detail: str
) -> None:
    with scripted(script) as port, pytest.raises(NeedsPerson):
        deliver(office, pdg.position, replace(live, port=port, timeout=5, security=security))
    assert {(row["state"], row["detail"]) for row in outcomes(office, pdg.month)} == {
        ("refused temporary", detail),
        ("queued", ""),  # the other recipient need not wait for the same
    }


def test_a_login_that_is_not_offered_or_not_taken_is_told_apart(
    office: Office, live: Settings, pdg: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = certificate(tmp_path / "shown.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    login = replace(live, security="tls", username="packs", password="secret", timeout=5)  # noqa: S106
    for script in ({}, {"EHLO": "250-mail.example\r\n250 AUTH PLAIN", "AUTH": "535 5.7.8 secret-value"}):
        with scripted(script, "tls", shown) as port, pytest.raises(NeedsPerson):
            deliver(office, pdg.position, replace(login, port=port))
    details = [row["detail"] for row in outcomes(office, pdg.month) if row["recipient"] == CHAIR]
    assert details == ["AUTH: no way to log in that both sides know", "AUTH 535 5.7.8"]


def test_a_message_that_nobody_took_goes_out_whole_later(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    with scripted({"DATA": DROP}) as port, pytest.raises(NeedsPerson):
        deliver(office, pdg.position, replace(live, port=port))
    deliver(office, pdg.position, live)
    assert states(office, pdg.month) == {
        (CHAIR, 1): "refused temporary",
        (CHAIR, 2): "accepted",
        (SECRETARY, 1): "refused temporary",
        (SECRETARY, 2): "accepted",
    }
    assert mailbox.recipients() == [CHAIR, SECRETARY]


def test_live_without_arming_queues_nothing(office: Office, mailbox: Mailbox, live: Settings, pdg: Released) -> None:
    with pytest.raises(NeedsPerson, match="monthend arm --live elsewhere --reason TEXT"):
        deliver(office, pdg.position, replace(live, environment="elsewhere"))
    with pytest.raises(WrongCall, match="MONTHEND_ENVIRONMENT"):
        deliver(office, pdg.position, replace(live, environment=""))
    assert outcomes(office, pdg.month) == []
    assert mailbox.received == []


@pytest.mark.parametrize(("environment", "reason"), [(" ", "because"), ("live", "")])
def test_arming_needs_a_name_and_a_reason(office: Office, environment: str, reason: str) -> None:
    with pytest.raises(WrongCall, match="monthend arm --live NAME --reason TEXT"):
        arm(office, environment, reason)


def test_a_copy_of_the_database_is_not_armed(
    office: Office, server_home: Path, url: str, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    import psycopg

    office.engine.dispose()
    administrator = warehouse.embedded(server_home, role="postgres").replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(administrator.replace("/monthend?", "/postgres?"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE copied TEMPLATE monthend")
    copy = Office(office.home, warehouse.connect(url.replace("/monthend?", "/copied?")), office.declarations)
    try:
        with pytest.raises(NeedsPerson, match="armed as another database, of which this is a copy"):
            deliver(copy, pdg.position, live)
        assert outcomes(copy, pdg.month) == []
        assert mailbox.received == []
        arm(copy, "tests", "the newest arming decides")
        deliver(copy, pdg.position, live)
        assert mailbox.recipients() == [CHAIR, SECRETARY]
    finally:
        copy.engine.dispose()


def test_the_outbox_holds_what_would_have_been_sent(office: Office) -> None:
    released = release(
        office,
        ("pdg", "board", "OFFICIAL-SENSITIVE"),
        ("panel", "board", "OFFICIAL"),
        ("panel", "published", "OFFICIAL"),
    )
    deliver(office, released.position, Settings())
    deliver(office, released.position, Settings())
    folder = office.home / "outbox" / released.month
    names = {
        f"{released.month} pdg board--{CHAIR}.eml": "OFFICIAL-SENSITIVE: Performance Delivery Group pack, ",
        f"{released.month} pdg board--{SECRETARY}.eml": "OFFICIAL-SENSITIVE: Performance Delivery Group pack, ",
        f"{released.month} panel board--{CLERK}.eml": "OFFICIAL: Police and Crime Panel pack, ",
        f"{released.month} panel published--{CLERK}.eml": "OFFICIAL, PUBLISHED: Police and Crime Panel pack, ",
    }
    assert {path.name for path in folder.iterdir()} == set(names)
    for name, subject in names.items():
        written = (folder / name).read_bytes()
        assert written.count(b"\n") == written.count(b"\r\n")
        mail = message_from_bytes(written, policy=policy.default)
        assert mail["Subject"].lstrip().startswith(subject)  # a long one is folded after its name
        (attachment,) = mail.iter_attachments()
        pack = office.home / "packs" / released.month / f"{name.partition('--')[0]}.xlsx"
        assert attachment.get_filename() == pack.name
        assert attachment.get_content() == pack.read_bytes()
    assert {row["detail"] for row in outcomes(office, released.month)} == {"outbox"}
    assert {row["state"] for row in outcomes(office, released.month)} == {"accepted"}


def test_outbox_and_redirect_do_not_count_as_sent_for_live(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    deliver(office, pdg.position, Settings())
    deliver(office, pdg.position, replace(live, mode="redirect", redirect_to="trial@opcc.example"))
    assert mailbox.recipients() == ["trial@opcc.example"] * 2
    for (_, mail), meant_for in zip(mailbox.received, (CHAIR, SECRETARY), strict=True):
        assert mail["Subject"].endswith(f"(redirected, meant for {meant_for})")
        assert mail["To"] == "trial@opcc.example"
    deliver(office, pdg.position, live)
    assert mailbox.recipients() == [CHAIR, SECRETARY] + ["trial@opcc.example"] * 2
    assert {row["mode"] for row in outcomes(office, pdg.month)} == {"outbox", "redirect", "live"}


def test_sensitive_content_is_not_redirected_to_another_domain(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    with pytest.raises(NeedsPerson, match=r"the domain of me@elsewhere\.example is not among allowed_domains"):
        deliver(office, pdg.position, replace(live, mode="redirect", redirect_to="me@elsewhere.example"))
    assert outcomes(office, pdg.month) == []


@pytest.mark.parametrize("recipient", ["chair@elsewhere.example", "chair@opcc.example\r\nBcc: all@elsewhere.example"])
def test_the_allow_list_holds_at_send_time(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released, recipient: str
) -> None:
    declarations = Declarations(office.declarations.root)
    board = declarations.boards["pdg"].model_copy(update={"recipients": (recipient, SECRETARY)})
    declarations.boards["pdg"] = board
    with pytest.raises(NeedsPerson, match="not sent, "):
        deliver(replace(office, declarations=declarations), pdg.position, live)
    assert mailbox.recipients() == [SECRETARY]


def test_a_changed_short_or_missing_file_is_not_sent(office: Office, mailbox: Mailbox, live: Settings) -> None:
    released = release(office, ("pdg", "board", "OFFICIAL-SENSITIVE"), ("panel", "board", "OFFICIAL"))
    path = office.home / "packs" / released.month / f"{released.month} pdg board.xlsx"
    whole = path.read_bytes()
    workbook(path, 1418)
    with pytest.raises(NeedsPerson, match=r"pdg \(.* pdg board\.xlsx\): nothing of it was sent now"):
        deliver(office, released.position, live)
    assert mailbox.recipients() == [CLERK]
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NeedsPerson, match="not the one that was released"):
        deliver(office, released.position, live)
    path.unlink()
    with pytest.raises(NeedsPerson, match="is missing"):
        deliver(office, released.position, live)
    path.write_bytes(whole)
    deliver(office, released.position, live)
    assert mailbox.recipients() == [CHAIR, CLERK, SECRETARY]


def test_a_held_pack_stays(office: Office, mailbox: Mailbox, live: Settings) -> None:
    released = release(office, ("pdg", "board", "OFFICIAL-SENSITIVE"), ("panel", "board", "OFFICIAL"), hold=("pdg",))
    deliver(office, released.position, live)
    assert mailbox.recipients() == [CLERK]


def test_an_unwritable_outbox_is_a_refusal_that_is_tried_again(office: Office, pdg: Released) -> None:
    (office.home / "outbox").write_text("in the way", encoding="utf-8")
    with pytest.raises(NeedsPerson, match="outbox: "):
        deliver(office, pdg.position, Settings())
    (office.home / "outbox").unlink()
    deliver(office, pdg.position, Settings())
    assert states(office, pdg.month)[(CHAIR, 2)] == "accepted"
    assert sorted(path.name for path in (office.home / "outbox").rglob("*.eml")) == [
        f"{pdg.month} pdg board--{CHAIR}--attempt-2.eml",
        f"{pdg.month} pdg board--{SECRETARY}--attempt-2.eml",
    ]


def test_a_revision_has_a_name_of_its_own_in_the_outbox(office: Office) -> None:
    revised = release(office, ("panel", "board", "OFFICIAL"), revision=2)
    deliver(office, revised.position, Settings())
    assert [path.name for path in (office.home / "outbox").rglob("*.eml")] == [
        f"{revised.month} panel board--{CLERK}--revision-2.eml"
    ]


def test_a_redirect_to_a_new_address_does_not_use_the_old_one(
    office: Office, mailbox: Mailbox, live: Settings, pdg: Released
) -> None:
    redirect = replace(live, mode="redirect", redirect_to="old@opcc.example")
    with pytest.raises(NeedsPerson):
        deliver(office, pdg.position, replace(redirect, port=1))  # leaves one message queued for the old address
    with pytest.raises(NeedsPerson, match="queued for another address"):
        deliver(office, pdg.position, replace(redirect, redirect_to="new@opcc.example"))
    deliver(office, pdg.position, replace(redirect, redirect_to="new@opcc.example"))
    assert mailbox.recipients() == ["new@opcc.example"] * 2


def test_an_unknown_position_is_a_wrong_call(office: Office) -> None:
    with pytest.raises(WrongCall, match="no snapshot at position 99999"):
        deliver(office, 99999, Settings())
