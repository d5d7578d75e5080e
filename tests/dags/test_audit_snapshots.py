"""audit_snapshots against the real API and a real warehouse: what did not happen, and what it sets right."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hand_driven import MONTH, ON, Airflow

Rows = Callable[..., list[dict[str, Any]]]


def answer(office: Any, chosen: str, **particulars: Any) -> int:
    """Propose the month and answer as the steward; give the candidate."""
    from monthend.errors import NeedsPerson
    from monthend.freeze import candidate, chain

    proposed = candidate.propose(office, MONTH, ON)
    arguments = (office, proposed.candidate_id, chosen, "a.steward", proposed.shown_sha256, "airflow", ON)
    if chosen == "freeze":
        chain.sign_off(*arguments)
        chain.freeze(office, proposed.candidate_id, ON)
    else:
        with pytest.raises(NeedsPerson):
            chain.sign_off(*arguments, **particulars)
    return proposed.candidate_id


def test_a_published_month_is_in_order(office: Any, airflow: Airflow) -> None:
    from monthend.publish import packs

    answer(office, "freeze")
    packs.publish(office, MONTH)
    run = airflow.trigger("audit_snapshots", key=None, on="2025-05-14")
    assert run.states == {
        "audit": "success",
        "publish_again": "skipped",
        "postponed": "success",
        "freeze_again": "skipped",
    }
    assert run.state == "success"
    assert airflow.runs_by_assets() == []


def test_a_month_that_nobody_published_is_published_again(
    office: Any, airflow: Airflow, capfd: pytest.CaptureFixture[str]
) -> None:
    answer(office, "freeze")
    run = airflow.trigger("audit_snapshots", key=None, on="2025-05-14")
    assert run.state == "failed"
    assert "2025-04: not built: panel board for 9 June 2025" in capfd.readouterr().out
    (published,) = airflow.runs_by_assets()
    assert airflow.call("GET", published.path)["partition_key"] == MONTH
    published.go_on()
    assert published.states["release"] == "awaiting_input"
    assert airflow.trigger("audit_snapshots", key=None, on="2025-05-15").state == "success"


def test_a_postponement_that_has_come_due_starts_the_month_again_once(office: Any, airflow: Airflow) -> None:
    answer(office, "postpone", reason="Essex is late", until=date(2025, 5, 20))
    early = airflow.trigger("audit_snapshots", key=None, on="2025-05-19")
    assert (early.state, early.states["freeze_again"]) == ("success", "skipped")
    due = airflow.trigger("audit_snapshots", key=None, on="2025-05-20")
    name = f"freeze_again[postponed__{MONTH}__2025-05-20]"
    assert (due.state, due.states[name]) == ("success", "success")
    (again,) = airflow.call("GET", "dags/freeze_month_end/dagRuns?run_id_pattern=postponed__")["dag_runs"]
    assert again["conf"] == {"month": MONTH, "on": "2025-05-20"}
    later = airflow.trigger("audit_snapshots", key=None, on="2025-05-21")
    assert later.states[name] == "skipped"  # that run exists


def test_a_run_that_never_came_is_found(office: Any, airflow: Airflow, capfd: pytest.CaptureFixture[str]) -> None:
    assert airflow.trigger("audit_snapshots", key=None, on="2025-05-13").state == "failed"
    assert "2025-03 was to be frozen by 10 April 2025 and is not" in capfd.readouterr().out
    assert airflow.trigger("audit_snapshots", key=None, on="2025-05-14").state == "failed"
    assert "2025-04 was to be frozen by 13 May 2025 and is not" in capfd.readouterr().out


def test_a_refused_month_came(office: Any) -> None:
    from monthend.audit import never_came

    assert len(never_came(office, date(2025, 5, 14))) == 1
    answer(office, "refuse", reason="the burglary figures look wrong")
    assert never_came(office, date(2025, 5, 14)) == []


def test_a_gap_after_the_newest_frozen_month_is_found(office: Any) -> None:
    from monthend.audit import never_came

    answer(office, "freeze")
    assert [line[:7] for line in never_came(office, date(2025, 8, 1))] == ["2025-05", "2025-06"]


def test_what_was_changed_is_found(office: Any, airflow: Airflow, capfd: pytest.CaptureFixture[str]) -> None:
    from monthend.publish import packs

    answer(office, "freeze")
    packs.publish(office, MONTH)
    build = packs.builds(office, MONTH)[0]
    build.path.unlink()
    run = airflow.trigger("audit_snapshots", key=None, on="2025-05-14")
    assert run.state == "failed"
    assert "1 differences in packs" in capfd.readouterr().out
