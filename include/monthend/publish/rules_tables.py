"""Rules on tables (T), and on the notes and shorthand that belong to them (N)."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from monthend.publish.book import NOTES
from monthend.publish.inspection import (
    Inspected,
    Problem,
    RuleTable,
    TableView,
    at,
    is_marker,
    is_number,
)
from monthend.publish.layout import longest_word, text_width

NARROWEST, WIDEST = 8, 60
MANY_COLUMNS = 12
HARMONISED = frozenset({"b", "c", "e", "er", "f", "low", "ns", "p", "r", "s", "ss", "sss", "u", "w", "x", "z"})

_TABLE_NAME = re.compile(r"(?!table\d+$)[A-Za-z_][A-Za-z0-9_.]{0,254}", re.I)
_LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}\d+|[Rr]\d*[Cc]\d*")
_NOT_A_VALUE = frozenset({"na", "n/a", "..", ".", "-", "*", "nan", "null", "#n/a"})
_ONLY_SYMBOLS = re.compile(r"[^A-Za-z0-9]+")
_NUMBER_FORMAT = re.compile(r"(#,##0(?:\.0+)?)(?:_W;-\1_W;\1_W;@_W)?")
_DATE_FORMAT = re.compile(r"(?:d )?mmm yyyy")
_AREA_CODE = re.compile(r"[EWSNK]\d{8}")
_CODE_IN_TEXT = re.compile(r"\b[EWSNK]\d{8}\b")
_HEADING = re.compile(r"[^()\[\]\n]+(\n\([^()]+\))?(\n(\[[^\[\]]+\] ?)+)?")
_RANGE = re.compile(r"-?[\d.,]+%? ?(?:to|-|–) ?-?[\d.,]+%?", re.I)
_INTERVAL = re.compile(r"interval|limits|range", re.I)
_NOTE_SYMBOLS = re.compile("[*†‡§¹²³⁰-⁹]")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_NOTE = re.compile(r"\[note \d+\]")
_LIKE_A_NOTE = re.compile(r"\[\s*notes?\b[^\]]*\]", re.I)
_SHORTHAND = re.compile(r"\[([a-z]+)\]")


# Tables


def one_table_a_sheet(book: Inspected) -> Iterator[Problem]:
    """Every sheet but the cover and charts has one real Excel table."""
    for sheet in book.sheets[1:]:
        if len(sheet.tables) != 1 and not sheet.is_chart_sheet:
            yield Problem(sheet.name, "", f"has {len(sheet.tables)} Excel tables, not one")


def table_names(book: Inspected) -> Iterator[Problem]:
    """Tables have meaningful names, unique in the workbook."""
    names = Counter(table.name.casefold() for _, table in book.tables())
    for sheet, table in book.tables():
        if not _TABLE_NAME.fullmatch(table.name) or _LIKE_A_CELL.fullmatch(table.name):
            yield Problem(sheet.name, "", f"the table's name {table.name!r} says nothing, or looks like a cell")
        if names[table.name.casefold()] > 1:
            yield Problem(sheet.name, "", f"the table's name {table.name!r} is used twice")


def no_merged_cells(book: Inspected) -> Iterator[Problem]:
    """No cell is merged."""
    for sheet in book.sheets:
        for area in sheet.worksheet.merged_cells.ranges:
            yield Problem(sheet.name, str(area), "cells are merged")


def no_blank_rows_or_columns(book: Inspected) -> Iterator[Problem]:
    """No row or column of a table is blank."""
    for _, table in book.tables():
        for row in table.rows:
            if all(_blank(cell) for cell in row):
                yield at(row[0], "the row is blank")
        for heading, column in zip(table.headings, table.columns, strict=True):
            if all(_blank(cell) for cell in column):
                yield at(heading, "the column is blank")


def one_row_of_headings(book: Inspected) -> Iterator[Problem]:
    """A table has one row of headings: texts, unique, the same as in its definition."""
    for sheet, table in book.tables():
        if table.written.headerRowCount not in (None, 1):
            yield Problem(sheet.name, "", f"the table has {table.written.headerRowCount} rows of headings, not one")
        seen = set()
        names = [column.name for column in table.written.tableColumns]
        for cell, name in zip(table.headings, names, strict=False):
            if not isinstance(cell.value, str) or not cell.value.strip():
                yield at(cell, "the heading is empty or not a text")
            elif cell.value.casefold() in seen:
                yield at(cell, f"the heading {cell.value!r} stands twice")
            elif cell.value.replace("\r\n", "\n") != name:
                yield at(cell, f"the heading {cell.value!r} is {name!r} in the table")
            seen.add(str(cell.value).casefold())


def nothing_cropped(book: Inspected) -> Iterator[Problem]:
    """Texts wrap, and no word or number is wider than its column."""
    for sheet, table in book.tables():
        for heading, column in zip(table.headings, table.columns, strict=True):
            width = sheet.widths.get(heading.column_letter, 8.43)
            for cell in (heading, *column):
                if isinstance(cell.value, str):
                    if not cell.alignment.wrap_text:
                        yield at(cell, "the text does not wrap")
                    if len(cell.value) > width / 2 and longest_word(cell.value) > width:
                        yield at(cell, f"a word is wider than the column ({width:g})")
                elif is_number(cell.value):
                    shown = f"{cell.value:,.{_decimals(cell)}f}"
                    if text_width(shown) > width:
                        yield at(cell, f"the number is wider than the column ({width:g})")


def no_filters_or_frozen_panes(book: Inspected) -> Iterator[Problem]:
    """No filters or frozen panes, unless column A explains them."""
    for sheet in book.sheets:
        filtered = sheet.worksheet.auto_filter.ref or any(table.written.autoFilter for table in sheet.tables)
        if filtered and "filter" not in sheet.text_above.casefold():
            yield Problem(sheet.name, "", "has a filter that column A does not explain")
        frozen = sheet.worksheet.freeze_panes and book.rendering != "board"
        if frozen and not re.search("freez|frozen", sheet.text_above, re.I):
            yield Problem(sheet.name, sheet.worksheet.freeze_panes, "has frozen panes that column A does not explain")


def blanks_explained(book: Inspected) -> Iterator[Problem]:
    """There are blank cells if, and only if, column A above gives the one reason."""
    for sheet, table in book.tables():
        blank = next((cell for cell in table.cells() if _blank(cell)), None)
        explained = "blank" in sheet.text_above.casefold()
        if blank is not None and not explained:
            yield at(blank, "is blank, and column A gives no reason")
        if blank is None and explained:
            yield Problem(sheet.name, "", "column A explains blank cells, and there are none")


def data_markers_keyed(book: Inspected) -> Iterator[Problem]:
    """Markers in place of values are explained above the table."""
    for sheet, table in book.tables():
        used = {cell.value[1:-1] for cell in table.cells() if is_marker(cell.value)}
        if missing := used - _keyed(sheet.text_above):
            yield Problem(sheet.name, "", f"cells hold {_bracketed(missing)}, which no text above the table explains")


def no_stand_ins(book: Inspected) -> Iterator[Problem]:
    """No NA, dots or dashes in place of a value, and no cell of symbols."""
    for _, table in book.tables():
        for cell in table.cells():
            if isinstance(cell.value, str):
                if cell.value.strip().casefold() in _NOT_A_VALUE:
                    yield at(cell, f"{cell.value!r} stands for a value: use shorthand")
                elif cell.value.strip() and _ONLY_SYMBOLS.fullmatch(cell.value):
                    yield at(cell, f"{cell.value!r} has only symbols", "D")


def only_true_zeros(book: Inspected) -> Iterator[Problem]:
    """What is shown as 0 is 0."""
    for _, table in book.tables():
        for cell in table.cells():
            if is_number(cell.value) and cell.value != 0 and round(cell.value, _decimals(cell)) == 0:
                yield at(cell, f"{cell.value} is shown as 0: use [low]")


def nothing_hidden(book: Inspected) -> Iterator[Problem]:
    """No row, column or sheet is hidden, unless it is explained."""
    for sheet in book.sheets:
        if sheet.worksheet.sheet_state != "visible" and "hidden" not in book.cover.text_above.casefold():
            yield Problem(sheet.name, "", "the sheet is hidden, and the cover does not say so")
        if "hidden" in sheet.text_above.casefold():
            continue
        dimensions = (*sheet.worksheet.row_dimensions.items(), *sheet.worksheet.column_dimensions.items())
        for name, dimension in dimensions:
            if dimension.hidden:
                yield Problem(sheet.name, str(name), "a row or column is hidden, and column A does not say so")


def sensible_widths(book: Inspected) -> Iterator[Problem]:
    """Columns are neither narrow nor very wide."""
    for sheet, table in book.tables():
        for heading in table.headings:
            width = sheet.widths.get(heading.column_letter, 8.43)
            if not NARROWEST <= width <= WIDEST:
                yield at(heading, f"the column is {width:g} wide, not {NARROWEST} to {WIDEST}")


def one_type_a_column(book: Inspected) -> Iterator[Problem]:
    """A column holds one type of value; markers fill a whole cell."""
    for _, table in book.tables():
        for column in table.columns:
            kinds = [(cell, _kind(cell)) for cell in column if not _blank(cell) and not is_marker(cell.value)]
            for cell, kind in kinds:
                if kind != kinds[0][1]:
                    yield at(cell, f"a {kind} stands in a column of {kinds[0][1]}s")
                    break


def one_precision_a_column(book: Inspected) -> Iterator[Problem]:
    """A column has one number format, one of ours, and hides no decimals."""
    for _, table in book.tables():
        for column, numeric in zip(table.columns, table.numeric, strict=True):
            shown = [cell for cell in column if not _blank(cell) and (numeric or cell.is_date)]
            for cell in shown:
                allowed = _DATE_FORMAT if cell.is_date else _NUMBER_FORMAT
                if cell.number_format != shown[0].number_format:
                    yield at(cell, f"the format {cell.number_format!r} is not that of the column")
                elif not allowed.fullmatch(cell.number_format):
                    yield at(cell, f"the format {cell.number_format!r} is not one of ours")
                elif is_number(cell.value) and abs(round(cell.value, _decimals(cell)) - cell.value) > 1e-9:
                    yield at(cell, f"{cell.value} has more decimals than are shown")


def totals_at_the_edge(book: Inspected) -> Iterator[Problem]:
    """Totals stand first or last."""
    for _, table in book.tables():
        for row in table.rows[1:-1]:
            if re.match(r"(grand )?total\b", str(row[0].value or ""), re.I):
                yield at(row[0], "a total stands inside the table")


def codes_apart(book: Inspected) -> Iterator[Problem]:
    """Codes have a column of their own, and are ONS codes where they name an area."""
    for _, table in book.tables():
        for heading, column in zip(table.headings, table.columns, strict=True):
            words = set(re.findall("[a-z]+", str(heading.value).casefold()))
            area = "code" in words and words & {"area", "force", "district", "ons"}
            for cell in column:
                if not isinstance(cell.value, str) or is_marker(cell.value):
                    continue
                if area and not _AREA_CODE.fullmatch(cell.value):
                    yield at(cell, f"{cell.value!r} is not an ONS code")
                elif not _AREA_CODE.fullmatch(cell.value) and _CODE_IN_TEXT.search(cell.value):
                    yield at(cell, "a code stands inside a text", "U")


def units_and_notes_in_order(book: Inspected) -> Iterator[Problem]:
    """A heading gives its text, (units) and [notes], each on a line."""
    for _, table in book.tables():
        for cell in table.headings:
            if not _HEADING.fullmatch(str(cell.value)):
                yield at(cell, "a heading is: text, (units), [notes], each on a line of its own")


def same_heading_same_words(book: Inspected) -> Iterator[Problem]:
    """The same quantity is headed in the same words everywhere."""
    known: dict[str, str] = {}
    for _, table in book.tables():
        for cell in table.headings:
            heading = str(cell.value)
            first = known.setdefault(re.sub(r"[\W_]+", "", heading.casefold()), heading)
            if first != heading:
                yield at(cell, f"{heading!r} is headed {first!r} elsewhere")


def no_indents(book: Inspected) -> Iterator[Problem]:
    """Nothing is indented."""
    for sheet in book.sheets:
        for cell, _ in sheet.looks:
            if cell.alignment.indent:
                yield at(cell, "the text is indented")


def bounds_apart(book: Inspected) -> Iterator[Problem]:
    """The bounds of an interval have columns of their own."""
    for _, table in book.tables():
        for heading, column, numeric in zip(table.headings, table.columns, table.numeric, strict=True):
            if numeric or _INTERVAL.search(str(heading.value)):
                for cell in column:
                    if isinstance(cell.value, str) and _RANGE.fullmatch(cell.value.strip()):
                        yield at(cell, f"{cell.value!r} holds two bounds: give each a column")


def long_rather_than_wide(book: Inspected) -> Iterator[Problem]:
    """A long table rather than a wide one."""
    for sheet, table in book.tables():
        if len(table.headings) > MANY_COLUMNS:
            yield Problem(sheet.name, "", f"the table has {len(table.headings)} columns: a long table reads better")


# Notes and shorthand


def no_note_symbols(book: Inspected) -> Iterator[Problem]:
    """Notes are not marked by symbols or superscripts."""
    for _, cell, text in book.texts():
        if found := _NOTE_SYMBOLS.search(text):
            yield at(cell, f"the symbol {found[0]!r} looks like a note mark")
    for sheet in book.sheets:
        for cell, _ in sheet.looks:
            if cell.font.vertAlign:
                yield at(cell, f"the text is {cell.font.vertAlign}")


def note_marks(book: Inspected) -> Iterator[Problem]:
    """A note is marked like [note 1]."""
    for _, cell, text in book.texts():
        for mark in _LIKE_A_NOTE.findall(text):
            if not _NOTE.fullmatch(mark):
                yield at(cell, f"{mark!r} is not written like [note 1]")


def no_marks_on_numbers(book: Inspected) -> Iterator[Problem]:
    """No mark stands beside a number in its cell."""
    for _, table in book.tables():
        for column, numeric in zip(table.columns, table.numeric, strict=True):
            for cell in column if numeric else ():
                if isinstance(cell.value, str) and "[" in cell.value and not is_marker(cell.value):
                    yield at(cell, f"{cell.value!r} marks a number in its cell: use a column of notes")


def notes_on_one_sheet(book: Inspected) -> Iterator[Problem]:
    """Notes stand in a table on one sheet."""
    if _notes_used(book) and not any(sheet.name == NOTES and sheet.tables for sheet in book.sheets):
        yield Problem("", "", f"notes are referred to, and there is no worksheet {NOTES!r} with a table")


def notes_used_and_defined(book: Inspected) -> Iterator[Problem]:
    """Every note that is referred to is defined, and the other way round."""
    used = _notes_used(book)
    defined = {
        note
        for sheet in book.sheets
        if sheet.name == NOTES and sheet.table
        for row in sheet.table.rows
        for note in _NOTE.findall(str(row[0].value))
    }
    for note in sorted(used - defined):
        yield Problem("", "", f"{note} is referred to and not defined")
    for note in sorted(defined - used):
        yield Problem(NOTES, "", f"{note} is defined and never referred to")


def notes_announced(book: Inspected) -> Iterator[Problem]:
    """Column A says where the notes are."""
    for sheet, table in book.tables():
        in_table = any(_NOTE.search(str(cell.value)) for cell in (*table.headings, *table.cells()))
        if sheet.name != NOTES and in_table and not re.search(r"\bnotes\b", sheet.text_above, re.I):
            yield Problem(sheet.name, "", "refers to notes, and column A does not say where they are")


def shorthand_form(book: Inspected) -> Iterator[Problem]:
    """Shorthand is lower case, one piece in each pair of square brackets."""
    for cell, text in _table_texts(book):
        for token in _BRACKETS.findall(text):
            if not _SHORTHAND.fullmatch(token) and not _LIKE_A_NOTE.fullmatch(token):
                yield at(cell, f"{token!r}: shorthand is lower-case letters, one piece in each pair of brackets")
        if re.fullmatch(r"\([a-z]{1,3}\)", text.strip(), re.I):
            yield at(cell, f"{text!r}: shorthand stands in square brackets")


def shorthand_harmonised(book: Inspected) -> Iterator[Problem]:
    """Only harmonised shorthand is used."""
    for cell, text in _table_texts(book):
        for unknown in set(_SHORTHAND.findall(text)) - HARMONISED:
            yield at(cell, f"[{unknown}] is not harmonised shorthand")


def shorthand_keyed(book: Inspected) -> Iterator[Problem]:
    """Shorthand is explained above each table that uses it, and on the cover."""
    used_anywhere: set[str] = set()
    for sheet, table in book.tables():
        used = _used(table) | set(_SHORTHAND.findall(str(sheet.worksheet["A1"].value)))
        used_anywhere |= used
        if missing := used - _keyed(sheet.text_above):
            yield Problem(sheet.name, "", f"no text above the table explains {_bracketed(missing)}")
    if missing := used_anywhere - _keyed(book.cover.text_above):
        yield Problem(book.cover.name, "", f"the cover does not explain {_bracketed(missing)}")


def words_rather_than_letters(book: Inspected) -> Iterator[Problem]:
    """Whole words rather than letters."""
    for sheet, table in book.tables():
        if used := _used(table):
            yield Problem(sheet.name, "", f"uses {_bracketed(used)}: whole words are clearer")


def _blank(cell: Any) -> bool:
    return cell.value is None or (isinstance(cell.value, str) and not cell.value.strip())


def _kind(cell: Any) -> str:
    return "number" if is_number(cell.value) else "text" if isinstance(cell.value, str) else "date"


def _decimals(cell: Any) -> int:
    shown = re.match(r"[#,]*0\.(0+)", cell.number_format)
    return len(shown[1]) if shown else 0


def _keyed(text: str) -> set[str]:
    """Give the shorthand that a text explains: it is followed by words."""
    return set(re.findall(r"\[([a-z]+)\] \w", text))


def _used(table: TableView) -> set[str]:
    return {
        marker
        for cell in (*table.headings, *table.cells())
        if isinstance(cell.value, str) and "[" in cell.value
        for marker in _SHORTHAND.findall(cell.value)
    }


def _bracketed(markers: set[str]) -> str:
    return " ".join(f"[{marker}]" for marker in sorted(markers))


def _table_texts(book: Inspected) -> Iterator[tuple[Any, str]]:
    """Give the texts of tables in which shorthand may stand."""
    for _, table in book.tables():
        for cell in (*table.headings, *table.cells()):
            if isinstance(cell.value, str) and ("[" in cell.value or cell.value.startswith("(")):
                yield cell, cell.value


def _notes_used(book: Inspected) -> set[str]:
    return {
        note
        for sheet, _, text in book.texts()
        if sheet.name != NOTES and "[note" in text
        for note in _NOTE.findall(text)
    }


TABLE_RULES: RuleTable = {
    "T01": ("E", one_table_a_sheet),
    "T02": ("D", table_names),
    "T03": ("E", no_merged_cells),
    "T04": ("E", no_blank_rows_or_columns),
    "T05": ("E", one_row_of_headings),
    "T06": ("E", nothing_cropped),
    "T07": ("D", no_filters_or_frozen_panes),
    "T08": ("E", blanks_explained),
    "T09": ("E", data_markers_keyed),
    "T10": ("E", no_stand_ins),
    "T11": ("E", only_true_zeros),
    "T12": ("D", nothing_hidden),
    "T13": ("D", sensible_widths),
    "T14": ("U", one_type_a_column),
    "T15": ("U", one_precision_a_column),
    "T16": ("U", totals_at_the_edge),
    "T17": ("E", codes_apart),
    "T18": ("U", units_and_notes_in_order),
    "T19": ("U", same_heading_same_words),
    "T20": ("U", no_indents),
    "T21": ("U", bounds_apart),
    "N01": ("E", no_note_symbols),
    "N02": ("D", note_marks),
    "N03": ("D", no_marks_on_numbers),
    "N04": ("D", notes_on_one_sheet),
    "N05": ("D", notes_used_and_defined),
    "N06": ("D", notes_announced),
    "N07": ("E", shorthand_form),
    "N08": ("E", shorthand_harmonised),
    "N09": ("E", shorthand_keyed),
}
TABLE_ADVICE: RuleTable = {
    "T23": ("U", long_rather_than_wide),
    "N10": ("U", words_rather_than_letters),
}
