"""The mutation score of the checks: faults put into copies of a month's deliveries, and what would become of each.

A fault is stopped (the delivery or the freeze is blocked, or rows are kept out) or shown (a warning that was not there
before). Where it is neither, the facts are computed with it, and it is said which boards would read other numbers.
"""

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import psycopg

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import chain, facts
from monthend.freeze.candidate import propose, read
from monthend.load import load, newest_load
from monthend.office import Office, temporary_office
from monthend.plan.calendar import add_months, freeze_day
from monthend.plan.declarations import Board, Declarations
from monthend.receive import CONTROL, due, receive, stored_path
from monthend.sample.mutations import Mutation, mutations
from monthend.validate import integrity
from monthend.validate.validation import validate

Fate = Literal["stopped", "shown", "reached a number", "changed no number"]


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: by which checks it was stopped or shown, else which measures of which boards it moved."""

    feed: str
    column: str  # empty: of the file
    fault: str
    fate: Fate
    checks: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()


class _Check(NamedTuple):
    feed: str
    check_id: str
    part: str


class _Failure(NamedTuple):
    stops: bool
    rows: int
    detail: str


@dataclass(frozen=True)
class _Seen:
    """What the checks say of a delivery and of what it is loaded beside, and the facts where nothing stops them."""

    failing: dict[_Check, _Failure]
    facts: facts.Facts


@dataclass(frozen=True)
class _Sent:
    """A delivery as it came: its feed and period, name and bytes, those of its control record and of the one before."""

    feed: str
    period: str
    name: str
    content: bytes
    control: bytes | None
    before: bytes | None


def outcomes(
    month: str,
    before: Sequence[Path],
    inbox: Sequence[Path],
    feeds: Collection[str] = (),
    declarations: Path | None = None,
) -> Iterator[Outcome]:
    """Put each fault into a copy of each delivery of a month-end, beside the others as they came, and give its fate.

    All of it happens in a temporary home; nothing of the office's own is read but the files, nothing is changed.

    Args:
        month: the month-end, YYYY-MM.
        before: what came for the month-end before, which is frozen first. Files, folders, zips.
        inbox: what came for the month-end.
        feeds: those whose deliveries are spoiled; all that have one in the inbox if none is named.
        declarations: another set of feeds, suites and reports than the project's own.

    Raises:
        WrongCall: there is no delivery of a feed that is due at the month-end.
        NeedsPerson: the deliveries, as they came, are blocked: what a fault adds could not be told.
    """
    with temporary_office(declarations) as office:
        with _copy(office, "received") as received:
            sent = _sent(received, month, [*before, *inbox])
        if unknown := set(feeds) - {each.feed for each in sent}:
            raise WrongCall(f"There is no delivery of {', '.join(sorted(unknown))} for month-end {month} in the inbox.")
        _freeze_before(office, add_months(month, -1), before)
        for each in sent:
            if not feeds or each.feed in feeds:
                with _copy(office, "beside") as beside:
                    for other in sent:
                        if other is not each:
                            _take_in(beside, month, other, other.content, other.control)
                    yield from _fates(beside, month, each)


def in_words(outcome: Outcome) -> str:
    """A fault and what became of it, in a line."""
    where = " ".join(filter(None, (outcome.feed, outcome.column)))
    line = f"{where}: {outcome.fault}: {outcome.fate}"
    if outcome.checks:
        line += f" by {', '.join(outcome.checks)}"
    if outcome.measures:
        boards = ", ".join(outcome.boards) or "no board"
        line += f", of {', '.join(outcome.measures)}, read by {boards}"
    return line


def score(outcomes: Collection[Outcome]) -> str:
    """How many faults met each fate, and the share that checks found of those that could have done harm."""
    fates = Counter(outcome.fate for outcome in outcomes)
    found = fates["stopped"] + fates["shown"]
    harmful = found + fates["reached a number"]
    share = f"{found / harmful:.1%}" if harmful else "none"
    counts = "; ".join(f"{fates[fate]:,} {fate}" for fate in get_args(Fate))
    return f"{len(outcomes):,} faults: {counts}. Of those that were found or reached a number, {share} were found."


def _fates(beside: Office, month: str, sent: _Sent) -> Iterator[Outcome]:
    """The fate of each fault of one delivery, in an office where everything else of the month is loaded."""
    right = _seen(beside, month, sent, Mutation("", "", sent.content, on_the_way=True), None)
    if any(failure.stops for failure in right.failing.values()):
        names = ", ".join(f"{check.check_id} {check.part}".strip() for check in right.failing)
        raise NeedsPerson(f"{sent.name} does not pass as it came ({names}): mend that first.")
    feed = beside.declarations.feeds[sent.feed]
    for mutation in mutations(feed, sent.period, sent.content, sent.before):
        seen = _seen(beside, month, sent, mutation, right)
        yield _outcome(beside.declarations, sent.feed, mutation, seen, right.facts)


def _outcome(declarations: Declarations, feed: str, mutation: Mutation, seen: _Seen, right: facts.Facts) -> Outcome:
    what = (feed, mutation.column, mutation.fault)
    if seen.failing:
        stopped = any(failure.stops for failure in seen.failing.values())
        names = sorted({check.check_id for check in seen.failing})
        return Outcome(*what, "stopped" if stopped else "shown", tuple(names))
    moved = {key for key in right.keys() | seen.facts.keys() if right.get(key) != seen.facts.get(key)}
    if not moved:
        return Outcome(*what, "changed no number")
    measures = {declarations.measure_of(key.measure).measure for key in moved}
    boards = (key for key, board in declarations.boards.items() if measures & _measures_of(declarations, board))
    return Outcome(*what, "reached a number", (), tuple(sorted(measures)), tuple(boards))


def _measures_of(declarations: Declarations, board: Board) -> set[str]:
    """What a board's packs can show; of a thematic one, whichever theme is in rotation."""
    themes = {rotation.theme for rotation in board.themes}
    priorities = [each for theme in declarations.plan.themes if theme.theme in themes for each in theme.priorities]
    return {*board.measures, *(key for each in priorities for key in each.measures)}


