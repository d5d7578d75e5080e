"""The renderer: what stands where, the same bytes every time, and numbers found again after others saved the file."""

import datetime
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
from sample_books import sample_book

from monthend.publish.book import SHORTHAND, markers_in
from monthend.publish.layout import heading_lines, line_count, page_fit, page_lines, text_width
from monthend.publish.workbook import (
    Book,
    Cell,
    Chart,
    Column,
    Link,
    ReadBack,
    Series,
    Sheet,
    Table,
    content_sha256,
    read_back,
    row_label,
    safe_text,
    same,
    write,
)

HERE = Path(__file__).parent
APRIL = datetime.datetime(2014, 4, 1)  # noqa: DTZ001 - as read from a cell
MAY = datetime.datetime(2014, 5, 1)  # noqa: DTZ001
BURGLARY = ("burglary", "May 2013", 1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give both renderings of the sample book."""
    folder = tmp_path_factory.mktemp("written")
    paths = {"board": folder / "board.xlsx", "published": folder / "published.xlsx"}
    write(sample_book("board"), paths["board"])
    write(sample_book("published"), paths["published"])
    return paths


def column_a(path: Path, sheet: str) -> list[object]:
    """Give the texts of column A."""
    return [cell.value for cell in openpyxl.load_workbook(path)[sheet]["A"]]


# What stands where


def test_a_board_sheet_reads_title_statement_marking_notes_key_caption_table(written):
    assert column_a(written["board"], "burglary")[:11] == [
        "Burglary offences recorded by month, Leicestershire",
        "This worksheet contains one table. The chart above the table is drawn from worksheet chart_data.",
        "Marking: OFFICIAL-SENSITIVE",
        "Lower than the usual range in April 2014.",
        "A burglary is counted in the month in which it was recorded.",
        "Offences that were cancelled or transferred to another force are left out, whenever that happened.",
        "The rate uses 2011 Census residents.",
        "Shorthand: [p] provisional; [r] revised since the snapshot before; [x] not available.",
        "Line chart of burglary offences a month. "
        "April 2014 is the lowest month and lies below the usual range of 221 to 380;",
        "the seven months to February 2014 lie below the mean of 301.",
        "Month",
    ]


def test_a_published_chart_has_a_sheet_of_its_own_after_its_table(written):
    workbook = openpyxl.load_workbook(written["published"])
    assert workbook.sheetnames == [
        *("cover", "contents", "burglary", "chart_burglary", "peers", "chart_peers", "chart_data", "chart_forces")
    ]
    assert workbook["chart_burglary"]["A1"].value == "Chart: Burglary offences recorded by month, Leicestershire"
    assert not workbook["chart_burglary"].tables
    assert len(workbook["chart_burglary"]._charts) == 1
    assert not workbook["burglary"]._charts


def test_a_board_chart_hangs_in_its_captions_tall_row(written):
    worksheet = openpyxl.load_workbook(written["board"])["burglary"]
    (chart,) = worksheet._charts
    assert (chart.anchor._from.col, chart.anchor._from.row + 1) == (0, 10)
    assert 250 < worksheet.row_dimensions[10].height <= 409
    assert worksheet.row_dimensions[9].height < 20


def test_contents_list_and_link_every_other_sheet(written):
    worksheet = openpyxl.load_workbook(written["board"])["contents"]
    rows = [(row[0].value, row[1].value, row[1].hyperlink.location) for row in worksheet["A5:B9"]]
    assert rows[:2] == [
        ("cover", "Crime in Leicestershire, data to the end of April 2014", "'cover'!A1"),
        ("burglary", "Burglary offences recorded by month, Leicestershire", "'burglary'!A1"),
    ]
    assert [row[0] for row in rows] == ["cover", "burglary", "peers", "chart_data", "chart_forces"]


def test_numbers_formats_and_names(written):
    workbook = openpyxl.load_workbook(written["board"])
    row = workbook["burglary"][12]
    assert [cell.value for cell in row] == ["April 2013", 1250, 1.23, "E23000021", "[p][r]"]
    assert row[1].number_format == "#,##0_W;-#,##0_W;#,##0_W;@_W"
    assert row[2].number_format == "#,##0.00_W;-#,##0.00_W;#,##0.00_W;@_W"
    assert [cell.alignment.horizontal for cell in row] == ["left", "right", "right", "left", "left"]
    assert workbook["burglary"]["C11"].value == "Rate\n(per 1,000 residents)"
    assert workbook["burglary"].tables["tbl_burglary"].tableColumns[2].name == "Rate\n(per 1,000 residents)"
    name = workbook.defined_names["col_burglary_1"]
    assert (name.attr_text, name.hidden) == ("'burglary'!$B$12:$B$24", True)
    assert workbook["chart_data"]["A6"].value.date() == datetime.date(2011, 5, 1)
    assert workbook["chart_data"]["A6"].number_format == "mmm yyyy"


def test_properties_carry_title_organisation_language_marking_and_pack_id(written):
    workbook = openpyxl.load_workbook(written["published"])
    properties = workbook.properties
    assert properties.title == "Crime in Leicestershire, data to the end of April 2014"
    assert properties.creator == "Office of the Police and Crime Commissioner for Leicestershire"
    assert (properties.language, properties.keywords) == ("en-GB", "police, crime, performance")
    assert properties.category == "Marking: OFFICIAL, PUBLISHED"
    assert properties.modified.isoformat() == "2014-05-13T09:00:00"
    custom = {item.name: item.value for item in workbook.custom_doc_props.props}
    assert custom == {"pack_id": "7f3a9c0d12e4b586", "marking": "Marking: OFFICIAL, PUBLISHED"}


def test_marking_and_draft_stand_in_a_cell_of_every_sheet(tmp_path):
    path = tmp_path / "draft.xlsx"
    write(sample_book("published", draft=True), path)
    for worksheet in openpyxl.load_workbook(path).worksheets:
        texts = [cell.value for cell in worksheet["A"]]
        assert "DRAFT, not released. Marking: OFFICIAL, PUBLISHED" in texts, worksheet.title


def test_the_cover_explains_the_shorthand_that_is_used_and_gives_the_pack_id(written):
    texts = column_a(written["board"], "cover")
    assert texts[-6:] == [
        *("Shorthand", "[p] provisional", "[r] revised since the snapshot before", "[x] not available"),
        *("Identity of this workbook", "Pack id: 7f3a9c0d12e4b586"),
    ]


def test_blanks_are_explained_only_where_there_are_any(written):
    assert "A blank cell means that nothing is drawn for that month." in column_a(written["board"], "chart_data")
    full = Table("full", (Column("Area", "text"), Column("Count", "number")), (("Blaby", Cell(3)),))
    sheet = Sheet("full", "Full", (), full, blanks="Blank means nothing.")
    book = sample_book("board", sheets=(sheet,))
    path = written["board"].with_name("full.xlsx")
    write(book, path)
    assert "Blank means nothing." not in column_a(path, "full")


def test_a_chart_data_table_too_wide_for_a_page_is_not_printed(tmp_path):
    columns = (Column("Month", "text"), *(Column(f"Measure {index}", "number") for index in range(40)))
    table = Table("wide", columns, (("May 2014", *(Cell(index) for index in range(40))),))
    series = (Series("Measure 1", "values", "Measure"),)
    chart = Chart("Measure 1", "One month.", "line", "wide", "Month", series, "offences")
    path = tmp_path / "wide.xlsx"
    write(sample_book("board", sheets=(Sheet("wide", "Wide", (), table), Sheet("one", "One", chart=chart))), path)
    worksheet = openpyxl.load_workbook(path)["wide"]
    assert worksheet.print_area == "'wide'!$A$8"  # below the table: LibreOffice leaves a page of nothing out
    assert worksheet["A4"].value == "The table feeds the charts and is too wide for a page: printing leaves it out."


@pytest.mark.parametrize(
    ("width", "height", "printed"),
    [
        (100, 500, ("landscape", 1)),  # as it is
        (128, 1173, ("portrait", 1)),  # 37 months and a chart, at 0.62 of its size
        (162, 1469, ("landscape", 2)),  # on one portrait page it could not be read
        (222, 400, ("landscape", 1)),  # too wide to be read either way: the larger one
        (92, 2045, ("portrait", 2)),  # in landscape it takes three
    ],
)
def test_a_sheet_is_printed_on_the_fewest_pages_that_can_be_read(width, height, printed):
    assert page_fit(width, height) == printed


def test_the_page_is_that_of_the_widths_and_heights_written(written):
    workbook = openpyxl.load_workbook(written["board"])
    setups = {sheet.title: (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) for sheet in workbook}
    assert setups == {
        "cover": ("portrait", 1), "contents": ("landscape", 1), "burglary": ("portrait", 1),
        "peers": ("landscape", 1), "chart_data": ("portrait", 1), "chart_forces": ("landscape", 1),
    }  # fmt: skip


def chart_xml(path: Path, number: int = 1) -> ElementTree.Element:
    """Give a chart's XML without namespaces."""
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read(f"xl/charts/chart{number}.xml"))  # noqa: S314
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def test_a_line_chart_has_visible_axes_gaps_for_blanks_and_named_limits(written):
    chart = chart_xml(written["board"])
    assert [axis.find("delete").get("val") for axis in (*chart.iter("dateAx"), *chart.iter("valAx"))] == ["0", "0"]
    assert chart.find(".//dispBlanksAs").get("val") == "gap"
    assert chart.find(".//title/overlay").get("val") == "0"
    assert {smooth.get("val") for smooth in chart.iter("smooth")} == {"0"}
    assert chart.find(".//scaling/min").get("val") == "150"
    assert "".join(text.text for text in chart.find(".//title").iter("t")).endswith("(the axis starts at 150)")
    labels = [series for series in chart.iter("ser") if series.find("dLbls") is not None]
    assert [series.find("tx/v").text for series in labels] == ["Mean", "Upper limit", "Lower limit"]
    assert [series.find("dLbls/dLbl/idx").get("val") for series in labels] == ["35", "35", "35"]
    assert [entry.find("idx").get("val") for entry in chart.iter("legendEntry")] == ["0", "1", "2", "3"]
    assert chart.find(".//ser/val/numRef/f").text == "'chart_data'!$B$6:$B$41"


