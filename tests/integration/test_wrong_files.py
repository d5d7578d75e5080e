"""An inbox in which everything has gone wrong at once: each file gets its verdict, the good ones are counted."""

import csv
import html
import io
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import extracts
import pytest
from bad_inputs import CASES
from independent_count import count
from offices import ON, REFERENCE_FILES, STEWARD, Desk, NewDesk, Rows, Server, Street, folder_for_server, monthend
from openpyxl import Workbook

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.freeze.query import frozen_facts
from monthend.office import open_office
from monthend.plan.calendar import add_months
from monthend.receive import stored_path
from monthend.validate.report import report_path

ADDRESS = "zz.secret@example.org"  # a person's, made up
FORCES = ["bedfordshire", "essex", "hampshire", "hertfordshire", "kent", "leicestershire", "nottinghamshire", "sussex"]
PERIODS = ["2024-02", "2024-04", "2024-06", "2024-08", "2024-10", "2024-12"]  # the month after each is free
GOOD = ("2025-01", ["leicestershire", "sussex"])


def with_secrets(headings: list[str]) -> Callable[[Rows], None]:
    """Put the secret under headings of the third row."""

    def change(rows: Rows) -> None:
        rows[2].update(dict.fromkeys(headings, ADDRESS))

    return change


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, 1)


SECRETS: dict[str, Callable[[bytes], bytes]] = {
    "a row short of fields": replaced(b"\n", f"\n{ADDRESS},{ADDRESS}\n".encode()),
    "no headings": lambda content: ADDRESS.encode() + content.partition(b"\n")[2],
    "a heading too many": replaced(b"\n", f",{ADDRESS}\n".encode()),
    "an open quote": replaced(b"\n", f'\n"{ADDRESS},'.encode()),
    "another encoding": replaced(b"\n", f"\n{ADDRESS} caf\xe9,".encode("cp1252")),
    "a NUL": replaced(b"On or near", f"{ADDRESS}\0".encode()),
    "semicolons": lambda content: content.replace(b",", f";{ADDRESS}".encode()),
}


@dataclass
class Aftermath:
    """What the run left: the office, what the command line said, and the file that each case is about."""

    desk: Desk
    done: subprocess.CompletedProcess[str]
    inbox: Path
    files: dict[str, Path]


@pytest.fixture(scope="module")
def aftermath(street: Street) -> Iterator[Aftermath]:
    """One run over one inbox with every case, files with secrets, and the good files of two forces."""
    with folder_for_server() as folder:
        inbox, home = folder / "inbox", folder / "home"
        partitions = iter([(period, force) for period in PERIODS for force in FORCES])
        files = {}
        for name, case in CASES.items():
            (inbox / name).mkdir(parents=True)
            files[name] = case.write(inbox / name, street.file(*next(partitions)))[-1]
        for name, spoil in SECRETS.items():
            path = street.changed(inbox / name, *next(partitions), lambda rows: None)
            path.write_bytes(spoil(path.read_bytes()))
        for heading in ("Month", "Falls within", "Longitude", "Crime type", "Location"):
            street.changed(inbox / heading, *next(partitions), with_secrets([heading]))
        street.inbox(inbox / "good", [GOOD[0]], GOOD[1])
        done = monthend(
            *("run", "--month", "2025-03", "--inbox", inbox, "--signed-off-by", STEWARD, "--on", ON),
            *("--home", home),
            folder=folder,
        )
        desk = Desk(open_office(home), Server(home), warehouse.DATABASE)
        yield Aftermath(desk, done, inbox, files)
        desk.office.engine.dispose()


def test_the_run_ends_in_words_and_with_exit_code_1(aftermath: Aftermath) -> None:
    assert aftermath.done.returncode == 1
    assert aftermath.done.stderr == ""
    assert "Traceback" not in aftermath.done.stdout
    assert list(aftermath.inbox.parent.rglob("monthend-error*.log")) == []