def _seen(beside: Office, month: str, sent: _Sent, mutation: Mutation, right: "_Seen | None") -> _Seen:
    """What fails with a spoiled file in place of the delivery and not with the `right` one; or else the facts."""
    control = sent.control if mutation.on_the_way else None
    with _copy(beside, "spoiled") as office:
        failing = _take_in(office, month, sent, mutation.content, control)
        load_number = 0
        if not any(failure.stops for failure in failing.values()):
            with office.engine.connect() as connection:
                load_number = newest_load(connection)
            failing |= _between_feeds(office, month, load_number)
        if right:
            failing = {check: each for check, each in failing.items() if _is_worse(each, right.failing.get(check))}
            if failing:
                return _Seen(failing, {})
        with office.engine.begin() as connection:
            return _Seen(failing, facts.compute(connection, office.declarations, month, load_number))


def _is_worse(failure: _Failure, known: _Failure | None) -> bool:
    """Whether a check fails that did not, or of more rows, or where it counts none, otherwise."""
    return known is None or failure.rows > known.rows or (not failure.rows and failure.detail != known.detail)


def _take_in(office: Office, month: str, sent: _Sent, content: bytes, control: bytes | None) -> dict[_Check, _Failure]:
    """Receive, validate and load one delivery under its own name; gives what fails of it."""
    on = freeze_day(month)
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        path = Path(folder) / sent.name
        path.write_bytes(content)
        if control is not None:
            path.with_suffix(CONTROL).write_bytes(control)
        delivery_id = receive(office, [path], on, sent.feed, [sent.period]).delivery_ids[-1]
    (validation,) = validate(office, [delivery_id], on)
    load(office, [delivery_id])
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT check_id, part, action, coalesce(unexpected_count, 0) AS rows, detail FROM quality.check_result"
            " WHERE validation_id = :validation_id AND outcome IN ('failed', 'error') ORDER BY check_id, part",
            validation_id=validation.validation_id,
        )
    return {
        _Check(sent.feed, row["check_id"], row["part"]): _Failure(
            validation.verdict == "blocked" or row["action"] == "quarantine_row", row["rows"], row["detail"]
        )
        for row in rows
    }


