"""Read a workbook's numbers back, wherever its readers have moved them.

Two carriers say where a number went: hidden names over columns, which follow their cells through renames, inserted
rows and sorts, and the Excel tables as second witness. What the file shows is compared with what was registered.
"""

import datetime
import re
import warnings
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from monthend.publish.book import plain_text, row_label

PACK_ID_LINE = "Pack id: "

Key = tuple[str, str, int]  # table, row label, column
Verdict = Literal["ok", "changed", "look", "missing"]


@dataclass(frozen=True)
class Found:
    """A value as it stands in the file, and the cell that holds it (`sheet!A1`)."""

    value: object
    cell: str


@dataclass(frozen=True)
class ReadBack:
    """What a workbook shows, by both carriers."""

    pack_id_property: str | None
    pack_id_cover: str | None
    by_column: dict[Key, Found]
    by_table: dict[Key, Found]
    headings: dict[tuple[str, int], Found]
    texts: tuple[Found, ...]  # what stands outside tables

    def values(self) -> dict[Key, Found]:
        """Give each value that any carrier finds, that of the column names first."""
        return {**self.by_table, **self.by_column}

    def verdict(self, key: Key, expected: object) -> tuple[Verdict, tuple[Found, ...]]:
        """Compare one registered value with the file.

        Returns:
            `ok` if every carrier that finds the value agrees with it, `changed` if none does, `look` if they differ,
            `missing` if none finds it; and what was found.
        """
        found = tuple(carrier[key] for carrier in (self.by_column, self.by_table) if key in carrier)
        agree = [same(expected, one.value) for one in found]
        if not found:
            return "missing", found
        if all(agree):
            return "ok", found
        return ("look" if any(agree) else "changed"), found


def read_back(path: Path) -> ReadBack:
    """Read the pack's id and every value of every table that `write` placed.

    Raises:
        ValueError: the file is not a workbook.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file saved by another program has charts that openpyxl cannot read
            workbook: Any = openpyxl.load_workbook(path)
    except (zipfile.BadZipFile, KeyError, InvalidFileException) as error:
        raise ValueError(f"{path} cannot be read as an Excel workbook") from error
    by_column, by_table, headings = _by_column(workbook), _by_table(workbook), _headings(workbook)
    in_tables = {found.cell for carrier in (by_column, by_table, headings) for found in carrier.values()}
    in_tables |= {
        f"{worksheet.title}!{cell.coordinate}"
        for worksheet in workbook.worksheets
        for table in worksheet.tables.values()
        for cell in worksheet[table.ref][0]
    }
    return ReadBack(
        pack_id_property=next((str(p.value) for p in workbook.custom_doc_props.props if p.name == "pack_id"), None),
        pack_id_cover=_pack_id_on_cover(workbook),
        by_column=by_column,
        by_table=by_table,
        headings=headings,
        texts=tuple(
            found
            for worksheet in workbook.worksheets
            for row in worksheet.iter_rows()
            for cell in row
            if cell.value is not None and (found := _found(cell)).cell not in in_tables
        ),
    )


def same(a: object, b: object) -> bool:
    """Say whether two values are the same, whichever program saved them; a number is never the same as a text."""
    a, b = _plain(a), _plain(b)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(1.0, abs(b))  # LibreOffice keeps 15 digits
    return type(a) is type(b) and a == b


def _plain(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return float(value)
    if isinstance(value, datetime.datetime):
        return value.date() if value.time() == datetime.time() else value
    if isinstance(value, str):
        return plain_text(value) or None  # LibreOffice decodes escapes, openpyxl keeps them
    return value


def _pack_id_on_cover(workbook: Any) -> str | None:
    for worksheet in workbook.worksheets:
        for (text,) in worksheet.iter_rows(max_col=1, max_row=min(worksheet.max_row, 500), values_only=True):
            if isinstance(text, str) and text.startswith(PACK_ID_LINE):
                return text.removeprefix(PACK_ID_LINE).strip()
    return None


def _columns(workbook: Any) -> dict[tuple[str, int], list[Any]]:
    """Give the cells of each table column that a hidden name still points at."""
    ranges: dict[tuple[str, int], list[Any]] = {}
    for name, defined in workbook.defined_names.items():
        parts = re.fullmatch(r"col_(.+)_(\d+)", name)
        places = list(defined.destinations) if parts else []  # none when the cells were deleted
        if parts and len(places) == 1 and places[0][0] in workbook.sheetnames:
            sheet, area = places[0]
            cells = workbook[sheet][area.replace("$", "")]
            rows = cells if isinstance(cells, tuple) else ((cells,),)
            ranges[parts[1], int(parts[2])] = [row[0] for row in rows]
    return ranges


def _headings(workbook: Any) -> dict[tuple[str, int], Found]:
    """Give the cell above each table column."""
    return {
        key: _found(cells[0].parent.cell(cells[0].row - 1, cells[0].column))
        for key, cells in _columns(workbook).items()
        if cells and cells[0].row > 1
    }


def _by_column(workbook: Any) -> dict[Key, Found]:
    ranges = _columns(workbook)
    found: dict[Key, Found] = {}
    for (table, index), column in ranges.items():
        for label, cell in zip(ranges.get((table, 0), ()), column, strict=False):
            found.setdefault((table, row_label(label.value), index), _found(cell))
    return found


def _by_table(workbook: Any) -> dict[Key, Found]:
    found: dict[Key, Found] = {}
    for worksheet in workbook.worksheets:
        for table in worksheet.tables.values():
            if table.displayName.startswith("tbl_"):
                for row in worksheet[table.ref][1:]:
                    label = row_label(row[0].value)
                    for index, cell in enumerate(row):
                        found.setdefault((table.displayName.removeprefix("tbl_"), label, index), _found(cell))
    return found


def _found(cell: Any) -> Found:
    return Found(cell.value, f"{cell.parent.title}!{cell.coordinate}")
