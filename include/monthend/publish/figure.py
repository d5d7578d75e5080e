"""A figure of partners: how it may be shown, what it covers, and what it says beside the one of a year before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from monthend.freeze.facts import MISSING, Fact, Key
from monthend.plan.calendar import add_months, financial_year_start, newest_quarter
from monthend.plan.declarations import Feed, Measure
from monthend.publish import words
from monthend.publish.book import Cell
from monthend.publish.material import MONTHS, Material, decimals_of, first_of, passport, rounded
from monthend.statistics import difference

SMALL = 5  # counts below it, but not 0, are confidential
FEW, NOT_MANY = 30, 100  # of a percentage's base: below the one it is withheld, below the other marked
CLUSTERED = "Not compared: a few people can make much of it."
FEW_NOW = "Too few for a percentage."
FEW_THEN = "Too few a year before for a comparison."
NONE_NOW = "Not available for this period."
NOT_OF_ALL = "No figure of the force, as not every area gave one."
NONE_THEN = "There is no figure of a year before."
NONE_REQUIRED = "What is required is not available."
WITHHELD_NOW = "Withheld, as a number is small."


@dataclass(frozen=True)
class PartnerFigure:
    """The newest figure that partners gave of a measure, for an area, as a pack of a marking shows it."""

    material: Material
    measure: Measure
    area: str
    open_pack: bool  # not OFFICIAL-SENSITIVE: it shows a sensitive measure for the force alone, and no small number

    @property
    def feed(self) -> Feed:
        return self.material.declarations.feeds[self.measure.feed]

    @cached_property
    def key(self) -> Key:
        """The newest figure: the newest period that is due or, of what is no survey or form, a newer one that is held.

        A survey by month is read over twelve months, in an open pack over the quarter, as sensitive figures have to be.
        """
        newest, force = self.feed.newest_period(self.material.month), self.material.declarations.plan.home_force
        basis = "reported"
        if self.measure.counted == "answers":
            basis = "r12" if self.feed.cadence == "monthly" and not self.open_pack else "quarter"
            newest = newest_quarter(newest) if basis == "quarter" else newest
        elif self.feed.form:
            basis = "quarter" if all(item.basis == "discrete" for item in self.feed.items_of(self.measure)) else basis
        else:
            facts = self.material.facts
            of_measure = self.material.keys[self.measure.measure]
            newest = max([newest, *(key.period for key in of_measure if facts[key].value is not None)])
        key = Key(self.measure.measure, basis, self.area, newest)
        of_force_alone = self.measure.sensitive and self.open_pack
        return key if key in self.material.facts and not of_force_alone else key._replace(area_code=force)

    @property
    def earlier(self) -> Key:
        """The same figure a year before."""
        return self.key._replace(period=add_months(self.key.period, -12))

    def covered(self, key: Key) -> tuple[str, str]:
        """The first and last month of what a figure covers; twice the same of what is counted on a day."""
        if self.measure.span:
            return self.feed.spans[self.measure.span].of(key.period)
        if key.basis in MONTHS:
            return first_of(key), key.period
        since_april = any(item.basis == "ytd" for item in self.feed.items_of(self.measure))
        return (financial_year_start(key.period) if since_april else key.period), key.period

    @property
    def covers(self) -> str:
        """What the figure covers, in words."""
        if self.measure.covers:
            spans = {name: words.of_months(*span.of(self.key.period)) for name, span in self.feed.spans.items()}
            return self.measure.covers.format(period=words.of_month(self.key.period), **spans)
        first, last = self.covered(self.key)
        return words.of_months(first, last) if first != last else of_period(self.feed, last)

    def titled(self, area: str) -> str:
        """The measure's title; with the figure's area, where that is another than `area`."""
        title, of = self.measure.title, self.key.area_code
        return title if of == area else f"{title}, {self.material.label(of)}"

    def cell(self, key: Key, part: str = "value") -> Cell | str:
        return figure(self.material, self.measure, key, part, withheld=self.open_pack)

    @property
    def says(self) -> str:
        """What it says, in a sentence."""
        if self.difference is not None:
            return words.A_YEAR_BEFORE[self.difference]
        return self._why_not or self.beside_requirement or words.CONTEXT

    @cached_property
    def difference(self) -> int | None:
        """Whether it is higher (1) or lower (-1) than a year before by more than chance gives; None: not compared."""
        if self._why_not or self.measure.polarity == "context" or self.measure.requirement:
            return None
        now, then = self.material.fact(self.key), self.material.fact(self.earlier)
        if is_percentage(self.measure):
            return difference.of_shares(_share(now), _share(then))
        return difference.of_rates(_counts(now), _counts(then))

    @cached_property
    def beside_requirement(self) -> str:
        """What it says beside what the budget requires of its year and of the one before, which is over.

        Empty where nothing is required or there is no figure.
        """
        if self._why_not or not self.measure.requirement:
            return ""
        required = replace(self, measure=self.material.declarations.measures[self.measure.requirement])
        of_year_before = self.key._replace(period=add_months(financial_year_start(self.key.period), -1))
        said = (self._beside(required, self.key) or NONE_REQUIRED, self._beside(required, of_year_before))
        return " ".join(filter(None, said))

    def _beside(self, required: "PartnerFigure", key: Key) -> str:
        """What one of its figures says beside what is required of the same; empty where one of them is none."""
        of_same = key._replace(measure=required.measure.measure)
        value, least = (self.material.facts.get(each, MISSING).value for each in (key, of_same))
        if value is None or least is None:
            return ""
        (_, last), months = self.covered(key), required.covered(of_same)
        return words.beside_requirement(value >= least, months, goes_on=last < months[1])

    @cached_property
    def _why_not(self) -> str:
        """Why nothing can be said of it; empty where something can, or where it is shown for context alone."""
        shown, before = self.cell(self.key), self.cell(self.earlier)
        if shown == "[x]":
            return NOT_OF_ALL if self._areas_gave_one else NONE_NOW
        if shown in ("[c]", "[u]"):
            return WITHHELD_NOW if shown == "[c]" else FEW_NOW
        if self.measure.polarity == "context" or self.measure.requirement:
            return ""
        if self.measure.clustered:
            return CLUSTERED
        (first, last), (first_before, last_before) = self.covered(self.key), self.covered(self.earlier)
        if first <= last_before:
            return f"Counted since {words.of_month(first)}, so it is not compared with a year before."
        if before in ("[c]", "[u]", "[x]"):
            return NONE_THEN if before == "[x]" else FEW_THEN
        breaks = [each for each in self.measure.breaks if first_before < each.from_month <= last]
        return words.across(max(breaks, key=lambda each: each.from_month)) if breaks else ""

    @property
    def _areas_gave_one(self) -> bool:
        """Whether it is the force's, and an area has a figure of the same period."""
        like = (self.key.basis, self.key.period)
        given = (key for key in self.material.keys[self.measure.measure] if self.material.facts[key].value is not None)
        of_force = self.key.area_code == self.material.declarations.plan.home_force
        return of_force and any((key.basis, key.period) == like for key in given)

    def marks(self, *keys: Key) -> set[str]:
        """The marks of some of its figures, in brackets; [u] where a percentage is of fewer than a hundred."""
        facts = [(key, self.material.facts[key]) for key in keys if key in self.material.facts]
        found = {f"{mark}]" for key, _ in facts for mark in self.material.marks(key).split("]") if mark}
        few = any(fact.value is not None and FEW <= _base(self.measure, fact) < NOT_MANY for _, fact in facts)
        return found | ({"[u]"} if few else set())


