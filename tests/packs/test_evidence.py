"""A pack held against its register, whatever its readers did to the file; and each number traced to its deliveries."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from independent_count import HOME_FORCE
from integration.offices import Desk, Server
from openpyxl.utils import range_boundaries
from packs.conftest import MONTH, Counts, Done, Frozen

from monthend import warehouse
from monthend.office import open_office
from monthend.plan.calendar import months_between
from monthend.plan.declarations import ROOT
from monthend.publish import evidence

CommandLine = Callable[..., Done]
Edit = Callable[[Any], None]
COUNT, YEAR = "In the month (crimes)", "In the 12 months to then (crimes)"
RATE = "In the 12 months to then (per 1,000 residents)"
KENT = "E23000032"


def place(desk: Frozen, table: str, row: str, heading: str, pack: str = "pdg") -> tuple[str, str]:
    """The sheet and cell of a number."""
    ((sheet, cell),) = desk.rows(
        "SELECT sheet, cell FROM pack.entry WHERE build_id = %s AND table_name = %s AND row_label = %s"
        " AND column_heading = %s",
        *(desk.packs()[pack].build_id, table, row, heading),
    )
    return sheet, cell


@pytest.fixture
def edited(frozen: Frozen, tmp_path: Path) -> Callable[[Edit], Path]:
    """Give a copy of the pack of the Performance Delivery Group after somebody edited it."""

    def make(edit: Edit) -> Path:
        workbook = openpyxl.load_workbook(frozen.packs()["pdg"].path)
        edit(workbook)
        workbook.save(tmp_path / "came back.xlsx")
        return tmp_path / "came back.xlsx"

    return make


# Harmless


def nothing(workbook: Any) -> None:
    """Open and save, as another program does."""


def rename_sheet(workbook: Any) -> None:
    workbook["burglary"].title = "Our own copy"


def rename_sheet_as_excel_does(workbook: Any) -> None:
    workbook["burglary"].title = "Our own copy"
    for defined in workbook.defined_names.values():
        defined.attr_text = defined.attr_text.replace("'burglary'", "'Our own copy'")


def insert_row_as_excel_does(workbook: Any) -> None:
    """Insert a row above the table and move what points to it."""
    worksheet = workbook["burglary"]
    worksheet.insert_rows(3)
    left, top, right, bottom = range_boundaries(worksheet.tables["tbl_open_burglary"].ref)
    corners = (worksheet.cell(top + 1, left).coordinate, worksheet.cell(bottom + 1, right).coordinate)
    worksheet.tables["tbl_open_burglary"].ref = ":".join(corners)
    for name, defined in workbook.defined_names.items():
        if name.startswith("col_open_burglary_"):
            column = defined.attr_text.split("$")[1]
            defined.attr_text = f"'burglary'!${column}${top + 2}:${column}${bottom + 1}"


def sort_table(workbook: Any) -> None:
    worksheet = workbook["burglary"]
    cells = worksheet[worksheet.tables["tbl_open_burglary"].ref][1:]
    ordered = sorted(([cell.value for cell in row] for row in cells), key=lambda row: (row[2], row[0]))
    for row, values in zip(cells, ordered, strict=True):
        for cell, value in zip(row, values, strict=True):
            cell.value = value


def convert_table_to_range(workbook: Any) -> None:
    del workbook["burglary"].tables["tbl_open_burglary"]


def lose_the_property(workbook: Any) -> None:
    del workbook.custom_doc_props["pack_id"]


def comment_beside(workbook: Any) -> None:
    workbook["burglary"]["K3"] = 4711


@pytest.mark.parametrize("pack", ["pdg", "panel", "published"])
def test_a_pack_as_built_holds_under_any_name(
    frozen: Frozen, command_line: CommandLine, tmp_path: Path, pack: str
) -> None:
    path = frozen.packs()[pack].path
    renamed = shutil.copy(path, tmp_path / "Copy of minutes (2).xlsx")
    assert command_line(frozen, "verify", path, renamed) == Done(0, "All holds.\n", "")


@pytest.mark.parametrize(
    "edit",
    [
        nothing, rename_sheet, rename_sheet_as_excel_does, insert_row_as_excel_does, sort_table, convert_table_to_range,
        lose_the_property, comment_beside,
    ],
)  # fmt: skip
def test_what_a_reader_may_do_is_no_difference(
    frozen: Frozen, command_line: CommandLine, edited: Callable[[Edit], Path], edit: Edit
) -> None:
    assert command_line(frozen, "verify", edited(edit)) == Done(0, "All holds.\n", "")


# Differences


@pytest.mark.parametrize(
    ("value", "shown"), [(7, "7"), ("text", "{was}"), ("=1+1", "=1+1"), (None, "None"), ("[x]", "[x]")]
)
def test_a_number_that_was_changed_is_named_by_its_cell(
    frozen: Frozen, command_line: CommandLine, edited: Callable[[Edit], Path], value: Any, shown: str
) -> None:
    sheet, cell = place(frozen, "open_burglary", "August 2024", COUNT)
    was = openpyxl.load_workbook(frozen.packs()["pdg"].path)[sheet][cell].value

    def change(workbook: Any) -> None:
        workbook[sheet][cell] = str(was) if value == "text" else value

    path = edited(change)
    sentence = f"{path}: burglary!{cell} (August 2024, {COUNT}) shows {shown.format(was=was)}; it was {was}."
    assert command_line(frozen, "verify", path) == Done(1, f"{sentence}\n", "")
    done = command_line(frozen, "verify", path, "--json")
    assert json.loads(done.out) == {"holds": False, "differs": [sentence]}


def test_swapped_labels_are_found_by_their_numbers(
    frozen: Frozen, command_line: CommandLine, edited: Callable[[Edit], Path]
) -> None:
    def swap(workbook: Any) -> None:
        worksheet = workbook["most_similar_group"]
        first, second = worksheet[worksheet.tables["tbl_most_similar_group"].ref][1:3]
        first[0].value, second[0].value = second[0].value, first[0].value

    done = command_line(frozen, "verify", edited(swap))
    lines = done.out.splitlines()
    assert done.code == 1
    assert len(lines) == 2 * 10  # eight forces and two means, of two measures
    assert all(" (All crime, " in line or " (Bicycle theft, " in line for line in lines)


def test_a_sheet_that_was_deleted_is_missing(
    frozen: Frozen, command_line: CommandLine, edited: Callable[[Edit], Path]
) -> None:
    def delete(workbook: Any) -> None:
        del workbook["burglary"]

    done = command_line(frozen, "verify", edited(delete))
    entries = [
        entry
        for entry in frozen.register(frozen.packs()["pdg"])
        if entry["sheet"] == "burglary" and entry["table_name"]
    ]
    lines = done.out.splitlines()
    assert done.code == 1
    assert len(lines) == len(entries) == 25 * 7
    assert all(": burglary!" in line and " is missing; it was " in line for line in lines)


def test_where_the_two_witnesses_differ_the_one_that_differs_is_shown(
    frozen: Frozen, edited: Callable[[Edit], Path]
) -> None:
    sheet, cell = place(frozen, "open_burglary", "August 2024", COUNT)

    def point_elsewhere(workbook: Any) -> None:
        worksheet = workbook[sheet]
        for row, *_ in worksheet[worksheet.tables["tbl_open_burglary"].ref][1:]:
            worksheet[f"K{row.row}"] = worksheet[f"{cell[0]}{row.row}"].value
        worksheet[f"K{cell[1:]}"] = 4711
        defined = workbook.defined_names["col_open_burglary_2"]
        assert cell[0] == "C"
        defined.attr_text = defined.attr_text.replace("$C$", "$K$")

    was = openpyxl.load_workbook(frozen.packs()["pdg"].path)[sheet][cell].value
    path = edited(point_elsewhere)
    problem = f"{path}: burglary!K{cell[1:]} (August 2024, {COUNT}) shows 4711; it was {was}."
    assert evidence.verify_file(frozen.office, path) == [problem]


def test_a_heading_that_was_changed_and_a_row_that_was_added(frozen: Frozen, edited: Callable[[Edit], Path]) -> None:
    def change(workbook: Any) -> None:
        worksheet = workbook["burglary"]
        top, bottom = (int(part.strip("ABCDEFGHIJ")) for part in worksheet.tables["tbl_open_burglary"].ref.split(":"))
        worksheet[f"D{top}"] = "Usual range, upper limit"
        worksheet[f"A{bottom}"] = "February 2023"

    path = edited(change)
    lines = evidence.verify_file(frozen.office, path)
    assert any(
        line.endswith(" heads a column as Usual range, upper limit; it was Usual range, lower limit.") for line in lines
    )
    assert sum(line.endswith(" stands in a row (February 2023) that was not in the pack.") for line in lines) == 1
    assert sum(" (March 2023, " in line and " is missing; " in line for line in lines) == 7


def test_cover_and_properties_of_different_packs(
    frozen: Frozen, command_line: CommandLine, edited: Callable[[Edit], Path]
) -> None:
    def other_property(workbook: Any) -> None:
        workbook.custom_doc_props["pack_id"].value = "0" * 32

    path = edited(other_property)
    assert command_line(frozen, "verify", path) == Done(
        1, f"{path}: its cover and its properties name different packs.\n", ""
    )


def test_a_pack_of_another_warehouse(frozen: Frozen, server: Server, command_line: CommandLine, tmp_path: Path) -> None:
    database = server.copy_of(warehouse.DATABASE)
    other = Desk(open_office(tmp_path / "home", server.url(database)), server, database)
    path = frozen.packs()["pdg"].path
    sentence = (
        f"{path}: is no pack of the installation in {other.office.home} (drafts are not registered). Is it another's? "
        "Then say --home or --database.\n"
    )
    assert command_line(other, "verify", path) == Done(1, sentence, "")
    traced = command_line(other, "trace", path, "'summary'!C10")
    assert (traced.code, traced.err) == (1, sentence)
    other.office.engine.dispose()


def test_a_workbook_that_is_no_pack(frozen: Frozen, command_line: CommandLine, tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "own.xlsx")
    done = command_line(frozen, "verify", tmp_path / "own.xlsx")
    assert done.code == 1
    assert done.out.startswith(f"{tmp_path / 'own.xlsx'}: is no pack of the installation in {frozen.office.home} ")


def damaged(path: Path, whole: Path) -> None:
    """A part that is no XML any more."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"<sheet" if name.endswith("sheet3.xml") else source.read(name))


