"""What partners report: a row a measure of what it says, then a sheet a feed.

Figures stand as they came, each with what it is made of. None is added up over periods, and none of a cohort is
compared with a monthly count.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from monthend.plan.calendar import add_months, months_between
from monthend.plan.declarations import Feed, Measure
from monthend.publish import words
from monthend.publish.book import Cell, Column, Sheet, Table
from monthend.publish.choice import Choice
from monthend.publish.figure import FEW, NOT_MANY, PartnerFigure, in_order, is_percentage, notes_of, of_period, places
from monthend.publish.material import OLD_POPULATION, OLD_POPULATION_YEARS, Material
from monthend.statistics.difference import LEVEL

SUMMARY = "summary_partners"
SENSITIVE = "Sensitive: only the force as a whole is shown, and counts of 1 to 4 are withheld."
WITHHELD = f"Out of fewer than {FEW}, a percentage is withheld as of low reliability"
PERIODS = {"monthly": 12, "quarterly": 8}  # shown of a feed's newest
NEVER_ADDED = (
    "Figures over more than their period are never added up, nor compared with counts of a month or a quarter."
)
READ = "Figures are read against those of a year before, not against a target or another area."
NONE_READ = "No figure here is read against another; each stands beside the one of a year before."
WEIGHTED = "Percentages of surveys are weighted, so that the counts of people beside them do not give the same."
ANSWERED = "people who answered"
QUARTER = "A pack marked OFFICIAL shows a quarter of this survey; one marked OFFICIAL-SENSITIVE shows 12 months."
OF_AREAS = "Figures of other areas are read too, on the worksheets of their feeds, and are among those compared."
OF_FORCE = "The force area has a figure where each area gave one."
INTERVAL = "In 95 of 100 such surveys the share of all victims or residents lies within the interval."


def partner_figures(material: Material, choice: Choice, area: str, open_pack: bool) -> list[PartnerFigure]:
    """The newest figure of each measure that partners give, for an area or the force, without what they quote.

    A measure of which nothing was ever given is left out.
    """
    returned = [
        each
        for each in choice.returned
        if not any(item.quotes for item in material.declarations.feeds[each.feed].items_of(each))
    ]
    return [
        PartnerFigure(material, each, area, open_pack)
        for each in (*returned, *choice.reported)
        if any(material.facts[key].value is not None for key in material.keys.get(each.measure, ()))
    ]


def with_areas(material: Material, figures: list[PartnerFigure]) -> list[PartnerFigure]:
    """The same figures and those of the areas that stand beside them on the worksheets of their feeds, each once."""
    found = {each.key: each for each in figures}
    for of_feed in _by_feed(figures):
        areas = (replace(each, area=code) for each in of_feed for code in _codes(material, of_feed))
        found = {each.key: each for each in areas} | found
    return list(found.values())


def summary_sheet(
    material: Material, figures: list[PartnerFigure], beside: list[PartnerFigure], area: str
) -> Iterator[Sheet]:
    """A row a measure of partners: the sentence first, then the newest figure and the one of a year before.

    `beside` are all that are read in the pack, those of areas on the worksheets of their feeds too.
    """
    rows: list[tuple[Cell | str, ...]] = []
    for each in figures:
        numbers: list[Cell | str] = []
        for key in (each.key, each.earlier):
            is_rate = is_percentage(each.measure)
            numbers.append(each.cell(key) if is_rate else "[z]")
            numbers.append(each.cell(key, "numerator"))
            numbers.append(each.cell(key, "denominator") if is_rate or each.measure.rate else "[z]")
        out_of = each.measure.rate.out_of if each.measure.rate else ANSWERED if is_percentage(each.measure) else "[z]"
        priorities = material.declarations.plan.priorities_of(each.measure.measure, material.month)
        rows.append(
            (
                each.titled(area),
                each.says,
                each.covers,
                *numbers,
                out_of,
                ", ".join(priority.priority for priority in priorities) or "[z]",
                "".join(sorted(each.marks(each.key, each.earlier))) or words.NO_NOTES,
            )
        )
    compared = sum(each.difference is not None for each in beside)
    if rows:
        yield Sheet(
            SUMMARY,
            f"Summary of what partners report: {material.label(area)}",
            (
                *([READ, _by_chance(compared)] if compared else [NONE_READ]),
                *([OF_AREAS] if len(beside) > len(figures) else []),
                *([WEIGHTED] if any(each.measure.counted == "answers" for each in figures) else []),
                f"{WITHHELD}; out of fewer than {NOT_MANY} it is marked.",
                *(f"{each.measure.title}: {each.measure.caveat.strip()}" for each in figures if each.measure.caveat),
            ),
            Table(
                SUMMARY,
                (
                    Column("Measure", "text"),
                    Column("What the figures say", "text", width=44),
                    Column("Newest figure covers", "text"),
                    Column("Newest (%)", "number", 1),
                    Column("Newest: how many (count, or pounds)", "number"),
                    Column("Newest: out of (count)", "number"),
                    Column("A year before (%)", "number", 1),
                    Column("A year before: how many (count, or pounds)", "number"),
                    Column("A year before: out of (count)", "number"),
                    Column("Out of what", "text"),
                    Column("Speaks to", "text"),
                    Column("Notes", "text"),
                ),
                tuple(rows),
            ),
        )


def reported_sheets(material: Material, figures: list[PartnerFigure], beside: list[PartnerFigure]) -> Iterator[Sheet]:
    """A sheet a feed of these figures' measures, without those of a form; it says what those `beside` them say."""
    for of_feed in _by_feed(figures):
        sheet = _answers if of_feed[0].measure.counted == "answers" else _aggregates
        yield sheet(material, of_feed, [each for each in beside if each.feed == of_feed[0].feed])


