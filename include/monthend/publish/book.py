"""What a workbook is, as data: a cover, and sheets of one table each, with or without a chart.

Everything is checked when it is declared, so that an error names the table, row and column, not a broken file.
Numbers come rounded to their column's decimals; a marker such as `[x]` fills a whole cell, and a mark on a
number (`[p]`, `[r]`) stands in a text column of notes.
"""

import datetime
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

SHORTHAND = {
    "b": "break in series, not comparable across it",
    "c": "confidential, so it is withheld",
    "e": "estimated",
    "low": "less than half of the last digit shown, but not zero",
    "p": "provisional",
    "r": "revised since the snapshot before",
    "u": "low reliability, few cases",
    "x": "not available",
    "z": "not applicable",
}
SHEET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}")
TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,200}")
MARKER = re.compile(r"\[([a-z]+)\]")
NOTE = re.compile(r"\[note \d+\]")
COVER = "cover"
CONTENTS = "contents"
NOTES = "notes"

LONGEST_TEXT = 32_767
LARGEST_NUMBER = 10**15  # beyond it Excel's doubles lose digits

# Control characters, invisible and direction-changing ones, non-characters: outside cells they make a file unreadable.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\uffff\ud800-\udfff]"
)
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

Value = int | Decimal | str | datetime.date | None


def safe_text(text: str) -> str:
    """Give `text` as it may stand in a file: no characters that break it, none that Excel would decode.

    Raises:
        ValueError: it is longer than Excel takes.
    """
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    escaped = _ESCAPE.sub("_x005F_", _UNSAFE.sub("", normal)).strip()
    if len(escaped.encode("utf-16-le")) // 2 > LONGEST_TEXT:
        raise ValueError(f"A text of {len(escaped):,} characters does not fit a cell: {escaped[:60]!r}")
    return escaped


def plain_text(text: str) -> str:
    """Give a text as people read it, whether it comes from a declaration or from a file, escaped or not."""
    return safe_text(text.replace("_x005F_", "_")).replace("_x005F_", "_")


@dataclass(frozen=True)
class Passport:
    """Where a number comes from; `reference` is canonical JSON."""

    kind: Literal["fact", "derived", "check", "delivery", "text"]
    reference: str


@dataclass(frozen=True)
class Cell:
    """A table's cell: its value, and the passport of that value."""

    value: Value
    passport: Passport | None = None


@dataclass(frozen=True)
class Column:
    """A table's column. Units in round brackets and notes in square ones, at the heading's end, get their own line."""

    heading: str
    kind: Literal["text", "code", "number", "month"]
    decimals: int = 0
    width: int | None = None


@dataclass(frozen=True)
class Table:
    """A table: column 0 holds its labels, which are unique.

    Raises:
        ValueError: a name, heading, label or value that cannot be written, or not told apart on reading.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]

    def __post_init__(self) -> None:
        where = f"Table {self.name!r}"
        if not TABLE_NAME.fullmatch(self.name):
            raise ValueError(f"{where}: a name has letters, digits and underscores only, and starts with a letter")
        if not self.columns or not self.rows:
            raise ValueError(f"{where} has no columns or no rows: say so in a row, a table cannot be empty")
        headings = [safe_text(column.heading) for column in self.columns]
        if not all(headings):
            raise ValueError(f"{where}: a column has no heading")
        if twice := _repeated(heading.casefold() for heading in headings):
            raise ValueError(f"{where}: two columns are headed {twice!r}")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{where}: the row {row[:1]} has {len(row)} cells, not {len(self.columns)}")
        labels = [row_label(value_of(row[0])) for row in self.rows]
        if not all(labels):
            raise ValueError(f"{where}: a row has no label")
        if twice := _repeated(labels):
            raise ValueError(f"{where}: two rows are labelled {twice!r}")
        for index, column in enumerate(self.columns):
            values = [value_of(row[index]) for row in self.rows]
            if all(value is None for value in values):
                raise ValueError(f"{where}: the column {column.heading!r} is blank, leave it out")
            for label, value in zip(labels, values, strict=True):
                if fault := _fault(column, value):
                    raise ValueError(f"{where}, row {label!r}, column {column.heading!r}: {fault}")

    def texts(self) -> Iterator[str]:
        """Give every text of the table: headings, then cells."""
        yield from (column.heading for column in self.columns)
        for row in self.rows:
            for cell in row:
                value = value_of(cell)
                if isinstance(value, str):
                    yield value

    def has_blanks(self) -> bool:
        """Say whether a cell is blank."""
        return any(value_of(cell) in (None, "") for row in self.rows for cell in row)

    def index(self, heading: str) -> int:
        """Give the index of the column under `heading`.

        Raises:
            ValueError: there is none.
        """
        for index, column in enumerate(self.columns):
            if column.heading == heading:
                return index
        raise ValueError(f"Table {self.name!r} has no column {heading!r}")


@dataclass(frozen=True)
class Series:
    """A column drawn in a chart, and what it is there."""

    column: str
    role: Literal["values", "mean", "limit", "outside", "trend", "two_in_three", "shift"]
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart of the table on `sheet`. `category` and the series name that table's headings.

    Without a `minimum` the axis starts at zero, unless a value is below it; another start is said in the title.
    """

    title: str
    alternative_text: str
    kind: Literal["line", "bar"]
    sheet: str
    category: str
    series: tuple[Series, ...]
    unit: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Sheet:
    """A worksheet: its title, its notes (each a sentence or two, above the table), a table, a chart or both.

    `blanks` is the one reason for blank cells; it is written when there are any.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    table: Table | None = None
    chart: Chart | None = None
    blanks: str | None = None


@dataclass(frozen=True)
class Heading:
    """A heading on the cover."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link on the cover; `target` is an https or mailto address."""

    text: str
    target: str

    def __post_init__(self) -> None:
        if not self.target.startswith(("https://", "mailto:")):
            raise ValueError(f"Link {self.text!r}: the target is neither an https nor a mailto address")


