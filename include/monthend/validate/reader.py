"""Read a delivery's bytes as rows of text. What stops that (encoding, columns, row shapes) is the reader's finding."""

import io
import mmap
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from monthend.plan.declarations import Feed

NO_ROWS = "The file has headings and no rows. A month without any row is never taken for zero."


class Unreadable(Exception):
    """The bytes are not rows of this feed. The message says what is wrong and where, without any value."""


def read(path: Path, feed: Feed) -> pa.Table:
    """The rows of the delivery at `path`: one text column for each of the feed's, under the warehouse's names.

    The order of columns in the file does not matter; an unknown or a missing one does. An empty field is null.
    Raises Unreadable.
    """
    if path.stat().st_size == 0:
        raise Unreadable("The file is empty.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _refuse_other_formats(data)
        _refuse_other_encodings(data)
    faults: list[str] = []

    def fault(row: csv.InvalidRow) -> str:
        # the heading is line 1; row numbers count the rows after it
        faults.append(f"row {row.number - 1} has {row.actual_columns} fields instead of {row.expected_columns}")
        return "skip"

    headings = [column.heading for column in feed.columns]
    try:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(invalid_row_handler=fault),
            convert_options=csv.ConvertOptions(
                column_types={heading: pa.string() for heading in headings},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise Unreadable(_reason(path, feed, str(error))) from None
    if faults:
        more = f" and {len(faults) - 3} more rows likewise" if len(faults) > 3 else ""
        raise Unreadable(f"Rows are broken: {'; '.join(faults[:3])}{more}.")
    _refuse_other_columns(table.column_names, headings)
    if table.num_rows == 0:
        raise Unreadable(NO_ROWS)
    return table.select(headings).rename_columns([column.column for column in feed.columns]).combine_chunks()


def _refuse_other_formats(data: mmap.mmap) -> None:
    start = data[:512]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        raise Unreadable("The encoding is UTF-16 or binary, not UTF-8.")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise Unreadable("The file is a web page (often an error page), not an extract.")
    if start.startswith(b"PK\x03\x04"):
        raise Unreadable("The file is a zip or a workbook under another name, not a CSV.")
    if data.find(b"\0") >= 0:
        raise Unreadable("The file holds NUL bytes: it was damaged on the way.")


def _refuse_other_encodings(data: mmap.mmap) -> None:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n")
        raise Unreadable(f"The encoding is not UTF-8 (row {row}); it looks like Windows-1252.") from None


def _refuse_other_columns(found: list[str], expected: list[str]) -> None:
    if len(found) == 1 and any(mark in found[0] for mark in ";\t|"):
        raise Unreadable("Columns are not separated by commas.")
    missing = [heading for heading in expected if heading not in found]
    unknown = [str(place) for place, heading in enumerate(found, start=1) if heading not in expected]
    twice = [heading for heading in expected if found.count(heading) > 1]
    parts = []
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
    if unknown:  # a heading may itself hold a value, when the headings are gone
        parts.append(f"not in the feed: column {', '.join(unknown)}")
    if twice:
        parts.append(f"twice: {', '.join(twice)}")
    if parts:
        raise Unreadable(f"Columns differ from the feed's ({'; '.join(parts)}).")


def _reason(path: Path, feed: Feed, message: str) -> str:
    """Why the parser gave up, in words; its own message can hold values."""
    data = path.read_bytes()
    if "quote" in message.lower() or "straddl" in message.lower() or "sync" in message.lower():
        return "A quoted field is not closed."
    first = io.BytesIO(data).readline().decode("utf-8").strip()
    _refuse_other_columns(first.split(","), [column.heading for column in feed.columns])
    return "The file cannot be read as comma-separated rows." if data.rstrip().count(b"\n") else NO_ROWS
