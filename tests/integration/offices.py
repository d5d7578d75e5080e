"""Offices to test in: each on a database of its own, all on one embedded PostgreSQL server."""

import csv
import io
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import make_url

from monthend import cli, warehouse
from monthend.freeze import chain
from monthend.freeze.candidate import propose
from monthend.load import load
from monthend.office import Office
from monthend.receive import receive
from monthend.run import Outcome, run
from monthend.sample import street
from monthend.validate.validation import validate

ON = date(2025, 6, 10)  # a day after all months of the synthetic files
STEWARD = "a.steward"
NOT_HELD = (("2024-02", "kent"), ("2024-11", "essex"))  # gaps in the frozen office's history


LAST_MONTH, MONTHS = "2025-03", 15  # what is frozen in the office that tests share
NEXT_MONTH = "2025-04"
REFERENCE_FILES = 6  # areas, events, LSOAs, offence codes, outcome types, residents

Rows = list[dict[str, str]]


class Street:
    """A folder of synthetic street files, one a force and month, and what tests make of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, period: str, force: str) -> Path:
        """The file of a month (YYYY-MM) and a force, by its name in file names."""
        return self.folder / period / f"{period}-{force}-street.csv"

    def inbox(self, target: Path, periods: Iterable[str], forces: Iterable[str]) -> Path:
        """Copy the files of some months and forces into the new folder `target`."""
        forces = list(forces)
        for period in periods:
            for force in forces:
                self.changed(target, period, force, lambda rows: None)
        return target

    def changed(self, target: Path, period: str, force: str, change: Callable[[Rows], None]) -> Path:
        """Write a file into the folder `target` after `change` was let loose on its rows."""
        source = self.file(period, force)
        with source.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        change(rows)
        target.mkdir(parents=True, exist_ok=True)
        with (target / source.name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, street.HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return target / source.name


def monthend(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in `folder`."""
    command = [Path(sys.executable).with_name("monthend"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)


def in_process(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is ten times as fast."""
    command = ["monthend", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), chdir(folder), patch("sys.argv", command):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


class Server:
    """One embedded PostgreSQL server with a database for each office."""

    def __init__(self, home: Path) -> None:
        self.administrator = make_url(warehouse.embedded(home)).set(username="postgres")
        self.numbers = itertools.count(1)
        with self.connect("postgres") as connection:  # no test cuts the server's own power
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")

    def url(self, database: str, role: str = warehouse.PIPELINE) -> str:
        """The URL by which a role reaches a database."""
        return self.administrator.set(username=role, database=database).render_as_string()

    def connect(self, database: str, role: str = "postgres") -> psycopg.Connection[Any]:
        """A connection that commits each statement; without a role the superuser's."""
        address = self.administrator.set(drivername="postgresql", username=role, database=database)
        return psycopg.connect(address.render_as_string(), autocommit=True)

    def copy_of(self, database: str) -> str:
        """Copy a database, which ends all connections to it, and give the copy's name."""
        name = f"office_{next(self.numbers)}"
        with self.connect("postgres") as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {database} OWNER {warehouse.OWNER}")
        return name


@dataclass
class Desk:
    """An office to work in, and the ways around it that a test needs."""

    office: Office
    server: Server
    database: str

    @property
    def where(self) -> tuple[object, ...]:
        """The options by which the command line finds this office."""
        return ("--home", self.office.home, "--database", self.server.url(self.database))

    def monthend(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command line on this office."""
        return monthend(*arguments, *self.where, folder=self.office.home.parent)

    def ask(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command line on this office in this process."""
        return in_process(*arguments, *self.where, folder=self.office.home.parent)

    def run(self, month: str, *inbox: Path, by: str = STEWARD, on: date = ON) -> Outcome:
        """Run a month-end in this process."""
        return run(self.office, month, inbox, by, on)

    def take_in(self, *inbox: Path) -> list[int]:
        """Receive, validate and load; gives the deliveries beside the shipped reference data."""
        received = receive(self.office, inbox, ON)
        validate(self.office, received.delivery_ids, ON)
        load(self.office, received.delivery_ids)
        return received.delivery_ids[REFERENCE_FILES:]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a SELECT gives, as the superuser sees it."""
        with self.server.connect(self.database) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def behind_its_back(self, statement: str, *values: Any) -> None:
        """Run a statement as the schema's owner, who can do what the pipeline cannot."""
        with self.server.connect(self.database, warehouse.OWNER) as connection:
            assert connection.execute(statement.encode(), values or None).rowcount != 0, "nothing was changed"

    def freeze(self, month: str, reason: str | None = None, on: date = ON) -> chain.Snapshot:
        """Propose, sign off and freeze a month from what is loaded, or restate it."""
        candidate = propose(self.office, month, on, reason)
        chain.sign_off(
            self.office, candidate.candidate_id, "freeze", STEWARD, candidate.shown_sha256, "command line", on
        )
        return chain.freeze(self.office, candidate.candidate_id, on)


NewDesk = Callable[..., Desk]


@contextmanager
def folder_for_server() -> Iterator[Path]:
    """A folder for a home with its embedded server, which is stopped at the end, whoever started it.

    It lies beside pytest's own folders: pytest closes those to the user that the server runs as.
    """
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        yield Path(folder)
        for database in Path(folder).rglob("database"):
            warehouse.stop(database.parent)
