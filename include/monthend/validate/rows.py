"""Failing rows of a delivery: shown to stewards, each look on record, and a workbook for whoever puts them right."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import PurePosixPath
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.table import Table

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office
from monthend.plan.declarations import Feed
from monthend.publish.layout import line_count, longest_word, page_lines, row_height
from monthend.publish.styles import Styles
from monthend.receive import stored_path
from monthend.validate import derived, reader
from monthend.validate.findings import entitled

LIMIT = 2000  # failing rows that are shown at once
MARKING = "OFFICIAL"
NOT_SHOWN = "not shown here"  # in place of a key that is itself to be put right
EMPTY = "empty in the extract"
KEY_LENGTH = 100  # characters
FIX = {
    "expect_column_values_to_not_be_null": "Fill in {columns}.",
    "expect_column_values_to_be_null": "Leave {columns} empty.",
    "expect_column_values_to_be_in_set": "Give {columns} one of the values that are known.",
    "expect_column_values_to_not_match_regex": "Take out of {columns} what does not belong there.",
    "valid": "Give {columns} a value that was in use on the row's own day, or put that day right.",
    "expect_column_dates": "Give {columns} as a date that there was, in the form that the check names.",
    "expect_column_pair_dates_in_order": "Put {columns} right, so that one does not come after the other.",
    "expect_column_pair_numbers_in_order": "Put {columns} right, so that the first is not above the second.",
    "expect_whole_of_parts": "Put {columns} right, so that the first is the sum of the others.",
    "expect_column_values_to_be_unique": "Leave {columns} as it is in one row and put the others right.",
    "expect_compound_columns_to_be_unique": "Leave {columns} as they are in one row and put the others right.",
}
WIDTHS = (10, 72)  # of a column, at least and at most; an identifier of 64 characters has to fit
TITLE_SIZE = 16


@dataclass(frozen=True)
class FailingRow:
    """A row that fails a check: what identifies it for the feed's owner, and what is wrong with it."""

    row_number: int  # in the delivery's own bytes, 1 = the first after the headings
    key: dict[str, str]  # by heading
    check_id: str
    part: str
    columns: tuple[str, ...]  # headings that the check is about
    values: dict[str, str]  # by heading, of those columns only
    wrong: str
    to_do: str
    quarantined: bool


def failing_rows(
    office: Office, validation_id: int, by: str, how: Literal["page", "workbook"]
) -> tuple[list[FailingRow], int]:
    """The failing rows of a validation, one for each check that a row fails, at most LIMIT, and how many there are.

    What blocks comes first, then what is quarantined. That `by`, a steward, was shown them is on record before any is
    read. Raises NeedsPerson when `by` may not see rows or the bytes are not there, WrongCall when there is no such
    validation.
    """
    person = entitled(office, by, ("steward",), "see rows")
    with office.engine.begin() as connection:
        delivery = _delivery(connection, validation_id)
        entries = warehouse.query(
            connection,
            # rows are kept whole: what one of its checks is about is hidden under the others too
            "SELECT f.*, c.description, c.action, c.waiver_id FROM"
            " (SELECT row_number, check_id, part, true AS quarantined FROM quality.quarantined_row"
            "   WHERE validation_id = :validation_id UNION ALL"
            "  SELECT row_number, check_id, part, false FROM quality.failing_row"
            "   WHERE validation_id = :validation_id) f"
            " JOIN quality.check_result c USING (check_id, part)"
            " WHERE c.validation_id = :validation_id AND c.action <> 'info'"
            " WINDOW of_row AS (PARTITION BY f.row_number)"
            " ORDER BY bool_and(c.action <> 'block_feed') OVER of_row, bool_and(NOT f.quarantined) OVER of_row,"
            " f.row_number, f.check_id, f.part",
            validation_id=validation_id,
        )
        shown = entries[:LIMIT]
        while len(entries) > len(shown) and shown[-1]["row_number"] == entries[len(shown)]["row_number"]:
            shown.pop()
        view = {
            "validation_id": validation_id,
            "viewed_by": person.user,
            "display_name": person.display_name,
            "how": how,
            "row_count": len({entry["row_number"] for entry in shown}),
        }
        warehouse.insert(connection, "quality.row_view", [view])
    feed = office.declarations.feeds[delivery["feed"]]
    contents = _contents(office, feed, delivery, [entry["row_number"] for entry in shown])
    expectations = _expectations(office, feed)
    headings = {column.column: column.heading for column in feed.columns}
    found = []
    for entry in shown:
        kind, columns = expectations.get((entry["check_id"], entry["part"]), ("", []))
        row = contents[entry["row_number"]]
        found.append(
            FailingRow(
                row_number=entry["row_number"],
                key={headings[column]: row[column] for column in feed.key},
                check_id=entry["check_id"],
                part=entry["part"],
                columns=tuple(headings[column] for column in columns),
                values={headings[column]: row[column] for column in columns},
                wrong=entry["description"],
                to_do=_to_do(kind, [headings[column] for column in columns], entry, delivery["verdict"]),
                quarantined=entry["quarantined"],
            )
        )
    return found, len(entries)


