"""Where a month-end stands, at every station, and what stands in its way."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from monthend import extension, receive, warehouse
from monthend.deliver import outcomes
from monthend.load import newest_load
from monthend.office import Office
from monthend.plan.calendar import add_months, freeze_day, month_end
from monthend.plan.declarations import Feed
from monthend.publish.words import of_day, of_month
from monthend.validate import findings, integrity


@dataclass(frozen=True)
class FeedStand:
    """How far a feed is at a month-end; of a reference feed nothing is due, and what is current is shown."""

    feed: str
    title: str
    owner: str
    contact: str
    period: str  # what is due at this month-end; empty for a reference feed
    due: int  # deliveries
    due_on: date | None
    received: int  # of the due deliveries, those of which any version came
    late: int  # first came after due_on
    missing: tuple[str, ...]  # areas of which nothing came
    rows: int  # loaded
    verdicts: dict[str, int]  # of the newest versions
    quarantined: int  # rows of what is loaded
    loaded: int  # deliveries
    delivery_ids: tuple[int, ...]  # the newest versions


@dataclass(frozen=True)
class Blocker:
    """What stands between a month-end and its freeze, or the release of its packs, and who can unblock it."""

    what: str
    who: str
    kind: Literal["missing", "blocked", "refused", "consent", "sign-off", "release", "order"]
    link: str  # under the desk; empty where there is no page


def feeds_at(office: Office, month: str) -> list[FeedStand]:
    """How far each feed is at month-end `month` (YYYY-MM), reference feeds included."""
    stands = []
    with office.engine.connect() as connection:
        parts = _partitions(office, connection, month)
        given = extension.extensions(connection)
    for feed in office.declarations.feeds.values():
        of_feed = [part for part in parts if part["feed"] == feed.feed]
        is_due = feed.cadence != "reference"
        due_on = feed.due_on(feed.newest_period(month))
        came = [part for part in of_feed if part["delivery_id"] is not None]
        loaded = [part for part in of_feed if part["loaded_rows"] is not None]
        stands.append(
            FeedStand(
                feed=feed.feed,
                title=feed.title,
                owner=feed.owner,
                contact=feed.contact,
                period=feed.newest_period(month) if is_due else "",
                due=len(of_feed) if is_due else 0,
                due_on=due_on,
                received=sum(part["is_in"] for part in of_feed) if is_due else 0,
                late=sum(_is_late(feed, part, given) for part in came),
                missing=tuple(feed.area_name(part["area_code"]) for part in of_feed if is_due and not part["is_in"]),
                rows=sum(part["loaded_rows"] for part in loaded),
                verdicts=dict(Counter(part["verdict"] for part in came if part["verdict"])),
                quarantined=sum(part["quarantined_count"] for part in loaded),
                loaded=len(loaded),
                delivery_ids=tuple(part["delivery_id"] for part in came),
            )
        )
    return stands


def blockers(office: Office, month: str, on: date) -> list[Blocker]:
    """What stands, on business date `on`, between month-end `month` and its freeze, in the order it is dealt with.

    Of a frozen month it is what stands between its packs and their release, and a restatement that waits for an answer.
    """
    with office.engine.connect() as connection:
        chain = warehouse.query(
            connection,
            "SELECT s.month, s.revision, s.candidate_id, o.signed_by FROM snapshot.snapshot s"
            " JOIN snapshot.sign_off o USING (sign_off_id) ORDER BY s.position DESC",
        )
        snapshot = next((each for each in chain if each["month"] == month), None)
        answers = warehouse.query(
            connection,
            "SELECT c.candidate_id, c.revision, c.parent_id, c.integrity_id, s.answer, s.display_name, s.reason,"
            " s.until, s.accepted, s.refusal"
            " FROM snapshot.candidate c LEFT JOIN snapshot.sign_off s USING (candidate_id)"
            " WHERE c.candidate_id = (SELECT max(candidate_id) FROM snapshot.candidate WHERE month = :month)"
            " ORDER BY s.sign_off_id",
            month=month,
        )
        parts = [] if snapshot else _partitions(office, connection, month)
        failing = _failing(connection, [part["delivery_id"] for part in parts])
        refusals = [] if snapshot else _refusals(connection, month)
    if snapshot is None and chain and month < chain[0]["month"]:
        what = f"{chain[0]['month']} is frozen, and months freeze in ascending order: {month} stays unfrozen."
        who = f"Nobody. What comes for {month} is in the history that every later month-end carries."
        return [Blocker(what, who, "order", "")]
    if snapshot is None and month_end(month) >= on:
        what = f"{month} is not over: only a month that has ended can be proposed."
        return [Blocker(what, f"Nobody before {of_day(month_end(month) + timedelta(days=1))}.", "order", "")]
    found: list[Blocker] = []
    if snapshot is None:
        waivers = findings.waivers(office, on)
        found += _missing(office, month, parts)
        found += _blocked(office, parts, failing, waivers)
        found += _refused(office, parts, refusals)
        found += _waiting_for_consent(office, parts, waivers)
    if snapshot is None or (answers and answers[0]["revision"] > snapshot["revision"]):
        found += _integrity(office, month, on, answers)
        found += _unsigned(office, month, on, answers, chain[0]["candidate_id"] if chain else None)
    if snapshot:
        found += _unreleased(office, month, on, snapshot["signed_by"])
    return found


def status(office: Office, month: str) -> dict[str, Any]:
    """Where a month-end stands: due feeds, verdicts, candidates, answers, snapshots, packs, messages."""
    with office.engine.connect() as connection:
        held = receive.held(connection, office.declarations)
        feeds = []
        for partition in receive.due(office.declarations, month):
            feed = office.declarations.feeds[partition.feed]
            area = feed.area_name(partition.area_code)
            state = "in" if partition in held else "missing"
            feeds.append({"feed": feed.feed, "period": partition.period, "area": area, "state": state})
        return {
            "month": month,
            "feeds": feeds,
            "verdicts": warehouse.query(
                connection,
                "SELECT feed, verdict, count(*) AS deliveries, sum(quarantined_count)::bigint AS quarantined"
                " FROM (SELECT DISTINCT ON (delivery_id) d.feed, d.period, v.verdict, v.quarantined_count"
                "  FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
                "  ORDER BY delivery_id, validation_id DESC) latest"
                " WHERE period <= :month GROUP BY feed, verdict ORDER BY feed, verdict",
                month=month,
            ),
            "refused": warehouse.query(connection, "SELECT origin, reason FROM landing.refusal ORDER BY refusal_id"),
            "candidates": warehouse.query(
                connection,
                "SELECT c.candidate_id, c.revision, c.digest, c.proposed_on, c.readiness->'missing' AS missing,"
                " s.answer, s.display_name, s.signed_on, s.reason, s.until, s.accepted, s.refusal"
                " FROM snapshot.candidate c LEFT JOIN snapshot.sign_off s USING (candidate_id)"
                " WHERE c.month = :month ORDER BY c.candidate_id, s.sign_off_id",
                month=month,
            ),
            "snapshots": warehouse.query(
                connection,
                "SELECT position, revision, digest, seal, frozen_on FROM snapshot.snapshot WHERE month = :month"
                " ORDER BY position",
                month=month,
            ),
            "packs": warehouse.query(
                connection,
                "SELECT b.board, b.rendering, b.meeting, b.pack_id, b.file_name, b.content_sha256,"
                " r.build_id IS NOT NULL AS released FROM pack.build b JOIN snapshot.snapshot s USING (position)"
                " LEFT JOIN pack.release r USING (build_id) WHERE s.month = :month ORDER BY b.build_id",
                month=month,
            ),
            "deliveries": outcomes(office, month),
            "cross_feed": _cross_feed(office, connection, month),
        }


def in_words(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """A status as headings with lines."""
    missing = [f for f in found["feeds"] if f["state"] == "missing"]
    return [
        (
            f"Month-end {found['month']}",
            [f"due: {len(found['feeds'])} deliveries, missing: {len(missing)}"]
            + [f"missing: {f['feed']} {f['period']} {f['area']}" for f in missing]
            + [f"refused: {r['origin']}: {r['reason']}" for r in found["refused"]],
        ),
        (
            "Verdicts",
            [
                f"{v['feed']}: {v['deliveries']} {v['verdict']}, {v['quarantined']} rows quarantined"
                for v in found["verdicts"]
            ]
            or ["none"],
        ),
        (
            "Failed cross-feed checks and control records of the newest candidate",
            _not_met(found["cross_feed"]) or ["none"],
        ),
        ("Candidates and answers", [_candidate(c) for c in found["candidates"]] or ["none"]),
        (
            "Snapshots",
            [
                f"revision {s['revision']}, frozen on {s['frozen_on']}, digest {s['digest']}, seal {s['seal']}"
                for s in found["snapshots"]
            ]
            or ["not frozen"],
        ),
        (
            "Packs",
            [
                f"{p['board']} ({p['rendering']}), meeting {p['meeting'] or 'none in the calendar'}, {p['file_name']}, "
                f"{p['content_sha256']}, {'released' if p['released'] else 'not released'}"
                for p in found["packs"]
            ]
            or ["none"],
        ),
        (
            "Deliveries",
            [
                f"{d['board']} to {d['recipient']} ({d['mode']}, attempt {d['attempt']}): {d['state']}"
                for d in found["deliveries"]
            ]
            or ["none"],
        ),
    ]


def _cross_feed(office: Office, connection: Connection, month: str) -> list[dict[str, Any]]:
    """What the newest candidate of a month does not meet, with the first keys that fail a cross-feed check."""
    rows = warehouse.query(
        connection,
        "SELECT integrity_id FROM snapshot.candidate WHERE month = :month ORDER BY candidate_id DESC LIMIT 1",
        month=month,
    )
    if not rows or (integrity_id := rows[0]["integrity_id"]) is None:
        return []
    return [
        {
            "check": f"{each.check_id} {each.part}".strip(),
            "blocks": each.blocks,
            "words": integrity.in_words(office, each),
            "count": each.unexpected_count,
            "keys": integrity.keys(connection, integrity_id, each.check_id, each.part, findings.KEYS),
        }
        for each in integrity.not_met(office, connection, integrity_id)
    ]


def _not_met(checks: list[dict[str, Any]]) -> list[str]:
    """Checks in words, those that block first, each with what fails it."""
    return [
        f"{'BLOCKING: ' if each['blocks'] else ''}{each['words']}"
        + (
            f" {', '.join(each['keys'])}{' and more' if each['count'] > len(each['keys']) else ''}"
            if each["keys"]
            else ""
        )
        for each in sorted(checks, key=lambda each: not each["blocks"])
    ]


def _candidate(row: dict[str, Any]) -> str:
    line = f"candidate {row['candidate_id']}, revision {row['revision']}, proposed on {row['proposed_on']}"
    if row["answer"] is None:
        return f"{line}: no answer"
    line += f": {row['answer']} by {row['display_name']} on {row['signed_on']}"
    if row["reason"]:
        line += f", {row['reason']}"
    return line if row["accepted"] else f"{line} (not accepted: {row['refusal']})"


def _partitions(office: Office, connection: Connection, month: str) -> list[dict[str, Any]]:
    """What is due at a month-end and the reference feeds: whether it is in, its newest version, and what is loaded."""
    partitions = receive.due(office.declarations, month)
    for feed in office.declarations.feeds.values():
        if feed.cadence == "reference":
            partitions.append(receive.Recognised(feed.feed, "", ""))
    rows = warehouse.query(
        connection,
        "SELECT p.feed, p.period, p.area_code, came.delivery_id, came.first_on, newest.validation_id, newest.verdict,"
        " loaded.row_count AS loaded_rows, loaded.quarantined_count"
        " FROM unnest(CAST(:feeds AS text[]), CAST(:periods AS text[]), CAST(:areas AS text[])) WITH ORDINALITY"
        "  AS p(feed, period, area_code, place)"
        " LEFT JOIN LATERAL (SELECT max(d.delivery_id) AS delivery_id, min(r.received_on) AS first_on"
        "  FROM landing.delivery d JOIN landing.receipt r USING (delivery_id)"
        "  WHERE (d.feed, d.period, d.area_code) = (p.feed, p.period, p.area_code)) came ON true"
        " LEFT JOIN LATERAL (SELECT v.validation_id, v.verdict FROM quality.validation v"
        "  WHERE v.delivery_id = came.delivery_id ORDER BY v.validation_id DESC LIMIT 1) newest ON true"
        " LEFT JOIN LATERAL (SELECT l.row_count, v.quarantined_count FROM landing.delivery d"
        "  JOIN reporting.load l USING (delivery_id) JOIN quality.validation v USING (validation_id)"
        "  WHERE (d.feed, d.period, d.area_code) = (p.feed, p.period, p.area_code)"
        "  ORDER BY l.load_number DESC LIMIT 1) loaded ON true ORDER BY p.place",
        feeds=[each.feed for each in partitions],
        periods=[each.period for each in partitions],
        areas=[each.area_code for each in partitions],
    )
    held = receive.held(connection, office.declarations)
    for row in rows:  # also where a later extract of a keyed feed has its rows
        partition = receive.Recognised(row["feed"], row["period"], row["area_code"])
        row["is_in"] = row["delivery_id"] is not None or partition in held
    return rows


def _failing(connection: Connection, delivery_ids: list[int | None]) -> dict[int, list[dict[str, Any]]]:
    """The checks, by delivery, that keep it out of its newest validation's loads."""
    rows = warehouse.query(
        connection,
        "SELECT v.delivery_id, c.check_id, c.part, c.outcome FROM quality.check_result c"
        " JOIN (SELECT DISTINCT ON (delivery_id) delivery_id, validation_id FROM quality.validation"
        "  WHERE delivery_id = ANY(:ids) ORDER BY delivery_id, validation_id DESC) v USING (validation_id)"
        " WHERE (c.outcome = 'error' OR c.outcome = 'failed' AND c.action IN ('block_feed', 'quarantine_row'))"
        " AND c.waiver_id IS NULL ORDER BY v.delivery_id, c.check_id, c.part",
        ids=[each for each in delivery_ids if each is not None],
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["delivery_id"], []).append(row)
    return found


