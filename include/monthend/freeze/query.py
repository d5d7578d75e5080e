"""Read what is frozen: facts with their names and marks, and what happened meanwhile."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.freeze import chain, facts
from monthend.office import Office


@dataclass(frozen=True)
class Event:
    """What happened, from its first to its last day, and the measures it may bear on; none: all."""

    title: str
    first: date
    last: date
    measures: tuple[str, ...] = ()

    def bears_on(self, measure: str) -> bool:
        """Whether a reader of the measure should know of it."""
        return not self.measures or measure in self.measures


def frozen_facts(
    office: Office,
    month: str,
    revision: int | None = None,
    measure: str | None = None,
    area: str | None = None,
    basis: str | None = None,
    period: str | None = None,
) -> list[dict[str, Any]]:
    """A frozen month's facts in key order, one dictionary a fact; an empty value is None, never 0.

    Raises NeedsPerson when the month is not frozen, WrongCall for a measure or an area that has no fact at all.
    """
    snapshot = chain.snapshot(office, month, revision)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            'SELECT * FROM snapshot.fact_at(:candidate) ORDER BY measure COLLATE "C", basis COLLATE "C",'
            ' area_code COLLATE "C", period COLLATE "C", breakdown COLLATE "C", category COLLATE "C"',
            candidate=snapshot.candidate_id,
        )
    names = area_names(office, snapshot.candidate_id)
    for option, column, wanted in (("--measure", "measure", measure), ("--area", "area_code", area)):
        if wanted is not None and wanted not in {row[column] for row in rows}:
            known = ", ".join(sorted({row[column] for row in rows}))
            raise WrongCall(f"{option} {wanted}: {month} has no fact for it. Known: {known}.")
    chosen = {"measure": measure, "area_code": area, "basis": basis, "period": period}
    return [
        _as_printed(row, snapshot, names)
        for row in rows
        if all(value is None or row[column] == value for column, value in chosen.items())
    ]


def area_names(office: Office, candidate_id: int) -> dict[str, str]:
    """Area names by ONS code, as of the load number that a candidate sealed."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT a.area_code, a.area_name FROM snapshot.candidate c"
            " CROSS JOIN LATERAL reporting.areas_at(c.load_number) a WHERE c.candidate_id = :candidate",
            candidate=candidate_id,
        )
    return {row["area_code"]: row["area_name"] for row in rows}


def events(office: Office, candidate_id: int, area: str) -> tuple[Event, ...]:
    """What happened in an area, in a district of it or everywhere, oldest first, as of a candidate's load number."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT e.title, e.from_date AS first, coalesce(e.to_date, e.from_date) AS last,"
            " coalesce(string_to_array(e.measures, ';'), '{}') AS measures FROM snapshot.candidate c"
            " CROSS JOIN LATERAL reporting.events_at(c.load_number) e"
            " LEFT JOIN reporting.areas_at(c.load_number) a USING (area_code)"
            " WHERE c.candidate_id = :candidate AND (e.area_code IS NULL OR :area IN (e.area_code, a.parent_code))"
            ' ORDER BY e.from_date, e.event COLLATE "C"',
            candidate=candidate_id,
            area=area,
        )
    return tuple(Event(row["title"], row["first"], row["last"], tuple(row["measures"])) for row in rows)


def _as_printed(row: dict[str, Any], snapshot: chain.Snapshot, names: dict[str, str]) -> dict[str, Any]:
    key = facts.Key(*(row[name] for name in facts.Key._fields))
    fact = facts.Fact(*(row[name] for name in facts.Fact._fields))
    numbers = {name: _number(row[name]) for name in ("value", "numerator", "denominator", "lower", "upper")}
    return {
        "month_end": snapshot.month,
        "revision": snapshot.revision,
        "measure": key.measure,
        "basis": key.basis,
        "area_code": key.area_code,
        "area_name": names.get(key.area_code, ""),
        "period": key.period,
        "breakdown": key.breakdown,
        "category": key.category,
        **numbers,
        "mark": facts.marks(key, fact, snapshot.month, row["revised"]),
    }


def _number(value: Decimal | None) -> int | float | None:
    """A count as a whole number, a rate with its ten places: both print as they are."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
