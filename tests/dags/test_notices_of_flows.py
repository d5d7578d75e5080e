"""What people are told by e-mail about runs and questions, against the real API and a real warehouse."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hand_driven import MONTH, ON, Airflow, Run

Rows = Callable[..., list[dict[str, Any]]]
STEWARD, RELEASER, REGISTRAR, ANALYST = (
    f"{name}@opcc.example" for name in ("a.steward", "b.releaser", "c.registrar", "d.analyst")
)
OWNER = "performance@opcc.example"
URL = "https://airflow.opcc.example"
STREET = "Street-level crime (data.police.uk)"


@pytest.fixture
def office(office: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The office of the test, whose people reach Airflow at URL."""
    monkeypatch.setenv("MONTHEND_URL", URL)
    return office


@pytest.fixture
def told(rows: Rows) -> Callable[[str], dict[str, str]]:
    """What was told in notices whose `about` starts so: the words by recipient, who got no second one."""

    def words(about: str) -> dict[str, str]:
        found = rows("SELECT recipient, words FROM delivery.notice WHERE about LIKE :about", about=f"{about}%")
        assert len({row["recipient"] for row in found}) == len(found)
        return {row["recipient"]: row["words"] for row in found}

    return words


def freeze(office: Any) -> None:
    """Freeze the month as A. Steward."""
    from monthend.freeze import candidate, chain

    proposed = candidate.propose(office, MONTH, ON)
    chain.sign_off(office, proposed.candidate_id, "freeze", "a.steward", proposed.shown_sha256, "airflow", ON)
    chain.freeze(office, proposed.candidate_id, ON)


# freeze_month_end ----------------------------------------------------------------------------------------------


