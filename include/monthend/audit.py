"""Audit: a pack that nobody built or released, a message that did not arrive, a month-end that never began or came.

Everything is asked of the warehouse and of the calendar, nothing of the scheduler: what did not happen left no task.
"""

from datetime import date, timedelta
from typing import Any

from monthend import warehouse
from monthend.freeze import chain, known_errors
from monthend.freeze.verify import verify
from monthend.office import Office
from monthend.plan.calendar import add_months, freeze_day, months_between, papers_day, working_day
from monthend.publish import packs
from monthend.publish.evidence import verify_packs
from monthend.publish.material import Pack
from monthend.validate import findings as of_findings

START_WORKING_DAY = 3  # on which freeze_month_end begins, for the month that ended
NOTICES_DAYS = 7  # for how long a notice that did not arrive is found


def findings(office: Office, on: date) -> list[str]:
    """Everything that needs a person on business date `on`, one sentence each; nothing when all is well."""
    # What differs in a pack is a figure, and every viewer of the scheduler can read this.
    in_packs = len(verify_packs(office))
    packs_differ = [f"{in_packs} differences in packs: `monthend verify` names each."] if in_packs else []
    not_built = [f"{month}: not built: {', '.join(unbuilt(office, month, on))}." for month in unpublished(office, on)]
    return [
        *verify(office),
        *packs_differ,
        *not_built,
        *unreleased(office, on),
        *undelivered(office),
        *untold(office, on),
        *never_started(office, on),
        *never_came(office, on),
        *waivers_ended(office, on),
        *known_errors.fixed(office),
    ]


def started(office: Office, month: str, on: date) -> None:
    """Record that the month-end of a month began on business date `on`; only the first time counts."""
    with office.engine.begin() as connection:
        warehouse.insert(connection, "snapshot.start", [{"month": month, "started_on": on}])


def unbuilt(office: Office, month: str, on: date) -> list[str]:
    """The packs that a frozen month serves on business date `on` and nobody built: board, rendering, meeting."""
    return [
        f"{pack.board.board} {pack.rendering.rendering} for {pack.meeting:%-d %B %Y}"
        for pack in _unbuilt(office, month, on)
        if pack.meeting
    ]


def unpublished(office: Office, on: date) -> list[str]:
    """The frozen months with a pack for a meeting still to come that nobody built."""
    return [
        month for month in _frozen(office) if any(p.meeting and p.meeting >= on for p in _unbuilt(office, month, on))
    ]


def unreleased(office: Office, on: date) -> list[str]:
    """The packs for meetings still to come that are built and not released, though their papers are due."""
    return [
        f"{month}: {build.board} {build.rendering} for {build.meeting:%-d %B %Y} is built and not released; "
        f"papers were due on {papers_day(build.meeting):%-d %B %Y}."
        for month in _frozen(office)
        for build in packs.builds(office, month)
        if not build.released
        and build.meeting
        and papers_day(build.meeting) <= on <= build.meeting
        and build.pack_id in {pack.pack_id for pack in packs.packs_served(office, month, on=on)}
    ]


def undelivered(office: Office) -> list[str]:
    """How many messages about each month's packs were refused, or have an outcome that nobody knows."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT s.month, last.state, count(*) AS number FROM (SELECT DISTINCT ON (pack_id, recipient, mode)"
            "  pack_id, state FROM delivery.message_state ORDER BY pack_id, recipient, mode, attempt DESC) last"
            " JOIN pack.release USING (pack_id) JOIN pack.build b USING (build_id)"
            " JOIN snapshot.snapshot s USING (position)"
            " WHERE last.state IN ('refused', 'refused temporary', 'unknown') GROUP BY 1, 2 ORDER BY 1, 2",
        )
    counts: dict[str, list[str]] = {}
    for row in rows:
        counts.setdefault(row["month"], []).append(f"{row['number']} {row['state']}")
    return [f"{month}: messages that may not have arrived: {', '.join(each)}." for month, each in counts.items()]


def untold(office: Office, on: date) -> list[str]:
    """How many notices of the last days were refused, were not sent, or have an outcome that nobody knows."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT coalesce(last.event, 'not sent') AS state, count(*) AS number FROM delivery.notice n"
            " LEFT JOIN LATERAL (SELECT event FROM delivery.notice_event e WHERE e.notice_id = n.notice_id"
            "  ORDER BY notice_event_id DESC LIMIT 1) last ON true"
            " WHERE last.event IS DISTINCT FROM 'accepted' AND n.queued_at >= :since"
            # what is at it now is given the time to end
            " AND (last.event IN ('refused', 'refused temporary', 'unknown')"
            "  OR n.queued_at < clock_timestamp() - interval '1 hour')"
            " GROUP BY 1 ORDER BY 1",
            since=on - timedelta(days=NOTICES_DAYS),
        )
    counts = ", ".join(f"{row['number']} {row['state']}" for row in rows)
    return [f"Notices to the office's own people that may not have arrived: {counts}."] if rows else []


