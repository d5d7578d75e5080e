"""The suites beside recorded crime and returns: what each check finds and leaves alone, and what becomes of a file."""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import partner_rows
import pyarrow as pa
import pytest
from offices import Desk
from partner_rows import Change, Found, Row, of_row

from monthend.plan.calendar import months_between
from monthend.plan.declarations import ROOT, Break, Declarations
from monthend.receive import receive
from monthend.validate import derived, history, validation
from monthend.validate.results import Batch, Delivery

PERIOD, RECEIVED, HOME = "2017-06", date(2017, 7, 4), "E23000021"  # the day of the extract
FEEDS = {
    name: feed
    for name, feed in Declarations(ROOT).feeds.items()
    if name
    in (
        "police_outcome", "police_cancelled", "police_incident", "msg_comparator", "police_uk_outcomes",
        "mental_health", "missing_person", *partner_rows.CLEAN,
    )
}  # fmt: skip
RAW: dict[str, dict[str, Any]] = {
    name: json.loads((ROOT / f"expectations/{name}.json").read_text(encoding="utf-8")) for name in FEEDS
}
FORCES = {"E23000019": 1091482, "E23000021": 1017697, "E23000026": 615061, "E23000027": 1116062}
FORCES |= {"E23000028": 1724950, "E23000030": 1897991, "E23000032": 1727665, "E23000033": 1606932}


def outcome(crime: int, kind: str, age: str = "", **others: str) -> Row:
    return {
        "crime_ref": f"LEI-2017-{crime:03d}",
        "outcome_type": kind,
        "outcome_at": f"2017-06-{crime + 10}T10:00:00",
        "is_current": "Y",
        "suspect_age": age,
        "cps_referred": "N",
        "victim_supports": "Y",
        "other_agency": "N",
        "extract_at": "2017-07-04T06:00:00",
    } | others


def decision(crime: int, action: str, reason: str, role: str, **others: str) -> Row:
    return {
        "crime_ref": f"LEI-2017-{crime:03d}",
        "action": action,
        "reason_code": reason,
        "decided_at": f"2017-06-{crime + 10}T10:00:00",
        "decided_by_role": role,
        "avi_documented": "Y",
        "victim_informed_at": f"2017-06-{crime + 10}T15:00:00",
        "receiving_force": "",
        "extract_at": "2017-07-04T06:00:00",
    } | others


def incident(number: int, opening: str, closing: str, qualifier: str = "", **others: str) -> Row:
    return {
        "incident_ref": f"LEI-I-2017-{number:03d}",
        "opened_at": f"2017-06-{number + 10}T22:00:00",
        "closed_at": f"2017-06-{number + 11}T02:00:00" if closing else "",
        "opening_code": opening,
        "closing_code": closing,
        "asb_qualifier": qualifier,
        "crime_ref": "",
        "hate_incident": "N",
        "da_incident": "N",
        "csp_code": "E06000016",
        "repeat_caller_pseudo_id": f"P{number:08x}",
        "extract_at": "2017-07-04T06:00:00",
    } | others


def comparator(force: str, count: int) -> Row:
    return {
        "as_at": "2017-06-30",
        "force_code": force,
        "offence_key": "all_crime",
        "month": PERIOD,
        "count": str(count),
        "denominator_type": "2011 Census residents",
        "denominator": str(FORCES[force]),
        "rate": f"{count * 1000 / FORCES[force]:.2f}",
        "provisional": "Y",
        "public_release_ok": "N",
    }


def street_outcome(kind: str, **others: str) -> Row:
    return {
        "Crime ID": "ab" * 32,
        "Month": PERIOD,
        "Reported by": "Leicestershire Police",
        "Falls within": "Leicestershire Police",
        "Longitude": "-1.139",
        "Latitude": "52.634",
        "Location": "On or near Example Street",
        "LSOA code": "E01013649",
        "LSOA name": "Leicester 014A",
        "Outcome type": kind,
    } | others


def detentions(source: str) -> Row:
    return {
        "period": PERIOD, "source": source, "s136_total": "40", "to_custody": "10", "to_health": "28", "other": "2",
        "under18_custody": "1",
    }  # fmt: skip


