"""What partners report beside returns, a sheet a feed: aggregates by period and area, and what people answered.

Figures stand as they came, each with what it is made of. None is added up over periods, and none of a cohort is
compared with a monthly count.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from monthend.freeze.facts import Fact, Key
from monthend.plan.calendar import add_months, financial_quarter_end, months_between
from monthend.plan.declarations import Feed, Measure
from monthend.publish import words
from monthend.publish.book import Cell, Column, Sheet, Table
from monthend.publish.material import Material, decimals_of, passport, rounded

SMALL = 5  # counts below it, but not 0, are confidential
FEW, NOT_MANY = 30, 100  # of a percentage's base: below the one it is withheld, below the other marked
SENSITIVE = "Sensitive: only the force as a whole is shown, and counts of 1 to 4 are withheld."
WITHHELD = f"Out of fewer than {FEW}, a percentage is withheld as of low reliability"
PERIODS = {"monthly": 12, "quarterly": 8}  # shown of a feed's newest
NEVER_ADDED = (
    "Figures over more than their period are never added up, nor compared with counts of a month or a quarter."
)
FORCE = "The force has a figure where each of its areas gave one."
INTERVAL = "In 95 of 100 such surveys the share of all victims or residents lies within the interval."


def reported_sheets(material: Material, measures: list[Measure], open_pack: bool) -> Iterator[Sheet]:
    """A sheet a feed of these measures; an `open_pack` is not OFFICIAL-SENSITIVE, and shows sensitive ones otherwise.

    A measure of which nothing was ever given is left out.
    """
    given = {key.measure for key, fact in material.facts.items() if fact.value is not None}
    there = sorted((each for each in measures if each.measure in given), key=lambda each: each.feed)
    for key, of_feed in groupby(there, key=lambda each: each.feed):
        feed, listed = material.declarations.feeds[key], list(of_feed)
        if listed[0].counted == "answers":
            yield _answers(material, feed, listed, open_pack)
        else:
            yield _aggregates(material, feed, listed, open_pack)


def figure(
    material: Material, measure: Measure, key: Key, part: str = "value", *, withheld: bool = False
) -> Cell | str:
    """A number of a partner's figure: its value, numerator or denominator.

    Of a sensitive measure that is `withheld` there is none but of the force, and none of a count of 1 to 4. Of a
    percentage of few there is none in any pack.
    """
    force = material.declarations.plan.home_force
    if measure.sensitive and withheld and key.area_code != force:
        return "[z]"
    fact = material.facts.get(key)
    if fact is None or fact.value is None:
        return "[x]"
    above, below = fact.numerator or Decimal(0), fact.denominator or Decimal(0)
    others = below - above if is_percentage(measure) else Decimal(0)  # who are not among them
    if measure.sensitive and withheld and any(0 < number < SMALL for number in (above, below, others)):
        return "[c]"
    if part in ("value", "lower", "upper") and _base(measure, fact) < FEW:
        return "[u]"
    number = getattr(fact, part)
    decimals = places(measure) if part in ("value", "lower", "upper") else 0
    return "[x]" if number is None else Cell(rounded(number, decimals), passport(material, key, part, decimals))


def places(measure: Measure) -> int:
    """The decimals of a measure that is reported."""
    return 1 if is_percentage(measure) and not measure.rate else decimals_of(measure)


def is_percentage(measure: Measure) -> bool:
    """Whether a measure is a share of its denominator, in percent."""
    return measure.unit.startswith("%") or measure.unit == "percent"


def in_order(material: Material, codes: Iterator[str]) -> list[str]:
    """Areas by name, the force last."""
    force = material.declarations.plan.home_force
    return [*sorted(set(codes) - {force}, key=lambda code: material.area_names[code]), force]


def _base(measure: Measure, fact: Fact) -> Decimal:
    """How many a percentage is of; of anything else more than few."""
    return (fact.denominator or Decimal(0)) if is_percentage(measure) else Decimal(NOT_MANY)


def _marks(material: Material, measure: Measure, keys: list[Key]) -> set[str]:
    """The marks of some figures, and [u] where a percentage is of fewer than a hundred."""
    facts = [(key, material.facts[key]) for key in keys if key in material.facts]
    found = {f"{mark}]" for key, _ in facts for mark in material.marks(key).split("]") if mark}
    few = any(fact.value is not None and FEW <= _base(measure, fact) < NOT_MANY for _, fact in facts)
    return found | ({"[u]"} if few else set())


def _aggregates(material: Material, feed: Feed, measures: list[Measure], open_pack: bool) -> Sheet:
    """A row an area and period, its newest first; a column a measure and, of a rate, two more of what it is made of."""
    keys = [key for key in material.facts if key.measure in {each.measure for each in measures}]
    codes = in_order(material, (key.area_code for key in keys))
    if open_pack and all(each.sensitive for each in measures):
        codes = codes[-1:]
    newest = max(feed.newest_period(material.month), *(key.period for key in keys if material.facts[key].value))
    periods = sorted({key.period for key in keys if key.period <= newest}, reverse=True)[: PERIODS[feed.cadence]]
    columns = [Column("Area and period", "text")]
    for each in measures:
        columns.append(Column(f"{each.title} ({each.unit})", "number", places(each)))
        if each.rate:
            columns.append(Column(f"{each.title}: how many (count)", "number"))
            columns.append(Column(f"{each.title}: out of (count)", "number"))
    rows: list[tuple[Cell | str, ...]] = []
    for code in codes:
        for period in periods:
            row: list[Cell | str] = [f"{material.area_names[code]}, {_of_period(feed, period)}"]
            marks: set[str] = set()
            for each in measures:
                key = Key(each.measure, "reported", code, period)
                for part in ("value", "numerator", "denominator") if each.rate else ("value",):
                    row.append(figure(material, each, key, part, withheld=open_pack))
                marks |= _marks(material, each, [key])
            rows.append((*row, "".join(sorted(marks)) or "[z]"))
    return Sheet(
        feed.feed,
        f"{feed.title}: {_of_period(feed, newest)}",
        (_given_by(feed), *_covered(feed, measures, newest), *_notes(measures, open_pack, len(codes) > 1)),
        Table(feed.feed, (*columns, Column("Notes", "text")), tuple(rows)),
    )


def _answers(material: Material, feed: Feed, measures: list[Measure], open_pack: bool) -> Sheet:
    """A row a measure, of the force; of a survey of one question a row an area. Each with interval and base."""
    basis = "r12" if feed.cadence == "monthly" and not open_pack else "quarter"
    newest = feed.newest_period(material.month)
    if basis == "quarter":
        newest = newest if financial_quarter_end(newest) == newest else add_months(financial_quarter_end(newest), -3)
    force = material.declarations.plan.home_force
    codes = [force]
    if len(measures) == 1 and not (measures[0].sensitive and open_pack):
        codes = in_order(material, (key.area_code for key in material.facts if key.measure == measures[0].measure))
    then, before = (words.period(basis, month) for month in (newest, add_months(newest, -12)))
    rows: list[tuple[Cell | str, ...]] = []
    for each in measures:
        for code in codes:
            key = Key(each.measure, basis, code, newest)
            earlier = key._replace(period=add_months(newest, -12))
            cells = [
                figure(material, each, key, part, withheld=open_pack)
                for part in ("value", "lower", "upper", "numerator", "denominator")
            ]
            cells += [figure(material, each, earlier, part, withheld=open_pack) for part in ("value", "denominator")]
            label = each.title if code == force else f"{each.title}, {material.area_names[code]}"
            rows.append((label, *cells, "".join(sorted(_marks(material, each, [key, earlier]))) or "[z]"))
    unit = "% of those asked, weighted"
    return Sheet(
        feed.feed,
        f"{feed.title}: {then}",
        (_given_by(feed), INTERVAL, *_notes(measures, open_pack, False)),
        Table(
            feed.feed,
            (
                Column("Measure", "text"),
                Column(f"{then} ({unit})", "number", 1),
                Column(f"Interval, lower limit ({unit})", "number", 1),
                Column(f"Interval, upper limit ({unit})", "number", 1),
                Column("Said so (count)", "number"),
                Column("Answered (count)", "number"),
                Column(f"{before} ({unit})", "number", 1),
                Column(f"{before}: answered (count)", "number"),
                Column("Notes", "text"),
            ),
            tuple(rows),
        ),
    )


def _given_by(feed: Feed) -> str:
    return f"Figures are as given by: {feed.owner}. What each of them counts is said in the notes of this workbook."


def _of_period(feed: Feed, period: str) -> str:
    return words.of_month(period) if feed.cadence == "monthly" else f"quarter to {words.of_month(period)}"


def _covered(feed: Feed, measures: list[Measure], newest: str) -> Iterator[str]:
    """What the figures of the newest period cover, where that is another span of months."""
    for name in dict.fromkeys(each.span for each in measures if each.span):
        first, last = feed.spans[name].of(newest)
        titles = ", ".join(each.title for each in measures if each.span == name)
        months = words.of_month(first) + (f" to {words.of_month(last)}" if first != last else "")
        yield f"{titles}: in the newest figures, {months}."
    spans = [feed.spans[each.span] for each in measures if each.span]
    if any(len(months_between(*span.of(newest))) > 1 for span in spans):
        yield NEVER_ADDED


def _notes(measures: list[Measure], open_pack: bool, summed: bool) -> Iterator[str]:
    if open_pack and (sensitive := [each.title for each in measures if each.sensitive]):
        yield f"{', '.join(sensitive)}. {SENSITIVE}"
    if any(map(is_percentage, measures)):
        yield f"{WITHHELD}; out of fewer than {NOT_MANY} it is marked."
    if summed:
        yield FORCE
    yield from (f"{each.title}: {each.caveat.strip()}" for each in measures if each.caveat)
