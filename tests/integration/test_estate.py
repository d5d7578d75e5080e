"""The sample force from its extracts to facts, held against a count that shares no code with either."""

from pathlib import Path

from estate_count import counts
from offices import STEWARD, Desk

from monthend.freeze import facts
from monthend.freeze.candidate import head
from monthend.plan.calendar import add_months, freeze_day
from monthend.run import run
from monthend.sample import force

MONTH = "2017-06"


def test_every_count_of_two_month_ends_is_that_of_an_independent_count(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    force.write(folder, until=MONTH, months=2, scale=0.1, public=False, with_faults=False, with_partners=False)
    for month in (add_months(MONTH, -1), MONTH):
        run(desk.office, month, [folder / month], STEWARD, freeze_day(month))
    with desk.office.engine.connect() as connection:
        newest = head(connection)
        assert newest is not None
        frozen = facts.read(connection, newest["candidate_id"])
    measures = desk.office.declarations.measures
    counted, found = counts(folder, MONTH), {}
    for key in counted:
        measure, area, month, category = key
        breakdown = measures[measure].breakdown
        name = breakdown.name if breakdown and category else ""
        found[key] = frozen[facts.Key(measure, "month", area, month, name, category)].value
    assert found == counted
    assert len({measure for measure, *_ in found}) == 15

    causes = desk.rows(
        "SELECT measure, area_code, period, category, sum(difference) FROM snapshot.revision GROUP BY 1, 2, 3, 4"
    )
    with desk.office.engine.connect() as connection:
        before = facts.read(connection, newest["candidate_id"] - 1)
    for measure, area, month, category, difference in causes:
        breakdown = measures[measure].breakdown
        key = facts.Key(measure, "month", area, month, breakdown.name if breakdown and category else "", category)
        assert frozen[key].value - before[key].value == difference, key
    assert len(causes) > 100
