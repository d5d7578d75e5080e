"""Fetch extracts from where a feed's declaration says (`fetched_from`) into `incoming` under the office's home.

What is new or changed in a folder of an object store or an SFTP server is mirrored, its bytes and time unchanged; a
warehouse of the sender's is asked by SQL for each delivery that is due and not in. From there on the files are received
as those of an inbox are. Who opens what is an Airflow connection's to know; nothing of it is logged.
"""

import csv
import errno
import hashlib
import logging
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from monthend_airflow.office import LONDON

if TYPE_CHECKING:
    from monthend.office import Office
    from monthend.plan.declarations import Feed, Place
    from monthend.receive import Recognised

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 10_000  # of a warehouse's answer
STALLED = 60  # seconds without a byte from an SFTP server
REQUESTS = 64  # to an SFTP server at once, for one file
POSTGRESQL = "postgresql+psycopg"  # another kind of connection names its driver in the extra `sqlalchemy_scheme`
PASSED_ON = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout")  # of a PostgreSQL connection's extra


class Unfetched(Exception):
    """A source that did not give what it should; the message says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """A file of a source: its path below the folder, its size in bytes, its time in nanoseconds since 1970."""

    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class Folder:
    """A folder of a source that stands open: its files, one of them as it is now, and its bytes."""

    entries: Callable[[], Iterator[Entry]]
    entry: Callable[[str], Entry]
    copy: Callable[[str, IO[bytes]], object]


def incoming(office: "Office") -> list[Path]:
    """The folders that hold what was fetched, a folder a feed."""
    return [
        folder
        for feed in office.declarations.feeds.values()
        if feed.fetched_from and (folder := _folder(office, feed)).is_dir()
    ]


def fetch(office: "Office", month: str, source: str) -> list[dict[str, Any]]:
    """Fetch what is new of each feed of a source whose declaration says from where, at month-end `month`.

    Safe to run again: what was fetched and has not changed is left alone. Gives a pull for each feed that could not be
    fetched, of no period, whose `fault` says why and what to do; the others are fetched all the same.
    """
    from monthend import receive

    missing = receive.missing(office, month)
    faults: list[dict[str, Any]] = []
    for feed in office.declarations.feeds.values():
        if feed.source != source or not (place := feed.fetched_from):
            continue
        try:
            connection = Connection.get(place.connection)
            if place.kind == "sql":
                _ask(office, feed, place, connection, [each for each in missing if each.feed == feed.feed])
            else:
                opened = {"sftp": _sftp, "object_store": _object_store}[place.kind]
                with opened(place) as folder:
                    _mirror(office, feed, folder)
        except Exception as error:  # of whichever library: its own words could hold a secret or a row's value
            fault = (
                f"{feed.feed} was not fetched over the connection {place.connection}: {_reason(error)} Then clear the "
                "task outstanding, or leave it to the next pull."
            )
            label = f"{feed.feed} from {place.connection}"
            faults.append({"feed": feed.feed, "periods": [], "label": label, "fault": fault})
    return faults


def _folder(office: "Office", feed: "Feed") -> Path:
    return office.home / "incoming" / feed.feed


def _reason(error: Exception) -> str:
    """Why a source gave nothing, and what to do, in words that hold nothing of a connection but its name."""
    if isinstance(error, Unfetched):
        return str(error)
    if isinstance(error, AirflowNotFoundException):
        return "Airflow has no such connection. Add it under Admin, Connections."
    kinds = {kind.__name__ for kind in type(error).__mro__}
    name = type(getattr(error, "orig", None) or error).__name__  # what the driver raised beneath SQLAlchemy
    if "BadHostKeyException" in kinds or ("SSHException" in kinds and "known_hosts" in str(error)):
        return (
            "the server's key is not the one that is known, so it may not be the sender's server. Ask the sender for "
            "its key, and put it into known_hosts or the connection's extra `host_key`."
        )
    if "AuthenticationException" in kinds:
        return "the server refuses the login. Correct the connection's login and its key or password."
    if getattr(error, "statement", None):
        return f"the query fails ({name}). Correct it, or ask the sender whether this login may read all that it needs."
    if kinds & {"ModuleNotFoundError", "NoSuchModuleError"}:
        return "the driver that the connection names is not installed. Install it, or correct the connection."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "the folder is not there. Correct `path` in the feed's declaration, or ask the sender."
    if isinstance(error, PermissionError):
        return "the folder or a file may not be read with this login. Ask the sender."
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        name = os.strerror(error.errno)
    return f"{name}. Look whether the server is up, and correct the connection under Admin, Connections."


def _mirror(office: "Office", feed: "Feed", folder: Folder) -> None:
    """Copy what the feed takes and is new or changed, each file whole or not at all."""
    for entry in folder.entries():
        parts = entry.path.split("/")
        if any(part.startswith(".") for part in parts) or not _is_of(office, feed, parts[-1]):
            continue
        target = _folder(office, feed).joinpath(*parts)
        if target.is_file() and (target.stat().st_size, target.stat().st_mtime_ns) == (entry.size, entry.modified):
            continue
        with _written(target) as part:
            try:
                with part.open("wb") as file:
                    folder.copy(entry.path, file)
                    length = file.tell()
                same = length == entry.size and folder.entry(entry.path) == entry
            except FileNotFoundError:  # it was taken away meanwhile
                same = False
            if not same:
                logger.warning("%s: %s changed while it was copied; it is left for the next run", feed.feed, target)
                continue
            os.utime(part, ns=(entry.modified, entry.modified))
            os.replace(part, target)
            logger.info("%s: fetched %s", feed.feed, target)


def _is_of(office: "Office", feed: "Feed", name: str) -> bool:
    """Whether a file's name is one of the feed's, of a control record beside such a file, or of a zip."""
    from monthend import receive

    found = [receive.recognise(office.declarations, each) for each in receive.extracts_of(name) or [name]]
    return name.lower().endswith(".zip") or any(
        isinstance(what, receive.Recognised) and what.feed == feed.feed for what in found
    )


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """A file beside `target` to write to, which is gone afterwards unless it was put in its place."""
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _sftp(place: "Place") -> Iterator[Folder]:
    """A folder of an SFTP server, whose key has to be known; links are left out."""
    from airflow.providers.sftp.hooks.sftp import SFTPHook

    root = (place.path or "").rstrip("/")
    with SFTPHook(place.connection).get_managed_conn() as client:
        if channel := client.get_channel():
            channel.settimeout(STALLED)

        def of(path: str, status: Any) -> Entry:
            return Entry(path, status.st_size or 0, (status.st_mtime or 0) * 10**9)

        def entries(below: str = "") -> Iterator[Entry]:
            for each in sorted(client.listdir_attr(f"{root}/{below}"), key=lambda each: each.filename):
                if "/" in each.filename or each.filename.startswith("."):
                    continue
                if stat.S_ISDIR(each.st_mode or 0):
                    yield from entries(f"{below}{each.filename}/")
                elif stat.S_ISREG(each.st_mode or 0):
                    yield of(f"{below}{each.filename}", each)

        yield Folder(
            entries,
            lambda path: of(path, client.lstat(f"{root}/{path}")),
            lambda path, file: client.getfo(f"{root}/{path}", file, max_concurrent_prefetch_requests=REQUESTS),
        )


@contextmanager
def _object_store(place: "Place") -> Iterator[Folder]:
    """A folder of whatever store the path's scheme names; links are left out."""
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import has_fs

    scheme = (place.path or "").partition("://")[0]
    if not has_fs(scheme):
        raise Unfetched(f"nothing is installed that opens {scheme}://. Install Airflow's provider for it.")
    root = ObjectStoragePath(place.path or "", conn_id=place.connection)
    store, base = root.fs, root.path.rstrip("/")
    store.invalidate_cache()
    if not store.isdir(base):
        raise FileNotFoundError

    def entry(path: str) -> Entry:
        store.invalidate_cache()
        since = store.modified(f"{base}/{path}").astimezone(UTC) - datetime.fromtimestamp(0, UTC)
        microseconds = (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds
        return Entry(path, store.size(f"{base}/{path}"), microseconds * 1000)

    def copy(path: str, file: IO[bytes]) -> None:
        with store.open(f"{base}/{path}", "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)

    found = {path: about for path, about in store.find(base, detail=True).items() if not about.get("islink")}

    def entries() -> Iterator[Entry]:
        for path in sorted(found):
            with suppress(FileNotFoundError):  # it was taken away meanwhile
                yield entry(path[path.index(base) + len(base) :].lstrip("/"))

    yield Folder(entries, entry, copy)


def _ask(office: "Office", feed: "Feed", place: "Place", connection: Connection, missing: "list[Recognised]") -> None:
    """Ask the sender's warehouse for each missing delivery of the feed, and write a CSV of each that has a row."""
    from sqlalchemy import URL, create_engine, text

    path = office.declarations.root / "include/sql/extracts" / f"{place.query}.sql"
    if not path.is_file():
        raise Unfetched(f"there is no {path}. Write that query, or correct `query` in the feed's declaration.")
    statement = text(path.read_text(encoding="utf-8"))
    extra, is_postgresql = connection.extra_dejson, connection.conn_type.startswith("postgres")
    options = {name: str(extra[name]) for name in PASSED_ON if is_postgresql and name in extra}
    url = URL.create(
        extra.get("sqlalchemy_scheme") or (POSTGRESQL if is_postgresql else connection.conn_type),
        connection.login,
        connection.password,
        connection.host,
        connection.port,
        connection.schema,
        options | (extra.get("sqlalchemy_query") or {}),
    )
    engine = create_engine(url, hide_parameters=True)
    try:
        for delivery in missing:
            name = _file_name(office, feed, delivery)
            with engine.connect() as opened:
                opened = opened.execution_options(yield_per=ROWS_AT_ONCE, postgresql_readonly=True)
                answer = opened.execute(statement, {"period": delivery.period, "area_code": delivery.area_code})
                _write(feed, answer, _folder(office, feed) / name)
    finally:
        engine.dispose()


def _file_name(office: "Office", feed: "Feed", delivery: "Recognised") -> str:
    """A name by which the feed recognises this delivery, made of its pattern of names."""
    from monthend import receive

    slug = next((area.slug for area in feed.areas if area.code == delivery.area_code), "")
    named = {"period": delivery.period, "slug": slug}
    name = re.sub(r"\(\?P<(period|slug)>[^()]*\)", lambda group: named[group[1]], feed.file_name)
    name = name.strip("^$").replace("(csv|xlsx)", "csv").replace("\\.", ".")
    if not name.endswith(".csv") or receive.recognise(office.declarations, name) != delivery:
        raise Unfetched(
            "no file name can be made of `file_name` in the feed's declaration. Write it of the groups `period` and "
            "`slug`, plain words and the ending .csv."
        )
    return name


def _write(feed: "Feed", answer: Any, target: Path) -> None:
    """Write an answer as an extract, in the order of the feed's columns, unless it is what is there already."""
    expected, found = [column.column for column in feed.columns], list(answer.keys())
    if sorted(found) != sorted(expected):
        lacking = [name for name in expected if name not in found]
        unknown = [name for name in found if name not in expected]
        twice = [name for name in expected if found.count(name) > 1]
        said = (("missing", lacking), ("not in the feed", unknown), ("twice", twice))
        differences = "; ".join(f"{what}: {', '.join(names)}" for what, names in said if names)
        raise Unfetched(f"the query's columns differ from the feed's ({differences}). Correct the query.")
    order = [found.index(name) for name in expected]
    count = 0
    with _written(target) as part:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(column.heading for column in feed.columns)
            for row in answer:
                writer.writerow([_text(row[place]) for place in order])
                count += 1
        if not count:
            logger.warning("%s: the query gives no row for %s, so no file was written", feed.feed, target.name)
        elif not target.is_file() or _sha256(target) != _sha256(part):
            os.replace(part, target)
            logger.info("%s: wrote %s, %s rows", feed.feed, target, count)


def _text(value: Any) -> str:
    """A value as an extract has it: nothing for NULL, dates and times by ISO 8601, times as clocks in London show."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (value.astimezone(LONDON).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
