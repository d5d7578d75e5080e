"""freeze_month_end against the real API and a real warehouse: only a steward's answer to what was shown freezes."""

from collections.abc import Callable
from typing import Any

import pytest
from hand_driven import MONTH, ON, Airflow, Run

Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(office: Any, airflow: Airflow) -> Run:
    """A run that waits for its sign-off."""
    run = airflow.trigger("freeze_month_end", response_minutes=180)  # whatever the clock says
    assert run.states == {
        "everything_is_in": "success",
        "propose": "success",
        "drafts": "success",
        "sign_off": "awaiting_input",
        "remind": "up_for_reschedule",
        "freeze": None,
        "notice": None,
    }
    return run


def assert_unfrozen(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str], reason: str, failed: str) -> None:
    """Nothing is frozen, nothing was handed on, and the run is red in the task `failed`, saying why."""
    assert rows("SELECT * FROM snapshot.snapshot") == []
    assert run.state == "failed"
    assert run.states[failed] == "failed"
    assert run.airflow.runs_by_assets() == []
    assert reason in capfd.readouterr().out


def test_a_steward_freezes(run: Run, rows: Rows) -> None:
    shown = run.shown("sign_off")
    assert "Month-end April 2025" in shown
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"
    (snapshot,) = rows("SELECT month, seal FROM snapshot.snapshot")
    assert snapshot["month"] == MONTH
    (answer,) = rows("SELECT * FROM snapshot.sign_off")
    assert (answer["signed_by"], answer["display_name"], answer["channel"]) == ("a.steward", "A. Steward", "airflow")
    assert answer["accepted"]
    (published,) = run.airflow.runs_by_assets()
    assert published.dag_id == "publish_board_packs"
    assert published.airflow.call("GET", published.path)["partition_key"] == MONTH
    published.go_on()
    (event,) = run.airflow.call("GET", f"{published.path}/upstreamAssetEvents")["asset_events"]
    assert event["extra"] == {"position": 1, "on": ON.isoformat()}  # the publication's business date


def test_what_is_missing_is_named(run: Run, rows: Rows) -> None:
    assert rows("SELECT readiness->'missing' AS missing FROM snapshot.candidate") == [{"missing": []}]
    assert "missing: 0" in run.shown("sign_off")


