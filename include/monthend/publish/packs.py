"""Publish: every pack that a month serves, built from the snapshot, registered cell by cell, agreed, released."""

import datetime
import hashlib
import json
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from monthend import extension, receive, warehouse
from monthend.errors import NeedsPerson
from monthend.freeze import candidate as candidates
from monthend.freeze import chain, facts, query
from monthend.office import Office
from monthend.plan.calendar import add_months, freeze_day, meetings_served
from monthend.plan.declarations import Board, Rendering
from monthend.publish import contents, rules
from monthend.publish.book import Cell, Passport, row_label, value_of
from monthend.publish.choice import there_is
from monthend.publish.material import Material, Narrative, Pack, Returned
from monthend.publish.words import of_day
from monthend.publish.workbook import Book, content_sha256, read_back, write
from monthend.validate import integrity

TEXT = Passport("text", "{}")


@dataclass(frozen=True)
class Build:
    """A workbook that was built and registered."""

    build_id: int
    pack_id: str
    board: str
    rendering: str
    meeting: datetime.date | None
    path: Path
    content_sha256: str
    released: bool


def packs_served(
    office: Office, month: str, without_meeting: bool = False, on: datetime.date | None = None
) -> list[Pack]:
    """The packs of the meetings for which a frozen month is the newest, by DESIGN's one rule for every board.

    With `without_meeting` a board that has no such meeting gets a pack for reference. With the business date `on` the
    next month is not expected before that day: one that is refused, or that nobody answered, leaves its meetings to
    the month before; and a meeting that is over is not served.
    """
    snapshot = chain.snapshot(office, month)
    frozen: dict[str, datetime.date] = {}
    for each in chain.snapshots(office):
        frozen.setdefault(each.month, each.frozen_on)  # a restatement does not make a month newer
    following = add_months(max(frozen), 1)
    expected = _postponed_until(office, following) or freeze_day(following)
    next_freeze = max(expected, on) if on else expected
    packs = []
    for board in boards_of(office, month):
        served = meetings_served(month, frozen, board.meetings, next_freeze)
        meetings: list[datetime.date | None] = [meeting for meeting in served if on is None or meeting >= on]
        for meeting in meetings or ([None] if without_meeting else []):
            packs += [_pack(snapshot.digest, snapshot.revision, board, each, meeting) for each in board.renderings]
    return packs


def boards_of(office: Office, month: str) -> list[Board]:
    """The boards that have something to show at a month-end: a measure in force that is counted by month."""
    declared = office.declarations
    return [
        board
        for board in declared.boards.values()
        if not board.returns
        or any(
            declared.measures[key].counted in ("sums", "rows") and there_is(declared, declared.measures[key], month)
            for key in board.measures
        )
    ]


def publish(
    office: Office,
    month: str,
    board: str | None = None,
    rendering: str | None = None,
    without_meeting: bool = False,
    on: datetime.date | None = None,
) -> tuple[list[Build], list[str]]:
    """Build and register the packs that a frozen month serves on business date `on`, all or those of one rendering.

    Gives the builds and, in words, the packs that could not be built: each is held alone. A pack that was released is
    never built again.
    """
    snapshot = chain.snapshot(office, month)
    material = _material(office, snapshot.candidate_id, snapshot.frozen_on)
    built, failed = [], []
    for pack in packs_served(office, month, without_meeting, on):
        if board in (None, pack.board.board) and rendering in (None, pack.rendering.rendering):
            try:
                built.append(_build(office, snapshot, material, pack))
            except (ValueError, NeedsPerson) as error:
                failed.append(f"{pack.board.title} ({pack.rendering.rendering}) could not be built: {error}")
    return built, failed


def draft(office: Office, candidate_id: int) -> list[Path]:
    """Every board's pack from a candidate, marked DRAFT; nothing can release or deliver them."""
    candidate = candidates.read(office, candidate_id)
    material = _material(office, candidate_id, None)
    folder = office.home / "drafts" / candidate.month
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for board in boards_of(office, candidate.month):
        for rendering in board.renderings:
            book = contents.book(
                material, _pack(f"draft {candidate.digest}", candidate.revision, board, rendering, None)
            )
            paths.append(folder / book.file_name)
            write(book, paths[-1])
    return paths


