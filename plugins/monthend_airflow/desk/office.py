"""The office as the desk has it: one a process, with its engine; declarations are read again when a file changed."""

import os
import threading
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import HTTPException

from monthend_airflow.office import LONDON

if TYPE_CHECKING:
    from monthend.office import Office

_lock = threading.Lock()
_open: "dict[tuple[str | None, ...], tuple[Office, frozenset[tuple[str, int, int]]]]" = {}


def the_office() -> "Office":
    """The office that MONTHEND_HOME, MONTHEND_DATABASE and MONTHEND_DECLARATIONS name, opened at the first request.

    Raises 503 with the reason where it cannot be opened.
    """
    from monthend import office
    from monthend.errors import MonthendError
    from monthend.plan.declarations import Declarations

    named = tuple(os.environ.get(f"MONTHEND_{name}") or None for name in ("HOME", "DATABASE", "DECLARATIONS"))
    home, database, declarations = named
    with _lock:
        if named not in _open:
            try:
                opened = office.open_office(
                    Path(home or ".monthend"), database, Path(declarations) if declarations else None
                )
            except MonthendError as error:
                raise HTTPException(503, str(error)) from error
            _open[named] = opened, _files(opened.declarations.root)
        opened, files = _open[named]
        if (now := _files(opened.declarations.root)) != files:
            opened = replace(opened, declarations=Declarations(opened.declarations.root))
            _open[named] = opened, now
        return opened


def today() -> date:
    """The business date of what is done on the desk: today in London."""
    return datetime.now(LONDON).date()


def _files(root: Path) -> frozenset[tuple[str, int, int]]:
    """The files of the declarations, each with the time and size by which a change shows."""
    found = []
    for folder in ("include/feeds", "reports"):
        for path in (root / folder).rglob("*.yaml"):
            state = path.stat()
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return frozenset(found)
