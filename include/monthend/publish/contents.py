"""What stands in a pack: from a month-end's facts and a board's declaration to a workbook as data.

Every number comes with its passport. Facts are read, never rows; nothing here computes a count.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence

from monthend.plan.calendar import add_months, freeze_day, month_end, month_for, months_between
from monthend.plan.declarations import Rendering
from monthend.publish import words
from monthend.publish.book import Book, Cell, Column, Cover, Heading, Link, Sheet, Table
from monthend.publish.breakdown import breakdown_sheet
from monthend.publish.by_quarter import by_quarter_sheet
from monthend.publish.choice import Choice, choose
from monthend.publish.figure import PartnerFigure
from monthend.publish.group import GroupSheets
from monthend.publish.material import Material, Pack, decimals_of, fact_cell, per, population_note
from monthend.publish.measure import CHART_DATA, MeasureSheet, measure_sheets, speaks
from monthend.publish.narrative import narrative_sheet
from monthend.publish.quality import FINDINGS, quality_sheets
from monthend.publish.reported import SUMMARY, partner_figures, reported_sheets, summary_sheet, with_areas
from monthend.publish.returned import area_sheets, return_sheets
from monthend.publish.revised import revision_sheet
from monthend.statistics import spc

MOST_NAMED = 3
MONTHS_AHEAD = 6  # within which a board meets again
NOT_COMPARED = "Not compared with the most similar group: no quarter is complete for all of its forces."


def book(material: Material, pack: Pack) -> Book:
    """The workbook of a pack, as data. A draft is the same book, marked in every sheet and in its file name."""
    choice = choose(material, pack)
    area = pack.board.area or material.declarations.plan.home_force
    sheets = measure_sheets(material, choice.read, area)
    outcomes = measure_sheets(material, choice.outcomes, area)
    comparators = measure_sheets(material, choice.comparators, area)
    sensitive = measure_sheets(material, choice.by_quarter, material.declarations.plan.home_force)
    partners = partner_figures(material, choice, area, pack.rendering.marking != "OFFICIAL-SENSITIVE")
    beside = with_areas(material, partners)
    draft = material.frozen_on is None
    title = f"{pack.board.title}: data to the end of {words.of_month(material.month)}"
    when = material.frozen_on or month_end(material.month)
    published = pack.rendering.rendering == "published"  # that names nobody
    waivers = [waiver if published else f"{waiver} ({by})" for waiver, by in material.waivers]
    in_group = pack.board.most_similar_group
    compared = GroupSheets(material, [each for each in sheets if each.of_group()]).sheets() if in_group else ()
    compared_privately = GroupSheets(material, comparators, comparators=True).sheets() if in_group else ()
    return Book(
        pack_id=pack.pack_id,
        file_name=file_name(pack, material.month, draft),
        title=title,
        subject=f"{pack.board.title}, {words.of_month(material.month)}",
        organisation=material.declarations.plan.organisation,
        keywords=("police", "crime", "performance", material.month),
        marking=marking(pack.rendering),
        draft=draft,
        rendering=pack.rendering.rendering,
        when=datetime.datetime.combine(when, datetime.time(9), datetime.UTC),
        cover=_cover(
            material, title, pack, choice, [*sheets, *outcomes, *comparators, *sensitive], partners, beside, waivers
        ),
        sheets=(
            _summary(material, sheets, area, compared=not in_group or bool(compared or compared_privately)),
            *summary_sheet(material, partners, beside, area),
            *(sheet for each in sheets for sheet in (each.sheet(), *breakdown_sheet(each))),
            *(sheet for each in outcomes for sheet in breakdown_sheet(each)),
            *compared[:1],
            *compared_privately[:1],
            *(area_sheets(material, sheets, area) if choice.returned and pack.board.area else ()),
            *(return_sheets(material, choice, pack.board) if pack.board.returns else ()),
            *narrative_sheet(material, pack.board),
            *by_quarter_sheet(material, sensitive),
            *reported_sheets(material, partners, beside),
            *(revision_sheet(material, choice) if pack.board.revisions else ()),
            *quality_sheets(material, choice, waivers),
            _notes(material, choice),
            _chart_data(material, sheets),
            *compared[1:],
            *compared_privately[1:],
        ),
    )


def marking(rendering: Rendering) -> str:
    """The marking as it stands in a cell of every sheet and first in an e-mail's subject."""
    return f"{rendering.marking}, PUBLISHED" if rendering.rendering == "published" else rendering.marking


