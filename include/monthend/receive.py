"""Receive: the delivery's bytes, unchanged and content-addressed, and a receipt each time they arrive.

Deliveries come from files, folders and data.police.uk's download zips. What no feed recognises is listed and left
alone. A container that is unreadable or hostile is refused: nothing is taken from it. A control record, in which a
sender says what an extract holds, lies beside it under its name and comes in with it: `2017-06-kent-crime.control.csv`.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy import Connection

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.office import Office
from monthend.plan.calendar import financial_quarter_end, months_between
from monthend.plan.declarations import ROOT, Declarations, Feed

UNFINISHED = (".part", ".tmp", ".crdownload")
CONTROL = ".control.csv"  # instead of the extract's own ending
EXTRACT = (".csv", ".xlsx")
LEFT_AFTER_SECONDS = 24 * 60 * 60
LARGEST_RATIO = 300  # a street file shrinks to a tenth; a bomb to a thousandth
LARGEST_TOTAL = 100 * 2**30  # all of data.police.uk's archive is well below it


class Refused(Exception):
    """A container that nothing is taken from; the message says why."""


class Changing(Exception):
    """A file that changed while it was read: somebody is still writing it."""


@dataclass(frozen=True)
class Recognised:
    """What a file's name says: the feed, the period (YYYY-MM or empty), the area's ONS code (or empty)."""

    feed: str
    period: str
    area_code: str


@dataclass(frozen=True)
class Stored:
    """Bytes in the landing store, where they came from, and the control record that lay beside them."""

    what: Recognised
    origin: str
    modified_at: str
    sha256: str
    byte_length: int
    control: "Stored | None" = None


@dataclass
class Received:
    """What an inbox gave: deliveries in path order, and what was refused or left alone, each with the reason."""

    delivery_ids: list[int] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    unrecognised: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Pull:
    """One piece of work for a pull: a feed, its periods (YYYY-MM), perhaps one area, and how the grid names it."""

    feed: str
    periods: tuple[str, ...]
    label: str
    area_code: str = ""  # of all areas


def receive(
    office: Office,
    inbox: Sequence[Path],
    on: date,
    feed: str | None = None,
    periods: Sequence[str] | None = None,
    area_code: str = "",
) -> Received:
    """Take in what the feeds recognise among `inbox` (files, folders, zips), with the shipped reference data first.

    `on` is the business date of the receipts. With `feed` and `periods` only that feed's files of those periods are
    taken, with `area_code` only those of that area. Safe to run again: bytes that came before make at most another
    receipt.
    """
    received = Received()
    shipped = office.declarations.root / "include/reference"
    _take(office, [shipped if shipped.is_dir() else ROOT / "include/reference"], on, Received(), received.delivery_ids)
    _check(inbox)
    _take(office, inbox, on, received, received.delivery_ids, feed, periods, area_code)
    received.delivery_ids = list(dict.fromkeys(received.delivery_ids))
    return received


def due(declarations: Declarations, month: str) -> list[Recognised]:
    """The partitions that are due at month-end `month`: of each feed in force, its newest period less its lag."""
    partitions = []
    for feed in declarations.feeds.values():
        if feed.cadence != "reference":
            period = feed.newest_period(month)
            if feed.in_force(period):
                codes = [area.code for area in feed.areas] if feed.by_area else [""]
                partitions += [Recognised(feed.feed, period, code) for code in codes]
    return partitions


def held(connection: Connection, declarations: Declarations, load_number: int | None = None) -> dict[Recognised, date]:
    """The partitions of which a delivery is loaded or, of a keyed feed, one of a later period, which has its rows.

    Each has the day on which it first came. With a load number only what is loaded at or below it counts.
    """
    rows = warehouse.query(
        connection,
        "SELECT d.feed, d.period, d.area_code, min(r.received_on) AS came FROM landing.delivery d"
        " JOIN reporting.load l USING (delivery_id) JOIN landing.receipt r USING (delivery_id)"
        " WHERE l.load_number <= coalesce(:load, l.load_number) GROUP BY d.feed, d.period, d.area_code",
        load=load_number,
    )
    found: dict[Recognised, date] = {}
    for row in rows:
        feed, periods = declarations.feeds.get(row["feed"]), [row["period"]]
        if feed and feed.load == "keyed":
            periods = months_between(feed.in_force_from or row["period"], row["period"])
        for period in periods:
            partition = Recognised(row["feed"], period, row["area_code"])
            found[partition] = min(found.get(partition, row["came"]), row["came"])
    return found


def missing(office: Office, month: str) -> list[Recognised]:
    """What is due at month-end `month`, or was at one that is frozen, and is not in; by feed, period and area."""
    with office.engine.connect() as connection:
        is_in = held(connection, office.declarations)
        frozen = {row["month"] for row in warehouse.query(connection, "SELECT DISTINCT month FROM snapshot.snapshot")}
    found = {partition for each in {month, *frozen} for partition in due(office.declarations, each)} - is_in.keys()
    return sorted(found, key=lambda partition: (partition.feed, partition.period, partition.area_code))


def outstanding(office: Office, inbox: Sequence[Path], month: str, source: str) -> list[Pull]:
    """What is to be pulled at month-end `month` for the feeds of one source ('police' or 'partner').

    Every period that is due and not in, also of months frozen without it, each by itself, and of partners each area by
    itself; and what else the inbox holds of a feed that never came before, or came with another file time (a
    correction), together. A control record counts as its extract does. Raises WrongCall for an inbox that is not there.
    """
    _check(inbox)
    feeds = {key: feed for key, feed in office.declarations.feeds.items() if feed.source == source}

    def of(what: Recognised) -> tuple[str, str, str]:
        return what.feed, what.period, what.area_code if source == "partner" else ""

    wanted = list(dict.fromkeys(of(each) for each in missing(office, month) if each.feed in feeds))
    with office.engine.connect() as connection:
        known = {
            (row["origin"], row["modified_at"])
            for row in warehouse.query(
                connection,
                "SELECT origin, modified_at FROM landing.receipt"
                " UNION SELECT origin, modified_at FROM landing.control_record",
            )
        }
    pulls = [Pull(feed, (period,), _label(feeds[feed], period, area), area) for feed, period, area in wanted]
    backlog: dict[tuple[str, str], set[str]] = {}
    for path in inbox:
        for origin, name, modified_at in _files(path):
            what = recognise(office.declarations, name)
            if not isinstance(what, Recognised) or what.feed not in feeds or of(what) in wanted:
                continue
            if (origin, modified_at) not in known:
                feed, period, area = of(what)
                backlog.setdefault((feed, area), set()).add(period)
    for (feed, area), found in sorted(backlog.items()):
        periods = f"{min(found)} to {max(found)}" if len(found) > 1 else min(found)
        pulls.append(Pull(feed, tuple(sorted(found)), _label(feeds[feed], periods, area), area))
    return pulls


def _label(feed: Feed, periods: str, area_code: str) -> str:
    """How the grid names a pull: periods, feed, area."""
    return " ".join(filter(None, (periods, feed.feed, feed.area_name(area_code))))


def recognise(declarations: Declarations, name: str) -> Recognised | str:
    """What the file name `name` says, or in words why no feed takes it."""
    if name.endswith(CONTROL):
        return "is a control record, and its extract does not lie beside it"
    for feed in declarations.feeds.values():
        if match := re.match(feed.file_name, name):
            return _recognised(feed, match)
    return "no feed recognises this name"


def extracts_of(name: str) -> list[str]:
    """The names that the extract of a control record's name or path can have; none for the name of anything else."""
    return [name.removesuffix(CONTROL) + ending for ending in EXTRACT] if name.endswith(CONTROL) else []


