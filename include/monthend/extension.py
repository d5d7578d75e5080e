"""A later day for a partner's return: by whom it was given, until when, and why. The newest holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.office import Office
from monthend.plan.calendar import financial_quarter_end
from monthend.plan.declarations import Feed
from monthend.receive import Recognised
from monthend.validate.findings import entitled


@dataclass(frozen=True)
class Extension:
    """The day by which a return is due now, and who gave it, when and why."""

    until: date
    reason: str
    display_name: str
    given_on: date


def extend(
    office: Office, feed_key: str, period: str, area_code: str, until: date, reason: str, by: str, on: date
) -> Extension:
    """Give a partner until `until` for the return of a quarter (YYYY-MM, its last month). `by` is a steward.

    Raises WrongCall where there is no such return, no reason, or the day is not after the one it is due on, and
    NeedsPerson where `by` is no steward.
    """
    feed = office.declarations.feeds.get(feed_key)
    if (
        feed is None
        or feed.cadence != "quarterly"
        or not feed.in_force(period)
        or financial_quarter_end(period) != period
    ):
        raise WrongCall(f"{feed_key} {period}: there is no such quarterly return; a quarter goes by its last month.")
    if area_code not in {area.code for area in feed.areas}:
        raise WrongCall(f"{feed_key}: it has no return of {area_code}. It has {', '.join(a.code for a in feed.areas)}.")
    due_on = feed.due_on(period)
    if due_on and until <= due_on:
        raise WrongCall(f"--until {until}: the return is due on {due_on} as it is.")
    if not reason.strip():
        raise WrongCall("--reason: say why.")
    person = entitled(office, by, ("steward",), "give a partner a later day")
    row = {
        "feed": feed_key,
        "period": period,
        "area_code": area_code,
        "until": until,
        "reason": reason.strip(),
        "given_by": person.user,
        "display_name": person.display_name,
        "given_on": on,
    }
    with office.engine.begin() as connection:
        warehouse.insert(connection, "landing.extension", [row])
    return Extension(until, reason.strip(), person.display_name, on)


def in_time_until(feed: Feed, of: Recognised, given: Mapping[Recognised, Extension]) -> date | None:
    """The day by which a delivery is in time: the one it is due on or, where it was `given` one, the later day."""
    return given[of].until if of in given else feed.due_on(of.period)


def extensions(connection: Connection) -> dict[Recognised, Extension]:
    """The newest extension of each return that has one."""
    rows = warehouse.query(
        connection,
        "SELECT DISTINCT ON (feed, period, area_code) feed, period, area_code, until, reason, display_name, given_on"
        " FROM landing.extension ORDER BY feed, period, area_code, extension_id DESC",
    )
    return {Recognised(row.pop("feed"), row.pop("period"), row.pop("area_code")): Extension(**row) for row in rows}