@pytest.mark.parametrize("name", CASES)
def test_each_file_has_its_verdict_and_is_named(aftermath: Aftermath, name: str) -> None:
    case, path = CASES[name], aftermath.files[name]
    lines = [line for line in aftermath.done.stdout.splitlines() if f"{path}:" in line or f"{path}!" in line]
    verdicts = aftermath.desk.rows(
        "SELECT v.verdict FROM quality.validation v JOIN landing.receipt r USING (delivery_id) WHERE r.origin = %s",
        str(path),
    )
    loaded = aftermath.desk.rows(
        "SELECT count(*) FROM reporting.load JOIN landing.receipt r USING (delivery_id) WHERE r.origin LIKE %s",
        f"{path}%",
    )
    if case.expected == "refused":
        refusals = aftermath.desk.rows("SELECT reason FROM landing.refusal WHERE origin = %s", str(path))
        assert len(refusals) == 1
        assert (lines, verdicts, loaded) == ([f"Refused: {path}: {refusals[0][0]}."], [], [(0,)])
    elif case.expected == "ignored":
        assert (lines, verdicts, loaded) == ([f"Left alone: {path}: is still being written."], [], [(0,)])
    else:
        assert verdicts == [(case.expected,)]
        assert loaded == [(0 if case.expected == "blocked" else 1,)]
        starts = {"blocked": [f"Blocked: {path}: "], "quarantined": [f"Quarantined 1 rows: {path}: "]}
        assert len(lines) == len(starts.get(case.expected, []))
        assert all(map(str.startswith, lines, starts.get(case.expected, [])))


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.expected in ("blocked", "quarantined", "warned")]
)
def test_the_check_that_found_it_is_stored(aftermath: Aftermath, name: str) -> None:
    case = CASES[name]
    failed = aftermath.desk.rows(
        "SELECT DISTINCT CASE WHEN check_id = 'G03' AND part = 'file' AND %s = 'reader' THEN 'reader' ELSE check_id END"
        " FROM quality.check_result JOIN quality.validation USING (validation_id)"
        " JOIN landing.receipt r USING (delivery_id) WHERE r.origin = %s AND outcome = 'failed'",
        case.rule,
        str(aftermath.files[name]),
    )
    assert (case.rule,) in failed


def test_the_good_files_are_counted_and_their_month_is_frozen(aftermath: Aftermath) -> None:
    assert aftermath.done.stdout.startswith("2025-03, revision 1: frozen on 10 June 2025.\n")
    counts = count((aftermath.inbox / "good").iterdir())
    printed = monthend(
        *("facts", "--month", "2025-03", "--measure", "open_burglary", "--basis", "month", "--period", GOOD[0]),
        *("--home", aftermath.desk.office.home),
        folder=aftermath.inbox.parent,
    )
    shown = {row["area_code"]: row["value"] for row in csv.DictReader(io.StringIO(printed.stdout))}
    for area in ("E23000021", "E23000033", "E06000016", "E07000135"):
        assert shown[area] == str(counts.get((area, GOOD[0], "Burglary"), 0))
    assert shown["E23000032"] == ""  # Kent's came in none of the files


def test_what_is_due_and_missing_is_named(aftermath: Aftermath) -> None:
    missing = [line for line in aftermath.done.stdout.splitlines() if line.startswith("Missing: ")]
    assert missing == [
        f"Missing: Street-level crime (data.police.uk), January 2025, {force}."
        for force in (
            "Bedfordshire Police", "Essex Police", "Hampshire Constabulary", "Hertfordshire Constabulary",
            "Kent Police", "Nottinghamshire Police",
        )
    ]  # fmt: skip


def test_rows_that_came_in_are_loaded_or_quarantined(aftermath: Aftermath) -> None:
    rows = aftermath.desk.rows(
        "SELECT v.row_count, l.row_count, v.quarantined_count,"
        " (SELECT count(*) FROM reporting.police_uk_street s WHERE s.delivery_id = l.delivery_id),"
        " (SELECT count(DISTINCT row_number) FROM quality.quarantined_row q WHERE q.validation_id = v.validation_id),"
        " (SELECT count(*) FROM reporting.police_uk_street s JOIN quality.quarantined_row q USING (row_number)"
        "  WHERE s.delivery_id = l.delivery_id AND q.validation_id = v.validation_id),"
        " r.origin FROM reporting.load l JOIN quality.validation v USING (validation_id)"
        " JOIN landing.receipt r ON r.delivery_id = l.delivery_id"
        " JOIN landing.delivery d ON d.delivery_id = l.delivery_id WHERE d.feed = 'police_uk_street'"
    )
    assert len(rows) > 10
    assert sum(quarantined for _, _, quarantined, *_ in rows) == 4  # two of the cases, two of the secrets
    for came, loaded, quarantined, stand, numbered, both, origin in rows:
        with Path(origin).open(encoding="utf-8", newline="") as file:
            assert came == sum(1 for _ in csv.DictReader(file)), origin
        assert (loaded + quarantined, stand, numbered, both) == (came, loaded, quarantined, 0), origin


