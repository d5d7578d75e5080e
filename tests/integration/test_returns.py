"""Partners' returns, from the template to the answer, on the sample's Community Safety Partnerships."""

import csv
import dataclasses
import io
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from mailbox_server import Mailbox
from offices import REFERENCE_FILES, Desk, NewDesk
from openpyxl import Workbook, load_workbook

from monthend import form, template
from monthend.deliver import Settings, arm
from monthend.deliver.answer import Fault, _answered, answer
from monthend.errors import NeedsPerson
from monthend.freeze.candidate import propose
from monthend.freeze.verify import verify
from monthend.load import load
from monthend.office import Office
from monthend.plan.calendar import add_months, working_day
from monthend.plan.declarations import ROOT, Declarations
from monthend.receive import receive
from monthend.sample import partners
from monthend.sample import street as public
from monthend.sample.force import Force
from monthend.validate import returns, workbook
from monthend.validate.unreadable import Unreadable
from monthend.validate.validation import validate

QUARTER, ON = "2017-06", date(2017, 7, 7)
FEED = Declarations(ROOT).feeds["csp_return"]
WORDS = " ".join(["We met and agreed what to do."] * 8)  # more than fifty words
CHARNWOOD, MELTON = "community.safety@charnwood.example", "community.safety@melton.example"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The returns of the sample's last quarter: one is missing, two have faults."""
    folder = tmp_path_factory.mktemp("returns")
    partners.write(Force(QUARTER, 1, 0.02), folder, QUARTER, spoilt=True)
    return folder


@pytest.fixture
def live(desk: Desk, mailbox: Mailbox) -> Settings:
    """Live mail through the tests' own server."""
    arm(desk.office, "tests", "the tests' own mail server")
    return Settings("live", environment="tests", host="127.0.0.1", port=mailbox.port, security="none")


def take_in(desk: Desk, *inbox: Path, on: date = ON) -> dict[str, int]:
    """Receive, validate and load; gives each return's delivery by its area."""
    received = receive(desk.office, inbox, on).delivery_ids
    validate(desk.office, received, on)
    load(desk.office, received)
    ids = received[REFERENCE_FILES:]
    return dict(desk.rows("SELECT area_code, delivery_id FROM landing.delivery WHERE delivery_id = ANY(%s)", ids))


def cell_of(slug: str, item: str, column: str, sent: Path) -> str:
    """Where an item's column stands in a return."""
    given = returns.read(sent / f"{QUARTER}-csp-return-{slug}.xlsx", FEED)
    number = given.table["item_code"].to_pylist().index(item) + 1
    return given.cells[number, column]


def filled(path: Path, change: Callable[[Any], None] | None = None, quarter: str = QUARTER) -> Path:
    """A return in which every figure is 12 of 20 and every word is given, after `change` had its sheet."""
    template.write(Declarations(ROOT), FEED, quarter, "E07000130", {}, path)
    workbook: Any = load_workbook(path)
    sheet = workbook[form.SHEET]
    cells = returns.read(path, FEED).cells
    assert FEED.form
    for number, item in enumerate(FEED.form.items, start=1):
        given = {
            "count": {"value": 12},
            "percent": {"numerator": 12, "denominator": 20},
            "text": {"narrative": WORDS},
        }
        for column, value in given[item.unit].items():
            sheet[cells[number, column]] = value
    sheet[cells[1, "signed_by_role"]], sheet[cells[1, "signed_on"]] = "Manager", working_day(add_months(quarter, 1), 4)
    if change:
        change(sheet)
    workbook.save(path)
    return path


def faults(office: Office, delivery_id: int) -> tuple[Fault, ...]:
    """What the newest validation of a return found, in the order of its cells."""
    answered = _answered(office, delivery_id)
    assert answered
    return answered.faults


def attached(mail: EmailMessage) -> bytes:
    """The workbook that goes with a mail."""
    (part,) = mail.iter_attachments()
    return bytes(part.get_content())


