"""Offices that integration tests ask for."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailbox_server import Mailbox, serving
from offices import (
    LAST_MONTH,
    MONTHS,
    NEXT_MONTH,
    NOT_HELD,
    ON,
    STEWARD,
    Desk,
    NewDesk,
    Rows,
    Server,
    Street,
    folder_for_server,
)

from monthend import warehouse
from monthend.office import open_office
from monthend.sample.street import write as write_street_files


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """Sixteen months of eight forces, to April 2025; each third row, which is enough here."""
    whole, thinned = Street(tmp_path_factory.mktemp("whole")), tmp_path_factory.mktemp("street")
    for path in write_street_files(whole.folder, NEXT_MONTH, MONTHS + 1):
        period, _, force = path.stem.removesuffix("-street").rpartition("-")

        def thin(rows: Rows) -> None:
            rows[:] = rows[::3]

        whole.changed(thinned / period, period, force, thin)
    return Street(thinned)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server, with an empty migrated database named as in an office."""
    with folder_for_server() as folder:
        yield Server(folder)


@pytest.fixture(scope="session")
def new_desk(server: Server, tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    """Make a new office: a copy of another one, by default of one that holds the reference data and nothing else."""

    def empty() -> Desk:
        database = server.copy_of(warehouse.DATABASE)
        return Desk(open_office(tmp_path_factory.mktemp("office") / "home", server.url(database)), server, database)

    stocked = empty()
    assert stocked.take_in() == []

    def new(template: Desk = stocked, declarations: Path | None = None) -> Desk:
        template.office.engine.dispose()
        home = tmp_path_factory.mktemp("office") / "home"
        shutil.copytree(template.office.home / "landing", home / "landing", copy_function=os.link)
        database = server.copy_of(template.database)
        return Desk(open_office(home, server.url(database), declarations), server, database)

    return new


@pytest.fixture
def desk(new_desk: NewDesk) -> Iterator[Desk]:
    """An office that holds the reference data and nothing else."""
    made = new_desk()
    yield made
    made.office.engine.dispose()


@pytest.fixture(scope="session")
def frozen_run(new_desk: NewDesk, street: Street) -> tuple[Desk, subprocess.CompletedProcess[str]]:
    """March 2025 frozen by the command line from fifteen months with two gaps, and what it said."""
    made = new_desk()
    inbox = made.office.home.parent / "inbox"
    shutil.copytree(street.folder, inbox, ignore=shutil.ignore_patterns(NEXT_MONTH))
    for period, force in NOT_HELD:
        (inbox / period / f"{period}-{force}-street.csv").unlink()
    done = made.monthend(
        "run", "--month", LAST_MONTH, "--inbox", inbox, "--signed-off-by", STEWARD, "--on", ON, "--json"
    )
    return made, done


@pytest.fixture(scope="session")
def frozen(frozen_run: tuple[Desk, subprocess.CompletedProcess[str]]) -> Desk:
    """The office where March 2025 is frozen. Only for reading."""
    made, done = frozen_run
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture
def frozen_copy(frozen: Desk, new_desk: NewDesk) -> Iterator[Desk]:
    """A copy of that office, to go on with or to damage."""
    made = new_desk(frozen)
    yield made
    made.office.engine.dispose()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home directory with its own embedded server, started by whoever comes first."""
    with folder_for_server() as folder:
        yield folder / "home"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A real mail server, and what it gets."""
    with serving() as box:
        yield box