def test_a_workbook_that_unpacks_to_a_bomb_is_not_opened(
    frozen: Frozen, command_line: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.xlsx"
    shutil.copy(frozen.packs()["pdg"].path, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as workbook:
        workbook.writestr("xl/worksheets/sheet99.xml", b" " * (40 * 2**20))
    done = command_line(frozen, "verify", path)
    assert (done.code, done.err.strip()) == (2, f"{path} is no pack: it would unpack to 40 MB.")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("text.xlsx", lambda path, whole: path.write_text("no")),
        ("empty.xlsx", lambda path, whole: path.write_bytes(b"")),
        ("half.xlsx", lambda path, whole: path.write_bytes(whole.read_bytes()[:5000])),
        ("damaged.xlsx", damaged),
        ("pack.csv", shutil.copy),
        ("nothing.xlsx", None),
        ("folder.xlsx", lambda path, whole: path.mkdir()),
    ],
)
def test_what_is_no_workbook_is_a_wrong_call(
    frozen: Frozen,
    command_line: CommandLine,
    tmp_path: Path,
    name: str,
    make: Callable[[Path, Path], object] | None,
) -> None:
    path, whole = tmp_path / name, frozen.packs()["pdg"].path
    if make is shutil.copy:
        shutil.copy(whole, path)
    elif make:
        make(path, whole)
    says = "there is no such file." if not path.is_file() else "cannot be read as an Excel workbook."
    for call in (("verify", path), ("trace", path, "'summary'!C10")):
        done = command_line(frozen, *call)
        assert (done.code, done.out) == (2, "")
        assert done.err.strip().endswith(says)
        assert str(path) in done.err


