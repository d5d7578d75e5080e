"""What every station works with: the home directory, the warehouse and the declarations."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.plan.declarations import ROOT, Declarations


@dataclass(frozen=True)
class Office:
    """One installation: landing store, packs and outbox under `home`, the warehouse, the declarations."""

    home: Path
    engine: Engine
    declarations: Declarations


def open_office(home: Path, database: str | None = None, declarations: Path | None = None) -> Office:
    """Open the office in `home`, with the embedded server or with the pipeline's login at the URL `database`.

    Raises WrongCall when `home` is no directory, the database is of another version, or the login could do more than
    the pipeline may.
    """
    home = home.resolve()
    for path in (home, *home.parents):
        if path.exists() and not path.is_dir():
            raise WrongCall(f"--home {home}: {'is' if path == home else f'{path} is'} not a directory.")
    if declarations is not None and not declarations.is_dir():
        raise WrongCall(f"--declarations {declarations}: is not a directory.")
    engine = warehouse.connect(database or warehouse.embedded(home))
    return Office(home, engine, Declarations((declarations or ROOT).resolve()))


@contextmanager
def temporary_office(declarations: Path | None = None) -> Iterator[Office]:
    """A fresh office on an embedded server of its own, which is stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="monthend-", ignore_cleanup_errors=True) as folder:
        office = open_office(Path(folder) / "home", declarations=declarations)
        try:
            yield office
        finally:
            office.engine.dispose()
            warehouse.stop(office.home)
