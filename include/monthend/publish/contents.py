"""What stands in a pack: from a month-end's facts and a board's declaration to a workbook as data.

Every number comes with its passport. Facts are read, never rows; nothing here computes a count.
"""

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from monthend.freeze.candidate import canonical
from monthend.freeze.facts import Fact, Facts, Key, marks
from monthend.plan.calendar import add_months, freeze_day, month_end, months_between
from monthend.plan.declarations import Board, Declarations, Measure, MostSimilarGroup, Rendering
from monthend.publish import words
from monthend.publish.book import Book, Cell, Chart, Column, Cover, Heading, Link, Passport, Series, Sheet, Table
from monthend.statistics import spc

CHART_DATA, CHART_FORCES = "chart_data", "chart_forces"
Role = Literal["values", "mean", "limit", "outside", "trend", "two_in_three", "shift"]
ROLES: dict[Role, str] = {  # of a point that is a signal, in the order in which a legend names them
    "outside": "outside the usual range",
    "trend": "7 rising or falling",
    "two_in_three": "2 of 3 near the edge",
    "shift": "7 on one side of the mean",
}
OLD_POPULATION_YEARS = 10
NOT_COMPARED = "Not compared with the most similar group: no quarter is complete for all of its forces."
AXIS_FROM_ZERO = 0.5  # an axis starts at zero unless the lowest value is more than half the highest


@dataclass(frozen=True)
class Material:
    """Everything a pack is made from: a candidate's facts, what validation found, and where it comes from."""

    declarations: Declarations
    month: str
    revision: int
    digest: str
    frozen_on: datetime.date | None  # None: a draft from a candidate
    facts: Facts
    revised: frozenset[Key]
    area_names: dict[str, str]
    populations: dict[str, list[tuple[str, str]]]  # by area: date (YYYY-MM-DD) and name, in date order
    quality: list[dict[str, Any]]  # a row a check of a feed, over this month-end's deliveries
    quarantined: list[tuple[str, str, int, int, int]]  # feed, title, deliveries, those with quarantined rows, such rows
    missing: tuple[str, ...]
    late: tuple[str, ...]

    def fact(self, key: Key) -> Fact:
        """The fact, which every pack finds the same."""
        return self.facts[key]

    def marks(self, key: Key) -> str:
        """The fact's marks in square brackets, as they stand in a notes column; [x] stands in the cell itself."""
        letters = marks(key, self.facts[key], self.month, key in self.revised).split()
        return "".join(f"[{letter}]" for letter in letters if letter != "x")


@dataclass(frozen=True)
class Pack:
    """One workbook to be made: which board, which rendering, for which meeting."""

    pack_id: str
    board: Board
    rendering: Rendering
    meeting: datetime.date | None