def test_every_fault_of_the_sample_is_answered_at_its_cell_and_no_other_cell_is(
    desk: Desk, live: Settings, mailbox: Mailbox, sent: Path
) -> None:
    came = take_in(desk, sent)
    assert len(came) == 8
    told = answer(desk.office, ON, live)
    assert {each.state for each in told} == {"accepted"}
    mails = {mail["To"]: mail for _, mail in mailbox.received}
    assert len(mails) == len(mailbox.received) == 8
    found = {}
    for recipient in (CHARNWOOD, MELTON):
        workbook = load_workbook(io.BytesIO(attached(mails[recipient])))
        slug = recipient.partition("@")[2].removesuffix(".example")
        assert workbook.sheetnames == ["Faults", form.INSTRUCTIONS, form.SHEET, template.CHECKS]
        commented = {
            cell.coordinate: cell.comment.text
            for row in workbook[form.SHEET]
            for cell in row
            if cell.comment is not None
        }
        assert [row[0].value for row in workbook["Faults"].iter_rows(min_row=3)] == list(commented)
        found |= {(slug, cell): text[-4:-1] for cell, text in commented.items()}
    assert found == {(e.slug, cell_of(e.slug, e.item, e.column, sent)): e.check_id for e in partners.SPOILT}
    assert len(found) == 9
    clean = [mail for recipient, mail in mails.items() if recipient not in (CHARNWOOD, MELTON)]
    assert {mail["Subject"].rpartition(": ")[2] for mail in clean} == {"taken, with thanks"}
    assert [list(mail.iter_attachments()) for mail in clean] == [[]] * 6
    answer(desk.office, ON, live)
    assert len(mailbox.received) == 8


def test_nothing_but_the_faulty_rows_is_kept_out(desk: Desk, sent: Path) -> None:
    take_in(desk, sent)
    items = len(FEED.form.items) if FEED.form else 0
    rows = dict(desk.rows("SELECT sender, count(*) FROM reporting.csp_return_at(1000) GROUP BY 1"))
    assert sorted(rows.values()) == [items - 4, items - 4, *[items] * 6]
    assert rows["E07000130"] == rows["E07000133"] == items - 4


def test_what_is_said_in_place_of_a_figure_is_a_coded_reason_and_never_nought(desk: Desk, sent: Path) -> None:
    take_in(desk, sent)
    slugs = {area.slug: area.code for area in FEED.areas}
    said = {
        (code, item): (value, reason)
        for code, item, value, reason in desk.rows(
            "SELECT sender, item_code, value, missing_reason FROM reporting.csp_return_at(1000)"
            " WHERE missing_reason IS NOT NULL"
        )
    }
    assert said == {
        (slugs["blaby"], "tenancies_kept"): (None, "not_yet_available"),
        (slugs["harborough"], "treatment_referrals"): (None, "not_yet_available"),
        (slugs["leicester"], "offenders_managed"): (None, "lagged"),
        (slugs["north-west-leicestershire"], "homes_secured"): (None, "nothing_new"),
        (slugs["rutland"], "return_interviews"): (None, "not_applicable"),
        (slugs["hinckley-and-bosworth"], "hate_reports"): (None, "not_given"),
    }


def put(address: str, value: Any, number_format: str = "General") -> Callable[[Any], None]:
    """A change that puts a value into a cell."""

    def change(sheet: Any) -> None:
        sheet[address].value, sheet[address].number_format = value, number_format

    return change


def total(sheet: Any) -> None:
    sheet.append(["Total", *[None] * 7, 999])


def hide(sheet: Any) -> None:
    sheet.row_dimensions[12].hidden = True


