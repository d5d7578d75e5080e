"""Where a month-end stands, at every station."""

from typing import Any

from monthend import receive, warehouse
from monthend.deliver import outcomes
from monthend.office import Office


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
            "deliveries": outcomes(office, month),
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
