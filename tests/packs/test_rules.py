"""The rules: a good workbook breaks none, and each is broken once on purpose."""

import datetime
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.table import Table as WrittenTable
from openpyxl.worksheet.table import TableStyleInfo
from openpyxl.worksheet.views import Selection
from sample_books import sample_book

from monthend.publish.rules import ADVICE, MANUAL_RULES, RULES, Finding, advise, check
from monthend.publish.workbook import Cell, Column, Sheet, Table, write

GOOD_NAME = "police-and-crime-panel-april-2014.xlsx"
TOP = 10  # the row of headings of the table of burglary, in the published rendering


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a published workbook that breaks no rule."""
    path = tmp_path_factory.mktemp("good") / GOOD_NAME
    write(sample_book("published"), path)
    return path


@pytest.mark.parametrize("rendering", ["board", "published"])
@pytest.mark.parametrize("draft", [False, True])
def test_a_good_workbook_breaks_no_rule(tmp_path, rendering, draft):
    path = tmp_path / GOOD_NAME
    write(sample_book(rendering, draft=draft), path)
    assert check(path, rendering) == []


def test_every_rule_is_checked_advised_or_printed_for_a_person():
    numbers = {"T": 23, "N": 10, "F": 21, "S": 11, "P": 6}
    known = {f"{letter}{number:02}" for letter, count in numbers.items() for number in range(1, count + 1)}
    assert set(RULES) | set(ADVICE) | set(MANUAL_RULES) == known | {"K05", "O11"}
    assert not set(RULES) & set(ADVICE)


def put(name: str, cell: str, value: object) -> Callable[[Any], None]:
    """Give a damage: a value in a cell."""

    def damage(workbook: Any) -> None:
        workbook[name][cell].value = value
        if isinstance(value, str):
            workbook[name][cell].data_type = "s"

    return damage


def look(name: str, cell: str, **parts: object) -> Callable[[Any], None]:
    """Give a damage: a part of a cell's style."""

    def damage(workbook: Any) -> None:
        for part, value in parts.items():
            setattr(workbook[name][cell], part, value)

    return damage


