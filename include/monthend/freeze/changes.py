"""What moved: the facts that a candidate shares with the month-end before it and that differ, the largest first."""

from dataclasses import dataclass
from decimal import Decimal

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.freeze.query import area_names
from monthend.office import Office

# Of each fact stored with the candidate, the version nearest in its line of parents: the one with the largest id, as
# a parent is there before its child. A period after the parent's month-end cannot be in the parent, which spares a
# month's own facts the way through the line.
MOVED = """
WITH RECURSIVE lineage AS (
    SELECT parent_id FROM snapshot.candidate WHERE candidate_id = :candidate
    UNION ALL
    SELECT p.parent_id FROM lineage l JOIN snapshot.candidate p ON p.candidate_id = l.parent_id
), moved AS (
    SELECT f.measure, f.basis, f.area_code, f.period, f.breakdown, f.category, before.value AS before,
           f.value AS after, f.value - before.value AS difference
    FROM snapshot.candidate c
    JOIN snapshot.candidate parent ON parent.candidate_id = c.parent_id
    JOIN snapshot.fact f ON f.candidate_id = c.candidate_id
    CROSS JOIN LATERAL (
        SELECT p.value, p.removed FROM snapshot.fact p
        WHERE p.candidate_id = ANY((SELECT array_agg(parent_id) FROM lineage)::bigint[])
          AND p.measure = f.measure AND p.basis = f.basis AND p.area_code = f.area_code AND p.period = f.period
          AND p.breakdown = f.breakdown AND p.category = f.category
        ORDER BY p.candidate_id DESC LIMIT 1
    ) before
    WHERE c.candidate_id = :candidate AND f.measure NOT LIKE '%!_rate' ESCAPE '!'
      AND (f.basis = 'reported' OR f.period <= parent.month)
      AND NOT before.removed AND before.value IS DISTINCT FROM f.value
)
SELECT *, count(*) OVER () AS total FROM moved
ORDER BY abs(difference) DESC NULLS LAST, measure, basis, area_code, period, breakdown, category
LIMIT :limit
"""


@dataclass(frozen=True)
class Moved:
    """A fact before and after: a side without a value was not available there, or is no longer computed."""

    measure: str  # its title
    basis: str
    area: str  # its name
    period: str
    breakdown: str
    category: str
    before: Decimal | None
    after: Decimal | None
    difference: Decimal | None  # None where one of the two has no value


def moved(office: Office, candidate_id: int, limit: int = 50) -> tuple[list[Moved], int]:
    """The facts of a candidate that its parent had too and whose value differs.

    The largest difference comes first; facts that appear or disappear come last. Rates follow from their counts and
    are left out, and so is what is new because another month came. Raises WrongCall when there is no such candidate.
    """
    with office.engine.connect() as connection:
        if not warehouse.query(
            connection, "SELECT FROM snapshot.candidate WHERE candidate_id = :candidate", candidate=candidate_id
        ):
            raise WrongCall(f"There is no candidate {candidate_id}.")
        rows = warehouse.query(connection, MOVED, candidate=candidate_id, limit=limit)
    measures, areas = office.declarations.measures, area_names(office, candidate_id) if rows else {}
    found = [
        Moved(
            measure=measures[row["measure"]].title if row["measure"] in measures else row["measure"],
            basis=row["basis"],
            area=areas.get(row["area_code"], row["area_code"]),
            period=row["period"],
            breakdown=row["breakdown"],
            category=row["category"],
            before=row["before"],
            after=row["after"],
            difference=row["difference"],
        )
        for row in rows
    ]
    return found, rows[0]["total"] if rows else 0