def test_a_fact_that_was_changed_behind_a_pack_is_named_with_its_cells(desk: Frozen, command_line: CommandLine) -> None:
    assert command_line(desk, "verify", "--month", MONTH) == Done(0, "All holds.\n", "")
    desk.behind_its_back(
        "UPDATE snapshot.fact SET value = value + 1 WHERE measure = 'open_burglary' AND basis = 'r12'"
        " AND area_code = %s AND period = '2024-08'",
        HOME_FORCE,
    )
    done = command_line(desk, "verify", "--month", MONTH)
    assert done.code == 1
    first, *rest = done.out.splitlines()
    assert first.startswith("2025-03 revision 1: at least one of its ")
    expected = []
    for name, build in desk.packs().items():
        sheet, cell = place(desk, "open_burglary", "August 2024", YEAR, name)
        shown = openpyxl.load_workbook(build.path)[sheet][cell].value
        expected.append(f"{build.path}: burglary!{cell} shows {shown}; the frozen fact differs.")
    assert sorted(rest) == sorted(expected)


def test_a_pack_that_was_changed_where_it_lies_is_named(desk: Frozen) -> None:
    built = desk.packs()
    whole = built["pdg"].path
    workbook = openpyxl.load_workbook(whole)
    workbook["cover"]["A5"] = "All is well."
    workbook.save(whole)
    built["panel"].path.unlink()
    built["published"].path.write_bytes(whole.read_bytes()[:5000])
    assert evidence.verify_packs(desk.office) == [
        f"{built['panel'].path}: the pack is gone; publish the month again.",
        f"{built['published'].path} cannot be read as an Excel workbook.",
        f"{whole}: cover!A5 says no longer: Vehicle crime: Higher than the usual range.",
    ]


