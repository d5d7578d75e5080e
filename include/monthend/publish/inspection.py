"""A finished workbook as the rules look at it: sheets, the table of each, the texts above it, drawings, styles."""

import posixpath
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils import get_column_letter, range_boundaries

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

Level = Literal["E", "D", "U"]  # essential, desirable, usability and machine reading


class Problem(NamedTuple):
    """Where a rule is broken and how; the level only where it differs from the rule's."""

    sheet: str
    cell: str
    text: str
    level: Level | None = None


@dataclass(frozen=True)
class Drawing:
    """What is drawn on a sheet: the alternative text of each chart, and how many pictures and shapes."""

    alternative_texts: tuple[str | None, ...] = ()
    pictures: int = 0
    shapes: int = 0


@dataclass
class TableView:
    """A table: its heading cells, its columns of data cells, its rows."""

    written: Any
    worksheet: Any

    def __post_init__(self) -> None:
        bounds: Any = range_boundaries(self.written.ref)
        self.first_column, self.top, self.last_column, self.bottom = bounds
        area = list(
            self.worksheet.iter_rows(self.top, self.bottom, self.first_column, self.last_column)
        )  # makes the cells that are blank
        self.headings: tuple[Any, ...] = area[0]
        self.rows: list[tuple[Any, ...]] = area[1:]
        self.columns: list[tuple[Any, ...]] = list(zip(*self.rows, strict=True)) or [() for _ in self.headings]

    @property
    def name(self) -> str:
        """Give the table's name as Excel shows it."""
        return str(self.written.displayName)

    def cells(self) -> Iterator[Any]:
        """Give the data cells, row by row."""
        for row in self.rows:
            yield from row

    @cached_property
    def numeric(self) -> list[bool]:
        """Say of each column whether it holds numbers, or markers alone in place of them."""
        return [
            any(is_number(cell.value) for cell in column)
            or any(is_marker(cell.value) and cell.number_format != "General" for cell in column)
            for column in self.columns
        ]


@dataclass
class SheetView:
    """A sheet, its tables and what is drawn on it."""

    worksheet: Any
    drawing: Drawing
    tables: list[TableView] = field(init=False)
    cells: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.tables = [TableView(table, self.worksheet) for table in self.worksheet.tables.values()]
        self.cells = list(self.worksheet._cells.values())

    @property
    def name(self) -> str:
        """Give the sheet's name."""
        return str(self.worksheet.title)

    @property
    def table(self) -> TableView | None:
        """Give the first table, if there is one."""
        return self.tables[0] if self.tables else None

    @property
    def is_chart_sheet(self) -> bool:
        """Say whether the sheet has a chart and no table."""
        return not self.tables and bool(self.drawing.alternative_texts)

    @cached_property
    def above(self) -> list[Any]:
        """Give the cells of column A below the title, down to the table, or to the end without one."""
        last = self.table.top - 1 if self.table else self.worksheet.max_row
        return [self.worksheet.cell(row, 1) for row in range(2, last + 1)]

    @cached_property
    def text_above(self) -> str:
        """Give the texts of column A above the table."""
        return "\n".join(str(cell.value) for cell in self.above if cell.value)

    @cached_property
    def texts(self) -> list[tuple[Any, str]]:
        """Give each cell that holds text, with it."""
        return [(cell, cell.value) for cell in self.cells if isinstance(cell.value, str)]

    @cached_property
    def looks(self) -> list[tuple[Any, bool]]:
        """Give one cell of each look on the sheet, and whether it is a heading of the table.

        A workbook has thousands of cells in a dozen styles: rules on style look at these.
        """
        top, bottom = (self.table.top, self.table.bottom) if self.table else (0, 0)
        seen: dict[tuple[Any, ...], tuple[Any, bool]] = {}
        for cell in self.cells:
            heading = cell.row == top
            in_table = top < cell.row <= bottom
            key = (cell._style.tobytes(), heading, in_table, cell.value is None, cell.hyperlink is None)
            seen.setdefault(key, (cell, heading))
        return list(seen.values())

    @cached_property
    def widths(self) -> dict[str, float]:
        """Give the widths that are set, by column letter."""
        widths = {}
        for letter, dimension in self.worksheet.column_dimensions.items():
            last = dimension.max or dimension.min
            letters = [get_column_letter(n) for n in range(dimension.min, last + 1)] if dimension.min else [letter]
            widths.update(dict.fromkeys(letters, dimension.width))
        return widths


class Inspected:
    """A finished workbook, read once for all rules.

    Raises:
        ValueError: the file is not a workbook.
    """

    def __init__(self, path: Path, rendering: str) -> None:
        self.path = path
        self.rendering = rendering
        try:
            with zipfile.ZipFile(path) as archive:
                self.part_names = archive.namelist()
                drawings = _drawings(archive)
                self.content_types = archive.read("[Content_Types].xml").decode()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.workbook: Any = openpyxl.load_workbook(path)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{path} cannot be read as an Excel workbook") from error
        self.sheets = [SheetView(sheet, drawings.get(sheet.title, Drawing())) for sheet in self.workbook.worksheets]
        self.cover = self.sheets[0]

    def tables(self) -> Iterator[tuple[SheetView, TableView]]:
        """Give each table with its sheet."""
        for sheet in self.sheets:
            for table in sheet.tables:
                yield sheet, table

    def texts(self) -> Iterator[tuple[SheetView, Any, str]]:
        """Give each text of the workbook with its sheet and cell."""
        for sheet in self.sheets:
            for cell, text in sheet.texts:
                yield sheet, cell, text


RuleTable = dict[str, tuple[Level, Callable[[Inspected], Iterator[Problem]]]]


def at(cell: Any, text: str, level: Level | None = None) -> Problem:
    """Give a problem at a cell."""
    return Problem(cell.parent.title, cell.coordinate, text, level)


def is_number(value: object) -> bool:
    """Say whether a cell's value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_marker(value: object) -> bool:
    """Say whether a cell holds nothing but one piece of shorthand."""
    return isinstance(value, str) and re.fullmatch(r"\[[a-z]+\]", value) is not None


def _drawings(archive: zipfile.ZipFile) -> dict[str, Drawing]:
    """Give what is drawn on each sheet, by name: openpyxl keeps neither shapes nor alternative text."""
    names = set(archive.namelist())
    targets = _relations(archive, "xl/workbook.xml", names)
    drawings = {}
    for sheet in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314 - our own file
        if sheet.tag.endswith("}sheet"):
            part = targets.get(sheet.get(_RELATION, ""), "")
            for target in _relations(archive, part, names).values():
                if "/drawings/drawing" in target and target in names:
                    drawings[sheet.get("name", "")] = _drawing(archive.read(target))
    return drawings


def _relations(archive: zipfile.ZipFile, part: str, names: set[str]) -> dict[str, str]:
    folder, file = posixpath.split(part)
    relations = f"{folder}/_rels/{file}.rels"
    if relations not in names:
        return {}
    root = ElementTree.fromstring(archive.read(relations))  # noqa: S314 - our own file
    return {
        relation.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))[1:]
        for relation in root
        if relation.get("TargetMode") != "External"
    }


def _drawing(xml: bytes) -> Drawing:
    texts: list[str | None] = []
    counts = {"pic": 0, "sp": 0}
    for element in ElementTree.fromstring(xml).iter():  # noqa: S314 - our own file
        name = element.tag.rpartition("}")[2]
        if name == "graphicFrame":
            texts += [part.get("descr") for part in element.iter() if part.tag.endswith("}cNvPr")]
        elif name in counts:
            counts[name] += 1
    return Drawing(tuple(texts), counts["pic"], counts["sp"])
