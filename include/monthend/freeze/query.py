"""Read what is frozen: facts with their names and marks, and where a month-end stands."""

from decimal import Decimal
from typing import Any

from monthend import receive, warehouse
from monthend.errors import WrongCall
from monthend.freeze import chain, facts
from monthend.office import Office


def frozen_facts(
    office: Office,
    month: str,
    revision: int | None = None,
    measure: str | None = None,
    area: str | None = None,
    basis: str | None = None,
    period: str | None = None,
) -> list[dict[str, Any]]:
    """A frozen month's facts in key order, one dictionary a fact; an empty value is None, never 0.

    Raises NeedsPerson when the month is not frozen, WrongCall for a measure or an area that has no fact at all.
    """
    snapshot = chain.snapshot(office, month, revision)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            'SELECT * FROM snapshot.fact_at(:candidate) ORDER BY measure COLLATE "C", basis COLLATE "C",'
            ' area_code COLLATE "C", period COLLATE "C", breakdown COLLATE "C", category COLLATE "C"',
            candidate=snapshot.candidate_id,
        )
    names = area_names(office, snapshot.candidate_id)
    for option, column, wanted in (("--measure", "measure", measure), ("--area", "area_code", area)):
        if wanted is not None and wanted not in {row[column] for row in rows}:
            known = ", ".join(sorted({row[column] for row in rows}))
            raise WrongCall(f"{option} {wanted}: {month} has no fact for it. Known: {known}.")
    chosen = {"measure": measure, "area_code": area, "basis": basis, "period": period}
    return [
        _as_printed(row, snapshot, names)
        for row in rows
        if all(value is None or row[column] == value for column, value in chosen.items())
    ]


def area_names(office: Office, candidate_id: int) -> dict[str, str]:
    """Area names by ONS code, as of the load number that a candidate sealed."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT a.area_code, a.area_name FROM snapshot.candidate c"
            " CROSS JOIN LATERAL reporting.areas_at(c.load_number) a WHERE c.candidate_id = :candidate",
            candidate=candidate_id,
        )
    return {row["area_code"]: row["area_name"] for row in rows}


def status(office: Office, month: str) -> dict[str, Any]:
    """Where a month-end stands: due feeds, verdicts, candidates, answers, snapshots, packs, messages."""
    with office.engine.connect() as connection:
        held = receive.held(connection)
        feeds = []
        for partition in receive.due(office.declarations, month):
            feed = office.declarations.feeds[partition.feed]
            area = next(area.name_in_rows for area in feed.areas if area.code == partition.area_code)
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
            "deliveries": warehouse.query(
                connection,
                "SELECT b.board, m.recipient, m.mode, m.attempt, m.state FROM delivery.message_state m"
                " JOIN pack.release r USING (pack_id) JOIN pack.build b USING (build_id)"
                " JOIN snapshot.snapshot s USING (position) WHERE s.month = :month ORDER BY m.message_id",
                month=month,
            ),
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


def _candidate(row: dict[str, Any]) -> str:
    line = f"candidate {row['candidate_id']}, revision {row['revision']}, proposed on {row['proposed_on']}"
    if row["answer"] is None:
        return f"{line}: no answer"
    line += f": {row['answer']} by {row['display_name']} on {row['signed_on']}"
    if row["reason"]:
        line += f", {row['reason']}"
    return line if row["accepted"] else f"{line} (not accepted: {row['refusal']})"


def _as_printed(row: dict[str, Any], snapshot: chain.Snapshot, names: dict[str, str]) -> dict[str, Any]:
    key = facts.Key(*(row[name] for name in facts.Key._fields))
    fact = facts.Fact(*(row[name] for name in facts.Fact._fields))
    numbers = {name: _number(row[name]) for name in ("value", "numerator", "denominator", "lower", "upper")}
    return {
        "month_end": snapshot.month,
        "revision": snapshot.revision,
        "measure": key.measure,
        "basis": key.basis,
        "area_code": key.area_code,
        "area_name": names.get(key.area_code, ""),
        "period": key.period,
        "breakdown": key.breakdown,
        "category": key.category,
        **numbers,
        "mark": facts.marks(key, fact, snapshot.month, row["revised"]),
    }


def _number(value: Decimal | None) -> int | float | None:
    """A count as a whole number, a rate with its ten places: both print as they are."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