@pytest.mark.parametrize("value", [ADDRESS, "jo.bloggs@example.com", "Burglery"])
def test_no_value_of_a_row_is_anywhere_but_in_the_landing_store(aftermath: Aftermath, value: str) -> None:
    home = aftermath.desk.office.home
    for table, *_ in aftermath.desk.rows(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ):
        statement = f"SELECT count(*) FROM {table} t WHERE position(%s in t::text) > 0"
        assert aftermath.desk.rows(statement, value) == [(0,)], table
    holding = [
        path
        for path in home.rglob("*")
        if path.is_file() and home / "landing" not in path.parents and value.encode() in path.read_bytes()
    ]
    assert holding == []
    assert value not in aftermath.done.stdout + aftermath.done.stderr


@pytest.mark.parametrize("name", ["zip_truncated", "column_missing", "error_page"])
def test_a_wrong_file_that_came_alone_is_named_too(desk: Desk, street: Street, tmp_path: Path, name: str) -> None:
    """Nothing can be frozen then; why is still said."""
    [path] = CASES[name].write(tmp_path, street.file("2025-01", "kent"))
    with pytest.raises(NeedsPerson) as error:
        desk.run("2025-01", tmp_path)
    assert str(path) in str(error.value)
    assert "2025-01: no feed has anything loaded up to this month, so there is nothing to propose." in str(error.value)


def test_a_file_that_was_blocked_under_a_wrong_name_is_taken_under_its_own(
    desk: Desk, street: Street, tmp_path: Path
) -> None:
    content = street.file("2025-01", "kent").read_bytes()
    for number, name in enumerate(("2025-01-essex", "2024-12-kent", "2025-01-kent", "2025-02-kent")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / f"{name}-street.csv").write_bytes(content)
        desk.take_in(tmp_path / str(number))
    found = desk.rows(
        "SELECT d.period, d.area_code, v.verdict, r.outcome FROM quality.validation v JOIN quality.check_result r"
        " USING (validation_id) JOIN landing.delivery d USING (delivery_id) WHERE r.check_id = 'G02'"
        " AND d.feed = 'police_uk_street' ORDER BY d.delivery_id"
    )
    assert found == [
        ("2025-01", "E23000028", "blocked", "passed"),  # Essex: it says Kent inside
        ("2024-12", "E23000032", "blocked", "passed"),
        ("2025-01", "E23000032", "passed", "passed"),
        ("2025-02", "E23000032", "blocked", "failed"),  # it equals what was taken
    ]


WRONG_REFERENCE = [
    ("residents.csv", "E23000021,2011-03-27", "E23000021,2011-02-31"),  # no such day
    ("residents.csv", "2011 Census residents", ""),
    ("residents.csv", "E23000021,", ","),
    ("residents.csv", ",9", ",99999999999999999999"),
    ("lsoa_exact_fit.csv", "E07000223", ""),
    ("lsoa_exact_fit.csv", "E01031349,Adur 001A,E01031349", "E01031349,Adur 001A,"),
    ("areas.csv", "E23000021,", ","),
    ("areas.csv", "E23000002,", "E23000001,"),  # twice
]


def test_wrong_reference_data_is_blocked_and_the_shipped_holds(desk: Desk, tmp_path: Path) -> None:
    shipped = desk.office.declarations.root / "include/reference"
    for number, (name, old, new) in enumerate(WRONG_REFERENCE):
        content = (shipped / name).read_text(encoding="utf-8")
        assert old in content
        path = tmp_path / f"{Path(name).stem}_{number}.csv"
        path.write_text(content.replace(old, new, 1), encoding="utf-8")
    desk.take_in(tmp_path)
    assert desk.rows(
        "SELECT verdict, array_agg(DISTINCT check_id), count(DISTINCT validation_id) FROM quality.validation"
        " JOIN quality.check_result USING (validation_id) WHERE outcome = 'failed' AND action = 'block_feed'"
        " GROUP BY verdict"
    ) == [("blocked", ["R01"], len(WRONG_REFERENCE))]
    assert desk.rows("SELECT count(*) FROM reporting.load") == [(REFERENCE_FILES,)]


