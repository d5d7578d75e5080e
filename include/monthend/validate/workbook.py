"""Read an extract that came as a workbook (.xlsx): refuse what is unsafe before it is opened, guess at no cell.

A sheet is read as a stream: openpyxl's ordinary worksheets take 400 bytes a cell, and its read-only ones believe the
size that the file declares and hide merged cells and hidden rows. Its parser under both does neither.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils import coordinate_to_tuple, get_column_letter
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, WorkSheetParser
from openpyxl.xml.constants import SHEET_MAIN_NS

from monthend.plan.declarations import Feed, FeedColumn
from monthend.validate.unreadable import NO_ROWS, Unreadable, refuse_other_columns

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what .xlsx starts with; .xls and what has a password
PASSWORD = "EncryptedPackage".encode("utf-16-le")  # the stream of [MS-OFFCRYPTO] that holds a protected workbook
TEXT, RICH_TEXT = f"{{{SHEET_MAIN_NS}}}t", f"{{{SHEET_MAIN_NS}}}r"
PARTS = 1_500
LARGEST = 10 * 2**20  # bytes of a part that is held whole
LARGEST_TOTAL = 400 * 2**20  # bytes; 180,000 crimes are 250 MB
LARGEST_RATIO = 300  # the sheet of an extract shrinks to a tenth
CHUNK = 2**20  # bytes, in which the next element has to come
# Parts that run, or bring in what is not in the extract; by name, as it stands in the zip
UNSAFE = {
    r"vbaproject|/macrosheets/|/dialogsheets/": "macros",
    r"/activex/|/ctrlprops/": "controls (buttons, lists)",
    r"/embeddings/": "embedded files",
    r"/externallinks/": "links to other workbooks",
    r"/connections\.xml|/querytables/|/model/": "connections to data elsewhere",
    r"customui": "menus of its own",
}
STREAMED = {"/xl/worksheets/": rb"<(\w+:)?row[\s/>]", "/xl/sharedstrings": rb"<(\w+:)?si[\s/>]"}  # element by element
SEND_INSTEAD = "Copy the values alone into a new workbook and send it as .xlsx without a password, or send CSV (UTF-8)."
HEADING_ROWS = 20  # rows among which headings are looked for
AT_ONCE = 20_000  # rows that are held as Python's own text
NAMED = 3  # cells that a finding names
FINDINGS = 12  # that are said
FAULTS = 10_000  # cells and rows, after which the rest is not read
EARLIEST = 1905  # years up to here are what Excel's two calendars show for 0 and 1
CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
TOTAL_LABEL = re.compile(r"\s*(grand |sub[ -]?)?totals?\s*:?\s*", re.IGNORECASE)
GROUPED = re.compile(r"\d[,\s'’]\d{3}|[%£$€]")
DIGITS = 10**15  # Excel keeps 15 digits of a number
# What a cell can be that it must not be, and what to do about it
MERGED = "merged cells hide which row a value belongs to. Unmerge them and fill in each cell."
HIDDEN_ROWS = "rows are hidden, or filtered out, and hold data. Show them, or delete them if they do not belong here."
HIDDEN_COLUMN = "the column is hidden and holds data. Show it, or delete it if it does not belong here."
HIDDEN_SHEET = "the sheet is hidden and holds data. Show it, or delete it if it does not belong here."
FORMULA = "formulas, not values. Copy the column and paste it as values."
ERROR = "error values (such as #N/A). Put in what belongs there, or leave it empty."
TOTAL = "a total stands among the rows and would count as one of them. Delete the row."
BLANK = "blank rows stand between the rows. Delete them."
FAR_BELOW = "cells are formatted or filled in far below the form. Delete the rows below it, and save the workbook."
BESIDE = "values stand outside the columns that have headings. Delete them, or move them to another sheet."
SERIAL = "plain numbers in a column of dates (Excel's day count). Format the column as yyyy-mm-dd hh:mm:ss."
DEFAULT = "a date of 1900 or 1904, which Excel shows where there is none. Give the date, or leave it empty."
NO_DATE = "times without a date in a column of dates. Give date and time."
MADE_DATE = "dates in a column that has none: Excel made them of other text. Format it as Text and enter it again."
UNIT = "numbers with a sign for their unit (% or a currency). Give plain numbers in the feed's unit."
AS_TEXT = "numbers written as text, with separators or a unit. Give plain numbers."
TOO_LONG = "numbers of more than 15 digits, of which Excel dropped the last. Format the column as Text, enter it again."
NO_TEXT = "characters that no text has (control characters). Enter the text again."


@dataclass
class _Findings:
    """What is wrong, by sheet, column heading and fault: how often, and in which cells first."""

    found: dict[tuple[str, str, str], tuple[int, list[str]]] = field(default_factory=dict)
    faults: int = 0

    def add(self, sheet: str, heading: str, fault: str, cell: str, count: int = 1) -> None:
        self.faults += 1
        before, cells = self.found.get((sheet, heading, fault), (0, []))
        self.found[sheet, heading, fault] = (before + count, [*cells, cell] if len(cells) < NAMED else cells)

    def __str__(self) -> str:
        said = []
        for (sheet, heading, fault), (count, cells) in list(self.found.items())[:FINDINGS]:
            where = [named(sheet)]
            where += [f"column {heading}"] if heading else []
            if cells := [cell for cell in cells if cell]:
                more = f" and {count - len(cells):,} more" if count > len(cells) else ""
                where.append(f"{', '.join(cells)}{more}")
            said.append(f"{', '.join(where)}: {fault}")
        if len(self.found) > FINDINGS:
            said.append(f"And {len(self.found) - FINDINGS} more findings.")
        if self.faults >= FAULTS:
            said.append(f"After {FAULTS:,} faults the rest was not read.")
        return " ".join(said)


class _Parser(WorkSheetParser):
    """openpyxl's parser, which takes most of its time for texts that stand in their cells."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        """Give a cell's row, column, value, data_type and style_id."""
        inline = element.find(INLINE_STRING) if element.get("t") == "inlineStr" else None
        if inline is None or element.find(FORMULA_TAG) is not None:
            return dict(super().parse_cell(element))
        row, column = coordinate_to_tuple(element.get("r", ""))
        text = inline.findtext(TEXT) or "".join(run.findtext(TEXT) or "" for run in inline.iterfind(RICH_TEXT))
        return {"row": row, "column": column, "value": text, "data_type": "s", "style_id": int(element.get("s", 0))}


@dataclass(frozen=True)
class Sheet:
    """A sheet of an open workbook, and what is needed to stream it."""

    name: str
    hidden: bool
    part: str
    reader: Any  # openpyxl's ExcelReader

    def rows(self) -> Iterator[tuple[int, list[dict[str, Any]], dict[str, str], WorkSheetParser]]:
        """Each row that the part has: its number, its filled cells, its attributes; and the parser of what is around.

        The last that comes is no row, and has the number 0: all of the sheet was parsed then.
        """
        workbook: Any = self.reader.wb
        with self.reader.archive.open(self.part) as part:
            parser = _Parser(
                part,
                self.reader.shared_strings,
                epoch=workbook.epoch,
                date_formats=workbook._date_formats,
                timedelta_formats=workbook._timedelta_formats,
            )
            last = 0
            for number, cells in parser.parse():
                columns = [cell["column"] for cell in cells]
                if number <= last or columns != sorted(set(columns)) or any(cell["row"] != number for cell in cells):
                    raise ValueError("rows or cells out of order")
                last = number
                filled = [cell for cell in cells if cell["value"] not in (None, "")]
                yield number, filled, parser.row_dimensions.pop(str(number), {}), parser
            yield 0, [], {}, parser

    @property
    def size(self) -> int:
        """How many bytes the sheet's part unpacks to."""
        return int(self.reader.archive.getinfo(self.part).file_size)

    def number_format(self, cell: dict[str, Any]) -> str:
        """How the cell's number is shown."""
        workbook: Any = self.reader.wb
        number = workbook._cell_styles[cell["style_id"]].numFmtId
        return str(BUILTIN_FORMATS.get(number) or workbook._number_formats[number - BUILTIN_FORMATS_MAX_SIZE])


