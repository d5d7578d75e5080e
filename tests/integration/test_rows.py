"""Failing rows: who may see them, what stays on record of it, and what the workbook for a feed's owner holds."""

import csv
import io
import re
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import bad_inputs
import openpyxl
import pytest
from extracts import write
from offices import Desk, NewDesk, Rows, Street

from monthend.errors import NeedsPerson, WrongCall
from monthend.load import load
from monthend.publish import rules
from monthend.receive import receive, stored_path
from monthend.validate import rows as failing
from monthend.validate import validation
from monthend.validate.findings import waive
from monthend.validate.rows import FailingRow, failing_rows, rows_to_fix
from monthend.validate.validation import validate

ON, PERIOD = date(2025, 4, 2), "2025-01"
ADDRESS = "jo.bloggs@example.com"
VIEWS = "SELECT validation_id, viewed_by, display_name, how, row_count FROM quality.row_view ORDER BY row_view_id"
G09 = "Location holds no e-mail address, telephone number, National Insurance number or full postcode."
TAKE_OUT = "Take out of Location what does not belong there. The row counts nowhere until the extract is sent again."


def deliver(desk: Desk, *paths: Path) -> int:
    """Take in files, and give the validation of the last one."""
    received = receive(desk.office, paths, ON)
    validate(desk.office, received.delivery_ids, ON)
    load(desk.office, received.delivery_ids)
    ((validation_id,),) = desk.rows("SELECT max(validation_id) FROM quality.validation")
    assert isinstance(validation_id, int)
    return validation_id


@pytest.fixture
def kent(street: Street) -> Path:
    return street.file(PERIOD, "kent")


@pytest.fixture
def faulty(desk: Desk, street: Street, tmp_path: Path) -> int:
    """A delivery with an e-mail address in the place of its first row, quarantined, and an unknown LSOA in it."""

    def with_faults(rows: Rows) -> None:
        rows[0] |= {"Location": f"On or near {ADDRESS}", "LSOA code": "E01999999"}

    return deliver(desk, street.changed(tmp_path, PERIOD, "kent", with_faults))


def first_id(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))["Crime ID"]


def table(content: bytes) -> tuple[list[str], list[list[Any]]]:
    """The lines above the table, and the table with its headings."""
    sheet = openpyxl.load_workbook(io.BytesIO(content))["rows_to_fix"]
    (reference,) = [each.ref for each in sheet.tables.values()]
    top = int(re.match(r"A(\d+):", reference).group(1))  # type: ignore[union-attr]
    lines = [sheet.cell(row, 1).value for row in range(1, top)]
    return lines, [[cell.value for cell in row] for row in sheet[reference]]


def test_a_steward_sees_what_each_failing_row_has_and_what_to_do(desk: Desk, faulty: int, kent: Path) -> None:
    assert failing_rows(desk.office, faulty, "A. Steward", "page") == (
        [
            FailingRow(
                row_number=1,
                key={"Crime ID": first_id(kent)},
                check_id="G09",
                part="location",
                columns=("Location",),
                values={"Location": f"On or near {ADDRESS}"},
                wrong=G09,
                to_do=TAKE_OUT,
                quarantined=True,
            ),
            FailingRow(
                row_number=1,
                key={"Crime ID": first_id(kent)},
                check_id="U05",
                part="",
                columns=("LSOA code",),
                values={"LSOA code": "E01999999"},
                wrong="LSOA code, where given, is known in the 2011 or the 2021 vintage.",
                to_do="Give LSOA code one of the values that are known."
                " The row counts as it is until the extract is sent again.",
                quarantined=False,
            ),
        ],
        2,
    )
    assert desk.rows(VIEWS) == [(faulty, "a.steward", "A. Steward", "page", 1)]


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("b.releaser", "B. Releaser is no steward and may not see rows."),
        ("c.registrar", "C. Registrar is no steward and may not see rows."),
        ("D. Analyst", "D. Analyst is no steward and may not see rows."),
        ("admin", "admin is not in reports/people.yaml and may not see rows."),
    ],
)
def test_nobody_else_sees_a_row_and_nothing_is_logged_as_seen(desk: Desk, faulty: int, by: str, words: str) -> None:
    for call in (
        lambda: failing_rows(desk.office, faulty, by, "page"),
        lambda: rows_to_fix(desk.office, faulty, by),
    ):
        with pytest.raises(NeedsPerson) as error:
            call()
        assert str(error.value) == words
    assert desk.rows(VIEWS) == []