def test_a_bar_chart_has_text_categories_one_colour_and_value_labels(written):
    chart = chart_xml(written["board"], 2)
    assert chart.find(".//barDir").get("val") == "bar"
    assert chart.find(".//cat/strRef/f").text == "'chart_forces'!$A$5:$A$12"
    assert chart.find(".//catAx/scaling/orientation").get("val") == "maxMin"
    assert [colour.get("val") for colour in chart.findall(".//ser/spPr/solidFill/srgbClr")] == ["1F3864"]
    assert chart.find(".//ser/dLbls/showVal").get("val") == "1"
    assert chart.find(".//valAx/scaling/min").get("val") == "0"


def test_charts_have_alternative_text(written):
    with zipfile.ZipFile(written["published"]) as archive:
        drawing = archive.read("xl/drawings/drawing1.xml").decode()
    assert 'descr="Line chart of burglary offences a month. April 2014' in drawing


# The same bytes


def test_the_same_book_gives_the_same_bytes_in_any_process(tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "from pathlib import Path; from sample_books import sample_book; from monthend.publish.workbook import write\n"
        "print(write(sample_book('board'), Path(sys.argv[1])))"
    )
    results = []
    for number, zone in enumerate(("UTC", "Pacific/Auckland")):
        path = tmp_path / f"{number}.xlsx"
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(number), "LANG": "C"}
        run = subprocess.run(
            [sys.executable, "-c", script, path],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        results.append((run.stdout.strip(), hashlib.sha256(path.read_bytes()).hexdigest()))
    assert results[0] == results[1]
    assert results[0][0] == content_sha256(tmp_path / "0.xlsx")


def test_a_changed_number_changes_the_digest(tmp_path, written):
    book = sample_book("board", months=37)
    assert write(book, tmp_path / "other.xlsx") != content_sha256(written["board"])


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "pack.xlsx"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("monthend.publish.workbook.content_sha256", fail)
    with pytest.raises(OSError, match="disk full"):
        write(sample_book(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# Hostile and wrong input


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\x00b\x0bc", "abc"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("_x000D_", "_x005F_x000D_"),
        ("e\u0301", "é"),
        ("right\u202eleft", "rightleft"),
        ("\ufeff text \ud800", "text"),
        ("=1+1", "=1+1"),
    ],
)
def test_safe_text(raw, safe):
    assert safe_text(raw) == safe


def test_a_text_longer_than_a_cell_is_refused():
    with pytest.raises(ValueError, match="32,768 characters"):
        safe_text("x" * 32_768)


def test_hostile_text_stays_text_everywhere(tmp_path):
    evil = "=cmd|' /C calc'!A0\x00"
    columns = (Column("=Heading", "text"), Column("Count", "number"))
    table = Table("hostile", columns, ((evil, Cell(1)), ("#N/A", Cell(2)), ("@x", Cell(3))))
    series = (Series("Count", "values", evil),)
    chart = Chart(evil, f'{evil} & "<quoted>"', "bar", "hostile", "=Heading", series, evil)
    path = tmp_path / "hostile.xlsx"
    write(sample_book(sheets=(Sheet("hostile", evil, (evil,), table, chart),), title=evil, subject=evil), path)
    workbook = openpyxl.load_workbook(path)
    types = {cell.data_type for sheet in workbook.worksheets for row in sheet.iter_rows() for cell in row}
    assert types == {"s", "n"}
    found = read_back(path).by_column["hostile", "=cmd|' /C calc'!A0", 0]
    assert found.value == "=cmd|' /C calc'!A0"
    sheet, cell = found.cell.split("!")
    assert workbook[sheet][cell].quotePrefix


def table_of(value: object, kind: str = "number", decimals: int = 0) -> Table:
    """Give a table of one value."""
    return Table("t", (Column("Area", "text"), Column("Count", kind, decimals)), (("Blaby", Cell(value)),))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: table_of(Decimal("NaN")), "NaN is not a number"),
        (lambda: table_of(float("inf")), "is a float"),
        (lambda: table_of(True), "is a bool"),
        (lambda: table_of(10**15 + 1), "more digits than Excel keeps"),
        (lambda: table_of(Decimal("1.25"), decimals=1), "not rounded to 1 decimals"),
        (lambda: table_of("1,250"), "neither a number nor a marker"),
        (lambda: table_of("[p] 12"), "neither a number nor a marker"),
        (lambda: table_of(5, kind="text"), "column of text"),
        (lambda: table_of(datetime.date(2014, 4, 2), kind="month"), "first day"),
        (lambda: table_of(datetime.date(2014, 4, 1)), "column of months only"),
        (lambda: table_of(None), "is blank, leave it out"),
        (lambda: Table("t 1", (Column("A", "text"),), (("x",),)), "starts with a letter"),
        (lambda: Table("t", (Column("A", "text"),), ()), "cannot be empty"),
        (lambda: Table("t", (Column("A", "text"), Column("a", "text")), (("x", "y"),)), "two columns are headed"),
        (lambda: Table("t", (Column("A", "text"),), (("x",), ("x ",))), "two rows are labelled 'x'"),
        (lambda: Table("t", (Column("A", "text"),), (("x", "y"),)), "has 2 cells, not 1"),
        (lambda: Link("Here", "javascript:alert(1)"), "neither an https nor a mailto"),
        (lambda: sample_book(sheets=(Sheet("a", "A"),)), "neither a table nor a chart"),
        (lambda: sample_book(sheets=(Sheet("1a", "A", (), table_of(1)),)), "no digit first"),
        (lambda: sample_book(sheets=(Sheet("cover", "A", (), table_of(1)),)), "named 'cover'"),
        (
            lambda: sample_book(sheets=(Sheet("a", "A", (), table_of(1)), Sheet("b", "B", (), table_of(1)))),
            "tables are named",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_where_it_is_declared(make: Callable[[], object], says):
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        make()


def test_unexplained_blanks_and_charts_of_markers_are_refused():
    columns = (Column("Area", "text"), Column("Count", "number"))
    gaps = Table("t", columns, (("Blaby", Cell(1)), ("Melton", Cell(None))))
    with pytest.raises(ValueError, match="blank cells and gives no reason"):
        sample_book(sheets=(Sheet("a", "A", (), gaps),))
    marked = Table("t", columns, (("Blaby", Cell(1)), ("Melton", Cell("[x]"))))
    chart = Chart("C", "Words.", "bar", "a", "Area", (Series("Count", "values", "Count"),), "offences")
    with pytest.raises(ValueError, match="something other than numbers"):
        sample_book(sheets=(Sheet("a", "A", (), marked, chart),))
    with pytest.raises(ValueError, match="which has no table"):
        sample_book(sheets=(Sheet("b", "B", chart=chart),))


# Small parts


def test_markers_are_found_and_all_have_a_meaning():
    assert markers_in(["[p][r]", "none", "[x]", "[zz]", "Rate [u]"]) == ("p", "r", "u", "x")
    assert sorted(SHORTHAND) == ["b", "c", "e", "low", "p", "r", "u", "x", "z"]


@pytest.mark.parametrize(
    ("heading", "lines"),
    [
        ("Count", "Count"),
        ("Rate (per 1,000)", "Rate\n(per 1,000)"),
        ("Rate (per 1,000) [note 1][u]", "Rate\n(per 1,000)\n[note 1][u]"),
        ("Rate\n(per 1,000)", "Rate\n(per 1,000)"),
        ("Rate [u]", "Rate\n[u]"),
    ],
)
def test_units_and_notes_stand_on_lines_of_their_own(heading, lines):
    assert heading_lines(heading) == lines


def test_long_texts_are_split_at_sentences_and_no_wider_than_a_page():
    text = "One short sentence. " + "Another one that is rather longer than the first, " * 4 + "and ends."
    lines = page_lines(text)
    assert " ".join(lines) == text
    assert lines[0] == "One short sentence."
    assert max(text_width(line) for line in lines) <= 108


def test_line_count_follows_words():
    assert line_count("one two three", 60) == 1
    assert line_count("one two three", 8) == 2
    assert line_count("one\ntwo", 60) == 2


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (APRIL, "2014-04-01"),
        (datetime.date(2014, 4, 1), "2014-04-01"),
        (" Blaby ", "Blaby"),
        (14, "14"),
    ],
)
def test_row_labels(value, label):
    assert row_label(value) == label


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (1250, 1250.0, True),
        (Decimal("0.1"), 0.1, True),
        (1 / 3, 0.333333333333333, True),
        (1250, 1251, False),
        (1250, "1250", False),
        (1, True, False),
        (None, None, True),
        (None, 0, False),
        ("", None, True),
        ("[x]", "[x]", True),
        ("_x005F_x000D_", "_x000D_", True),
        ("a\r\nb", "a\nb", True),
        (datetime.date(2014, 4, 1), APRIL, True),
        (datetime.date(2014, 4, 1), MAY, False),
    ],
)
def test_same(first, second, equal):
    assert same(first, second) is equal
    assert same(second, first) is equal