def postponed(office: Office, on: date) -> list[tuple[str, date]]:
    """The months whose last answer postponed them to a day that has come, with that day; a frozen one is done."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT month, until FROM (SELECT DISTINCT ON (c.month) c.month, s.answer, s.until"
            "  FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"
            "  WHERE s.accepted ORDER BY c.month, s.sign_off_id DESC) last"
            " WHERE answer = 'postpone' AND until <= :on"
            " AND month > (SELECT coalesce(max(month), '') FROM snapshot.snapshot) ORDER BY month",
            on=on,
        )
    return [(row["month"], row["until"]) for row in rows]


def never_started(office: Office, on: date) -> list[str]:
    """The month whose working day 3 is past and whose month-end did not begin, until its working day 8 is past too."""
    month = add_months(f"{on:%Y-%m}", -1)
    day = working_day(add_months(month, 1), START_WORKING_DAY)
    if not day < on <= freeze_day(month):
        return []
    with office.engine.connect() as connection:
        began = warehouse.query(
            connection,
            "SELECT FROM snapshot.start WHERE month = :month UNION ALL"
            " SELECT FROM snapshot.candidate WHERE month = :month UNION ALL"
            " SELECT FROM snapshot.snapshot WHERE month >= :month",
            month=month,
        )
    if began:
        return []
    return [
        f"{month} was to begin on {day:%-d %B %Y} and did not. See whether Airflow runs and freeze_month_end is not "
        "paused; trigger it with this month as partition key."
    ]


def never_came(office: Office, on: date) -> list[str]:
    """The months after the newest frozen one that are refused, or whose working day 8 and postponement are past."""
    newest_due = add_months(f"{on:%Y-%m}", -1)
    while freeze_day(newest_due) >= on:
        newest_due = add_months(newest_due, -1)
    frozen = chain.snapshots(office)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT DISTINCT ON (c.month) c.month, s.answer, s.until, s.display_name, s.reason"
            " FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"
            " WHERE s.accepted AND c.month > :newest ORDER BY c.month, s.sign_off_id DESC",
            newest=frozen[-1].month if frozen else "",
        )
    last = {row["month"]: row for row in rows}
    refused = {month for month, row in last.items() if row["answer"] == "refuse"}
    waits = {month for month, row in last.items() if row["until"] and row["until"] >= on}
    first = add_months(frozen[-1].month, 1) if frozen else newest_due
    missing = {*months_between(first, newest_due), *refused} - waits
    return [f"{month} {_why(month, last.get(month))}" for month in sorted(missing)]


def waivers_ended(office: Office, on: date) -> list[str]:
    """The waivers that ended while what they waived still fails."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT delivery_id, check_id, part, max(expires_on) AS expires_on FROM quality.waiver_state WHERE agreed"
            " GROUP BY 1, 2, 3 HAVING max(expires_on) < :on",
            on=on,
        )
    if not rows:
        return []
    ended = {(row["delivery_id"], row["check_id"], row["part"]): row["expires_on"] for row in rows}
    return [
        f"{finding.check_id} of {finding.feed} {finding.period} {finding.area_code} still fails, and its waiver ended "
        f"on {ended[key]:%-d %B %Y}. {finding.needs}"
        for finding in of_findings.findings(office, on)
        if (key := (finding.delivery_id, finding.check_id, finding.part)) in ended and finding.state != "waived"
    ]


def _why(month: str, answer: dict[str, Any] | None) -> str:
    """Why a month is not frozen, by its last answer, and what to do."""
    trigger = "Trigger freeze_month_end with this month as partition key."
    by_then = f"was to be frozen by {freeze_day(month):%-d %B %Y} and is not"
    if answer and answer["answer"] == "refuse":
        return f"was refused by {answer['display_name']}: {answer['reason']}, and is not frozen."
    if answer and answer["answer"] == "postpone":
        return f"{by_then}; it was postponed until {answer['until']:%-d %B %Y}, which is past. {trigger}"
    return f"{by_then}, and nobody postponed or refused it. {trigger}"


def _frozen(office: Office) -> list[str]:
    """The frozen months, each once."""
    return list(dict.fromkeys(snapshot.month for snapshot in chain.snapshots(office)))


def _unbuilt(office: Office, month: str, on: date) -> list[Pack]:
    with office.engine.connect() as connection:
        built = {row["pack_id"] for row in warehouse.query(connection, "SELECT DISTINCT pack_id FROM pack.build")}
    return [pack for pack in packs.packs_served(office, month, on=on) if pack.pack_id not in built]