def test_a_view_is_on_record_even_where_reading_fails_afterwards(desk: Desk, faulty: int) -> None:
    ((sha256,),) = desk.rows("SELECT sha256 FROM landing.delivery WHERE feed = 'police_uk_street'")
    stored_path(desk.office, sha256).unlink()
    with pytest.raises(NeedsPerson, match=r"^The bytes of delivery \d+ are not in the landing store under .*backup\.$"):
        failing_rows(desk.office, faulty, "a.steward", "page")
    with pytest.raises(NeedsPerson, match="are not in the landing store"):
        rows_to_fix(desk.office, faulty, "a.steward")
    assert [(how, count) for *_, how, count in desk.rows(VIEWS)] == [("page", 1), ("workbook", 1)]


def test_no_validation_and_no_failing_row(desk: Desk) -> None:
    with pytest.raises(WrongCall, match="There is no validation 99"):
        failing_rows(desk.office, 99, "a.steward", "page")
    assert failing_rows(desk.office, 1, "a.steward", "page") == ([], 0)
    with pytest.raises(WrongCall, match="Validation 1 has no failing row"):
        rows_to_fix(desk.office, 1, "a.steward")


def test_the_workbook_says_where_what_is_wrong_is_and_not_what_stands_there(
    desk: Desk, faulty: int, kent: Path, tmp_path: Path
) -> None:
    content = rows_to_fix(desk.office, faulty, "a.steward")
    lines, cells = table(content)
    assert cells == [
        ["Row in the file", "Crime ID", "Column", "What is wrong", "What to do"],
        [1, first_id(kent), "Location", f"Expected: {G09} (G09)", TAKE_OUT],
        [
            1,
            first_id(kent),
            "LSOA code",
            "Expected: LSOA code, where given, is known in the 2011 or the 2021 vintage. (U05)",
            "Give LSOA code one of the values that are known. The row counts as it is until the extract is sent again.",
        ],
    ]
    ((sha256,),) = desk.rows("SELECT sha256 FROM landing.delivery WHERE feed = 'police_uk_street'")
    assert lines == [
        "Rows to fix: Street-level crime (data.police.uk), January 2025, Kent Police",
        "This worksheet contains one table.",
        "Marking: OFFICIAL",
        f"Delivery: file {kent.name}, whose SHA-256 begins with {sha256[:12]}.",
        "For Performance analysis, performance@opcc.example.",
        "Send the whole corrected extract to Office of the Police and Crime Commissioner for Leicestershire,"
        " performance@opcc.example.",
        "A row's number counts the rows after the headings: row 1 is the file's second line.",
        "Values that are to be put right are not repeated here. A key that is one of them says: not shown here.",
    ]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode("utf-8", "replace")
    for value in (ADDRESS, "jo.bloggs", "On or near", "E01999999", "Kent 001A"):
        assert value not in everything
    assert desk.rows(VIEWS) == [(faulty, "a.steward", "A. Steward", "workbook", 1)]

    path = tmp_path / "rows-to-fix.xlsx"
    path.write_bytes(content)
    # a pack has a cover and a table of contents, a list of rows has neither; a Crime ID is wider than a pack's columns
    assert {each.rule for each in rules.check(path, "published")} == {"S07", "S08", "S09", "T13"}