def stored_path(office: Office, sha256: str) -> Path:
    """Where the landing store keeps the bytes with this hash."""
    return office.home / "landing" / sha256[:2] / sha256


def _check(inbox: Sequence[Path]) -> None:
    for path in inbox:
        if not path.exists():
            raise WrongCall(f"--inbox {path}: there is no such file or folder.")


def _recognised(feed: Feed, match: re.Match[str]) -> Recognised | str:
    named = match.groupdict()
    period, slug = named.get("period", ""), named.get("slug")
    if "period" in named and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        return f"{period} is no month"
    area = next((area for area in feed.areas if area.slug == slug), None)
    if slug is not None and area is None:
        return f"the feed {feed.feed} does not name the force {slug}"
    if not feed.in_force(period):
        return f"the feed {feed.feed} is not in force in {period}"
    if feed.cadence == "quarterly" and financial_quarter_end(period) != period:
        return f"{period} is not the last month of a quarter"
    return Recognised(feed.feed, period, area.code if area else "")


def _take(
    office: Office,
    inbox: Sequence[Path],
    on: date,
    received: Received,
    delivery_ids: list[int],
    feed: str | None = None,
    periods: Sequence[str] | None = None,
    area_code: str = "",
) -> None:
    """Take each container of `inbox` as a whole: either all it holds for the feeds is received, or nothing."""

    def wanted(name: str, origin: str) -> Recognised | None:
        what = recognise(office.declarations, name)
        if isinstance(what, str):
            received.unrecognised.append((origin, what))
            return None
        if feed is not None and (what.feed != feed or (periods is not None and what.period not in periods)):
            return None
        if area_code and what.area_code != area_code:
            return None
        return what

    store = office.home / "landing"
    store.mkdir(parents=True, exist_ok=True)
    for left in store.glob("incoming-*"):  # of a process that was killed
        with contextlib.suppress(FileNotFoundError):  # another process's, which is done with it
            if time.time() - left.stat().st_mtime > LEFT_AFTER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    for root in inbox:
        for path in _paths(root):
            if path.name.endswith(UNFINISHED):
                received.unrecognised.append((str(path), "is still being written"))
                continue
            if _beside(path):  # a control record, which is taken with its extract
                continue
            with tempfile.TemporaryDirectory(dir=store, prefix="incoming-") as folder:
                try:
                    taken = _taken(Path(folder), path, wanted)
                except Changing:
                    received.unrecognised.append((str(path), "changed while it was read; it is left for the next run"))
                    continue
                except Refused as refusal:
                    received.unrecognised[:] = [
                        entry for entry in received.unrecognised if not entry[0].startswith(f"{path}!")
                    ]
                    received.refused.append((str(path), str(refusal)))
                    _record_refusal(office, path, str(refusal), on)
                    continue
                delivery_ids += _record(office, Path(folder), taken, on)