def test_newer_reference_data_replaces_the_shipped(server: Server, street: Street, tmp_path: Path) -> None:
    """In a new office they come together, and the newer is no repetition of the shipped."""
    database = server.copy_of(warehouse.DATABASE)
    desk = Desk(open_office(tmp_path / "home", server.url(database)), server, database)
    shipped = desk.office.declarations.root / "include/reference"
    residents = (shipped / "residents.csv").read_text(encoding="utf-8")
    areas = (shipped / "areas.csv").read_text(encoding="utf-8")
    inbox = street.inbox(tmp_path / "inbox", ["2025-01"], ["leicestershire"])
    (inbox / "residents.csv").write_text(f"{residents}E23000021,2023-06-30,mid-2023 estimate,1000000\n", "utf-8")
    (inbox / "areas.csv").write_text(areas.replace(",Leicestershire,", ",Leics,", 1), "utf-8")
    desk.take_in(inbox)
    assert desk.rows("SELECT DISTINCT verdict FROM quality.validation") == [("passed",)]
    desk.freeze("2025-01")
    only = {"area": "E23000021", "basis": "month", "period": "2025-01"}
    [count] = frozen_facts(desk.office, "2025-01", measure="open_all_crime", **only)
    [rate] = frozen_facts(desk.office, "2025-01", measure="open_all_crime_rate", **only)
    assert rate["denominator"] == 1_000_000
    assert rate["value"] == count["value"] / 1000
    assert count["area_name"] == "Leics"
    desk.office.engine.dispose()


# Extracts of the force that are wrong as a whole, each of a period of its own: what spoils it, the check that must
# find it, and what must be said of it beside the file
TIMES = {
    "reported_at": "2013-10-10T09:00:00",
    "recorded_at": "2013-10-10T21:00:00",
    "committed_from": "2013-10-09T20:00:00",
    "committed_to": "2013-10-10T08:00:00",
}
Spoiler = Callable[[Path], Path]


def as_workbook(change: Callable[[Any], object] = lambda sheet: None, **parts: bytes) -> Spoiler:
    """Send the extract as a workbook, with times as Excel has them, after `change`; add `parts` to its container."""

    def spoil(path: Path) -> Path:
        book = Workbook()
        sheet: Any = book.active
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                sheet.append([datetime.fromisoformat(each) if "T" in each[10:11] else each or None for each in row])
        change(sheet)
        path.unlink()
        path = path.with_suffix(".xlsx")
        book.save(path)
        with zipfile.ZipFile(path, "a") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return path

    return spoil


def protected(path: Path) -> Path:
    """What Office writes with a password: an OLE container that holds the encrypted workbook as a stream."""
    path.unlink()
    path = path.with_suffix(".xlsx")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le"))
    return path


def edited(change: Callable[[bytes], bytes]) -> Spoiler:
    def spoil(path: Path) -> Path:
        path.write_bytes(change(path.read_bytes()))
        return path

    return spoil


def renamed(path: Path) -> Path:
    """The extract of two months before, under this month's name."""
    stale = path.with_name("2013-12-leicestershire-crime.csv")
    path.write_bytes(stale.read_bytes())
    return path


