"""Audit: a frozen month that nobody published, a postponement that has come due, a run that never came.

Everything is asked of the warehouse and of the calendar, nothing of the scheduler: what did not happen left no task.
"""

from datetime import date

from monthend import warehouse
from monthend.freeze import chain
from monthend.freeze.verify import verify
from monthend.office import Office
from monthend.plan.calendar import add_months, freeze_day, months_between
from monthend.publish import packs
from monthend.publish.evidence import verify_packs
from monthend.publish.material import Pack


def findings(office: Office, on: date) -> list[str]:
    """Everything that needs a person on business date `on`, one sentence each; nothing when all is well."""
    # What differs in a pack is a figure, and every viewer of the scheduler can read this.
    in_packs = len(verify_packs(office))
    packs_differ = [f"{in_packs} differences in packs: `monthend verify` names each."] if in_packs else []
    not_built = [f"{month}: not built: {', '.join(unbuilt(office, month))}." for month in unpublished(office, on)]
    return [*verify(office), *packs_differ, *not_built, *never_came(office, on)]


def unbuilt(office: Office, month: str) -> list[str]:
    """The packs that a frozen month serves and nobody built: board, rendering, meeting."""
    return [
        f"{pack.board.board} {pack.rendering.rendering} for {pack.meeting:%-d %B %Y}"
        for pack in _unbuilt(office, month)
        if pack.meeting
    ]


def unpublished(office: Office, on: date) -> list[str]:
    """The frozen months with a pack for a meeting still to come that nobody built."""
    months = dict.fromkeys(snapshot.month for snapshot in chain.snapshots(office))
    return [month for month in months if any(p.meeting and p.meeting >= on for p in _unbuilt(office, month))]


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


def never_came(office: Office, on: date) -> list[str]:
    """The months after the newest frozen one whose working day 8 is past, which nobody postponed or refused."""
    newest_due = add_months(f"{on:%Y-%m}", -1)
    while freeze_day(newest_due) >= on:
        newest_due = add_months(newest_due, -1)
    frozen = chain.snapshots(office)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT c.month FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"
            " WHERE s.accepted AND (s.answer = 'refuse' OR s.until >= :on)",
            on=on,
        )
    answered = {row["month"] for row in rows}
    first = add_months(frozen[-1].month, 1) if frozen else newest_due
    return [
        f"{month} was to be frozen by {freeze_day(month):%-d %B %Y} and is not, and nobody postponed or refused it. "
        "Trigger freeze_month_end with this month as partition key."
        for month in months_between(first, newest_due)
        if month not in answered
    ]


def _unbuilt(office: Office, month: str) -> list[Pack]:
    with office.engine.connect() as connection:
        built = {row["pack_id"] for row in warehouse.query(connection, "SELECT DISTINCT pack_id FROM pack.build")}
    return [pack for pack in packs.packs_served(office, month) if pack.pack_id not in built]