# Read back


def verdicts(original: ReadBack, copy: ReadBack) -> dict[tuple[str, str, int], tuple[str, list[str]]]:
    """Give what is not as it was."""
    compared = {key: copy.verdict(key, found.value) for key, found in original.values().items()}
    return {
        key: (verdict, [one.cell for one in found]) for key, (verdict, found) in compared.items() if verdict != "ok"
    }


def test_every_declared_cell_is_found_by_both_carriers(written):
    book: Book = sample_book("board")
    back = read_back(written["board"])
    assert (back.pack_id_property, back.pack_id_cover) == ("7f3a9c0d12e4b586", "7f3a9c0d12e4b586")
    assert back.by_column == back.by_table
    keys = set()
    for table in (sheet.table for sheet in book.sheets if sheet.table):
        for row in table.rows:
            label = row_label(row[0].value if isinstance(row[0], Cell) else row[0])
            for index, cell in enumerate(row):
                keys.add((table.name, label, index))
                expected = cell.value if isinstance(cell, Cell) else cell
                assert back.verdict((table.name, label, index), expected)[0] == "ok"
    assert {key for key in back.values() if key[0] != "contents"} == keys
    assert back.by_column[BURGLARY].value == 1281
    assert back.by_column[BURGLARY].cell == "burglary!B13"
    assert back.verdict(("burglary", "May 1999", 1), 3) == ("missing", ())