def test_a_person_who_is_no_steward_does_not_freeze(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    run.answer("sign_off", "b.releaser", "freeze")
    assert_unfrozen(run, rows, capfd, "B. Releaser is not a steward", "sign_off")
    (answer,) = rows("SELECT signed_by, accepted FROM snapshot.sign_off")
    assert answer == {"signed_by": "b.releaser", "accepted": False}


def test_a_person_nobody_knows_does_not_freeze(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    run.answer("sign_off", "admin", "freeze")
    assert_unfrozen(run, rows, capfd, "admin is not in reports/people.yaml", "sign_off")


def test_marking_the_question_as_success_does_not_freeze(
    run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    run.mark_success("sign_off")
    assert_unfrozen(run, rows, capfd, "no steward's answer is recorded", "freeze")
    assert rows("SELECT * FROM snapshot.sign_off") == []


def test_marking_everything_as_success_does_not_freeze(run: Run, rows: Rows) -> None:
    run.airflow.call("PATCH", f"{run.path}/taskInstances/sign_off", new_state="success")
    run.airflow.call("PATCH", f"{run.path}/taskInstances/freeze", new_state="success")
    run.go_on()
    assert rows("SELECT * FROM snapshot.snapshot") == []


def test_writing_what_a_task_returned_does_not_freeze(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    (candidate,) = rows("SELECT candidate_id FROM snapshot.candidate")
    run.write_xcom("sign_off", candidate["candidate_id"])
    run.mark_success("sign_off")
    assert_unfrozen(run, rows, capfd, "no steward's answer is recorded", "freeze")


def test_an_answer_is_to_what_was_shown_whatever_xcom_says(
    run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]
) -> None:
    (candidate,) = rows("SELECT candidate_id FROM snapshot.candidate")
    run.write_xcom("propose", candidate["candidate_id"] + 1)
    run.answer("sign_off", "a.steward", "freeze")
    assert rows("SELECT candidate_id FROM snapshot.sign_off WHERE accepted") == [candidate]
    assert_unfrozen(run, rows, capfd, "There is no candidate", "freeze")


def test_clearing_the_question_asks_again(run: Run, rows: Rows) -> None:
    run.clear("sign_off")
    assert run.states["sign_off"] == "awaiting_input"
    assert rows("SELECT * FROM snapshot.snapshot") == []
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"
    assert len(rows("SELECT * FROM snapshot.snapshot")) == 1


def test_clearing_what_is_done_changes_nothing(run: Run, rows: Rows) -> None:
    run.answer("sign_off", "a.steward", "freeze")
    before = rows("SELECT * FROM snapshot.snapshot")
    run.clear("freeze")
    assert run.state == "success"
    assert rows("SELECT * FROM snapshot.snapshot") == before


def test_a_second_answer_does_not_count(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    run.answer("sign_off", "a.steward", "refuse", reason="the burglary figures look wrong", until=None)
    run.clear("sign_off")
    run.answer("sign_off", "a.steward", "freeze")
    assert_unfrozen(run, rows, capfd, "answered already", "sign_off")
    run.clear("propose")
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"


def test_refusing_leaves_the_month_unfrozen(run: Run, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    run.answer("sign_off", "a.steward", "refuse", reason="the burglary figures look wrong", until=None)
    assert_unfrozen(run, rows, capfd, "is refused by A. Steward: the burglary figures look wrong", "sign_off")
    assert rows("SELECT answer, accepted FROM snapshot.sign_off") == [{"answer": "refuse", "accepted": True}]


@pytest.mark.parametrize(
    ("particulars", "reason"),
    [
        ({"reason": None, "until": "2025-05-20"}, "needs a reason"),
        ({}, "needs a reason"),
        ({"reason": "Essex is late"}, "needs a day to come"),
        ({"reason": "Essex is late", "until": "next week"}, "needs a day to come"),
        ({"reason": "Essex is late", "until": "2025-05-01"}, "needs a day to come"),
    ],
)
def test_a_postponement_needs_a_day_and_a_reason(
    run: Run, rows: Rows, capfd: pytest.CaptureFixture[str], particulars: dict[str, Any], reason: str
) -> None:
    run.answer("sign_off", "a.steward", "postpone", **particulars)
    assert_unfrozen(run, rows, capfd, reason, "sign_off")
    assert rows("SELECT answer, accepted FROM snapshot.sign_off") == [{"answer": "postpone", "accepted": False}]


def test_no_answer_is_no_answer(office: Any, airflow: Airflow, rows: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    run = airflow.trigger("freeze_month_end", response_minutes=0)
    airflow.time_out()
    run.go_on()
    assert_unfrozen(run, rows, capfd, "without a response", "sign_off")
    assert rows("SELECT * FROM snapshot.sign_off") == []


def test_it_waits_for_what_is_due_until_working_day_eight(office: Any, airflow: Airflow) -> None:
    early = airflow.trigger("freeze_month_end", key="2025-05", on="2025-06-05")  # March's files are not in
    assert early.states == {
        "everything_is_in": "up_for_reschedule",
        "propose": None,
        "drafts": None,
        "sign_off": None,
        "remind": None,
        "freeze": None,
        "notice": None,
    }
    late = airflow.trigger("freeze_month_end", key="2025-05", on="2025-06-11")
    assert late.states["sign_off"] == "awaiting_input"
    shown = late.shown("sign_off")
    assert "missing: 8" in shown
    assert len([line for line in shown.splitlines() if "MISSING: " in line and "March 2025" in line]) == 8


def test_a_run_without_a_month_says_so(office: Any, airflow: Airflow, capfd: pytest.CaptureFixture[str]) -> None:
    run = airflow.trigger("freeze_month_end", key=None)
    assert run.state == "failed"
    assert "This run has no month" in capfd.readouterr().out


def test_a_month_given_as_a_param_is_handed_on_as_a_key(office: Any, airflow: Airflow) -> None:
    run = airflow.trigger("freeze_month_end", key=None, month=MONTH)
    run.answer("sign_off", "a.steward", "freeze")
    assert run.state == "success"
    (published,) = airflow.runs_by_assets()
    assert airflow.call("GET", published.path)["partition_key"] == MONTH