def builds(office: Office, month: str, revision: int | None = None) -> list[Build]:
    """The packs of a month's newest revision, unless one is named.

    Of each pack it is the released build, else the one that the file on disk holds, else the newest.
    """
    snapshot = chain.snapshot(office, month, revision)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT b.*, r.build_id IS NOT NULL AS released"
            " FROM pack.build b LEFT JOIN pack.release r USING (build_id) WHERE b.position = :position"
            " ORDER BY b.board, b.rendering, b.meeting, released DESC, b.build_id DESC",
            position=snapshot.position,
        )
    found = [_from_row(office, snapshot, row) for row in rows]
    packs = groupby(found, key=lambda build: (build.board, build.rendering, build.meeting))
    return [_current(list(of_one_pack)) for _, of_one_pack in packs]


def pack_folder(office: Office, month: str, revision: int) -> Path:
    """Where the packs of a snapshot are; those of another revision stand beside."""
    return office.home / "packs" / (month if revision == 1 else f"{month}-revision-{revision}")


def parity(office: Office, month: str) -> None:
    """Hold each fact that stands in two packs of a snapshot against itself: value, rounding, label, mark.

    Raises NeedsPerson naming every disagreement; then nothing of the month may leave.
    """
    current = [build.build_id for build in builds(office, month)]
    with office.engine.connect() as connection:
        entries = warehouse.query(
            connection,
            "SELECT b.board, b.rendering, e.sheet, e.cell, e.reference, e.shown FROM pack.entry e"
            " JOIN pack.build b USING (build_id) WHERE e.kind = 'fact' AND e.build_id = ANY(:builds)"
            " ORDER BY e.build_id, e.sheet, e.cell",
            builds=current,
        )
    seen: dict[str, tuple[tuple[Any, ...], str]] = {}
    problems = []
    for entry in entries:
        reference = json.loads(entry["reference"])
        identity = candidates.canonical({name: reference[name] for name in (*facts.Key._fields, "part")})
        states = (entry["shown"], reference["label"], reference["decimals"], reference["mark"])
        where = f"{entry['board']} ({entry['rendering']}) {entry['sheet']}!{entry['cell']}"
        first, place = seen.setdefault(identity, (states, where))
        if first != states:
            problems.append(f"{place} and {where} show the same fact differently.")
    if problems:
        raise NeedsPerson("Packs disagree, so none may leave:\n" + "\n".join(problems))


def _pack(digest: str, revision: int, board: Board, rendering: Rendering, meeting: datetime.date | None) -> Pack:
    identity = [digest, revision, board.board, rendering.rendering, meeting.isoformat() if meeting else None]
    pack_id = hashlib.sha256(candidates.canonical(identity).encode()).hexdigest()[:32]
    return Pack(pack_id, board, rendering, meeting)


def _postponed_until(office: Office, month: str) -> datetime.date | None:
    """The day that a month's last answer postponed it to; None where it did not."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT s.until FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"
            " WHERE s.accepted AND c.month = :month ORDER BY s.sign_off_id DESC LIMIT 1",
            month=month,
        )
    return rows[0]["until"] if rows else None


def _material(office: Office, candidate_id: int, frozen_on: datetime.date | None) -> Material:
    candidate = candidates.read(office, candidate_id)
    names = query.area_names(office, candidate_id)
    declared = {code for feed in office.declarations.feeds.values() for code in facts.areas(office.declarations, feed)}
    if nameless := sorted(declared - names.keys()):
        raise NeedsPerson(f"The areas delivery has no name for {', '.join(nameless)}, so no pack can be made.")
    with office.engine.connect() as connection:
        (proposed,) = warehouse.query(
            connection,
            "SELECT manifest FROM snapshot.candidate WHERE candidate_id = :candidate",
            candidate=candidate_id,
        )
        manifest = proposed["manifest"]
        revised = warehouse.query(
            connection,
            "SELECT measure, basis, area_code, period, breakdown, category FROM snapshot.fact_at(:candidate)"
            " WHERE revised",
            candidate=candidate_id,
        )
        populations: dict[str, list[tuple[str, str]]] = {}
        for row in warehouse.query(
            connection,
            "SELECT area_code, as_at, population FROM reporting.residents_at(:load) ORDER BY area_code, as_at",
            load=candidate.load_number,
        ):
            populations.setdefault(row["area_code"], []).append((row["as_at"].isoformat(), row["population"]))
        return Material(
            declarations=office.declarations,
            month=candidate.month,
            revision=candidate.revision,
            digest=candidate.digest,
            frozen_on=frozen_on,
            facts=facts.read(connection, candidate_id),
            revised=frozenset(facts.Key(**row) for row in revised),
            area_names=names,
            populations=populations,
            quality=_quality(office, connection, candidate),
            deliveries=_deliveries(office, connection, candidate),
            missing=candidate.missing,
            withheld=chain.withheld(connection, candidate_id),
            waivers=tuple(
                (candidates.waiver_in_words(office, waiver), " and ".join(waiver["names"]))
                for waiver in manifest["waivers"]
            ),
            known_errors=tuple(
                (office.declarations.known_errors[each["known_error"]], each["rows"], each["last"])
                for each in manifest["known_errors"]
                if each["known_error"] in office.declarations.known_errors
            ),
            revisions=_revisions(connection, candidate_id, office.declarations.plan.home_force),
            vintages=_vintages(connection, candidate.load_number),
            population_years=_population_years(office, connection, candidate),
            integrity=integrity.read(connection, candidate.integrity_id).results if candidate.integrity_id else (),
            events=query.events(office, candidate_id, office.declarations.plan.home_force),
            returns=_returns(office, connection, candidate),
            narratives=_narratives(connection, candidate),
        )


def _revisions(connection: Connection, candidate_id: int, area: str) -> tuple[tuple[str, str, str, int], ...]:
    """How the counts of an area differ from those of the candidate's parent: measure, month, cause, difference."""
    rows = warehouse.query(
        connection,
        "SELECT measure, period, cause, difference FROM snapshot.revision WHERE candidate_id = :candidate"
        " AND area_code = :area AND category = '' ORDER BY measure, period, cause",
        candidate=candidate_id,
        area=area,
    )
    return tuple((row["measure"], row["period"], row["cause"], row["difference"]) for row in rows)


