"""The command line as other programs call it: what it prints, and how it ends."""

import csv
import io
import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from offices import LAST_MONTH, NEXT_MONTH, ON, STEWARD, Desk, Server, Street, in_process, monthend

from monthend import cli

RUN = ("run", "--month", LAST_MONTH, "--signed-off-by", STEWARD, "--on", ON)


def test_a_run_prints_what_it_came_to_as_json(frozen_run: tuple[Desk, subprocess.CompletedProcess[str]]) -> None:
    desk, done = frozen_run
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    [(digest, seal)] = desk.rows("SELECT digest, seal FROM snapshot.snapshot")
    assert {"month": LAST_MONTH, "revision": 1, "digest": digest, "seal": seal}.items() <= said.items()
    assert (said["needs_person"], said["notes"]) == ([], [])


def test_status_says_where_a_month_stands(frozen: Desk) -> None:
    done = frozen.ask("status", "--month", LAST_MONTH, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    status = json.loads(done.stdout)
    assert [(feed["period"], feed["state"]) for feed in status["feeds"]] == [("2025-01", "in")] * 8
    assert {(row["feed"], row["verdict"]): row["deliveries"] for row in status["verdicts"]}["areas", "passed"] == 1
    assert sum(row["deliveries"] for row in status["verdicts"] if row["feed"] == "police_uk_street") == 118
    [candidate], [snapshot] = status["candidates"], status["snapshots"]
    assert (candidate["answer"], candidate["display_name"], candidate["accepted"]) == ("freeze", "A. Steward", True)
    assert candidate["digest"] == snapshot["digest"]
    assert frozen.rows("SELECT seal FROM snapshot.snapshot") == [(snapshot["seal"],)]
    in_words = frozen.ask("status", "--month", "2025-04").stdout
    assert "Month-end 2025-04\n  due: 8 deliveries, missing: 0\n" in in_words
    assert "Snapshots\n  not frozen\n" in in_words


def test_facts_are_the_same_in_csv_and_json(frozen: Desk) -> None:
    only = ("--area", "E23000021", "--basis", "r12", "--period", "2025-02")
    printed = frozen.ask("facts", "--month", LAST_MONTH, *only)
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert len(rows) == 15 * 2
    assert {(row["area_code"], row["basis"], row["period"]) for row in rows} == {("E23000021", "r12", "2025-02")}
    for option in (("--format", "json"), ("--json",)):
        as_json = json.loads(frozen.ask("facts", "--month", LAST_MONTH, *only, *option).stdout)
        assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in as_json] == rows
    assert [row["measure"] for row in rows] == sorted(row["measure"] for row in rows)
    assert all("." not in row["value"] for row in rows if not row["measure"].endswith("_rate"))
    missing = frozen.ask("facts", "--month", LAST_MONTH, "--area", "E23000032", "--period", "2024-02", "--json")
    assert {(row["value"], row["numerator"], row["mark"]) for row in json.loads(missing.stdout)} == {(None, None, "x")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--month", LAST_MONTH, "--measure", "x"), "--measure x: 2025-03 has no fact for it. Known: open_all_crime, "),
        (("--month", LAST_MONTH, "--area", "E99999999"), "--area E99999999: 2025-03 has no fact for it. Known: "),
        (("--month", "2025-3"), "--month 2025-3: is not a month, YYYY-MM."),
        (("--month", "2025-13"), "--month 2025-13: is not a month, YYYY-MM."),
        (("--month", "March"), "--month March: is not a month, YYYY-MM."),
        (("--month", LAST_MONTH, "--period", "2025-3"), "--period 2025-3: is not a month, YYYY-MM."),
        (("--month", LAST_MONTH, "--basis", "week"), "--basis"),
        ((), "--month"),
    ],
)  # fmt: skip
def test_a_wrong_question_ends_in_2_and_says_why(frozen: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    done = frozen.ask("facts", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_facts_of_a_month_that_is_not_frozen_end_in_1(frozen: Desk) -> None:
    done = frozen.ask("facts", "--month", "2025-04")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "2025-04 is not frozen.\n")
    done = frozen.ask("facts", "--month", LAST_MONTH, "--revision", 2)
    assert (done.returncode, done.stderr) == (1, "2025-03 is not frozen in revision 2.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--signed-off-by", "nobody"), "--signed-off-by nobody: is not a steward in reports/people.yaml.\n"),
        (("--signed-off-by", "b.releaser"), "--signed-off-by b.releaser: is not a steward in reports/people.yaml.\n"),
        (("--on", "tomorrow"), "--on tomorrow: is not a date, YYYY-MM-DD.\n"),
        (("--on", "2025-03-31"), "2025-03 is not over on 31 March 2025: only a month that has ended can be run.\n"),
        (("--declarations", "nowhere"), "--declarations nowhere: is not a directory.\n"),
        (("--inbox", "nowhere"), "--inbox nowhere: there is no such file or folder.\n"),
    ],
)
def test_a_wrong_run_ends_in_2_and_freezes_nothing(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    (desk.office.home.parent / "inbox").mkdir()
    done = desk.ask(*RUN, "--inbox", "inbox", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)
    assert desk.rows("SELECT count(*) FROM snapshot.snapshot") == [(0,)]


def test_a_wrong_declaration_is_named_by_file_line_and_field(desk: Desk, declarations: Path) -> None:
    path = declarations / "include/feeds/police_uk_street.yaml"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("lag_months: 2", "lag_months: two"), encoding="utf-8")
    line = 1 + source.splitlines().index("lag_months: 2")
    (desk.office.home.parent / "inbox").mkdir()
    done = desk.ask(*RUN, "--inbox", "inbox", "--declarations", declarations)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{path}:{line}: lag_months: Input should be a valid integer")
    assert desk.ask("status", "--month", LAST_MONTH, "--declarations", declarations.parent).returncode == 2


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--month", NEXT_MONTH, "--inbox", "inbox"),
        ("restate", "--month", LAST_MONTH, "--reason", "a correction"),
    ],
)
@pytest.mark.parametrize("name", ["boards/pdg", "plan/plan", "glossary"])
def test_a_wrong_declaration_is_found_before_anything_is_received(
    frozen_copy: Desk, street: Street, declarations: Path, command: tuple[str, ...], name: str
) -> None:
    street.inbox(frozen_copy.office.home.parent / "inbox", ["2025-02"], ["kent"])
    path = declarations / "reports" / f"{name}.yaml"
    source = path.read_text(encoding="utf-8")
    path.write_text(f"colour: blue\n{source}", encoding="utf-8")
    state = "SELECT (SELECT count(*) FROM landing.receipt), (SELECT count(*) FROM snapshot.candidate)"
    before = frozen_copy.rows(state)
    done = frozen_copy.ask(*command, "--signed-off-by", STEWARD, "--on", ON, "--declarations", declarations)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{path}:1: colour: Extra inputs are not permitted\n"
    assert frozen_copy.rows(state) == before