def test_a_question_and_its_outcome_are_told_once(
    office: Any, airflow: Airflow, rows: Rows, told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("freeze_month_end")
    (asked,) = told("").items()
    assert asked[0] == STEWARD
    assert f"- The steward's desk: {URL}/desk/months/{MONTH}" in asked[1]
    assert f"- Airflow's required actions: {URL}/required_actions" in asked[1]
    assert "Answer by " in asked[1]
    run.answer("sign_off", "a.steward", "freeze")
    assert (run.state, run.states["notice"]) == ("success", "success")
    (snapshot,) = rows("SELECT digest, seal FROM snapshot.snapshot")
    outcome = told("freeze ")
    assert set(outcome) == {STEWARD, REGISTRAR, ANALYST, OWNER}
    assert outcome[STEWARD].splitlines() == [
        "Month-end April 2025",
        f"- Frozen on 13 May 2025, revision 1, see {URL}/desk/months/{MONTH}",
        f"- Digest: {snapshot['digest']}",
        f"- Seal: {snapshot['seal']}",
    ]
    run.clear("notice")
    run.clear("freeze")
    assert run.state == "success"
    assert told("freeze ") == outcome
    mails = sorted((office.home / "outbox/notices").glob("*.eml"))
    assert len(mails) == 5
    mail = message_from_bytes(mails[-1].read_bytes(), policy=policy.default)
    assert mail["Subject"] == "OFFICIAL: Month-end April 2025"


def test_a_failed_run_stays_failed_and_its_owner_is_told(
    office: Any, airflow: Airflow, told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("freeze_month_end")
    run.answer("sign_off", "b.releaser", "freeze")
    assert run.state == "failed"
    assert (run.states["sign_off"], run.states["notice"]) == ("failed", "success")
    outcome = told("freeze ")
    page = f"{URL}/dags/freeze_month_end/runs/{quote(run.run_id, safe='')}/tasks/sign_off"
    failed = f"What failed\n- sign_off. What to do: {URL}/desk/runbooks/month-end, see {page}"
    assert {recipient for recipient, words in outcome.items() if failed in words} == {ANALYST, OWNER}
    assert all("- Not frozen: no steward's answer was accepted." in words for words in outcome.values())
    assert "What failed" not in outcome[STEWARD]


def test_a_notice_that_fails_leaves_the_run_as_it_is(
    office: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONTHEND_MAIL_MODE", "live")
    run = airflow.trigger("freeze_month_end")
    assert run.states["sign_off"] == "awaiting_input"
    assert "Nobody was told by e-mail: Live mail needs the environment's name" in capfd.readouterr().out
    run.answer("sign_off", "a.steward", "freeze")
    assert (run.state, run.states["notice"]) == ("success", "failed")
    assert rows("SELECT * FROM delivery.notice") == []
    assert len(rows("SELECT * FROM snapshot.snapshot")) == 1


def test_a_notice_that_no_server_took_is_tried_again(
    office: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    monkeypatch.setenv("MONTHEND_MAIL_MODE", "redirect")
    monkeypatch.setenv("MONTHEND_MAIL_REDIRECT_TO", "trial@opcc.example")
    for name, value in (("HOST", "127.0.0.1"), ("PORT", "1"), ("SECURITY", "none")):
        monkeypatch.setenv(f"MONTHEND_SMTP_{name}", value)
    run = airflow.trigger("freeze_month_end")
    run.answer("sign_off", "a.steward", "freeze")
    assert run.states["notice"] == "up_for_retry"
    assert rows("SELECT DISTINCT event FROM delivery.notice_event ORDER BY 1") == [
        {"event": "refused temporary"}, {"event": "sending"}
    ]  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Let time pass for what reminds."""
    from monthend_airflow import notices

    def go_on(later: timedelta) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.now(tz) + later

        monkeypatch.setattr(notices, "datetime", Clock)

    return go_on


def test_the_stewards_are_reminded_once_an_hour_before(
    office: Any, airflow: Airflow, clock: Callable[[timedelta], None], told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("freeze_month_end", response_minutes=180)
    clock(timedelta(minutes=110))
    run.go_on()
    assert (run.states["remind"], told("reminder ")) == ("up_for_reschedule", {})
    clock(timedelta(minutes=121))
    run.go_on()
    assert run.states["remind"] == "success"
    assert set(told("reminder ")) == {STEWARD}
    assert told("reminder ")[STEWARD].startswith("Reminder: the month-end 2025-04 waits for your sign-off. Answer by ")
    run.clear("remind")
    assert len(told("reminder ")) == 1
    assert run.state == "running"  # it waits for the steward still
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"


def test_nobody_is_reminded_of_what_is_answered(
    office: Any, airflow: Airflow, clock: Callable[[timedelta], None], told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("freeze_month_end", response_minutes=180)
    assert run.states["remind"] == "up_for_reschedule"
    run.answer("sign_off", "a.steward", "freeze")
    assert (run.states["remind"], run.state) == ("success", "success")
    clock(timedelta(minutes=150))
    run.clear("remind")
    assert (run.states["remind"], told("reminder ")) == ("success", {})


def test_a_reminder_that_fails_fails_nothing(
    office: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from monthend_airflow import notices

    def broken(*_: Any) -> None:
        raise AirflowFailException("no clock")

    monkeypatch.setattr(notices, "time_to_answer", broken)
    run = airflow.trigger("freeze_month_end")
    assert (run.states["remind"], run.states["sign_off"]) == ("failed", "awaiting_input")
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"


def test_the_footer_is_no_part_of_what_is_signed(office: Any, airflow: Airflow, rows: Rows) -> None:
    import hashlib

    run = airflow.trigger("freeze_month_end", response_minutes=90)
    signed, _, below = run.shown("sign_off").partition("\n\n---\n\n")
    assert below.startswith("Not part of what is signed:\nanswer by **")
    assert f"[Steward's desk]({URL}/desk/months/{MONTH})" in below
    (candidate,) = rows("SELECT shown FROM snapshot.candidate")
    assert signed == candidate["shown"]
    run.answer("sign_off", "a.steward", "freeze")
    (answer,) = rows("SELECT shown_sha256, accepted FROM snapshot.sign_off")
    assert answer == {"shown_sha256": hashlib.sha256(signed.encode()).hexdigest(), "accepted": True}


def test_drafts_that_fail_do_not_stop_the_sign_off(
    office: Any,
    airflow: Airflow,
    monkeypatch: pytest.MonkeyPatch,
    rows: Rows,
    told: Callable[[str], dict[str, str]],
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from monthend.publish import packs

    def broken(*_: Any) -> None:
        raise AirflowFailException("the template is broken")

    monkeypatch.setattr(packs, "draft", broken)
    run = airflow.trigger("freeze_month_end")
    assert (run.states["drafts"], run.states["sign_off"]) == ("failed", "awaiting_input")
    run.answer("sign_off", "a.steward", "freeze")
    assert len(rows("SELECT * FROM snapshot.snapshot")) == 1
    assert [published.dag_id for published in airflow.runs_by_assets()] == ["publish_board_packs"]
    assert run.state == "failed"  # so that it is seen
    assert "- drafts. What to do: " in told("freeze ")[OWNER]


def test_drafts_are_there_while_the_question_waits(office: Any, airflow: Airflow) -> None:
    airflow.trigger("freeze_month_end")
    assert len(list((office.home / "drafts" / MONTH).glob("*.xlsx"))) == 3


def test_measures_are_withheld_with_a_reason(office: Any, airflow: Airflow, rows: Rows) -> None:
    run = airflow.trigger("freeze_month_end")
    run.answer("sign_off", "a.steward", "freeze", withhold="open_drugs, open_burglary", reason="being looked into")
    assert run.state == "success"
    (answer,) = rows("SELECT withheld, reason FROM snapshot.sign_off")
    assert answer == {"withheld": ["open_burglary", "open_drugs"], "reason": "being looked into"}


def test_nothing_is_withheld_without_a_reason(
    office: Any, airflow: Airflow, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    run = airflow.trigger("freeze_month_end")
    run.answer("sign_off", "a.steward", "freeze", withhold="open_drugs")
    assert (run.state, rows("SELECT * FROM snapshot.snapshot")) == ("failed", [])
    assert "To withhold a measure needs a reason" in capfd.readouterr().out


def test_a_question_that_is_asked_again_is_told_of_again(office: Any, airflow: Airflow, rows: Rows) -> None:
    run = airflow.trigger("freeze_month_end")
    run.answer("sign_off", "b.releaser", "freeze")
    assert run.state == "failed"
    run.clear("sign_off")
    assert run.states["sign_off"] == "awaiting_input"
    assert rows("SELECT recipient FROM delivery.notice WHERE about LIKE 'question %'") == [{"recipient": STEWARD}] * 2


# publish_board_packs -------------------------------------------------------------------------------------------


def test_releasers_are_asked_and_the_packs_outcome_is_told_once(
    office: Any, airflow: Airflow, told: Callable[[str], dict[str, str]]
) -> None:
    freeze(office)
    run = airflow.trigger("publish_board_packs")
    assert set(told("question ")) == {RELEASER}
    run.answer("release", "b.releaser", "release")
    assert run.state == "success"
    outcome = told("publish ")
    assert set(outcome) == {STEWARD, RELEASER, ANALYST, OWNER}
    assert outcome[RELEASER].splitlines() == [
        f"Packs of April 2025, see {URL}/desk/months/2025-04",
        "- panel (board), meeting on 9 June 2025: released",
        "- panel (published), meeting on 9 June 2025: released",
        "- pdg (board), meeting on 22 May 2025: released",
        "",
        "E-mails to boards, by what became of them",
        "- 4 accepted",
    ]
    again = airflow.trigger("publish_board_packs")
    assert again.state == "success"
    assert told("publish ") == outcome


def test_the_steward_who_signed_is_not_asked_to_release(
    office: Any, airflow: Airflow, declarations: Path, told: Callable[[str], dict[str, str]]
) -> None:
    people = declarations / "reports/people.yaml"
    people.write_text(people.read_text(encoding="utf-8").replace("[steward]", "[steward, releaser]"), encoding="utf-8")
    freeze(office)
    airflow.trigger("publish_board_packs")
    assert set(told("question ")) == {RELEASER}


# pull_police_monthly -------------------------------------------------------------------------------------------


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty inbox."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.setenv("MONTHEND_INBOX", str(inbox))
    return inbox


def test_a_run_with_nothing_to_tell_tells_nobody(
    office: Any, airflow: Airflow, inbox: Path, told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-02")  # due on 4 June, the third working day
    assert (run.state, run.states["notice"], told("")) == ("success", "success", {})


@pytest.mark.parametrize(("on", "is_due"), [("2025-06-03", "is"), ("2025-06-04", "is"), ("2025-06-05", "was")])
def test_a_due_day_is_told_from_the_day_before(
    office: Any, airflow: Airflow, inbox: Path, told: Callable[[str], dict[str, str]], on: str, is_due: str
) -> None:
    run = airflow.trigger("pull_police_monthly", key=None, on=on)
    assert run.state == "success"
    assert set(told("police ")) == {STEWARD, REGISTRAR, ANALYST, OWNER}
    assert told("police ")[OWNER].splitlines() == [
        "What is missing",
        f"- {STREET}, March 2025, all areas: {is_due} due on 4 June 2025. Ask Performance analysis, {OWNER}.",
        f"- What to do: {URL}/desk/runbooks/late-feed",
    ]


def test_what_came_and_what_failed_is_told(
    office: Any, airflow: Airflow, inbox: Path, rows: Rows, told: Callable[[str], dict[str, str]]
) -> None:
    from monthend.sample import street

    kent = next(path for path in street.write(inbox, "2025-03", months=1) if "kent" in path.name)
    kent.write_text(kent.read_text(encoding="utf-8").replace("Falls within", "Fell within", 1), encoding="utf-8")
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert (run.state, run.states["notice"]) == ("failed", "success")
    (blocked,) = rows("SELECT delivery_id FROM quality.validation WHERE verdict = 'blocked'")
    page = f"{URL}/desk/deliveries/{blocked['delivery_id']}"
    outcome = told("police ")
    assert set(outcome) == {STEWARD, REGISTRAR, ANALYST, OWNER}
    assert f"- {STREET}, March 2025, Kent Police: blocked, see {page}" in outcome[STEWARD]
    assert f"- {STREET}, March 2025: 7 passed" in outcome[STEWARD]
    assert f"{STREET}, March 2025, Kent Police: is due on 4 June 2025" in outcome[STEWARD]
    assert (
        f"Findings to acknowledge, waive or have put right\n- {STREET}, March 2025, Kent Police: " in outcome[STEWARD]
    )
    log = f"{URL}/dags/pull_police_monthly/runs/{quote(run.run_id, safe='')}/tasks/pull.load/mapped/0"
    failed = f"- pull.load [2025-03 police_uk_street]. What to do: {URL}/desk/runbooks/failed-check, see {log}"
    assert failed in outcome[OWNER]
    assert failed not in outcome[STEWARD]


def test_a_feeds_contact_is_told_of_its_own_faults_only(
    office: Any, airflow: Airflow, inbox: Path, declarations: Path, told: Callable[[str], dict[str, str]]
) -> None:
    from monthend.sample import street

    feed = declarations / "include/feeds/police_uk_street.yaml"
    feed.write_text(
        feed.read_text(encoding="utf-8").replace(f"contact: {OWNER}", "contact: extracts@police.example"),
        encoding="utf-8",
    )
    written = street.write(inbox, "2025-03", months=1)
    next(path for path in written if "kent" in path.name).unlink()
    airflow.trigger("pull_police_monthly", key=None, on="2025-06-05")
    assert told("police ")["extracts@police.example"].splitlines() == [
        "Extracts that are faulty or late: please send them (again)",
        f"- {STREET}, March 2025, Kent Police, was due on 4 June 2025",
    ]


def test_what_a_waiver_lets_in_is_loaded_though_its_file_has_left_the_inbox(
    office: Any, airflow: Airflow, inbox: Path, rows: Rows, told: Callable[[str], dict[str, str]]
) -> None:
    from monthend.sample import street
    from monthend.validate import findings

    kent = next(path for path in street.write(inbox, "2025-03", months=1) if "kent" in path.name)
    lines = kent.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[4] = lines[4].replace("2025-03", "2025-02", 1)  # a row of another month blocks the file
    kent.write_text("".join(lines), encoding="utf-8")
    assert airflow.trigger("pull_police_monthly", key=None, on="2025-06-04").state == "failed"
    shutil.rmtree(inbox)
    inbox.mkdir()
    on = date(2025, 6, 4)
    (finding,) = [each for each in findings.findings(office, on) if each.action == "block_feed"]
    arguments = (finding.validation_id, finding.check_id, finding.part, "known", date(2025, 6, 30), "a.steward", on)
    waiver = findings.waive(office, *arguments)
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert (run.state, run.states["pull.receive[2025-03 police_uk_street]"]) == ("success", "skipped")
    waits = f"A waiver waits for your consent\n- {finding.check_id}, waived by A. Steward"
    outcome = told(f"police {run.run_id}")
    assert {recipient for recipient, words in outcome.items() if waits in words} == {REGISTRAR}
    findings.consent(office, waiver.waiver_id, "c.registrar", on)
    loaded = "SELECT * FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE period = '2025-03'"
    assert len(rows(loaded)) == 7
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-05")
    assert run.state == "success"
    assert len(rows(loaded)) == 8


# audit_snapshots -----------------------------------------------------------------------------------------------


def test_what_the_audit_finds_is_told_once_a_day(
    office: Any, airflow: Airflow, told: Callable[[str], dict[str, str]]
) -> None:
    run = airflow.trigger("audit_snapshots", key=None, on="2025-05-14")
    assert (run.state, run.states["notice"]) == ("failed", "success")
    outcome = told("audit ")
    assert set(outcome) == {ANALYST, OWNER}
    assert "- 2025-04 was to be frozen by 13 May 2025 and is not" in outcome[OWNER]
    assert airflow.trigger("audit_snapshots", key=None, on="2025-05-14").state == "failed"
    assert told("") == outcome


def test_the_wait_for_a_month_end_is_its_beginning(office: Any, airflow: Airflow, rows: Rows) -> None:
    from monthend.audit import never_started

    (late,) = never_started(office, date(2025, 6, 5))
    assert late.startswith("2025-05 was to begin on 4 June 2025 and did not.")
    assert never_started(office, date(2025, 6, 4)) == []
    run = airflow.trigger("freeze_month_end", key="2025-05", on="2025-06-04")
    assert run.states["everything_is_in"] == "up_for_reschedule"
    assert rows("SELECT month, started_on FROM snapshot.start") == [
        {"month": "2025-05", "started_on": date(2025, 6, 4)}
    ]
    assert never_started(office, date(2025, 6, 5)) == []


# links ---------------------------------------------------------------------------------------------------------


def test_tasks_lead_to_the_desk(office: Any, airflow: Airflow, inbox: Path) -> None:
    from monthend.sample import street

    street.write(inbox, "2025-03", months=1)
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")

    def links(run: Run, task_id: str, index: int = -1) -> dict[str, str | None]:
        found = airflow.call("GET", f"{run.path}/taskInstances/{task_id}/links?map_index={index}")
        return {name: link for name, link in found["extra_links"].items() if link}

    where = f"/desk/run?dag_id=pull_police_monthly&run_id={quote(run.run_id, safe='')}"
    assert links(run, "outstanding") == {"Steward's desk": where}
    assert links(run, "pull.load", 0) == {
        "Steward's desk": where, "Validation report": f"{where}&task_id=pull.load&map_index=0"
    }  # fmt: skip
