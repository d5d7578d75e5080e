"""The sheet of a measure by its categories: in the order in which they are declared, which says nothing of merit."""

from collections.abc import Iterator
from dataclasses import dataclass

from monthend.freeze.facts import Key
from monthend.plan.calendar import add_months, newest_quarter
from monthend.plan.declarations import Breakdown, Category
from monthend.publish import words
from monthend.publish.book import Cell, Column, Sheet, Table, safe_text
from monthend.publish.choice import OUTCOME_TYPE
from monthend.publish.measure import MeasureSheet

LONGEST_NAME = 31


@dataclass(frozen=True)
class BreakdownSheet:
    """A measure for the home force by category: the newest month, quarter and 12 months, and those a year before."""

    whole: MeasureSheet
    breakdown: Breakdown

    @property
    def outcomes(self) -> bool:
        return self.breakdown.name == OUTCOME_TYPE

    @property
    def by(self) -> str:
        """What the categories are, in words."""
        return self.breakdown.name.replace("_", " ").replace("asb", "ASB")

    def spans(self) -> Iterator[tuple[str, str]]:
        """Basis and last month of each column but the last."""
        latest = self.whole.latest
        yield "month", latest
        yield "quarter", newest_quarter(latest)
        yield "r12", latest

    def sheet(self) -> Sheet:
        """The measure's categories as rows, its total last."""
        measure, whole = self.whole.measure, self.whole
        spans = list(self.spans())
        shown = [*spans, ("r12", add_months(whole.latest, -12))]
        rows = [(_label(each), *self._cells(each, spans)) for each in self.breakdown.categories]
        name = whole.tab if self.outcomes else f"{whole.tab}_by_{self.breakdown.name}"
        if len(name) > LONGEST_NAME:
            name = name[:LONGEST_NAME].rpartition("_")[0]
        return Sheet(
            name=name,
            title=f"{measure.title} by {self.by}, {whole.material.label(whole.area)}",
            notes=(*whole.about(), *self._notes()),
            table=Table(
                name if self.outcomes else f"{measure.measure}_by_{self.breakdown.name}",
                (
                    Column(self.by[0].upper() + self.by[1:], "text", width=60 if self.outcomes else None),
                    *(Column(f"{words.period(*span)} ({measure.unit})", "number") for span in shown),
                    Column("Notes", "text"),
                ),
                (*rows, ("Total", *self._cells(None, spans))),
            ),
        )

    def _notes(self) -> Iterator[str]:
        if self.outcomes:
            yield "Outcome types stand in the order of their codes; neither order nor size says anything of merit."
        latest = self.whole.latest
        if any(self._not_yet(each, add_months(latest, -12)) for each in self.breakdown.categories):
            yield "Not applicable stands where there was no such category yet."

    def _cells(self, category: Category | None, spans: list[tuple[str, str]]) -> list[Cell | str]:
        """The row of a category, or of the total: a number for each column, then the marks of its newest month."""
        keys = [self._key(category, *span) for span in spans]
        cells = [self._not_yet(category, key.period) or self.whole.number(key) for key in keys]
        before = self._not_yet(category, add_months(keys[-1].period, -12))
        cells.append(before or self.whole.a_year_before(keys[-1]))
        marks = self.whole.material.marks(keys[0]) if keys[0] in self.whole.material.facts else ""
        return [*cells, marks or words.NO_NOTES]

    def _key(self, category: Category | None, basis: str, period: str) -> Key:
        key = self.whole.key(basis, period)
        return key if category is None else key._replace(breakdown=self.breakdown.name, category=category.category)

    def _not_yet(self, category: Category | None, period: str) -> str | None:
        """A marker where there was no such category in the period, or, for any measure, at the month-end."""
        if category is None:
            return None
        begins = [
            each.from_month or ""
            for measure in self.whole.material.declarations.measures.values()
            if measure.breakdown and measure.breakdown.name == self.breakdown.name
            for each in measure.breakdown.categories
            if each.category == category.category
        ]
        return "[z]" if period < (category.from_month or "") or self.whole.material.month < max(begins) else None


def _label(category: Category) -> str:
    """A category as its row is labelled: by title, and where its key is a code by that first."""
    coded = category.category[:1].isdigit()
    return safe_text(f"{category.category} {category.title}" if coded else category.title)


def breakdown_sheet(whole: MeasureSheet) -> Iterator[Sheet]:
    """The sheet of a measure's breakdown, where it has one."""
    if whole.measure.breakdown:
        yield BreakdownSheet(whole, whole.measure.breakdown).sheet()
