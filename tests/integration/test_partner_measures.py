"""What the partners' monthly feeds count, on rows that can be counted by hand."""

import csv
from decimal import Decimal
from pathlib import Path

from offices import Desk

from monthend.freeze import facts
from monthend.freeze.facts import Key
from monthend.load import newest_load
from monthend.plan.declarations import ROOT, Declarations

FORCE, LEICESTER, MONTH = "E23000021", "E06000016", "2017-06"
REPORTS = (  # person, reported, category, care, district
    ("a", "2016-06-10T12:00:00", "missing", "looked after", LEICESTER),
    ("a", "2017-06-10T11:59:59", "missing", "looked after", LEICESTER),  # a second short of 12 months later: again
    ("b", "2016-06-11T12:00:00", "missing", "not looked after", LEICESTER),
    ("b", "2017-06-11T12:00:00", "missing", "not looked after", ""),  # 12 months later: not again, and in no district
    ("c", "2017-06-01T12:00:00", "missing", "not looked after", LEICESTER),
    ("c", "2017-06-02T12:00:00", "absent", "not looked after", LEICESTER),  # of another category: not again
    ("c", "2017-06-03T12:00:00", "missing", "not looked after", LEICESTER),  # again
)


def write(folder: Path) -> None:
    """The reports above in a file a month, and detentions of June 2017."""
    feeds = Declarations(ROOT).feeds
    headings = [column.heading for column in feeds["missing_person"].columns]
    for month in ("2016-06", MONTH):
        with (folder / f"{month}-leicestershire-missing-person.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(headings)
            for number, (person, at, category, care, district) in enumerate(REPORTS):
                if at.startswith(month):
                    rows.writerow((f"MP-{number:03}", person * 3, at, "", category, "low", "12-15", care, district))
    with (folder / f"{MONTH}-leicestershire-mental-health.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([column.heading for column in feeds["mental_health"].columns])
        rows.writerow((MONTH, "police", 40, 10, 28, 2, 1))
        rows.writerow((MONTH, "nhs", 41, 11, 28, 2, 1))


def test_counts_are_those_of_a_count_by_hand(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path)
    desk.take_in(tmp_path)
    with desk.office.engine.connect() as connection:
        found = facts.compute(connection, desk.office.declarations, MONTH, newest_load(connection))

    def count(measure: str, area: str, month: str = MONTH, category: str = "") -> Decimal | None:
        return found[Key(measure, "month", area, month, "missing_category" if category else "", category)].value

    assert (count("missing_reports", FORCE), count("missing_reports", LEICESTER)) == (5, 4)
    assert (count("missing_reports", FORCE, "2016-06"), count("missing_reports", FORCE, "2017-05")) == (2, None)
    assert [count("missing_reports", FORCE, category=each) for each in ("missing", "absent")] == [4, 1]
    assert (count("repeat_missing_reports", FORCE), count("repeat_missing_reports", LEICESTER)) == (2, 2)
    assert count("repeat_missing_reports", FORCE, "2016-06") == 0
    assert count("missing_from_care", FORCE) == 1
    assert found[Key("repeat_missing_reports_share", "month", FORCE, MONTH)].value == 40
    assert [count(f"mental_health_{each}", FORCE) for each in ("detentions", "custody")] == [40, 10]
    assert found[Key("mental_health_custody_share", "month", FORCE, MONTH)].value == 25
