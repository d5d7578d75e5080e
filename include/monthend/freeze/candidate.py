"""Propose: fix a load number, compute every fact as of it, and write down what it was all made from."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from monthend import receive, warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import facts, known_errors, revisions
from monthend.load import column_names, newest_load, rows_sha256
from monthend.office import Office
from monthend.plan.calendar import month_end
from monthend.plan.declarations import sha256
from monthend.validate import integrity

LIBRARIES = ("great-expectations", "numpy", "openpyxl", "pandas", "psycopg", "pyarrow", "scipy", "sqlalchemy")
WAIVER = ("feed", "period", "area_code", "sha256", "check_id", "part", "reason", "names")  # what a manifest says of one
NEWS = 40  # lines; the rest is on the steward's desk
HISTORY_CHECKS = ("G02", "G08", "G12")  # their outcome depends on what came before, so they are no part of a digest


class Unchanged(NeedsPerson):
    """A restatement would freeze again what is frozen."""


@dataclass(frozen=True)
class Readiness:
    """What is in and what is not, at a month-end: counts and names, no facts."""

    month: str
    due: int
    missing: tuple[str, ...]  # each due partition that is not in, in words
    verdicts: dict[str, int]  # deliveries of the month-end's manifest by verdict
    quarantined_rows: int
    warnings: tuple[str, ...]
    news: tuple[str, ...]  # which deliveries, loaded since the newest snapshot, fail which check
    held: tuple[str, ...]  # the newest month held of each feed, in words
    waivers: tuple[str, ...]
    known_errors: tuple[str, ...]
    # Cross-feed checks and control records of what is loaded, of a candidate only:
    blocking: tuple[str, ...] = ()  # those that keep it from being frozen
    cross_feed: tuple[str, ...] = ()  # the others that are not met

    @property
    def complete(self) -> bool:
        """Whether everything that is due is in."""
        return not self.missing


@dataclass(frozen=True)
class Candidate:
    """A proposed month-end, and exactly what a steward is shown of it."""

    candidate_id: int
    month: str
    revision: int
    parent_id: int | None
    load_number: int
    digest: str
    missing: tuple[str, ...]
    shown: str
    integrity_id: int | None  # the run of the cross-feed checks that it rests on
    blocking: tuple[str, ...]
    cross_feed: tuple[str, ...]  # what else is not met, as the steward is shown it

    @property
    def shown_sha256(self) -> str:
        """The hash by which an answer names what was shown."""
        return hashlib.sha256(self.shown.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def readiness(office: Office, month: str, on: date) -> Readiness:
    """What is in and what is missing at month-end `month`, as of now; `on` is the business date."""
    with office.engine.connect() as connection:
        load_number = newest_load(connection)
        deliveries = _deliveries(office, connection, month, load_number)
        return _readiness(office, connection, month, on, load_number, deliveries)


def propose(office: Office, month: str, on: date, reason: str | None = None, only_changed: bool = False) -> Candidate:
    """Propose month-end `month` (YYYY-MM) from everything loaded so far, against the head of the chain.

    With a `reason` it is a restatement of the newest frozen month. Proposing again without a change gives the same
    candidate. Raises WrongCall for a month that is not over, already frozen, or earlier than the newest frozen one;
    NeedsPerson when no measure has any data; Unchanged, with `only_changed`, when the head has the same digest.
    """
    if month_end(month) >= on:
        raise WrongCall(f"{month} is not over on {on:%-d %B %Y}: only a month that has ended can be proposed.")
    with office.engine.begin() as connection:
        parent = head(connection)
        revision = _revision(month, parent, reason)
        warehouse.lock(connection, warehouse.LOAD_LOCK)  # no load is between its rows and its number now
        load_number = newest_load(connection)
    checked = integrity.check(office, month, load_number, parent["load_number"] if parent else 0, on)
    with office.engine.begin() as connection:
        computed = facts.compute(connection, office.declarations, month, load_number)
        if not computed:
            raise NeedsPerson(f"{month}: no feed has anything loaded up to this month, so there is nothing to propose.")
        deliveries = _deliveries(office, connection, month, load_number)
        ready = _readiness(office, connection, month, on, load_number, deliveries, checked.integrity_id)
        columns = {
            feed: column_names(office.declarations.feeds[feed]) for feed in sorted({row["feed"] for row in deliveries})
        }
        _hash_changed_columns(office, connection, deliveries, columns, parent)
        fingerprint = facts.digest(computed)
        manifest = {
            "month": month,
            "deliveries": [{name: row[name] for name in row if name != "delivery_id"} for row in deliveries],
            "columns": columns,
            "declarations": {
                path: digest
                for path, digest in office.declarations.hashes().items()
                if not path.startswith(("reports/boards/", "reports/people", "reports/glossary"))
            },
            "code": _code_sha256(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "waivers": [
                {name: row[name] for name in WAIVER} | {"expires_on": row["expires_on"].isoformat()}
                for row in _waivers(office, connection, deliveries, on, checked.integrity_id)
            ],
            "integrity": integrity.history_free(office, checked),
            "known_errors": [
                {
                    "known_error": each.error.known_error,
                    "first": each.first,
                    "last": each.last,
                    "deliveries": each.deliveries,
                    "rows": each.rows,
                }
                for each in known_errors.seen(connection, office.declarations, load_number, month)
            ],
            "facts": {"count": len(computed), "sha256": fingerprint},
        }
        digest = hashlib.sha256(canonical(manifest).encode()).hexdigest()
        if only_changed and parent and digest == parent["digest"]:
            raise Unchanged(f"{month} revision {parent['revision']} has the digest that it would be frozen under.")
        values = {
            "month": month,
            "revision": revision,
            "parent_id": parent["candidate_id"] if parent else None,
            "load_number": load_number,
            "digest": digest,
            "manifest": canonical(manifest),
            "facts_sha256": fingerprint,
            "readiness": canonical(_as_json(ready)),
            "reason": reason,
            "proposed_on": on,
            "integrity_id": checked.integrity_id,
        }
        values["shown"] = _shown(values, _as_json(ready))
        candidate_id = _same_candidate(connection, values) or _insert(office, connection, values, computed)
    return read(office, candidate_id)


def read(office: Office, candidate_id: int) -> Candidate:
    """A candidate as it was proposed. Raises WrongCall when there is none of this number."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection, "SELECT * FROM snapshot.candidate WHERE candidate_id = :candidate", candidate=candidate_id
        )
    if not rows:
        raise WrongCall(f"There is no candidate {candidate_id}.")
    row = rows[0]
    ready = row["readiness"]
    return Candidate(
        candidate_id,
        row["month"],
        row["revision"],
        row["parent_id"],
        row["load_number"],
        row["digest"],
        tuple(ready["missing"]),
        row["shown"],
        row["integrity_id"],
        tuple(ready.get("blocking", ())),
        tuple(ready.get("cross_feed", ())),
    )