def test_an_edited_number_is_named_by_its_cell(written, tmp_path):
    workbook = openpyxl.load_workbook(written["board"])
    workbook["burglary"]["B13"] = 1300
    workbook["burglary"]["C12"] = "=1+1"
    workbook.save(tmp_path / "edited.xlsx")
    assert verdicts(read_back(written["board"]), read_back(tmp_path / "edited.xlsx")) == {
        BURGLARY: ("changed", ["burglary!B13", "burglary!B13"]),
        ("burglary", "April 2013", 2): ("changed", ["burglary!C12", "burglary!C12"]),
    }


def test_swapped_labels_are_found(written, tmp_path):
    workbook = openpyxl.load_workbook(written["board"])
    sheet = workbook["peers"]
    top = next(iter(sheet.tables.values())).ref.split(":")[0][1:]
    first, second = f"A{int(top) + 1}", f"A{int(top) + 2}"
    sheet[first].value, sheet[second].value = sheet[second].value, sheet[first].value
    workbook.save(tmp_path / "swapped.xlsx")
    changed = verdicts(read_back(written["board"]), read_back(tmp_path / "swapped.xlsx"))
    assert {key: verdict for key, (verdict, _) in changed.items()} == {
        ("peers", "Bedfordshire", 1): "changed",
        ("peers", "Essex", 1): "changed",
    }


