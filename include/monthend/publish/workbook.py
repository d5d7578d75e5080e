"""Render a declared workbook into an .xlsx file, the same bytes every time.

The renderer adds what every workbook has: the table of contents, markings, the key to the shorthand that is used,
statements on notes and blanks, the pack's id, and the hidden names that tell where each number went.
"""

import datetime
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, OneCellAnchor
from openpyxl.drawing.xdr import XDRPositiveSize2D
from openpyxl.packaging.custom import StringProperty
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.table import Table as WrittenTable
from openpyxl.worksheet.views import Selection

from monthend.publish.book import (
    CONTENTS,
    COVER,
    NOTE,
    NOTES,
    SHORTHAND,
    Book,
    Cell,
    Chart,
    Column,
    Cover,
    Heading,
    Link,
    Passport,
    Series,
    Sheet,
    Table,
    chart_sheet_name,
    markers_in,
    row_label,
    safe_text,
    value_of,
)
from monthend.publish.charts import HEIGHT_CM, PAGE_HEIGHT_CM, PAGE_WIDTH_CM, Placed, draw
from monthend.publish.frozen import content_sha256, save_frozen
from monthend.publish.layout import (
    COVER_WIDTH,
    MARGIN,
    PAGE_WIDTH,
    column_width,
    heading_lines,
    line_count,
    page_fit,
    page_lines,
    row_height,
    text_width,
)
from monthend.publish.reading import PACK_ID_LINE, Found, ReadBack, read_back, same
from monthend.publish.styles import Styles

__all__ = [
    "Book",
    "Cell",
    "Chart",
    "Column",
    "Cover",
    "Found",
    "Heading",
    "Link",
    "Passport",
    "ReadBack",
    "Series",
    "Sheet",
    "Table",
    "content_sha256",
    "read_back",
    "row_label",
    "safe_text",
    "same",
    "write",
]

_TITLE_SIZE, _SUBHEADING_SIZE = 16, 14
_CAPTION_POINTS = 22
_POINTS_PER_CM = 72 / 2.54
_EMU_PER_POINT = 12_700
_EMU_PER_CM = 360_000


