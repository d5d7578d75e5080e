"""Notices, against a real PostgreSQL and a real mail server: at most once, never to a board, no figure in any."""

import re
import shutil
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml
from mailbox_server import Mailbox
from offices import LAST_MONTH, NEXT_MONTH, ON, Desk, NewDesk, Street

from monthend import audit
from monthend.deliver import Settings, arm
from monthend.deliver.notice import Told, notify
from monthend.deliver.round_up import Failure, Run, ask, audited, releasers, round_up, stewards
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office
from monthend.validate import findings

STEWARD, RELEASER, OWNER = "a.steward@opcc.example", "b.releaser@opcc.example", "performance@opcc.example"
CHAIR = "chair.pdg@opcc.example"
LONG_AGO, TO_COME = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def live(desk: Desk, mailbox: Mailbox) -> Settings:
    """Live mail through the tests' own server."""
    arm(desk.office, "tests", "the tests' own mail server")
    return Settings("live", environment="tests", host="127.0.0.1", port=mailbox.port, security="none")


def events(desk: Desk) -> list[tuple[str, str]]:
    """What became of every notice, in order: recipient, event."""
    return desk.rows(
        "SELECT recipient, event FROM delivery.notice_event JOIN delivery.notice USING (notice_id)"
        " ORDER BY notice_event_id"
    )


def test_a_notice_reaches_each_person_once(desk: Desk, live: Settings, mailbox: Mailbox) -> None:
    arguments = (desk.office, "a run", [STEWARD, OWNER, STEWARD.upper()], "It is done", "All is\n- in\n- well", live)
    told = notify(*arguments)
    assert told == [Told(STEWARD, "accepted", "250 2.0.0", True), Told(OWNER, "accepted", "250 2.0.0", True)]
    assert [each.now for each in notify(*arguments)] == [False, False]
    assert mailbox.recipients() == [STEWARD, OWNER]
    assert events(desk) == [(who, event) for who in (STEWARD, OWNER) for event in ("sending", "accepted")]
    mail = mailbox.received[0][1]
    assert (mail["Subject"], mail["From"], mail["To"]) == ("OFFICIAL: It is done", OWNER, STEWARD)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert text_of(mail).startswith("OFFICIAL\n\nAll is\n- in\n- well\n")
    html = text_of(mail, "html")
    assert '<h2 style="font-size: 18px">All is</h2>\n<ul>\n<li>in</li>\n<li>well</li>\n</ul>' in html
    assert notify(desk.office, "another run", [STEWARD], "It is done", "All is well.", live)[0].now
    assert len(mailbox.received) == 3


@pytest.mark.parametrize("recipient", [CHAIR, "clerk.panel@council.example", "anybody@elsewhere.example"])
def test_a_board_is_never_written_to(desk: Desk, live: Settings, mailbox: Mailbox, recipient: str) -> None:
    with pytest.raises(NeedsPerson, match=f"{recipient} is neither in reports/people.yaml"):
        notify(desk.office, "a run", [STEWARD, recipient], "It is done", "All is well.", live)
    assert (mailbox.received, desk.rows("SELECT * FROM delivery.notice")) == ([], [])


def test_a_person_who_sits_on_a_board_is_still_a_person(
    new_desk: NewDesk, declarations: Path, mailbox: Mailbox
) -> None:
    path = declarations / "reports/people.yaml"
    people = yaml.safe_load(path.read_text(encoding="utf-8"))
    people["people"][0]["email"] = CHAIR
    path.write_text(yaml.safe_dump(people), encoding="utf-8")
    office = new_desk(declarations=declarations).office
    (told,) = notify(office, "a run", [CHAIR], "It is done", "All is well.", Settings())
    assert told.state == "accepted"


def test_in_the_outbox_it_is_a_file_and_the_first_thing_said_is_the_marking(desk: Desk) -> None:
    notify(desk.office, "a run", [STEWARD], "It is\ndone", "All is well.", Settings())
    (path,) = desk.office.home.glob("outbox/notices/*.eml")
    assert path.name == "000001--a.steward@opcc.example.eml"
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert mail["Subject"] == "OFFICIAL: It is done"
    assert notify(desk.office, "a run", [STEWARD], "It is done", "All is well.", Settings())[0].now is False


