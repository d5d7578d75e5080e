"""Rules on formatting (F), on the structure of sheets (S) and on the file as it is published (P)."""

import re
from collections.abc import Iterator
from typing import Any

from monthend.publish.book import CONTENTS
from monthend.publish.inspection import Inspected, Problem, RuleTable, at

FONTS = frozenset({"Arial", "Calibri"})
SIZES = frozenset({12, 14, 16})
EMPHASIS = frozenset({"0000FF", "B30000", "326405"})  # enough contrast on white
LONGEST_FILE_NAME = 60
COVER_NEEDS = {
    "a summary": r"\bsummary\b",
    "its source": r"\bsource\b",
    "when it was published": r"\bpublished\b",
    "the next date": r"\bnext (update|release|publication|pack|meeting)\b",
    "what is provisional or revised": r"\bprovisional|\brevised\b",
    "caveats": r"\bcaveats?\b",
    "a contact": r"\bcontact\b",
}

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t|tember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_BAD_DATES = {
    r"(?<![\w/])\d{1,2}/\d{1,2}/\d{2,4}(?![\w/])": "a date is written like 1 Feb 2010",
    r"(?<![\w-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-\d\d)?(?![\w-])": "a date is written like 1 Feb 2010",
    rf"\b{_MONTH}[ -]'?\d\d\b(?!,? \d{{4}})(?! {_MONTH})": "a year has four digits",
    rf"\b{_MONTH} ?[-–] ?{_MONTH}\b": "a range of months is written like Jan to Mar 2020",
}
_QUARTER = re.compile(r"\bQ[1-4]\b")
_LETTER_SPACED = re.compile(r"(?:\b\w ){4,}")
_RAW_ADDRESS = re.compile(r"https?://|\bwww\.|\bmailto:|^\S+@\S+$", re.I)
_SAYS_NOTHING = frozenset({"here", "click here", "link", "more", "read more", "this page", "website"})
_FILE = re.compile(r"\.(pdf|xlsx?|ods|csv|docx?|zip)$", re.I)
_SIZE = re.compile(r"\d ?[KMG]B", re.I)
_UNUSUAL = re.compile(r"[^\w\s.,;:!?'\"()\[\]£%&/+=–—’‘“”-]")
_SHEET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}")
_FILE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"(?:^|-)(?:v\d+|version|final|latest|copy|new|old|rev\d*)(?:-|$)")
_HEADING_1 = frozenset({"Heading 1", "Headline 1"})
_HEADING_2 = frozenset({"Heading 2", "Headline 2", "Heading 3", "Headline 3"})


# Formatting


def fonts(book: Inspected) -> Iterator[Problem]:
    """Fonts are sans serif."""
    for cell, _ in _looks(book):
        if cell.font.name not in FONTS:
            yield at(cell, f"the font is {cell.font.name}")


def font_sizes(book: Inspected) -> Iterator[Problem]:
    """Texts are 12, 14 or 16 points."""
    for cell, _ in _looks(book):
        if cell.font.sz not in SIZES:
            yield at(cell, f"the font's size is {cell.font.sz:g}")


def automatic_colour(book: Inspected) -> Iterator[Problem]:
    """Texts have the automatic colour, unless they are emphasised."""
    for cell, _ in _looks(book):
        if _colour(cell) and not cell.font.b and cell.hyperlink is None:
            yield at(cell, "the text is coloured without being emphasised")


def colour_has_contrast(book: Inspected) -> Iterator[Problem]:
    """A colour has enough contrast."""
    for cell, _ in _looks(book):
        colour = _colour(cell)
        if colour and colour not in EMPHASIS:
            yield at(cell, f"the colour {colour} is not one with enough contrast")


def colour_never_alone(book: Inspected) -> Iterator[Problem]:
    """Colour is never the only signal."""
    for sheet in book.sheets:
        for area in sheet.worksheet.conditional_formatting:
            yield Problem(sheet.name, str(area.sqref), "colours depend on values")
    for cell, _ in _looks(book):
        if cell.value is None and cell.fill.fill_type:
            yield at(cell, "the cell says something by its colour only")


def no_fill(book: Inspected) -> Iterator[Problem]:
    """Cells have no fill."""
    for cell, heading in _looks(book):
        if cell.fill.fill_type and not (heading and book.rendering == "board"):
            yield at(cell, "the cell has a fill")


def no_stripes_or_borders(book: Inspected) -> Iterator[Problem]:
    """Tables have no stripes, patterns or borders."""
    for sheet, table in book.tables():
        style = table.written.tableStyleInfo
        if style is not None and (style.name or style.showRowStripes or style.showColumnStripes):
            yield Problem(sheet.name, "", f"the table has the style {style.name!r}")
    for cell, _ in _looks(book):
        sides = (cell.border.left, cell.border.right, cell.border.top, cell.border.bottom)
        if any(side is not None and side.style for side in sides):
            yield at(cell, "the cell has borders", "D")