def _paths(root: Path) -> Iterator[Path]:
    """The files at or under `root`, in path order; of a control record that is named alone its extract first."""
    if root.is_dir():
        yield from sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    else:
        yield from _beside(root)
        yield root


def _beside(path: Path) -> list[Path]:
    """The extracts that lie beside a control record."""
    return [each for name in extracts_of(path.name) if (each := path.with_name(name)).is_file()]


def _files(root: Path) -> Iterator[tuple[str, str, str]]:
    """Origin, name and time of each file and zip member, without reading any; an unreadable zip gives none.

    A control record has its extract's name; one that lies alone is left out.
    """
    for path in _paths(root):
        if path.suffix.lower() == ".zip":
            try:
                with zipfile.ZipFile(path) as archive:
                    members = {member.filename: _zip_time(member) for member in archive.infolist()}
            except (zipfile.BadZipFile, OSError):
                continue
            for member, modified_at in members.items():
                for name in set(extracts_of(member)) & set(members) or [member]:
                    yield f"{path}!{member}", PurePosixPath(name).name, modified_at
        else:
            for each in _beside(path) or [path]:
                yield str(path), each.name, _file_time(path.stat())


def _taken(folder: Path, path: Path, wanted: Callable[[str, str], Recognised | None]) -> list[Stored]:
    """Copy what the feeds want of one file or zip into `folder`. Raises Refused, and Changing when it did."""
    control = path.with_name(path.stem + CONTROL)
    before = _states(path, control)
    try:
        if path.suffix.lower() == ".zip":
            taken = _members(folder, path, wanted)
        elif what := wanted(path.name, str(path)):
            taken = [_copied(folder, what, path, _copied(folder, what, control) if control.is_file() else None)]
        else:
            taken = []
    except Refused:
        if _states(path, control) == before:
            raise
        raise Changing from None
    if _states(path, control) != before:
        raise Changing
    return taken


def _copied(folder: Path, what: Recognised, path: Path, control: Stored | None = None) -> Stored:
    with path.open("rb") as source:
        return _store(folder, what, str(path), _file_time(path.stat()), source, control)