def figure(
    material: Material, measure: Measure, key: Key, part: str = "value", *, withheld: bool = False
) -> Cell | str:
    """A number of a figure: its value, numerator or denominator.

    Of a sensitive measure that is `withheld` there is none but of the force, and none of a count of 1 to 4. Of a
    percentage of few there is none in any pack; of a survey's, or where it is `withheld`, there is the base alone.
    """
    force = material.declarations.plan.home_force
    if measure.sensitive and withheld and key.area_code != force:
        return "[c]"
    fact = material.facts.get(key)
    if fact is None or fact.value is None:
        return "[x]"
    above, below = fact.numerator or Decimal(0), fact.denominator or Decimal(0)
    others = below - above if is_percentage(measure) else Decimal(0)  # who are not among them
    if measure.sensitive and withheld and any(0 < number < SMALL for number in (above, below, others)):
        return "[c]"
    base_alone = withheld or measure.counted == "answers"
    counts = ("denominator",) if base_alone else ("numerator", "denominator")
    if part not in counts and _base(measure, fact) < FEW:
        return "[u]"
    number = getattr(fact, part)
    decimals = places(measure) if part in ("value", "lower", "upper") else 0
    return "[x]" if number is None else Cell(rounded(number, decimals), passport(material, key, part, decimals))


def notes_of(marks: Mapping[str, set[str]]) -> str:
    """The notes of a row from the marks of each of its figures, by title: a mark that is not everyone's names whose."""
    said = []
    for mark in sorted(set().union(*marks.values())):
        titles = [title for title, letters in marks.items() if mark in letters]
        said.append(mark if len(titles) == len(marks) else f"{mark} {', '.join(titles)}")
    return "; ".join(said) or words.NO_NOTES


def places(measure: Measure) -> int:
    """The decimals of a figure; what the police count has its rate beside, as a figure of its own."""
    if measure.counted in ("sums", "rows"):
        return 0
    return 1 if is_percentage(measure) and not measure.rate else decimals_of(measure)


def is_percentage(measure: Measure) -> bool:
    """Whether a measure is a share of its denominator, in percent."""
    return measure.unit.startswith("%") or measure.unit == "percent"


def of_period(feed: Feed, period: str) -> str:
    """The period of a delivery in words: a month, or a quarter by its last."""
    return words.of_month(period) if feed.cadence == "monthly" else f"quarter to {words.of_month(period)}"


def in_order(material: Material, codes: Iterator[str]) -> list[str]:
    """Areas by name, the force last."""
    force = material.declarations.plan.home_force
    return [*sorted(set(codes) - {force}, key=lambda code: material.area_names[code]), force]


def _base(measure: Measure, fact: Fact) -> Decimal:
    """How many a percentage is of; of anything else more than few."""
    return (fact.denominator or Decimal(0)) if is_percentage(measure) else Decimal(NOT_MANY)


def _share(fact: Fact) -> difference.Estimate:
    """A percentage with its interval: the one it has or, of a plain part of a whole, Wilson's."""
    if fact.value is not None and fact.lower is not None and fact.upper is not None:
        return difference.Estimate(float(fact.value), float(fact.lower), float(fact.upper))
    return difference.wilson(*_counts(fact))


def _counts(fact: Fact) -> tuple[int, int]:
    """What a figure is made of; a plain count is one of a period of the same length."""
    return int(fact.numerator or 0), int(fact.denominator or 1)
