"""Facts: every number that a pack can show, computed once from the rows as of a sealed load number.

A fact is keyed by measure, basis, area, period, breakdown and category. Facts are dense: from the first period held
for the feed as a whole to the month-end, for every area the feed declares. What is not held has no value and the mark
`x`, and so has every longer basis that it is missing from: missing is never zero, and a sum is never short.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Connection, text

from monthend import warehouse
from monthend.plan.calendar import add_months, financial_quarter_end, month_end, months_between
from monthend.plan.declarations import Declarations, Feed, Measure

RATE_PLACES = 10
NOT_AVAILABLE = "x"
PROVISIONAL_MONTHS = 12


class Key(NamedTuple):
    """What a fact is about."""

    measure: str
    basis: str
    area_code: str
    period: str
    breakdown: str = ""
    category: str = ""


class Fact(NamedTuple):
    """A fact's numbers: value, numerator and denominator (of a count: none), interval, stored mark."""

    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    lower: Decimal | None = None
    upper: Decimal | None = None
    mark: str = ""


Facts = dict[Key, Fact]
MISSING = Fact(None, None, None, mark=NOT_AVAILABLE)


def compute(connection: Connection, declarations: Declarations, month: str, load_number: int) -> Facts:
    """All facts of month-end `month` (YYYY-MM) from what is loaded at or below `load_number`."""
    facts: Facts = {}
    residents = _residents(connection, load_number)
    for feed in declarations.feeds.values():
        measures = [measure for measure in declarations.measures.values() if measure.feed == feed.feed]
        held = _held(connection, declarations, feed, month, load_number) if measures else None
        if held is None:
            continue
        for select in dict.fromkeys(measure.select for measure in measures):
            counted = _counted(connection, declarations, select, feed, load_number)
            for measure in measures:
                if measure.select == select:
                    for basis, numbers in _bases(_monthly(counted, measure, held)).items():
                        facts.update(_counts(measure, basis, numbers))
                        facts.update(_rates(measure, basis, numbers, residents))
    return facts


def read(connection: Connection, candidate_id: int) -> Facts:
    """The full set of a candidate's facts, from what is stored along its line of parents."""
    rows = connection.execute(
        text(
            "SELECT measure, basis, area_code, period, breakdown, category,"
            " value, numerator, denominator, lower, upper, mark FROM snapshot.fact_at(:candidate)"
        ),
        {"candidate": candidate_id},
    )
    return {Key(*row[:6]): Fact(*row[6:]) for row in rows}


def store(connection: Connection, candidate_id: int, facts: Facts, parent: Facts) -> int:
    """Insert the facts that differ from the parent's, and a tombstone for each that is no longer computed.

    Gives how many rows were stored.
    """
    changed: list[tuple[Any, ...]] = [
        (candidate_id, *key, *fact, False) for key, fact in facts.items() if parent.get(key) != fact
    ]
    removed = (None, None, None, None, None, "", True)
    changed += [(candidate_id, *key, *removed) for key in parent.keys() - facts.keys()]
    columns = ", ".join(("candidate_id", *Key._fields, *Fact._fields, "removed"))
    with warehouse.cursor(connection).copy(f"COPY snapshot.fact ({columns}) FROM STDIN") as copy:
        for row in changed:
            copy.write_row(row)
    return len(changed)


def digest(facts: Facts) -> str:
    """SHA-256 of the full set of facts, in key order."""
    lines = hashlib.sha256()
    for key in sorted(facts):
        fact = facts[key]
        numbers = (plain(number) for number in fact[:-1])
        lines.update("|".join((*key, *numbers, fact.mark)).encode() + b"\n")
    return lines.hexdigest()


def plain(number: Decimal | None) -> str:
    """A number as text: without an exponent or trailing zeros, a count without a decimal point, nothing for none."""
    return "" if number is None else f"{number.normalize():f}"


def marks(key: Key, fact: Fact, month: str, revised: bool) -> str:
    """A fact's marks as a reader sees them: letters, space-separated, alphabetical.

    Stored marks, `p` for a period under twelve months old at the month-end, `r` where the value differs from the
    parent's. What is not available has no other mark.
    """
    letters = set(fact.mark.split())
    if fact.value is not None:
        if key.period > add_months(month, -PROVISIONAL_MONTHS):
            letters.add("p")
        if revised:
            letters.add("r")
    return " ".join(sorted(letters))


def rate(numerator: int, per: int, denominator: int) -> Decimal:
    """Give numerator x per / denominator to ten places, rounded half up, without a binary fraction on the way."""
    scaled = (2 * numerator * per * 10**RATE_PLACES + denominator) // (2 * denominator)
    return Decimal(scaled).scaleb(-RATE_PLACES)