def write(book: Book, path: Path) -> str:
    """Write `book` to `path`, which appears whole or not at all, and give the digest of its contents.

    Args:
        book: the workbook as declared.
        path: the file to write; an older one is replaced.

    Returns:
        The SHA-256 of the file's uncompressed parts, which does not depend on the compression library.
    """
    workbook: Any = Workbook()  # the stubs know too little of it
    styles = Styles(workbook, filled_headings=book.rendering == "board")
    _write_cover(workbook.worksheets[0], book, styles)
    pages = _pages(book)
    placed: dict[str, Placed] = {}
    for page in pages:
        worksheet = workbook.create_sheet(page.name)
        table = _write_page(worksheet, page, book, styles)
        if table:
            placed[page.name] = table
    _link_contents(workbook[CONTENTS], placed[CONTENTS].top, pages, styles)
    # Charts come last, when each table has its place.
    alternative_texts = {}
    for page in pages:
        if page.chart:
            drawn = _add_chart(workbook[page.name], page.chart, placed[page.chart.sheet], placed.get(page.name))
            alternative_texts[id(drawn)] = safe_text(page.chart.alternative_text)
    _set_properties(workbook, book)

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_frozen(workbook, part, alternative_texts)
        digest = content_sha256(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return digest


def _pages(book: Book) -> list[Sheet]:
    """Give the sheets after the cover: the contents first; in a published rendering each chart on its own."""
    pages = []
    for sheet in book.sheets:
        if book.rendering == "published" and sheet.table and sheet.chart:
            name = chart_sheet_name(sheet)
            pages.append(replace(sheet, chart=None, notes=(f"Worksheet {name} shows it as a chart.", *sheet.notes)))
            pages.append(Sheet(name, f"Chart: {sheet.title}", chart=sheet.chart))
        else:
            pages.append(sheet)
    rows = [(COVER, book.cover.title), *((page.name, page.title) for page in pages)]
    columns = (Column("Worksheet", "text"), Column("Title", "text", width=60))
    return [Sheet(CONTENTS, "Table of contents", table=Table(CONTENTS, columns, tuple(rows))), *pages]


def _marking(book: Book) -> str:
    return f"{'DRAFT, not released. ' if book.draft else ''}Marking: {book.marking}"


def _texts_above(sheet: Sheet, book: Book) -> list[str]:
    """Give what stands between the title and the table or chart, in the order in which it is read."""
    texts = [f"This worksheet contains one {'table' if sheet.table else 'chart'}."]
    if sheet.chart:
        source = "it" if sheet.chart.sheet == sheet.name else f"worksheet {sheet.chart.sheet}"
        texts[0] += f" {'The chart above the table' if sheet.table else 'It'} is drawn from {source}."
    texts += [_marking(book), *sheet.notes]
    used = [sheet.title, *sheet.notes, *(sheet.table.texts() if sheet.table else ())]
    if sheet.name != NOTES and any(NOTE.search(text) for text in used):
        texts.append(f"Some cells refer to notes, which are on worksheet {NOTES}.")
    if markers := markers_in(used):
        texts.append("Shorthand: " + "; ".join(f"[{marker}] {SHORTHAND[marker]}" for marker in markers) + ".")
    if sheet.table and sheet.blanks and sheet.table.has_blanks():
        texts.append(sheet.blanks if "blank" in sheet.blanks.casefold() else f"Blank cells: {sheet.blanks}")
    return texts


def _write_page(worksheet: Any, sheet: Sheet, book: Book, styles: Styles) -> Placed | None:
    """Write a sheet, leaving room for its chart, and say where its table stands."""
    widths = [column_width(sheet.table, index) for index in range(len(sheet.table.columns))] if sheet.table else []
    feeds_charts = any(other.chart and other.chart.sheet == sheet.name for other in book.sheets)
    printed = not feeds_charts or sum(widths) <= 2 * PAGE_WIDTH
    texts = _texts_above(sheet, book)
    if not printed:
        texts.append("The table feeds the charts and is too wide for a page: printing leaves it out.")
    if sheet.chart:
        texts.append(sheet.chart.alternative_text)  # the caption: another program may lose it from the chart
    styles.put(worksheet, 1, 1, sheet.title, "title")
    worksheet.row_dimensions[1].height = row_height(1, _TITLE_SIZE)
    last = 1
    lines = [line for text in texts for line in page_lines(text)]
    for line in lines:
        last += 1
        styles.put(worksheet, last, 1, line, "line")
        worksheet.row_dimensions[last].height = row_height(1)
    if not sheet.table:
        _set_page(worksheet, "landscape", 1)
        return None
    if sheet.chart:
        # The chart hangs in the row of its caption's last line, so that no row of column A is empty.
        points = _CAPTION_POINTS + HEIGHT_CM * _POINTS_PER_CM + 8
        worksheet.row_dimensions[last].height = round(points)
    placed = _write_table(worksheet, sheet.table, last + 1, widths, styles)
    _set_page(worksheet, *page_fit(max(sum(widths), *map(text_width, lines)), _height(worksheet)))
    if printed:
        worksheet.print_title_rows = f"{placed.top}:{placed.top}"
    else:
        worksheet.print_area = f"A{placed.bottom + 2}"  # a page of nothing, which is left out
    return placed


def _height(worksheet: Any) -> float:
    """Give the height of all rows, in points: each is set."""
    return float(sum(row.height for row in worksheet.row_dimensions.values()))


def _write_table(worksheet: Any, table: Table, top: int, widths: Sequence[int], styles: Styles) -> Placed:
    headings = [heading_lines(column.heading) for column in table.columns]
    letters = [get_column_letter(index + 1) for index in range(len(headings))]
    lines = [1] * (len(table.rows) + 1)
    for index, column in enumerate(table.columns):
        role, number_format = _format(column)
        width = widths[index]
        worksheet.column_dimensions[letters[index]].width = width
        # In line with the numbers; of a heading of several lines the gap would shift the last one only.
        heading_format = "@_W" if role == "number" and line_count(headings[index], width, bold=True) == 1 else "General"
        styles.put(worksheet, top, index + 1, headings[index], f"{role} heading", heading_format)
        lines[0] = max(lines[0], line_count(headings[index], width, bold=True))
        for offset, row in enumerate(table.rows, 1):
            value = value_of(row[index])
            styles.put(worksheet, top + offset, index + 1, value, role, number_format)
            if role == "text" and isinstance(value, str):
                lines[offset] = max(lines[offset], line_count(value, width))
    for offset, count in enumerate(lines):
        worksheet.row_dimensions[top + offset].height = row_height(count)

    bottom = top + len(table.rows)
    written: Any = WrittenTable(displayName=f"tbl_{table.name}", ref=f"A{top}:{letters[-1]}{bottom}")
    written._initialise_columns()
    for table_column, heading in zip(written.tableColumns, headings, strict=True):
        table_column.name = heading
    written.autoFilter = None
    worksheet.add_table(written)
    # Names follow their cells through renames, inserted rows and sorts; one a column is the grain that does.
    names = worksheet.parent.defined_names
    for index, letter in enumerate(letters):
        name = f"col_{table.name}_{index}"
        area = f"'{worksheet.title}'!${letter}${top + 1}:${letter}${bottom}"
        names[name] = DefinedName(name, attr_text=area, hidden=True)
    return Placed(worksheet.title, table, top, bottom)


def _format(column: Column) -> tuple[str, str]:
    """Give the role of a column's cells and their number format."""
    if column.kind == "month":
        return "text", "mmm yyyy"
    if column.kind != "number":
        return "text", "General"
    plain = "#,##0" + ("." + "0" * column.decimals if column.decimals else "")
    # A gap at the right keeps numbers and markers in line, and off the next column, without an indent.
    return "number", f"{plain}_W;-{plain}_W;{plain}_W;@_W"


def _set_page(worksheet: Any, orientation: str, pages: int) -> None:
    worksheet.page_setup.orientation = orientation
    worksheet.page_setup.paperSize = 9  # A4
    worksheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    worksheet.page_setup.fitToWidth = 1
    worksheet.page_setup.fitToHeight = pages
    margins = worksheet.page_margins
    margins.left = margins.right = margins.top = margins.bottom = MARGIN
    margins.header = margins.footer = 0.3
    view = worksheet.sheet_view
    view.zoomScale = 100
    view.selection = [Selection(activeCell="A1", sqref="A1")]
    view.tabSelected = None  # else two tabs may open as a group


def _write_cover(worksheet: Any, book: Book, styles: Styles) -> None:
    texts = [text for sheet in book.sheets for text in (sheet.title, *sheet.notes)]
    texts += [text for sheet in book.sheets if sheet.table for text in sheet.table.texts()]
    lines: list[Heading | Link | str] = [_marking(book), *book.cover.lines]
    if markers := markers_in(texts):
        lines += [Heading("Shorthand"), *(f"[{marker}] {SHORTHAND[marker]}" for marker in markers)]
    lines += [Heading("Identity of this workbook"), f"{PACK_ID_LINE}{book.pack_id}"]

    worksheet.title = COVER
    worksheet.column_dimensions["A"].width = COVER_WIDTH
    styles.put(worksheet, 1, 1, book.cover.title, "cover title")
    title_lines = line_count(book.cover.title, COVER_WIDTH, _TITLE_SIZE, bold=True)
    worksheet.row_dimensions[1].height = row_height(title_lines, _TITLE_SIZE)
    for row, line in enumerate(lines, 2):
        height = row_height(line_count(line if isinstance(line, str) else line.text, COVER_WIDTH))
        if isinstance(line, Heading):
            styles.put(worksheet, row, 1, line.text, "subheading")
            height = row_height(1, _SUBHEADING_SIZE) + 12
        elif isinstance(line, Link):
            cell = styles.put(worksheet, row, 1, line.text, "link")
            cell.hyperlink = Hyperlink(ref=cell.coordinate, target=safe_text(line.target))
        else:
            styles.put(worksheet, row, 1, line, "text")
        worksheet.row_dimensions[row].height = height
    _, pages = page_fit(COVER_WIDTH, _height(worksheet))
    _set_page(worksheet, "portrait", pages)


def _link_contents(worksheet: Any, top: int, pages: Sequence[Sheet], styles: Styles) -> None:
    """Make each title in the table of contents a link to its sheet's first cell."""
    others = [COVER, *(page.name for page in pages if page.name != CONTENTS)]
    for row, name in enumerate(others, top + 1):
        cell = worksheet.cell(row, 2)
        styles.put(worksheet, row, 2, cell.value, "link")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{name}'!A1")


def _add_chart(worksheet: Any, chart: Chart, data: Placed, own_table: Placed | None) -> Any:
    """Draw a chart in the last row above the sheet's table, under the caption there, or below all text without one."""
    row = own_table.top - 2 if own_table else worksheet.max_row  # counted from 0
    offset = _CAPTION_POINTS * _EMU_PER_POINT if own_table else 0
    drawn: Any = draw(chart, data)
    if not own_table:
        drawn.width, drawn.height = PAGE_WIDTH_CM, PAGE_HEIGHT_CM
    size = XDRPositiveSize2D(round(drawn.width * _EMU_PER_CM), round(drawn.height * _EMU_PER_CM))
    drawn.anchor = OneCellAnchor(_from=AnchorMarker(col=0, row=row, rowOff=offset), ext=size)
    worksheet.add_chart(drawn)
    return drawn


def _set_properties(workbook: Any, book: Book) -> None:
    marking = safe_text(_marking(book))
    properties = workbook.properties
    properties.title = safe_text(book.title)
    properties.subject = safe_text(book.subject)
    properties.creator = properties.lastModifiedBy = safe_text(book.organisation)
    properties.keywords = safe_text(", ".join(book.keywords))
    properties.category = marking
    properties.identifier = safe_text(book.pack_id)
    properties.language = "en-GB"
    when = book.when.astimezone(datetime.UTC).replace(tzinfo=None) if book.when.tzinfo else book.when
    properties.created = properties.modified = when
    for name, text in (("pack_id", safe_text(book.pack_id)), ("marking", marking)):
        workbook.custom_doc_props.append(StringProperty(name=name, value=text))
    workbook.active = 0