def _between_feeds(office: Office, month: str, load_number: int) -> dict[_Check, _Failure]:
    """What fails of the cross-feed checks against the snapshot of the month before."""
    (frozen,) = chain.snapshots(office)
    before = read(office, frozen.candidate_id).load_number
    checked = integrity.check(office, month, load_number, before, freeze_day(month))
    return {
        _Check(each.feed, each.check_id, each.part): _Failure(each.blocks, each.unexpected_count or 0, each.detail)
        for each in checked.results
        if each.outcome in ("failed", "error")
    }


def _freeze_before(office: Office, month: str, inbox: Sequence[Path]) -> None:
    """Freeze the month-end that the faults are seen against."""
    on = freeze_day(month)
    received = receive(office, inbox, on).delivery_ids
    validate(office, received, on)
    load(office, received)
    candidate = propose(office, month, on)
    steward = next(person for person in office.declarations.people.people if "steward" in person.roles)
    chain.sign_off(office, candidate.candidate_id, "freeze", steward.user, candidate.shown_sha256, "command line", on)
    chain.freeze(office, candidate.candidate_id, on)


def _sent(office: Office, month: str, inbox: Sequence[Path]) -> list[_Sent]:
    """The newest delivery in the inbox of each feed that is due at the month-end, and what came before it.

    Of a feed with a delivery for each area it is the home force's. Workbooks are left out: they are spoiled otherwise.
    """
    receive(office, inbox, freeze_day(month))
    home, found = office.declarations.plan.home_force, []
    for partition in due(office.declarations, month):
        if partition.area_code in ("", home):
            newest = _newest(office, partition.feed, partition.period, partition.area_code)
            before = _newest(office, partition.feed, add_months(partition.period, -1), partition.area_code)
            if newest and newest["origin"].endswith(".csv"):
                found.append(
                    _Sent(
                        partition.feed,
                        partition.period,
                        Path(newest["origin"]).name,
                        stored_path(office, newest["sha256"]).read_bytes(),
                        stored_path(office, newest["control"]).read_bytes() if newest["control"] else None,
                        stored_path(office, before["sha256"]).read_bytes() if before else None,
                    )
                )
    return found


def _newest(office: Office, feed: str, period: str, area_code: str) -> dict[str, str] | None:
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT d.sha256, r.origin, (SELECT c.sha256 FROM landing.control_record c"
            "  WHERE c.delivery_id = d.delivery_id ORDER BY c.received_at DESC LIMIT 1) AS control"
            " FROM landing.delivery d JOIN landing.receipt r USING (delivery_id) WHERE d.feed = :feed"
            " AND d.period = :period AND d.area_code = :area_code ORDER BY r.receipt_id DESC LIMIT 1",
            feed=feed,
            period=period,
            area_code=area_code,
        )
    return rows[0] if rows else None


@contextmanager
def _copy(office: Office, name: str) -> Iterator[Office]:
    """An office with a copy of another one's database, on the same embedded server; it is dropped at the end."""
    administrator = office.engine.url.set(drivername="postgresql", username="postgres", database="postgres")
    url, template = office.engine.url.set(database=name), office.engine.url.database
    office.engine.dispose()
    with psycopg.connect(administrator.render_as_string(), autocommit=True) as server:
        # Great Expectations leaves a connection behind, and none may be open
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [template])
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {warehouse.OWNER}".encode())
        copy = Office(office.home, warehouse.connect(url.render_as_string()), office.declarations)
        try:
            yield copy
        finally:
            copy.engine.dispose()
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