def newest(office: Office, month: str) -> int:
    """The newest candidate of a month. Raises NeedsPerson when it was never proposed."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT candidate_id FROM snapshot.candidate WHERE month = :month ORDER BY candidate_id DESC LIMIT 1",
            month=month,
        )
    if not rows:
        raise NeedsPerson(f"{month} was never proposed.")
    return int(rows[0]["candidate_id"])


def _shown(row: dict[str, Any], ready: dict[str, Any]) -> str:
    """What a steward is shown, in Markdown: counts of checks, feeds, the digest; no facts, every viewer can read it."""
    lines = [
        f"**Month-end {month_end(row['month']):%B %Y}**, revision {row['revision']}, "
        f"proposed on {row['proposed_on']:%-d %B %Y}",
        "",
        *([f"Restatement: {_as_text(row['reason'])}", ""] if row["reason"] else []),
        f"Due deliveries: {ready['due']}, of which missing: {len(ready['missing'])}.",
        "",
        *(f"- MISSING: {_as_text(name)}" for name in ready["missing"]),
        "",
        f"Deliveries in this month-end: {sum(ready['verdicts'].values())} "
        f"({', '.join(f'{count} {verdict}' for verdict, count in sorted(ready['verdicts'].items()))}); "
        f"quarantined rows: {ready['quarantined_rows']}.",
        "",
        *(f"- {_as_text(each)}" for each in ready["held"]),
        "",
        "**Failed cross-feed checks and control records:**"
        f"{'' if ready['blocking'] or ready['cross_feed'] else ' none'}",
        "",
        *(f"- BLOCKING: {_as_text(each)}" for each in ready["blocking"]),
        *(f"- {_as_text(each)}" for each in ready["cross_feed"]),
    ]
    for heading, sentences in (
        ("Failed checks of deliveries that came since the last snapshot", ready["news"]),
        ("Failed checks of all deliveries", ready["warnings"]),
        ("Waivers that this month-end rests on", ready["waivers"]),
        ("Known errors in the sources", ready["known_errors"]),
    ):
        lines += ["", f"**{heading}:** {'none' if not sentences else ''}".strip(), ""]
        lines += [f"- {_as_text(sentence)}" for sentence in sentences[:NEWS]]
        lines += [f"- and {len(sentences) - NEWS} more, on the steward's desk"] if len(sentences) > NEWS else []
    lines += [
        "",
        "**freeze** makes it the one version of the truth, with what is missing named; `withhold` keeps measures out "
        "of every pack, with a reason. **postpone** asks again on a day to come, with a reason. **refuse** leaves the "
        "month unfrozen, with a reason.",
        "",
        f"Digest: `{row['digest']}`",
    ]
    return "\n".join(lines)


def _as_text(words: str) -> str:
    """Words that somebody wrote, on one line and without a meaning in Markdown: they must not look like ours."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", " ".join(words.split()))