# LibreOffice

LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false"
 library:passwordprotected="false"><library:element library:name="Edits"/></library:library>"""
MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Edits" script:language="StarBasic">
Sub Edit(source As String, moved As String, changed As String)
  Dim hidden(0) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "Hidden"
  hidden(0).Value = True
  Dim format(0) As New com.sun.star.beans.PropertyValue
  format(0).Name = "FilterName"
  format(0).Value = "Calc MS Excel 2007 XML"
  doc = StarDesktop.loadComponentFromURL(ConvertToURL(source), "_blank", 0, hidden())
  sheet = doc.Sheets.getByName("burglary")
  sheet.Name = "Our own copy"
  sheet.Rows.insertByIndex(0, 1)
  sheet.Rows.insertByIndex(20, 1)
  doc.storeToURL(ConvertToURL(moved), format())
  sheet.getCellRangeByName("@CELL@").Value = 4711
  doc.storeToURL(ConvertToURL(changed), format())
  doc.close(True)
End Sub
</script:module>"""


@pytest.fixture(scope="module")
def libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Run LibreOffice with a profile of its own, and give the profile."""
    if not shutil.which("soffice"):
        if os.environ.get("CI") == "1":
            pytest.fail("LibreOffice has to be there: packs come back from it")
        pytest.skip("LibreOffice is not installed (soffice is not on the path)")
    profile = tmp_path_factory.mktemp("libreoffice") / "profile"

    def run(*arguments: object) -> Path:
        options = [f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore"]
        subprocess.run(["soffice", *options, *map(str, arguments)], check=True, capture_output=True, timeout=180)
        return profile

    return run


def test_a_pack_that_libreoffice_saved_holds_and_an_edit_in_it_is_named(
    frozen: Frozen, command_line: CommandLine, libreoffice: Callable[..., Path], tmp_path: Path
) -> None:
    path = frozen.packs()["pdg"].path
    profile = libreoffice("--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", tmp_path / "saved", path)
    assert command_line(frozen, "verify", tmp_path / "saved" / path.name) == Done(0, "All holds.\n", "")

    _, cell = place(frozen, "open_burglary", "March 2025", COUNT)
    edited = f"{cell[0]}{int(cell[1:]) + 1}"  # one row was inserted above
    basic = profile / "user/basic/Standard"
    basic.mkdir(parents=True, exist_ok=True)
    (basic / "script.xlb").write_text(LIBRARY)
    (basic / "Edits.xba").write_text(MODULE.replace("@CELL@", edited))
    moved, changed = tmp_path / "moved.xlsx", tmp_path / "changed.xlsx"
    libreoffice(f'macro:///Standard.Edits.Edit("{path}","{moved}","{changed}")')
    assert command_line(frozen, "verify", moved) == Done(0, "All holds.\n", "")
    was = openpyxl.load_workbook(path)["burglary"][cell].value
    sentence = f"{changed}: Our own copy!{edited} (March 2025, {COUNT}) shows 4711; it was {was}.\n"
    assert command_line(frozen, "verify", changed) == Done(1, sentence, "")
    traced = command_line(frozen, "trace", changed, f"'Our own copy'!{edited}")
    assert (traced.code, traced.out.splitlines()[0], traced.out.splitlines()[2]) == (
        0,
        f"Our own copy!{edited} shows 4711 (March 2025, {COUNT})",
        f"registered as {was}",
    )


# Trace

Trace = Callable[..., dict[str, Any]]


def test_a_pack_is_printed_on_a_page_a_sheet_and_the_numbers_behind_charts_on_none(
    frozen: Frozen, libreoffice: Callable[..., Path], tmp_path: Path
) -> None:
    path = frozen.packs()["pdg"].path
    libreoffice("--convert-to", "pdf", "--outdir", tmp_path, path)
    printed = re.findall(rb"/Type\s*/Page\b", (tmp_path / path.name).with_suffix(".pdf").read_bytes())
    assert len(printed) == len(openpyxl.load_workbook(path).sheetnames) - 1


@pytest.fixture
def trace(frozen: Frozen, command_line: CommandLine) -> Trace:
    """Trace the number of a table, row and column of the pack of the Performance Delivery Group."""

    def call(table: str, row: str, heading: str) -> dict[str, Any]:
        sheet, cell = place(frozen, table, row, heading)
        done = command_line(frozen, "trace", frozen.packs()["pdg"].path, f"'{sheet}'!{cell}", "--json")
        assert (done.code, done.err) == (0, "")
        traced = json.loads(done.out)
        assert (traced["cell"], traced["row"], traced["column"]) == (f"{sheet}!{cell}", row, heading)
        return dict(traced)

    return call


def deliveries(inbox: Path, months: list[str], *slugs: str) -> set[tuple[str, str]]:
    """The files of months and forces, each with its SHA-256."""
    paths = [inbox / month / f"{month}-{slug}-street.csv" for month in months for slug in slugs]
    return {(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths}


def residents() -> set[tuple[str, str]]:
    """The delivery that a rate's denominator comes from, as it is shipped."""
    path = ROOT / "include/reference/residents.csv"
    return {(str(path), hashlib.sha256(path.read_bytes()).hexdigest())}


