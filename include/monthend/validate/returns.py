"""Read a partner's return: the form of its feed filled in, as it comes back from Excel, LibreOffice or Google.

Each row of the form is a row, with what stands in its cells as text. Words that say why there is no figure become a
coded reason. What else is no plain number stays as it stands, for the feed's suite to find: nothing is guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from openpyxl.utils import get_column_letter
from openpyxl.utils.escape import unescape
from openpyxl.worksheet.cell_range import CellRange

from monthend import form
from monthend.plan.declarations import Feed, Form
from monthend.validate import workbook
from monthend.validate.unreadable import Unreadable, refuse_other_columns

LAYOUT = "layout"  # a column beside the feed's: what is wrong with where a row stands, if anything is
MERGED, HIDDEN, BESIDE, NO_ITEM, GONE = "merged", "hidden", "beside", "no item", "gone"
ABOVE = {  # the feed's columns that are filled in once, above the table, and where
    "csp_code": form.AREA, "return_period": form.QUARTER, "signed_by_role": form.SIGNED_BY_ROLE,
    "signed_on": form.SIGNED_ON,
}  # fmt: skip
ROWS = 500  # of the sheet, in which the form has to stand
LARGEST_SHEET = 4 * 2**20  # bytes; a form has 30,000
COLUMNS = {column.heading: column for column in form.COLUMNS}
DIGITS = re.compile(r"[+-]?[\d.,]+")


@dataclass
class Return:
    """A return: its rows, and the cell of each value, by row number (from 1) and the feed's column or `layout`."""

    table: pa.Table
    sheet: str
    cells: dict[tuple[int, str], str]


@dataclass
class _Filled:
    """The sheet with the form as it was filled in."""

    sheet: str
    above: dict[str, str] = field(default_factory=dict)  # by label
    above_cells: dict[str, str] = field(default_factory=dict)
    heading_row: int = 0
    rows: list[dict[str, str]] = field(default_factory=list)
    cells: list[dict[str, str]] = field(default_factory=list)


def read(path: Path, feed: Feed) -> Return:
    """The return at `path`: one text column for each of the feed's and `layout`; a row for each item of the form.

    Raises Unreadable for what cannot be opened safely, is no form of the feed's, or is an old version of it.
    """
    asked = feed.form
    if asked is None:
        raise ValueError(f"{feed.feed} has no form")
    with workbook.opened(path) as sheets:
        filled = _filled(sheets)
    _refuse_another_form(filled, feed, asked)
    return _return(filled, feed, asked)


def _filled(sheets: Sequence[Any]) -> _Filled:
    """The one sheet with the form's headings, every row of it."""
    found = []
    for sheet in sheets:
        if sheet.size > LARGEST_SHEET:
            raise Unreadable(f"{workbook.named(sheet.name)}: {workbook.FAR_BELOW}", "G13")
        filled = _read_sheet(sheet)
        if sheet.hidden and (filled.rows or filled.above):
            raise Unreadable(f"{workbook.named(sheet.name)}: {workbook.HIDDEN_SHEET}", "G13")
        if filled.heading_row:
            found.append(filled)
    if not found:
        raise Unreadable("No sheet has the form's headings. Fill in the form that was sent, and send it as it is.")
    if len(found) > 1:
        raise Unreadable(f"{len(found)} sheets have the form's headings. Send the form with one of them.", "G13")
    return found[0]


def _read_sheet(sheet: Any) -> _Filled:
    filled = _Filled(sheet.name)
    columns: dict[int, str] = {}
    hidden: set[int] = set()
    for number, cells, attributes, parser in sheet.rows():
        if not number:
            _mark_merged(filled, parser, columns)
            break
        if not cells:
            continue
        if number > ROWS:
            raise Unreadable(f"{workbook.named(sheet.name)}, row {number}: {workbook.FAR_BELOW}", "G13")
        texts = {cell["column"]: _text(sheet, cell) for cell in cells}
        if not filled.heading_row:
            if 2 * len(COLUMNS.keys() & set(texts.values())) >= len(COLUMNS):
                filled.heading_row = number
                columns = {place: text for place, text in texts.items() if text in COLUMNS}
                _refuse_headings(sheet, texts)
                hidden = set(workbook.hidden_columns(parser, columns))
            elif texts.get(1) in form.LABELS:
                filled.above[texts[1]] = texts.get(2, "").removeprefix("'")
                filled.above_cells[texts[1]] = f"B{number}"
            continue
        row = {COLUMNS[columns[place]].column: text for place, text in texts.items() if place in columns and text}
        at = {COLUMNS[heading].column: f"{get_column_letter(place)}{number}" for place, heading in columns.items()}
        at[LAYOUT] = at["item_code"]
        if attributes.get("hidden") in ("1", "true"):
            row[LAYOUT] = HIDDEN
        elif away := sorted(texts.keys() & hidden):
            row[LAYOUT], at[LAYOUT] = HIDDEN, f"{get_column_letter(away[0])}{number}"
        elif away := sorted(texts.keys() - columns.keys()):
            row[LAYOUT], at[LAYOUT] = BESIDE, f"{get_column_letter(away[0])}{number}"
        elif not row.get("item_code"):
            at[LAYOUT] = f"{get_column_letter(min(texts))}{number}"
        filled.rows.append(row)
        filled.cells.append(at)
    return filled