def _refusals(connection: Connection, month: str) -> list[dict[str, Any]]:
    """Files refused in the month after a month-end, of which nothing was taken since from the same place."""
    return warehouse.query(
        connection,
        "SELECT DISTINCT ON (f.origin) f.origin, f.reason, f.received_on FROM landing.refusal f"
        " WHERE f.received_on BETWEEN :first AND :last AND NOT EXISTS (SELECT FROM landing.receipt r"
        "  WHERE r.received_at > f.received_at AND (r.origin = f.origin OR starts_with(r.origin, f.origin || '!')))"
        " ORDER BY f.origin, f.refusal_id DESC",
        first=month_end(month) + timedelta(days=1),
        last=month_end(add_months(month, 1)),
    )


def _is_late(feed: Feed, part: dict[str, Any], given: Mapping[receive.Recognised, extension.Extension]) -> bool:
    of = receive.Recognised(part["feed"], part["period"], part["area_code"])
    until = extension.in_time_until(feed, of, given)
    return until is not None and bool(part["first_on"] > until)


def _extended(feed: Feed, area_code: str, given: extension.Extension) -> str:
    name = feed.area_name(area_code)
    return f" {name} has until {of_day(given.until)}, given by {given.display_name}: {given.reason.rstrip('.')}."


def _missing(office: Office, month: str, parts: list[dict[str, Any]]) -> list[Blocker]:
    found = []
    with office.engine.connect() as connection:
        extensions = extension.extensions(connection)

    def later(part: dict[str, Any]) -> extension.Extension | None:
        of = receive.Recognised(part["feed"], part["period"], part["area_code"])
        return None if part["is_in"] else extensions.get(of)

    for feed in office.declarations.feeds.values():
        of_feed = [part for part in parts if part["feed"] == feed.feed]
        areas = [feed.area_name(part["area_code"]) for part in of_feed if not part["is_in"]]
        if feed.cadence == "reference":
            continue
        newest = feed.newest_period(month)
        period = f"{feed.title}, {of_month(newest)}"
        who = f"{feed.owner} ({feed.contact})"
        if areas:
            day = feed.due_on(newest)
            due = f", due on {of_day(day)}" if day else ""
            names = f": {', '.join(areas)}" if any(areas) else ""
            what = f"{period}: {len(areas)} of {len(of_feed)} deliveries due are missing{due}{names}."
            what += "".join(_extended(feed, part["area_code"], given) for part in of_feed if (given := later(part)))
            found.append(Blocker(what, f"{who} sends them.", "missing", ""))
        for part in of_feed:
            if part["delivery_id"] and part["loaded_rows"] is None and part["verdict"] != "blocked":
                found.append(
                    Blocker(
                        f"{period}, {feed.area_name(part['area_code'])} came and is not loaded yet.",
                        "Nobody: the next pull loads it.",
                        "missing",
                        f"deliveries/{part['delivery_id']}",
                    )
                )
    return found