def no_italics(book: Inspected) -> Iterator[Problem]:
    """No italics, and underlines on links only."""
    for cell, _ in _looks(book):
        if cell.font.i:
            yield at(cell, "the text is in italics")
        if cell.font.u and cell.hyperlink is None:
            yield at(cell, "the text is underlined and no link")


def no_turned_text(book: Inspected) -> Iterator[Problem]:
    """No text is vertical or diagonal."""
    for cell, _ in _looks(book):
        if cell.alignment.textRotation:
            yield at(cell, "the text is turned")


def no_spaced_letters(book: Inspected) -> Iterator[Problem]:
    """Words are not letter-spaced."""
    for _, cell, text in book.texts():
        if _LETTER_SPACED.search(text):
            yield at(cell, "the letters of a word are spaced")


def aligned(book: Inspected) -> Iterator[Problem]:
    """Texts are aligned left, numbers and their headings right."""
    for _, table in book.tables():
        for heading, column, numeric in zip(table.headings, table.columns, table.numeric, strict=True):
            for cell in (heading, *column):
                wanted = ("right",) if numeric else ("left", "general", None)
                if cell.value is not None and cell.alignment.horizontal not in wanted:
                    yield at(cell, f"is not aligned {wanted[0]}")
                    break


def titled(book: Inspected) -> Iterator[Problem]:
    """Every sheet has its title in A1, styled as a first heading."""
    for sheet in book.sheets:
        cell = sheet.worksheet["A1"]
        if not isinstance(cell.value, str) or not cell.value.strip():
            yield Problem(sheet.name, "A1", "the sheet has no title")
        elif cell.style not in _HEADING_1:
            yield Problem(sheet.name, "A1", "the title has not the style of a first heading", "D")


def no_headers_footers_or_boxes(book: Inspected) -> Iterator[Problem]:
    """No headers, footers, text boxes or VML."""
    for sheet in book.sheets:
        worksheet = sheet.worksheet
        lines = (
            *(worksheet.oddHeader, worksheet.oddFooter, worksheet.evenHeader),
            *(worksheet.evenFooter, worksheet.firstHeader, worksheet.firstFooter),
        )
        if any(part.text for line in lines for part in (line.left, line.center, line.right)):
            yield Problem(sheet.name, "", "has a header or footer")
        if sheet.drawing.shapes:
            yield Problem(sheet.name, "", "has a text box or shape")
    if any("vmldrawing" in name.casefold() or name.endswith(".vml") for name in book.part_names):
        yield Problem("", "", "the file holds a comment, control or other VML drawing")


def charts_apart_with_words(book: Inspected) -> Iterator[Problem]:
    """No pictures; charts stand on sheets of their own, with alternative text."""
    for sheet in book.sheets:
        if sheet.drawing.pictures:
            yield Problem(sheet.name, "", "has a picture")
        if sheet.tables and sheet.drawing.alternative_texts:
            yield Problem(sheet.name, "", "has a chart beside a table")
        if not all(sheet.drawing.alternative_texts):
            yield Problem(sheet.name, "", "a chart has no alternative text")


def no_macros(book: Inspected) -> Iterator[Problem]:
    """The file holds no macros."""
    macros = any("vbaproject" in name.casefold() for name in book.part_names)
    if macros or "macroEnabled" in book.content_types or book.path.suffix.casefold() == ".xlsm":
        yield Problem("", "", "the file can hold macros")


def no_formulas(book: Inspected) -> Iterator[Problem]:
    """No cell holds a formula."""
    for sheet in book.sheets:
        for cell in sheet.cells:
            if cell.data_type == "f":
                yield at(cell, "holds a formula")


def links_described(book: Inspected) -> Iterator[Problem]:
    """A link says where it leads, is underlined, and has the target that its text has elsewhere."""
    targets: dict[str, str] = {}
    for sheet in book.sheets:
        for cell in sheet.cells:
            link, text = cell.hyperlink, str(cell.value or "").strip()
            if link is None:
                if isinstance(cell.value, str) and _RAW_ADDRESS.search(text):
                    yield at(cell, "a raw address: describe it and link it")
                continue
            target = link.target or f"#{link.location}"
            if not text or _RAW_ADDRESS.search(text) or text.casefold() in _SAYS_NOTHING:
                yield at(cell, f"the link {text!r} does not say where it leads")
            if not target.startswith(("https://", "http://", "mailto:", "#")):
                yield at(cell, f"the link leads to {target!r}")
            if not cell.font.u:
                yield at(cell, "the link is not underlined")
            if (kind := _FILE.search(target)) and not (kind[1].casefold() in text.casefold() and _SIZE.search(text)):
                yield at(cell, "a link to a file gives its type and size")
            if targets.setdefault(text, target) != target:
                yield at(cell, f"the text {text!r} links to different places")