def rows_to_fix(office: Office, validation_id: int, by: str) -> bytes:
    """The failing rows of a validation as an .xlsx for the feed's owner: which row, which column, what to do.

    No value of a column that is to be put right is in it, as it may be personal data. Raises as `failing_rows` does,
    and WrongCall when there is no row to be put right.
    """
    rows, count = failing_rows(office, validation_id, by, "workbook")
    if not rows:
        raise WrongCall(f"Validation {validation_id} has no failing row, so there is nothing to put in a workbook.")
    with office.engine.connect() as connection:
        delivery = _delivery(connection, validation_id)
        untold = warehouse.query(  # checks of which it is not known, here, of every row whether it fails
            connection,
            "SELECT c.check_id, c.part, c.unexpected_count, c.outcome, f.known FROM quality.check_result c"
            " CROSS JOIN LATERAL (SELECT count(*) AS known FROM (SELECT validation_id, check_id, part FROM"
            "  quality.failing_row UNION ALL SELECT validation_id, check_id, part FROM quality.quarantined_row) f"
            "  WHERE (f.validation_id, f.check_id, f.part) = (c.validation_id, c.check_id, c.part)) f"
            " WHERE c.validation_id = :validation_id AND (c.outcome = 'error' OR c.outcome = 'failed'"
            "  AND (c.unexpected_count > f.known OR c.action = 'info')) ORDER BY c.check_id, c.part",
            validation_id=validation_id,
        )
    feed = office.declarations.feeds[delivery["feed"]]
    title = f"Rows to fix: {feed.delivery_name(delivery['period'], delivery['area_code'])}"
    name = PurePosixPath(delivery["origin"].rpartition("!")[2]).name
    plan = office.declarations.plan
    lines = [
        "This worksheet contains one table.",
        f"Marking: {MARKING}",
        f"Delivery: file {name}, whose SHA-256 begins with {delivery['sha256'][:12]}.",
        f"For {feed.owner}, {feed.contact}.",
        f"Send the whole corrected extract to {plan.organisation}, {plan.contact}.",
        "A row's number counts the rows after the headings: row 1 is the file's second line.",
        f"Values that are to be put right are not repeated here. A key that is one of them says: {NOT_SHOWN}.",
        *(
            f"{each['check_id']} fails in {each['unexpected_count']:,} rows; the first {each['known']:,} are listed."
            for each in untold
            if each["known"] and each["unexpected_count"] > each["known"]
        ),
        *([f"The table has the first {len(rows):,} of {count:,} entries."] if count > len(rows) else []),
    ]
    workbook: Any = Workbook()  # the stubs know too little of it
    properties = workbook.properties
    properties.title, properties.language, properties.category = title, "en-GB", f"Marking: {MARKING}"
    properties.creator = properties.lastModifiedBy = plan.organisation
    properties.keywords = "data quality, rows to fix"
    properties.created = properties.modified = datetime.combine(delivery["validated_on"], time())
    _write(workbook, title, lines, _cells(feed, rows, _concerned(office, feed, untold)))
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def _delivery(connection: Any, validation_id: int) -> dict[str, Any]:
    """What a validation is of, and the origin of its newest receipt."""
    rows = warehouse.query(
        connection,
        "SELECT v.verdict, v.validated_on, d.*, (SELECT r.origin FROM landing.receipt r"
        "  WHERE r.delivery_id = d.delivery_id ORDER BY r.receipt_id DESC LIMIT 1) AS origin"
        " FROM quality.validation v JOIN landing.delivery d USING (delivery_id) WHERE v.validation_id = :validation_id",
        validation_id=validation_id,
    )
    if not rows:
        raise WrongCall(f"There is no validation {validation_id}.")
    return rows[0]


def _contents(
    office: Office, feed: Feed, delivery: Mapping[str, Any], row_numbers: list[int]
) -> dict[int, dict[str, str]]:
    """The rows of these numbers from the delivery's own bytes, by number: text by column, empty where there is none."""
    if not row_numbers:
        return {}
    numbers = sorted(set(row_numbers))
    try:
        table = reader.read(stored_path(office, delivery["sha256"]), feed)
    except FileNotFoundError:
        raise NeedsPerson(
            f"The bytes of delivery {delivery['delivery_id']} are not in the landing store under {office.home}. "
            "Restore it from its backup."
        ) from None
    except reader.Unreadable as unreadable:
        raise NeedsPerson(
            f"Delivery {delivery['delivery_id']} cannot be read as the feed is now. {unreadable}"
        ) from None
    rows = table.take([number - 1 for number in numbers]).to_pylist()
    return {
        number: {column: value or "" for column, value in row.items()}
        for number, row in zip(numbers, rows, strict=True)
    }


def _expectations(office: Office, feed: Feed) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """What kind each check of a feed's suite is, and which of the feed's columns it is about, by check and part.

    The kind is the expectation's type, or `valid` where it asks whether a code was in use on its row's day.
    """
    suite = json.loads(office.declarations.suite(feed).read_text(encoding="utf-8"))
    return {
        (each["meta"]["check_id"], each["meta"]["part"]): (
            "valid" if str(each["kwargs"].get("column")).endswith("_valid") else each["type"],
            derived.own_columns(feed, each),
        )
        for each in suite["expectations"]
    }