def areas(declarations: Declarations, feed: Feed) -> dict[str, str]:
    """The areas that facts of a feed are for, each with the area whose deliveries it is counted from."""
    forces = {area.code: area.code for area in feed.areas}
    return forces | dict.fromkeys(feed.districts, declarations.plan.home_force)


def _held(
    connection: Connection, declarations: Declarations, feed: Feed, month: str, load_number: int
) -> pd.DataFrame | None:
    """Whether each month (rows, YYYY-MM) is held for each area (columns); None where nothing is."""
    deliveries = warehouse.query(
        connection,
        "SELECT period, area_code FROM reporting.current_delivery(:feed, :load) WHERE period <= :month",
        feed=feed.feed,
        load=load_number,
        month=month,
    )
    if not deliveries:
        return None
    partitions = {(row["period"], row["area_code"]) for row in deliveries}
    months = months_between(min(period for period, _ in partitions), month)
    return pd.DataFrame(
        {area: [(each, source) in partitions for each in months] for area, source in areas(declarations, feed).items()},
        index=months,
    )


def _counted(
    connection: Connection, declarations: Declarations, select: str, feed: Feed, load_number: int
) -> pd.DataFrame:
    """What a measure's SELECT gives: area_code, month, its own columns, numerator."""
    statement = declarations.select(select).read_text(encoding="utf-8")
    return pd.DataFrame(warehouse.query(connection, statement, load=load_number, areas=list(feed.districts)))


def _monthly(counted: pd.DataFrame, measure: Measure, held: pd.DataFrame) -> pd.DataFrame:
    """The measure's counts by month (rows) and area (columns): 0 where held and none, missing where not held."""
    rows = counted
    for column, values in measure.where.items():
        rows = rows[rows[column].isin(values)]
    table = rows.pivot_table(index="month", columns="area_code", values="numerator", aggfunc="sum")
    return table.reindex(index=held.index, columns=held.columns).fillna(0).where(held)


def _bases(monthly: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Month, complete financial quarters, rolling twelve months, financial year to date; missing where a month is."""
    first, last = monthly.index[0], monthly.index[-1]
    april = add_months(first, -((int(first[5:]) - 4) % 12))
    whole = monthly.reindex(months_between(april, last))
    years = [each[:4] if each[5:] >= "04" else str(int(each[:4]) - 1) for each in whole.index]
    quarters = monthly.rolling(3, min_periods=3).sum()
    return {
        "month": monthly,
        "quarter": quarters[[financial_quarter_end(each) == each for each in quarters.index]],
        "r12": monthly.rolling(12, min_periods=12).sum(),
        "fytd": whole.groupby(years).cumsum(skipna=False).loc[first:],
    }


def _cells(numbers: pd.DataFrame) -> Iterator[tuple[str, str, int | None]]:
    for area, column in numbers.items():
        for period, number in zip(numbers.index, column, strict=True):
            yield str(area), period, None if pd.isna(number) else round(number)


def _counts(measure: Measure, basis: str, numbers: pd.DataFrame) -> Iterator[tuple[Key, Fact]]:
    for area, period, count in _cells(numbers):
        fact = MISSING if count is None else Fact(Decimal(count), Decimal(count), None)
        yield Key(measure.measure, basis, area, period), fact


def _rates(
    measure: Measure, basis: str, numbers: pd.DataFrame, residents: "Mapping[str, list[tuple[str, int]]]"
) -> Iterator[tuple[Key, Fact]]:
    if measure.rate is None:
        return
    for area, period, count in _cells(numbers):
        people = residents_at(residents.get(area, []), period)
        if count is None or people is None:
            fact = MISSING
        else:
            fact = Fact(rate(count, measure.rate.per, people), Decimal(count), Decimal(people))
        yield Key(f"{measure.measure}_rate", basis, area, period), fact


def residents_at(figures: Iterable[tuple[str, int]], period: str) -> int | None:
    """The newest of an area's figures (date, residents; in date order) at or before a period's end."""
    end = month_end(period).isoformat()
    return next((people for as_at, people in reversed(list(figures)) if as_at <= end), None)


def _residents(connection: Connection, load_number: int) -> dict[str, list[tuple[str, int]]]:
    figures: dict[str, list[tuple[str, int]]] = {}
    for row in warehouse.query(
        connection,
        "SELECT area_code, as_at, residents FROM reporting.residents_at(:load) ORDER BY area_code, as_at",
        load=load_number,
    ):
        figures.setdefault(row["area_code"], []).append((row["as_at"].isoformat(), row["residents"]))
    return figures
