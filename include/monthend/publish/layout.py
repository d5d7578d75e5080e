"""How much room a text takes in Arial, in units of a column's width: one digit of the normal font."""

import math
import re
import textwrap
from collections.abc import Iterable

from monthend.publish.book import Column, Table, Value, safe_text, value_of

PAGE_WIDTH = 108  # of lines across a landscape A4 page
COVER_WIDTH = 76  # of a portrait one
MARGIN = 0.4  # inches
PAGE_SIZES = {"landscape": (116, 538), "portrait": (79, 784)}  # A4 between margins: width, height in points
READABLE = 0.53  # of its size: no sheet is printed smaller than 6.4 points to save a page
NARROWEST, WIDEST = 10, 60
FONT_SIZE = 12

# Widths of Arial in thousandths of its size; letters that are not named here are as wide as a digit.
_DIGIT = 556
_WIDTHS = {
    character: width
    for characters, width in {
        "'ijl|": 222,
        " !,./:;I[\\]ft": 278,
        "()-r`": 333,
        "*Jcksvxyz": 500,
        "FTZ": 611,
        "&ABEKPSVXY": 667,
        "CDHNRUw": 722,
        "GOQ": 778,
        "Mm": 833,
        "%": 889,
        "W": 944,
        "@—": 1015,
    }.items()
    for character in characters
}
_BOLD = 1.09
_CELL_MARGIN = 1.2
_LINE_HEIGHT = 1.3  # of the font's size


def text_width(text: str, size: int = FONT_SIZE, bold: bool = False) -> float:
    """Give the width of one line of text."""
    units = sum(_WIDTHS.get(character, _DIGIT) for character in text) / _DIGIT
    return units * size / FONT_SIZE * (_BOLD if bold else 1)


def longest_word(text: str, bold: bool = False) -> float:
    """Give the width of the longest word of a text."""
    return max((text_width(word, bold=bold) for word in text.split()), default=0)


def line_count(text: str, width: float, size: int = FONT_SIZE, bold: bool = False) -> int:
    """Say how many lines a text takes when it is wrapped in a column of `width`."""
    room = width - _CELL_MARGIN
    count = 0
    for paragraph in text.split("\n"):
        if len(paragraph) * 1.3 < room and size == FONT_SIZE:
            count += 1
            continue
        used = 0.0
        count += 1
        for word in paragraph.split():
            needed = text_width(word, size, bold)
            gap = text_width(" ", size, bold) if used else 0
            if used and used + gap + needed > room:
                count, used, gap = count + 1, 0.0, 0
            count += int(needed / room) if needed > room else 0
            used += gap + needed
    return count


def row_height(lines: int, size: int = FONT_SIZE) -> float:
    """Give the height, in points, of a row of `lines` lines."""
    return min(409, round(size * _LINE_HEIGHT * lines + 1, 1))


def page_fit(width: float, height: float) -> tuple[str, int]:
    """Say how a sheet is printed: on the fewest pages that can be read, and on these as large as they allow.

    Args:
        width: of the sheet, in units of a column's width.
        height: of the sheet, in points.

    Returns:
        `landscape` or `portrait`, and on how many pages, of the sheet's full width each.
    """
    ways = {}
    for orientation, (across, down) in PAGE_SIZES.items():
        wide = min(1, across / width)
        pages = math.ceil(height * min(wide, READABLE) / down)
        scale = min(wide, pages * down / height)
        ways[orientation, pages] = (scale >= READABLE, -pages, scale)
    return max(ways, key=ways.__getitem__)  # landscape where both are as good


def page_lines(text: str) -> list[str]:
    """Split a text into lines no wider than a page, at the ends of sentences where they fit."""
    lines = [""]
    for sentence in re.split(r"(?<=[.;!?])\s+|\n+", safe_text(text)):
        joined = f"{lines[-1]} {sentence}".strip()
        if text_width(joined) <= PAGE_WIDTH:
            lines[-1] = joined
        else:
            lines += textwrap.wrap(sentence, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line for line in lines if line]


def heading_lines(heading: str) -> str:
    """Put the units and the notes at the end of a heading on lines of their own."""
    with_notes = re.sub(r"\s*((?:\[[^\[\]]*\]\s*)+)$", r"\n\1", safe_text(heading))
    return re.sub(r"\s*(\([^()]*\))(?=\n|$)", r"\n\1", with_notes).strip()


def column_width(table: Table, index: int) -> int:
    """Give a width at which no word or number of the column is cropped and a long text takes a few lines."""
    column = table.columns[index]
    if column.width:
        return column.width
    lines = [text_width(line, bold=True) for line in heading_lines(column.heading).split("\n")]
    needed = [longest_word(column.heading, bold=True) + 3, max(min(line, max(14, line / 3)) for line in lines) + 2]
    values = [value_of(row[index]) for row in table.rows]
    if column.kind == "number":
        needed[1] += 2  # right-aligned headings need air before them
        needed.append(max(text_width(shown_number(value, column)) for value in values) + 4.5)
    elif column.kind == "month":
        needed.append(text_width("Mmm 2000") + 3)
    else:
        texts = [value for value in values if isinstance(value, str)]
        needed.append(max((longest_word(text) for text in texts), default=0) + 2)
        needed.append(_comfortable(texts))
    return max(NARROWEST, min(WIDEST, round(max(needed) + 0.5)))


def shown_number(value: Value, column: Column) -> str:
    """Give a number, or the marker in its place, as its cell shows it."""
    return value if isinstance(value, str) else "" if value is None else f"{value:,.{column.decimals}f}"


def _comfortable(texts: Iterable[str]) -> float:
    """Give a width for texts: short ones stay on a line, long ones take about four."""
    longest = max((text_width(text) for text in texts), default=0)
    return longest + 2 if longest <= 32 else max(32, longest / 4)