def test_redirected_it_says_whom_it_was_meant_for(desk: Desk, mailbox: Mailbox) -> None:
    settings = Settings(
        "redirect", redirect_to="trial@opcc.example", host="127.0.0.1", port=mailbox.port, security="none"
    )
    notify(desk.office, "a run", [STEWARD, OWNER], "It is done", "All is well.", settings)
    assert mailbox.recipients() == ["trial@opcc.example"] * 2
    mail = mailbox.received[0][1]
    assert mail["Subject"] == f"OFFICIAL: It is done (redirected, meant for {STEWARD})"
    assert f"It was meant for {STEWARD} and was not sent there." in text_of(mail)


@pytest.mark.parametrize(
    ("answer", "state", "tried_again"),
    [("451 4.3.0 later", "refused temporary", True), ("550 5.1.1 nobody here", "refused", False)],
)
def test_only_what_was_refused_for_the_time_being_is_tried_again(
    desk: Desk, live: Settings, mailbox: Mailbox, answer: str, state: str, tried_again: bool
) -> None:
    mailbox.answers[STEWARD] = answer
    arguments = (desk.office, "a run", [STEWARD], "It is done", "All is well.", live)
    assert [each.state for each in notify(*arguments)] == [state]
    mailbox.answers.clear()
    assert [each.now for each in notify(*arguments)] == [tried_again]
    assert mailbox.recipients() == ([STEWARD] if tried_again else [])
    assert bool(audit.untold(desk.office, ON)) is not tried_again


def test_what_broke_off_is_unknown_and_never_sent_again(desk: Desk, live: Settings, mailbox: Mailbox) -> None:
    def hang_up(server: Any) -> str:
        server.transport.abort()
        return "250 too late"

    mailbox.on_data = hang_up
    arguments = (desk.office, "a run", [STEWARD], "It is done", "All is well.", live)
    assert [each.state for each in notify(*arguments)] == ["unknown"]
    assert [(each.state, each.now) for each in notify(*arguments)] == [("unknown", False)]
    assert len(mailbox.received) == 1
    assert audit.untold(desk.office, ON) == ["Notices to the office's own people that may not have arrived: 1 unknown."]


def test_one_whose_sender_died_is_unknown(desk: Desk, live: Settings, mailbox: Mailbox) -> None:
    notify(desk.office, "a run", [STEWARD], "It is done", "All is well.", live)
    desk.behind_its_back("DELETE FROM delivery.notice_event WHERE event = 'accepted'")
    (told,) = notify(desk.office, "a run", [STEWARD], "It is done", "All is well.", live)
    assert (told.state, len(mailbox.received)) == ("unknown", 1)


def test_two_at_once_send_it_once(desk: Desk, live: Settings, mailbox: Mailbox) -> None:
    start = threading.Barrier(4)

    def send() -> None:
        start.wait()
        notify(desk.office, "a run", [STEWARD, OWNER], "It is done", "All is well.", live)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mailbox.recipients() == [STEWARD, OWNER]


def test_a_server_nobody_reaches_keeps_the_rest_waiting(desk: Desk, live: Settings) -> None:
    told = notify(
        desk.office, "a run", [STEWARD, OWNER], "It is done", "All is well.", replace(live, port=1, timeout=1)
    )
    assert [each.state for each in told] == ["refused temporary", "queued"]


def test_live_mail_is_armed_for(desk: Desk, mailbox: Mailbox) -> None:
    settings = Settings("live", environment="tests", host="127.0.0.1", port=mailbox.port, security="none")
    with pytest.raises(NeedsPerson, match="is not armed for live mail in tests"):
        notify(desk.office, "a run", [STEWARD], "It is done", "All is well.", settings)
    with pytest.raises(WrongCall, match="MONTHEND_ENVIRONMENT"):
        notify(desk.office, "a run", [STEWARD], "It is done", "All is well.", replace(settings, environment=""))
    assert desk.rows("SELECT * FROM delivery.notice") == []