def file_name(pack: Pack, month: str, draft: bool) -> str:
    """The name a reader sees: board, rendering, month, meeting; `draft-` first where it is one."""
    board = pack.board.board.replace("_", "-")
    rendering = "-published" if pack.rendering.rendering == "published" else ""
    meeting = f"-meeting-{pack.meeting:%-d-%b}" if pack.meeting else ""
    return f"{'draft-' if draft else ''}{board}{rendering}-{month_end(month):%B-%Y}{meeting}.xlsx".lower()


def _summary(material: Material, measures: list[MeasureSheet], area: str, compared: bool) -> Sheet:
    """A row a measure: the sentence first, then the counts."""
    rated = [each.measure for each in measures if each.measure.rate]
    newest = {each.latest for each in measures}
    if len(newest) == 1:
        (month,) = newest
        then, year, before = (
            words.of_month(month),
            words.period("r12", month),
            words.period("r12", add_months(month, -12)),
        )
    else:
        then, year, before = "Newest month", "12 months to then", "12 months to a year before"
    columns = (
        Column("Measure", "text"),
        Column("What the data say", "text", width=44),
        Column(f"{then} (count)", "number"),
        Column(f"{year} (count)", "number"),
        Column(f"{before} (count)", "number"),
        Column(f"{year} ({per(rated)})", "number", max(map(decimals_of, rated), default=0)),
        Column("Speaks to", "text"),
        Column("Notes", "text"),
    )
    rows = []
    for each in measures:
        month, rate = each.latest, each.measure.rate
        twelve = each.key("r12", month)
        numbers = material.declarations.plan.priorities_of(each.measure.measure, material.month)
        rows.append(
            (
                _titled(each, area),
                each.says,
                fact_cell(material, each.key("month", month), 0),
                each.number(twelve),
                each.a_year_before(twelve),
                each.number(each.key("r12", month, "rate"), rate.decimals) if rate else "[z]",
                ", ".join(priority.priority for priority in numbers) or "[z]",
                each.marks(month) or words.NO_NOTES,
            )
        )
    read = sum(map(speaks, measures))
    budget = spc.false_alarm_budget(each.usual for each in measures if each.usual and speaks(each))
    return Sheet(
        "summary",
        f"Summary: {material.label(area)}, data to the end of {words.of_month(max(newest))}",
        (
            "Each measure is read against its own usual range, not against a target or another force.",
            *(
                [f"By chance alone, about {budget:.1f} of the {read} measures read that way would look unusual."]
                if read
                else []
            ),
            *dict.fromkeys(population_note(material, each.area) for each in measures if each.measure.rate),
            *([] if compared else [NOT_COMPARED]),
            *_caveats(measures),
        ),
        Table("summary", columns, tuple(rows)),
    )


def _caveats(measures: list[MeasureSheet]) -> Iterator[str]:
    """What is to be known of several measures alike; of a single one it stands on its own sheet."""
    titles: dict[str, list[str]] = {}
    for each in measures:
        if each.measure.caveat:
            titles.setdefault(each.measure.caveat.strip(), []).append(each.measure.title)
    for caveat, of in titles.items():
        if len(of) > 1:
            named = ", ".join(of) if len(of) <= MOST_NAMED else f"{of[0]} to {of[-1]}, {len(of)} measures"
            yield f"{named}: {caveat}"