def dates_written_out(book: Inspected) -> Iterator[Problem]:
    """Dates are written like 1 Feb 2010 or Jan to Mar 2020; quarters are explained."""
    for sheet, cell, text in book.texts():
        for pattern, wanted in _BAD_DATES.items():
            if found := re.search(pattern, text):
                yield at(cell, f"{found[0]!r}: {wanted}")
        if (quarter := _QUARTER.search(text)) and not re.search(
            rf"\b{quarter[0]}\b[^.;]{{0,20}}\b{_MONTH}", sheet.text_above
        ):
            yield at(cell, f"{quarter[0]} is not explained above the table")


def no_outer_spaces(book: Inspected) -> Iterator[Problem]:
    """No text or tab name begins or ends with a space."""
    for sheet in book.sheets:
        if sheet.name != sheet.name.strip():
            yield Problem(sheet.name, "", "the tab's name begins or ends with a space")
    for _, cell, text in book.texts():
        if text != text.strip():
            yield at(cell, "the text begins or ends with a space")


def few_symbols(book: Inspected) -> Iterator[Problem]:
    """Few symbols, since they may not be read aloud."""
    for _, cell, text in book.texts():
        if found := _UNUSUAL.search(text):
            yield at(cell, f"the symbol {found[0]!r} may not be read aloud")


# Structure


def tab_names(book: Inspected) -> Iterator[Problem]:
    """Tab names are clear: letters, digits and underscores."""
    for sheet in book.sheets:
        if not _SHEET_NAME.fullmatch(sheet.name):
            yield Problem(sheet.name, "", "a tab's name has letters, digits and underscores, and no digit first")


def no_blank_sheets(book: Inspected) -> Iterator[Problem]:
    """No sheet is blank."""
    for sheet in book.sheets:
        if all(cell.value is None for cell in sheet.cells) and not sheet.drawing.alternative_texts:
            yield Problem(sheet.name, "", "the sheet is blank")


def introduced_in_column_a(book: Inspected) -> Iterator[Problem]:
    """A title, what the sheet contains, then notes: in column A, without empty rows."""
    for sheet in book.sheets[1:]:
        what = "chart" if sheet.is_chart_sheet else "table"
        if not str(sheet.worksheet["A2"].value).startswith(f"This worksheet contains one {what}"):
            yield Problem(sheet.name, "A2", f"does not say that the worksheet contains one {what}")
        for cell in sheet.above:
            if cell.value is None:
                yield at(cell, "an empty row stands above the table")
        top = sheet.table.top if sheet.table else sheet.worksheet.max_row + 1
        for cell in sheet.cells:
            if cell.row < top and cell.column > 1 and cell.value is not None:
                yield at(cell, "text above a table stands in column A only")


def table_in_column_a(book: Inspected) -> Iterator[Problem]:
    """A table starts in column A."""
    for sheet, table in book.tables():
        if table.first_column != 1:
            yield Problem(sheet.name, table.written.ref, "the table does not start in column A")


def nothing_below(book: Inspected) -> Iterator[Problem]:
    """Nothing stands below a table."""
    for sheet in book.sheets:
        bottom = max((table.bottom for table in sheet.tables), default=None)
        for cell in sheet.cells:
            if bottom is not None and cell.row > bottom and cell.value is not None:
                yield at(cell, "stands below the table")
                break


def not_several_tables(book: Inspected) -> Iterator[Problem]:
    """A sheet has one table."""
    for sheet in book.sheets:
        if len(sheet.tables) > 1:
            yield Problem(sheet.name, "", f"holds {len(sheet.tables)} tables")


def cover_first(book: Inspected) -> Iterator[Problem]:
    """The cover comes first, with headings, and text in column A only."""
    cover = book.cover
    if cover.tables or cover.drawing.alternative_texts:
        yield Problem(cover.name, "", "the first sheet is not a cover")
    for cell in cover.cells:
        if cell.column > 1 and cell.value is not None:
            yield at(cell, "the cover's text stands in column A only")
    if not any(cell.style in _HEADING_2 for cell in cover.above):
        yield Problem(cover.name, "", "the cover has no headings of the second level", "D")


def cover_complete(book: Inspected) -> Iterator[Problem]:
    """The cover gives all that a reader needs to know of the release."""
    for what, pattern in COVER_NEEDS.items():
        if not re.search(pattern, book.cover.text_above, re.I):
            yield Problem(book.cover.name, "", f"the cover does not give {what}")
    if not any(cell.hyperlink for cell in book.cover.above):
        yield Problem(book.cover.name, "", "the cover links to no release")


