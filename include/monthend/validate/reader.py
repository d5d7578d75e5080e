"""Read a delivery's bytes as rows of text. What stops that (encoding, columns, row shapes) is the reader's finding."""

import csv
import io
import mmap
from pathlib import Path

import pyarrow as pa
from pyarrow import compute
from pyarrow.csv import ConvertOptions, InvalidRow, ParseOptions, ReadOptions, read_csv

from monthend.plan.declarations import Feed
from monthend.validate import returns, workbook
from monthend.validate.unreadable import NO_ROWS, Unreadable, refuse_other_columns

__all__ = ["Unreadable", "read", "takes_workbooks"]
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read(path: Path, feed: Feed) -> pa.Table:
    """The rows of the delivery at `path`: one text column for each of the feed's, under the warehouse's names.

    The order of columns in the file does not matter; an unknown or a missing one does. An empty field is null. Whether
    it is CSV or, for a feed that takes workbooks, .xlsx is told by the bytes. Raises Unreadable.
    """
    if path.stat().st_size == 0:
        raise Unreadable("The file is empty.")
    headings = [column.heading for column in feed.columns]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if workbook.is_workbook(data[:8]):
            if not takes_workbooks(feed):
                raise Unreadable("The file is a zip or a workbook under another name, not a CSV.")
            return returns.read(path, feed).table if feed.form else workbook.read(path, feed)
        _refuse_other_formats(data, headings)
        _refuse_other_encodings(data, headings)
        _refuse_other_separators(_first_line(data))
        has_quotes = data.find(b'"') >= 0
    faults: list[str] = []

    def fault(row: InvalidRow) -> str:
        # the heading is line 1; row numbers count the rows after it
        faults.append(f"row {row.number - 1} has {row.actual_columns} fields instead of {row.expected_columns}")
        return "skip"

    try:
        table = read_csv(
            path,
            read_options=ReadOptions(use_threads=False),
            parse_options=ParseOptions(invalid_row_handler=fault),
            convert_options=ConvertOptions(
                column_types={heading: pa.string() for heading in headings},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise Unreadable(_reason(path, headings, str(error))) from None
    if has_quotes:
        _refuse_open_quotes(path, table, headings)
    if faults:
        more = f" and {len(faults) - 3} more rows likewise" if len(faults) > 3 else ""
        raise Unreadable(f"Rows are broken: {'; '.join(faults[:3])}{more}.")
    refuse_other_columns(table.column_names, headings)
    if table.num_rows == 0:
        raise Unreadable(NO_ROWS)
    return table.select(headings).rename_columns([column.column for column in feed.columns]).combine_chunks()


def takes_workbooks(feed: Feed) -> bool:
    """Whether an extract of the feed may be a workbook: its file names say so."""
    return "xlsx" in feed.file_name


def _refuse_other_formats(data: mmap.mmap, headings: list[str]) -> None:
    start = data[:512]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        raise Unreadable("The encoding is UTF-16 or binary, not UTF-8. Save it as CSV UTF-8.")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise Unreadable("The file is a web page (often an error page), not an extract.")
    if (place := data.find(b"\0")) >= 0:
        raise Unreadable(f"The file holds NUL bytes ({_where(data, place, headings)}): it was damaged on the way.")


def _refuse_other_encodings(data: mmap.mmap, headings: list[str]) -> None:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError as error:
        where = _where(data, error.start, headings)
        raise Unreadable(
            f"The encoding is not UTF-8 ({where}); it looks like Windows-1252. Save it as CSV UTF-8."
        ) from None


def _refuse_other_separators(first: str) -> None:
    for mark, name in SEPARATORS.items():
        if mark in first and "," not in first:
            raise Unreadable(f"Columns are separated by {name}, not by commas. Save it as CSV (comma delimited).")


def _refuse_open_quotes(path: Path, table: pa.Table, headings: list[str]) -> None:
    """A quote that is not closed takes in the rows after it, so no field may go over the end of a line."""
    over_lines = any(
        compute.any(compute.match_substring_regex(column, "[\r\n]")).as_py()
        for column in table.columns
        if pa.types.is_string(column.type)
    )
    if over_lines or path.read_bytes().count(b'"') % 2:
        raise Unreadable(_open_quote(path.read_bytes(), headings))


def _open_quote(data: bytes, headings: list[str]) -> str:
    """Where the first quoted field is that does not end on its line; of one that never ends, where it begins."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    found: list[str] = []
    fields: list[str] = []
    line = 0
    try:
        for fields in rows:
            found = found or fields
            if rows.line_num > line + 1:
                break
            line = rows.line_num
        else:
            line -= 1  # it is in the last line
        place = next((place for place, field in enumerate(fields) if "\n" in field or "\r" in field), len(fields) - 1)
        where = f"{_row(line)}, column {_column(found, place, headings)}"
    except csv.Error:  # it goes on for longer than a field can be
        where = _row(line)
    return f"A quoted field is not closed, or goes over more than one line ({where})."


def _where(data: mmap.mmap, place: int, headings: list[str]) -> str:
    """Which row, column and character of its field the byte at `place` is, as if nothing were quoted."""
    line = data.rfind(b"\n", 0, place) + 1
    *before, field = data[line:place].split(b",")
    found = next(csv.reader([_first_line(data)]), [])
    row, character = data[:line].count(b"\n"), len(field.decode("cp1252", "replace")) + 1
    return f"{_row(row)}, column {_column(found, len(before), headings)}, character {character}"


def _row(number: int) -> str:
    return f"row {number}" if number else "the headings"


def _column(found: list[str], place: int, headings: list[str]) -> str:
    """A column by its heading, where that is one of the feed's, as it may hold a value otherwise; or by its number."""
    return found[place] if place < len(found) and found[place] in headings else str(place + 1)


def _first_line(data: mmap.mmap | bytes) -> str:
    end = data.find(b"\n")
    return data[: end if end >= 0 else len(data)].decode("utf-8-sig", "replace").strip("\r\n").replace("\0", "?")


def _reason(path: Path, headings: list[str], message: str) -> str:
    """Why the parser gave up, in words; its own message can hold values."""
    data = path.read_bytes()
    if "quote" in message.lower() or "straddl" in message.lower() or "sync" in message.lower():
        return _open_quote(data, headings)
    refuse_other_columns(_first_line(data).split(","), headings)
    return "The file cannot be read as comma-separated rows." if data.rstrip().count(b"\n") else NO_ROWS