def _notes(material: Material, choice: Choice) -> Sheet:
    measures = choice.shown
    terms = [(measure.title, measure.description.strip()) for measure in measures]
    terms += [
        (priority.priority, f"{priority.title}. Strategic priority of the plan ({priority.provenance}).")
        for theme in material.declarations.plan.themes
        for priority in theme.priorities
        if {measure.measure for measure in measures} & set(priority.measures) and priority.in_force(material.month)
    ]
    if choice.sensitive:
        titles = ", ".join(measure.title for measure in choice.sensitive)
        terms.append(("Not shown here", f"{titles}: sensitive, so they are not published."))
    terms += list(material.declarations.glossary.terms.items())
    return Sheet(
        "notes",
        "Notes and definitions",
        (),
        Table(
            "notes",
            (Column("Term", "text"), Column("Meaning", "text", width=60)),
            tuple(terms),
        ),
    )


def _chart_data(material: Material, measures: list[MeasureSheet]) -> Sheet:
    months = sorted({month for each in measures for month in each.months})
    columns: list[Column] = []
    filled: list[list[Cell]] = []
    for each in measures:
        for heading, _, _, kind in each.chart_columns():
            cells = [each.chart_cell(month, kind) if month in each.months else Cell(None) for month in months]
            columns.append(Column(heading, "number", 1 if kind in ("mean", "lower", "upper") else 0))
            filled.append(cells)
    rows = [
        (Cell(datetime.date.fromisoformat(f"{month}-01")), *(cells[place] for cells in filled))
        for place, month in enumerate(months)
    ]
    return Sheet(
        CHART_DATA,
        "Numbers behind the charts",
        (),
        Table("chart_data", (Column("Month", "month"), *columns), tuple(rows)),
        blanks="A blank cell means that nothing is drawn for that month.",
    )


def _cover(
    material: Material,
    title: str,
    pack: Pack,
    choice: Choice,
    shown: list[MeasureSheet],
    partners: list[PartnerFigure],
    beside: list[PartnerFigure],
    waivers: Sequence[str],
) -> Cover:
    measures = [each for each in shown if each.measure in choice.read]
    plan = material.declarations.plan
    area = pack.board.area or plan.home_force
    month = words.of_month(material.month)
    if material.frozen_on is None:
        state = (
            "This is a draft from a candidate that is not signed off. Its numbers can still change. Do not pass it on."
        )
        published = "Not published: a draft."
    else:
        again = f", revision {material.revision}" if material.revision > 1 else ""
        state = f"Data to the end of {month}, frozen on {words.of_day(material.frozen_on)}{again}."
        published = f"Published from the snapshot frozen on {words.of_day(material.frozen_on)}."
    if pack.meeting:
        why = (
            f"For the meeting of {words.of_day(pack.meeting)}. {month} is the newest month frozen at least five "
            "clear working days before that day; the same rule gives every board its month."
        )
    else:
        why = "No meeting in this board's calendar has this month as its newest; the pack is for reference."
    used = {key for measure in (*choice.shown, *choice.missing) for key in (measure.feed, *measure.reads)}
    used |= {key for key in (pack.board.returns, pack.board.narratives and "narrative") if key}
    titles = tuple(f"{material.declarations.feeds[key].title}, " for key in used)
    missing = [name for name in material.missing if name.startswith(titles)]
    elsewhere = len(material.missing) - len(missing)
    feeds = [material.declarations.feeds[each.feed] for each in (*choice.returned, *choice.reported)]
    newest = {feed.feed: feed.newest_period(material.month) for feed in feeds}
    newest |= {each.feed.feed: each.key.period for each in sorted(partners, key=lambda each: each.key.period)}
    lines: list[Heading | Link | str] = [
        state,
        Heading("Summary"),
        *_signals(measures, area),
        *_differences(partners, beside, area),
        *(f"Missing: {name}." for name in missing),
        *([f"Missing of feeds not used here: {elsewhere}. Worksheet {FINDINGS} names them."] if elsewhere else []),
        *(f"Withheld: {each.title}. {material.withheld[each.measure]}" for each in choice.withheld),
        *(f"Waiver: {waiver}" for waiver in waivers),
        Heading("Which month, and why"),
        why,
        Heading("Plan"),
        f"{plan.title}. It stays in force until it is replaced.",
        Heading("Source"),
        *dict.fromkeys(
            f"{material.declarations.feeds[each.measure.feed].title}, to {words.of_month(each.latest)}."
            for each in shown
            if not each.ended
        ),
        *(
            f"{feed.title}, {'return of' if feed.of_other_months else 'to'} {words.of_month(newest[feed.feed])}."
            for feed in (material.declarations.feeds[key] for key in newest)
        ),
        f"Digest of the data: {material.digest}",
        Heading("Published"),
        published,
        _next_update(material, pack),
        Heading("Provisional and revised figures"),
        "Months under twelve months old are provisional and may be revised. What was revised is marked in the notes.",
        Heading("Caveats"),
        "Figures are what was recorded; they say nothing of what was not reported. There are no targets.",
        population_note(material, plan.home_force),
        Heading("Contact"),
        Link(f"{plan.organisation}, by e-mail", f"mailto:{plan.contact}"),
    ]
    return Cover(title, tuple(lines))