def test_a_table_that_was_converted_to_a_range_is_still_read_by_names(written, tmp_path):
    workbook = openpyxl.load_workbook(written["board"])
    del workbook["burglary"].tables["tbl_burglary"]
    del workbook.defined_names["col_peers_1"]
    workbook.save(tmp_path / "range.xlsx")
    back = read_back(tmp_path / "range.xlsx")
    assert verdicts(read_back(written["board"]), back) == {}
    assert BURGLARY not in back.by_table
    assert ("peers", "Essex", 1) not in back.by_column


def test_carriers_that_differ_are_for_a_person_to_look_at(written, tmp_path):
    workbook = openpyxl.load_workbook(written["board"])
    workbook.defined_names["col_burglary_1"].attr_text = "'burglary'!$B$13:$B$25"
    workbook.save(tmp_path / "moved.xlsx")
    found = verdicts(read_back(written["board"]), read_back(tmp_path / "moved.xlsx"))
    assert found[BURGLARY] == ("look", ["burglary!B14", "burglary!B13"])


def test_something_else_than_a_workbook_is_refused(tmp_path):
    (tmp_path / "text.xlsx").write_text("no")
    with pytest.raises(ValueError, match="cannot be read as an Excel workbook"):
        read_back(tmp_path / "text.xlsx")


