"""The reader: rows of text under the feed's columns, or what is wrong in words that hold no value."""

from pathlib import Path

import pytest

from monthend.plan.declarations import Feed
from monthend.validate.reader import Unreadable, read

FEED = Feed(
    feed="places",
    title="Places",
    description="A feed of the tests.",
    owner="Tests",
    contact="tests@opcc.example",
    source="reference",
    cadence="reference",
    file_name="^places",
    columns=({"heading": "Place", "column": "place"}, {"heading": "Crime type", "column": "crime_type"}),  # type: ignore[arg-type]
    suite="places",
)

WINDOWS = "The encoding is not UTF-8 ({}); it looks like Windows-1252. Save it as CSV UTF-8."


def rows(tmp_path: Path, content: bytes) -> list[dict[str, str | None]]:
    path = tmp_path / "places.csv"
    path.write_bytes(content)
    return list(read(path, FEED).to_pylist())


@pytest.mark.parametrize(
    "content",
    [
        b"Place,Crime type\nOadby,Drugs\nWigston,\n",
        b"Place,Crime type\r\nOadby,Drugs\r\nWigston,\r\n",
        b"\xef\xbb\xbfPlace,Crime type\nOadby,Drugs\nWigston,\n",  # a byte order mark
        b"Crime type,Place\nDrugs,Oadby\n,Wigston\n",
        b'"Place","Crime type"\n"Oadby","Drugs"\n"Wigston",""\n',
        b"Place,Crime type\nOadby,Drugs\nWigston,",  # no end to the last line
    ],
)
def test_rows_are_text_under_the_warehouse_s_names_and_empty_is_null(tmp_path: Path, content: bytes) -> None:
    assert rows(tmp_path, content) == [
        {"place": "Oadby", "crime_type": "Drugs"},
        {"place": "Wigston", "crime_type": None},
    ]


def test_nothing_is_guessed_from_what_stands_in_a_field(tmp_path: Path) -> None:
    content = 'Place,Crime type\n"Green, The",007\nNA,null\n"say ""no""",1e5\nCafé, x \n'.encode()
    assert [tuple(row.values()) for row in rows(tmp_path, content)] == [
        ("Green, The", "007"),
        ("NA", "null"),
        ('say "no"', "1e5"),
        ("Café", " x "),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"Place,Crime type\n", "The file has headings and no rows. A month without any row is never taken for zero."),
        (b"Place,Crime type", "The file has headings and no rows. A month without any row is never taken for zero."),
        (
            "Place,Crime type\nOadby,Drugs\n".encode("utf-16"),
            "The encoding is UTF-16 or binary, not UTF-8. Save it as CSV UTF-8.",
        ),
        (b"Place,Crime type\nCaf\xe9,Drugs\n", WINDOWS.format("row 1, column Place, character 4")),
        (b"Place,Crime type\r\nA,Drugs\r\nB,D\xe9\r\n", WINDOWS.format("row 2, column Crime type, character 2")),
        (
            b"Place,Crime type\n" + b"a,b\n" * 200 + b"a,b\0\n",
            "The file holds NUL bytes (row 201, column Crime type, character 2): it was damaged on the way.",
        ),
        (
            b"Caf\xe9,Crime type\nOadby,Drugs\n",  # what is not the feed's heading may be a value
            WINDOWS.format("row 0, column 1, character 4").replace("row 0", "the headings"),
        ),
        (b"\n <html>", "The file is a web page (often an error page), not an extract."),
        (b"PK\x03\x04 and more", "The file is a zip or a workbook under another name, not a CSV."),
        (
            b"Place;Crime type\nOadby;Drugs\n",
            "Columns are separated by semicolons, not by commas. Save it as CSV (comma delimited).",
        ),
        (
            b"Place\tCrime type\nOadby\tDrugs\n",
            "Columns are separated by tabs, not by commas. Save it as CSV (comma delimited).",
        ),
        (b"Place\nOadby\n", "Columns differ from the feed's (missing: Crime type)."),
        (b"Place,Crime type,Age\nOadby,Drugs,1\n", "Columns differ from the feed's (not in the feed: column 3)."),
        (b"Place,Crime type,Place\nOadby,Drugs,1\n", "Columns differ from the feed's (twice: Place)."),
        (
            b"place,Crime type\nOadby,Drugs\n",
            "Columns differ from the feed's (missing: Place; not in the feed: column 1).",
        ),
        (
            b"Oadby,Drugs\nWigston,Drugs\n",
            "Columns differ from the feed's (missing: Place, Crime type; not in the feed: column 1, 2).",
        ),
        (b"Place,Crime type\nOadby\nWigston,Drugs\n", "Rows are broken: row 1 has 1 fields instead of 2."),
        (b"Place,Crime type\nOadby,Drugs\nWigston,Drugs,,\n", "Rows are broken: row 2 has 4 fields instead of 2."),
        (
            b"Place,Crime type\n" + b"Oadby\n" * 5,
            "Rows are broken: row 1 has 1 fields instead of 2; row 2 has 1 fields instead of 2; "
            "row 3 has 1 fields instead of 2 and 2 more rows likewise.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_words(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        rows(tmp_path, content)
    assert str(error.value) == reason


OPEN = "A quoted field is not closed, or goes over more than one line ({})."


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'Place,Crime type\n"Oadby,Drugs\n' + b"Wigston,Drugs\n" * 9, "row 1, column Place"),
        (b'Place,Crime type\n"Oadby,Drugs\n' + b"Wigston,Drugs\n" * 90_000, "row 1"),
        # of the right number of fields: the rows that it took in would be lost without a word
        (b'Place,Crime type\nOadby,Drugs\nOadby,"Drugs\nWigston,Drugs\n', "row 2, column Crime type"),
        (b'Place,Crime type\nOadby,"Drugs\nWigston,Drugs\nOadby,Dru"gs\n', "row 1, column Crime type"),
        (b'Place,Crime type\nOadby,Drugs\nWigston,"Drugs', "row 2, column Crime type"),
    ],
)
def test_a_quote_that_never_ends_is_no_reason_to_lose_rows(tmp_path: Path, content: bytes, where: str) -> None:
    with pytest.raises(Unreadable) as error:
        rows(tmp_path, content)
    assert str(error.value) == OPEN.format(where)
    assert error.value.__cause__ is None