def is_workbook(start: bytes) -> bool:
    """Whether a file that starts so is a workbook, or another container that may be meant as one."""
    return start.startswith((ZIP, OLE))


def read(path: Path, feed: Feed) -> pa.Table:
    """The rows of the workbook at `path`: one text column for each of the feed's, as of the same data sent as CSV.

    Dates are ISO 8601 text, numbers what Excel writes into a CSV, without grouping; an empty cell is null. The rows
    are those of the one sheet with the feed's headings; visible sheets without them are left alone. Raises Unreadable.
    """
    with opened(path) as sheets:
        return _rows(sheets, feed)


def columns(path: Path, feed: Feed) -> tuple[str, dict[str, str]]:
    """The sheet that `read` takes a workbook's rows from, under the headings in row 1, and each column's letter in it.

    `path` is a workbook that `read` takes.
    """
    by_heading = {column.heading: column.column for column in feed.columns}
    with opened(path) as sheets:
        sheet = next(each for each in sheets if _look(each, feed)[0])
        _, cells, _, _ = next(sheet.rows())
    return sheet.name, {by_heading[str(cell["value"])]: get_column_letter(cell["column"]) for cell in cells}


@contextmanager
def opened(path: Path) -> Iterator[list["Sheet"]]:
    """The sheets of the workbook at `path`, to be streamed, once it is known to be safe. Raises Unreadable."""
    _refuse_old(path)
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they can hold values
            _refuse_unsafe(archive)
            yield _sheets(file)
    except Unreadable:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise Unreadable("The workbook is damaged or not all of it came. Send it again.") from None
    except Exception as error:  # whatever openpyxl stumbles over in a file that somebody else made
        raise Unreadable(
            f"The workbook cannot be read ({type(error).__name__}): it does not keep to the format. {SEND_INSTEAD}",
            "G13",
        ) from None