# Edits made in LibreOffice, the way a board member makes them

LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false"
 library:passwordprotected="false"><library:element library:name="Edits"/></library:library>"""
MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Edits" script:language="StarBasic">
Sub Edit(source As String, target As String)
  Dim hidden(0) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "Hidden"
  hidden(0).Value = True
  doc = StarDesktop.loadComponentFromURL(ConvertToURL(source), "_blank", 0, hidden())
  sheet = doc.Sheets.getByName("burglary")
  sheet.Name = "Our own copy"
  sheet.Rows.insertByIndex(0, 1)
  sheet.Rows.insertByIndex(15, 1)
  sheet.getCellRangeByName("B14").Value = 4711
  Dim field(0) As New com.sun.star.table.TableSortField
  field(0).Field = 1
  field(0).IsAscending = False
  Dim order(0) As New com.sun.star.beans.PropertyValue
  order(0).Name = "SortFields"
  order(0).Value = field()
  doc.Sheets.getByName("peers").getCellRangeByName("@SORTED@").sort(order())
  Dim format(0) As New com.sun.star.beans.PropertyValue
  format(0).Name = "FilterName"
  format(0).Value = "Calc MS Excel 2007 XML"
  doc.storeToURL(ConvertToURL(target), format())
  doc.close(True)
End Sub
</script:module>"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give a way to run LibreOffice with a profile of its own."""
    if not shutil.which("soffice"):
        pytest.skip("LibreOffice is not installed")
    folder = tmp_path_factory.mktemp("office")

    def run(*arguments: object) -> Path:
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = ["soffice", profile, "--headless", "--norestore", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return folder

    return run


def test_a_file_saved_by_libreoffice_reads_the_same(written, office):
    for rendering, path in written.items():
        office("--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", path.parent / "saved", path)
        back = read_back(path.parent / "saved" / path.name)
        assert verdicts(read_back(path), back) == {}, rendering
        assert (back.pack_id_property, back.pack_id_cover) == ("7f3a9c0d12e4b586", "7f3a9c0d12e4b586")
        assert len(back.by_column) == len(back.by_table) == len(read_back(path).by_column)


def test_a_renamed_sheet_inserted_rows_and_a_sort_move_numbers_and_lose_none(written, office, tmp_path):
    folder = office("--convert-to", "pdf", "--outdir", tmp_path, written["board"])  # makes the profile
    basic = folder / "profile" / "user" / "basic" / "Standard"
    basic.mkdir(parents=True, exist_ok=True)
    table = openpyxl.load_workbook(written["board"])["peers"].tables["tbl_peers"].ref
    top, bottom = (int(cell[1:]) for cell in table.split(":"))
    (basic / "script.xlb").write_text(LIBRARY)
    (basic / "Edits.xba").write_text(MODULE.replace("@SORTED@", f"A{top + 1}:B{bottom}"))
    target = tmp_path / "edited.xlsx"
    office(f'macro:///Standard.Edits.Edit("{written["board"]}","{target}")')
    back = read_back(target)
    assert verdicts(read_back(written["board"]), back) == {
        BURGLARY: ("changed", ["Our own copy!B14", "Our own copy!B14"])
    }
    assert back.by_column["peers", "Hertfordshire", 1].cell == f"peers!B{top + 1}"
    assert back.by_column["peers", "Hertfordshire", 1].value == 56.4