FAULTY: dict[str, tuple[Callable[[Any], None], str, str, str]] = {
    # what was changed, the cell that is named, the check and part
    "words for a figure": (put("I10", "around twelve"), "I10", "G13", "value"),
    "two figures": (put("I10", "YTD - 10904 / Oct - Dec -3584"), "I10", "G13", "value"),
    "a figure with its period": (put("I10", "Apr-Sep 13 - 7320"), "I10", "G13", "value"),
    "a percentage": (put("I10", -0.2381, "0.00%"), "I10", "G13", "value"),
    "a number as text": (put("I10", "12"), "I10", "G13", "value"),
    "a separator": (put("I10", "1,204"), "I10", "G13", "value"),
    "a formula": (put("I10", "=6+6"), "I10", "G13", "value"),
    "an error value": (put("I10", "#N/A"), "I10", "G13", "value"),
    "a date": (put("I10", date(2017, 6, 12), "yyyy-mm-dd"), "I10", "G13", "value"),
    "a dash": (put("I10", "-"), "I10", "G13", "value"),
    "below zero": (put("I10", -3), "I10", "G13", "value"),
    "half a person": (put("I10", 12.5), "I10", "G13", "whole"),
    "a figure for words": (put("I11", 3), "I11", "G13", "no figure"),
    "a percentage that its parts do not give": (put("I26", 61), "I26", "P04", "rate"),
    "a part above its whole": (put("J26", 21), "J26", "P04", "within"),
    "a denominator of zero": (put("K26", 0), "K26", "P04", "whole"),
    "a part without its whole": (put("K26", None), "K26", "P03", "denominator of a percent"),
    "a figure and a reason": (put("L10", "Not collected"), "I10", "P03", "value or reason"),
    "a reason of one's own": (put("L11", "Ask us"), "L11", "P03", "reason"),
    "a December figure": (put("G10", date(2016, 12, 31), "yyyy-mm-dd"), "F10", "G06", "order"),
    "another quarter's figure": (put("G10", date(2017, 7, 31), "yyyy-mm-dd"), "G10", "P02", "end"),
    "a word for a part": (put("J26", "most"), "J26", "G13", "numerator"),
    "a word for a whole": (put("K26", "all"), "K26", "G13", "denominator"),
    "a formula for words": (put("M11", "=A11"), "M11", "G13", "narrative"),
    "an error value for a source": (put("N10", "#REF!"), "N10", "G13", "source_system"),
    "an item that stands twice": (put("A12", "early_help_referrals"), "A12", "G07", ""),
    "no priority": (put("C10", None), "C10", "G10", "sp given"),
    "no first day": (put("F10", None), "F10", "G10", "item_period_start given"),
    "an e-mail address for a figure": (put("I10", "a.bloggs@charnwood.example"), "I10", "G09", "value"),
    "no date": (put("G10", "last quarter"), "G10", "G04", "item_period_end"),
    "an e-mail address": (put("M11", "Ask j.bloggs@charnwood.example."), "M11", "G09", "narrative"),
    "a postcode": (put("M11", "At LE11 2TX twice."), "M11", "G09", "narrative"),
    "a name": (put("M11", "Mrs Bloggs came."), "M11", "G09", "narrative"),
    "a telephone number": (put("N10", "01509 634500"), "N10", "G09", "source_system"),
    "a name in place of a role": (put("B7", "Mr Bloggs"), "B7", "G09", "signed_by_role"),
    "few words": (put("M11", "We met."), "M11", "P07", "fifty words"),
    "a number where none is cited": (put("M20", f"{WORDS} It helped 12."), "M20", "K05", "no number"),
    "no signature": (put("B7", None), "B7", "P07", "signed"),
    "signed off after it came": (put("B8", date(2017, 8, 1), "yyyy-mm-dd"), "B8", "G06", "signed_on"),
    "a date as Excel's serial number": (put("B8", 42948), "B8", "G04", "signed_on"),
    "an item that there is not": (put("A10", "cases_of_gin"), "A10", "G13", "no item"),
    "another unit": (put("D10", "percent"), "A10", "G03", "as asked"),
    "a total": (total, "A35", "G13", "no item"),
    "a hidden row": (hide, "A12", "G13", "hidden"),
    "a hidden column": (lambda sheet: setattr(sheet.column_dimensions["I"], "hidden", True), "I10", "G13", "hidden"),
    "merged cells": (lambda sheet: sheet.merge_cells("I12:I13"), "I12", "G13", "merged"),
    "a note beside": (put("P10", "see my e-mail"), "P10", "G13", "beside"),
    "a row that is gone": (lambda sheet: sheet.delete_rows(34), "A9", "G13", "gone"),
}


@pytest.fixture(scope="module")
def found_in(new_desk: NewDesk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str, str]]]:
    """What is found in a return of each of the faults above: cell, check, part; and in one without any."""
    found, desk = {}, new_desk()
    folder = tmp_path_factory.mktemp("faulty")
    for name, change in {"none": None, **{key: each[0] for key, each in FAULTY.items()}}.items():
        path = filled(folder / "2017-06-csp-return-charnwood.xlsx", change)
        (delivery_id,) = take_in(desk, path).values()
        found[name] = [(each.cell, each.check_id, each.part) for each in faults(desk.office, delivery_id)]
    desk.office.engine.dispose()
    return found


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_found_at_its_cell(name: str, found_in: dict[str, list[tuple[str, str, str]]]) -> None:
    assert FAULTY[name][1:] in found_in[name]


@pytest.mark.parametrize("name", ["a total", "a row that is gone", "a hidden row", "a note beside"])
def test_of_a_row_that_stands_wrong_nothing_else_is_said(
    name: str, found_in: dict[str, list[tuple[str, str, str]]]
) -> None:
    assert found_in[name] == [FAULTY[name][1:]]