def _refuse_headings(sheet: Any, texts: dict[int, str]) -> None:
    try:
        refuse_other_columns(list(texts.values()), list(COLUMNS))
    except Unreadable as unreadable:
        raise Unreadable(f"{workbook.named(sheet.name)}: {unreadable}") from None


def _mark_merged(filled: _Filled, parser: Any, columns: dict[int, str]) -> None:
    """Of merged cells only the first has a value: whose it is cannot be said, so all their rows are marked."""
    for merged in parser.merged_cells.mergeCell if parser.merged_cells else ():
        area = CellRange(merged.ref)
        if not any(area.min_col <= place <= area.max_col for place in columns):
            continue
        for row, cells in zip(filled.rows, filled.cells, strict=True):
            if area.min_row <= int(re.sub(r"\D", "", cells["item_code"])) <= area.max_row:
                row[LAYOUT], cells[LAYOUT] = MERGED, f"{get_column_letter(area.min_col)}{area.min_row}"


def _text(sheet: Any, cell: dict[str, Any]) -> str:
    """What stands in a cell, as text that is a plain number only where the cell holds one."""
    value, kind = cell["value"], cell["data_type"]
    if kind == "f":
        return value if isinstance(value, str) else "="
    if isinstance(value, str):
        text = unescape(value).strip() if kind != "e" else value
        return f"'{text}" if kind != "e" and DIGITS.fullmatch(text) else text
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date | time | timedelta):
        return str(value)
    text = f"{value:.15g}"
    return f"{value * 100:.15g}%" if "%" in sheet.number_format(cell) else text


def _refuse_another_form(filled: _Filled, feed: Feed, asked: Form) -> None:
    where = workbook.named(filled.sheet)
    given, version = filled.above.get(form.FORM, ""), filled.above.get(form.VERSION, "")
    if given != feed.feed:
        raise Unreadable(f"{where}: this is not the form {feed.feed}. Fill in the form that was sent for this return.")
    if version != str(asked.version):
        raise Unreadable(
            f"{where}, {filled.above_cells.get(form.VERSION, '')}: this is not version {asked.version} of the form, "
            "which is in use. Copy the figures into the form that was sent last."
        )


def _return(filled: _Filled, feed: Feed, asked: Form) -> Return:
    items = [each.item for each in asked.items]
    for row in filled.rows:
        if row.get("item_code") not in items:
            row.setdefault(LAYOUT, NO_ITEM)
    there = {row.get("item_code") for row in filled.rows}
    for item in items:
        if item not in there:
            filled.rows.append({"item_code": item, LAYOUT: GONE})
            filled.cells.append({LAYOUT: f"A{filled.heading_row}"})
    rows = []
    cells: dict[tuple[int, str], str] = {}
    for number, (row, at) in enumerate(zip(filled.rows, filled.cells, strict=True), start=1):
        rows.append(_with_reason(row) | {column: filled.above.get(label) for column, label in ABOVE.items()})
        cells |= {(number, column): cell for column, cell in at.items() if column}
        cells |= {(number, column): filled.above_cells.get(label, "A1") for column, label in ABOVE.items()}
    names = [column.column for column in feed.columns] + [LAYOUT]
    table = pa.table({name: pa.array([row.get(name) or None for row in rows], pa.string()) for name in names})
    return Return(table, filled.sheet, cells)


def _with_reason(row: dict[str, str]) -> dict[str, str | None]:
    """The row with the reason why it has no figure as its code, wherever on the row it is said."""
    found: dict[str, str | None] = dict(row)
    said = [code for column in form.FIGURES if (code := form.reason(row.get(column, "")))]
    for column in form.FIGURES:
        if form.reason(row.get(column, "")):
            found[column] = None
    if given := row.get("missing_reason"):
        found["missing_reason"] = form.reason(given) or given
    elif said:
        found["missing_reason"] = said[0]
    elif not any(row.get(column) for column in (("narrative",) if row.get("unit") == "text" else form.FIGURES)):
        found["missing_reason"] = form.NOT_GIVEN
    return found