def _blocked(
    office: Office,
    parts: list[dict[str, Any]],
    failing: dict[int, list[dict[str, Any]]],
    waivers: list[findings.Waiver],
) -> list[Blocker]:
    agreed = {(each.delivery_id, each.check_id, each.part) for each in waivers if each.agreed}
    found = []
    for part in parts:
        if part["verdict"] == "blocked" and part["loaded_rows"] is None:
            feed, delivery_id = office.declarations.feeds[part["feed"]], part["delivery_id"]
            checks = failing.get(delivery_id, [])
            ids = ", ".join(dict.fromkeys(each["check_id"] for each in checks))
            left = [each for each in checks if (delivery_id, each["check_id"], each["part"]) not in agreed]
            who = f"{feed.owner} ({feed.contact}) sends a corrected extract"
            if checks and not left:
                who = "Nobody: every check it fails is waived, and the next pull lets it in."
            elif any(each["outcome"] == "error" for each in left):
                who = "Whoever looks after the installation: a check could not run."
            elif any((each["check_id"], each["part"]) == findings.UNREADABLE for each in left):
                who += "."
            else:
                who += f", or two of {_people(office, findings.WAIVERS, joined=' and ')} waive what it fails."
            found.append(
                Blocker(
                    f"{feed.delivery_name(part['period'], part['area_code'])} is blocked by {ids}.",
                    who,
                    "blocked",
                    f"deliveries/{delivery_id}",
                )
            )
    return found