def halved(path: Path) -> Path:
    """Half of the rows, beside the control record of all."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: 1 + (len(lines) - 1) // 2]), encoding="utf-8")
    record = "figure,month,area,count\nrows,,,4\nmonth,2013-10,,4\narea,,E06000016,4\n"
    path.with_suffix(".control.csv").write_text(record, encoding="utf-8")
    return path


def of_another_month(path: Path) -> Path:
    """An extract of October and later, under the name of June."""
    return path.rename(path.with_name("2013-06-leicestershire-crime.csv"))


def put(cell: str, value: object) -> Callable[[Any], None]:
    def change(sheet: Any) -> None:
        sheet[cell].number_format = "General"
        sheet[cell].value = value

    return change


ESTATE: dict[str, tuple[Spoiler, str, str]] = {
    "wrong delimiter": (edited(lambda content: content.replace(b",", b";")), "G03", "separated by semicolons, not by"),
    "Windows-1252": (
        edited(lambda content: content.replace(b",LE01,", ",Caf\u00e9,".encode("cp1252"))),
        "G03",
        "The encoding is not UTF-8 (row 1, column beat_code, character 4); it looks like Windows-1252.",
    ),
    "serial dates": (
        edited(lambda content: content.replace(b"2013-10-10T09:00:00", b"41557.375")),
        "G04",
        "Rows 1, 2, 3, 4, column reported_at",
    ),
    "1900": (
        edited(lambda content: content.replace(b"2013-10-09T20:00:00", b"1900-01-01T00:00:00", 1)),
        "G04",
        "Row 1, column committed_from",
    ),
    "duplicate keys": (
        edited(lambda content: content.replace(b"LEI-2013-0000002", b"LEI-2013-0000001")),
        "G07",
        "Rows 1, 2, column crime_ref",
    ),
    "stale": (renamed, "G02", "It equals the file of 2013-12 for E23000021"),
    "wrong month": (of_another_month, "G06", "Rows 1, 2, 3, 4, column recorded_at"),
    "half its rows": (halved, "G05", "Extract and control record differ: rows 2 instead of 4; 2013-10 2 instead of 4"),
    "open quote": (
        edited(lambda content: content.replace(b",LE01,", b',"LE01,', 1)),
        "G03",
        "A quoted field is not closed, or goes over more than one line (row 1, column beat_code)",
    ),
    "macros": (as_workbook(**{"xl/vbaProject.bin": b"x"}), "G13", "The workbook has macros. Copy the values alone"),
    "links": (as_workbook(**{"xl/externalLinks/externalLink1.xml": b"<x/>"}), "G13", "The workbook has links to other"),
    "password": (protected, "G13", "The workbook has a password. Copy the values alone"),
    "formula": (as_workbook(put("C3", "=2+2")), "G13", "Sheet “Sheet”, column ho_code, C3: formulas, not values."),
    "serials in a workbook": (as_workbook(put("G4", 41557.9)), "G13", "Sheet “Sheet”, column recorded_at, G4: plain"),
}  # fmt: skip


@dataclass
class Estate:
    """An office that took in each wrong extract, and what a run says of them."""

    desk: Desk
    said: str
    files: dict[str, Path]


@pytest.fixture(scope="module")
def estate(new_desk: NewDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """One run over good extracts as CSV and as a workbook, and each wrong one under a period of its own."""
    desk, inbox = new_desk(), tmp_path_factory.mktemp("inbox")
    rows = [{"crime_ref": f"LEI-2013-{number:07d}"} | TIMES for number in range(1, 5)]
    files = {
        "good": extracts.write(inbox, "police_crime", "2013-12", rows),
        "good workbook": as_workbook()(extracts.write(inbox, "police_crime", "2014-01", rows)),
    }
    for number, (name, (spoil, _, _)) in enumerate(ESTATE.items(), start=1):
        files[name] = spoil(extracts.write(inbox, "police_crime", add_months("2014-01", number), rows))
    with pytest.raises(NeedsPerson) as error:  # nothing of this month is held, so nothing is frozen
        desk.run("2013-05", inbox)
    yield Estate(desk, str(error.value), files)
    desk.office.engine.dispose()


@pytest.mark.parametrize("name", ESTATE)
def test_a_wrong_extract_is_blocked_in_words_and_its_bytes_are_kept(estate: Estate, name: str) -> None:
    _, check_id, words = ESTATE[name]
    path = estate.files[name]
    [(validation_id, verdict, sha256, loaded)] = estate.desk.rows(
        "SELECT validation_id, verdict, sha256, EXISTS (SELECT FROM reporting.load l WHERE l.delivery_id ="
        " v.delivery_id) FROM quality.validation v JOIN landing.delivery USING (delivery_id)"
        " JOIN landing.receipt USING (delivery_id) WHERE origin = %s",
        str(path),
    )
    assert (verdict, loaded) == ("blocked", False)
    assert stored_path(estate.desk.office, sha256).read_bytes() == path.read_bytes()
    [line] = [line for line in estate.said.splitlines() if line.startswith(f"Blocked: {path}: ")]
    page = html.unescape(report_path(estate.desk.office, validation_id).read_text(encoding="utf-8"))
    [(detail, outcome)] = estate.desk.rows(
        "SELECT detail, outcome FROM quality.check_result WHERE validation_id = %s AND check_id = %s"
        " AND position(%s IN detail) > 0",
        *(validation_id, check_id, words),
    )
    assert outcome == "failed"
    assert detail.rstrip(".") in line
    assert detail in page


def test_a_workbook_is_loaded_as_the_csv_of_it_is(estate: Estate) -> None:
    assert estate.desk.rows(
        "SELECT d.period, v.verdict, array_agg(DISTINCT c.check_id) FILTER (WHERE c.outcome = 'failed'), v.row_count"
        " FROM quality.validation v JOIN landing.delivery d USING (delivery_id) JOIN quality.check_result c"
        " USING (validation_id) WHERE d.feed = 'police_crime' AND v.verdict <> 'blocked'"
        " GROUP BY d.period, v.verdict, v.row_count ORDER BY d.period"
    ) == [("2013-12", "passed", None, 4), ("2014-01", "passed", None, 4)]
    history = estate.desk.rows("SELECT * FROM reporting.police_crime_history WHERE period = '2014-01'")
    assert history == []  # each crime is in the workbook as it was in the CSV, so none has a new state
    assert estate.desk.rows("SELECT count(*) FROM reporting.police_crime_history") == [(4,)]