def _revision(month: str, newest: dict[str, Any] | None, reason: str | None) -> int:
    if reason is not None:
        if newest is None or newest["month"] != month:
            what = f"the newest frozen month is {newest['month']}" if newest else "no month is frozen yet"
            raise WrongCall(f"Only the newest frozen month can be restated, and {what}.")
        return int(newest["revision"]) + 1
    if newest and month == newest["month"]:
        raise WrongCall(f"{month} is frozen already. `monthend restate` makes a new revision of it, with a reason.")
    if newest and month < newest["month"]:
        raise WrongCall(
            f"{month} is earlier than {newest['month']}, which is frozen. Months freeze in ascending order."
        )
    return 1


def head(connection: Connection) -> dict[str, Any] | None:
    """The newest snapshot of the chain."""
    rows = warehouse.query(
        connection,
        "SELECT s.*, c.load_number FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id)"
        " ORDER BY s.position DESC LIMIT 1",
    )
    return rows[0] if rows else None


def _deliveries(office: Office, connection: Connection, month: str, load_number: int) -> list[dict[str, Any]]:
    """The deliveries that a month-end is made from; the manifest names them without their ids."""
    return warehouse.query(
        connection,
        "SELECT d.delivery_id, d.feed, d.period, d.area_code, d.sha256, l.row_count, l.rows_sha256, v.rules_sha256,"
        " v.quarantined_count, (SELECT jsonb_object_agg(trim(c.check_id || ' ' || c.part), c.unexpected_count)"
        "  FROM quality.check_result c"
        "  WHERE c.validation_id = v.validation_id AND c.check_id <> ALL(:history)) AS checks"
        " FROM unnest(CAST(:feeds AS text[])) AS feed(name)"
        " CROSS JOIN LATERAL reporting.current_delivery(feed.name, :load) current"
        " JOIN landing.delivery d USING (delivery_id) JOIN reporting.load l USING (delivery_id)"
        " JOIN quality.validation v ON v.validation_id = l.validation_id"
        " WHERE d.period <= :month ORDER BY d.feed, d.period, d.area_code",
        history=list(HISTORY_CHECKS),
        feeds=list(office.declarations.feeds),
        load=load_number,
        month=month,
    )


def _hash_changed_columns(
    office: Office,
    connection: Connection,
    deliveries: list[dict[str, Any]],
    columns: dict[str, list[str]],
    parent: dict[str, Any] | None,
) -> None:
    """Hash rows by the columns that the manifest names, where their load did it by those the feed had before."""
    before: dict[str, Any] = {}
    if parent:
        rows = warehouse.query(
            connection,
            "SELECT manifest FROM snapshot.candidate WHERE candidate_id = :candidate",
            candidate=parent["candidate_id"],
        )
        before = rows[0]["manifest"]
    same = {feed for feed, names in before.get("columns", {}).items() if columns.get(feed) == names}
    changed = before.get("columns", {}).keys() & columns.keys() - same
    identity = itemgetter("feed", "period", "area_code", "sha256")
    hashed = {identity(row): row["rows_sha256"] for row in before.get("deliveries", []) if row["feed"] in same}
    for row in deliveries:
        if row["feed"] in changed:
            feed = office.declarations.feeds[row["feed"]]
            row["rows_sha256"], _ = rows_sha256(connection, feed.feed, feed, columns[row["feed"]], row["delivery_id"])
        else:
            row["rows_sha256"] = hashed.get(identity(row), row["rows_sha256"])


