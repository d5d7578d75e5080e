"""The suite of recorded crime: what each check finds and what it leaves alone, and what becomes of the extract."""

import csv
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from offices import Desk

from monthend.plan.calendar import months_between
from monthend.plan.declarations import ROOT, Declarations
from monthend.receive import receive
from monthend.validate import derived, validation
from monthend.validate.results import Delivery

FEED = Declarations(ROOT).feeds["police_crime"]
RAW = json.loads((ROOT / "expectations/police_crime.json").read_text(encoding="utf-8"))
HEADER = [column.heading for column in FEED.columns]
PERIOD, RECEIVED = "2017-06", date(2017, 7, 4)  # the day of the extract
A, B = 36, 37  # rows of a small extract that are of its period
EVERY = list(range(1, 39))  # its rows
TIMES = ("committed_from", "committed_to", "reported_at", "recorded_at")

Row = dict[str, str]
Change = dict[int, Row]  # by row number
Found = dict[tuple[str, str], list[int]]  # by check and part, the numbers of the rows that fail it


def crime(number: int, month: str, reference: int) -> Row:
    """A crime without a fault, recorded in `month`."""
    code = ("48", "105A", "4.3", "92D", "28A" if month < "2017-04" else "28E")[number % 5]
    day = f"{month}-{number % 28 + 1:02d}"
    row = dict.fromkeys(HEADER, "") | {heading: "N" for heading in HEADER if heading.startswith("flag_")}
    return row | {
        "crime_ref": f"LEI-{month[:4]}-{reference:07d}",
        "incident_ref": f"LEI-I-{month[:4]}-{number:07d}",
        "ho_code": code,
        "ho_code_at_recording": code,
        "notifiable_flag": "Y",
        "committed_from": f"{day}T08:00:00",
        "committed_to": f"{day}T09:00:00",
        "reported_at": f"{day}T10:00:00",
        "recorded_at": f"{day}T11:00:00",
        "status": "recorded",
        "csp_code": FEED.districts[number % 9],
        "beat_code": f"B{number % 90:02d}",
        "victim_pseudo_id": f"V{number:08x}",
        "victim_age_band": "25-34",
        "victim_sex": "F",
        "victim_type": "person",
        "suspect_identified": "N",
        "extract_at": "2017-07-04T06:00:00",
    }


def extract(change: Change, crimes_a_month: int = 1, references_from: int = 1) -> list[Row]:
    """A clean extract of the 36 months up to the period and two more crimes of it, after `change`."""
    months = [month for month in months_between("2014-07", PERIOD) for _ in range(crimes_a_month)] + [PERIOD] * 2
    rows = [crime(number, month, references_from + number) for number, month in enumerate(months, start=1)]
    for number, values in change.items():
        rows[number - 1] |= values
    return rows


def of_row(column: str, value: str, *checks: tuple[str, str]) -> tuple[Change, Found]:
    return {A: {column: value}}, {check: [A] for check in checks}