def both(*damages: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Give several damages as one."""

    def damage(workbook: Any) -> None:
        for one in damages:
            one(workbook)

    return damage


def with_sheet(name: str, part: str, value: object) -> Callable[[Any], None]:
    """Give a damage: an attribute of a worksheet, or of a part of it (`a.b`)."""

    def damage(workbook: Any) -> None:
        target = workbook[name]
        *path, last = part.split(".")
        for step in path:
            target = getattr(target, step)
        setattr(target, last, value)

    return damage


def with_table(name: str, part: str, value: object) -> Callable[[Any], None]:
    """Give a damage: an attribute of a worksheet's table."""
    return lambda workbook: setattr(next(iter(workbook[name].tables.values())), part, value)


def heading(name: str, cell: str, index: int, text: str) -> Callable[[Any], None]:
    """Give a damage: a heading, in the cell and in the table."""

    def damage(workbook: Any) -> None:
        workbook[name][cell].value = text
        next(iter(workbook[name].tables.values())).tableColumns[index].name = text

    return damage


def link(name: str, cell: str, text: str, target: str) -> Callable[[Any], None]:
    """Give a damage: a link."""

    def damage(workbook: Any) -> None:
        workbook[name][cell].value = text
        workbook[name][cell].hyperlink = Hyperlink(ref=cell, target=target)
        workbook[name][cell].font = Font(name="Arial", size=12, underline="single", color="FF0000FF")

    return damage


def second_table(workbook: Any) -> None:
    table = WrittenTable(displayName="tbl_second", ref="G10:H12")
    table.autoFilter = None
    for row, values in enumerate((("One", "Two"), ("a", "b"), ("c", "d")), 10):
        for column, value in enumerate(values, 7):
            workbook["burglary"].cell(row, column).value = value
    table._initialise_columns()
    for column, name in zip(table.tableColumns, ("One", "Two"), strict=True):
        column.name = name
    workbook["burglary"].add_table(table)


def chart_beside_table(workbook: Any) -> None:
    chart = BarChart()
    chart.add_data(Reference(workbook["peers"], min_col=2, min_row=7, max_row=14))
    workbook["peers"].add_chart(chart, "D2")


def move_right(workbook: Any) -> None:
    worksheet = workbook["peers"]
    worksheet.move_range("A6:B14", cols=1)
    table = worksheet.tables["tbl_peers"]
    table.ref = "B6:C14"


def blank_row(workbook: Any) -> None:
    for cell in workbook["chart_data"][8]:
        cell.value = None


def filtered(workbook: Any) -> None:
    workbook["burglary"].auto_filter.ref = f"A{TOP}:E23"


def merged(workbook: Any) -> None:
    workbook["burglary"].merge_cells("G2:H2")


def comment(workbook: Any) -> None:
    workbook["burglary"]["B12"].comment = Comment("a text box in VML", "somebody")


def conditional(workbook: Any) -> None:
    rule = CellIsRule(operator="greaterThan", formula=["1300"], fill=PatternFill("solid", bgColor="FFFF0000"))
    workbook["burglary"].conditional_formatting.add("B11:B23", rule)


def without_cover(workbook: Any) -> None:
    del workbook["cover"]


def blank_sheet(workbook: Any) -> None:
    workbook.create_sheet("empty")


def without_property(name: str) -> Callable[[Any], None]:
    """Give a damage: a property of the document that is not set."""
    return lambda workbook: setattr(workbook.properties, name, None)


def active(workbook: Any) -> None:
    workbook.active = 2


def outcomes(damage: Callable[[Any], None]) -> Callable[[Any], None]:
    """Give a damage of the table of burglary as if it were one of outcomes."""
    codes = [put("burglary", f"A{TOP + code}", f"{code} Outcome") for code in range(1, 14)]
    return both(put("burglary", f"A{TOP}", "Outcome type"), *codes, damage)


DAMAGES: list[tuple[str, Callable[[Any], Any]]] = [
    ("T01", lambda workbook: workbook["burglary"].tables.clear()),
    ("T02", with_table("burglary", "displayName", "Table1")),
    ("T02", with_table("burglary", "displayName", "SP10")),
    ("T02", with_table("burglary", "displayName", "tbl_peers")),
    ("T03", merged),
    ("T04", blank_row),
    ("T05", put("burglary", f"B{TOP}", "Crimes")),
    ("T05", put("burglary", f"B{TOP}", "month")),
    ("T05", put("burglary", f"B{TOP}", None)),
    ("T05", with_table("burglary", "headerRowCount", 0)),
    ("T06", look("burglary", "A12", alignment=Alignment(horizontal="left"))),
    ("T06", put("burglary", "E12", "Donaudampfschifffahrtsgesellschaft")),
    ("T06", put("burglary", "B12", 123456789012345)),
    ("T07", with_sheet("burglary", "freeze_panes", "A11")),
    ("T07", filtered),
    ("T08", put("burglary", "E12", None)),
    ("T08", put("burglary", "A4", "Blank cells have a reason.")),
    ("T09", put("burglary", "B12", "[e]")),
    ("T10", put("burglary", "B12", "N/A")),
    ("T10", put("burglary", "E12", "..")),
    ("T10", put("burglary", "E12", "??")),
    ("T11", put("burglary", "C12", 0.004)),
    ("T12", lambda workbook: setattr(workbook["burglary"].row_dimensions[12], "hidden", True)),
    ("T12", lambda workbook: setattr(workbook["burglary"].column_dimensions["B"], "hidden", True)),
    ("T12", with_sheet("chart_data", "sheet_state", "hidden")),
    ("T13", lambda workbook: setattr(workbook["burglary"].column_dimensions["A"], "width", 75)),
    ("T14", put("burglary", "B14", "many")),
    ("T14", put("burglary", "B14", datetime.date(2014, 4, 1))),
    ("T15", look("burglary", "B14", number_format="0.0")),
    ("T15", put("burglary", "B14", 12.5)),
    ("T16", put("burglary", "A14", "Total")),
    ("T17", put("burglary", "D14", "E2300002")),
    ("T17", put("burglary", "E14", "Leicestershire E23000021")),
    ("T18", heading("burglary", f"C{TOP}", 2, "Rate (per 1,000 residents)")),
    ("T18", heading("burglary", f"C{TOP}", 2, "Rate\n[note 1]\n(per 1,000)")),
    ("T19", heading("burglary", f"B{TOP}", 1, "OFFENCES")),
    ("T20", look("burglary", "A12", alignment=Alignment(horizontal="left", wrap_text=True, indent=1))),
    ("T21", put("burglary", "B14", "1,200 to 1,300")),
    ("T21", both(heading("burglary", f"E{TOP}", 4, "Usual range"), put("burglary", "E14", "210 - 260"))),
    ("N01", put("burglary", "A14", "July 2013*")),
    ("N01", look("burglary", "A14", font=Font(name="Arial", size=12, vertAlign="superscript"))),
    ("N02", put("burglary", "A14", "July 2013 [Note 1]")),
    ("N02", put("burglary", "A14", "July 2013 [note 1, 2]")),
    ("N03", put("burglary", "B14", "1,312 [p]")),
    ("N04", put("burglary", "A14", "July 2013 [note 1]")),
    ("N05", put("burglary", "A14", "July 2013 [note 10]")),
    ("N06", put("burglary", "A14", "July 2013 [note 1]")),
    ("N07", put("burglary", "E14", "[P]")),
    ("N07", put("burglary", "E14", "[p, r]")),
    ("N07", put("burglary", "E14", "(p)")),
    ("N08", put("burglary", "E14", "[q]")),
    ("N09", put("burglary", "A9", "Nothing is explained.")),
    ("N09", put("burglary", "E14", "[e]")),
    ("F01", look("burglary", "A14", font=Font(name="Times New Roman", size=12))),
    ("F02", look("burglary", "A14", font=Font(name="Arial", size=9))),
    ("F03", look("burglary", "A14", font=Font(name="Arial", size=12, color="FFB30000"))),
    ("F04", look("burglary", "A14", font=Font(name="Arial", size=12, bold=True, color="FFFFFF00"))),
    ("F05", look("burglary", "G14", fill=PatternFill("solid", fgColor="FFFF0000"))),
    ("F05", conditional),
    ("F06", look("burglary", "A14", fill=PatternFill("solid", fgColor="FFFFFFFF"))),
    ("F06", look("burglary", f"A{TOP}", fill=PatternFill("solid", fgColor="FFE7E6E6"))),
    ("F07", with_table("burglary", "tableStyleInfo", TableStyleInfo(name="TableStyleMedium2", showRowStripes=True))),
    ("F07", look("burglary", "A14", border=Border(bottom=Side(style="thick")))),
    ("F08", look("burglary", "A14", font=Font(name="Arial", size=12, italic=True))),
    ("F08", look("burglary", "A14", font=Font(name="Arial", size=12, underline="single"))),
    ("F09", look("burglary", "A14", alignment=Alignment(textRotation=90, wrap_text=True))),
    ("F10", put("burglary", "A4", "T O T A L of all")),
    ("F11", look("burglary", "B14", alignment=Alignment(horizontal="left", wrap_text=True))),
    ("F11", look("burglary", f"B{TOP}", alignment=Alignment(horizontal="left", wrap_text=True))),
    ("F11", look("burglary", "A14", alignment=Alignment(horizontal="right", wrap_text=True))),
    ("F12", put("burglary", "A1", None)),
    ("F12", look("burglary", "A1", style="Normal")),
    ("F13", with_sheet("burglary", "oddHeader.center.text", "OFFICIAL")),
    ("F13", with_sheet("burglary", "oddFooter.left.text", "page")),
    ("F13", comment),
    ("F14", chart_beside_table),
    ("F16", lambda workbook: setattr(workbook["burglary"]["B14"], "value", "=1+1")),
    ("F17", link("cover", "A3", "https://www.example.org", "https://www.example.org")),
    ("F17", link("cover", "A3", "here", "https://www.example.org")),
    ("F17", link("cover", "A3", "A script", "javascript:alert(1)")),
    ("F17", link("cover", "A3", "The tables of crime", "https://www.example.org/tables.pdf")),
    ("F17", both(link("cover", "A3", "Guide", "https://a.example.org"), link("cover", "A5", "Guide", "https://b.org"))),
    ("F17", put("cover", "A3", "See www.example.org")),
    ("F17", look("contents", "B5", font=Font(name="Arial", size=12))),
    ("F18", put("burglary", "A4", "Recorded on 01/02/2010.")),
    ("F18", put("burglary", "A4", "Recorded on 2010-02-01.")),
    ("F18", put("burglary", "A4", "Recorded in Feb 10.")),
    ("F18", put("burglary", "A4", "Recorded in Jan-Mar 2020.")),
    ("F18", put("burglary", "A14", "Q1 2014")),
    ("F19", put("burglary", "A14", " July 2013")),
    ("S01", with_sheet("burglary", "title", "Burglary rate")),
    ("S01", with_sheet("burglary", "title", "1st")),
    ("S02", blank_sheet),
    ("S03", put("burglary", "A2", "Some words.")),
    ("S03", put("burglary", "A4", None)),
    ("S03", put("burglary", "B4", "beside")),
    ("S04", move_right),
    ("S05", put("burglary", "A30", "Source: police")),
    ("S06", second_table),
    ("S07", without_cover),
    ("S07", put("cover", "B4", "beside")),
    ("S08", put("cover", "A6", "Origin")),
    ("S09", put("contents", "A6", "burglaries")),
    ("S09", lambda workbook: setattr(workbook["contents"]["B6"].hyperlink, "location", "'burglary'!A10")),
    ("P01", without_property("title")),
    ("P01", without_property("language")),
    ("P01", without_property("creator")),
    ("P01", without_property("keywords")),
    ("P02", with_sheet("burglary", "sheet_view.selection", [Selection(activeCell="B4", sqref="B4")])),
    ("P02", with_sheet("burglary", "sheet_view.zoomScale", 85)),
    ("P02", with_sheet("burglary", "sheet_view.topLeftCell", "A20")),
    ("P02", active),
    ("K05", put("burglary", "A14", "SP6")),
    ("K05", put("burglary", "B10", "Serious sexual offences")),
    ("K05", put("burglary", "A1", "Child abuse by month")),
    ("K05", put("burglary", "A4", "SP15 rose by 12 incidents.")),
    ("O11", put("burglary", "A4", "The positive outcome rate rose.")),
    ("O11", outcomes(put("burglary", "A12", "14 Outcome"))),
    ("O11", outcomes(put("burglary", "A4", "Ranked by size."))),
    ("O11", outcomes(look("burglary", "B12", fill=PatternFill("solid", fgColor="326405")))),
    ("O11", outcomes(conditional)),
]


@pytest.mark.parametrize(("rule", "damage"), DAMAGES, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(DAMAGES)])
def test_a_damage_breaks_its_rule(good, tmp_path, rule, damage):
    workbook = openpyxl.load_workbook(good)
    damage(workbook)
    workbook.save(tmp_path / GOOD_NAME)
    assert rule in {finding.rule for finding in check(tmp_path / GOOD_NAME, "published")}