def _refused(office: Office, parts: list[dict[str, Any]], refusals: list[dict[str, Any]]) -> list[Blocker]:
    feeds = [office.declarations.feeds[name] for name in dict.fromkeys(part["feed"] for part in parts)]
    owners = " or ".join(
        dict.fromkeys(f"{feed.owner} ({feed.contact})" for feed in feeds if feed.cadence != "reference")
    )
    return [
        Blocker(
            f"The file {each['origin']} was refused on {of_day(each['received_on'])}: {each['reason']}.",
            f"Whoever sent it sends it again: {owners}.",
            "refused",
            "",
        )
        for each in refusals
    ]


def _integrity(office: Office, month: str, on: date, answers: list[dict[str, Any]]) -> list[Blocker]:
    """What keeps the newest candidate from being frozen: cross-feed checks, and control records of what is loaded.

    Where a month was not proposed yet, or its candidate was postponed or refused, it is the control records alone.
    """
    asked = bool(answers) and not any(each["accepted"] and each["answer"] != "freeze" for each in answers)
    with office.engine.connect() as connection:
        if asked and answers[0]["integrity_id"] is not None:
            failing = integrity.blocking(office, connection, answers[0]["integrity_id"], on)
        else:
            loaded = integrity.contradicted(office, connection, month, newest_load(connection))
            failing = integrity.not_waived(office, connection, loaded, on)
    again = "proposed again" if answers else "proposed"
    waiting = {
        (each.delivery_id, each.check_id, each.part): each for each in findings.waivers(office, on) if not each.agreed
    }
    found = []
    for each in failing:
        feed = office.declarations.feeds[each.feed]
        who = f"{feed.owner} ({feed.contact}) sends a corrected extract, or two of "
        who += f"{_people(office, findings.WAIVERS, joined=' and ')} waive it; then it is {again}."
        if each.outcome == "error":
            who = "Whoever looks after the installation: a check could not run."
        elif waiver := waiting.get((each.delivery_id or 0, each.check_id, each.part)):
            who = f"{' and '.join(waiver.names)} would waive it: {waiver.reason}. A second person has to consent: "
            who += f"{_people(office, findings.WAIVERS, but=waiver.users)}. Then it is {again}."
        link = f"deliveries/{each.delivery_id}" if each.delivery_id else ""
        found.append(Blocker(integrity.in_words(office, each), who, "blocked", link))
    return found


