"""What holds of partners' figures from one period to the next: each check fires with its keys, on clean ones none."""

import csv
from datetime import date
from pathlib import Path

import pytest
from offices import Desk
from partner_rows import CLEAN, PERIOD, Row

from monthend.load import newest_load
from monthend.plan.declarations import ROOT, Declarations
from monthend.validate import integrity

ON = date(2017, 7, 7)
LEICESTER, FORCE = "E06000016", "E23000021"
TENANCIES: Row = {
    "csp_code": LEICESTER, "return_period": PERIOD, "sp": "SP4", "item_code": "tenancies_kept",
    "item_period_start": "2016-04-01", "item_period_end": "2017-03-31", "basis": "ytd", "value": "40", "unit": "count",
    "signed_by_role": "Manager", "signed_on": "2017-04-06",
}  # fmt: skip
COHORT = CLEAN["probation_iom"][0] | {"period": "2017-03", "entrants": "60", "leavers": "60"}
ASKED = [each | {"wave": "2017-03"} for each in CLEAN["survey_confidence"]]
FIRST: dict[str, tuple[str, list[Row]]] = {  # by feed: the name of its file, and the rows of the period before
    "troubled_families": (
        "2017-03-leicester-troubled-families", [each | {"period": "2017-03"} for each in CLEAN["troubled_families"]],
    ),
    "savings": ("2017-05-leicestershire-savings", [each | {"as_at": "2017-05-31"} for each in CLEAN["savings"]]),
    "probation_iom": ("2016-03-leicestershire-probation-iom", [CLEAN["probation_iom"][0] | {"period": "2016-03"}]),
    "csp_return": ("2016-12-csp-return-leicester", [
        TENANCIES | {"return_period": "2016-12", "item_period_end": "2016-12-31", "signed_on": "2017-01-05"},
    ]),
}  # fmt: skip
THEN: dict[str, tuple[str, list[Row]]] = {
    "troubled_families": ("2017-06-leicester-troubled-families", CLEAN["troubled_families"]),
    "savings": ("2017-06-leicestershire-savings", CLEAN["savings"]),
    "csp_return": ("2017-03-csp-return-leicester", [TENANCIES | {"return_period": "2017-03"}]),
    "probation_iom": ("2017-03-leicestershire-probation-iom", [COHORT]),
    "survey_confidence": ("2017-03-leicestershire-survey-confidence", ASKED),
}


def take_in(desk: Desk, folder: Path, changed: dict[str, list[Row]]) -> None:
    """What came of both periods, of the later one with changed rows."""
    for files in (FIRST, {feed: (name, changed.get(feed, rows)) for feed, (name, rows) in THEN.items()}):
        for feed, (name, rows) in files.items():
            headings = [column.heading for column in Declarations(ROOT).feeds[feed].columns]
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, headings, restval="")
                writer.writeheader()
                writer.writerows(rows)
    desk.take_in(folder)


def failing(desk: Desk) -> dict[str, list[str]]:
    with desk.office.engine.connect() as connection:
        newest = newest_load(connection)
    found = integrity.check(desk.office, PERIOD, newest, 0, ON)
    assert {each.outcome for each in found.results if each.feed in THEN} <= {"passed", "failed"}
    with desk.office.engine.connect() as connection:
        return {
            f"{each.check_id} {each.part}": integrity.keys(connection, found.integrity_id, each.check_id, each.part, 10)
            for each in found.results
            if each.outcome == "failed"
        }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        (
            {"troubled_families": [CLEAN["troubled_families"][0] | {"outcome_work": "89"}]},
            {"T01 never falls": [f"{LEICESTER} 2017-06"]},
        ),
        (
            {"savings": [
                CLEAN["savings"][0] | {"delivered": "699999"}, CLEAN["savings"][1],
                CLEAN["savings"][2] | {"delivered": "799999"},
            ]},
            {"F01 never falls": [f"{FORCE} 2017-06"]},
        ),
        (
            {"savings": [
                CLEAN["savings"][0] | {"required": "30000"}, CLEAN["savings"][1],
                CLEAN["savings"][2] | {"required": "1030000"},
            ]},
            {"F01 units": [f"{FORCE} 2017-06"]},
        ),
        (
            {"csp_return": [TENANCIES | {"return_period": "2017-03", "value": "39"}]},
            {"P04 year to date": [f"{LEICESTER} 2017-03"]},
        ),
        (
            {"probation_iom": [COHORT | {"leavers": "59"}]},
            {"Y03 cohort follows": [f"{FORCE} 2017-03"]},
        ),
        ({"probation_iom": [COHORT | {"cohort_id": "IOM-2016", "leavers": "59"}]}, {}),  # there was no such one
        ({"survey_confidence": [ASKED[0] | {"base_unweighted": "380"}, *ASKED[1:]]}, {}),
        (
            {"survey_confidence": [ASKED[0] | {"base_unweighted": "379"}, *ASKED[1:]]},
            {"S02 bases": ["2017-03 confidence"]},
        ),
        (  # another year begins anew
            {"csp_return": [TENANCIES | {"return_period": "2017-03", "item_period_start": "2017-01-01", "value": "3"}]},
            {},
        ),
    ],
)  # fmt: skip
def test_what_falls_or_changes_its_unit_is_found(
    desk: Desk, tmp_path: Path, changed: dict[str, list[Row]], expected: dict[str, list[str]]
) -> None:
    take_in(desk, tmp_path, changed)
    blocked = "SELECT feed FROM landing.delivery WHERE delivery_id NOT IN (SELECT delivery_id FROM reporting.load)"
    assert desk.rows(blocked) == []
    assert failing(desk) == expected
