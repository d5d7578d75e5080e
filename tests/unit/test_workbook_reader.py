"""The reader of workbooks: what a CSV of the same data gives, or why not, by sheet, column and cell."""

import csv
import random
import re
import subprocess
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from monthend.plan.declarations import Feed
from monthend.validate.reader import Unreadable, read
from monthend.validate.workbook import CHUNK, OLE, PASSWORD

COLUMNS = {"ref": "text", "made_at": "timestamp", "day": "date", "count": "integer", "rate": "number", "flag": "text"}
FEED = Feed(
    feed="things",
    title="Things",
    description="A feed of the tests.",
    owner="Tests",
    contact="tests@opcc.example",
    source="reference",
    cadence="reference",
    file_name=r"^things\.(csv|xlsx)$",
    columns=tuple({"heading": heading, "column": f"c_{heading}", "type": kind} for heading, kind in COLUMNS.items()),  # type: ignore[misc]
    suite="things",
)
ROWS: list[list[Any]] = [
    ["LEI-1", datetime.fromisoformat("2017-06-30T23:15"), date(2017, 6, 30), 1200, 4.25, "Y"],
    [" caf\u00e9, \u201cThe\u201d ", datetime.fromisoformat("2017-06-01"), date(2016, 2, 29), 0, 3, None],
    ["007", None, None, None, 0.1 + 0.2, "N"],
]
AS_TEXT = [
    ["LEI-1", "2017-06-30T23:15:00", "2017-06-30", "1200", "4.25", "Y"],
    [" caf\u00e9, \u201cThe\u201d ", "2017-06-01T00:00:00", "2016-02-29", "0", "3", None],
    ["007", None, None, None, "0.3", "N"],
]
Change = Callable[[Workbook, Any], object]