def report(number: int, **others: str) -> Row:
    return {
        "report_ref": f"MP-2017-{number:03d}",
        "person_pseudo_id": f"m{number:08x}",
        "reported_at": f"2017-06-{number + 10}T10:00:00",
        "found_at": f"2017-06-{number + 11}T10:00:00",
        "category": "missing",
        "risk": "medium",
        "age_band": "12-15",
        "care_status": "looked after",
        "csp_code": "E06000016",
    } | others


ROLES = ("force crime registrar", "deputy force crime registrar", "designated decision maker")
CLEAN: dict[str, list[Row]] = {
    "police_outcome": [
        outcome(1, "16", "30", is_current="N", outcome_at="2014-07-01T00:00:00"),  # the first second of the window
        outcome(1, "1", "30"),
        outcome(3, "18"),
        outcome(4, "2", "15"),
        outcome(5, "3A", "40"),
        outcome(6, "9", "22", cps_referred="Y"),
        outcome(7, "11", "8"),
        outcome(8, "20"),
    ],
    "police_cancelled": [
        decision(1, "cancelled", "C2", ROLES[0], decided_at="2014-07-01T00:00:00"),
        decision(2, "transferred", "C1", ROLES[1], receiving_force="Nottinghamshire Police"),
        decision(3, "cancelled", "C5", ROLES[2], avi_documented="N"),
    ],
    "police_incident": [
        incident(1, "ASB", "ASB", "nuisance", opened_at="2014-07-01T00:00:00"),
        incident(2, "PUBLIC SAFETY", "ASB", "personal"),
        incident(3, "ASB", "", "environmental"),  # open still
        incident(4, "ASB", "NON-CRIME"),
        incident(5, "CRIME", "CRIME", crime_ref="LEI-2017-001"),
        incident(6, "TRANSPORT", ""),
    ],
    "msg_comparator": [comparator(force, 4000 + place) for place, force in enumerate(FORCES)],
    "police_uk_outcomes": [
        street_outcome("Suspect charged"),
        street_outcome("Investigation complete; no suspect identified", **{"LSOA code": "", "LSOA name": ""}),
    ],
    "mental_health": [detentions("police"), detentions("nhs")],
    "missing_person": [
        report(1, reported_at="2017-06-01T00:00:00"),
        report(2),
        report(3, found_at="", risk="high", age_band="0-11"),
        report(4, category="absent", care_status="not looked after", csp_code=""),
    ],
    **partner_rows.CLEAN,
}


def of_every(feed: str, column: str, value: str, *checks: tuple[str, str]) -> tuple[Change, Found]:
    rows = list(range(1, len(CLEAN[feed]) + 1))
    return {row: {column: value} for row in rows}, dict.fromkeys(checks, rows)


def of_times(feed: str, window: str, *others: str) -> list[tuple[Change, Found]]:
    """Of a feed's times: an impossible one, a default of a computer, and what is not between window and extract."""
    late = "2017-07-04T06:00:01"
    return [
        *(of_row(2, each, "2017-06-31T10:00:00", ("G04", each)) for each in (window, *others)),
        of_row(2, window, "2014-06-30T23:59:59", ("G06", "window")),
        of_row(2, window, late, ("G06", window), ("G06", "window")),
        *(of_row(2, each, late, ("G06", each)) for each in others),
        *(of_row(2, each, "2017-07-04T06:00:00") for each in others),
        of_row(2, "extract_at", late, ("G06", "one extract")),
        of_every(feed, "extract_at", "2017-07-04", ("G04", "extract_at")),
        of_every(feed, "extract_at", "2017-07-05T00:00:00", ("G06", "received")),
        of_every(feed, "extract_at", "2017-07-04T23:59:59"),
    ]


def of_required(feed: str) -> list[tuple[Change, Found]]:
    return [
        of_row(4, each.column, "", ("G10", f"{each.column} given")) for each in FEEDS[feed].columns if each.required
    ]


