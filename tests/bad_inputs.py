"""What arrives when something went wrong: each case writes one input, made from a good street file.

A case takes a directory and the path of a good file of at least 100 rows, named as on data.police.uk, and returns the
paths that it wrote. What is expected holds for the last of them; those before are good.
"""

import csv
import io
import stat
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openpyxl import Workbook

Expected = Literal["refused", "blocked", "quarantined", "warned", "passed", "ignored"]
Writer = Callable[[Path, Path], list[Path]]
Rows = list[list[str]]  # headings first


@dataclass(frozen=True)
class Case:
    """One input: the class it belongs to, the rule that says so, and what writes it."""

    expected: Expected
    rule: str
    write: Writer


def zip_truncated(directory: Path, good: Path) -> list[Path]:
    """The second half of a zip never came."""
    [path] = _zip(directory, good, good.name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return [path]


def zip_damaged(directory: Path, good: Path) -> list[Path]:
    """A member's compressed bytes were changed on the way."""
    [path] = _zip(directory, good, good.name)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 16] = bytes(byte ^ 0xFF for byte in content[middle : middle + 16])
    path.write_bytes(content)
    return [path]


def zip_climbing(directory: Path, good: Path) -> list[Path]:
    """A member would unpack above its folder."""
    return _zip(directory, good, f"../../{good.name}")


def zip_absolute(directory: Path, good: Path) -> list[Path]:
    """A member would unpack at the root."""
    return _zip(directory, good, f"/srv/{good.name}")


def zip_symbolic_link(directory: Path, good: Path) -> list[Path]:
    """A member is a link to another file."""
    link = zipfile.ZipInfo(good.name)
    link.create_system = 3  # Unix: the upper half of external_attr is a file mode
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = _zip_path(directory, good)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "../elsewhere.csv")
    return [path]


def zip_bomb(directory: Path, good: Path) -> list[Path]:
    """A member unpacks to about a thousand times its size: 32 MiB."""
    path = _zip_path(directory, good)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(good.name), bytes(2**25), zipfile.ZIP_DEFLATED)
    return [path]


def zip_duplicate_members(directory: Path, good: Path) -> list[Path]:
    """Two members have the same name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile says that the name is there already
        return _zip(directory, good, good.name, good.name)


def zip_encrypted(directory: Path, good: Path) -> list[Path]:
    """A member says that it needs a password."""
    [path] = _zip(directory, good, good.name)
    content = bytearray(path.read_bytes())
    content[6] |= 0x1  # flags of the local header
    content[content.rindex(b"PK\x01\x02") + 8] |= 0x1  # and of the central directory
    path.write_bytes(content)
    return [path]


def column_renamed(directory: Path, good: Path) -> list[Path]:
    """A heading changed."""
    rows = _rows(good)
    rows[0][rows[0].index("Crime type")] = "Offence type"
    return _csv(directory, good, rows)


def column_missing(directory: Path, good: Path) -> list[Path]:
    """A column is gone."""
    return _csv(directory, good, [row[:-1] for row in _rows(good)])


def column_added(directory: Path, good: Path) -> list[Path]:
    """A column came that nobody knows."""
    heading, *rows = _rows(good)
    return _csv(directory, good, [[*heading, "Severity"], *([*row, "1"] for row in rows)])


def columns_reordered(directory: Path, good: Path) -> list[Path]:
    """The same columns in another order: nothing is wrong with that."""
    return _csv(directory, good, [row[::-1] for row in _rows(good)])


def windows_1252(directory: Path, good: Path) -> list[Path]:
    """Saved by a program of another age: an accented letter is one byte."""
    return _text(directory, good, _with_first_place(good, "On or near Café").decode("utf-8").encode("cp1252"))


def utf_16(directory: Path, good: Path) -> list[Path]:
    """Saved as "Unicode text"."""
    return _text(directory, good, good.read_bytes().decode("utf-8").encode("utf-16"))


def semicolons(directory: Path, good: Path) -> list[Path]:
    """Saved where the comma is the decimal sign."""
    return _csv(directory, good, _rows(good), delimiter=";")


def empty_file(directory: Path, good: Path) -> list[Path]:
    """No byte."""
    return _text(directory, good, b"")


def headings_only(directory: Path, good: Path) -> list[Path]:
    """No row: a month without any crime is not believed."""
    return _csv(directory, good, _rows(good)[:1])


def other_month_inside(directory: Path, good: Path) -> list[Path]:
    """Last month's rows under this month's name."""
    return _csv(directory, good, _set(_rows(good), "Month", _month(good, -1)))


def other_force_inside(directory: Path, good: Path) -> list[Path]:
    """Another force's rows under this force's name."""
    return _csv(directory, good, _set(_rows(good), "Falls within", "Cumbria Constabulary"))


def unknown_crime_type_once(directory: Path, good: Path) -> list[Path]:
    """One row has a misspelt crime type: at most 1 % of rows."""
    rows = _rows(good)
    return _csv(directory, good, _set(rows, "Crime type", "Burglery", every=len(rows)))


def unknown_crime_type_often(directory: Path, good: Path) -> list[Path]:
    """Each fiftieth row has a crime type that nobody knows: 2 % of rows."""
    return _csv(directory, good, _set(_rows(good), "Crime type", "Burglery", every=50))


def error_page(directory: Path, good: Path) -> list[Path]:
    """A server's error page, stored under the file's name."""
    page = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body>Try again.</body></html>\n"
    return _text(directory, good, page)


def workbook_as_csv(directory: Path, good: Path) -> list[Path]:
    """A workbook under the name of a CSV, of a feed that takes none."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in _rows(good)[:3]:
        sheet.append(row)
    book.save(directory / good.name)
    return [directory / good.name]