def named(traced: dict[str, Any]) -> set[tuple[str, str]]:
    found = {(delivery["file"], delivery["sha256"]) for delivery in traced["deliveries"]}
    assert len(found) == len(traced["deliveries"])
    return found


def test_a_count_comes_from_one_delivery(trace: Trace, counted: Counts, inbox: Path) -> None:
    traced = trace("open_burglary", "August 2024", COUNT)
    number = counted["open_burglary", HOME_FORCE, "2024-08"]
    assert (traced["kind"], traced["shows"], traced["registered"]) == ("fact", number, number)
    assert {name: value for name, value in traced["fact"].items() if value} == {
        "value": str(number),
        "numerator": str(number),
    }
    assert traced["measure"] == {
        "title": "Burglary",
        "description": "Crimes of the type Burglary published on data.police.uk, by the month they were recorded.",
        "feed": "police_uk_street",
    }
    assert named(traced) == deliveries(inbox, ["2024-08"], "leicestershire")
    (delivery,) = traced["deliveries"]
    lines = (inbox / "2024-08/2024-08-leicestershire-street.csv").read_text(encoding="utf-8").splitlines()
    assert (delivery["row_count"], delivery["quarantined_count"]) == (len(lines) - 1, 0)


def test_a_rolling_year_comes_from_twelve_deliveries(trace: Trace, counted: Counts, inbox: Path) -> None:
    traced = trace("summary", "Burglary", "12 months to March 2025 (count)")
    months = months_between("2024-04", "2025-03")
    assert traced["shows"] == sum(counted["open_burglary", HOME_FORCE, month] for month in months)
    assert named(traced) == deliveries(inbox, months, "leicestershire")


def test_a_rate_is_traced_to_its_numerator_and_residents(trace: Trace, counted: Counts, inbox: Path) -> None:
    traced = trace("open_burglary", "March 2025", RATE)
    months = months_between("2024-04", "2025-03")
    year = sum(counted["open_burglary", HOME_FORCE, month] for month in months)
    assert (traced["fact"]["numerator"], traced["fact"]["denominator"]) == (str(year), "1017697")
    assert traced["fact"]["value"].startswith(f"{year * 1000 / 1017697:.7f}"[:8])
    assert named(traced) == deliveries(inbox, months, "leicestershire") | residents()