def _members(folder: Path, path: Path, wanted: Callable[[str, str], Recognised | None]) -> list[Stored]:
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [member for member in archive.infolist() if not member.is_dir()]
            _refuse_hostile(listed)
            members = {member.filename: member for member in listed}

            def copied(name: str, what: Recognised, control: Stored | None = None) -> Stored:
                with archive.open(members[name]) as source:
                    return _store(folder, what, f"{path}!{name}", _zip_time(members[name]), source, control)

            taken = []
            for name in sorted(members):
                if members.keys() & extracts_of(name):  # a control record, which is taken with its extract
                    continue
                if what := wanted(PurePosixPath(name).name, f"{path}!{name}"):
                    control = name.rpartition(".")[0] + CONTROL
                    taken.append(copied(name, what, copied(control, what) if control in members else None))
            return taken
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Refused(f"the zip cannot be read to its end ({type(error).__name__}); ask for it again") from None


def _states(*paths: Path) -> list[tuple[int, int] | None]:
    """Size and time of each file; None where there is none."""
    states = (path.stat() if path.is_file() else None for path in paths)
    return [state and (state.st_size, state.st_mtime_ns) for state in states]


def _refuse_hostile(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise Refused("the zip holds two members of the same name")
    if sum(member.file_size for member in members) > LARGEST_TOTAL:
        raise Refused(f"the zip would unpack to more than {LARGEST_TOTAL // 2**30} GiB")
    for member in members:
        name = member.orig_filename.replace("\\", "/")
        if name.startswith("/") or re.match(r"^[A-Za-z]:", name) or ".." in name.split("/"):
            raise Refused("the zip holds a member that climbs out of its folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Refused("the zip holds a link")
        if member.flag_bits & 0x1:
            raise Refused("the zip is encrypted")
        if member.file_size > 2**20 and member.file_size > LARGEST_RATIO * max(member.compress_size, 1):
            raise Refused(f"the zip holds a member that unpacks to more than {LARGEST_RATIO} times its size")


def _store(
    folder: Path, what: Recognised, origin: str, modified_at: str, source: IO[bytes], control: Stored | None
) -> Stored:
    """Copy `source` into `folder`, named by its SHA-256."""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
        length = target.tell()
    with open(target.name, "rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    os.replace(target.name, folder / digest)
    return Stored(what, origin, modified_at, digest, length, control)


def _record(office: Office, folder: Path, taken: list[Stored], on: date) -> list[int]:
    """Move the bytes into the store, then insert deliveries, receipts and control records in one transaction."""
    for stored in [each for extract in taken for each in (extract, extract.control) if each]:
        target = stored_path(office, stored.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            (folder / stored.sha256).chmod(0o444)
            os.replace(folder / stored.sha256, target)
    delivery_ids = []
    with office.engine.begin() as connection:
        for stored in taken:
            identity = {
                "feed": stored.what.feed,
                "period": stored.what.period,
                "area_code": stored.what.area_code,
                "sha256": stored.sha256,
            }
            warehouse.insert(connection, "landing.delivery", [identity | {"byte_length": stored.byte_length}])
            (row,) = warehouse.query(
                connection,
                "SELECT delivery_id FROM landing.delivery WHERE feed = :feed AND period = :period"
                " AND area_code = :area_code AND sha256 = :sha256",
                **identity,
            )
            receipt = {
                "delivery_id": row["delivery_id"],
                "origin": stored.origin,
                "modified_at": stored.modified_at,
                "received_by": warehouse.login_user(),
                "received_on": on,
            }
            warehouse.insert(connection, "landing.receipt", [receipt])
            if stored.control:
                names = ("sha256", "origin", "modified_at")
                control = {name: getattr(stored.control, name) for name in names}
                warehouse.insert(
                    connection,
                    "landing.control_record",
                    [control | {"delivery_id": row["delivery_id"], "received_on": on}],
                )
            delivery_ids.append(row["delivery_id"])
    return delivery_ids


def _record_refusal(office: Office, path: Path, reason: str, on: date) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    refusal = {
        "origin": str(path),
        "sha256": digest,
        "reason": reason,
        "received_by": warehouse.login_user(),
        "received_on": on,
    }
    with office.engine.begin() as connection:
        warehouse.insert(connection, "landing.refusal", [refusal])


def _file_time(status: os.stat_result) -> str:
    return datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="microseconds")


def _zip_time(member: zipfile.ZipInfo) -> str:
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*member.date_time)