def workbook(tmp_path: Path, change: Change = lambda book, sheet: None) -> Path:
    """A good workbook after `change` was let loose on it and its sheet."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "Extract"
    for row in [list(COLUMNS), *ROWS]:
        sheet.append(row)
    change(book, sheet)
    path = tmp_path / "things.xlsx"
    book.save(path)
    return path


def patched(path: Path, change: Callable[[str, bytes], bytes | None], **more: bytes) -> Path:
    """Rewrite a workbook part by part, and add parts."""
    target = path.with_name("patched.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
        for name, content in more.items():
            new.writestr(name, content)
    return target


def unreadable(path: Path) -> Unreadable:
    with pytest.raises(Unreadable) as error:
        read(path, FEED)
    assert error.value.__cause__ is None
    return error.value


def test_cells_are_the_text_that_a_csv_of_them_has(tmp_path: Path) -> None:
    def change(book: Workbook, sheet: Any) -> None:
        sheet.move_range("A1:A4", cols=6)  # the order of columns does not matter
        sheet.delete_cols(1)
        book.create_sheet("Notes", 0).append(["Total", "=1+1"])  # nor what stands on other sheets

    def as_excel_writes_it(_: str, content: bytes) -> bytes:
        return content.replace(b"<v>4.25</v>", b"<v>4.2500000000000009</v>").replace(b"<v>3</v>", b"<v>3.0</v>")

    path = patched(workbook(tmp_path, change), as_excel_writes_it)
    assert [list(row.values()) for row in read(path, FEED).to_pylist()] == AS_TEXT


def test_a_workbook_by_libreoffice_reads_as_the_csv_and_as_openpyxl_s(tmp_path: Path) -> None:
    made = workbook(tmp_path)
    plain = tmp_path / "things.csv"
    with plain.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([list(COLUMNS), *AS_TEXT])
    subprocess.run(
        [
            *("soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"),
            *("--convert-to", "xlsx", "--outdir", tmp_path / "office", made),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    expected = read(plain, FEED)
    assert read(made, FEED).equals(expected)
    assert read(tmp_path / "office" / "things.xlsx", FEED).equals(expected)


def put(cell: str, value: Any, number_format: str | None = None) -> Change:
    def change(_: Workbook, sheet: Any) -> None:
        sheet[cell] = value
        if number_format:
            sheet[cell].number_format = number_format

    return change


def hide_sheet(book: Workbook, sheet: Any) -> None:
    book.create_sheet("Front")
    sheet.sheet_state = "veryHidden"


def two_sheets(book: Workbook, sheet: Any) -> None:
    book.copy_worksheet(sheet)


def hide_columns(_: Workbook, sheet: Any) -> None:
    sheet.column_dimensions.group("B", "C", hidden=True)


def hide_row(_: Workbook, sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = True


FINDINGS: dict[str, tuple[Change, str]] = {
    "merged": (lambda book, sheet: sheet.merge_cells("A3:B3"), "Extract”, A3:B3: merged cells"),
    "hidden row": (hide_row, "Extract”, row 3: rows are hidden"),
    "hidden columns": (hide_columns, "Extract”, column day, column C: the column is hidden"),
    "hidden sheet": (hide_sheet, "Extract”: the sheet is hidden"),
    "formula": (put("D2", "=1000+200"), "Extract”, column count, D2: formulas"),
    "error": (put("E3", "#N/A"), "Extract”, column rate, E3: error values"),
    "total": (put("A5", "Grand total:"), "Extract”, column ref, A5: a total stands among the rows"),
    "blank rows": (put("A7", "LEI-2"), "Extract”, row 5 and 1 more: blank rows"),
    "beside": (put("H2", "see below"), "Extract”, H2: values stand outside"),
    "serial": (put("B2", 42916.96875, "General"), "Extract”, column made_at, B2: plain numbers in a column of dates"),
    "default of 1900": (put("C2", date(1900, 1, 1)), "Extract”, column day, C2: a date of 1900"),
    "time": (put("B2", clock(23, 15)), "Extract”, column made_at, B2: times without a date"),
    "made a date": (put("A2", date(2017, 10, 10)), "Extract”, column ref, A2: dates in a column that has none"),
    "per cent": (put("E2", 0.5, "0.0%"), "Extract”, column rate, E2: numbers with a sign"),
    "pounds": (put("E2", 5, '[$£-809]#,##0.00'), "Extract”, column rate, E2: numbers with a sign"),
    "separators": (put("D2", "1,200"), "Extract”, column count, D2: numbers written as text"),
    "unit": (put("E2", "4.2 %"), "Extract”, column rate, E2: numbers written as text"),
    "digits": (put("A2", 1234567890123456789), "Extract”, column ref, A2: numbers of more than 15 digits"),
    "control": (put("A2", "a_x0000_b"), "Extract”, column ref, A2: characters that no text has"),
    "two sheets": (two_sheets, "Extract Copy”: has the feed's headings, as Sheet “Extract” has"),
    "low headings": (lambda book, sheet: sheet.insert_rows(1, 2), "Extract”, row 3: the headings are not in row 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FINDINGS)
def test_a_fault_is_named_by_sheet_column_and_cell(tmp_path: Path, name: str) -> None:
    change, expected = FINDINGS[name]
    error = unreadable(workbook(tmp_path, change))
    assert error.check_id == "G13"
    assert str(error).partition(expected)[::2] != (str(error), ""), str(error)
    assert str(error).endswith((".", "here."))
    assert not re.search("LEI|1200|1,200|42916|see below|1234567", str(error))  # no value of a row


def test_many_faults_are_counted_and_the_first_cells_named(tmp_path: Path) -> None:
    def change(_: Workbook, sheet: Any) -> None:
        for row in range(2, 1002):
            sheet.cell(row, 1, f"LEI-{row}")
            sheet.cell(row, 2, 42916).number_format = "0"
        sheet["F4"] = "=1"

    assert str(unreadable(workbook(tmp_path, change))) == (
        "Sheet “Extract”, column made_at, B2, B3, B4 and 997 more: plain numbers in a column of dates (Excel's day "
        "count). Format the column as yyyy-mm-dd hh:mm:ss. "
        "Sheet “Extract”, column flag, F4: formulas, not values. Copy the column and paste it as values."
    )


def test_after_ten_thousand_faults_the_rest_is_not_read(tmp_path: Path) -> None:
    def change(_: Workbook, sheet: Any) -> None:
        for row in range(5, 10_010):
            sheet.cell(row, 4, "1,200")
        sheet["A10009"] = "=1"

    assert str(unreadable(workbook(tmp_path, change))) == (
        "Sheet “Extract”, column count, D5, D6, D7 and 9,997 more: numbers written as text, with separators or a unit. "
        "Give plain numbers. After 10,000 faults the rest was not read."
    )


def test_a_date_of_the_calendar_from_1904_is_the_same_day(tmp_path: Path) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    def change(book: Workbook, sheet: Any) -> None:
        book.epoch = CALENDAR_MAC_1904

    assert [list(row.values()) for row in read(workbook(tmp_path, change), FEED).to_pylist()] == AS_TEXT


def test_formats_without_values_are_no_rows(tmp_path: Path) -> None:
    """Formatted rows down to the last, as Excel writes them when somebody formats the whole sheet."""
    formatted = b"".join(b'<row r="%d" s="1" customFormat="1"/>' % row for row in [*range(5, 2**16), 2**20])

    def change(name: str, content: bytes) -> bytes:
        if not name.startswith("xl/worksheets/"):
            return content
        content = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', content)
        return content.replace(b"</sheetData>", formatted + b"</sheetData>")

    def bold(_: Workbook, sheet: Any) -> None:
        sheet["A1"].font = Font(bold=True)

    assert [list(row.values()) for row in read(patched(workbook(tmp_path, bold), change), FEED).to_pylist()] == AS_TEXT


def same(name: str, content: bytes) -> bytes:
    return content


def macro_enabled(name: str, content: bytes) -> bytes:
    return content.replace(b"spreadsheetml.sheet.main", b"macroEnabled.main")


def entity(encoding: str) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if name != "xl/workbook.xml":
            return content
        text = re.sub(r"^<\?xml[^>]*>", "", content.decode())
        text = f'<?xml version="1.0" encoding="{encoding}"?><!--{" " * 5000}--><!DOCTYPE x [<!ENTITY a "b">]>{text}'
        return text.encode(encoding)

    return change


def without_sheets(name: str, content: bytes) -> bytes | None:
    return None if name.startswith("xl/") else content


def broken_xml(name: str, content: bytes) -> bytes:
    return content.replace(b"</row>", b"", 1)


def twice_the_same_row(name: str, content: bytes) -> bytes:
    return content.replace(b'<row r="3"', b'<row r="2"')


def long_row(name: str, content: bytes) -> bytes:
    return content.replace(b"</sheetData>", b'<row r="9">' + b"<c/>" * 10**6 + b"</row></sheetData>")


REFUSED: dict[str, tuple[Callable[[str, bytes], bytes | None], dict[str, bytes], str, str]] = {
    "macros": (same, {"xl/vbaProject.bin": b"x"}, "G13", "The workbook has macros. Copy the values alone"),
    "macros by type": (macro_enabled, {}, "G13", "The workbook has macros. Copy the values alone"),
    "links": (same, {"xl/externalLinks/externalLink1.xml": b"<x/>"}, "G13", "The workbook has links to other"),
    "connections": (same, {"xl/connections.xml": b"<x/>"}, "G13", "The workbook has connections to data elsewhere."),
    "embedded": (same, {"xl/embeddings/oleObject1.bin": b"x"}, "G13", "The workbook has embedded files."),
    "controls": (same, {"xl/activeX/activeX1.xml": b"<x/>"}, "G13", "The workbook has controls"),
    "menus": (same, {"customUI/customUI.xml": b"<x/>"}, "G13", "The workbook has menus of its own."),
    "entity": (entity("utf-8"), {}, "G13", "The workbook defines entities"),
    "entity in UTF-16": (entity("utf-16"), {}, "G13", "The workbook defines entities"),
    "same name twice": (same, {"XL/workbook.xml": b"<x/>"}, "G13", "The workbook's container is not as"),
    "big part": (same, {"xl/media/image.png": b"ab" * 6 * 2**20}, "G13", "The workbook has a part of 12 MB that no"),
    "bomb": (same, {"xl/worksheets/sheet9.xml": bytes(2**25)}, "G13", "The workbook has a part of 32 MB that"),
    "total": (same, {f"xl/worksheets/{n}.xml": bytes(2**27) for n in range(4)}, "G13", "The workbook unpacks to 512"),
    "long row": (long_row, {}, "G13", "The workbook has a row or a text of more than 1 MB"),
    "rows out of order": (twice_the_same_row, {}, "G13", "The workbook cannot be read (ValueError)"),
    "broken XML": (broken_xml, {}, "G13", "The workbook cannot be read (ParseError)"),
    "another zip": (without_sheets, {}, "G03", "The file is a zip, and no workbook (.xlsx)."),
    "binary": (same, {"xl/workbook.bin": b"x"}, "G03", "The file is a binary workbook (.xlsb)."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_unsafe_is_refused_before_it_is_opened(tmp_path: Path, name: str) -> None:
    change, more, check_id, expected = REFUSED[name]
    path = patched(workbook(tmp_path), change, **more)
    began = time.process_time()
    error = unreadable(path)
    assert (str(error)[: len(expected)], error.check_id) == (expected, check_id)
    assert re.search(r"Copy the values alone|Send the extract as CSV", str(error))
    assert time.process_time() - began < 5


def test_a_workbook_with_a_password_and_an_old_one_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "things.xlsx"
    path.write_bytes(OLE + bytes(CHUNK - 20) + PASSWORD + bytes(600))  # its name lies across two chunks
    assert (str(unreadable(path))[:29], unreadable(path).check_id) == ("The workbook has a password. ", "G13")
    path.write_bytes(OLE + bytes(4096))
    assert str(unreadable(path)).startswith("The file is a workbook of Excel 97-2003 (.xls), or another Office file.")
    assert unreadable(path).check_id == "G03"


def test_half_a_workbook_is_no_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert str(unreadable(path)) == "The workbook is damaged or not all of it came. Send it again."
    assert unreadable(path).check_id == "G03"


def test_sixty_megabytes_of_numbers_are_refused_by_their_first_rows(tmp_path: Path) -> None:
    numbers = random.Random(1)  # noqa: S311
    rows = b"".join(
        b"<row>%b</row>" % b"".join(b"<c><v>%d</v></c>" % numbers.randrange(10**6) for _ in range(200))
        for _ in range(100)
    )

    def change(name: str, content: bytes) -> bytes:
        if not name.startswith("xl/worksheets/"):
            return content
        head, _, tail = content.partition(b"<sheetData>")
        return head + b"<sheetData>" + rows * 150 + tail[tail.index(b"</sheetData>") :]

    path = patched(workbook(tmp_path), change)
    began = time.process_time()
    assert str(unreadable(path)) == (
        "No sheet has the feed's headings in its first 20 rows (sheets in the workbook: 1). Send the extract with the "
        "headings in row 1."
    )
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (list(COLUMNS)[:3], "Sheet “Extract”: Columns differ from the feed's (missing: count, rate, flag)."),
        ([*COLUMNS, "ours"], "Sheet “Extract”: Columns differ from the feed's (not in the feed: column 7)."),
        (list(COLUMNS), "Sheet “Extract”: The file has headings and no rows. A month without any row is never taken"),
    ],
)
def test_other_columns_and_no_rows_are_the_csv_s_faults(tmp_path: Path, content: list[str], expected: str) -> None:
    def change(_: Workbook, sheet: Any) -> None:
        sheet.delete_rows(1, 4)
        sheet.append(content)
        for cell in sheet[1]:
            cell.number_format = "General"

    error = unreadable(workbook(tmp_path, change))
    assert (str(error)[: len(expected)], error.check_id) == (expected, "G03")