def _concerned(office: Office, feed: Feed, checks: list[dict[str, Any]]) -> set[str]:
    """The columns that checks are about; all of the key's where that is not known of a check on rows."""
    expectations = _expectations(office, feed)
    found: set[str] = set()
    for check in checks:
        _, columns = expectations.get((check["check_id"], check["part"]), ("", []))
        found |= set(columns or (feed.key if check["unexpected_count"] else ()))
    return found


def _to_do(kind: str, columns: list[str], entry: Mapping[str, Any], verdict: str) -> str:
    """What the feed's owner does about a failing row, and what becomes of it until then."""
    if entry["waiver_id"]:
        return "Nothing for now: the check is waived for this delivery."
    fix = FIX.get(kind, "Put {columns} right.").format(columns=" and ".join(columns) or "the row")
    if verdict == "blocked":
        return f"{fix} Nothing of the extract counts until it is sent again."
    if entry["quarantined"]:
        return f"{fix} The row counts nowhere until the extract is sent again."
    return f"{fix} The row counts as it is until the extract is sent again."


def _cells(feed: Feed, rows: list[FailingRow], hidden: set[str]) -> list[list[int | str]]:
    """The table's cells under their headings, in the order of the file, without what a check is about.

    `hidden` are columns that are not shown of any row, as it is not known of every row whether it fails.
    """
    headings = {column.column: column.heading for column in feed.columns}
    keys = [headings[column] for column in feed.key]
    concerned: dict[int, set[str]] = {}
    for row in rows:  # of a check that the suite no longer has it is not known which columns it is about
        known = concerned.setdefault(row.row_number, {headings[column] for column in hidden})
        known.update(row.columns or keys)
    cells: list[list[int | str]] = [["Row in the file", *keys, "Column", "What is wrong", "What to do"]]
    for row in sorted(rows, key=lambda row: (row.row_number, row.check_id, row.part)):
        shown = [
            NOT_SHOWN if heading in concerned[row.row_number] else row.key[heading].strip()[:KEY_LENGTH] or EMPTY
            for heading in keys
        ]
        wrong = f"Expected: {row.wrong} ({row.check_id})"
        cells.append([row.row_number, *shown, " and ".join(row.columns) or "the whole row", wrong, row.to_do])
    return cells


def _write(workbook: Any, title: str, lines: list[str], cells: list[list[int | str]]) -> None:
    """Write the one sheet: its title, the lines on it, and the table."""
    styles = Styles(workbook, filled_headings=False)
    worksheet = workbook.worksheets[0]
    worksheet.title = "rows_to_fix"
    styles.put(worksheet, 1, 1, title, "title")
    worksheet.row_dimensions[1].height = row_height(1, TITLE_SIZE)
    top = 2
    for line in (part for text in lines for part in page_lines(text)):
        styles.put(worksheet, top, 1, line, "line")
        top += 1
    heights = [1] * len(cells)
    for column, values in enumerate(zip(*cells, strict=True), start=1):
        texts = [str(value) for value in values]
        longest = max(longest_word(text) for text in texts)
        width = max(
            WIDTHS[0], min(WIDTHS[1], max(longest + 2, longest_word(texts[0], bold=True) + 3, _comfortable(texts)))
        )
        worksheet.column_dimensions[get_column_letter(column)].width = width
        for offset, value in enumerate(values):
            role = "number" if isinstance(values[-1], int) else "text"
            number_format = "General"
            if role == "number":  # a gap at the right keeps it off the next column
                number_format = "#,##0_W;-#,##0_W;#,##0_W;@_W" if offset else "@_W"
            styles.put(worksheet, top + offset, column, value, role if offset else f"{role} heading", number_format)
            heights[offset] = max(heights[offset], line_count(texts[offset], width, bold=not offset))
    for offset, count in enumerate(heights):
        worksheet.row_dimensions[top + offset].height = row_height(count)
    table: Any = Table(
        displayName="tbl_rows_to_fix", ref=f"A{top}:{get_column_letter(len(cells[0]))}{top + len(cells) - 1}"
    )
    table._initialise_columns()
    for named, heading in zip(table.tableColumns, cells[0], strict=True):
        named.name = heading
    table.autoFilter = None
    worksheet.add_table(table)
    worksheet.page_setup.orientation, worksheet.page_setup.paperSize = "landscape", 9  # A4
    worksheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    worksheet.page_setup.fitToWidth, worksheet.page_setup.fitToHeight = 1, 0
    margins = worksheet.page_margins
    margins.left = margins.right = margins.top = margins.bottom = 0.55
    worksheet.print_title_rows = f"{top}:{top}"


def _comfortable(texts: list[str]) -> float:
    """A width at which a long text takes a few lines."""
    longest = max(len(text) for text in texts)
    return longest + 2 if longest <= 30 else max(30, longest / 3)