# What is changed, and which checks then fail in which rows: those and no others
CASES: list[tuple[Change, Found]] = [
    ({}, {}),
    *(of_row(each.column, "", ("G10", f"{each.column} given")) for each in FEED.columns if each.required),
    # types
    *(
        of_row(column, "YES", ("G03", column))
        for column in ("flag_da", "flag_hate", "flag_cse", "flag_child_abuse", "flag_alcohol", "flag_drugs")
    ),
    *(of_row(column, "YES", ("G03", column)) for column in ("flag_cyber", "suspect_identified")),
    of_row("notifiable_flag", "YES", ("G03", "notifiable_flag"), ("C05", "")),
    of_row("victim_age_band", "25 to 34", ("G03", "victim_age_band")),
    of_row("victim_sex", "Female", ("G03", "victim_sex")),
    of_row("victim_type", "Person", ("G03", "victim_type")),
    of_row("ho_code", "048", ("G03", "ho_code"), ("C01", "")),
    of_row("ho_code_at_recording", "Theft", ("G03", "ho_code_at_recording")),
    # a day that there was not, a serial number of Excel, another form, what a computer puts where it knows none
    of_row("recorded_at", "2017-06-31T11:00:00", ("G04", "recorded_at")),
    of_row("reported_at", "42909", ("G04", "reported_at"), ("G06", "reported_at"), ("C03", "reported_at, recorded_at")),
    of_row("reclassified_at", "2017-06-1T11:00:00", ("G04", "reclassified_at")),
    of_row("committed_from", "1900-01-01T00:00:00", ("G04", "committed_from")),
    of_row("committed_from", "1970-01-01T00:00:00", ("G04", "committed_from")),
    of_row("committed_from", "1919-12-31T08:00:00", ("G04", "committed_from")),
    of_row("committed_from", "1970-01-02T00:00:00"),
    of_row("committed_to", "2017-06-09 09:00:00", ("G04", "committed_to"), ("C03", "committed_from, committed_to")),
    ({A: {"status": "cancelled", "status_at": "2017-06-20"}}, {("G04", "status_at"): [A]}),
    ({row: {"extract_at": "2017-07-04 06:00:00"} for row in EVERY}, {("G04", "extract_at"): EVERY}),
    # nothing after the extract, in the window, one time of the extract in a file, not after it was received
    of_row("reclassified_at", "2017-07-04T06:00:01", ("G06", "reclassified_at")),
    of_row("reclassified_at", "2017-07-04T06:00:00"),
    ({A: {"status": "transferred", "status_at": "2017-07-05T00:00:00"}}, {("G06", "status_at"): [A]}),
    (
        {A: dict.fromkeys(TIMES, "2017-07-04T07:00:00")},
        {("G06", "window"): [A], **{("G06", column): [A] for column in TIMES}},
    ),
    ({1: {"recorded_at": "2014-06-30T23:59:59"}}, {("G06", "window"): [1], ("C03", "reported_at, recorded_at"): [1]}),
    of_row("extract_at", "2017-07-04T06:00:01", ("G06", "one extract")),
    ({row: {"extract_at": "2017-07-05T00:00:00"} for row in EVERY}, {("G06", "received"): EVERY}),
    ({row: {"extract_at": "2017-07-04T23:59:59"} for row in EVERY}, {}),
    ({A: {"crime_ref": "LEI-2017-0099999"}, B: {"crime_ref": "LEI-2017-0099999"}}, {("G07", ""): [A, B]}),
    # personal data, and a name
    of_row("crime_ref", "someone@example.org", ("G09", "crime_ref"), ("C17", "crime_ref")),
    of_row("incident_ref", "AB 12 34 56 C", ("G09", "incident_ref"), ("C17", "incident_ref")),
    of_row("beat_code", "LE1 1AA", ("G09", "beat_code")),
    of_row("victim_pseudo_id", "Jo Bloggs", ("G09", "victim_pseudo_id")),
    of_row("victim_pseudo_id", "0116 496 0000", ("G09", "victim_pseudo_id")),
    of_row("csp_code", "E07000136", ("G11", "csp_code")),
    # codes: not there, retired, not there yet; what is not notifiable, said and unsaid
    of_row("ho_code", "107", ("C01", "")),
    of_row("ho_code", "28A", ("C02", "")),
    ({33: {"ho_code": "28E"}}, {("C02", ""): [33]}),
    ({33: {"ho_code": "28D", "recorded_at": "2017-03-31T23:59:59"}}, {}),
    ({34: {"ho_code": "28H"} | dict.fromkeys(TIMES, "2017-04-01T00:00:00")}, {}),
    of_row("ho_code", "804", ("C05", "")),
    of_row("notifiable_flag", "N", ("C05", "")),
    ({A: {"ho_code": "804", "notifiable_flag": "N"}}, {}),
    # order of times
    of_row("committed_from", "2017-06-09T09:00:01", ("C03", "committed_from, committed_to")),
    ({A: {"committed_from": "2017-06-09T10:00:01", "committed_to": ""}}, {("C03", "committed_from, reported_at"): [A]}),
    of_row("committed_to", "2017-06-09T10:00:01", ("C03", "committed_to, reported_at")),
    of_row("reported_at", "2017-06-09T11:00:01", ("C03", "reported_at, recorded_at")),
    # status
    of_row("status", "merged", ("C06", "")),
    of_row("status", "cancelled", ("C06", "status_at")),
    of_row("crime_ref", "LEI/0000036/2017", ("C17", "crime_ref")),
    of_row("incident_ref", "LEI-2017-0000036", ("C17", "incident_ref")),
    # hate crime
    of_row("ho_code", "105B", ("H02", "given")),
    ({A: {"ho_code": "8P", "flag_hate": "Y", "hate_strands": "disability"}}, {("H02", ""): [A]}),
    ({A: {"ho_code": "58J", "flag_hate": "Y", "hate_strands": "disability;religion"}}, {}),
    ({A: {"flag_hate": "Y", "hate_strands": "race, religion"}}, {("H03", ""): [A]}),
    of_row("flag_hate", "Y", ("H03", "strand given")),
    of_row("hate_strands", "transgender", ("H03", "flag given")),
]