def _sheets(file: IO[bytes]) -> list[Sheet]:
    """The workbook's sheets, without charts; of their parts none is read yet."""
    reader: Any = ExcelReader(file, read_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    sheets = [
        Sheet(sheet.name, sheet.state != "visible", relation.target, reader)
        for sheet, relation in reader.parser.find_sheets()
        if relation.Type.endswith("/worksheet")
    ]
    if not sheets:  # openpyxl knows the namespaces of the transitional form alone
        raise Unreadable("The workbook has no sheet that can be read. Save it as “Excel Workbook (.xlsx)”, not Strict.")
    return sheets


def _refuse_old(path: Path) -> None:
    with path.open("rb") as file:
        if not file.read(len(OLE)).startswith(OLE):
            return
        file.seek(0)
        tail = b""
        while chunk := file.read(CHUNK):
            if PASSWORD in tail + chunk:
                raise Unreadable(f"The workbook has a password. {SEND_INSTEAD}", "G13")
            tail = chunk[-len(PASSWORD) :]
    raise Unreadable(f"The file is a workbook of Excel 97-2003 (.xls), or another Office file. {SEND_INSTEAD}")


def _refuse_unsafe(archive: zipfile.ZipFile) -> None:
    """Refuse what may run, fetch or fill the memory, from the zip alone."""
    parts = archive.infolist()
    names = [f"/{part.filename}".casefold() for part in parts]
    if "/[content_types].xml" not in names or not any(name.startswith("/xl/") for name in names):
        raise Unreadable(f"The file is a zip, and no workbook (.xlsx). {SEND_INSTEAD}")
    if "/xl/workbook.bin" in names:
        raise Unreadable(f"The file is a binary workbook (.xlsb). {SEND_INSTEAD}")
    for pattern, what in UNSAFE.items():
        if any(re.search(pattern, name) for name in names):
            raise Unreadable(f"The workbook has {what}. {SEND_INSTEAD}", "G13")
    if len(parts) > PARTS or len(set(names)) < len(names) or any(part.flag_bits & 0x1 for part in parts):
        raise Unreadable(f"The workbook's container is not as Excel makes it. {SEND_INSTEAD}", "G13")
    if (total := sum(part.file_size for part in parts)) > LARGEST_TOTAL:
        raise _too_large(f"unpacks to {total / 2**20:,.0f} MB, and {LARGEST_TOTAL / 2**20:,.0f} MB are taken")
    for part, name in zip(parts, names, strict=True):
        marker = next((mark for start, mark in STREAMED.items() if name.startswith(start)), None)
        if part.file_size > LARGEST and (marker is None or part.file_size > LARGEST_RATIO * part.compress_size):
            raise _too_large(f"has a part of {part.file_size / 2**20:,.0f} MB that no extract needs")
        if name.endswith((".xml", ".rels", ".vml")):
            _refuse_inside(archive, part, name, marker)


def _refuse_inside(archive: zipfile.ZipFile, part: zipfile.ZipInfo, name: str, marker: bytes | None) -> None:
    """Read a part to its end, as text of whatever encoding; so what is damaged is found too."""
    tail = b""
    with archive.open(part) as file:
        while chunk := file.read(CHUNK):
            text = tail + chunk.replace(b"\0", b"")  # UTF-16 too
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                raise Unreadable(f"The workbook defines entities, which no extract needs. {SEND_INSTEAD}", "G13")
            if name == "/[content_types].xml" and b"macroEnabled" in text:
                raise Unreadable(f"The workbook has macros. {SEND_INSTEAD}", "G13")
            if marker and len(chunk) == CHUNK and not re.search(marker, text):
                raise _too_large("has a row or a text of more than 1 MB")
            tail = text[-16:]


def _too_large(why: str) -> Unreadable:
    return Unreadable(f"The workbook {why}. Send the extract as CSV (UTF-8), which has no such limit.", "G13")


def _rows(sheets: list[Sheet], feed: Feed) -> pa.Table:
    findings = _Findings()
    headed = []
    for sheet in sheets:
        heading_row, has_data = _look(sheet, feed)
        if heading_row:
            headed.append((sheet, heading_row))
        if has_data and sheet.hidden:
            findings.add(sheet.name, "", HIDDEN_SHEET, "")
    if not headed:
        raise Unreadable(
            f"No sheet has the feed's headings in its first {HEADING_ROWS} rows (sheets in the workbook: "
            f"{len(sheets)}). Send the extract with the headings in row 1."
        )
    for sheet, _ in headed[1:]:
        fault = f"has the feed's headings, as {named(headed[0][0].name)} has. Put all rows on one sheet."
        findings.add(sheet.name, "", fault, "")
    (sheet, heading_row), *_ = headed
    if heading_row > 1:
        fault = "the headings are not in row 1. Delete the rows above them."
        findings.add(sheet.name, "", fault, f"row {heading_row}")
    table = _read_sheet(sheet, heading_row, feed, findings)
    if findings.found:
        raise Unreadable(str(findings), "G13")
    if table.num_rows == 0:
        raise Unreadable(f"{named(sheet.name)}: {NO_ROWS}")
    return table


def _look(sheet: Sheet, feed: Feed) -> tuple[int, bool]:
    """The row in which at least half of the feed's headings stand, or 0, and whether the sheet has any data."""
    headings = {column.heading for column in feed.columns}
    has_data = False
    for number, cells, _, _ in sheet.rows():
        has_data = has_data or bool(cells)
        if number > HEADING_ROWS and has_data:
            break
        if number <= HEADING_ROWS and 2 * len(headings & {str(cell["value"]) for cell in cells}) >= len(headings):
            return number, True
    return 0, has_data


def _read_sheet(sheet: Sheet, heading_row: int, feed: Feed, findings: _Findings) -> pa.Table:
    """All rows under the headings. What is wrong with cells is added to `findings`, and their value left out."""
    by_heading = {column.heading: column for column in feed.columns}
    columns: dict[int, FeedColumn] = {}
    batch: list[list[str | None]] = []
    places: dict[int, int] = {}
    order = [column.heading for column in feed.columns]
    schema = pa.schema([(column.column, pa.string()) for column in feed.columns])
    batches: list[pa.RecordBatch] = []
    hidden: dict[int, bool] = {}
    last = heading_row

    def flush() -> None:
        arrays = [pa.array(values, pa.string()) for values in zip(*batch, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
        batch.clear()

    for number, cells, attributes, parser in sheet.rows():
        if cells and attributes.get("hidden") in ("1", "true"):
            findings.add(sheet.name, "", HIDDEN_ROWS, f"row {number}")
        if number < heading_row or not cells:
            continue
        if number == heading_row:
            _refuse_headings(sheet, cells, order)
            columns = {cell["column"]: by_heading[str(cell["value"])] for cell in cells}
            places = {place: order.index(column.heading) for place, column in columns.items()}
            hidden = hidden_columns(parser, columns)
            continue
        if number > last + 1:
            findings.add(sheet.name, "", BLANK, f"row {last + 1}", number - last - 1)
        last = number
        row: list[str | None] = [None] * len(order)
        for cell in cells:
            column = columns.get(cell["column"])
            if column is None:
                findings.add(sheet.name, "", BESIDE, _address(cell))
                continue
            if cell["column"] in hidden:
                hidden[cell["column"]] = True
            text, fault = _text(sheet, cell, column)
            if fault:
                findings.add(sheet.name, column.heading, fault, _address(cell))
            row[places[cell["column"]]] = text
        if findings.faults >= FAULTS:
            break
        batch.append(row)
        if len(batch) == AT_ONCE:
            flush()
    for place in (place for place, has_data in hidden.items() if has_data):
        findings.add(sheet.name, columns[place].heading, HIDDEN_COLUMN, f"column {get_column_letter(place)}")
    for merged in parser.merged_cells.mergeCell if parser.merged_cells else ():
        findings.add(sheet.name, "", MERGED, str(merged.ref))
    if batch:
        flush()
    return pa.Table.from_batches(batches, schema).combine_chunks()


def _refuse_headings(sheet: Sheet, cells: list[dict[str, Any]], expected: list[str]) -> None:
    try:
        refuse_other_columns([str(cell["value"]) for cell in cells], expected)
    except Unreadable as unreadable:
        raise Unreadable(f"{named(sheet.name)}: {unreadable}") from None


def hidden_columns(parser: WorkSheetParser, columns: Iterable[int]) -> dict[int, bool]:
    """Columns with headings that are hidden, none known to hold data yet. A group of columns has one entry."""
    ranges = [
        (int(entry["min"]), int(entry["max"]))
        for entry in parser.column_dimensions.values()
        if entry.get("hidden") in ("1", "true")
    ]
    return {place: False for place in columns if any(first <= place <= last for first, last in ranges)}


def _text(sheet: Sheet, cell: dict[str, Any], column: FeedColumn) -> tuple[str | None, str]:
    """A cell as text, and what is wrong with it, if anything is."""
    value, kind = cell["value"], cell["data_type"]
    dated = column.type in ("date", "timestamp")
    if kind == "f":
        return None, FORMULA
    if kind == "e":
        return None, ERROR
    if isinstance(value, str):
        text = unescape(value) if "_x" in value else value
        if CONTROL.search(text):
            return None, NO_TEXT
        if TOTAL_LABEL.fullmatch(text):
            return None, TOTAL
        if column.type in ("number", "integer") and GROUPED.search(text):
            return None, AS_TEXT
        return text, ""
    if isinstance(value, bool):
        return str(value).upper(), ""
    if isinstance(value, time | timedelta):
        return None, NO_DATE if dated else MADE_DATE
    if isinstance(value, date):
        if not dated:
            return None, MADE_DATE
        if value.year < EARLIEST:
            return None, DEFAULT
        if not isinstance(value, datetime):
            value = datetime.combine(value, time())
        value = (value + timedelta(milliseconds=500)).replace(microsecond=0)  # Excel's times are fractions of a day
        midnight = value.time() == time()
        return (value.date() if column.type == "date" and midnight else value).isoformat(), ""
    if dated:
        return None, SERIAL
    if not abs(value) < DIGITS:
        return None, TOO_LONG
    if re.search(r"[%£$€]", re.sub(r"\[\$-[^]]*\]", "", sheet.number_format(cell))):
        return None, UNIT
    return f"{value:.15g}", ""


def _address(cell: dict[str, Any]) -> str:
    return f"{get_column_letter(cell['column'])}{cell['row']}"


def named(sheet: str) -> str:
    """A sheet in words, whatever its maker put into its name."""
    return "Sheet “" + re.sub(r"[^\w !#&()+,.=@-]", "?", sheet)[:31] + "”"
