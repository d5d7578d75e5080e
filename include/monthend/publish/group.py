"""The most similar group: the home force beside the forces that resemble it, without an order of merit."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from monthend.freeze.candidate import canonical
from monthend.freeze.facts import Key
from monthend.plan.declarations import Measure, MostSimilarGroup
from monthend.publish import words
from monthend.publish.book import Cell, Chart, Column, Passport, Series, Sheet, Table
from monthend.publish.material import Material, decimals_of, fact_cell, passport, per, population_note, rounded

CHART_FORCES = "chart_forces"


@dataclass(frozen=True)
class GroupSheets:
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
                if keys and all(key in facts and facts[key].value is not None for key in keys):
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
            rounded(sum(values, Decimal(0)) / len(members), decimals_of(measure)),
            Passport("derived", canonical({"formula": "unweighted_mean", **of})),
        )

    def rate(self, measure: Measure, code: str) -> Cell:
        return fact_cell(self.material, self.key(measure, code, *(self.chosen or ("", ""))), decimals_of(measure))

    def sheets(self) -> tuple[Sheet, Sheet] | tuple[()]:
        """The table of rates with a chart of its first measure, and the numbers behind it with the residents."""
        if self.chosen is None:
            return ()
        basis, period = self.chosen
        span, first = words.period(basis, period), self.measures[0]
        decimals = max(map(decimals_of, self.measures))
        table = Table(
            "most_similar_group",
            (
                Column(f"Measure ({per(self.measures)})", "text"),
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
        unit = per([first])
        rate_heading = f"{first.title} ({unit})"
        residents = [
            passport(self.material, self.key(first, code, basis, period), "denominator", 0) for code in self.forces
        ]
        behind = Table(
            "chart_forces",
            (
                Column("Force", "text"),
                Column(rate_heading, "number", decimals_of(first)),
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
        population = population_note(self.material, self.material.declarations.plan.home_force)
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