def _by_feed(figures: list[PartnerFigure]) -> Iterator[list[PartnerFigure]]:
    """The figures of each feed that has no form, by its key."""
    there = sorted((each for each in figures if not each.feed.form), key=lambda each: each.feed.feed)
    yield from (list(of_feed) for _, of_feed in groupby(there, key=lambda each: each.feed.feed))


def _codes(material: Material, figures: list[PartnerFigure]) -> list[str]:
    """The areas that stand on a feed's worksheet, the force last; it alone where no other may, or of many questions."""
    first = figures[0]
    of_force_alone = first.open_pack and all(each.measure.sensitive for each in figures)
    if of_force_alone or (first.measure.counted == "answers" and len(figures) > 1):
        return [material.declarations.plan.home_force]
    return in_order(material, (key.area_code for each in figures for key in material.keys[each.measure.measure]))


def _aggregates(material: Material, figures: list[PartnerFigure], beside: list[PartnerFigure]) -> Sheet:
    """A row an area and period, its newest first; a column a measure and, of a rate, two more of what it is made of."""
    feed, open_pack = figures[0].feed, figures[0].open_pack
    measures = [each.measure for each in figures]
    keys = [key for each in measures for key in material.keys[each.measure]]
    codes = _codes(material, figures)
    newest = max(each.key.period for each in figures)
    periods = sorted({key.period for key in keys if key.period <= newest}, reverse=True)[: PERIODS[feed.cadence]]
    columns = [Column("Area and period", "text"), *(Column(span.title, "text") for span in feed.spans.values())]
    for each in measures:
        columns.append(Column(f"{each.title} ({each.unit})", "number", places(each)))
        if each.rate:
            columns.append(Column(f"{each.title}: how many (count)", "number"))
            columns.append(Column(f"{each.title}: out of ({each.rate.out_of})", "number"))
    rows: list[tuple[Cell | str, ...]] = []
    for code in codes:
        for period in periods:
            row: list[Cell | str] = [f"{material.label(code)}, {_return_of(feed, period)}"]
            row += [words.of_months(*span.of(period)) for span in feed.spans.values()]
            marks: dict[str, set[str]] = {}
            for of in figures:
                key = of.key._replace(area_code=code, period=period)
                for part in ("value", "numerator", "denominator") if of.measure.rate else ("value",):
                    row.append(of.cell(key, part))
                marks[of.measure.title] = of.marks(key)
            rows.append((*row, notes_of(marks)))
    return Sheet(
        feed.feed,
        f"{feed.title}: {_return_of(feed, newest)}",
        (
            *_says(beside),
            _given_by(feed),
            *([NEVER_ADDED] if any(len(months_between(*span.of(newest))) > 1 for span in feed.spans.values()) else []),
            *_population(material, measures),
            *_notes(measures, open_pack),
            *([OF_FORCE] if codes[1:] else []),
        ),
        Table(feed.feed, (*columns, Column("Notes", "text")), tuple(rows)),
    )