def _vintages(connection: Connection, load_number: int) -> dict[str, tuple[datetime.date, str]]:
    """Of the comparators that are held, the newest day they are of and the denominators that they use."""
    (row,) = warehouse.query(
        connection,
        "SELECT max(as_at) AS as_at, string_agg(DISTINCT denominator_type, ', ') AS denominators"
        " FROM reporting.msg_comparator_at(:load)",
        load=load_number,
    )
    return {"msg_comparator": (row["as_at"], row["denominators"])} if row["as_at"] else {}


def _population_years(office: Office, connection: Connection, candidate: candidates.Candidate) -> dict[str, str]:
    """By measure, of which years the denominators of its newest rates are, where its feed says so."""
    years: dict[str, str] = {}
    for measure in office.declarations.measures.values():
        if year := measure.population_year:
            (row,) = warehouse.query(
                connection,
                f"SELECT string_agg(DISTINCT {year}::text, ' and ') AS years FROM"  # noqa: S608 - names are declared
                f" (SELECT {year}, rank() OVER (ORDER BY delivery_period DESC)"
                f"  FROM reporting.{measure.feed}_at(:load) WHERE delivery_period <= :month) AS rows WHERE rank = 1",
                load=candidate.load_number,
                month=candidate.month,
            )
            if row["years"]:
                years[measure.measure] = row["years"]
    return years


def _quality(office: Office, connection: Connection, candidate: candidates.Candidate) -> list[dict[str, Any]]:
    """A row a check of a feed over the candidate's deliveries: how many were checked, failed, and failing rows."""
    rows = _of_standing(
        office,
        connection,
        candidate,
        "SELECT s.feed, c.check_id, c.part, c.description, c.action, count(*) AS deliveries,"
        " count(*) FILTER (WHERE c.outcome = 'failed') AS failed, sum(c.unexpected_count)::bigint AS rows"
        " FROM standing s JOIN reporting.load l USING (delivery_id) JOIN quality.check_result c USING (validation_id)"
        " WHERE c.outcome <> 'not run' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3",
    )
    return [row | {"title": office.declarations.feeds[row["feed"]].title} for row in rows]


def _deliveries(
    office: Office, connection: Connection, candidate: candidates.Candidate
) -> list[tuple[str, int, int, int]]:
    """A row a feed: its deliveries, those that were late at this month-end, and the rows that are kept out."""
    rows = _of_standing(
        office,
        connection,
        candidate,
        "SELECT s.feed, count(*) AS deliveries, sum(v.quarantined_count)::bigint AS rows"
        " FROM standing s JOIN reporting.load l USING (delivery_id) JOIN quality.validation v USING (validation_id)"
        " GROUP BY 1 ORDER BY 1",
    )
    late = _late(office, connection, candidate)
    return [(row["feed"], row["deliveries"], late[row["feed"]], row["rows"]) for row in rows]


