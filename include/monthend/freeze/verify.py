"""Verify: recompute everything that a snapshot claims, and say what differs."""

import hashlib
from typing import Any

from sqlalchemy import Connection

from monthend import warehouse
from monthend.freeze import candidate as candidates
from monthend.freeze import chain, facts, revisions
from monthend.load import rows_sha256
from monthend.office import Office
from monthend.plan.declarations import sha256
from monthend.receive import stored_path


def verify(office: Office, month: str | None = None) -> list[str]:
    """What differs from what was frozen, one sentence each; nothing when all holds.

    The chain is followed as a whole; facts, deliveries and rows are recomputed for `month` (YYYY-MM), or for every
    snapshot. Raises NeedsPerson when `month` is not frozen.
    """
    if month is not None:
        chain.snapshot(office, month)
    problems: list[str] = []
    checked: set[str] = set()
    with office.engine.connect() as connection:
        problems += _chain(connection)
        for frozen in warehouse.query(
            connection,
            "SELECT s.*, c.manifest FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id)"
            " WHERE s.month = coalesce(CAST(:month AS text), s.month) ORDER BY s.position",
            month=month,
        ):
            problems += _facts(office, connection, frozen)
            for delivery in frozen["manifest"]["deliveries"]:
                columns = frozen["manifest"]["columns"][delivery["feed"]]
                said = candidates.canonical([delivery, columns])
                if said not in checked:
                    checked.add(said)
                    problems += _delivery(office, connection, delivery, columns)
    return list(dict.fromkeys(problems))


def _chain(connection: Connection) -> list[str]:
    """Positions without a gap, each seal made from the one before, each digest the manifest's."""
    problems = []
    previous: dict[str, Any] = {"position": 0, "seal": "", "candidate_id": None}
    rows = warehouse.query(
        connection,
        "SELECT s.*, c.manifest, c.parent_id, c.digest AS candidate_digest, c.month AS candidate_month,"
        " c.revision AS candidate_revision, c.load_number, c.reason, c.readiness"
        " FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id) ORDER BY s.position",
    )
    for row in rows:
        name = f"{row['month']} revision {row['revision']}"
        if row["position"] != previous["position"] + 1 or row["previous_seal"] != previous["seal"]:
            problems.append(f"The chain is cut before {name}: the snapshot before it is not the one it was sealed to.")
        if row["parent_id"] != previous["candidate_id"]:
            problems.append(f"{name}: its candidate was proposed against another snapshot than the one before it.")
        digest = hashlib.sha256(candidates.canonical(row["manifest"]).encode()).hexdigest()
        if not digest == row["digest"] == row["candidate_digest"] or row["month"] != row["manifest"]["month"]:
            problems.append(f"{name}: the manifest does not give the digest that was frozen.")
        if (row["month"], row["revision"]) != (row["candidate_month"], row["candidate_revision"]):
            problems.append(
                f"{name}: its candidate was proposed as {row['candidate_month']} revision {row['candidate_revision']}."
            )
        answers = warehouse.query(
            connection,
            "SELECT * FROM snapshot.sign_off WHERE sign_off_id = :sign_off AND candidate_id = :candidate AND accepted"
            " AND answer = 'freeze'",
            sign_off=row["sign_off_id"],
            candidate=row["candidate_id"],
        )
        if not answers or chain.seal(row, answers[0]) != row["seal"]:
            problems.append(
                f"{name}: the seal does not follow from the seal before it, the digest, the snapshot's record and the "
                "sign-off."
            )
        previous = row
    unfrozen = warehouse.query(
        connection,
        "SELECT c.month, c.revision FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"  # noqa: S608 - the words are ours
        " WHERE s.accepted AND s.answer = 'freeze' AND c.parent_id IS NOT DISTINCT FROM :head"
        " AND NOT EXISTS (SELECT FROM snapshot.snapshot f WHERE f.sign_off_id = s.sign_off_id)"
        # one that was superseded cannot be frozen any more; one against another parent is a sign that this was frozen
        f" AND NOT EXISTS ({chain.LATER_ANSWER} AND other.parent_id IS NOT DISTINCT FROM c.parent_id)"
        " ORDER BY s.sign_off_id",
        head=previous["candidate_id"],
    )
    problems += [
        f"{row['month']} revision {row['revision']}: it is signed off and not in the chain. Run it again; if it was "
        "frozen before, the end of the chain was removed."
        for row in unfrozen
    ]
    return problems


def _facts(office: Office, connection: Connection, frozen: dict[str, Any]) -> list[str]:
    """The facts that were frozen, and causes that sum to what they differ by from those of the snapshot before."""
    now = facts.read(connection, frozen["candidate_id"])
    said = frozen["manifest"]["facts"]
    name = f"{frozen['month']} revision {frozen['revision']}"
    if len(now) != said["count"]:
        return [f"{name}: {len(now):,} facts stand where {said['count']:,} were frozen."]
    if facts.digest(now) != said["sha256"]:
        return [f"{name}: at least one of its {len(now):,} facts is not what was frozen."]
    wrong = revisions.wrong(connection, office.declarations, frozen["candidate_id"], now)
    return [f"{name}: revisions: {each}" for each in wrong]


def _delivery(office: Office, connection: Connection, said: dict[str, Any], columns: list[str]) -> list[str]:
    """The bytes in the landing store, the load's record and the rows themselves, by the columns they then had."""
    name = " ".join(part for part in (said["feed"], said["period"], said["area_code"]) if part)
    problems = []
    path = stored_path(office, said["sha256"])
    if not path.is_file():
        problems.append(f"{name}: the bytes that were received are gone from the landing store ({path}).")
    elif sha256(path) != said["sha256"]:
        problems.append(f"{name}: the bytes in the landing store are not those that were received ({path}).")
    loads = warehouse.query(
        connection,
        "SELECT d.delivery_id, l.new_count IS NOT NULL AS keyed FROM landing.delivery d JOIN reporting.load l"
        " USING (delivery_id) WHERE d.feed = :feed"
        " AND d.period = :period AND d.area_code = :area_code AND d.sha256 = :sha256",
        **{column: said[column] for column in ("feed", "period", "area_code", "sha256")},
    )
    if not loads:
        return [*problems, f"{name}: the record of its load is gone."]
    feed = office.declarations.feeds.get(said["feed"])
    if feed is None and loads[0]["keyed"]:
        return [*problems, f"{name}: the feed is not declared any more, so the state of its keys cannot be read."]
    digest, rows = rows_sha256(connection, said["feed"], feed, columns, loads[0]["delivery_id"])
    if rows != said["row_count"]:
        problems.append(f"{name}: {rows:,} rows stand in the warehouse where {said['row_count']:,} were loaded.")
    elif digest != said["rows_sha256"]:
        problems.append(f"{name}: at least one of its {rows:,} rows is not what was loaded.")
    return problems