def test_saving_alone_breaks_only_what_openpyxl_loses(good, tmp_path):
    openpyxl.load_workbook(good).save(tmp_path / GOOD_NAME)
    assert [(finding.rule, finding.sheet) for finding in check(tmp_path / GOOD_NAME, "published")] == [
        ("F14", "chart_burglary"),
        ("F14", "chart_peers"),
    ]


def rewrite(source: Path, target: Path, changes: dict[str, Callable[[bytes], bytes]], **added: bytes) -> None:
    """Copy a zip file with some of its parts changed or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, bytes)(old.read(name)))
        for name, content in added.items():
            new.writestr(name, content)


DRAWING = "xl/drawings/drawing1.xml"


@pytest.mark.parametrize(
    ("rule", "changes", "added"),
    [
        ("F13", {DRAWING: lambda xml: xml.replace(b"<graphicFrame>", b"<sp/><graphicFrame>")}, {}),
        ("F14", {DRAWING: lambda xml: xml.replace(b"descr=", b"title=")}, {}),
        ("F14", {DRAWING: lambda xml: xml.replace(b"<graphicFrame>", b"<pic/><graphicFrame>")}, {}),
        ("F15", {}, {"xl/vbaProject.bin": b"macro"}),
        (
            "F15",
            {"[Content_Types].xml": lambda xml: xml.replace(b"spreadsheetml.sheet.main", b"sheet.macroEnabled.main")},
            {},
        ),
    ],
)
def test_a_damage_in_the_zip_breaks_its_rule(good, tmp_path, monkeypatch, rule, changes, added):
    path = tmp_path / GOOD_NAME
    rewrite(good, path, changes, **added)
    if "[Content_Types].xml" in changes or DRAWING in changes:
        # openpyxl may not read such a file; the rules need only its sound parts.
        sound = openpyxl.load_workbook(good)
        monkeypatch.setattr("monthend.publish.inspection.openpyxl.load_workbook", lambda _: sound)
    assert rule in {finding.rule for finding in check(path, "published")}


@pytest.mark.parametrize(
    "name",
    [
        "Police-Panel.xlsx",
        "police_panel.xlsx",
        "police-panel-v2.xlsx",
        "police-panel-final.xlsx",
        "police-panel-" + "x" * 50 + ".xlsx",
    ],
)
def test_a_bad_file_name_breaks_p04(good, tmp_path, name):
    shutil.copy(good, tmp_path / name)
    assert [finding.rule for finding in check(tmp_path / name, "published")] == ["P04"]


def test_every_rule_is_broken_on_purpose():
    broken = {rule for rule, _ in DAMAGES} | {"F15", "P04"}
    assert broken == set(RULES)


@pytest.mark.parametrize(
    "text",
    ["Frozen 13 May 2014.", "M1 Junction 21 and Market 10.", "Apr to Jun 2014", "2025-03-leicestershire-street.csv"],
)
def test_words_that_look_like_dates_break_no_rule(good, tmp_path, text):
    workbook = openpyxl.load_workbook(good)
    workbook["burglary"]["A4"].value = text
    workbook.save(tmp_path / GOOD_NAME)
    assert {finding.rule for finding in check(tmp_path / GOOD_NAME, "published")} == {"F14"}


def test_a_finding_names_sheet_and_cell(good, tmp_path):
    workbook = openpyxl.load_workbook(good)
    workbook["burglary"]["B14"].value = "N/A"
    workbook.save(tmp_path / GOOD_NAME)
    found = check(tmp_path / GOOD_NAME, "published")
    assert Finding("T10", "burglary", "B14", "'N/A' stands for a value: use shorthand", "E") in found


def test_a_board_may_have_charts_beside_tables_frozen_panes_and_filled_headings(tmp_path):
    path = tmp_path / GOOD_NAME
    write(sample_book("board"), path)
    workbook = openpyxl.load_workbook(path)
    workbook["burglary"].freeze_panes = "A12"
    workbook.save(path)
    assert check(path, "board") == []
    assert {finding.rule for finding in check(path, "published")} == {"F06", "F14", "T07"}


def test_a_fill_outside_headings_is_wrong_in_a_board_rendering_too(tmp_path):
    path = tmp_path / GOOD_NAME
    write(sample_book("board"), path)
    workbook = openpyxl.load_workbook(path)
    workbook["burglary"]["A13"].fill = PatternFill("solid", fgColor="FFFF0000")
    workbook.save(path)
    assert [(finding.rule, finding.cell) for finding in check(path, "board")] == [("F06", "A13")]


def test_notes_on_their_sheet_break_no_rule(tmp_path):
    columns = (Column("Area", "text"), Column("Count", "number"))
    rows = (("Blaby [note 1]", Cell(12)), ("Melton [note 2]", Cell(7)))
    notes = Table(
        "notes",
        (Column("Note", "text"), Column("Text", "text")),
        (("[note 1]", "Recorded late."), ("[note 2]", "A small area.")),
    )
    sheets = (
        Sheet("areas", "Offences by area", (), Table("areas", columns, rows)),
        Sheet("notes", "Notes", (), notes),
    )
    path = tmp_path / GOOD_NAME
    write(sample_book("published", sheets=sheets), path)
    assert check(path, "published") == []
    workbook = openpyxl.load_workbook(path)
    workbook["areas"]["A7"].value = "Melton"
    workbook.save(path)
    assert [(f.rule, f.text) for f in check(path, "published")] == [
        ("N05", "[note 2] is defined and never referred to"),
    ]


def test_advice_is_kept_apart(good, tmp_path):
    assert {(finding.rule, finding.sheet) for finding in advise(good, "published")} == {("N10", "burglary")}
    columns = tuple(Column(f"Column {number}", "text") for number in range(13))
    wide = Table("wide", columns, (tuple(f"→ {number}" for number in range(13)),))
    write(sample_book(sheets=(Sheet("wide", "Wide", (), wide),)), tmp_path / GOOD_NAME)
    assert {finding.rule for finding in advise(tmp_path / GOOD_NAME, "published")} == {"T23", "F20"}


def test_something_else_than_a_workbook_is_refused(tmp_path):
    (tmp_path / "text.xlsx").write_text("no")
    with pytest.raises(ValueError, match="cannot be read as an Excel workbook"):
        check(tmp_path / "text.xlsx", "board")