# what is said --------------------------------------------------------------------------------------------------


@pytest.fixture
def blocked(desk: Desk, street: Street, tmp_path: Path) -> Desk:
    """An office into which February came whole, and March with a blocked and a quarantined extract."""
    desk.take_in(street.inbox(tmp_path / "february", ["2025-02"], ["kent", "essex"]))
    street.changed(tmp_path / "march", "2025-03", "kent", lambda rows: [row.update(Month="2025-01") for row in rows])
    street.changed(tmp_path / "march", "2025-03", "essex", lambda rows: rows[0].update({"Crime type": "Mischief"}))
    desk.take_in(tmp_path / "march")
    return desk


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """What a mail says."""
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


def run_of(flow: Any, **changed: Any) -> Run:
    """A run in which everything that is there came."""
    return replace(Run(flow, "run_1", date(2025, 5, 1), NEXT_MONTH, LONG_AGO), **changed)


def words(office: Office) -> dict[str, str]:
    """The text of each notice in the outbox, by recipient."""
    found = {}
    for path in sorted(office.home.glob("outbox/notices/*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        found[str(mail["To"])] = f"{mail['Subject']}\n{text_of(mail)}"
    return found


def test_no_row_and_no_figure_is_in_a_round_up(blocked: Desk, street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTHEND_URL", "https://airflow.opcc.example/base/")
    failed = (Failure("pull.load [2025-03 street]", "/dags/pull/runs/1/tasks/load", "failed-check"),)
    told = round_up(blocked.office, run_of("police", failures=failed), Settings())
    assert {each.state for each in told} == {"accepted"}
    said = words(blocked.office)
    assert set(said) == {STEWARD, OWNER, "c.registrar@opcc.example", "d.analyst@opcc.example"}
    assert said[OWNER].startswith("OFFICIAL: Failed: Police feeds, 1 May 2025\nOFFICIAL\n")
    assert said[STEWARD].startswith("OFFICIAL: Police feeds, 1 May 2025\nOFFICIAL\n")
    assert "Kent Police: blocked, see https://airflow.opcc.example/base/desk/deliveries/" in said[STEWARD]
    for text in said.values():
        assert "Mischief" not in text
        assert "On or near" not in text
        bare = re.sub(r"https://\S+|\[2025-03 street\]|[\w.]+@\S+", "", text)
        # deliveries, checks, days and years, but no count of rows: each extract here has hundreds
        assert {number for number in re.findall(r"\d+", bare) if int(number) > 31} <= {"2025"}
    again = round_up(blocked.office, run_of("police", failures=failed), Settings())
    assert [each.now for each in again] == [False] * 4
    assert words(blocked.office) == said


def test_a_run_in_which_nothing_happened_tells_nobody(blocked: Desk) -> None:
    quiet = run_of("police", since=TO_COME)
    assert round_up(blocked.office, quiet, Settings()) == []
    assert round_up(blocked.office, run_of("audit", since=TO_COME), Settings()) == []
    (told, *_) = round_up(blocked.office, replace(quiet, on=date(2025, 5, 2)), Settings())  # due on the 6th
    assert told.now


def test_without_an_address_the_words_do_without_links(blocked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONTHEND_URL", raising=False)
    round_up(blocked.office, run_of("police"), Settings())
    assert all("http" not in text for text in words(blocked.office).values())
    assert "What to do: docs/runbooks/late-feed.md" in words(blocked.office)[STEWARD]


def test_who_is_asked(frozen: Desk) -> None:
    assert stewards(frozen.office) == {STEWARD}
    assert releasers(frozen.office, LAST_MONTH) == {RELEASER}


def test_a_question_says_by_when(desk: Desk) -> None:
    deadline = datetime(2025, 5, 13, 17, tzinfo=UTC)
    ask(desk.office, "a question", "Sign off", NEXT_MONTH, [STEWARD], deadline, Settings())
    assert "Sign off. Answer by 17:00 on 13 May 2025, London time." in words(desk.office)[STEWARD]


# the audit -----------------------------------------------------------------------------------------------------


def test_the_audit_of_a_day_is_told_once(desk: Desk, live: Settings, mailbox: Mailbox) -> None:
    found = ["2025-04 was to begin on 6 May 2025 and did not."]
    audited(desk.office, ON, found, live)
    audited(desk.office, ON, found, live)
    assert mailbox.recipients() == ["d.analyst@opcc.example", OWNER]
    audited(desk.office, ON + timedelta(days=1), found, live)
    assert len(mailbox.received) == 4
    assert audited(desk.office, ON, [], live) == []


def test_a_waiver_that_ended_is_found_while_its_check_fails(blocked: Desk) -> None:
    (finding,) = [each for each in findings.findings(blocked.office, ON) if each.action == "quarantine_row"][:1]
    ends = ON + timedelta(days=3)
    findings.waive(
        blocked.office, finding.validation_id, finding.check_id, finding.part, "a new name", ends, "a.steward", ON
    )
    assert audit.waivers_ended(blocked.office, ends) == []
    (ended,) = audit.waivers_ended(blocked.office, ends + timedelta(days=1))
    assert ended.startswith(
        f"{finding.check_id} of police_uk_street 2025-03 E23000028 still fails, and its waiver ended"
    )


def test_a_month_end_that_did_not_begin_is_found(desk: Desk) -> None:
    found = [audit.never_started(desk.office, date(2025, 5, day)) for day in (6, 7, 13, 14)]  # working day 3, 4, 8, 9
    assert [len(each) for each in found] == [0, 1, 1, 0]
    assert found[1][0].startswith("2025-04 was to begin on 6 May 2025 and did not.")
    audit.started(desk.office, NEXT_MONTH, date(2025, 5, 6))
    audit.started(desk.office, NEXT_MONTH, date(2025, 5, 7))
    assert audit.never_started(desk.office, date(2025, 5, 7)) == []
    assert desk.rows("SELECT month, started_on FROM snapshot.start") == [(NEXT_MONTH, date(2025, 5, 6))]


def test_the_command_line_audits_and_tells_without_airflow(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(desk.office, "tests", "the tests' own mail server")
    for name, value in {
        "MONTHEND_MAIL_MODE": "live",
        "MONTHEND_ENVIRONMENT": "tests",
        "MONTHEND_SMTP_HOST": "127.0.0.1",
        "MONTHEND_SMTP_PORT": str(mailbox.port),
        "MONTHEND_SMTP_SECURITY": "none",
    }.items():
        monkeypatch.setenv(name, value)
    late = "2025-04 was to begin on 6 May 2025 and did not."
    done = desk.monthend("audit", "--on", "2025-05-07", "--notify")
    assert (done.returncode, done.stderr) == (1, "")
    assert late in done.stdout
    assert mailbox.recipients() == ["d.analyst@opcc.example", OWNER]
    assert late in text_of(mailbox.received[0][1])
    audit.started(desk.office, NEXT_MONTH, date(2025, 5, 6))
    again = desk.ask("audit", "--on", "2025-05-07", "--json")
    assert '"findings": ' in again.stdout


def test_an_audit_that_finds_nothing_says_so(frozen: Desk, declarations: Path, mailbox: Mailbox) -> None:
    shutil.rmtree(declarations / "reports/known_errors")  # these samples show none
    done = frozen.ask("audit", "--on", "2025-05-06", "--notify", "--declarations", declarations)
    assert (done.returncode, done.stdout) == (0, "Nothing needs a person.\n")
    assert mailbox.received == []


def test_a_known_error_that_its_source_no_longer_shows_is_found(frozen: Desk) -> None:
    assert "is fixed at the source" in frozen.ask("audit", "--on", "2025-06-11").stdout