def _readiness(
    office: Office,
    connection: Connection,
    month: str,
    on: date,
    load_number: int,
    deliveries: list[dict[str, Any]],
    integrity_id: int | None = None,
) -> Readiness:
    due = receive.due(office.declarations, month)
    held = receive.held(connection, office.declarations, load_number)
    feeds = office.declarations.feeds
    ids = [row["delivery_id"] for row in deliveries]
    verdicts = warehouse.query(
        connection,
        "SELECT v.verdict, count(*) AS deliveries FROM reporting.load l JOIN quality.validation v USING (validation_id)"
        " WHERE l.delivery_id = ANY(:ids) GROUP BY v.verdict",
        ids=ids,
    )
    failed = warehouse.query(
        connection,
        "SELECT d.feed, d.period, d.area_code, c.check_id, c.description, c.unexpected_count,"
        " l.load_number > coalesce((SELECT h.load_number FROM snapshot.snapshot s JOIN snapshot.candidate h"
        "  USING (candidate_id) ORDER BY s.position DESC LIMIT 1), 0) AS is_new"
        " FROM reporting.load l JOIN landing.delivery d USING (delivery_id) JOIN quality.check_result c"
        " USING (validation_id) WHERE c.outcome = 'failed' AND l.delivery_id = ANY(:ids)"
        " ORDER BY c.check_id, c.part, d.period DESC, d.feed, d.area_code",
        ids=ids,
    )
    counted = Counter((row["check_id"], row["description"]) for row in failed)
    not_met = integrity.not_met(office, connection, integrity_id) if integrity_id else []
    blocking = integrity.not_waived(office, connection, not_met, on)
    newest = {
        each.feed: each.period
        for each in sorted(held, key=attrgetter("feed", "period"))
        if each.feed in feeds and each.period <= month
    }
    return Readiness(
        month=month,
        due=len(due),
        missing=tuple(feeds[each.feed].delivery_name(each.period, each.area_code) for each in due if each not in held),
        verdicts={row["verdict"]: row["deliveries"] for row in verdicts},
        quarantined_rows=sum(row["quarantined_count"] for row in deliveries),
        warnings=tuple(f"{check} not met in {number}: {words}" for (check, words), number in sorted(counted.items())),
        news=tuple(
            f"{row['check_id']}, {feeds[row['feed']].delivery_name(row['period'], row['area_code'])}, not met: "
            + row["description"]
            + (f" {row['unexpected_count']:,} rows." if row["unexpected_count"] else "")
            for row in failed
            if row["is_new"]
        ),
        held=tuple(
            f"{feeds[feed].title}: held to {month_end(period):%B %Y}" for feed, period in newest.items() if period
        ),
        waivers=tuple(
            f"{waiver_in_words(office, row)} ({' and '.join(row['names'])})"
            for row in _waivers(office, connection, deliveries, on, integrity_id)
        ),
        known_errors=tuple(
            known_error_in_words(office, each.error.known_error, each.rows, each.last)
            for each in known_errors.seen(connection, office.declarations, newest_load(connection), month)
        ),
        blocking=tuple(integrity.in_words(office, each) for each in blocking),
        cross_feed=tuple(
            waived(words) if each.blocks else words
            for each in not_met
            if each not in blocking
            for words in [integrity.in_words(office, each)]
        ),
    )


def waived(words: str) -> str:
    """What is not met and waived, as the steward is shown it; `words` are integrity.in_words."""
    return f"{words} Waived."


def waiver_in_words(office: Office, row: dict[str, Any]) -> str:
    """A waiver as the manifest has it, in a sentence: what, which delivery, until when, why."""
    until = date.fromisoformat(str(row["expires_on"]))
    check = f"{row['check_id']} {row['part']}".strip()
    delivery = office.declarations.feeds[row["feed"]].delivery_name(row["period"], row["area_code"])
    return f"{check} is waived for {delivery}, until {until:%-d %B %Y}: {row['reason']}"