def _waiting_for_consent(office: Office, parts: list[dict[str, Any]], waivers: list[findings.Waiver]) -> list[Blocker]:
    of_delivery = {part["delivery_id"]: part for part in parts if part["loaded_rows"] is None}
    found = []
    for waiver in waivers:
        part = of_delivery.get(waiver.delivery_id)
        if part and not waiver.agreed:
            named = office.declarations.feeds[part["feed"]].delivery_name(part["period"], part["area_code"])
            found.append(
                Blocker(
                    f"{' and '.join(waiver.names)} would waive {waiver.check_id} for {named}: {waiver.reason}. "
                    "A second person has to consent.",
                    f"{_people(office, findings.WAIVERS, but=waiver.users)}.",
                    "consent",
                    f"deliveries/{waiver.delivery_id}",
                )
            )
    return found


def _unsigned(office: Office, month: str, on: date, answers: list[dict[str, Any]], head: int | None) -> list[Blocker]:
    """What the newest candidate of a month waits for; `answers` are its rows, one an answer, or one without any."""
    stewards, link = f"{_people(office, ('steward',))}", f"months/{month}/sign-off"
    again = "Trigger freeze_month_end with this month as partition key."
    if not answers:
        by = of_day(freeze_day(month))
        what = f"{month} is not proposed yet."
        who = f"Airflow proposes it once all that is due is in, at the latest on {by}."
        return [Blocker(what, f"{who} {again}" if on > freeze_day(month) else who, "sign-off", "")]
    newest = answers[0]
    named = f"Candidate {newest['candidate_id']} of {month}, revision {newest['revision']}"
    accepted = next((each for each in answers if each["accepted"]), None)
    if newest["parent_id"] != head:
        return [Blocker(f"{named}: another month-end froze since it was proposed.", again, "order", "")]
    if accepted is None:
        said = "".join(
            f" {each['display_name']} answered '{each['answer']}', which was not accepted: {each['refusal']}"
            for each in answers
            if each["answer"]
        )
        return [Blocker(f"{named}, waits for an answer.{said}", f"{stewards}.", "sign-off", link)]
    said = f"by {accepted['display_name']}"
    if accepted["answer"] == "freeze":
        what = f"{named} is signed off {said} and not frozen."
        return [Blocker(what, f"Whoever looks after the installation. {again}", "sign-off", "")]
    if accepted["answer"] == "refuse":
        what = f"{named} was refused {said}: {accepted['reason']}."
        return [Blocker(what, f"{stewards}, once it is put right and proposed again. {again}", "sign-off", "")]
    what = f"{named} was postponed {said} until {of_day(accepted['until'])}: {accepted['reason']}."
    who = f"{stewards}, when it is asked again on that day." if accepted["until"] > on else f"{stewards}. {again}"
    return [Blocker(what, who, "sign-off", "")]


