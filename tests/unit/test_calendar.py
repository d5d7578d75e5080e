"""The month-end calendar, against the official bank holidays and six meetings of 2014."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from monthend.plan import calendar

# gov.uk/bank-holidays.json as of 17 August 2025, division england-and-wales
OFFICIAL = json.loads((Path(__file__).parent / "fixtures" / "bank_holidays_england_and_wales.json").read_text())
FROZEN_2014 = {month: calendar.freeze_day(month) for month in calendar.months_between("2013-12", "2014-12")}


@pytest.mark.parametrize("year", [2024, 2025, 2026, 2027])
def test_library_has_the_official_bank_holidays(year: int) -> None:
    found = calendar.bank_holidays()
    assert date(year, 1, 1) in found  # the library fills a year when it is asked for
    weekdays = sorted(day.isoformat() for day in found if day.year == year and day.weekday() < 5)
    assert weekdays == [day for day in OFFICIAL if day.startswith(str(year))]


@pytest.mark.parametrize(
    ("month", "n", "expected"),
    [
        ("2014-03", 1, date(2014, 3, 3)),  # begins on a Saturday
        ("2014-03", 8, date(2014, 3, 12)),
        ("2014-05", 8, date(2014, 5, 13)),  # a bank holiday on the 5th
        ("2025-01", 1, date(2025, 1, 2)),
        ("2025-04", 3, date(2025, 4, 3)),
        ("2026-04", 8, date(2026, 4, 14)),  # Easter on the 5th
        ("2014-05", 20, date(2014, 5, 30)),
    ],
)
def test_working_day(month: str, n: int, expected: date) -> None:
    assert calendar.working_day(month, n) == expected


@pytest.mark.parametrize("n", [0, -1, 21])
def test_working_day_that_a_month_does_not_have(n: int) -> None:
    with pytest.raises(ValueError, match=rf"2014-05 has no working day {n}"):
        calendar.working_day("2014-05", n)


def test_freeze_day_is_in_the_month_after() -> None:
    assert calendar.freeze_day("2014-04") == date(2014, 5, 13)
    assert calendar.freeze_day("2014-12") == date(2015, 1, 13)


def test_freeze_day_is_the_tenth_to_the_fourteenth() -> None:
    days = {calendar.freeze_day(month).day for month in calendar.months_between("2010-01", "2040-12")}
    assert days == {10, 11, 12, 13, 14}


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2014, 4, 17), 1, date(2014, 4, 22)),  # over Easter
        (date(2014, 4, 22), -1, date(2014, 4, 17)),
        (date(2014, 4, 19), 1, date(2014, 4, 22)),
        (date(2014, 4, 19), 0, date(2014, 4, 19)),
        (date(2014, 12, 24), 2, date(2014, 12, 30)),
    ],
)
def test_add_working_days(day: date, n: int, expected: date) -> None:
    assert calendar.add_working_days(day, n) == expected


@pytest.mark.parametrize(
    ("meeting", "papers", "month"),
    [
        (date(2014, 3, 17), date(2014, 3, 7), "2014-01"),
        (date(2014, 6, 9), date(2014, 5, 30), "2014-04"),
        (date(2014, 7, 14), date(2014, 7, 4), "2014-05"),
        (date(2014, 9, 29), date(2014, 9, 19), "2014-08"),
        (date(2014, 12, 15), date(2014, 12, 5), "2014-10"),
        (date(2014, 12, 17), date(2014, 12, 9), "2014-10"),
    ],
)
def test_papers_and_month_of_the_meetings_of_2014(meeting: date, papers: date, month: str) -> None:
    assert calendar.papers_day(meeting) == papers
    assert calendar.month_for(meeting, FROZEN_2014) == month


def test_month_for_counts_five_clear_working_days_exactly() -> None:
    frozen = {"2014-01": date(2014, 2, 12), "2014-02": date(2014, 3, 7)}
    assert calendar.month_for(date(2014, 3, 17), frozen) == "2014-02"
    assert calendar.month_for(date(2014, 3, 14), frozen) == "2014-01"


def test_month_for_without_any_month() -> None:
    assert calendar.month_for(date(2014, 3, 17), {}) is None
    assert calendar.month_for(date(2014, 3, 17), {"2014-02": date(2014, 3, 12)}) is None


def test_a_later_meeting_never_sees_an_older_month() -> None:
    meetings = [calendar.add_working_days(date(2014, 2, 3), n) for n in range(200)]
    months = [calendar.month_for(meeting, FROZEN_2014) or "" for meeting in meetings]
    assert months == sorted(months)


MEETINGS = [date(2014, 5, 20), date(2014, 5, 22), date(2014, 6, 9), date(2014, 6, 19), date(2014, 6, 20)]


def test_meetings_served_until_the_next_month_freezes_on_working_day_eight() -> None:
    frozen = {"2014-03": date(2014, 4, 10), "2014-04": date(2014, 5, 13)}  # April's next freeze: 11 June
    assert calendar.meetings_served("2014-04", frozen, [*MEETINGS, MEETINGS[2]]) == [
        date(2014, 5, 22),
        date(2014, 6, 9),
    ]
    assert calendar.meetings_served("2014-03", frozen, MEETINGS) == [date(2014, 5, 20)]


def test_meetings_served_when_the_next_freeze_is_postponed() -> None:
    frozen = {"2014-04": date(2014, 5, 13)}
    assert calendar.meetings_served("2014-04", frozen, MEETINGS, next_freeze=date(2014, 6, 12)) == [
        date(2014, 5, 22),
        date(2014, 6, 9),
        date(2014, 6, 19),
    ]


def test_meetings_served_when_the_next_month_is_late() -> None:
    frozen = {"2014-04": date(2014, 5, 13)}  # 11 June is past: from then on each day leaves more meetings to April
    served = {
        day: calendar.meetings_served("2014-04", frozen, MEETINGS, date(2014, 6, day))[2:] for day in (11, 12, 13)
    }
    assert served == {11: [], 12: [date(2014, 6, 19)], 13: [date(2014, 6, 19), date(2014, 6, 20)]}


def test_meetings_served_goes_by_the_next_freeze_that_was() -> None:
    frozen = {"2014-04": date(2014, 5, 13), "2014-05": date(2014, 6, 12)}
    assert calendar.meetings_served("2014-04", frozen, MEETINGS)[-1] == date(2014, 6, 19)


def test_meetings_served_needs_a_frozen_month() -> None:
    with pytest.raises(ValueError, match="2014-05 is not frozen"):
        calendar.meetings_served("2014-05", {"2014-04": date(2014, 5, 13)}, MEETINGS)


@pytest.mark.parametrize(
    ("month", "n", "expected"),
    [
        ("2025-03", -2, "2025-01"),
        ("2025-03", -3, "2024-12"),
        ("2025-12", 1, "2026-01"),
        ("2025-11", 1, "2025-12"),
        ("2025-03", 0, "2025-03"),
        ("2025-03", -36, "2022-03"),
    ],
)
def test_add_months(month: str, n: int, expected: str) -> None:
    assert calendar.add_months(month, n) == expected


def test_months_between() -> None:
    assert calendar.months_between("2024-11", "2025-02") == ["2024-11", "2024-12", "2025-01", "2025-02"]
    assert calendar.months_between("2025-02", "2025-02") == ["2025-02"]
    assert calendar.months_between("2025-02", "2025-01") == []


def test_month_end() -> None:
    assert calendar.month_end("2024-02") == date(2024, 2, 29)
    assert calendar.month_end("2025-12") == date(2025, 12, 31)


@pytest.mark.parametrize(
    ("month", "expected"),
    [("2025-01", "2025-03"), ("2025-03", "2025-03"), ("2025-04", "2025-06"), ("2025-12", "2025-12")],
)
def test_financial_quarter_end(month: str, expected: str) -> None:
    assert calendar.financial_quarter_end(month) == expected


@pytest.mark.parametrize(
    ("month", "expected"),
    [("2025-01", "2024-12"), ("2025-03", "2025-03"), ("2025-05", "2025-03"), ("2025-12", "2025-12")],
)
def test_newest_quarter(month: str, expected: str) -> None:
    assert calendar.newest_quarter(month) == expected


@pytest.mark.parametrize("month", ["2025-3", "2025-13", "2025-03-01", "202503", "March 2025", ""])
def test_what_is_not_a_month_is_refused(month: str) -> None:
    with pytest.raises(ValueError, match="is not a month YYYY-MM"):
        calendar.add_months(month, 1)


def test_import_is_light() -> None:
    program = "import sys, monthend.plan.calendar; print({'pandas', 'numpy', 'holidays'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