def known_error_in_words(office: Office, key: str, rows: int, last: str) -> str:
    """A known error in a sentence: what, in how many rows, and that it is to go where its source is put right."""
    error = office.declarations.known_errors.get(key)
    title = error.title if error else key
    if rows == 0:
        return f"{title}: NO LONGER SO, the source is fixed; remove it from reports/known_errors"
    return f"{title}: {rows:,} rows, to {month_end(last):%B %Y}"


def _waivers(
    office: Office, connection: Connection, deliveries: list[dict[str, Any]], on: date, integrity_id: int | None
) -> list[dict[str, Any]]:
    """The waivers that deliveries were let in under, and those in force on `on` of checks that they or all fail."""
    not_met = integrity.not_met(office, connection, integrity_id) if integrity_id else []
    return warehouse.query(
        connection,
        "SELECT d.feed, d.period, d.area_code, d.sha256, w.check_id, w.part, w.reason, w.expires_on, w.names"
        " FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
        " JOIN quality.check_result c USING (validation_id)"
        " JOIN quality.waiver_state w ON (w.delivery_id, w.check_id, w.part) = (l.delivery_id, c.check_id, c.part)"
        " WHERE l.delivery_id = ANY(:ids) AND c.outcome = 'failed'"
        " AND (c.waiver_id = w.waiver_id OR w.agreed AND w.agreed_on <= :on AND w.expires_on >= :on)"
        " UNION"  # a waiver that a delivery was let in under is also of a control record that came since
        " SELECT d.feed, d.period, d.area_code, d.sha256, w.check_id, w.part, w.reason, w.expires_on, w.names"
        " FROM unnest(CAST(:failing AS bigint[]), CAST(:checks AS text[]), CAST(:parts AS text[]))"
        "  AS r(delivery_id, check_id, part) JOIN landing.delivery d USING (delivery_id)"
        " JOIN quality.waiver_state w USING (delivery_id, check_id, part)"
        " WHERE w.agreed AND w.agreed_on <= :on AND w.expires_on >= :on"
        " ORDER BY feed, period, area_code, check_id, part, expires_on, reason",
        ids=[row["delivery_id"] for row in deliveries],
        failing=[each.delivery_id for each in not_met],
        checks=[each.check_id for each in not_met],
        parts=[each.part for each in not_met],
        on=on,
    )


def _as_json(ready: Readiness) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(ready).items()}


def _same_candidate(connection: Connection, values: dict[str, Any]) -> int | None:
    """The candidate that was proposed before from the same things and has no answer yet."""
    rows = warehouse.query(
        connection,
        "SELECT c.candidate_id FROM snapshot.candidate c WHERE c.month = :month AND c.revision = :revision"
        " AND c.parent_id IS NOT DISTINCT FROM :parent_id AND c.digest = :digest"
        " AND c.readiness = CAST(:readiness AS jsonb) AND c.reason IS NOT DISTINCT FROM :reason"
        " AND NOT EXISTS (SELECT FROM snapshot.sign_off s WHERE s.candidate_id = c.candidate_id AND s.accepted)"
        " ORDER BY c.candidate_id DESC LIMIT 1",
        **{name: values[name] for name in ("month", "revision", "parent_id", "digest", "readiness", "reason")},
    )
    return rows[0]["candidate_id"] if rows else None


def _insert(office: Office, connection: Connection, values: dict[str, Any], computed: facts.Facts) -> int:
    names = list(values)
    candidate_id = connection.execute(
        text(
            f"INSERT INTO snapshot.candidate ({', '.join(names)})"  # noqa: S608 - names are ours
            f" VALUES ({', '.join(':' + name for name in names)}) RETURNING candidate_id"
        ),
        values,
    ).scalar_one()
    parent = facts.read(connection, values["parent_id"]) if values["parent_id"] else {}
    facts.store(connection, candidate_id, computed, parent)
    revised = revisions.compute(
        connection, office.declarations, values["load_number"], values["parent_id"], computed, parent
    )
    revisions.store(connection, candidate_id, revised)
    return int(candidate_id)


@cache
def _code_sha256() -> str:
    """SHA-256 over the package's Python files, by name."""
    root = Path(__file__).parents[1]
    files = {str(path.relative_to(root)): sha256(path) for path in sorted(root.rglob("*.py"))}
    return hashlib.sha256(canonical(files).encode()).hexdigest()