@pytest.fixture(scope="module")
def known() -> derived.Reference:
    """The shipped offence codes."""
    with (ROOT / "include/reference/offence_codes.csv").open(encoding="utf-8", newline="") as file:
        columns = ("code", "valid_from", "valid_to", "notifiable")
        return {"offence_codes": [[row[column] or None for column in columns] for row in csv.DictReader(file)]}


def table(rows: list[Row]) -> pa.Table:
    return pa.table({heading: pa.array([row[heading] or None for row in rows], pa.string()) for heading in HEADER})


def found(extracts: list[list[Row]], known: derived.Reference) -> list[Found]:
    """What the suite finds in each of several extracts, which it is shown as one frame."""
    batch = [
        (Delivery(place, FEED.feed, PERIOD, "E23000021", "", RECEIVED), table(rows))
        for place, rows in enumerate(extracts)
    ]
    results = validation._run_suite(RAW, FEED, batch, known)
    assert {result.outcome for each in results.values() for result in each} <= {"passed", "failed"}
    return [
        {(result.check_id, result.part): result.rows for result in results[place] if result.outcome == "failed"}
        for place in range(len(batch))
    ]


@pytest.fixture(scope="module")
def all_found(known: derived.Reference) -> list[Found]:
    return found([extract(change, references_from=1000 * place) for place, (change, _) in enumerate(CASES)], known)


@pytest.mark.parametrize("place", range(len(CASES)), ids=lambda place: str(CASES[place])[:90])
def test_a_check_fails_in_the_rows_that_break_it_and_no_other_does(all_found: list[Found], place: int) -> None:
    assert all_found[place] == CASES[place][1]


def test_no_check_of_the_suite_is_without_a_case() -> None:
    tried = {check for _, expected in CASES for check in expected}
    shares = {("C08", ""), *(("G10", f"{column} given") for column in SHARES)}
    assert tried | shares == {(each["meta"]["check_id"], each["meta"]["part"]) for each in RAW["expectations"]}


SHARES = ("committed_from", "beat_code", "victim_type", "victim_age_band", "victim_sex")


def test_an_attribute_may_be_missing_in_two_rows_of_a_hundred(known: derived.Reference) -> None:
    def without(*rows: int) -> Change:
        # in rows of their own, as the age band and the sex are asked of persons only
        return {row + offset: {column: ""} for offset, column in enumerate(SHARES) for row in rows}

    assert found([extract(without(40), 3)], known) == [{}]  # 1 of 110
    assert found([extract(without(40, 50, 60), 3)], known) == [
        {("G10", f"{column} given"): [row + offset for row in (40, 50, 60)] for offset, column in enumerate(SHARES)}
    ]


def test_one_row_of_a_hundred_may_be_placed_in_no_district(known: derived.Reference) -> None:
    nowhere = {"csp_code": "", "beat_code": ""}
    assert found([extract({40: nowhere}, 3)], known) == [{}]  # 1 of 110
    assert found([extract({40: nowhere, 50: nowhere}, 3)], known) == [{("C08", ""): [40, 50]}]


LATE = {"reported_at": "2017-06-30T12:00:00"}  # after those crimes were recorded
VERDICTS: list[tuple[str, Change, tuple[str, int]]] = [  # of 2,522 rows
    ("clean", {}, ("passed", 0)),
    ("a retired code", {2500: {"ho_code": "28A"}}, ("warned", 0)),
    ("an unknown code in 2 rows", {row: {"ho_code": "107"} for row in (1, 2)}, ("quarantined", 2)),
    ("in 3", {row: {"ho_code": "107"} for row in (1, 2, 3)}, ("blocked", 0)),
    ("times out of order in 12 rows", dict.fromkeys(range(1, 13), LATE), ("warned", 0)),
    ("in 13", dict.fromkeys(range(1, 14), LATE), ("blocked", 0)),
    ("a crime twice", {1: {"crime_ref": "LEI-2014-0000004"}}, ("blocked", 0)),
    ("no crime in Rutland in the period", {}, ("blocked", 0)),
]


def test_what_becomes_of_an_extract(desk: Desk, tmp_path: Path) -> None:
    for place, (what, change, _) in enumerate(VERDICTS):
        rows = extract(change, 70)
        if "Rutland" in what:
            rows = [row for row in rows if (row["csp_code"], row["recorded_at"][:7]) != ("E06000017", PERIOD)]
        (tmp_path / f"{place}").mkdir()
        with (tmp_path / f"{place}/{PERIOD}-leicestershire-crime.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    received = receive(desk.office, [tmp_path], RECEIVED)
    verdicts = validation.validate(desk.office, received.delivery_ids, RECEIVED)[-len(VERDICTS) :]
    assert [(each.verdict, each.quarantined_count) for each in verdicts] == [verdict for *_, verdict in VERDICTS]