def test_a_mean_is_traced_to_the_deliveries_of_every_force(trace: Trace, inbox: Path) -> None:
    traced = trace("most_similar_group", "Burglary", "Mean of the other 7")
    assert traced["kind"] == "derived"
    assert traced["reference"]["formula"] == "unweighted_mean"
    peers = ("bedfordshire", "essex", "hampshire", "hertfordshire", "kent", "nottinghamshire", "sussex")
    assert named(traced) == deliveries(inbox, months_between("2024-04", "2025-03"), *peers) | residents()
    (kent,) = (each for each in traced["deliveries"] if (each["period"], each["area_code"]) == ("2024-05", KENT))
    assert (kent["verdict"], kent["quarantined_count"]) == ("quarantined", 3)
    assert {"G09", "U05"} <= set(kent["failed_checks"])


def test_a_limit_is_traced_to_the_deliveries_of_its_baseline(trace: Trace, inbox: Path) -> None:
    traced = trace("open_burglary", "March 2025", "Usual range, upper limit")
    assert (traced["kind"], traced["reference"]["formula"]) == ("derived", "usual_range_upper")
    assert named(traced) == deliveries(inbox, months_between("2023-03", "2025-02"), "leicestershire")


def test_a_figure_of_a_check_and_of_deliveries(trace: Trace) -> None:
    label = (
        "Street-level crime (data.police.uk), U05: LSOA code, where given, is known in the 2011 or the 2021 vintage."
    )
    traced = trace("findings", label, "Rows or cases that failed")
    assert (traced["kind"], traced["shows"]) == ("check", 5)
    assert traced["reference"] == {
        "feed": "police_uk_street", "check_id": "U05", "part": traced["reference"]["part"], "figure": "rows"
    }  # fmt: skip
    traced = trace("data_quality", "Street-level crime (data.police.uk)", "Kept out of every figure (rows)")
    assert (traced["kind"], traced["shows"]) == ("delivery", 3)
    assert traced["reference"] == {"feed": "police_uk_street", "figure": "quarantined"}


def test_what_is_missing_is_traced_to_what_there_is(trace: Trace, inbox: Path) -> None:
    traced = trace("open_burglary", "January 2024", YEAR)
    assert (traced["shows"], traced["kind"]) == ("[x]", "fact")
    assert {name: value for name, value in traced["fact"].items() if value} == {"mark": "x"}
    assert named(traced) == deliveries(inbox, months_between("2023-03", "2024-01"), "leicestershire")


def test_a_trace_in_words(frozen: Frozen, command_line: CommandLine, counted: Counts, inbox: Path) -> None:
    sheet, cell = place(frozen, "open_drugs", "May 2024", COUNT)
    number = counted["open_drugs", HOME_FORCE, "2024-05"]
    done = command_line(frozen, "trace", frozen.packs()["pdg"].path, f"{sheet}!${cell[0].lower()}${cell[1:]}")
    shown, reference, fact, measure, delivery = done.out.splitlines()
    assert shown == f"drugs!{cell} shows {number} (May 2024, {COUNT})"
    assert reference.startswith('fact: {"area_code":"E23000021","basis":"month",')
    assert fact == f"fact: value {number}, numerator {number}"
    assert measure.startswith("measure: Drugs (feed police_uk_street). Crimes of the type Drugs ")
    ((file, sha256),) = deliveries(inbox, ["2024-05"], "leicestershire")
    assert delivery.startswith(f"delivery: police_uk_street 2024-05 E23000021, {file}, sha256 {sha256}, ")
    assert delivery.endswith(" 0 quarantined, failed checks: none")


@pytest.mark.parametrize(
    "cell",
    ["C7", "'summary'", "'summary'!C", "'summary'!Z99", "'nowhere'!C10", "'cover'!A1", "'summary'!A10", "summary!0"],
)
def test_a_place_where_no_number_stands_is_a_wrong_call(frozen: Frozen, command_line: CommandLine, cell: str) -> None:
    done = command_line(frozen, "trace", frozen.packs()["pdg"].path, cell)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{cell}: ")
