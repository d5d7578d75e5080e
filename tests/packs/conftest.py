"""One frozen office for all tests of packs, copies of it to go on with, and the command line in this process."""

import csv
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pytest
from independent_count import all_crime, count
from integration.offices import Desk, Server, folder_for_server

from monthend import warehouse
from monthend.office import open_office
from monthend.publish.packs import Build, builds
from monthend.sample import street

MONTH, ON = "2025-03", date(2025, 4, 10)  # working day 8; the PDG of 24 April and the Panel of 7 May see it
QUARANTINED, UNKNOWN_PLACE = 3, 5  # rows added to one file: with an e-mail address, with an LSOA that nobody knows

Counts = dict[tuple[str, str, str], int]  # by measure, area and month


class Done(NamedTuple):
    """How the command line ended."""

    code: int
    out: str
    err: str


@dataclass
class Frozen(Desk):
    """An office where March 2025 is frozen, with the ways to its packs."""

    def packs(self) -> dict[str, Build]:
        """The packs by board, the published one as `published`."""
        return {
            build.board if build.rendering == "board" else build.rendering: build
            for build in builds(self.office, MONTH)
        }

    def register(self, build: Build) -> list[dict[str, Any]]:
        """The register of a pack."""
        names = ("table_name", "row_label", "column_number", "column_heading", "sheet", "cell", "kind", "reference")
        columns = (*names, "shown")
        rows = self.rows(f"SELECT {', '.join(columns)} FROM pack.entry WHERE build_id = %s", build.build_id)
        return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of all offices here."""
    with folder_for_server() as folder:
        yield Server(folder)


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-five months of eight forces; in Kent's May 2024 some rows that are quarantined and some that warn."""
    folder = tmp_path_factory.mktemp("inbox")
    street.write(folder, MONTH, 25)
    with (folder / "2024-05/2024-05-kent-street.csv").open("a", encoding="utf-8", newline="") as file:
        start = ["", "2024-05", "Kent Police", "Kent Police", "0.75", "51.27"]
        writer = csv.writer(file, lineterminator="\n")
        for _ in range(QUARANTINED):
            writer.writerow([*start, "On or near someone@example.org", "", "", "Anti-social behaviour", "", ""])
        for _ in range(UNKNOWN_PLACE):
            writer.writerow([*start, "On or near High Street", "E01999999", "Nowhere 1A", "Drugs", "", ""])
    return folder


@pytest.fixture(scope="session")
def counted(inbox: Path) -> Counts:
    """An independent count of the inbox by measure, area and month, without what is quarantined."""
    raw = count(inbox.rglob("*.csv"))
    raw["E23000032", "2024-05", "Anti-social behaviour"] -= QUARANTINED
    single = {(f"open_{re.sub('[ -]', '_', crime.lower())}", area, month): n for (area, month, crime), n in raw.items()}
    return single | {("open_all_crime", area, month): number for (area, month), number in all_crime(raw).items()}


@pytest.fixture(scope="session")
def template(server: Server, inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """March 2025 frozen and published; nobody works here, so that it can be copied at any time."""
    home = tmp_path_factory.mktemp("template") / "home"
    database = server.copy_of(warehouse.DATABASE)
    made = Desk(open_office(home, server.url(database)), server, database)
    outcome = made.run(MONTH, inbox, on=ON)
    assert outcome.needs_person == []
    made.office.engine.dispose()
    return made


def copy_of(template: Desk, home: Path) -> Frozen:
    """Copy an office: its database, what it received, its packs."""
    shutil.copytree(template.office.home / "landing", home / "landing", copy_function=os.link)
    shutil.copytree(template.office.home / "packs", home / "packs")
    database = template.server.copy_of(template.database)
    return Frozen(open_office(home, template.server.url(database)), template.server, database)


@pytest.fixture(scope="session")
def frozen(template: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frozen]:
    """The office where March 2025 is frozen. Only for reading."""
    made = copy_of(template, tmp_path_factory.mktemp("frozen") / "home")
    yield made
    made.office.engine.dispose()


@pytest.fixture
def desk(template: Desk, tmp_path: Path) -> Iterator[Frozen]:
    """A copy of that office, to go on with or to damage."""
    made = copy_of(template, tmp_path / "home")
    yield made
    made.office.engine.dispose()


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Call the command line on an office, in this process."""
    from monthend.cli import main

    def call(desk: Desk, *arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["monthend", *map(str, [*arguments, *desk.where])])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def workbooks(frozen: Frozen) -> dict[str, Any]:
    """The finished workbooks as openpyxl alone reads them."""
    return {name: openpyxl.load_workbook(build.path) for name, build in frozen.packs().items()}
