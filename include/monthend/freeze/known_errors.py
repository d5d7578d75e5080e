"""Known source errors: how many rows show each, and whether its guard says that the source was put right."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from monthend import warehouse
from monthend.load import newest_load
from monthend.office import Office
from monthend.plan.declarations import Declarations, KnownError


@dataclass(frozen=True)
class Seen:
    """A known error in the deliveries that it says it is in; of one that goes on, in the newest of each area."""

    error: KnownError
    first: str  # period of the oldest delivery that was looked at, YYYY-MM
    last: str
    deliveries: int
    rows: int  # that show the error

    @property
    def fixed(self) -> bool:
        """Whether the guard fails: no row shows the error any more, and what is said of it has to go."""
        return self.rows == 0


def seen(connection: Connection, declarations: Declarations, load_number: int, month: str) -> list[Seen]:
    """Each known error that a delivery is held for, up to `month` (YYYY-MM), as of a load number."""
    found = []
    for error in declarations.known_errors.values():
        held = _held(connection, error, load_number, month)
        if not held:
            continue
        statement = declarations.guard(error.guard).read_text(encoding="utf-8")
        rows = warehouse.query(connection, statement, deliveries=[row["delivery_id"] for row in held])
        periods = sorted(row["period"] for row in held)
        found.append(Seen(error, periods[0], periods[-1], len(held), sum(int(row["rows"]) for row in rows)))
    return found


def fixed(office: Office) -> list[str]:
    """The known errors that their sources no longer show, a sentence each: a correction must not outlive its error."""
    with office.engine.connect() as connection:
        newest = seen(connection, office.declarations, newest_load(connection), "9999-12")
    return [
        f"The known error '{each.error.title}' is fixed at the source: no row of {each.deliveries} deliveries "
        f"to {each.last} shows it. Remove reports/known_errors/{each.error.known_error}.yaml, or give it a last_period."
        for each in newest
        if each.fixed
    ]


def _held(connection: Connection, error: KnownError, load_number: int, month: str) -> list[dict[str, Any]]:
    newest_only = "" if error.last_period else " DISTINCT ON (area_code)"
    return warehouse.query(
        connection,
        f"SELECT{newest_only} delivery_id, area_code, period FROM reporting.current_delivery(:feed, :load)"
        " WHERE area_code = ANY(:areas) AND period BETWEEN :first AND :last ORDER BY area_code, period DESC",
        feed=error.feed,
        load=load_number,
        areas=list(error.areas),
        first=error.first_period,
        last=min(error.last_period or month, month),
    )