def test_a_return_without_a_fault_has_none(found_in: dict[str, list[tuple[str, str, str]]]) -> None:
    assert found_in["none"] == []


OTHERS: dict[str, tuple[Callable[[Any], None], str]] = {
    "an old form": (put("B4", 0), "this is not version 1 of the form, which is in use"),
    "another form": (put("B3", "yos_return"), "this is not the form csp_return"),
    "another area's": (put("B6", "E07000133"), "The return is of the area that its file is named for."),
    "another quarter's": (put("B5", "2017-03"), "The return is of the quarter that its file is named for."),
    "a heading that was changed": (put("I9", "Number"), "missing: Figure"),
    "two forms": (lambda sheet: sheet.parent.copy_worksheet(sheet), "2 sheets have the form's headings"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_form_is_named_as_such_and_nothing_of_it_is_taken(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox, name: str
) -> None:
    change, words = OTHERS[name]
    (delivery_id,) = take_in(desk, filled(tmp_path / "2017-06-csp-return-charnwood.xlsx", change)).values()
    assert words in " ".join(fault.wrong for fault in faults(desk.office, delivery_id))
    assert desk.rows("SELECT * FROM reporting.csp_return") == []
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    text = mail.get_body(("plain",)).get_content()
    assert "Nothing of it is taken until it is put right." in text
    assert words in " ".join(text.split())


def rewritten(source: Path, target: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a workbook with a part changed, or made where there is none."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        for name in {*before.namelist(), part}:
            content = before.read(name) if name in before.namelist() else b""
            after.writestr(name, change(content) if name == part else content)
    return target


FORM_PART = "xl/worksheets/sheet2.xml"


def formatted(content: bytes) -> bytes:
    rows = b"".join(b'<row r="%d"><c r="A%d" s="1"/></row>' % (row, row) for row in range(35, 2**20 + 1))
    return content.replace(b"</sheetData>", rows + b"</sheetData>")


def bloated(content: bytes) -> bytes:
    row = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>' + b"x" * 60_000 + b"</t></is></c></row>"
    return content.replace(b"</sheetData>", b"".join(row % (n, n) for n in range(35, 1085)) + b"</sheetData>")


HOSTILE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a million formatted rows": (FORM_PART, formatted, "formatted or filled in far below the form"),
    "60 MB unpacked": (FORM_PART, bloated, "The workbook has a part of 60 MB that no extract needs."),
    "macros": ("xl/vbaProject.bin", lambda _: b"macros", "The workbook has macros."),
    "external links": ("xl/externalLinks/externalLink1.xml", lambda _: b"<a/>", "links to other workbooks"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_return_is_refused_within_little_memory_and_answered_in_words(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox, name: str
) -> None:
    part, change, words = HOSTILE[name]
    good = filled(tmp_path / "good.xlsx")
    path = rewritten(good, tmp_path / "2017-06-csp-return-charnwood.xlsx", part, change)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable, match=words):
        returns.read(path, FEED)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    take_in(desk, path)
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    assert words in " ".join(mail.get_body(("plain",)).get_content().split())
    assert list(mail.iter_attachments()) == []


def test_a_return_with_a_password_is_answered(desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox) -> None:
    path = tmp_path / "2017-06-csp-return-charnwood.xlsx"
    path.write_bytes(workbook.OLE + bytes(512) + workbook.PASSWORD)
    take_in(desk, path)
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    assert "The workbook has a password." in mail.get_body(("plain",)).get_content()


def test_nine_returns_are_loaded_at_once_while_a_month_is_proposed(desk: Desk, tmp_path: Path) -> None:
    partners.write(Force(QUARTER, 1, 0.02), tmp_path, QUARTER, spoilt=False)
    received = receive(desk.office, [tmp_path], ON).delivery_ids[REFERENCE_FILES:]
    validate(desk.office, received, ON)
    (tmp_path / "street").mkdir()
    public.write_month(tmp_path / "street", "2017-04", 0)  # something to propose
    desk.take_in(tmp_path / "street")
    with ThreadPoolExecutor(10) as pool:
        proposed = pool.submit(propose, desk.office, QUARTER, ON, None)
        loads = [pool.submit(load, desk.office, [delivery_id]) for delivery_id in received]
        assert sorted(each.result()[0] for each in loads) == sorted(received)
        candidate = proposed.result()
    numbers = [number for (number,) in desk.rows("SELECT load_number FROM reporting.load ORDER BY 1")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == REFERENCE_FILES + 8 + 9
    held = desk.rows("SELECT count(*) FROM reporting.current_delivery('csp_return', %s)", candidate.load_number)
    assert 0 <= held[0][0] <= 9
    snapshot = desk.freeze(QUARTER, on=ON)
    sealed = desk.rows("SELECT load_number FROM snapshot.candidate WHERE candidate_id = %s", snapshot.candidate_id)
    assert sealed == [(numbers[-1],)]
    assert verify(desk.office, QUARTER) == []


def test_a_return_that_is_sent_again_says_what_it_puts_right(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    path = tmp_path / "2017-06-csp-return-charnwood.xlsx"

    def two(sheet: Any) -> None:
        sheet["I10"], sheet["I12"] = "NYA?", "many"

    for on, change in ((ON, two), (date(2017, 7, 10), put("I12", "many")), (date(2017, 7, 11), None)):
        take_in(desk, filled(path, change), on=on)
        answer(desk.office, on, live)
    texts = [" ".join(mail.get_body(("plain",)).get_content().split()) for _, mail in mailbox.received]
    assert len(texts) == 3
    assert "2 things are to be put right." in texts[0]
    assert "Compared with the return of 7 July 2017, which it replaces: 1 put right, 1 not yet, 0 new." in texts[1]
    assert "Compared with the return of 10 July 2017, which it replaces: 1 put right, 0 not yet, 0 new." in texts[2]
    assert "Young people referred to early help: 12" in texts[2]
    assert "Victims asked by the partnership who were satisfied: 12 of 20" in texts[2]


def test_nothing_but_comments_and_a_first_sheet_is_changed(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    path = filled(tmp_path / "2017-06-csp-return-charnwood.xlsx", put("I10", "many"))
    take_in(desk, path)
    answer(desk.office, ON, live)
    before, after = load_workbook(path), load_workbook(io.BytesIO(attached(mailbox.received[0][1])))
    assert after.sheetnames == ["Faults", *before.sheetnames]
    for sheet in before.worksheets:
        same = after[sheet.title]
        assert [[cell.value for cell in row] for row in sheet] == [[cell.value for cell in row] for row in same]
        assert sheet.protection.sheet == same.protection.sheet
        assert len(sheet.data_validations.dataValidation) == len(same.data_validations.dataValidation)
    assert [cell.coordinate for row in after[form.SHEET] for cell in row if cell.comment] == ["I10"]


def test_a_commented_workbook_can_be_put_right_and_sent_back(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    path = filled(tmp_path / "2017-06-csp-return-charnwood.xlsx", put("I10", "many"))
    take_in(desk, path)
    answer(desk.office, ON, live)
    path.write_bytes(attached(mailbox.received[0][1]))
    book = load_workbook(path)
    book[form.SHEET]["I10"], book[form.SHEET]["I12"] = 12, "few"
    book.save(path)
    later = date(2017, 7, 10)
    take_in(desk, path, on=later)
    answer(desk.office, later, live)
    again = load_workbook(io.BytesIO(attached(mailbox.received[1][1])))
    assert again.sheetnames == ["Faults", form.INSTRUCTIONS, form.SHEET, template.CHECKS]
    assert [cell.coordinate for row in again[form.SHEET] for cell in row if cell.comment] == ["I12"]
    assert [row[0].value for row in again["Faults"].iter_rows(min_row=3)] == ["I12"]


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_a_return_that_libreoffice_saved_reads_the_same(tmp_path: Path, sent: Path) -> None:
    for slug in ("charnwood", "melton", "leicester"):
        source = sent / f"{QUARTER}-csp-return-{slug}.xlsx"
        command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "xlsx"]
        subprocess.run([*command, "--outdir", tmp_path, source], check=True, capture_output=True, timeout=120)
        one, other = returns.read(source, FEED), returns.read(tmp_path / source.name, FEED)
        assert one.table.to_pylist() == other.table.to_pylist()
        assert one.cells == other.cells


def test_the_template_is_the_same_each_time_and_has_what_was_given_before(
    desk: Desk, tmp_path: Path, sent: Path
) -> None:
    take_in(desk, filled(tmp_path / "2017-03-csp-return-charnwood.xlsx", put("I10", "NYA"), quarter="2017-03"))
    out = [tmp_path / "one.xlsx", tmp_path / "two.xlsx"]
    for each in out:
        done = desk.ask("template", "csp_return", each, "--quarter", "2017-Q1", "--area", "E07000130")
        assert done.returncode == 0, done.stderr
    assert out[0].read_bytes() == out[1].read_bytes()
    sheet = load_workbook(out[0])[form.SHEET]
    assert [sheet[f"B{row}"].value for row in range(3, 7)] == ["csp_return", 1, "2017-06", "E07000130"]
    before = {sheet.cell(row, 1).value: sheet.cell(row, 8).value for row in range(10, 35)}
    assert before["early_help_referrals"] == "Not yet available"
    assert before["victims_satisfied"] == "12 of 20"
    assert before["hate_reports"] == "12"


def test_the_command_line_answers_too_and_once(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONTHEND_MAIL_MODE", raising=False)  # an outbox of files
    take_in(desk, filled(tmp_path / "2017-06-csp-return-charnwood.xlsx"))
    done = desk.ask("answer", "--on", ON.isoformat())
    assert (done.returncode, done.stdout.split(":")[0]) == (0, CHARNWOOD), done.stderr
    assert desk.ask("answer", "--on", ON.isoformat()).returncode == 0
    assert len(list((desk.office.home / "outbox/notices").glob("*.eml"))) == 1
    assert desk.ask("answer", "--on", "2017-07-08").stdout == ""


def test_a_return_that_is_no_workbook_is_held_against_the_same_checks(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    columns = [column.heading for column in FEED.columns]
    row = {
        "csp_code": "E07000130", "return_period": QUARTER, "sp": "SP1", "item_code": "early_help_referrals",
        "item_period_start": "2017-04-01", "item_period_end": "2017-06-30", "basis": "discrete", "value": "12",
        "unit": "count", "signed_by_role": "Manager", "signed_on": "2017-07-06",
    }  # fmt: skip
    changes: tuple[dict[str, str], ...] = (
        {},
        {"item_code": "gin", "value": "3"},
        {"item_code": "asb_cases", "sp": "SP8", "value": "1,204"},
        {"item_code": "hate_reports", "sp": "SP7", "value": ""},
        {"item_code": "homes_secured", "sp": "SP11", "item_period_start": "2017-03-31"},
        {"item_code": "sp1_work", "unit": "text", "value": ""},
    )
    path = tmp_path / "2017-06-csp-return-charnwood.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(row | change for change in changes)
    (delivery_id,) = take_in(desk, path).values()
    assert [(f.cell, f.check_id, f.part) for f in faults(desk.office, delivery_id)] == [
        ("row 2, item_code", "G03", "item"),
        ("row 3, value", "G13", "value"),
        ("row 4, value", "P03", "figure"),
        ("row 5, item_period_start", "P02", "start"),
        ("row 6, narrative", "P07", "words"),
    ]
    assert desk.rows("SELECT item_code, value FROM reporting.csp_return") == [("early_help_referrals", 12)]
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    assert list(mail.iter_attachments()) == []
    assert "row 3, value: Cases of anti-social behaviour" in " ".join(mail.get_body(("plain",)).get_content().split())


def plain(path: Path, feed: str, rows: list[dict[str, Any]]) -> Path:
    """A return that has no form: the feed's headings and rows on a sheet."""
    book = Workbook()
    sheet: Any = book.active
    headings = [column.heading for column in Declarations(ROOT).feeds[feed].columns]
    sheet.append(headings)
    for row in rows:
        sheet.append([row.get(heading) for heading in headings])
    book.save(path)
    return path


def treatment(**changes: Any) -> list[dict[str, Any]]:
    same = {
        "area": "Rutland", "period": "2017-03", "window_start": date(2015, 10, 1), "window_end": date(2016, 9, 30),
        "in_treatment": 90, "completed": 20, "re_presented": 2,
    }  # fmt: skip
    rows = [same | {"substance": substance} for substance in ("opiate", "non-opiate", "alcohol")]
    return [rows[0], rows[1] | changes, rows[2]]


def test_a_return_without_a_form_is_answered_at_its_cells_too(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    path = tmp_path / "2017-03-rutland-substance-misuse.xlsx"
    take_in(desk, plain(path, "substance_misuse", treatment(completed=91, window_end=date(2016, 12, 31))))
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    assert mail["To"] == "treatment@publichealth.example"
    book = load_workbook(io.BytesIO(attached(mail)))
    commented = {cell.coordinate: cell.comment.text for row in book["Sheet"] for cell in row if cell.comment}
    assert {cell: text[-4:-1] for cell, text in commented.items()} == {"E3": "D01", "G3": "D01"}
    assert [[cell.value for cell in row[:2]] for row in book["Faults"].iter_rows(min_row=3)] == [
        ["E3", "Rutland, 2017-03, non-opiate"], ["G3", "Rutland, 2017-03, non-opiate"],
    ]  # fmt: skip
    later = date(2017, 7, 10)
    take_in(desk, plain(path, "substance_misuse", treatment()), on=later)
    answer(desk.office, later, live)
    text = " ".join(mailbox.received[1][1].get_body(("plain",)).get_content().split())
    assert "which it replaces: 2 put right, 0 not yet, 0 new." in text
    assert (
        "Rutland, 2017-03, non-opiate: window start 1 October 2015; window end 30 September 2016; in treatment 90; "
        "completed 20; came back 2" in text
    )
    assert [mail["Subject"].partition(":")[0] for _, mail in mailbox.received] == ["OFFICIAL-SENSITIVE"] * 2


def test_a_receipt_is_in_words(desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox) -> None:
    asked = {"wave": "2017-03", "question_id": "confidence", "question_text": "Do you have confidence in the police?"}
    rows = [
        asked | {"base_unweighted": 1012, "value": 71.5, "design_effect": 1.4, "csp_code": code}
        for code in (None, "E07000129")
    ]
    take_in(desk, plain(tmp_path / "2017-03-leicestershire-survey-confidence.xlsx", "survey_confidence", rows))
    answer(desk.office, ON, live)
    ((_, mail),) = mailbox.received
    assert mail["Subject"].startswith("OFFICIAL: ")
    text = " ".join(mail.get_body(("plain",)).get_content().split())
    said = "question Do you have confidence in the police?; answered 1012; percent 71.5; design effect 1.4"
    assert f"- 2017-03, confidence: {said}" in text
    assert f"- 2017-03, confidence, Blaby: {said}" in text


def test_a_sensitive_answer_is_not_redirected_to_strangers(desk: Desk, tmp_path: Path, live: Settings) -> None:
    take_in(desk, plain(tmp_path / "2017-03-rutland-substance-misuse.xlsx", "substance_misuse", treatment()))
    trial = dataclasses.replace(live, mode="redirect", redirect_to="trial@elsewhere.example")
    with pytest.raises(NeedsPerson, match=r"OFFICIAL-SENSITIVE, and the domain of trial@elsewhere\.example is none of"):
        answer(desk.office, ON, trial)
    assert desk.rows("SELECT count(*) FROM delivery.notice") == [(0,)]
    (told,) = answer(desk.office, ON, dataclasses.replace(trial, redirect_to="trial@opcc.example"))
    assert told.state == "accepted"


def test_rows_of_people_are_not_answered(desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox) -> None:
    partners.write_monthly(1, tmp_path, QUARTER)
    take_in(desk, tmp_path)
    answer(desk.office, ON, live)
    assert [mail["To"] for _, mail in mailbox.received] == ["mental.health@partnership.example"]


def test_what_was_not_answered_on_its_day_is_answered_within_the_week(
    desk: Desk, tmp_path: Path, live: Settings, mailbox: Mailbox
) -> None:
    take_in(desk, filled(tmp_path / f"{QUARTER}-csp-return-charnwood.xlsx"))
    take_in(
        desk, filled(tmp_path / "2017-03-csp-return-charnwood.xlsx", quarter="2017-03")
    )  # not of the newest quarter
    assert answer(desk.office, date(2017, 7, 15), live) == []
    for day in (13, 14):
        answer(desk.office, date(2017, 7, day), live)
    ((_, mail),) = mailbox.received
    assert "Community Safety Partnerships, June 2017, Charnwood: taken, with thanks" in mail["Subject"]


def test_there_is_no_template_of_a_feed_without_a_form(desk: Desk, tmp_path: Path) -> None:
    done = desk.ask("template", "yos_return", tmp_path / "out.xlsx", "--quarter", "2017-Q1", "--area", "E06000016")
    assert done.returncode == 2
    assert "yos_return: it has no form to fill in; its columns are in include/feeds/yos_return.yaml." in done.stderr
    assert list(tmp_path.iterdir()) == []
