"""What a pack is made from, and how a number gets its rounding, its marks and its passport."""

import datetime
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import pandas as pd

from monthend.freeze.candidate import canonical
from monthend.freeze.facts import Fact, Facts, Key, marks
from monthend.freeze.query import Event
from monthend.plan.calendar import add_months, month_end
from monthend.plan.declarations import Board, Declarations, KnownError, Measure, Rendering
from monthend.publish import words
from monthend.publish.book import Cell, Passport
from monthend.validate.integrity import Result

OLD_POPULATION_YEARS = 10
OLD_POPULATION = " That is ten years or more before the period: where the population grew, rates are too high."
MONTHS = {"month": 1, "quarter": 3, "r12": 12}  # in a period of a basis


@dataclass(frozen=True)
class Returned:
    """A return that was due at the month-end: when it came, what is kept out of it, and what was read of each item."""

    feed: str
    area_code: str
    period: str
    came: datetime.date | None  # None: it is missing
    late: bool
    kept_out: int  # rows
    extended: str  # until when, by whom and why; empty: it was not
    items: dict[str, dict[str, Any]]  # the row of each item, as the warehouse has it


@dataclass(frozen=True)
class Narrative:
    """What is said to a board of a priority, in which role and when."""

    priority: str
    board: str
    text: str
    author_role: str
    written_on: datetime.date


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
    deliveries: list[tuple[str, int, int, int]]  # feed, its deliveries, of which late at this month-end, rows kept out
    missing: tuple[str, ...]
    withheld: dict[str, str]  # measures that the sign-off keeps out of every pack, with the reason
    waivers: tuple[tuple[str, str], ...]  # that this month-end rests on: in words, and by whom
    known_errors: tuple[tuple[KnownError, int, str], ...]  # in the sources: which, rows that show it, to which period
    revisions: tuple[tuple[str, str, str, int], ...] = ()  # of the home force: measure, month, cause, difference
    vintages: dict[str, tuple[datetime.date, str]] = field(default_factory=dict)  # of comparators: as at, denominator
    population_years: dict[str, str] = field(default_factory=dict)  # of partners' newest rates, by measure
    integrity: tuple[Result, ...] = ()  # of the cross-feed checks
    events: tuple[Event, ...] = ()  # of the home force, oldest first
    returns: tuple[Returned, ...] = ()  # of feeds that a board shows the returns of, those that were due
    narratives: tuple[Narrative, ...] = ()  # the newest, by board and priority

    @cached_property
    def periods(self) -> dict[str, tuple[str, str]]:
        """Of each measure, the first month there is a fact for and the newest that any area has a number for."""
        periods: dict[str, tuple[str, str]] = {}
        for key, fact in self.facts.items():
            if key.basis == "month":
                first, held = periods.get(key.measure, (key.period, ""))
                periods[key.measure] = (min(first, key.period), max(held, key.period if fact.value is not None else ""))
        return periods

    @cached_property
    def keys(self) -> dict[str, list[Key]]:
        """What there are facts about, by measure."""
        keys: dict[str, list[Key]] = {}
        for key in self.facts:
            keys.setdefault(key.measure, []).append(key)
        return keys

    def label(self, area_code: str) -> str:
        """An area's name where it stands among others, of which a county may bear the same name as the force."""
        of_force = area_code == self.declarations.plan.home_force
        return f"{self.area_names[area_code]} force area" if of_force else self.area_names[area_code]

    def fact(self, key: Key) -> Fact:
        """The fact, which every pack finds the same. Raises ValueError where the measure has none for it."""
        if key not in self.facts:
            raise ValueError(f"there is no fact {' '.join(part for part in key if part)}")
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


def fact_cell(material: Material, key: Key, decimals: int) -> Cell:
    value = material.fact(key).value
    return Cell("[x]" if value is None else rounded(value, decimals), passport(material, key, "value", decimals))


def passport(material: Material, key: Key, part: str, decimals: int) -> Passport:
    """Which number of which fact, and what has to be the same wherever it stands: label, rounding, mark."""
    measure = material.declarations.measure_of(key.measure)
    same = {"label": measure.title, "decimals": decimals, "mark": material.marks(key)}
    return Passport("fact", canonical({**dict(zip(Key._fields, key, strict=True)), "part": part, **same}))


def first_of(key: Key) -> str:
    """The first month of a fact's period."""
    return add_months(key.period, 1 - MONTHS[key.basis])


def rounded(value: Decimal, decimals: int) -> int | Decimal:
    """A number rounded half up; a whole number as such."""
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return int(rounded) if decimals == 0 else rounded


def derived(value: float, decimals: int, formula: str, **of: Any) -> Cell:
    """A number made from facts by a named formula."""
    return Cell(
        "[z]" if pd.isna(value) else rounded(Decimal(repr(float(value))), decimals),
        Passport("derived", canonical({"formula": formula, **of})),
    )


def decimals_of(measure: Measure) -> int:
    return measure.rate.decimals if measure.rate else 0


def per(measures: list[Measure]) -> str:
    """The unit of rates that stand under one heading."""
    units = {f"per {measure.rate.per:,} residents" for measure in measures if measure.rate}
    return units.pop() if len(units) == 1 else "rate, its unit on the measure's worksheet"


def vintage_note(material: Material, feed: str) -> str:
    """Which denominator comparators use, and of which day they are."""
    as_at, denominator = material.vintages[feed]
    return (
        f"Rates use {denominator}, as the comparator service gives them. Its figures are as at {words.of_day(as_at)} "
        "and may differ from the force's own in the same pack."
    )


def population_note(material: Material, area: str) -> str:
    """Which population a rate used, and that it is old where it is."""
    month_last = month_end(material.month)
    figures = [(as_at, name) for as_at, name in material.populations.get(area, []) if as_at <= month_last.isoformat()]
    if not figures:
        return "No population is held, so no rate can be given."
    as_at, name = figures[-1]
    day = datetime.date.fromisoformat(as_at)
    note = f"Rates of what the police record use {name} ({words.of_day(day)})."
    if month_last.year - day.year - ((month_last.month, month_last.day) < (day.month, day.day)) >= OLD_POPULATION_YEARS:
        note += OLD_POPULATION
    return note
