"""audit_snapshots against the real API and a real warehouse: what did not happen, and what it sets right."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
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


def release(office: Any) -> None:
    """Release every pack of the month as the releaser."""
    from monthend.publish import release

    shown = release.release_request(office, MONTH).shown_sha256
    release.release(office, MONTH, "release", "b.releaser", shown, "airflow")


def test_a_published_month_is_in_order(office: Any, airflow: Airflow) -> None:
    from monthend.publish import packs

    answer(office, "freeze")
    packs.publish(office, MONTH)
    release(office)
    run = airflow.trigger("audit_snapshots", key=None, on="2025-05-14")
    assert run.states == {
        "audit": "success",
        "publish_again": "skipped",
        "postponed": "success",
        "freeze_again": "skipped",
        "notice": "success",
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
    published.answer("release", "b.releaser", "release")
    assert airflow.trigger("audit_snapshots", key=None, on="2025-05-15").state == "success"


def test_a_month_that_does_not_come_leaves_its_meetings_to_the_one_before(
    office: Any, airflow: Airflow, declarations: Path, rows: Rows
) -> None:
    from monthend.publish import packs

    board = declarations / "reports/boards/pdg.yaml"
    declared = yaml.safe_load(board.read_text(encoding="utf-8"))
    declared["meetings"] += [date(2025, 6, 19), date(2025, 7, 24)]  # May was to be frozen by 11 June, June by 10 July
    board.write_text(yaml.safe_dump(declared), encoding="utf-8")
    answer(office, "freeze")
    packs.publish(office, MONTH)
    assert airflow.trigger("audit_snapshots", key=None, on="2025-06-11").states["publish_again"] == "skipped"
    assert airflow.trigger("audit_snapshots", key=None, on="2025-06-12").states["publish_again"] == "success"
    (published,) = airflow.runs_by_assets()
    published.go_on()
    assert published.states["every_pack_is_built"] == "success"
    meetings = rows("SELECT meeting FROM pack.build WHERE board = 'pdg' ORDER BY meeting")
    assert [row["meeting"] for row in meetings] == [date(2025, 5, 22), date(2025, 6, 19)]  # as of 12 June, not of today


def test_packs_that_nobody_released_are_found_when_papers_are_due(office: Any) -> None:
    from monthend.audit import findings, unreleased
    from monthend.publish import packs

    answer(office, "freeze")
    packs.publish(office, MONTH)
    due = "2025-04: pdg board for 22 May 2025 is built and not released; papers were due on 14 May 2025."
    assert unreleased(office, date(2025, 5, 13)) == []
    assert unreleased(office, date(2025, 5, 14)) == unreleased(office, date(2025, 5, 22)) == [due]
    assert due in findings(office, date(2025, 5, 14))
    panel = "2025-04: panel {} for 9 June 2025 is built and not released; papers were due on 30 May 2025."
    assert unreleased(office, date(2025, 6, 2)) == [panel.format("board"), panel.format("published")]
    release(office)
    assert unreleased(office, date(2025, 5, 14)) == unreleased(office, date(2025, 6, 2)) == []


def test_messages_that_may_not_have_arrived_are_counted(office: Any, rows: Rows) -> None:
    from monthend.audit import findings, undelivered
    from monthend.deliver import ledger
    from monthend.publish import packs

    answer(office, "freeze")
    packs.publish(office, MONTH)
    release(office)
    (pack_id, *_) = [row["pack_id"] for row in rows("SELECT pack_id FROM pack.release ORDER BY pack_id")]

    def send(name: str, event: ledger.Event) -> None:
        with office.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            address = f"{name}@council.example"
            ledger.record(connection, ledger.queue(connection, pack_id, address, "live", address), event)

    send("first", "accepted")
    send("second", "refused temporary")
    send("second", "accepted")  # a second attempt
    assert undelivered(office) == []
    for name, event in {
        "third": "refused",
        "fourth": "refused",
        "fifth": "unknown",
        "sixth": "refused temporary",
    }.items():
        send(name, event)
    sentence = "2025-04: messages that may not have arrived: 2 refused, 1 refused temporary, 1 unknown."
    assert undelivered(office) == [sentence]
    assert sentence in findings(office, ON)


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


def test_a_refused_month_is_found_until_it_is_frozen(office: Any) -> None:
    from monthend.audit import never_came

    assert len(never_came(office, date(2025, 5, 14))) == 1
    answer(office, "refuse", reason="the burglary figures look wrong")
    refused = "2025-04 was refused by A. Steward: the burglary figures look wrong, and is not frozen."
    assert refused in never_came(office, date(2025, 5, 13))
    assert never_came(office, date(2025, 5, 14)) == [refused]
    assert refused in never_came(office, date(2025, 8, 1))
    answer(office, "freeze")
    assert never_came(office, date(2025, 5, 14)) == []


def test_a_postponed_month_is_found_once_that_day_is_past(office: Any) -> None:
    from monthend.audit import never_came

    answer(office, "refuse", reason="the burglary figures look wrong")
    answer(office, "postpone", reason="Essex is late", until=date(2025, 5, 20))
    assert never_came(office, date(2025, 5, 14)) == never_came(office, date(2025, 5, 20)) == []
    (late,) = never_came(office, date(2025, 5, 21))
    assert "2025-04 was to be frozen by 13 May 2025 and is not; it was postponed until 20 May 2025" in late


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
