"""The sheet of a measure for an area: the sentence, the chart, one table with the newest month first."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from monthend.freeze.facts import BREAK, Key, areas
from monthend.plan.calendar import add_months, month_end, months_between
from monthend.plan.declarations import Break, Measure, Share
from monthend.publish import words
from monthend.publish.book import Cell, Chart, Column, Series, Sheet, Table
from monthend.publish.material import Material, derived, fact_cell, first_of, population_note
from monthend.statistics import spc

CHART_DATA = "chart_data"
Role = Literal["values", "mean", "limit", "outside", "trend", "two_in_three", "shift"]
ROLES: dict[Role, str] = {  # of a point that is a signal, in the order in which a legend names them
    "outside": "outside the usual range",
    "trend": "7 rising or falling",
    "two_in_three": "2 of 3 near the edge",
    "shift": "7 on one side of the mean",
}
LONGEST_TAB = 25
MOST_EVENTS = 5
AXIS_FROM_ZERO = 0.5  # an axis starts at zero unless the lowest value is more than half the highest


@dataclass(frozen=True)
class MeasureSheet:
    """A measure for an area: its monthly series, its chart and its sheet."""

    material: Material
    measure: Measure
    tab: str
    area: str

    def key(self, basis: str, period: str, of: Literal["count", "rate", "share"] = "count") -> Key:
        return Key(f"{self.measure.measure}{'' if of == 'count' else f'_{of}'}", basis, self.area, period)

    def number(self, key: Key, decimals: int = 0) -> Cell | str:
        """A fact's cell; a marker where its period began before there was the measure, or there is no such fact."""
        if self.measure.first_month and first_of(key) < self.measure.first_month:
            return "[z]"
        return fact_cell(self.material, key, decimals) if key in self.material.facts else "[x]"

    def a_year_before(self, key: Key, decimals: int = 0) -> Cell | str:
        """The cell of the same period a year earlier; a marker where a break stands between the two."""
        earlier = key._replace(period=add_months(key.period, -12))
        return "[b]" if self.across_a_break(earlier, key) else self.number(earlier, decimals)

    def across_a_break(self, earlier: Key, later: Key) -> bool:
        """Whether a break stands between the first month of one period and the last of another."""
        return self.since is not None and first_of(earlier) < self.since.from_month <= later.period

    @cached_property
    def due(self) -> str:
        """The newest month there can be: the newest that is due at the month-end, or a newer one that is held."""
        feed = self.material.declarations.feeds[self.measure.feed]
        return max(feed.newest_period(self.material.month), self.material.periods[self.measure.measure][1])

    @property
    def latest(self) -> str:
        """The newest month of the measure, which may have ended."""
        return min(self.due, self.measure.last_month or self.due)

    @property
    def ended(self) -> bool:
        """Whether a month is due that comes after the measure's last."""
        return self.latest < self.due

    @cached_property
    def since(self) -> Break | None:
        """The newest break in the months that are held: nothing after it compares with what was before."""
        breaks = [each for each in self.measure.breaks if self.months[0] <= each.from_month <= self.latest]
        return max(breaks, key=lambda each: each.from_month, default=None)

    @property
    def dated(self) -> str:
        """The measure's title; with its newest month, where that is not the month-end itself."""
        if self.latest == self.material.month:
            return self.measure.title
        return f"{self.measure.title}, {words.of_month(self.latest)}"

    def of_group(self) -> bool:
        """Whether the measure has a rate that is counted for other forces too."""
        return self.measure.rate is not None and len(self.material.declarations.feeds[self.measure.feed].areas) > 1

    @cached_property
    def months(self) -> list[str]:
        """Every month from the first there is a fact for to the newest there can be, oldest first."""
        return months_between(self.material.periods[self.measure.measure][0], self.latest)

    @cached_property
    def drawn(self) -> list[str]:
        """The months of one definition, which a chart can show beside each other."""
        return [month for month in self.months if self.since is None or month >= self.since.from_month]

    @cached_property
    def control_chart(self) -> spc.Chart | None:
        """The control chart of the months held in a row up to the newest; neither a gap nor a break is bridged."""
        run: list[tuple[str, int]] = []
        for month in reversed(self.drawn):
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
    def _points(self) -> dict[Any, dict[Any, Any]]:
        """The points of the control chart that says what is usual, by month; none where it does not."""
        return self.usual.points.to_dict("index") if self.usual else {}

    @cached_property
    def says(self) -> str:
        if self.ended:
            return words.ended(self.latest, self._followed_by())
        return words.signal(self.measure, self.control_chart)

    def _followed_by(self) -> str | None:
        """The title of the measure that counts on where this one ended: of the same SELECT, from the next month on."""
        following = add_months(self.latest, 1)
        measures = self.material.declarations.measures.values()
        followed = (m for m in measures if m.select == self.measure.select and m.first_month == following)
        return next((measure.title for measure in followed), None)

    def marks(self, month: str) -> str:
        """The marks of a month, and of the 12 months to it the one that says that a break lies in them."""
        letters = self.material.marks(self.key("month", month))
        year = self.key("r12", month)
        across = year in self.material.facts and BREAK in self.material.facts[year].mark.split()
        return f"[{BREAK}]{letters}" if across and f"[{BREAK}]" not in letters else letters

    def limit(self, month: str, column: str) -> Cell:
        of = {"measure": self.measure.measure, "area": self.area, "period": month}
        chart, point = self.usual, self._points.get(month)
        if chart is None or point is None:
            return derived(float("nan"), 1, f"usual_range_{column}", **of)
        months = list(self._points)
        baseline = [months[0], months[chart.baseline_points - 1]]
        return derived(float(point[column]), 1, f"usual_range_{column}", baseline=baseline, **of)

    def signal_at(self, month: str) -> str:
        """What a month says, short enough for a row."""
        point = self._points.get(month)
        if point is None or self.measure.polarity == "context":
            return "[z]"
        rule, direction = point["signal"], point["direction"]
        return words.sentence(self.measure, rule, direction).split(". ")[0].rstrip(".") if rule else "Nothing unusual"

    def sheet(self) -> Sheet:
        """The measure's sheet: the sentence, the chart, one table with the newest month first."""
        measure = self.measure
        rate, share = measure.rate, self._share()
        columns = [
            Column("Month", "text"),
            Column("What the month says", "text"),
            Column(f"In the month ({measure.unit})", "number"),
            Column("Usual range, lower limit", "number", 1),
            Column("Usual range, upper limit", "number", 1),
            Column(f"In the 12 months to then ({measure.unit})", "number"),
        ]
        if rate:
            columns.append(Column(f"In the 12 months to then (per {rate.per:,} residents)", "number", rate.decimals))
        if share:
            of = self.material.declarations.measures[share.of].title.lower()
            columns.append(Column(f"In the 12 months to then (% of {of})", "number", share.decimals))
        columns.append(Column("Notes", "text"))
        rows = []
        for month in reversed(self.months):
            row: list[Cell | str] = [
                words.of_month(month),
                self.signal_at(month),
                fact_cell(self.material, self.key("month", month), 0),
                self.limit(month, "lower"),
                self.limit(month, "upper"),
                self.number(self.key("r12", month)),
            ]
            if rate:
                row.append(self.number(self.key("r12", month, "rate"), rate.decimals))
            if share:
                row.append(self.number(self.key("r12", month, "share"), share.decimals))
            row.append(self.marks(month) or words.NO_NOTES)
            rows.append(tuple(row))
        return Sheet(
            name=self.tab,
            title=f"{measure.title} by month, {self.material.label(self.area)}",
            notes=(
                self.says,
                *self.about(),
                *self._seasonal_note(),
                *self._happened(),
                *([population_note(self.material, self.area)] if rate else []),
            ),
            table=Table(measure.measure, tuple(columns), tuple(rows)),
            chart=self._chart(),
        )

    def about(self) -> Iterator[str]:
        """What is said of the measure itself: what it counts, what it does not compare with, what to beware of."""
        if self.since:
            yield words.across(self.since)
        yield self.measure.description
        if self.measure.caveat:
            yield self.measure.caveat

    def _share(self) -> Share | None:
        """What the measure is shown as a share of; nothing where that is withheld."""
        share = self.measure.share
        return None if share is None or share.of in self.material.withheld else share

    def _seasonal_note(self) -> Iterator[str]:
        chart = self.control_chart
        if chart is not None and chart.seasonal:
            yield "The usual range follows the months of the year, found on the first 24 months."

    def _happened(self) -> Iterator[str]:
        """What happened in the months shown, the newest few: that it did, and nothing of what came of it."""
        first, last = date.fromisoformat(f"{self.months[0]}-01"), month_end(self.latest)
        happened = [
            f"{event.title}, {words.of_days(event.first, event.last)}"
            for event in self.material.events
            if event.bears_on(self.measure.measure) and event.first <= last and event.last >= first
        ]
        if happened:
            yield f"In these months: {'; '.join(happened[-MOST_EVENTS:])}."

    def _chart(self) -> Chart:
        area = self.material.label(self.area)
        first, last = words.of_month(self.drawn[0]), words.of_month(self.drawn[-1])
        return Chart(
            title=f"{self.measure.title}, {area}: {self.measure.unit} a month",
            alternative_text=f"Line chart of {self.measure.title.lower()} ({self.measure.unit} a month) in {area}, "
            f"{first} to {last}{', with mean and usual range' if self.usual else ''}. {self.says}",
            kind="line",
            sheet=CHART_DATA,
            category="Month",
            series=tuple(Series(head, role, label.capitalize()) for head, label, role, _ in self.chart_columns()),
            unit=self.measure.unit,
            minimum=self._axis_start(),
        )

    def _axis_start(self) -> float | None:
        """Where the axis starts when zero would press the line flat; the chart's title then says so.

        At zero where nothing says what is usual: a few points would look like a rise or a fall.
        """
        if self.usual is None:
            return None
        drawn = [
            float(cell.value)
            for _, _, _, kind in self.chart_columns()
            for month in self.drawn
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
            cell = self.limit(month, kind)
            return Cell(None) if cell.value == "[z]" else cell
        drawn = kind == "value" and month in self.drawn
        if kind != "value":
            drawn = month in self._points and self._points[month]["signal"] == kind
        cell = fact_cell(self.material, self.key("month", month), 0)
        return cell if drawn and cell.value != "[x]" else Cell(None)


def speaks(each: MeasureSheet) -> bool:
    return each.usual is not None and each.measure.polarity != "context" and not each.ended


def measure_sheets(material: Material, measures: list[Measure], area: str) -> list[MeasureSheet]:
    """A sheet a measure, for an area or, of what is not counted for it, for the force.

    Its tab is the measure's key in whole words, short enough for `chart_` to go before it.
    """
    keys = {measure.measure for measure in measures}
    sheets = []
    for measure in measures:
        tab = measure.measure.removeprefix("open_")
        if tab in keys:  # the force's own measure of that name stands in the pack too
            tab = measure.measure
        while len(tab) > LONGEST_TAB:
            tab = tab.rpartition("_")[0]
        counted = areas(material.declarations, material.declarations.feeds[measure.feed])
        home = material.declarations.plan.home_force
        sheets.append(MeasureSheet(material, measure, tab, area if area in counted else home))
    return sheets