def _of_standing(
    office: Office, connection: Connection, candidate: candidates.Candidate, select: str
) -> list[dict[str, Any]]:
    """What `select` gives of `standing` (feed, delivery_id), the deliveries whose checks are the month-end's.

    Of a keyed feed it is the newest extracts: each holds its window anew and puts right what one before it failed.
    """
    feeds = office.declarations.feeds.values()
    return warehouse.query(
        connection,
        "WITH standing AS (SELECT feed, delivery_id FROM"  # noqa: S608 - `select` is one of the two above
        " (SELECT feed.name AS feed, d.delivery_id, feed.name = ANY(:keyed) AS keyed,"
        "  row_number() OVER (PARTITION BY feed.name, d.area_code ORDER BY d.period DESC) AS nth"
        "  FROM unnest(CAST(:feeds AS text[])) AS feed(name)"
        "  CROSS JOIN LATERAL reporting.current_delivery(feed.name, :load) d WHERE d.period <= :month) AS d"
        " WHERE nth = 1 OR NOT keyed) " + select,
        feeds=[feed.feed for feed in feeds],
        keyed=[feed.feed for feed in feeds if feed.load == "keyed"],
        load=candidate.load_number,
        month=candidate.month,
    )


def _late(office: Office, connection: Connection, candidate: candidates.Candidate) -> Counter[str]:
    """By feed, how many deliveries were due at this month-end and are in, but first came after their working day."""
    held = receive.held(connection, office.declarations, candidate.load_number)
    given = _extensions(connection, candidate.month)
    late: Counter[str] = Counter()
    for partition in receive.due(office.declarations, candidate.month):
        due_on = extension.in_time_until(office.declarations.feeds[partition.feed], partition, given)
        if partition in held and due_on and held[partition] > due_on:
            late[partition.feed] += 1
    return late


def _extensions(connection: Connection, month: str) -> dict[receive.Recognised, extension.Extension]:
    """The later days that were given by the time a month-end is frozen."""
    given = extension.extensions(connection)
    return {of: each for of, each in given.items() if each.given_on <= freeze_day(month)}


def _returns(office: Office, connection: Connection, candidate: candidates.Candidate) -> tuple[Returned, ...]:
    """The returns that a board shows and that were due at the month-end, in the order of their feeds and areas."""
    shown_returns = {board.returns for board in office.declarations.boards.values()}
    held = receive.held(connection, office.declarations, candidate.load_number)
    given = _extensions(connection, candidate.month)
    found = []
    for due in receive.due(office.declarations, candidate.month):
        feed = office.declarations.feeds[due.feed]
        if feed.feed not in shown_returns:
            continue
        rows = warehouse.query(
            connection,
            "SELECT r.*, v.quarantined_count FROM reporting.current_delivery(:feed, :load) d"  # noqa: S608 - declared
            f" LEFT JOIN reporting.{feed.feed} r USING (delivery_id) JOIN reporting.load l USING (delivery_id)"
            " JOIN quality.validation v USING (validation_id)"
            " WHERE d.period = :period AND d.area_code = :area ORDER BY r.row_number",
            feed=feed.feed,
            load=candidate.load_number,
            period=due.period,
            area=due.area_code,
        )
        came, due_on, later = held.get(due), extension.in_time_until(feed, due, given), given.get(due)
        found.append(
            Returned(
                feed.feed,
                due.area_code,
                due.period,
                came,
                bool(came and due_on and came > due_on),
                rows[0]["quarantined_count"] if rows else 0,
                f"until {of_day(later.until)}, given by {later.display_name}: {later.reason}" if later else "",
                {row["item_code"]: row for row in rows if row["item_code"]},
            )
        )
    return tuple(found)


def _narratives(connection: Connection, candidate: candidates.Candidate) -> tuple[Narrative, ...]:
    """The newest words that came by the month-end, in the order of boards and priorities."""
    rows = warehouse.query(
        connection,
        "SELECT sp, board, text, author_role, written_on FROM reporting.narrative_at(:load) WHERE delivery_period ="
        " (SELECT max(delivery_period) FROM reporting.narrative_at(:load) WHERE delivery_period <= :month)"
        " ORDER BY board, sp",
        load=candidate.load_number,
        month=candidate.month,
    )
    return tuple(Narrative(*row.values()) for row in rows)