ALL_EIGHT = list(range(1, 9))
# By feed, what is changed, and which checks then fail in which rows: those and no others
CASES: dict[str, list[tuple[Change, Found]]] = {
    "police_outcome": [
        ({}, {}),
        *of_required("police_outcome"),
        *of_times("police_outcome", "outcome_at"),
        of_row(2, "outcome_at", "1900-01-01T00:00:00", ("G04", "outcome_at"), ("G06", "window"), ("O01", "")),
        of_row(3, "is_current", "YES", ("G03", "is_current"), ("O03", "")),
        *(of_row(3, each, "No", ("G03", each)) for each in ("cps_referred", "victim_supports", "other_agency")),
        *(of_row(2, "suspect_age", age, ("G03", "suspect_age")) for age in ("thirty", "30.0", "030", "120")),
        of_row(2, "suspect_age", "119"),
        of_row(3, "crime_ref", "Jo Bloggs", ("G09", "crime_ref")),
        ({8: CLEAN["police_outcome"][2] | {"is_current": "N"}}, {("G07", ""): [3, 8]}),
        # types: none, unknown, not there yet, on its first day
        *(of_row(8, "outcome_type", kind, ("O01", "")) for kind in ("0", "23", "22", "01")),
        ({8: {"outcome_type": "21", "outcome_at": "2015-12-31T23:59:59", "suspect_age": "30"}}, {("O01", ""): [8]}),
        ({8: {"outcome_type": "21", "outcome_at": "2016-01-01T00:00:00", "suspect_age": "30"}}, {}),
        # two current outcomes of a crime, and none
        ({1: {"is_current": "Y"}}, {("O03", ""): [1, 2]}),
        ({2: {"is_current": "N"}}, {("O03", ""): [1, 2]}),
        of_row(3, "is_current", "N", ("O03", "")),
        # ages
        *(of_row(4, "suspect_age", age, ("O05", "youth")) for age in ("9", "18")),
        *(of_row(4, "suspect_age", age) for age in ("10", "17")),
        of_row(5, "suspect_age", "17", ("O05", "adult")),
        *(of_row(5, "suspect_age", age) for age in ("18", "100")),
        of_row(7, "suspect_age", "10", ("O05", "child")),
        of_row(7, "suspect_age", "9"),
        of_row(6, "cps_referred", "N", ("O06", "CPS")),
        of_row(6, "cps_referred", "", ("O06", "CPS")),
    ],
    "police_cancelled": [
        ({}, {}),
        *(
            of_row(3, each, "", ("G10", f"{each} given"))
            for each in ("crime_ref", "action", "decided_at", "extract_at")
        ),
        *of_times("police_cancelled", "decided_at", "victim_informed_at"),
        of_row(2, "victim_informed_at", "1970-01-01T00:00:00", ("G04", "victim_informed_at")),
        of_row(3, "action", "merged", ("G03", "action")),
        of_row(3, "avi_documented", "yes", ("G03", "avi_documented")),
        of_row(3, "crime_ref", "LE1 1AA", ("G09", "crime_ref")),
        of_row(2, "receiving_force", "Jo Bloggs", ("G09", "receiving_force")),
        of_row(2, "receiving_force", "Kent Police, 0116 496 0000", ("G09", "receiving_force")),
        of_row(2, "receiving_force", "Hampshire Constabulary"),
        ({3: CLEAN["police_cancelled"][1]}, {("G07", ""): [2, 3]}),
        ({3: CLEAN["police_cancelled"][1] | {"action": "cancelled"}}, {}),
        *(of_row(3, each, "", ("N01", f"{each} given")) for each in ("reason_code", "decided_by_role")),
        of_row(3, "reason_code", "C6", ("N01", "reason_code")),
        of_row(3, "decided_by_role", "investigating officer", ("N01", "decided_by_role")),
        of_row(2, "receiving_force", "", ("N04", "")),
    ],
    "police_incident": [
        ({}, {}),
        *of_required("police_incident"),
        *of_times("police_incident", "opened_at", "closed_at"),
        of_row(2, "closed_at", "42909", ("G04", "closed_at"), ("G06", "closed_at")),
        *(of_row(4, each, "1", ("G03", each)) for each in ("hate_incident", "da_incident")),
        of_row(4, "incident_ref", "someone@example.org", ("G09", "incident_ref")),
        of_row(5, "crime_ref", "AB 12 34 56 C", ("G09", "crime_ref")),
        *(of_row(5, each, "caller Jo Bloggs", ("G09", each)) for each in ("opening_code", "closing_code")),
        *(of_row(5, each, "PUBLIC SAFETY") for each in ("opening_code", "closing_code")),
        of_row(4, "repeat_caller_pseudo_id", "Jo Bloggs", ("G09", "repeat_caller_pseudo_id")),
        ({4: {"incident_ref": "LEI-I-2017-005"}}, {("G07", ""): [4, 5]}),
        of_row(4, "csp_code", "E07000136", ("G11", "csp_code")),
        of_row(4, "csp_code", ""),
        # exactly one qualifier, and of anti-social behaviour only
        of_row(1, "asb_qualifier", "personal, nuisance", ("I01", "")),
        *(of_row(row, "asb_qualifier", "", ("I01", "given")) for row in (1, 2, 3)),
        *(of_row(row, "asb_qualifier", "nuisance", ("I01", "anti-social behaviour only")) for row in (4, 5, 6)),
    ],
    "msg_comparator": [
        ({}, {}),
        *(
            of_row(3, each, "", ("G10", f"{each} given"))
            for each in (
                "as_at",
                "count",
                "denominator_type",
                "denominator",
                "rate",
                "provisional",
                "public_release_ok",
            )
        ),
        *(
            ({3: {each: ""}}, {("G10", f"{each} given"): [3], ("M01", ""): [1, 2, 4, 5, 6, 7, 8]})
            for each in ("force_code", "offence_key", "month")
        ),
        *(of_row(3, each, "yes", ("G03", each)) for each in ("provisional", "public_release_ok")),
        *(of_row(3, each, "4,000", ("G03", each)) for each in ("count", "rate", "denominator")),
        of_row(3, "denominator", "0", ("G03", "denominator"), ("M02", "rate")),
        ({3: {"offence_key": "arson"}}, {("G03", "offence_key"): [3], ("M01", ""): ALL_EIGHT}),
        of_every("msg_comparator", "denominator_type", "residents", ("G03", "denominator_type")),
        of_every("msg_comparator", "denominator_type", "2016 mid-year residents"),
        (
            {3: {"month": "June"}},
            {("G04", "month"): [3], ("G06", "month"): [3], ("G06", "window"): [3], ("M01", ""): ALL_EIGHT},
        ),
        of_row(3, "as_at", "2017-06-31", ("G04", "as_at")),
        of_row(3, "as_at", "1900-01-01", ("G04", "as_at"), ("G06", "month")),
        of_row(3, "as_at", "2017-07-05", ("G06", "received")),
        of_row(3, "as_at", "2017-07-04"),
        ({3: {"month": "2010-01"}}, {("G06", "window"): [3], ("M01", ""): ALL_EIGHT}),
        ({3: {"month": "2030-01"}}, {("G06", "month"): [3], ("G06", "window"): [3], ("M01", ""): ALL_EIGHT}),
        ({3: CLEAN["msg_comparator"][3]}, {("G07", ""): [3, 4], ("M01", ""): ALL_EIGHT}),
        ({3: {"force_code": "E23000020"}}, {("G11", "force_code"): [3], ("M01", ""): ALL_EIGHT}),
        ({3: None}, {("M01", ""): [1, 2, 3, 4, 5, 6, 7]}),
        *(of_row(2, "rate", rate, ("M02", "rate")) for rate in ("3.88", "3.99")),  # of 4001 / 1017.697 = 3.9314
        *(of_row(2, "rate", rate) for rate in ("3.8815", "3.9", "3.981")),
        ({3: {"denominator_type": "2011 Census households"}}, {("M02", "denominator"): ALL_EIGHT}),
    ],
    "police_uk_outcomes": [
        ({}, {}),
        of_row(2, "Month", "", ("G03", "month given")),
        of_row(2, "Falls within", "", ("G03", "force given")),
        of_row(2, "Outcome type", "", ("U01", "given")),
        of_row(2, "Month", "201706", ("G04", "month"), ("G06", ""), ("U02", "")),
        of_row(2, "Longitude", "W1.1", ("G03", "longitude")),
        of_row(2, "Latitude", "N52", ("G03", "latitude")),
        of_row(2, "Month", "2017-08", ("G06", ""), ("U02", "")),
        of_row(2, "Month", "2017-05", ("U02", "")),
        *(of_row(2, "Outcome type", kind, ("U01", "")) for kind in ("suspect charged", "Under investigation")),
        of_row(2, "Falls within", "Kent Police", ("U04", "")),
        of_row(1, "LSOA code", "E01999999", ("U05", "")),
        of_row(2, "Location", "On or near LE1 1AA", ("G09", "location")),
        of_row(2, "LSOA name", "0116 496 0000", ("G09", "lsoa name")),
        of_row(2, "Crime ID", "someone@example.org", ("G09", "crime ID")),
        of_row(2, "Reported by", "someone@example.org", ("G09", "reported by")),
        of_row(1, "LSOA code", "AB123456C", ("G09", "LSOA code"), ("U05", "")),
    ],
    "mental_health": [
        ({}, {}),
        *(of_row(2, each.column, "", ("G10", f"{each.column} given")) for each in FEEDS["mental_health"].columns),
        of_row(2, "period", "2017-6", ("G04", "period"), ("G06", "")),
        of_row(2, "period", "2017-05", ("G06", "")),
        of_row(2, "source", "council", ("G03", "source")),
        ({2: {"s136_total": "ten"}}, {("G03", "s136_total"): [2], ("W01", "sources"): [1, 2]}),
        *(of_row(2, each, "1.0", ("G03", each), ("W01", "total")) for each in ("to_custody", "to_health", "other")),
        of_row(2, "under18_custody", "one", ("G03", "under18_custody")),
        ({2: {"source": "police"}}, {("G07", ""): [1, 2]}),
        of_row(2, "to_health", "29", ("W01", "total")),
        of_row(2, "under18_custody", "11", ("W01", "under 18")),
        of_row(2, "under18_custody", "10"),
        ({2: {"s136_total": "41", "to_health": "29"}}, {("W01", "sources"): [1, 2]}),
    ],
    "missing_person": [
        ({}, {}),
        *of_required("missing_person"),
        of_row(2, "category", "lost", ("G03", "category")),
        of_row(2, "risk", "none", ("G03", "risk")),
        of_row(2, "age_band", "12", ("G03", "age_band")),
        of_row(2, "care_status", "yes", ("G03", "care_status")),
        of_row(2, "reported_at", "12 June", ("G04", "reported_at"), ("G06", "month")),
        of_row(2, "found_at", "2017-06-31T10:00:00", ("G04", "found_at")),
        of_row(2, "reported_at", "2017-05-31T23:59:59", ("G06", "month")),
        of_row(2, "found_at", "2017-07-05T10:00:00", ("G06", "found_at")),
        of_row(2, "found_at", "2017-06-12T09:59:59", ("X01", "")),
        of_row(2, "found_at", "2017-06-12T10:00:00"),
        ({4: {"report_ref": "MP-2017-003"}}, {("G07", ""): [3, 4]}),
        of_row(2, "report_ref", "Jo Bloggs", ("G09", "report_ref")),
        of_row(2, "person_pseudo_id", "someone@example.org", ("G09", "person_pseudo_id")),
        of_row(2, "csp_code", "E07000136", ("G11", "csp_code")),
    ],
    **partner_rows.CASES,
}