@dataclass(frozen=True)
class Cover:
    """The first sheet: the workbook's title, then headings, paragraphs (plain text) and links in column A."""

    title: str
    lines: tuple[Heading | Link | str, ...]


@dataclass(frozen=True)
class Book:
    """A workbook. `file_name` is what its reader sees; `when` stands in the properties as created and modified.

    Raises:
        ValueError: sheets or tables that cannot be told apart, unexplained blanks, a chart without its data.
    """

    pack_id: str
    file_name: str
    title: str
    subject: str
    organisation: str
    keywords: tuple[str, ...]
    marking: str
    draft: bool
    rendering: Literal["board", "published"]
    when: datetime.datetime
    cover: Cover
    sheets: tuple[Sheet, ...]

    def __post_init__(self) -> None:
        names = [COVER, CONTENTS, *(sheet.name.casefold() for sheet in self.sheets)]
        if self.rendering == "published":
            names += [chart_sheet_name(sheet).casefold() for sheet in self.sheets if sheet.table and sheet.chart]
        for name in names:
            if not SHEET_NAME.fullmatch(name):
                raise ValueError(f"Sheet {name!r}: a name is up to 31 letters, digits and underscores, no digit first")
        for what, texts in (
            ("sheets are named", names),
            ("sheets are titled", [sheet.title for sheet in self.sheets]),
            ("tables are named", [sheet.table.name.casefold() for sheet in self.sheets if sheet.table] + [CONTENTS]),
        ):
            if twice := _repeated(texts):
                raise ValueError(f"Two {what} {twice!r}")
        tables = {sheet.name: sheet.table for sheet in self.sheets}
        for sheet in self.sheets:
            if sheet.table is None and sheet.chart is None:
                raise ValueError(f"Sheet {sheet.name!r} has neither a table nor a chart")
            if sheet.table and sheet.table.has_blanks() and not sheet.blanks:
                raise ValueError(f"Sheet {sheet.name!r} has blank cells and gives no reason for them")
            if sheet.chart:
                _check_chart(sheet.chart, tables.get(sheet.chart.sheet))


def chart_sheet_name(sheet: Sheet) -> str:
    """Give the name of the sheet on which a published rendering draws the chart of `sheet`."""
    return f"chart_{sheet.name}"


def value_of(cell: Cell | str) -> Value:
    """Give the value of a cell, or the text that stands in place of one."""
    return cell.value if isinstance(cell, Cell) else cell


def row_label(value: object) -> str:
    """Give the label by which a row is known: a date as YYYY-MM-DD, all else as its text without outer spaces."""
    if isinstance(value, datetime.datetime):
        value = value.date()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return plain_text("" if value is None else str(value))


def markers_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Give the shorthand that stands in `texts`, in alphabetical order."""
    found = {marker for text in texts if "[" in text for marker in MARKER.findall(text)}
    return tuple(sorted(found & SHORTHAND.keys()))


def _repeated(texts: Iterable[str]) -> str | None:
    return next((text for text, count in Counter(texts).items() if count > 1), None)


def _fault(column: Column, value: Value) -> str | None:
    """Say what is wrong with a value in its column, if anything."""
    if value is None:
        return None
    if isinstance(value, str):
        if column.kind == "number" and not MARKER.fullmatch(value):
            return f"{value[:40]!r} is neither a number nor a marker"
        return None
    if isinstance(value, datetime.date):
        if column.kind != "month":
            return "a date stands in a column of months only"
        return (
            "a month is the date of its first day" if isinstance(value, datetime.datetime) or value.day != 1 else None
        )
    if isinstance(value, bool) or not isinstance(value, int | Decimal):  # whatever the annotation says
        return f"{value!r} is a {type(value).__name__}, not an int, Decimal, str or date"
    if column.kind != "number":
        return f"the number {value} stands in a column of {column.kind}"
    if isinstance(value, Decimal) and not value.is_finite():
        return f"{value} is not a number"
    if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return f"{value} has more digits than Excel keeps"
    if isinstance(value, Decimal) and round(value, column.decimals) != value:
        return f"{value} is not rounded to {column.decimals} decimals"
    return None


def _check_chart(chart: Chart, table: Table | None) -> None:
    if table is None:
        raise ValueError(f"Chart {chart.title!r} reads the sheet {chart.sheet!r}, which has no table")
    table.index(chart.category)
    for series in chart.series:
        index = table.index(series.column)
        # Excel draws a text as zero, and missing is never zero.
        if table.columns[index].kind != "number" or any(isinstance(value_of(row[index]), str) for row in table.rows):
            raise ValueError(f"Chart {chart.title!r}: the column {series.column!r} holds something other than numbers")
