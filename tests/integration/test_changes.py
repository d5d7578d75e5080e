"""What moved against the month-end before: which facts, in which order, and how long it takes to say so."""

from decimal import Decimal
from pathlib import Path

import pytest
from offices import ON, Desk, Rows, Street

from monthend.errors import WrongCall
from monthend.freeze.candidate import propose
from monthend.freeze.changes import moved

FORCES = ("leicestershire", "kent")
MONTHS = 36


@pytest.fixture
def chained(desk: Desk, street: Street, tmp_path: Path) -> Desk:
    """January 2025 frozen from two months of two forces, and February proposed; Kent's January did not come."""
    desk.take_in(
        street.inbox(tmp_path / "first", ["2024-12"], FORCES),
        street.inbox(tmp_path / "second", ["2025-01"], ["leicestershire"]),
    )
    desk.freeze("2025-01")
    desk.take_in(street.inbox(tmp_path / "next", ["2025-02"], FORCES))
    return desk


def test_a_month_that_only_goes_on_moves_nothing(chained: Desk) -> None:
    first = propose(chained.office, "2025-02", ON)
    ((stored,),) = chained.rows("SELECT count(*) FROM snapshot.fact WHERE candidate_id = %s", first.candidate_id)
    assert stored > 500
    assert moved(chained.office, first.candidate_id) == ([], 0)
    assert first.parent_id is not None
    assert moved(chained.office, first.parent_id) == ([], 0)  # the first of the chain has none before it
    with pytest.raises(WrongCall, match="There is no candidate 99"):
        moved(chained.office, 99)


def test_facts_that_changed_come_first_then_those_that_appeared_or_disappeared(
    chained: Desk, street: Street, tmp_path: Path
) -> None:
    """December lost three drug offences and a robbery of Kent's; its January came at last, and a fact is gone."""
    removed = {"Drugs": 3, "Robbery": 1}

    def without(rows: Rows) -> None:
        left = dict(removed)
        for row in list(rows):
            if left.get(row["Crime type"]):
                left[row["Crime type"]] -= 1
                rows.remove(row)

    chained.take_in(street.changed(tmp_path / "resent", "2024-12", "kent", without))
    chained.take_in(street.inbox(tmp_path / "late", ["2025-01"], ["kent"]))
    candidate = propose(chained.office, "2025-02", ON)
    chained.behind_its_back(
        "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, removed)"
        " VALUES (%s, 'open_burglary', 'month', 'E23000021', '2024-12', true)",
        candidate.candidate_id,
    )
    found, count = moved(chained.office, candidate.candidate_id, limit=500)
    assert count == len(found)
    changed = [each for each in found if each.difference is not None]
    assert found[: len(changed)] == changed
    december = [(m.measure, m.basis, m.area, m.period, m.difference) for m in changed]
    # a financial year to date that began before the first month held has no value, nor has a quarter
    assert december == [
        ("All crime", "month", "Kent", "2024-12", Decimal(-4)),
        ("Drugs", "month", "Kent", "2024-12", Decimal(-3)),
        ("Robbery", "month", "Kent", "2024-12", Decimal(-1)),
    ]
    for each in changed:
        assert each.before is not None
        assert each.after == each.before + each.difference
    others = found[len(changed) :]
    assert [(m.measure, m.area, m.period, m.after) for m in others if m.before is not None] == [
        ("Burglary", "Leicestershire", "2024-12", None)
    ]
    appeared = [m for m in others if m.before is None]
    assert {(m.area, m.period, m.basis) for m in appeared} == {("Kent", "2025-01", "month")}
    assert len(appeared) == len(
        [m for m in chained.office.declarations.measures.values() if m.feed == "police_uk_street"]
    )
    assert all(m.after is not None for m in appeared)

    assert moved(chained.office, candidate.candidate_id, limit=2) == (found[:2], count)


def test_what_moved_is_held_against_the_nearest_of_36_months(desk: Desk) -> None:
    """Each month-end stores its own month; the newest revises 720 facts of the first year."""
    with desk.server.connect(desk.database) as connection:
        connection.execute(
            "INSERT INTO snapshot.candidate (month, revision, parent_id, load_number, digest, manifest, facts_sha256,"
            " readiness, proposed_on) SELECT to_char(date '2022-01-01' + n * interval '1 month', 'YYYY-MM'), 1,"
            " nullif(n, 0), 0, '', '{}', '', '{}', '2025-06-10' FROM generate_series(0, %s) n ORDER BY n",
            [MONTHS - 1],
        )
        connection.execute(
            "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, value)"
            " SELECT candidate_id, 'open_' || m, basis, 'E' || a, month, candidate_id FROM snapshot.candidate,"
            " generate_series(1, 30) m, generate_series(1, 24) a, unnest(ARRAY['month', 'r12', 'fytd']) basis"
        )
        connection.execute(  # one was revised half-way
            "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, value)"
            " VALUES (20, 'open_1', 'month', 'E1', '2022-01', 7)"
        )
        connection.execute(  # one was no longer computed later on, so the parent did not have it
            "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, removed)"
            " VALUES (30, 'open_2', 'month', 'E2', '2022-02', true)"
        )
        connection.execute(  # the newest revises the first twelve months of eight areas
            "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, value)"
            " SELECT %s, measure, basis, area_code, period, candidate_id - 1 FROM snapshot.fact"
            " WHERE candidate_id <= 12 AND basis = 'month' AND area_code IN ('E1', 'E2')",
            [MONTHS],
        )
        connection.execute("ANALYZE snapshot.fact")
    found, count = moved(desk.office, MONTHS)
    assert (len(found), count) == (50, 12 * 30 * 2 - 1)
    assert (found[0].measure, found[0].area, found[0].period) == ("open_1", "E1", "2022-01")
    assert [(each.before, each.after, each.difference) for each in found[:2]] == [(7, 0, -7), (2, 1, -1)]