def stale_resend(directory: Path, good: Path) -> list[Path]:
    """The next month's file is this month's, byte for byte."""
    content = good.read_bytes()
    following = directory / good.name.replace(good.name[:7], _month(good, 1), 1)
    following.write_bytes(content)
    return [*_text(directory, good, content), following]


def too_few_fields(directory: Path, good: Path) -> list[Path]:
    """A row lost a field."""
    rows = _rows(good)
    rows[1].pop()
    return _csv(directory, good, rows)


def too_many_fields(directory: Path, good: Path) -> list[Path]:
    """A row has a field more."""
    rows = _rows(good)
    rows[1].append("")
    return _csv(directory, good, rows)


def unclosed_quote(directory: Path, good: Path) -> list[Path]:
    """A quoted field never ends, so it takes in the rest of the file."""
    return _text(directory, good, _with_first_place(good, "On or near Green").replace(b"On or near", b'"On or near', 1))


def nul_bytes(directory: Path, good: Path) -> list[Path]:
    """Four bytes in the middle are zero."""
    content = bytearray(good.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4] = bytes(4)
    return _text(directory, good, bytes(content))


def mail_address(directory: Path, good: Path) -> list[Path]:
    """A person's address, made up, stands in a place's name."""
    return _text(directory, good, _with_first_place(good, "On or near jo.bloggs@example.com"))


def default_date(directory: Path, good: Path) -> list[Path]:
    """One row has the month that a computer puts where it knows none."""
    rows = _rows(good)
    return _csv(directory, good, _set(rows, "Month", "1970-01", every=len(rows)))


def unknown_lsoa(directory: Path, good: Path) -> list[Path]:
    """One row has an LSOA code of neither vintage."""
    rows = _rows(good)
    return _csv(directory, good, _set(rows, "LSOA code", "E01999999", every=len(rows)))


def crime_without_id(directory: Path, good: Path) -> list[Path]:
    """No row has a Crime ID, crimes included."""
    return _csv(directory, good, _set(_rows(good), "Crime ID", ""))


