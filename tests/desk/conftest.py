"""Desks to visit: an office in the middle of a month, behind Airflow's real API under either auth manager."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from sites import FROZEN, MANAGERS, MONTH, ON, PERIOD, ROOT, Server, Site, Street, folder_for_server, running

from monthend.freeze.candidate import propose
from monthend.load import load
from monthend.office import Office, open_office
from monthend.publish import packs
from monthend.receive import receive
from monthend.run import run
from monthend.sample.street import write as write_street_files
from monthend.validate.validation import validate

HOME_FORCE, ANOTHER = "leicestershire", "kent"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An embedded PostgreSQL server."""
    with folder_for_server() as folder:
        yield Server(folder)


@pytest.fixture(scope="session")
def shared_declarations() -> Iterator[Path]:
    """The project's declarations, with a second registrar, and boards that meet when the frozen months serve them."""
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        for part in ("include/feeds", "include/sql", "expectations", "reports"):
            shutil.copytree(ROOT / part, Path(folder) / part, ignore=shutil.ignore_patterns("__pycache__"))
        people = Path(folder) / "reports/people.yaml"
        declared = yaml.safe_load(people.read_text(encoding="utf-8"))
        another = {
            "user": "e.registrar",
            "display_name": "E. Registrar",
            "email": "e@opcc.example",
            "roles": ["registrar"],
        }
        people.write_text(yaml.safe_dump(declared | {"people": [*declared["people"], another]}), encoding="utf-8")
        for name, meetings in (("pdg", [date(2025, 4, 24), date(2025, 5, 22)]), ("panel", [date(2025, 6, 9)])):
            path = Path(folder) / f"reports/boards/{name}.yaml"
            board = yaml.safe_load(path.read_text(encoding="utf-8"))
            path.write_text(yaml.safe_dump(board | {"meetings": meetings}), encoding="utf-8")
        yield Path(folder)


@pytest.fixture(scope="session")
def stocked(server: Server, shared_declarations: Path) -> Iterator[tuple[Office, str]]:
    """March frozen, with its packs; April proposed, with a blocked delivery and one with quarantined rows."""
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        inbox = Path(folder) / "inbox"
        write_street_files(inbox, PERIOD, months=3)
        street, newest = Street(inbox), Path(folder) / "newest"
        for force in [path.stem.split("-", 2)[2].removesuffix("-street") for path in (inbox / PERIOD).iterdir()]:
            street.changed(newest, PERIOD, force, lambda rows, force=force: _spoil(rows, force))
        shutil.rmtree(inbox / PERIOD)
        database = server.copy_of("monthend")
        office = open_office(Path(folder) / "home", server.url(database), shared_declarations)
        run(office, FROZEN, [inbox], "a.steward", date(2025, 4, 10))
        received = receive(office, [newest], ON)
        validate(office, received.delivery_ids, ON)
        load(office, received.delivery_ids)
        packs.draft(office, propose(office, MONTH, ON).candidate_id)
        office.engine.dispose()
        yield office, database


def _spoil(rows: list[dict[str, str]], force: str) -> None:
    """Make the home force's file one that blocks, and another's one with quarantined rows."""
    for row in rows[:3]:
        if force == HOME_FORCE:
            row["Month"] = "2025-01"
        elif force == ANOTHER:
            row["Crime type"] = "Witchcraft"


@pytest.fixture(scope="session", params=list(MANAGERS))
def site(
    request: pytest.FixtureRequest, server: Server, stocked: tuple[Office, str], shared_declarations: Path
) -> Iterator[Site]:
    """The desk under each auth manager, to read from."""
    with running(server, stocked, request.param, shared_declarations) as running_site:
        yield running_site


@pytest.fixture(scope="module")
def own_site(server: Server, stocked: tuple[Office, str], shared_declarations: Path) -> Iterator[Site]:
    """A desk of a module's own, under the simple auth manager, to change things on."""
    with running(server, stocked, "simple", shared_declarations) as running_site:
        yield running_site
