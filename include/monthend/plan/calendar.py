"""The month-end calendar: working days of England and Wales, when a month freezes, and which month a board sees.

Months are text, `YYYY-MM`. A working day is a weekday that is no bank holiday in England and Wales.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

FREEZE_WORKING_DAY = 8
CLEAR_WORKING_DAYS = 5  # between a freeze, or the papers, and the meeting


@cache
def bank_holidays() -> "HolidayBase":
    """Return the bank holidays of England and Wales, of any year asked for; those on weekends are in it too."""
    # Imported here because DAG files import this module, and the library takes a quarter of a second.
    from holidays import country_holidays

    return country_holidays("GB", subdiv="ENG")


def working_day(month: str, n: int) -> date:
    """Return the nth working day of a calendar month.

    Raises:
        ValueError: the month is not `YYYY-MM`, or has no such working day.
    """
    year, number = _split(month)
    day = add_working_days(date(year, number, 1) - timedelta(days=1), n)
    if n < 1 or day > month_end(month):
        raise ValueError(f"{month} has no working day {n}")
    return day


def freeze_day(month: str) -> date:
    """Return the day by whose end `month` is to be frozen: working day 8 of the month after it."""
    return working_day(add_months(month, 1), FREEZE_WORKING_DAY)


def add_working_days(day: date, n: int) -> date:
    """Return the nth working day after `day` (before it, where n is negative); `day` itself where n is 0."""
    return bank_holidays().get_nth_working_day(day, n) if n else day


def papers_day(meeting: date) -> date:
    """Return the last day for papers: the latest working day with five clear working days before the meeting."""
    return add_working_days(meeting, -(CLEAR_WORKING_DAYS + 1))


def month_for(meeting: date, frozen: Mapping[str, date]) -> str | None:
    """Return the month that a meeting sees: the newest frozen at least five clear working days before it.

    Args:
        meeting: the day of the meeting; which board meets does not matter.
        frozen: the day on which each month was frozen, by month.
    """
    # The fifth working day after the freeze is before the meeting: counting days would take a hundred times as long
    return max(
        (month for month, day in frozen.items() if add_working_days(day, CLEAR_WORKING_DAYS) < meeting), default=None
    )


def meetings_served(
    month: str, frozen: Mapping[str, date], meetings: Iterable[date], next_freeze: date | None = None
) -> list[date]:
    """Return the meetings that see `month`, in order, each once.

    While no later month is frozen, the next one is assumed to freeze on `next_freeze`.

    Args:
        month: a frozen month.
        frozen: the day on which each month was frozen, by month; `month` is among them.
        meetings: days of meetings, of any board.
        next_freeze: the day on which the next month is expected, a day to come or today; its working day 8 unless
            another is given, as where it was postponed or is late.

    Raises:
        ValueError: `month` is not frozen.
    """
    if month not in frozen:
        raise ValueError(f"{month} is not frozen")
    expected = dict(frozen)
    if month == max(frozen):
        following = add_months(month, 1)
        expected[following] = next_freeze or freeze_day(following)
    return sorted({meeting for meeting in meetings if month_for(meeting, expected) == month})


@cache
def add_months(month: str, n: int) -> str:
    """Return the month n months after `month`; before it, where n is negative."""
    year, number = _split(month)
    year, zero_based = divmod(year * 12 + number - 1 + n, 12)
    return f"{year:04d}-{zero_based + 1:02d}"


def months_between(first: str, last: str) -> list[str]:
    """Return the months from `first` to `last`, both included; none where `last` is earlier."""
    (first_year, first_number), (last_year, last_number) = _split(first), _split(last)
    return [add_months(first, n) for n in range((last_year - first_year) * 12 + last_number - first_number + 1)]


def month_end(month: str) -> date:
    """Return the last day of a month."""
    year, number = _split(month)
    return date(year, number, monthrange(year, number)[1])


def financial_year_start(month: str) -> str:
    """The April (YYYY-04) in which the financial year of `month` began."""
    return add_months(month, -((int(month[5:]) - 4) % 12))


def financial_quarter_end(month: str) -> str:
    """Return the last month of the financial quarter that `month` is in (March, June, September or December)."""
    return add_months(month, -_split(month)[1] % 3)


def newest_quarter(month: str) -> str:
    """Return the last month of the newest financial quarter that is over at the end of `month`."""
    return add_months(financial_quarter_end(add_months(month, 1)), -3)


def _split(month: str) -> tuple[int, int]:
    """Return year and number of a month.

    Raises:
        ValueError: it is not `YYYY-MM`.
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise ValueError(f"{month!r} is not a month YYYY-MM") from None
    return first.year, first.month