def _next_update(material: Material, pack: Pack) -> str:
    """Which month the board sees next: that of its next meeting that sees a later one or, without one, the next."""
    following, meeting = add_months(material.month, 1), ""
    months = months_between(material.month, add_months(material.month, MONTHS_AHEAD))
    expected = {month: freeze_day(month) for month in months}
    for day in sorted(each for each in pack.board.meetings if pack.meeting and each > pack.meeting):
        seen = month_for(day, expected)
        if seen and seen > material.month:
            following, meeting = seen, f", for the meeting of {words.of_day(day)}"
            break
    frozen = words.of_day(freeze_day(following))
    return f"Next update: data to the end of {words.of_month(following)}, to be frozen by {frozen}{meeting}."


def _titled(each: MeasureSheet, area: str) -> str:
    """A measure with its newest month where it is not the month-end's, and its area where that is not the pack's."""
    return each.dated if each.area == area else f"{each.dated}, {each.material.label(each.area)}"


def _signals(measures: list[MeasureSheet], area: str) -> Iterator[str]:
    """What the measures say that are read against their usual range, and which are not."""
    read = [each for each in measures if speaks(each)]
    signals = [f"{_titled(each, area)}: {each.says}" for each in read if each.says != words.NO_SIGNAL]
    quiet = len(read) - len(signals)
    yield from signals
    if quiet:
        who = f"{'other ' if signals else ''}measure{'s' if quiet > 1 else ''} read against a usual range"
        many = f"The {quiet} {who} show" if quiet > 1 else f"The {who} shows"
        yield f"{many} no change beyond normal month-to-month variation."
    if other := [each.measure.title for each in measures if not speaks(each)]:
        yield f"Shown without a reading against a usual range: {', '.join(other)}."


def _differences(partners: list[PartnerFigure], beside: list[PartnerFigure], area: str) -> Iterator[str]:
    """What partners' figures say, those of areas too, and of the pack's own how many say nothing, and why."""
    read = [each for each in beside if each.difference is not None]
    said = {each.key: each for each in (*read, *partners) if each.difference or each.beside_requirement}
    yield from (f"{each.titled(area)}, {each.covers}: {each.says}" for each in said.values())
    if quiet := sum(each.difference == 0 for each in read):
        yield f"Partners' figures that do not differ from a year before beyond what chance alone gives: {quiet}."
    others = [each for each in partners if each.difference is None and not each.beside_requirement]
    cells = (each.cell(each.key) for each in others)
    shown = Counter(cell for cell in cells if isinstance(cell, str))
    if shown["[x]"]:
        yield f"Partners' figures that are not available: {shown['[x]']}."
    if withheld := shown["[c]"] + shown["[u]"]:
        yield f"Partners' figures that are withheld: {withheld}."
    if other := len(others) - shown["[x]"] - withheld:
        yield f"Partners' figures shown without a reading: {other}. Worksheet {SUMMARY} says why of each."
