"""Facts: every number that a pack can show, computed once from the rows as of a sealed load number.

A fact is keyed by measure, basis, area, period, breakdown and category. Facts are dense: from the first period held
for the feed as a whole to the month-end, for every area the feed declares. What is not held has no value and the mark
`x`, and so has every longer basis that it is missing from: missing is never zero, and a sum is never short.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import Connection, text

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.load import first_month
from monthend.plan.calendar import (
    add_months,
    financial_quarter_end,
    financial_year_start,
    month_end,
    months_between,
)
from monthend.plan.declarations import Declarations, Feed, Measure

RATE_PLACES, INTERVAL_PLACES = 10, 4
ANSWERS = ("respondents", "satisfied", "weight", "weight_satisfied", "weight_squared")  # of a SELECT of answers
NOT_AVAILABLE, BREAK = "x", "b"
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
    """All facts of month-end `month` (YYYY-MM) from what is loaded at or below `load_number`.

    Raises NeedsPerson where a SELECT gives a category that its measure does not declare.
    """
    facts: Facts = {}
    warehouse.plan_for_states(connection)
    residents = _residents(connection, load_number)
    held = {key: _held(connection, declarations, feed, month, load_number) for key, feed in declarations.feeds.items()}
    selects: dict[tuple[str, str], list[Measure]] = {}
    for measure in declarations.measures.values():
        selects.setdefault((measure.feed, measure.select), []).append(measure)
    for (feed, select), measures in selects.items():
        counted = None
        for measure in measures:
            if (months := _held_of_all(measure, held)) is None:
                continue
            if counted is None:
                counted = _counted(connection, declarations, select, measures, feed, load_number)
            if measure.counted == "reported":
                facts.update(_reported(measure, declarations, counted, months, month))
            elif measure.counted == "answers":
                facts.update(_answered(measure, declarations.feeds[feed], counted, months))
            else:
                facts.update(_facts_of(measure, counted, months, residents))
    for measure in declarations.measures.values():
        facts.update(_shares(measure, facts))
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
    """Whether each month (rows, YYYY-MM) is held for each area (columns), while the feed is in force; None: nothing."""
    deliveries = warehouse.query(
        connection,
        "SELECT period, area_code FROM reporting.current_delivery(:feed, :load) WHERE period BETWEEN '1' AND :month",
        feed=feed.feed,
        load=load_number,
        month=month,
    )
    partitions = {
        (each, row["area_code"])
        for row in deliveries
        for each in months_between(first_month(feed, row["period"]), row["period"])
    }
    if not partitions:
        return None
    months = months_between(min(each for each, _ in partitions), min(month, feed.in_force_to or month))
    return pd.DataFrame(
        {
            area: [(each, source if feed.by_area else "") in partitions for each in months]
            for area, source in areas(declarations, feed).items()
        },
        index=months,
    )


def _held_of_all(measure: Measure, held: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame | None:
    """Which months of a measure are held of every feed that it is counted from, between its first and its last.

    Of one that looks back the months before are held as well.
    """
    months = held[measure.feed]
    if months is None:
        return None
    for other in measure.reads:
        also = held[other]
        if also is None:
            return None
        months = months & also.reindex(index=months.index, columns=months.columns, fill_value=False)
    if back := measure.looks_back:
        months = (months.astype(int).rolling(back + 1).min() == 1).iloc[back:]
        if months.empty:
            return None
    months = months.loc[measure.first_month or months.index[0] : measure.last_month or months.index[-1]]
    return None if months.empty else months


def _counted(
    connection: Connection,
    declarations: Declarations,
    select: str,
    measures: list[Measure],
    feed: str,
    load_number: int,
) -> pd.DataFrame:
    """What the SELECT of some measures gives: area_code, month, category, their `where` columns, numerator."""
    statement = declarations.select(select).read_text(encoding="utf-8")
    names = ["area_code", "month", "category", *sorted({column for measure in measures for column in measure.where})]
    if measures[0].counted == "rows":
        columns = ", ".join(names)
        statement = f"SELECT {columns}, count(*) AS numerator FROM (\n{statement}\n) AS counted GROUP BY {columns}"  # noqa: S608 - names are declared
    districts = list(declarations.feeds[feed].districts)
    rows = warehouse.query(connection, statement, load=load_number, areas=districts)
    counted = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*names, "numerator"])
    return counted if "category" in counted else counted.assign(category="")


def _facts_of(
    measure: Measure, counted: pd.DataFrame, held: pd.DataFrame, residents: Mapping[str, list[tuple[str, int]]]
) -> Iterator[tuple[Key, Fact]]:
    """The facts of a measure: its counts, by category too where it has a breakdown, and its rates."""
    rows = _chosen(measure, counted)
    declared = {each.category: each.from_month for each in measure.breakdown.categories} if measure.breakdown else {}
    if unknown := set(rows["category"]) - {"", *declared} if measure.breakdown else set():
        raise NeedsPerson(
            f"{measure.measure}: its SELECT gives the category {', '.join(sorted(unknown))}, which "
            f"reports/measures/{measure.measure}.yaml does not declare."
        )
    for category, first in {"": None, **declared}.items():
        of_category = rows[rows["category"] == category]
        if first and (of_category["month"] < first).any():
            raise NeedsPerson(
                f"{measure.measure}: the category {category} is counted before {first}, and "
                f"reports/measures/{measure.measure}.yaml declares it from then on."
            )
        breakdown = measure.breakdown.name if measure.breakdown and category else ""
        for basis, numbers in _bases(_monthly(of_category, held)).items():
            shown = numbers.loc[first:] if first else numbers
            for area, period, count in _cells(shown):
                fact = MISSING if count is None else Fact(Decimal(count), Decimal(count), None)
                key = Key(measure.measure, basis, area, period, breakdown, category)
                yield key, _broken(measure, _first(basis, period), period, fact)
            if measure.rate and not category:
                denominators = _denominators(of_category, residents)
                for area, period, count in _cells(shown):
                    people = denominators(area, period)
                    fact = (
                        MISSING
                        if count is None or not people
                        else Fact(rate(count, measure.rate.per, people), Decimal(count), Decimal(people))
                    )
                    key = Key(f"{measure.measure}_rate", basis, area, period)
                    yield key, _broken(measure, _first(basis, period), period, fact)


def _reported(
    measure: Measure, declarations: Declarations, counted: pd.DataFrame, held: pd.DataFrame, month: str
) -> Iterator[tuple[Key, Fact]]:
    """The facts of a measure that partners report, as they came, and of the force where all of its areas gave one.

    A figure of a whole quarter has that basis. What covers anything else has the basis `reported` and the period of its
    delivery; nothing is summed over periods.
    """
    feed = declarations.feeds[measure.feed]
    rows = _chosen(measure, counted)
    items = feed.items_of(measure)
    discrete = bool(items) and all(item.basis == "discrete" for item in items)
    given = {(row.area_code, row.month): row for row in rows.itertuples()}
    basis, force = "quarter" if discrete else "reported", declarations.plan.home_force
    for period in held.index:
        if feed.cadence == "quarterly" and financial_quarter_end(period) != period:
            continue
        if period > feed.newest_period(month) and not held.loc[period].any():  # it is not due yet
            continue
        figures = {area: _figure(given.get((area, period))) for area in held.columns}
        if force not in figures:
            figures[force] = _sum(list(figures.values()))
        first, last = feed.spans[measure.span].of(period) if measure.span else (_first(basis, period), period)
        for area, (numerator, denominator) in figures.items():
            fact = MISSING
            if numerator is not None and denominator is None:
                fact = Fact(numerator, numerator, None)
            elif numerator is not None and denominator:
                per = measure.rate.per if measure.rate else 100
                fact = Fact(rate(int(numerator), per, int(denominator)), numerator, denominator)
            yield Key(measure.measure, basis, area, period), _broken(measure, first, last, fact)


def _answered(measure: Measure, feed: Feed, counted: pd.DataFrame, held: pd.DataFrame) -> Iterator[tuple[Key, Fact]]:
    """The facts of what people answered: the weighted share who are satisfied, of the quarter and, by month, of a year.

    The interval is Wilson's with as many asked as the weights leave of them (Kish: the square of their sum divided by
    the sum of their squares). Numerator and denominator are people: how many are satisfied, where that is known, and
    how many answered.
    """
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}
    for row in _chosen(measure, counted).itertuples():
        of_month = sums.setdefault((str(row.area_code), str(row.month)), dict.fromkeys(ANSWERS, Decimal(0)))
        for name in ANSWERS:
            of_month[name] += getattr(row, name)
    windows = {"quarter": 3, "r12": 12} if feed.cadence == "monthly" else {"quarter": 1}
    for area, period, basis in product(held.columns, held.index, windows):
        if basis == "quarter" and financial_quarter_end(period) != period:
            continue
        months = months_between(add_months(period, 1 - windows[basis]), period)
        given = [sums[area, month] for month in months if (area, month) in sums]
        total = {name: sum((each[name] for each in given), Decimal(0)) for name in ANSWERS}
        whole = all(month in held.index and held[area][month] for month in months)
        fact = _share_of_answers(total) if whole and total["respondents"] else MISSING
        yield Key(measure.measure, basis, area, period), _broken(measure, _first(basis, period), period, fact)


def _share_of_answers(sums: Mapping[str, Decimal]) -> Fact:
    from statsmodels.stats.proportion import proportion_confint  # a second, which no other command needs

    share, of = sums["weight_satisfied"] / sums["weight"], sums["weight"] ** 2 / sums["weight_squared"]
    limits = proportion_confint(float(share * of), float(of), method="wilson")
    lower, upper = (_places(Decimal(repr(float(limit) * 100)), INTERVAL_PLACES) for limit in limits)
    satisfied = None if sums["satisfied"].is_nan() else sums["satisfied"]
    return Fact(_places(share * 100, RATE_PLACES), satisfied, sums["respondents"], lower, upper)


def _places(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


Figure = tuple[Decimal | None, Decimal | None]


def _figure(row: Any) -> Figure:
    """The numerator and denominator that a partner gave; of a count the count alone, nothing where it gave none."""
    if row is None or not pd.isna(row.missing_reason):
        return None, None
    if not pd.isna(row.denominator):
        return row.numerator, row.denominator
    return None if pd.isna(row.value) else row.value, None


def _sum(figures: list[Figure]) -> Figure:
    """Numerators and denominators of all areas together; nothing where one gave none."""
    if any(numerator is None for numerator, _ in figures):
        return None, None
    numerator = sum((each for each, _ in figures if each is not None), Decimal(0))
    below = [each for _, each in figures if each is not None]
    return numerator, sum(below, Decimal(0)) if below else None


def _chosen(measure: Measure, counted: pd.DataFrame) -> pd.DataFrame:
    """The rows of a SELECT that a measure's `where` asks for."""
    for column, values in measure.where.items():
        counted = counted[counted[column].isin(values)]
    return counted


