"""The working-day timetable: weekends, Easter, Christmas, summer time, missed runs, backfill, keys by hand."""

from datetime import UTC, datetime

import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo, TimeRestriction
from pendulum import DateTime

from monthend_airflow import timetable
from monthend_airflow.timetable import WorkingDay

ALWAYS = TimeRestriction(None, None, catchup=False)
CATCHUP = TimeRestriction(DateTime(2025, 1, 1, tzinfo=UTC), None, catchup=True)


@pytest.fixture
def third() -> WorkingDay:
    """Working day 3, 07:00."""
    return WorkingDay(3, "07:00")


def at(monkeypatch: pytest.MonkeyPatch, *now: int) -> None:
    """Set the clock."""
    monkeypatch.setattr(timetable, "utcnow", lambda: DateTime(*now, tzinfo=UTC))


def following(of: WorkingDay, last: DagRunInfo | None, restriction: TimeRestriction) -> DagRunInfo:
    """Give the run after `last`."""
    run = of.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
    assert run is not None
    return run


def test_two_years_of_working_day_three(third: WorkingDay) -> None:
    runs, last = {}, None
    for _ in range(24):
        last = following(third, last, CATCHUP)
        runs[last.partition_key] = f"{last.run_after:%Y-%m-%d %H:%M}"  # UTC
    assert runs == {
        "2024-12": "2025-01-06 07:00",  # New Year's Day is none
        "2025-01": "2025-02-05 07:00",
        "2025-02": "2025-03-05 07:00",
        "2025-03": "2025-04-03 06:00",  # summer time
        "2025-04": "2025-05-06 06:00",  # the early May holiday
        "2025-05": "2025-06-04 06:00",
        "2025-06": "2025-07-03 06:00",
        "2025-07": "2025-08-05 06:00",
        "2025-08": "2025-09-03 06:00",
        "2025-09": "2025-10-03 06:00",
        "2025-10": "2025-11-05 07:00",  # winter time again
        "2025-11": "2025-12-03 07:00",
        "2025-12": "2026-01-06 07:00",
        "2026-01": "2026-02-04 07:00",
        "2026-02": "2026-03-04 07:00",
        "2026-03": "2026-04-07 06:00",  # Good Friday is the 3rd, Easter Monday the 6th
        "2026-04": "2026-05-06 06:00",
        "2026-05": "2026-06-03 06:00",
        "2026-06": "2026-07-03 06:00",
        "2026-07": "2026-08-05 06:00",
        "2026-08": "2026-09-03 06:00",
        "2026-09": "2026-10-05 06:00",
        "2026-10": "2026-11-04 07:00",
        "2026-11": "2026-12-03 07:00",
    }


def test_christmas_is_no_working_day() -> None:
    run = following(WorkingDay(19), None, TimeRestriction(DateTime(2025, 12, 20, tzinfo=UTC), None, catchup=True))
    assert (run.partition_key, f"{run.run_after:%Y-%m-%d}") == ("2025-11", "2025-12-29")  # 25th and 26th left out


def test_a_new_dag_waits_for_the_next_working_day(third: WorkingDay, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2026, 11, 24, 12)
    assert following(third, None, ALWAYS).partition_key == "2026-11"


@pytest.mark.parametrize(("hour", "key"), [(5, "2025-03"), (6, "2025-04")])
def test_a_run_comes_once_also_in_summer_time(
    third: WorkingDay, monkeypatch: pytest.MonkeyPatch, hour: int, key: str
) -> None:
    at(monkeypatch, 2025, 4, 3, hour, 30)  # 06:00 UTC is 07:00 in London
    assert following(third, None, ALWAYS).partition_key == key


def test_of_missed_runs_the_newest_is_made(third: WorkingDay, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 2025, 6, 10)
    last = following(third, None, CATCHUP)
    caught_up = following(third, last, ALWAYS)
    assert caught_up.partition_key == "2025-05"
    assert following(third, caught_up, ALWAYS).partition_key == "2025-06"
    assert following(third, last, CATCHUP).partition_key == "2025-01"


def test_nothing_after_the_end(third: WorkingDay) -> None:
    restriction = TimeRestriction(CATCHUP.earliest, DateTime(2025, 1, 5, tzinfo=UTC), catchup=True)
    assert third.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None


def test_backfill_takes_the_months_that_begin_within_the_bounds(third: WorkingDay) -> None:
    bounds = datetime(2025, 4, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    runs = list(third.iter_partition_dagrun_infos(earliest=bounds[0], latest=bounds[1]))
    assert [run.partition_key for run in runs] == ["2025-04", "2025-05", "2025-06"]
    assert [f"{run.partition_date:%Y-%m-%d %H}" for run in runs] == ["2025-03-31 23", "2025-04-30 23", "2025-05-31 23"]
    assert all(third.resolve_partition_date(run.partition_key) == run.partition_date for run in runs)


def test_backfill_from_within_a_month_begins_with_the_next(third: WorkingDay) -> None:
    bounds = datetime(2025, 10, 2, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    runs = third.iter_partition_dagrun_infos(earliest=bounds[0], latest=bounds[1])
    assert [run.partition_key for run in runs] == ["2025-11", "2025-12"]


@pytest.mark.parametrize("key", ["2025-13", "2025-3", "March", "2025-03-01", ""])
def test_a_key_that_is_no_month_is_refused(third: WorkingDay, key: str) -> None:
    with pytest.raises(InvalidPartitionKeyError):
        third.resolve_partition_date(key)


def test_it_comes_back_from_its_serialised_form() -> None:
    again = WorkingDay.deserialize(WorkingDay(8, "08:30").serialize())
    assert (again.n, again.summary) == (8, "Working day 8, 08:30")