def _answers(material: Material, figures: list[PartnerFigure], beside: list[PartnerFigure]) -> Sheet:
    """A row a measure, of the force; of a survey of one question a row an area. Each with interval and base."""
    first, feed = figures[0], figures[0].feed
    basis, newest = first.key.basis, first.key.period
    codes = _codes(material, figures)
    counted = any(each.cell(each.key, "numerator") != "[x]" for each in figures)  # not only the share is given
    parts = ("value", "lower", "upper", *(["numerator"] if counted else []), "denominator")
    then, before = (words.period(basis, month) for month in (newest, add_months(newest, -12)))
    rows: list[tuple[Cell | str, ...]] = []
    for each in figures:
        for code in codes:
            key, earlier = each.key._replace(area_code=code), each.earlier._replace(area_code=code)
            cells = [each.cell(key, part) for part in parts]
            cells += [each.cell(earlier, part) for part in ("value", "denominator")]
            title = each.measure.title
            label = f"{title}, {material.label(code)}" if codes[1:] else title
            rows.append((label, *cells, "".join(sorted(each.marks(key, earlier))) or words.NO_NOTES))
    unit = "% of those who answered, weighted"
    return Sheet(
        feed.feed,
        f"{feed.title}: {then}",
        (
            *_says(beside),
            _given_by(feed),
            INTERVAL,
            *([WEIGHTED] if counted else []),
            *([QUARTER] if first.open_pack and feed.cadence == "monthly" else []),
            *_notes([each.measure for each in figures], first.open_pack),
        ),
        Table(
            feed.feed,
            (
                Column("Measure", "text"),
                Column(f"{then} ({unit})", "number", 1),
                Column(f"Interval, lower limit ({unit})", "number", 1),
                Column(f"Interval, upper limit ({unit})", "number", 1),
                *([Column("Said so (count)", "number")] if counted else []),
                Column("Answered (count)", "number"),
                Column(f"{before} ({unit})", "number", 1),
                Column(f"{before}: answered (count)", "number"),
                Column("Notes", "text"),
            ),
            tuple(rows),
        ),
    )


def _says(figures: list[PartnerFigure]) -> Iterator[str]:
    """What the newest figures say, each with its area; of those that say nothing new how many there are."""
    said = (each for each in figures if each.difference or each.beside_requirement)
    yield from (f"{each.titled('')}: {each.says}" for each in said)
    compared = [each for each in figures if each.difference is not None]
    if compared:
        quiet = sum(each.difference == 0 for each in compared)
        yield f"Of {len(compared)} compared with a year before, {quiet} do not differ beyond what chance alone gives."
        yield _by_chance(len(compared))


def _by_chance(compared: int) -> str:
    figures = f"{compared} figures that are" if compared > 1 else "one figure that is"
    return f"By chance alone, about {compared * (1 - LEVEL):.1f} of the {figures} compared would differ."


def _given_by(feed: Feed) -> str:
    return f"Figures are as given by: {feed.owner}. What each of them counts is said in the notes of this workbook."


def _return_of(feed: Feed, period: str) -> str:
    """The period of a delivery in words; where figures cover other months than the quarter, it is of a return."""
    return f"return of {words.of_month(period)}" if feed.of_other_months else of_period(feed, period)


def _population(material: Material, measures: list[Measure]) -> Iterator[str]:
    """Of which year the newest rates' denominators are, and that it is old where it is."""
    for each in measures:
        if years := material.population_years.get(each.measure):
            note = f"{each.title}: the newest rates use the population of {years}."
            if int(material.month[:4]) - int(years[:4]) >= OLD_POPULATION_YEARS:
                note += OLD_POPULATION
            yield note


def _notes(measures: list[Measure], open_pack: bool) -> Iterator[str]:
    if open_pack and (sensitive := [each.title for each in measures if each.sensitive]):
        yield f"{', '.join(sensitive)}. {SENSITIVE}"
    if any(map(is_percentage, measures)):
        yield f"{WITHHELD}; out of fewer than {NOT_MANY} it is marked."
    yield from (f"{each.title}: {each.caveat.strip()}" for each in measures if each.caveat)