def _unreleased(office: Office, month: str, on: date, signed_by: str) -> list[Blocker]:
    # Imported here: they take half a second, which `monthend status` does not need
    from monthend.publish.packs import builds, packs_served
    from monthend.publish.release import release_request

    boards = office.declarations.boards
    built = {build.pack_id for build in builds(office, month)}
    following = add_months(month, 1)
    late = (
        f": {of_month(following)} is not frozen, so the meeting gets this month" if on > freeze_day(following) else ""
    )
    found = [
        Blocker(
            f"The pack of {pack.board.title} ({pack.rendering.rendering}) for {of_day(pack.meeting)} is not built"
            f"{late}.",
            "Trigger publish_board_packs with this month as partition key.",
            "release",
            "",
        )
        for pack in packs_served(office, month, on=on)
        if pack.meeting and pack.pack_id not in built
    ]
    waiting = release_request(office, month).builds
    if waiting:
        names = ", ".join(
            f"{boards[each.board].title} ({each.rendering}) for {of_day(each.meeting)}"
            for each in waiting
            if each.meeting
        )
        number = f"{len(waiting)} packs wait" if len(waiting) > 1 else "1 pack waits"
        who = _people(office, ("releaser",), but=(signed_by,))
        found.append(Blocker(f"{number} for release: {names}.", f"{who}.", "release", f"months/{month}/release"))
    return found


def _people(office: Office, roles: tuple[str, ...], but: tuple[str, ...] = (), joined: str = " or ") -> str:
    """The display names of those with one of `roles`, or in words that there is nobody."""
    people = [each for each in office.declarations.people.people if set(roles) & set(each.roles)]
    names = [each.display_name for each in people if each.user not in but]
    return joined.join(names) or f"Nobody: reports/people.yaml names no other {' or '.join(roles)}"
