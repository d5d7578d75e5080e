"""The shipped offence codes, outcome types and events, and what their suites find wrong with others."""

import csv
import json
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from monthend.plan.declarations import ROOT, Declarations
from monthend.validate import reader, validation
from monthend.validate.results import Delivery

DECLARATIONS = Declarations(ROOT)

# Sub-groups that measures and checks rest on: Home Office counting rules, sub-groups after ONS's tree of offences
SUBGROUPS = {
    "Burglary dwelling": "28A 28B 28C 28D 29",
    "Burglary residential": "28E 28F 28G 28H 29A",
    "Burglary other": "30A 30B 30C 30D 31 31A",
    "Theft of a motor vehicle": "48",
    "Theft from a vehicle": "45",
    "Vehicle interference": "126",
    "Violence with injury": "2 4.3 4.4 4.6 4.7 4.8 4.9 5D 5E 8N 8P 8S 37.1",
    "Violence without injury": "3A 3B 8M 8Q 11A 13 14 36 104 105A 105B 106",
    "Rape": "19C 19D 19E 19F 19G 19H 19J 19K",
    "Other sexual offences": "17A 17B 20A 20B 21 22A 22B 70 71 72 73 88A 88C 88D 88E",
    "Robbery": "34A 34B",
}


def shipped(feed: str) -> list[dict[str, str]]:
    with (ROOT / f"include/reference/{feed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def failed(feed: str, rows: list[dict[str, str]]) -> dict[tuple[str, str], list[int]]:
    declared = DECLARATIONS.feeds[feed]
    table = pa.table({name: pa.array([row[name] or None for row in rows], pa.string()) for name in rows[0]})
    raw = json.loads(DECLARATIONS.suite(declared).read_text(encoding="utf-8"))
    known = {"areas": [["E23000021"], ["E06000016"]], "measures": [[key] for key in DECLARATIONS.measures]}
    batch = [(Delivery(1, feed, "", "", "", date(2017, 7, 4)), table)]
    results = validation._run_suite(raw, declared, batch, known if feed == "events" else {})[1]
    assert {result.outcome for result in results} <= {"passed", "failed"}
    return {(result.check_id, result.part): result.rows for result in results if result.outcome == "failed"}


def test_codes_stand_in_the_sub_groups_that_figures_rest_on() -> None:
    codes = shipped("offence_codes")
    for subgroup, expected in SUBGROUPS.items():
        assert {row["code"] for row in codes if row["subgroup"] == subgroup} == set(expected.split())
    ends = {row["code"]: row["valid_to"] for row in codes if row["valid_to"]}
    assert ends == dict.fromkeys(["28A", "28B", "28C", "28D", "29", "30A", "30B", "31"], "2017-03-31")
    new = {row["code"] for row in codes if row["valid_from"] == "2017-04-01"}
    assert new == {"8S", "28E", "28F", "28G", "28H", "29A", "30C", "30D", "31A"}
    assert len({(row["subgroup"], row["offence_group"]) for row in codes}) == len({row["subgroup"] for row in codes})


@pytest.mark.parametrize("feed", ["offence_codes", "outcome_types", "events"])
def test_what_is_shipped_passes(feed: str) -> None:
    reader.read(ROOT / f"include/reference/{feed}.csv", DECLARATIONS.feeds[feed])
    assert failed(feed, shipped(feed)) == {}


@pytest.mark.parametrize(
    ("feed", "change", "expected"),
    [
        ("offence_codes", {2: {"code": "04.2"}}, {"code": [2]}),
        ("offence_codes", {2: {"notifiable": "yes"}}, {"notifiable": [2]}),
        ("offence_codes", {2: {"valid_from": "2013-4-1"}}, {"valid_from": [2]}),
        ("offence_codes", {2: {"valid_to": "2017-02-29"}}, {"valid_to": [2]}),
        ("offence_codes", {2: {"valid_to": "2013-03-31"}}, {"period": [2]}),
        ("offence_codes", {2: {"code": "1"}}, {"unique": [1, 2], "periods": [2]}),
        ("offence_codes", {2: {"code": "1", "valid_from": "2014-01-01"}}, {"periods": [2]}),
        ("offence_codes", {1: {"valid_to": "2013-12-31"}, 2: {"code": "1", "valid_from": "2014-01-01"}}, {}),
        # inside the first of three, though after the second
        (
            "offence_codes",
            {
                1: {"valid_to": "2016-12-31"},
                2: {"code": "1", "valid_from": "2014-01-01", "valid_to": "2014-06-30"},
                3: {"code": "1", "valid_from": "2015-01-01"},
            },
            {"periods": [2, 3]},
        ),
        ("outcome_types", {1: {"outcome_type": "0"}}, {"outcome_type": [1]}),
        ("outcome_types", {2: {"outcome_type": "1"}}, {"unique": [1, 2]}),
        ("outcome_types", {1: {"suspect": "maybe"}}, {"suspect": [1]}),
        ("outcome_types", {1: {"valid_to": "2013-03-31"}}, {"period": [1]}),
        ("events", {1: {"event": "HMIC report"}}, {"event": [1]}),
        ("events", {1: {"event": ""}, 2: {"title": ""}}, {"event given": [1], "title given": [2]}),
        ("events", {1: {"source": ""}, 2: {"from_date": ""}}, {"source given": [1], "from_date given": [2]}),
        ("events", {2: {"event": "hmic_crime_recording"}}, {"unique": [1, 2]}),
        ("events", {1: {"title": "A" * 81}, 2: {"title": "A" * 80}}, {"title": [1]}),
        ("events", {1: {"title": "=1+1"}, 2: {"title": "Market day."}, 3: {"title": "One; two"}}, {"title": [1, 2, 3]}),
        (
            "events",
            {
                1: {"title": "Roadworks, which caused more theft"},
                2: {"title": "More theft as a result of roadworks"},
                3: {"title": "Serious sexual offence inquiry: 4 victims"},
                4: {"title": "Result of the referendum, impact unknown"},
                5: {"title": "Result of the count due on 8 June"},
                6: {"title": "Because of roadworks"},
            },
            {"title neutral": [1, 2, 3, 4, 5, 6]},
        ),
        ("events", {1: {"title": "Results announced, causeway closed, 20 March 2017"}}, {}),
        ("events", {1: {"from_date": "2014-11-31"}}, {"from_date": [1]}),
        ("events", {1: {"from_date": "1970-01-01"}}, {"from_date": [1]}),
        ("events", {1: {"to_date": "2014-11-31"}}, {"to_date": [1]}),
        ("events", {1: {"to_date": "2014-11-17"}, 2: {"to_date": "2016-06-23"}}, {"period": [1]}),
        ("events", {1: {"area_code": "E23000099"}, 2: {"area_code": "E06000016"}}, {"area": [1]}),
        (
            "events",
            {
                1: {"measures": "all_crime;no_measure"},
                2: {"measures": "all_crime; hate_crimes"},
                3: {"measures": "all_crime"},
            },
            {"measures": [1, 2]},
        ),
    ],
)
def test_what_is_wrong_is_found(feed: str, change: dict[int, dict[str, str]], expected: dict[str, Any]) -> None:
    rows = shipped(feed)[:6]
    for number, values in change.items():
        rows[number - 1] |= values
    assert failed(feed, rows) == {("R01", part): numbers for part, numbers in expected.items()}
