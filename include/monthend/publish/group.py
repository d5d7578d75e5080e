"""The most similar group: the home force beside the forces that resemble it, without an order of merit."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from monthend.freeze.candidate import canonical
from monthend.freeze.facts import Key
from monthend.plan.declarations import Measure, MostSimilarGroup
from monthend.publish import words
from monthend.publish.book import Cell, Chart, Column, Passport, Series, Sheet, Table
from monthend.publish.material import (
    Material,
    decimals_of,
    fact_cell,
    passport,
    per,
    population_note,
    rounded,
    vintage_note,
)
from monthend.publish.measure import MeasureSheet

Span = tuple[str, str]  # basis and last month


@dataclass(frozen=True)
class GroupSheets:
    """The most similar group: rates on the longest basis that is complete for all; alphabetical, no order of merit."""

    material: Material
    measures: list[MeasureSheet]
    comparators: bool = False  # whether they are the comparator service's figures, which are not public

    @property
    def name(self) -> str:
        return "comparators" if self.comparators else "most_similar_group"

    @property
    def behind(self) -> str:
        """The sheet of the numbers behind the chart."""
        return "chart_comparators" if self.comparators else "chart_forces"

    @cached_property
    def group(self) -> MostSimilarGroup:
        groups = self.material.declarations.plan.most_similar_groups
        return next(group for group in reversed(groups) if group.from_month <= self.material.month)

    @cached_property
    def forces(self) -> list[str]:
        return sorted(self.group.forces, key=lambda code: self.material.area_names[code])

    @cached_property
    def spans(self) -> dict[str, Span]:
        """Of each measure that has one, the longest period that is complete for every force, the latest of these."""
        return {each.measure.measure: span for each in self.measures if (span := self._span(each))}

    def _span(self, each: MeasureSheet) -> Span | None:
        facts = self.material.facts
        for basis in ("r12", "quarter"):
            for period in reversed(each.months):
                keys = [Key(f"{each.measure.measure}_rate", basis, code, period) for code in self.forces]
                if all(key in facts and facts[key].value is not None for key in keys):
                    return basis, period
        return None

    @property
    def compared(self) -> list[Measure]:
        return [each.measure for each in self.measures if each.measure.measure in self.spans]

    def key(self, measure: Measure, code: str) -> Key:
        basis, period = self.spans[measure.measure]
        return Key(f"{measure.measure}_rate", basis, code, period)

    def count(self, measure: Measure, code: str) -> Cell:
        return fact_cell(self.material, self.key(measure, code)._replace(measure=measure.measure), 0)

    def name_of(self, code: str) -> str:
        own = code == self.material.declarations.plan.home_force
        return self.material.area_names[code] + (" (own force)" if own else "")

    @property
    def means(self) -> list[tuple[str, list[str]]]:
        """The unweighted means: of all the forces, and of the peers alone."""
        peers = [code for code in self.forces if code != self.material.declarations.plan.home_force]
        return [(f"Mean of the {len(self.forces)}", self.forces), (f"Mean of the other {len(peers)}", peers)]

    def mean(self, measure: Measure, members: list[str]) -> Cell:
        basis, period = self.spans[measure.measure]
        values = [self.material.fact(self.key(measure, code)).value or Decimal(0) for code in members]
        of = {"measure": f"{measure.measure}_rate", "basis": basis, "period": period, "areas": members}
        return Cell(
            rounded(sum(values, Decimal(0)) / len(members), decimals_of(measure)),
            Passport("derived", canonical({"formula": "unweighted_mean", **of})),
        )

    def rate(self, measure: Measure, code: str) -> Cell:
        return fact_cell(self.material, self.key(measure, code), decimals_of(measure))

    def sheets(self) -> tuple[Sheet, Sheet] | tuple[()]:
        """The table of rates with a chart of its first measure, and the numbers behind it with the residents."""
        if not self.compared:
            return ()
        first, decimals = self.compared[0], max(map(decimals_of, self.compared))
        spans = {key: words.period(*span) for key, span in self.spans.items()}
        one_span = next(iter(spans.values())) if len(set(spans.values())) == 1 else None
        rates: list[tuple[Cell | str, ...]] = [
            (
                measure.title,
                *([] if one_span else [spans[measure.measure]]),
                *(self.rate(measure, code) for code in self.forces),
                *(self.mean(measure, members) for _, members in self.means),
            )
            for measure in self.compared
        ]
        table = Table(
            self.name,
            (
                Column(f"Measure ({per(self.compared)})", "text"),
                *([] if one_span else [Column("Period", "text")]),
                *(Column(self.name_of(code), "number", decimals) for code in self.forces),
                *(Column(label, "number", decimals) for label, _ in self.means),
            ),
            tuple(rates),
        )
        unit, span = per([first]), spans[first.measure]
        rate_heading = f"{first.title} ({unit})"
        counted = self.compared if self.comparators else []
        forces: list[tuple[Cell | str, ...]] = [
            (
                self.name_of(code),
                self.rate(first, code),
                self.residents(first, code),
                code,
                *(self.count(measure, code) for measure in counted),
            )
            for code in self.forces
        ]
        means: list[tuple[Cell | str, ...]] = [
            (label, self.mean(first, members), "[z]", "[z]", *["[z]"] * len(counted)) for label, members in self.means
        ]
        behind = Table(
            self.behind,
            (
                Column("Force", "text"),
                Column(rate_heading, "number", decimals_of(first)),
                Column("Residents", "number"),
                Column("Area code", "code"),
                *(Column(f"{measure.title}, {spans[measure.measure]} (count)", "number") for measure in counted),
            ),
            (*forces, *means),
        )
        title = "Most similar group, as the comparator service has it" if self.comparators else "Most similar group"
        return (
            Sheet(
                self.name,
                f"{title}: {one_span}" if one_span else title,
                (
                    f"Rates for the {one_span}, the longest period that is complete for all {len(self.forces)} forces."
                    if one_span
                    else f"Each rate is for the longest period that is complete for all {len(self.forces)} forces.",
                    "Forces are in alphabetical order; their order says nothing. A mean is unweighted: each force "
                    "counts once, the own force included unless it says otherwise.",
                    f"{self.denominator} The residents of each force are on worksheet {self.behind}.",
                    f"Who is in the group: {self.group.provenance}",
                    *self._notes(),
                ),
                table,
                Chart(
                    title=f"{first.title} {unit}, {span}",
                    alternative_text=f"Bar chart of {first.title.lower()} {unit} for the "
                    f"{len(self.forces)} forces of the most similar group in alphabetical order, and the means.",
                    kind="bar",
                    sheet=self.behind,
                    category="Force",
                    series=(Series(rate_heading, "values", first.title),),
                    unit=unit,
                ),
            ),
            Sheet(
                self.behind,
                "Numbers behind the chart of comparators, with counts and residents"
                if self.comparators
                else "Numbers behind the chart of forces, and the residents that rates use",
                (self.denominator,),
                behind,
            ),
        )

    @property
    def denominator(self) -> str:
        """What rates are per, in a sentence; of comparators with the day they are of."""
        if self.comparators:
            return vintage_note(self.material, self.measures[0].measure.feed)
        return population_note(self.material, self.material.declarations.plan.home_force)

    def residents(self, measure: Measure, code: str) -> Cell:
        key = self.key(measure, code)
        number = self.material.fact(key).denominator or 0
        return Cell(int(number), passport(self.material, key, "denominator", 0))

    def _notes(self) -> Iterator[str]:
        """What is to be known of single comparators: that one ended, began at a break or is not complete yet."""
        for each in self.measures if self.comparators else []:
            said = [each.says] if each.ended else []
            said += [words.across(each.since)] if each.since else []
            said += [] if each.measure.measure in self.spans else ["No quarter is complete for all forces."]
            if said:
                yield " ".join([f"{each.measure.title}.", *said])