def _monthly(counted: pd.DataFrame, held: pd.DataFrame, column: str = "numerator") -> pd.DataFrame:
    """Counts by month (rows) and area (columns): 0 where held and none, missing where not held."""
    table = counted.pivot_table(index="month", columns="area_code", values=column, aggfunc="sum")
    return table.reindex(index=held.index, columns=held.columns).fillna(0).where(held)


def _bases(monthly: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Month, complete financial quarters, rolling twelve months, financial year to date; missing where a month is."""
    first, last = monthly.index[0], monthly.index[-1]
    whole = monthly.reindex(months_between(financial_year_start(first), last))
    years = [financial_year_start(each) for each in whole.index]
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


def _broken(measure: Measure, first: str, last: str, fact: Fact) -> Fact:
    """The fact, marked where its months, `first` to `last`, have a break: what came before does not compare."""
    if fact.value is None or not any(first <= each.from_month <= last for each in measure.breaks):
        return fact
    return fact._replace(mark=BREAK)


def _first(basis: str, period: str) -> str:
    """The first month of a period of a basis."""
    first = {"month": period, "quarter": add_months(period, -2), "r12": add_months(period, -11)}
    return first.get(basis, financial_year_start(period))


def _denominators(
    counted: pd.DataFrame, residents: Mapping[str, list[tuple[str, int]]]
) -> Callable[[str, str], int | None]:
    """What a rate is per: the denominator that the SELECT gives for the period's last month, else the residents."""
    if "denominator" not in counted:
        return lambda area, period: residents_at(residents.get(area, []), period)
    given = counted.set_index(["area_code", "month"])["denominator"].to_dict()
    return lambda area, period: given.get((area, period))


def _shares(measure: Measure, facts: Facts) -> Facts:
    """The measure as a percentage of the one that it is declared to be a share of."""
    if measure.share is None:
        return {}
    shares: Facts = {}
    for key, fact in facts.items():
        if key.measure == measure.measure and not key.category:
            whole = facts.get(key._replace(measure=measure.share.of), MISSING)
            shares[key._replace(measure=f"{measure.measure}_share")] = (
                MISSING
                if fact.numerator is None or not whole.numerator
                else Fact(
                    rate(int(fact.numerator), 100, int(whole.numerator)),
                    fact.numerator,
                    whole.numerator,
                    mark=fact.mark or whole.mark,
                )
            )
    return shares


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