def known(feed: str) -> derived.Reference:
    """What the feed is held against: the shipped outcome types, or one LSOA."""
    columns = ("outcome_type", "valid_from", "valid_to")
    return {
        "police_outcome": {"outcome_types": [[row[column] or None for column in columns] for row in shipped_types()]},
        "police_uk_outcomes": {"lsoa_exact_fit": [["E01013649", "E01013649"]]},
        "narrative": {"boards": [["pdg"]], "measures": [["hate_crimes"]]},
    }.get(feed, {})


def shipped_types() -> list[Row]:
    with (ROOT / "include/reference/outcome_types.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def extract(feed: str, change: Change) -> list[Row]:
    """The feed's clean extract after `change`."""
    changed = [(row, change.get(number, {})) for number, row in enumerate(CLEAN[feed], start=1)]
    added = [row for number, row in change.items() if row and number > len(CLEAN[feed])]
    return [*(row | values for row, values in changed if values is not None), *added]


def apart(place: int, rows: list[Row]) -> list[Row]:
    """The extract in months, or with references, of its own, as no check may tell its rows from another extract's."""

    def own(column: str, value: str) -> str:
        return value.replace("-2017-", f"-2017-{place:03d}") if column.endswith("_ref") else value

    return [{column: own(column, value) for column, value in row.items()} for row in rows]


def found(feed: str, extracts: list[list[Row]], *, shares: bool) -> list[Found]:
    """What the suite's checks, about shares of the rows or the others, find in each extract; all in one frame."""
    checks = [each for each in RAW[feed]["expectations"] if ("mostly" in each["kwargs"]) == shares]
    columns, area = FEEDS[feed].columns, FEEDS[feed].areas[0].code if feed in partner_rows.CLEAN else HOME
    batch = []
    for place, rows in enumerate(extracts):
        own = apart(place, rows)
        table = {each.column: pa.array([row[each.heading] or None for row in own], pa.string()) for each in columns}
        batch.append((Delivery(place, feed, PERIOD, area, "", RECEIVED), pa.table(table)))
    results = validation._run_suite(RAW[feed] | {"expectations": checks}, FEEDS[feed], batch, known(feed))
    assert {result.outcome for each in results.values() for result in each} <= {"passed", "failed"}
    return [
        {(result.check_id, result.part): result.rows for result in results[place] if result.outcome == "failed"}
        for place in range(len(batch))
    ]


@pytest.fixture(scope="module")
def all_found() -> dict[str, list[Found]]:
    return {
        feed: found(feed, [extract(feed, change) for change, _ in cases], shares=False) for feed, cases in CASES.items()
    }


@pytest.mark.parametrize(
    ("feed", "place"),
    [(feed, place) for feed, cases in CASES.items() for place in range(len(cases))],
    ids=lambda value: str(value),
)
def test_a_check_fails_in_the_rows_that_break_it_and_no_other_does(
    all_found: dict[str, list[Found]], feed: str, place: int
) -> None:
    change, expected = CASES[feed][place]
    assert all_found[feed][place] == expected, change


# Of checks about a share: a clean row, what breaks it, and how many rows of how many may
SHARES: list[tuple[str, tuple[str, str], int, Row, int, int]] = [
    ("police_outcome", ("O04", "no suspect"), 3, {"suspect_age": "30"}, 1, 200),
    ("police_outcome", ("O04", "suspect"), 2, {"suspect_age": ""}, 1, 200),
    ("police_cancelled", ("N02", "avi_documented given"), 1, {"avi_documented": ""}, 1, 20),
    ("police_cancelled", ("N02", "victim_informed_at given"), 2, {"victim_informed_at": ""}, 1, 20),
    ("police_incident", ("G10", "csp_code given"), 4, {"csp_code": ""}, 2, 100),
    ("police_incident", ("I02", "opening_code"), 4, {"opening_code": "NON-CRIME"}, 1, 200),
    ("police_incident", ("I02", "closing_code"), 4, {"closing_code": "BURGLARY"}, 1, 200),
    ("missing_person", ("G10", "csp_code given"), 2, {"csp_code": ""}, 2, 100),
    *(("missing_person", ("X03", each), 2, {each: ""}, 2, 100) for each in ("risk", "age_band", "care_status")),
    *partner_rows.SHARES,
]


@pytest.mark.parametrize(("feed", "check", "row", "broken", "may", "of"), SHARES, ids=lambda value: str(value)[:40])
def test_a_share_of_rows_may_break_a_check(
    feed: str, check: tuple[str, str], row: int, broken: Row, may: int, of: int
) -> None:
    clean = CLEAN[feed][row - 1]
    assert found(feed, [[clean | broken] * may + [clean] * (of - may)], shares=True) == [{}]
    more = list(range(1, may + 2))
    assert found(feed, [[clean | broken] * len(more) + [clean] * (of - len(more))], shares=True) == [{check: more}]


def test_no_check_of_the_suites_is_without_a_case() -> None:
    for feed, raw in RAW.items():
        tried = {check for _, expected in CASES[feed] for check in expected}
        tried |= {check for of_feed, check, *_ in SHARES if of_feed == feed}
        assert tried == {(each["meta"]["check_id"], each["meta"]["part"]) for each in raw["expectations"]}


def test_lists_that_stand_elsewhere_too_are_the_same() -> None:
    checks = {
        (feed, each["meta"]["check_id"], each["meta"]["part"]): each["kwargs"]
        for feed, raw in RAW.items()
        for each in raw["expectations"]
    }
    for part, suspect in (("no suspect", "no"), ("suspect", "yes")):
        types = [row["outcome_type"] for row in shipped_types() if row["suspect"] == suspect]
        assert checks["police_outcome", "O04", part]["row_condition"]["parameter"] == types
    group = sorted(area.code for area in FEEDS["msg_comparator"].areas)
    assert checks["msg_comparator", "G11", "force_code"]["value_set"] == group == sorted(FORCES)
    assert checks["msg_comparator", "M01", ""]["value_set"] == group


OUTCOME, CANCELLED, INCIDENT, STREET, GROUP = (
    "leicestershire-outcome", "leicestershire-cancelled", "leicestershire-incident", "leicestershire-outcomes",
    "msg-comparator",
)  # fmt: skip
# The feed, its file's name after the period, which of its clean rows is there 101 times (of the comparators each stands
# once), what is changed in the eighth, the verdict and how many rows are quarantined
VERDICTS: list[tuple[str, str, int, Row, tuple[str, int]]] = [
    ("police_outcome", OUTCOME, 3, {}, ("passed", 0)),
    ("police_outcome", OUTCOME, 3, {"outcome_type": "22", "suspect_age": "30"}, ("quarantined", 1)),
    ("police_outcome", OUTCOME, 3, {"is_current": "N"}, ("blocked", 0)),
    ("police_cancelled", CANCELLED, 2, {}, ("passed", 0)),
    ("police_cancelled", CANCELLED, 2, {"reason_code": "C6"}, ("quarantined", 1)),
    ("police_cancelled", CANCELLED, 2, {"receiving_force": ""}, ("warned", 0)),
    ("police_incident", INCIDENT, 2, {}, ("passed", 0)),
    ("police_incident", INCIDENT, 2, {"asb_qualifier": ""}, ("blocked", 0)),
    ("police_uk_outcomes", STREET, 1, {}, ("passed", 0)),
    ("police_uk_outcomes", STREET, 1, {"Outcome type": "Charged"}, ("quarantined", 1)),
    ("msg_comparator", GROUP, 0, {}, ("passed", 0)),
    ("msg_comparator", GROUP, 0, {"rate": "4"}, ("blocked", 0)),
    ("msg_comparator", GROUP, 0, {"offence_key": "theft_of_motor_vehicle"}, ("warned", 0)),
]


def test_what_becomes_of_an_extract(desk: Desk, tmp_path: Path) -> None:
    for place, (feed, name, number, change, _) in enumerate(VERDICTS):
        clean = [CLEAN[feed][number - 1]] * 101 if number else CLEAN[feed]
        rows = [
            {
                key: value.replace("-2017-", f"-2017-{n:03d}") if key.endswith("_ref") else value
                for key, value in row.items()
            }
            for n, row in enumerate(clean)
        ]
        rows[7] |= change
        (tmp_path / f"{place:02d}").mkdir()
        path = tmp_path / f"{place:02d}/{PERIOD}-{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [each.heading for each in FEEDS[feed].columns], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    received = receive(desk.office, [tmp_path], RECEIVED)
    verdicts = validation.validate(desk.office, received.delivery_ids, RECEIVED)[-len(VERDICTS) :]
    assert [(each.verdict, each.quarantined_count) for each in verdicts] == [verdict for *_, verdict in VERDICTS]


@pytest.mark.parametrize(
    ("from_month", "outcome", "detail"),
    [
        ("2015-06", "failed", "110 rows; usual is 549 to 552."),  # of all 24 months
        ("2016-06", "failed", "110 rows; usual is 98 to 103."),
        (
            "2016-07",
            "not run",
            "11 of the 24 months before are held since the break of 2016-07 (another system); 12 are needed.",
        ),
        ("2017-07", "failed", "110 rows; usual is 549 to 552."),  # the break is still to come
    ],
)
def test_the_number_of_rows_is_compared_with_no_month_before_a_break(
    desk: Desk, from_month: str, outcome: str, detail: str
) -> None:
    """There were a thousand rows a month up to May 2016, and a hundred, or one more, since."""
    feed = FEEDS["police_uk_outcomes"].model_copy(
        update={"breaks": (Break(from_month=from_month, reason="another system"),)}
    )
    batch: Batch = []
    for place, month in enumerate(months_between("2015-06", "2017-05")):
        rows = 1000 if month < "2016-06" else 100 + place % 2
        batch.append((Delivery(place, feed.feed, month, HOME, "", RECEIVED), pa.table({"month": [month] * rows})))
    with desk.office.engine.connect() as connection:
        result = history.drift(connection, Delivery(99, feed.feed, PERIOD, HOME, "", RECEIVED), feed, 110, batch)
    assert (result.outcome, result.detail) == (outcome, detail)