def book(material: Material, pack: Pack) -> Book:
    """The workbook of a pack, as data. A draft is the same book, marked in every sheet and in its file name."""
    measures = _measures(material, pack)
    sheets = [_Measure(material, measure) for measure in measures]
    draft = material.frozen_on is None
    title = f"{pack.board.title}: data to the end of {words.of_month(material.month)}"
    when = material.frozen_on or month_end(material.month)
    group = _Group(material, [measure for measure in measures if measure.rate])
    compared = group.sheets() if pack.board.most_similar_group and group.measures else ()
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
        cover=_cover(material, pack, title, sheets),
        sheets=(
            _summary(material, sheets, compared=not pack.board.most_similar_group or bool(compared)),
            *(sheet.sheet() for sheet in sheets),
            *compared[:1],
            _data_quality(material),
            _notes(material, sheets),
            _chart_data(material, sheets),
            *compared[1:],
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


def _measures(material: Material, pack: Pack) -> list[Measure]:
    """The board's measures; of a thematic pack, those of the theme in rotation at the meeting."""
    if pack.board.measures:
        keys: Sequence[str] = pack.board.measures
    else:
        theme = theme_at(pack.board, pack.meeting or freeze_day(material.month))
        priorities = next(t.priorities for t in material.declarations.plan.themes if t.theme == theme)
        keys = list(dict.fromkeys(key for priority in priorities for key in priority.measures))
    return [material.declarations.measures[key] for key in keys]


def theme_at(board: Board, day: datetime.date) -> str:
    """The theme of a thematic pack for a meeting on `day`; before the first rotation, the first one."""
    return next((each.theme for each in reversed(board.themes) if each.from_meeting <= day), board.themes[0].theme)


def _fact_cell(material: Material, key: Key, decimals: int) -> Cell:
    value = material.fact(key).value
    return Cell("[x]" if value is None else rounded(value, decimals), _passport(material, key, "value", decimals))


def _passport(material: Material, key: Key, part: str, decimals: int) -> Passport:
    """Which number of which fact, and what has to be the same wherever it stands: label, rounding, mark."""
    measure = material.declarations.measures[key.measure.removesuffix("_rate")]
    same = {"label": measure.title, "decimals": decimals, "mark": material.marks(key)}
    return Passport("fact", canonical({**dict(zip(Key._fields, key, strict=True)), "part": part, **same}))


def rounded(value: Decimal, decimals: int) -> int | Decimal:
    """A number rounded half up; a whole number as such."""
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return int(rounded) if decimals == 0 else rounded


def _derived(value: float, decimals: int, formula: str, **of: Any) -> Cell:
    """A number made from facts by a named formula."""
    return Cell(
        "[z]" if pd.isna(value) else rounded(Decimal(repr(float(value))), decimals),
        Passport("derived", canonical({"formula": formula, **of})),
    )


@dataclass(frozen=True)
class _Measure:
    """A measure for the home force: its monthly series, its chart and its sheet."""

    material: Material
    measure: Measure

    @property
    def area(self) -> str:
        return self.material.declarations.plan.home_force

    def key(self, basis: str, period: str, rate: bool = False) -> Key:
        return Key(f"{self.measure.measure}{'_rate' if rate else ''}", basis, self.area, period)

    @cached_property
    def months(self) -> list[str]:
        """Every month there is a fact for, oldest first."""
        keys = self.material.facts
        first = min(key.period for key in keys if key.measure == self.measure.measure and key.basis == "month")
        return months_between(first, self.material.month)

    @cached_property
    def control_chart(self) -> spc.Chart | None:
        """The control chart of the months held in a row up to the month-end; a gap is never bridged."""
        run: list[tuple[str, int]] = []
        for month in reversed(self.months):
            value = self.material.fact(self.key("month", month)).value
            if value is None:
                break
            run.append((month, int(value)))
        if not run:
            return None
        counts = pd.Series([count for _, count in reversed(run)], index=[month for month, _ in reversed(run)])
        return spc.count_chart(counts, self.measure.seasonal)

    @property
    def usual(self) -> spc.Chart | None:
        """The control chart where it says what is usual: with enough points for limits."""
        chart = self.control_chart
        return None if chart is None or chart.trial or chart.method == "none" else chart

    @cached_property
    def says(self) -> str:
        return words.signal(self.measure, self.control_chart)

    def limit(self, month: str, column: str, decimals: int = 0) -> Cell:
        of = {"measure": self.measure.measure, "area": self.area, "period": month}
        chart = self.usual
        if chart is None or month not in chart.points.index:
            return _derived(float("nan"), decimals, f"usual_range_{column}", **of)
        baseline = list(chart.points.index[[0, chart.baseline_points - 1]])
        return _derived(float(chart.points[column][month]), decimals, f"usual_range_{column}", baseline=baseline, **of)

    def signal_at(self, month: str) -> str:
        """What a month says, short enough for a row."""
        chart = self.usual
        if chart is None or month not in chart.points.index or self.measure.polarity == "context":
            return "[z]"
        rule, direction = chart.points["signal"][month], chart.points["direction"][month]
        return words.sentence(self.measure, rule, direction).split(". ")[0].rstrip(".") if rule else "Nothing unusual"

    def sheet(self) -> Sheet:
        """The measure's sheet: the sentence, the chart, one table with the newest month first."""
        measure = self.measure
        rate = measure.rate
        columns = [
            Column("Month", "text"),
            Column("What the month says", "text", width=34),
            Column(f"In the month ({measure.unit})", "number", measure.decimals),
            Column("Usual range, lower limit", "number"),
            Column("Usual range, upper limit", "number"),
            Column(f"In the 12 months to then ({measure.unit})", "number", measure.decimals),
        ]
        if rate:
            columns.append(Column(f"In the 12 months to then (per {rate.per:,} residents)", "number", rate.decimals))
        columns.append(Column("Notes", "text"))
        rows = []
        for month in reversed(self.months):
            row: list[Cell | str] = [
                words.of_month(month),
                self.signal_at(month),
                _fact_cell(self.material, self.key("month", month), measure.decimals),
                self.limit(month, "lower"),
                self.limit(month, "upper"),
                _fact_cell(self.material, self.key("r12", month), measure.decimals),
            ]
            if rate:
                row.append(_fact_cell(self.material, self.key("r12", month, rate=True), rate.decimals))
            row.append(self.material.marks(self.key("month", month)) or "[z]")
            rows.append(tuple(row))
        return Sheet(
            name=_sheet_name(measure),
            title=f"{measure.title} by month, {self.material.area_names[self.area]}",
            notes=(self.says, measure.description, *self._seasonal_note(), _population_note(self.material, self.area)),
            table=Table(measure.measure, tuple(columns), tuple(rows)),
            chart=self._chart(),
        )

    def _seasonal_note(self) -> Iterator[str]:
        chart = self.control_chart
        if chart is not None and chart.seasonal:
            yield "The usual range follows the months of the year, found on the first 24 months."

    def _chart(self) -> Chart:
        area = self.material.area_names[self.area]
        first, last = words.of_month(self.months[0]), words.of_month(self.months[-1])
        return Chart(
            title=f"{self.measure.title}, {area}: {self.measure.unit} a month",
            alternative_text=f"Line chart of {self.measure.title.lower()} ({self.measure.unit} a month) in {area}, "
            f"{first} to {last}, with mean and usual range. {self.says}",
            kind="line",
            sheet=CHART_DATA,
            category="Month",
            series=tuple(Series(head, role, label.capitalize()) for head, label, role, _ in self.chart_columns()),
            unit=self.measure.unit,
            minimum=self._axis_start(),
        )

    def _axis_start(self) -> float | None:
        """Where the axis starts when zero would press the line flat; the chart's title then says so."""
        drawn = [
            float(cell.value)
            for _, _, _, kind in self.chart_columns()
            for month in self.months
            if isinstance((cell := self.chart_cell(month, kind)).value, int | Decimal)
        ]
        if not drawn or min(drawn) < AXIS_FROM_ZERO * max(drawn):
            return None
        step = 10 ** math.floor(math.log10(max(drawn) - min(drawn) or 1))
        return float(math.floor(min(drawn) / step - 1) * step)

    def chart_columns(self) -> list[tuple[str, str, Role, str]]:
        """Columns of the chart's data: heading, label in the chart, role there, column of the control chart."""
        chart = self.usual
        columns: list[tuple[str, Role, str]] = [("count", "values", "value")]
        if chart is not None:
            columns += [("mean", "mean", "mean"), ("lower limit", "limit", "lower"), ("upper limit", "limit", "upper")]
            if self.measure.polarity != "context":
                columns += [(label, role, role) for role, label in ROLES.items() if role in set(chart.points["signal"])]
        return [(f"{self.measure.title}: {label}", label, role, column) for label, role, column in columns]

    def chart_cell(self, month: str, kind: str) -> Cell:
        """A cell of the chart's data; None where nothing is drawn."""
        if kind in ("mean", "lower", "upper"):
            cell = self.limit(month, kind, 1)
            return Cell(None) if cell.value == "[z]" else cell
        drawn = kind == "value"
        if not drawn:
            chart = self.control_chart
            drawn = chart is not None and chart.points["signal"].get(month) == kind
        cell = _fact_cell(self.material, self.key("month", month), self.measure.decimals)
        return cell if drawn and cell.value != "[x]" else Cell(None)


def _sheet_name(measure: Measure) -> str:
    """The measure's key as a tab's name: whole words, short enough for `chart_` to go before it."""
    name = measure.measure.removeprefix("open_")
    while len(name) > 25:
        name = name.rpartition("_")[0]
    return name


def _population_note(material: Material, area: str) -> str:
    """Which population a rate used, and that it is old where it is."""
    month_last = month_end(material.month)
    figures = [(as_at, name) for as_at, name in material.populations.get(area, []) if as_at <= month_last.isoformat()]
    if not figures:
        return "No population is held, so no rate can be given."
    as_at, name = figures[-1]
    day = datetime.date.fromisoformat(as_at)
    note = f"Rates use {name} ({words.of_day(day)})."
    if month_last.year - day.year - ((month_last.month, month_last.day) < (day.month, day.day)) >= OLD_POPULATION_YEARS:
        note += " That is ten years or more before the period: where the population grew, rates are too high."
    return note


def _summary(material: Material, measures: list[_Measure], compared: bool) -> Sheet:
    """A row a measure: the sentence first, then the counts."""
    month, year_before = material.month, add_months(material.month, -12)
    rated = [each.measure for each in measures if each.measure.rate]
    columns = (
        Column("Measure", "text"),
        Column("What the data say", "text", width=44),
        Column(f"{words.of_month(month)} (count)", "number"),
        Column(f"{words.period('r12', month)} (count)", "number"),
        Column(f"{words.period('r12', year_before)} (count)", "number"),
        Column(f"{words.period('r12', month)} ({_per(rated)})", "number", max(map(_decimals, rated), default=0)),
        Column("Speaks to", "text"),
        Column("Notes", "text"),
    )
    rows = []
    for each in measures:
        earlier, rate = each.key("r12", year_before), each.measure.rate
        rows.append(
            (
                each.measure.title,
                each.says,
                _fact_cell(material, each.key("month", month), 0),
                _fact_cell(material, each.key("r12", month), 0),
                _fact_cell(material, earlier, 0) if earlier in material.facts else "[x]",
                _fact_cell(material, each.key("r12", month, rate=True), rate.decimals) if rate else "[z]",
                ", ".join(_priorities(material, each.measure)) or "[z]",
                material.marks(each.key("month", month)) or "[z]",
            )
        )
    area = material.area_names[material.declarations.plan.home_force]
    budget = spc.false_alarm_budget(each.usual for each in measures if each.usual and _speaks(each))
    return Sheet(
        "summary",
        f"Summary: {area}, data to the end of {words.of_month(month)}",
        (
            "Each measure is read against its own usual range, not against a target or another force.",
            f"Were nothing to change, chance alone would make about {budget:.1f} of the "
            f"{sum(map(_speaks, measures))} measures read that way look unusual in a month.",
            _population_note(material, material.declarations.plan.home_force),
            *([] if compared else [NOT_COMPARED]),
        ),
        Table("summary", columns, tuple(rows)),
    )


def _speaks(each: _Measure) -> bool:
    return each.usual is not None and each.measure.polarity != "context"


def _priorities(material: Material, measure: Measure) -> list[str]:
    return [
        priority.priority
        for theme in material.declarations.plan.themes
        for priority in theme.priorities
        if measure.measure in priority.measures
    ]


@dataclass(frozen=True)
class _Group:
    """The most similar group: rates on the longest basis that is complete for all; alphabetical, no order of merit."""

    material: Material
    measures: list[Measure]  # those with a rate

    @cached_property
    def group(self) -> MostSimilarGroup:
        groups = self.material.declarations.plan.most_similar_groups
        return next(group for group in reversed(groups) if group.from_month <= self.material.month)

    @cached_property
    def forces(self) -> list[str]:
        return sorted(self.group.forces, key=lambda code: self.material.area_names[code])

    @cached_property
    def chosen(self) -> tuple[str, str] | None:
        """Basis and last month: the longest that is complete for every force and measure, the latest of these."""
        facts = self.material.facts
        for basis in ("r12", "quarter"):
            for period in sorted({key.period for key in facts if key.basis == basis}, reverse=True):
                keys = [self.key(measure, code, basis, period) for measure in self.measures for code in self.forces]
                if keys and all(facts[key].value is not None for key in keys):
                    return basis, period
        return None

    def key(self, measure: Measure, code: str, basis: str, period: str) -> Key:
        return Key(f"{measure.measure}_rate", basis, code, period)

    def name(self, code: str) -> str:
        own = code == self.material.declarations.plan.home_force
        return self.material.area_names[code] + (" (own force)" if own else "")

    @property
    def means(self) -> list[tuple[str, list[str]]]:
        """The unweighted means: of all the forces, and of the peers alone."""
        peers = [code for code in self.forces if code != self.material.declarations.plan.home_force]
        return [(f"Mean of the {len(self.forces)}", self.forces), (f"Mean of the other {len(peers)}", peers)]

    def mean(self, measure: Measure, members: list[str]) -> Cell:
        basis, period = self.chosen or ("", "")
        values = [self.material.fact(self.key(measure, code, basis, period)).value or Decimal(0) for code in members]
        of = {"measure": f"{measure.measure}_rate", "basis": basis, "period": period, "areas": members}
        return Cell(
            rounded(sum(values, Decimal(0)) / len(members), _decimals(measure)),
            Passport("derived", canonical({"formula": "unweighted_mean", **of})),
        )

    def rate(self, measure: Measure, code: str) -> Cell:
        return _fact_cell(self.material, self.key(measure, code, *(self.chosen or ("", ""))), _decimals(measure))

    def sheets(self) -> tuple[Sheet, Sheet] | tuple[()]:
        """The table of rates with a chart of its first measure, and the numbers behind it with the residents."""
        if self.chosen is None:
            return ()
        basis, period = self.chosen
        span, first = words.period(basis, period), self.measures[0]
        decimals = max(map(_decimals, self.measures))
        table = Table(
            "most_similar_group",
            (
                Column(f"Measure ({_per(self.measures)})", "text"),
                *(Column(self.name(code), "number", decimals) for code in self.forces),
                *(Column(label, "number", decimals) for label, _ in self.means),
            ),
            tuple(
                (
                    measure.title,
                    *(self.rate(measure, code) for code in self.forces),
                    *(self.mean(measure, members) for _, members in self.means),
                )
                for measure in self.measures
            ),
        )
        unit = _per([first])
        rate_heading = f"{first.title} ({unit})"
        residents = [
            _passport(self.material, self.key(first, code, basis, period), "denominator", 0) for code in self.forces
        ]
        behind = Table(
            "chart_forces",
            (
                Column("Force", "text"),
                Column(rate_heading, "number", _decimals(first)),
                Column("Residents", "number"),
                Column("Area code", "code"),
            ),
            (
                *(
                    (
                        self.name(code),
                        self.rate(first, code),
                        Cell(int(self.material.fact(self.key(first, code, basis, period)).denominator or 0), passport),
                        code,
                    )
                    for code, passport in zip(self.forces, residents, strict=True)
                ),
                *((label, self.mean(first, members), "[z]", "[z]") for label, members in self.means),
            ),
        )
        population = _population_note(self.material, self.material.declarations.plan.home_force)
        return (
            Sheet(
                "most_similar_group",
                f"Most similar group: {span}",
                (
                    f"Rates for the {span}, the longest period that is complete for all {len(self.forces)} forces.",
                    "Forces are in alphabetical order; their order says nothing. A mean is unweighted: each force "
                    "counts once, the own force included unless it says otherwise.",
                    f"{population} The residents of each force are on worksheet {CHART_FORCES}.",
                    f"Who is in the group: {self.group.provenance}",
                ),
                table,
                Chart(
                    title=f"{first.title} {unit}, {span}",
                    alternative_text=f"Bar chart of {first.title.lower()} {unit} for the "
                    f"{len(self.forces)} forces of the most similar group in alphabetical order, and the means.",
                    kind="bar",
                    sheet=CHART_FORCES,
                    category="Force",
                    series=(Series(rate_heading, "values", first.title),),
                    unit=unit,
                ),
            ),
            Sheet(
                CHART_FORCES,
                "Numbers behind the chart of forces, and the residents that rates use",
                (population,),
                behind,
            ),
        )


def _per(measures: list[Measure]) -> str:
    """The unit of rates that stand under one heading."""
    units = {f"per {measure.rate.per:,} residents" for measure in measures if measure.rate}
    return units.pop() if len(units) == 1 else "rate, its unit on the measure's worksheet"


def _decimals(measure: Measure) -> int:
    return measure.rate.decimals if measure.rate else measure.decimals


def _data_quality(material: Material) -> Sheet:
    """One long table: each check of each feed, then what is missing and what came late."""
    columns = (
        Column("What", "text", width=60),
        Column("Kind", "text"),
        Column("Deliveries", "number"),
        Column("Deliveries that failed", "number"),
        Column("Rows that failed", "number"),
        Column("What happens to them", "text", width=40),
    )
    consequence = {
        "block_feed": "The delivery is blocked",
        "quarantine_row": "The row is quarantined and in no figure",
        "warn": "They count; a steward looks at them",
        "info": "They count",
    }
    nothing = "[z]"
    rows: list[tuple[Cell | str, ...]] = []
    for kind, names, means in (
        ("missing", material.missing, "Shown as not available, never as zero"),
        ("late", material.late, "They count"),
    ):
        for name in names:
            passport = Passport("delivery", canonical({"delivery": name, "figure": kind}))
            rows.append((f"{name} ({kind})", kind, Cell(1, passport), nothing, nothing, means))
    for feed, title, deliveries, failed, quarantined in material.quarantined:
        of = {"feed": feed, "figure": "quarantined"}
        figures = (("deliveries", deliveries), ("failed", failed), ("rows", quarantined))
        cells = (Cell(count, Passport("delivery", canonical({**of, "part": part}))) for part, count in figures)
        rows.append(
            (f"{title}: rows quarantined", "quarantined", *cells, "In no figure until a resent extract replaces them")
        )
    for check in sorted(material.quality, key=lambda c: (-c["failed"], c["feed"], c["check_id"], c["part"])):
        of = {"feed": check["feed"], "check_id": check["check_id"], "part": check["part"]}
        cells = (
            Cell(int(check[figure]), Passport("check", canonical({**of, "figure": figure})))
            for figure in ("deliveries", "failed", "rows")
        )
        label = f"{check['title']}, {check['check_id']}: {check['description']}"
        rows.append((label, "check", *cells, consequence[check["action"]]))
    return Sheet(
        "data_quality",
        "Data quality: what was checked, what failed, what is missing or late",
        (
            f"Of the deliveries that this month-end is made from. Missing: {len(material.missing)}. "
            f"Late: {len(material.late)}.",
            "Rows that came in are the rows that count and the rows that are quarantined; it is checked every time.",
        ),
        Table("data_quality", columns, tuple(rows)),
    )


def _notes(material: Material, measures: list[_Measure]) -> Sheet:
    terms = [(each.measure.title, each.measure.description.strip()) for each in measures]
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


def _chart_data(material: Material, measures: list[_Measure]) -> Sheet:
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


def _cover(material: Material, pack: Pack, title: str, measures: list[_Measure]) -> Cover:
    plan = material.declarations.plan
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
    signals = [
        f"{each.measure.title}: {each.says}" for each in measures if _speaks(each) and each.says != words.NO_SIGNAL
    ]
    quiet = sum(_speaks(each) for each in measures) - len(signals)
    following = add_months(material.month, 1)
    lines: list[Heading | Link | str] = [
        state,
        Heading("Summary"),
        *(signals or ["No measure shows a change beyond normal month-to-month variation."] if quiet or signals else []),
        *([f"{_others(quiet)} no change beyond normal month-to-month variation."] if signals and quiet else []),
        *([_too_few(measures)] if not all(map(_speaks, measures)) else []),
        *([f"Missing: {name}." for name in material.missing]),
        Heading("Which month, and why"),
        why,
        Heading("Source"),
        *dict.fromkeys(material.declarations.feeds[each.measure.feed].title + "." for each in measures),
        f"Digest of the data: {material.digest}",
        Heading("Published"),
        published,
        f"Next update: data to the end of {words.of_month(following)}, to be frozen by "
        f"{words.of_day(freeze_day(following))}.",
        Heading("Provisional and revised figures"),
        "Months under twelve months old are provisional and may be revised. What was revised is marked in the notes.",
        Heading("Caveats"),
        "Figures are what was recorded; they say nothing of what was not reported. There are no targets.",
        _population_note(material, plan.home_force),
        Heading("Contact"),
        Link(f"{plan.organisation}, by e-mail", f"mailto:{plan.contact}"),
    ]
    return Cover(title, tuple(lines))


def _others(quiet: int) -> str:
    return f"The other {quiet} measures show" if quiet > 1 else "The other measure shows"


def _too_few(measures: list[_Measure]) -> str:
    other = [each.measure.title for each in measures if not _speaks(each)]
    return f"Shown without a reading against a usual range: {', '.join(other)}."