def _build(office: Office, snapshot: chain.Snapshot, material: Material, pack: Pack) -> Build:
    """Build one pack, hold it against the rules and the facts, and register every cell of its tables."""
    released = [build for build in builds(office, snapshot.month) if build.pack_id == pack.pack_id and build.released]
    if released:
        return released[0]
    folder = pack_folder(office, snapshot.month, snapshot.revision)
    folder.mkdir(parents=True, exist_ok=True)
    book = contents.book(material, pack)
    path = folder / book.file_name
    digest = write(book, path)
    published = pack.rendering.rendering == "published"
    broken = [f for f in rules.check(path, pack.rendering.rendering) if published or f.level == "E"]
    if broken:
        path.unlink()  # nobody is to find it among the packs
        raise NeedsPerson("; ".join(f"{f.rule} {f.sheet} {f.cell}: {f.text}" for f in broken[:5]))
    with office.engine.begin() as connection:
        values = {
            "pack_id": pack.pack_id,
            "position": snapshot.position,
            "board": pack.board.board,
            "rendering": pack.rendering.rendering,
            "meeting": pack.meeting,
            "audience": pack.rendering.audience,
            "marking": contents.marking(pack.rendering),
            "file_name": book.file_name,
            "content_sha256": digest,
        }
        build_id = warehouse.insert_one(connection, "pack.build", values, "build_id")
        if build_id is None:
            (row,) = warehouse.query(
                connection,
                "SELECT build_id FROM pack.build WHERE pack_id = :pack_id AND content_sha256 = :content_sha256",
                pack_id=pack.pack_id,
                content_sha256=digest,
            )
            build_id = row["build_id"]
        else:
            warehouse.insert(connection, "pack.entry", _register(build_id, book, path))
    return Build(build_id, pack.pack_id, pack.board.board, pack.rendering.rendering, pack.meeting, path, digest, False)


def _register(build_id: int, book: Book, path: Path) -> list[dict[str, Any]]:
    """A register entry for each cell of each table, and each text outside them, as read back from the finished file.

    Raises NeedsPerson when the file shows anything else than what was declared.
    """
    found = read_back(path)
    entries = []
    for sheet in book.sheets:
        if sheet.table is None:
            continue
        for row in sheet.table.rows:
            label = row_label(value_of(row[0]))
            for number, cell in enumerate(row[1:], start=1):
                value = value_of(cell)
                verdict, places = found.verdict((sheet.table.name, label, number), value)
                if verdict != "ok":
                    raise NeedsPerson(
                        f"{sheet.name}, {label}, column {number}: the file does not show what was declared."
                    )
                passport = (cell.passport if isinstance(cell, Cell) else None) or TEXT
                place, _, coordinate = places[0].cell.rpartition("!")
                entries.append(
                    {
                        "build_id": build_id,
                        "table_name": sheet.table.name,
                        "row_label": label,
                        "column_number": number,
                        "column_heading": sheet.table.columns[number].heading,
                        "sheet": place,
                        "cell": coordinate,
                        "kind": passport.kind,
                        "reference": passport.reference,
                        "shown": shown(value),
                    }
                )
    nowhere = {"build_id": build_id, "table_name": "", "column_number": 0, "column_heading": "", "kind": "text"}
    for number, text in enumerate(found.texts, start=1):
        place, _, coordinate = text.cell.rpartition("!")
        entries.append(
            nowhere
            | {"row_label": f"text {number}", "sheet": place, "cell": coordinate, "reference": "{}"}
            | {"shown": shown(str(text.value))}
        )
    return entries


def shown(value: Any) -> str:
    """A cell's value as the register keeps it: JSON, so that a number and its text differ."""
    return facts.plain(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def as_built(build: Build) -> bool:
    """Whether a pack's file is there and holds what was built."""
    try:
        return content_sha256(build.path) == build.content_sha256
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def _current(of_one_pack: list[Build]) -> Build:
    """The build that stands for a pack, of all there are: released ones first, then newest first."""
    first, *others = of_one_pack
    if first.released or not others:
        return first
    return next((build for build in of_one_pack if as_built(build)), first)


def _from_row(office: Office, snapshot: chain.Snapshot, row: dict[str, Any]) -> Build:
    path = pack_folder(office, snapshot.month, snapshot.revision) / row["file_name"]
    return Build(
        row["build_id"], row["pack_id"], row["board"], row["rendering"], row["meeting"], path, row["content_sha256"],
        row["released"],
    )  # fmt: skip