def test_a_key_that_is_itself_to_be_put_right_is_not_in_the_workbook(
    desk: Desk, street: Street, tmp_path: Path
) -> None:
    def with_addresses(rows: Rows) -> None:
        rows[0] |= {"Crime ID": ADDRESS, "Crime type": "Sheep stealing"}
        rows[1] |= {"Crime ID": "", "Crime type": "Anti-social behaviour", "Location": f"near {ADDRESS}"}
        rows[2] |= {"Crime ID": '=HYPERLINK("http://example.com")', "Crime type": "@Cow stealing"}

    validation_id = deliver(desk, street.changed(tmp_path, PERIOD, "kent", with_addresses))
    found, count = failing_rows(desk.office, validation_id, "a.steward", "page")
    assert count == len(found) == 4
    assert {row.key["Crime ID"] for row in found} == {ADDRESS, "", '=HYPERLINK("http://example.com")'}
    content = rows_to_fix(desk.office, validation_id, "a.steward")
    _, cells = table(content)
    assert [row[:3] for row in cells[1:]] == [
        [1, "not shown here", "Crime ID"],
        [1, "not shown here", "Crime type"],
        [2, "empty in the extract", "Location"],
        [3, '=HYPERLINK("http://example.com")', "Crime type"],
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    (formula,) = [cell for row in sheet for cell in row if str(cell.value).startswith("=")]
    assert (formula.data_type, formula.quotePrefix) == ("s", True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode("utf-8", "replace")
    assert not [value for value in (ADDRESS, "Sheep", "Cow", "<f>") if value in everything]


def test_of_a_blocked_delivery_the_workbook_says_how_many_rows_fail(desk: Desk, kent: Path, tmp_path: Path) -> None:
    (path,) = bad_inputs.CASES["other_month_inside"].write(tmp_path, kent)
    lines_ = path.read_text(encoding="utf-8").splitlines()
    heading, *rows = lines_
    path.write_text("\n".join([heading, *rows * (1300 // len(rows) + 1)]) + "\n", encoding="utf-8")
    validation_id = deliver(desk, path)
    ((rows_in_all,),) = desk.rows("SELECT row_count::int FROM quality.validation ORDER BY validation_id DESC LIMIT 1")
    assert rows_in_all > 1200
    lines, cells = table(rows_to_fix(desk.office, validation_id, "a.steward"))
    assert len(cells) == 1001
    assert f"U02 fails in {rows_in_all:,} rows; the first 1,000 are listed." in lines
    assert cells[1][2:] == [
        "Month",
        "Expected: Month of every row is the month in the file name. (U02)",
        "Put Month right. Nothing of the extract counts until it is sent again.",
    ]


def test_a_key_is_hidden_throughout_where_not_every_row_that_fails_on_it_is_known(
    desk: Desk, street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a check on Crime ID two rows are kept; a later one has an address too, and fails another check."""
    numbers: list[int] = []

    def with_addresses(rows: Rows) -> None:
        crimes = [number for number, row in enumerate(rows, start=1) if row["Crime ID"]]
        numbers.extend(crimes[place] for place in (0, 1, 9, 40))
        for number in crimes[:30]:
            rows[number - 1]["Crime ID"] = ADDRESS
        for number in numbers[2:]:
            rows[number - 1]["LSOA code"] = "E01999999"

    monkeypatch.setattr(validation, "KEPT", 2)
    validation_id = deliver(desk, street.changed(tmp_path, PERIOD, "kent", with_addresses))
    lines, cells = table(rows_to_fix(desk.office, validation_id, "a.steward"))
    assert lines[-1] == "G09 fails in 30 rows; the first 2 are listed."
    assert [row[:3] for row in cells[1:]] == [
        [numbers[0], "not shown here", "Crime ID"],
        [numbers[1], "not shown here", "Crime ID"],
        [numbers[2], "not shown here", "LSOA code"],
        [numbers[3], "not shown here", "LSOA code"],
    ]


def test_a_key_is_hidden_where_the_suite_no_longer_has_the_check(
    desk: Desk, faulty: int, new_desk: NewDesk, declarations: Path
) -> None:
    suite = declarations / "expectations/police_uk_street.json"
    suite.write_text(
        suite.read_text(encoding="utf-8").replace('"part": "location"', '"part": "place"'), encoding="utf-8"
    )
    other = new_desk(desk, declarations)
    _, cells = table(rows_to_fix(other.office, faulty, "a.steward"))
    assert [row[:3] for row in cells[1:]] == [
        [1, "not shown here", "the whole row"],
        [1, "not shown here", "LSOA code"],
    ]
    other.office.engine.dispose()


def test_a_key_is_never_longer_than_a_cell_takes(desk: Desk, street: Street, tmp_path: Path) -> None:
    def with_a_long_key(rows: Rows) -> None:
        rows[0] |= {"Crime ID": "7f" * 20_000, "LSOA code": "E01999999"}

    validation_id = deliver(desk, street.changed(tmp_path, PERIOD, "kent", with_a_long_key))
    _, cells = table(rows_to_fix(desk.office, validation_id, "a.steward"))
    assert cells[1][1] == "7f" * 50


def test_what_is_shown_at_once_is_cut_between_rows(
    desk: Desk, faulty: int, kent: Path, street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_faults(rows: Rows) -> None:
        for row in rows[:3]:
            row |= {"LSOA code": "E01999999", "Location": f"near {ADDRESS}"}

    validation_id = deliver(desk, street.changed(tmp_path / "more", PERIOD, "kent", with_faults))
    monkeypatch.setattr(failing, "LIMIT", 5)
    found, count = failing_rows(desk.office, validation_id, "a.steward", "page")
    assert ([(row.row_number, row.check_id) for row in found], count) == (
        [(1, "G09"), (1, "U05"), (2, "G09"), (2, "U05")],
        6,
    )
    assert desk.rows(VIEWS)[-1][-1] == 2
    lines, _ = table(rows_to_fix(desk.office, validation_id, "a.steward"))
    assert lines[-1] == "The table has the first 4 of 6 entries."


def test_a_waived_check_asks_for_nothing(desk: Desk, faulty: int, kent: Path, tmp_path: Path) -> None:
    (path,) = bad_inputs.CASES["unknown_crime_type_once"].write(tmp_path, kent)
    received = receive(desk.office, [path], ON)
    validate(desk.office, received.delivery_ids, ON)
    ((validation_id,),) = desk.rows("SELECT max(validation_id) FROM quality.validation")
    waive(desk.office, validation_id, "U01", "", "a new type", date(2025, 4, 30), "a.steward", ON)
    (under,) = validate(desk.office, received.delivery_ids[-1:], ON)
    assert under.verdict == "warned"
    found, _ = failing_rows(desk.office, under.validation_id, "a.steward", "page")
    assert [(row.check_id, row.to_do, row.quarantined) for row in found] == [
        ("U01", "Nothing for now: the check is waived for this delivery.", False)
    ]


def test_a_key_of_several_columns(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "residents-2.csv"
    path.write_text(
        "area_code,as_at,population,residents\n"
        "E23000021,2011-03-27,2011 Census,1000\n"
        "E23000032,2011-03-27,2011 Census,\n",
        encoding="utf-8",
    )
    found, _ = failing_rows(desk.office, deliver(desk, path), "a.steward", "page")
    assert [(row.row_number, row.key, row.columns, row.values) for row in found] == [
        (2, {"area_code": "E23000032", "as_at": "2011-03-27"}, ("residents",), {"residents": ""})
    ]


def test_a_code_out_of_use_is_not_called_unknown(desk: Desk, tmp_path: Path) -> None:
    day = "2017-06-20T12:00:00"
    row = dict.fromkeys(("committed_from", "committed_to", "reported_at", "recorded_at"), day) | {
        "crime_ref": "LEI-2017-0000001"
    }
    number = deliver(desk, write(tmp_path, "police_crime", "2017-06", [row]))
    found, _ = failing_rows(desk.office, number, "a.steward", "page")
    assert [(row.check_id, row.columns, row.to_do) for row in found if row.check_id == "C02"] == [
        (
            "C02",
            ("ho_code",),
            "Give ho_code a value that was in use on the row's own day, or put that day right."
            " The row counts as it is until the extract is sent again.",
        )
    ]