def unchanged(directory: Path, good: Path) -> list[Path]:
    """The good file itself, for comparison."""
    return _text(directory, good, good.read_bytes())


def part_file(directory: Path, good: Path) -> list[Path]:
    """A download under way."""
    return _unfinished(directory, good, ".part")


def tmp_file(directory: Path, good: Path) -> list[Path]:
    """A copy under way."""
    return _unfinished(directory, good, ".tmp")


_TABLE: tuple[tuple[Writer, Expected, str], ...] = (
    (zip_truncated, "refused", "container"),
    (zip_damaged, "refused", "container"),
    (zip_climbing, "refused", "container"),
    (zip_absolute, "refused", "container"),
    (zip_symbolic_link, "refused", "container"),
    (zip_bomb, "refused", "container"),
    (zip_duplicate_members, "refused", "container"),
    (zip_encrypted, "refused", "container"),
    (column_renamed, "blocked", "G03"),
    (column_missing, "blocked", "G03"),
    (column_added, "blocked", "G03"),
    (columns_reordered, "passed", "G03"),
    (windows_1252, "blocked", "reader"),
    (utf_16, "blocked", "reader"),
    (semicolons, "blocked", "reader"),
    (empty_file, "blocked", "reader"),
    (headings_only, "blocked", "reader"),
    (other_month_inside, "blocked", "U02"),
    (other_force_inside, "blocked", "U04"),
    (unknown_crime_type_once, "quarantined", "U01"),
    (unknown_crime_type_often, "blocked", "U01"),
    (error_page, "blocked", "reader"),
    (workbook_as_csv, "blocked", "reader"),
    (stale_resend, "blocked", "G02"),
    (too_few_fields, "blocked", "reader"),
    (too_many_fields, "blocked", "reader"),
    (unclosed_quote, "blocked", "reader"),
    (nul_bytes, "blocked", "reader"),
    (mail_address, "quarantined", "G09"),
    (default_date, "blocked", "G04"),
    (unknown_lsoa, "warned", "U05"),
    (crime_without_id, "warned", "U03"),
    (unchanged, "passed", "all"),
    (part_file, "ignored", "unfinished"),
    (tmp_file, "ignored", "unfinished"),
)
CASES: dict[str, Case] = {write.__name__: Case(expected, rule, write) for write, expected, rule in _TABLE}


def _rows(good: Path) -> Rows:
    with good.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _set(rows: Rows, heading: str, value: str, every: int = 1) -> Rows:
    """Put `value` under `heading` in the first row and in each `every`-th after it."""
    column = rows[0].index(heading)
    for row in rows[1::every]:
        row[column] = value
    return rows


def _with_first_place(good: Path, location: str) -> bytes:
    rows = _rows(good)
    return _encoded(_set(rows, "Location", location, every=len(rows)))


def _encoded(rows: Rows, delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def _csv(directory: Path, good: Path, rows: Rows, delimiter: str = ",") -> list[Path]:
    return _text(directory, good, _encoded(rows, delimiter))


def _text(directory: Path, good: Path, content: bytes) -> list[Path]:
    path = directory / good.name
    path.write_bytes(content)
    return [path]


def _unfinished(directory: Path, good: Path, suffix: str) -> list[Path]:
    path = directory / f"{good.name}{suffix}"
    path.write_bytes(good.read_bytes())
    return [path]


def _zip_path(directory: Path, good: Path) -> Path:
    return directory / good.with_suffix(".zip").name


def _zip(directory: Path, good: Path, *members: str) -> list[Path]:
    """A zip with the good file's bytes under each of the names."""
    path = _zip_path(directory, good)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member), good.read_bytes(), zipfile.ZIP_DEFLATED)
    return [path]


def _month(good: Path, months: int) -> str:
    """The month that the file's name says, or one so many months from it."""
    year, month = int(good.name[:4]), int(good.name[5:7])
    year, zero_based = divmod(year * 12 + month - 1 + months, 12)
    return f"{year:04d}-{zero_based + 1:02d}"