def contents_complete(book: Inspected) -> Iterator[Problem]:
    """The table of contents lists and links every other sheet."""
    contents = book.sheets[1] if len(book.sheets) > 1 else None
    if contents is None or contents.name != CONTENTS or contents.table is None:
        yield Problem("", "", f"the second sheet is not the table of {CONTENTS}")
        return
    others = [sheet.name for sheet in book.sheets if sheet is not contents]
    listed = [row[0].value for row in contents.table.rows]
    if listed != others:
        wrong = sorted(set(others) ^ {str(name) for name in listed})
        yield Problem(CONTENTS, "", f"does not list the other sheets in their order: {', '.join(wrong)}")
    for row in contents.table.rows:
        links = [cell.hyperlink for cell in row if cell.hyperlink]
        location = (links[0].location or str(links[0].target or "").lstrip("#")) if links else ""
        if location.replace("'", "") != f"{row[0].value}!A1":
            yield at(row[0], f"has no link to the first cell of {row[0].value}")


# Before publishing


def properties_set(book: Inspected) -> Iterator[Problem]:
    """The document has a title, a language, an author and keywords."""
    properties = book.workbook.properties
    named = {
        "title": properties.title,
        "language": properties.language,
        "author": properties.creator if properties.creator != "openpyxl" else None,
        "keywords": properties.keywords,
    }
    for name, value in named.items():
        if not value:
            yield Problem("", "", f"the document has no {name}")


def opens_at_the_top(book: Inspected) -> Iterator[Problem]:
    """The workbook opens on the first sheet, every sheet at A1 and at 100%."""
    if book.workbook.active is not book.cover.worksheet:
        yield Problem(str(book.workbook.active.title), "", "the workbook does not open on its first sheet")
    for index, sheet in enumerate(book.sheets):
        view = sheet.worksheet.sheet_view
        if any((selection.activeCell, selection.sqref) != ("A1", "A1") for selection in view.selection):
            yield Problem(sheet.name, "", "the cursor is not at A1")
        if view.topLeftCell not in (None, "A1"):
            yield Problem(sheet.name, "", "the sheet opens further down")
        if view.zoomScale not in (None, 100):
            yield Problem(sheet.name, "", f"the zoom is {view.zoomScale}%")
        if index and view.tabSelected:
            yield Problem(sheet.name, "", "the tab is selected besides the first")


def file_name(book: Inspected) -> Iterator[Problem]:
    """The file has a short name in lower case with hyphens and no word for a version."""
    stem = book.path.stem
    if not _FILE_NAME.fullmatch(stem) or len(stem) > LONGEST_FILE_NAME or _VERSION.search(stem):
        wanted = f"lower-case words with hyphens, up to {LONGEST_FILE_NAME} characters, no word for a version"
        yield Problem("", "", f"the file is named {book.path.name!r}, not: {wanted}")


def _looks(book: Inspected) -> Iterator[tuple[Any, bool]]:
    for sheet in book.sheets:
        yield from sheet.looks


def _colour(cell: Any) -> str | None:
    """Give the colour of a text, None if it is automatic."""
    colour = cell.font.color
    # Only the part that its type names is a value; the others are descriptors.
    if colour is None or colour.type == "auto" or (colour.type == "theme" and colour.theme == 1):
        return None
    return str(colour.rgb)[-6:] if colour.type == "rgb" else f"{colour.type} {colour.value}"


FORM_RULES: RuleTable = {
    "F01": ("D", fonts),
    "F02": ("D", font_sizes),
    "F03": ("D", automatic_colour),
    "F04": ("E", colour_has_contrast),
    "F05": ("E", colour_never_alone),
    "F06": ("D", no_fill),
    "F07": ("E", no_stripes_or_borders),
    "F08": ("D", no_italics),
    "F09": ("D", no_turned_text),
    "F10": ("D", no_spaced_letters),
    "F11": ("U", aligned),
    "F12": ("E", titled),
    "F13": ("E", no_headers_footers_or_boxes),
    "F14": ("D", charts_apart_with_words),
    "F15": ("D", no_macros),
    "F16": ("U", no_formulas),
    "F17": ("E", links_described),
    "F18": ("U", dates_written_out),
    "F19": ("U", no_outer_spaces),
    "S01": ("E", tab_names),
    "S02": ("E", no_blank_sheets),
    "S03": ("E", introduced_in_column_a),
    "S04": ("E", table_in_column_a),
    "S05": ("D", nothing_below),
    "S06": ("D", not_several_tables),
    "S07": ("E", cover_first),
    "S08": ("U", cover_complete),
    "S09": ("E", contents_complete),
    "P01": ("E", properties_set),
    "P02": ("E", opens_at_the_top),
    "P04": ("U", file_name),
}
FORM_ADVICE: RuleTable = {"F20": ("D", few_symbols)}