@pytest.mark.parametrize("url", ["foo", "postgresql://user:secret@host:port/monthend"])
def test_a_database_that_is_no_url_ends_in_2(tmp_path: Path, url: str) -> None:
    done = in_process("status", "--month", LAST_MONTH, "--database", url, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--database: is not a URL such as postgresql+psycopg://monthend_pipeline@host/monthend.\n"


def test_a_home_that_is_a_file_ends_in_2(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "file"
    path.touch()
    for home, said in ((path, "is not a directory"), (path / "home", f"{path} is not a directory")):
        done = in_process("status", "--month", LAST_MONTH, "--home", home, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"--home {home}: {said}.\n")


def test_what_is_unforeseen_is_kept_in_a_file_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("the details")

    work, temporary = tmp_path.resolve() / "work", tmp_path.resolve() / "temporary"
    work.mkdir()
    monkeypatch.setattr(cli, "open_office", fails)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def said() -> str:
        done = in_process("status", "--month", LAST_MONTH, folder=work)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr.removeprefix("Something unforeseen went wrong (RuntimeError). ")

    assert said() == "The details could not be written anywhere.\n"
    assert list(tmp_path.rglob("*.log")) == []
    for folder in (temporary, work / ".monthend"):
        folder.mkdir()
        words = said()
        [log] = folder.iterdir()
        assert (log.name.startswith("monthend-error-"), log.suffix) == (True, ".log")
        assert words == f"The details are in {log}.\n"
        assert log.read_text(encoding="utf-8").endswith("RuntimeError: the details\n")


def test_a_warehouse_of_a_later_version_is_refused(home: Path) -> None:
    """The embedded one too, which is otherwise brought up to date."""
    server = Server(home)
    with server.connect("monthend") as connection:
        connection.execute("UPDATE public.alembic_version SET version_num = '9999'")
    done = monthend("status", "--month", LAST_MONTH, "--home", home, folder=home.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is at version 9999, this software needs 0008." in done.stderr
