"""Findings: failed checks that somebody owns until they are put right, acknowledged, or waived by name.

Nothing of a finding is stored but what people said of it. What it is follows from the results of the deliveries of
its feed, period and area: it opens where the newest one fails a check, and closes by itself where a later one passes.
Of a keyed feed a later period's extract counts as a later delivery, as it has the rows of the earlier one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office
from monthend.plan.calendar import add_working_days, working_day
from monthend.plan.declarations import Person

State = Literal["open", "acknowledged", "waived", "fixed"]
WAIVERS = ("steward", "registrar")  # who may waive
KEEPERS = ("steward", "registrar", "analyst")  # who may acknowledge
UNREADABLE = ("G03", "file")  # what the reader itself found: there are no rows that a waiver could let in
KEYS = 20
LONGEST = timedelta(days=366)  # that a waiver holds
WORKING_DAYS_TO_FIX = 2  # where the feed's day for corrections is past already


@dataclass(frozen=True)
class Waiver:
    """A check that does not count for a delivery, or waits for a second person to say so."""

    waiver_id: int
    delivery_id: int
    check_id: str
    part: str
    reason: str
    expires_on: date
    people: int  # how many have to consent
    names: tuple[str, ...]  # display names of those who did
    users: tuple[str, ...]

    @property
    def agreed(self) -> bool:
        """Whether enough people consented."""
        return len(self.names) >= self.people


@dataclass(frozen=True)
class Finding:
    """A failed check of the newest delivery of a feed, period and area, or one that a later delivery put right."""

    feed: str
    period: str
    area_code: str
    check_id: str
    part: str
    description: str
    action: str
    delivery_id: int  # the newest delivery
    validation_id: int  # its newest validation
    verdict: str
    outcome: str
    unexpected_count: int | None
    element_count: int | None
    detail: str
    opened_on: date  # when the check first failed since it last passed
    reopened: bool  # an earlier delivery failed it and a later one had put it right
    fixed_on: date | None
    state: State
    owner: str
    contact: str
    due_on: date  # the working day by which it is to be put right
    acknowledged_by: str | None
    note: str | None
    waiver: Waiver | None  # in force, or waiting for consent
    keys: tuple[str, ...] = ()  # of a cross-feed check the first KEYS that fail: references, or areas and months

    @property
    def two_people(self) -> bool:
        """Whether it takes two people to waive it: it is what blocks the delivery, or part of it."""
        return needs_two(self.action, self.verdict)

    @property
    def needs(self) -> str:
        """What it takes to be rid of it, in words."""
        if self.state == "fixed":
            return "Nothing: a later delivery put it right."
        if self.state == "waived" and self.waiver:
            return f"Nothing until {self.waiver.expires_on:%-d %B %Y}, when the waiver ends."
        if self.waiver and not self.waiver.agreed:
            return "A second steward or registrar consents to the waiver."
        if self.two_people or self.outcome == "error":
            return f"{self.owner} ({self.contact}) sends a corrected extract, or two people waive the check."
        return f"{self.owner} ({self.contact}) sends a corrected extract, or a steward acknowledges or waives it."


def findings(
    office: Office, on: date, *, delivery_id: int | None = None, fixed: bool = False, period_from: str = ""
) -> list[Finding]:
    """The findings on business date `on`, what blocks first, then the newest period; fixed ones only if asked for.

    With `delivery_id` those of its feed, period and area; with `period_from` (YYYY-MM) none of an earlier period.
    """
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            # Deliveries in the order they came, each with its newest validation
            "WITH newest AS (SELECT DISTINCT ON (v.delivery_id) v.validation_id, v.delivery_id, v.verdict,"
            "  v.validated_on, d.feed, d.period, d.area_code,"
            # a later extract of a keyed feed has the rows of an earlier one, and may have put them right
            "  concat_ws(' ', d.feed, CASE WHEN NOT d.feed = ANY(:keyed) THEN d.period END, d.area_code) AS subject"
            "  FROM quality.validation v"
            "  JOIN landing.delivery d USING (delivery_id)"
            "  WHERE d.period = '' OR d.period >= :period_from ORDER BY v.delivery_id, v.validation_id DESC),"
            # whatever failed once, in any of them
            " failing AS (SELECT DISTINCT n.subject, c.check_id, c.part"
            "  FROM quality.check_result c JOIN newest n USING (validation_id)"
            "  WHERE c.outcome IN ('failed', 'error') AND c.action <> 'info'),"
            " told AS (SELECT n.*, n.delivery_id AS came,"
            "  CAST(NULL AS bigint) AS integrity_id, c.check_id, c.part, c.description, c.action, c.outcome,"
            "  c.unexpected_count, c.element_count, c.detail, c.outcome IN ('failed', 'error') AS fails"
            "  FROM failing f JOIN newest n USING (subject)"
            "  JOIN quality.check_result c USING (validation_id, check_id, part)"
            "  WHERE c.outcome <> 'not run'"
            # a cross-feed check is of all feeds at once, and is told of the newest delivery of the one it names
            " UNION ALL SELECT l.validation_id, r.delivery_id, v.verdict, i.checked_on, d.feed, d.period, d.area_code,"
            "  'all feeds', r.integrity_id, r.integrity_id, r.check_id, r.part, r.description, r.action, r.outcome,"
            "  r.unexpected_count, NULL, r.detail, r.outcome IN ('failed', 'error')"
            "  FROM quality.integrity_result r JOIN quality.integrity i USING (integrity_id)"
            "  JOIN landing.delivery d USING (delivery_id) JOIN reporting.load l USING (delivery_id)"
            "  JOIN quality.validation v ON v.validation_id = l.validation_id WHERE r.outcome <> 'not run'"
            "  AND r.action <> 'info' AND (d.period = '' OR d.period >= :period_from) AND (r.check_id, r.part) IN"
            "   (SELECT check_id, part FROM quality.integrity_result WHERE outcome IN ('failed', 'error'))),"
            " ordered AS (SELECT t.*, row_number() OVER w AS place, count(*) FILTER (WHERE NOT fails) OVER w AS passes,"
            "  first_value(fails) OVER w AS still FROM told t"
            "  WINDOW w AS (PARTITION BY subject, check_id, part"
            "   ORDER BY CASE WHEN integrity_id IS NULL THEN period END DESC, came DESC)),"
            " story AS (SELECT subject, check_id, part,"
            "  min(validated_on) FILTER (WHERE fails AND passes = CASE WHEN still THEN 0 ELSE 1 END) AS opened_on,"
            "  bool_or(still AND fails AND passes > 0) AS reopened FROM ordered GROUP BY 1, 2, 3)"
            " SELECT o.feed, o.period, o.area_code, o.check_id, o.part, o.description, o.action, o.delivery_id,"
            " o.validation_id, o.verdict, o.outcome, o.unexpected_count, o.element_count, o.detail, o.fails,"
            " o.validated_on,"
            " s.opened_on, s.reopened, a.display_name AS acknowledged_by, a.note,"
            " ARRAY(SELECT key FROM quality.integrity_key k WHERE (k.integrity_id, k.check_id, k.part)"
            "  = (o.integrity_id, o.check_id, o.part) ORDER BY key LIMIT :keys) AS keys"
            " FROM ordered o JOIN story s USING (subject, check_id, part)"
            " LEFT JOIN LATERAL (SELECT display_name, note FROM quality.acknowledgement k"
            "   WHERE (k.validation_id, k.check_id, k.part) = (o.validation_id, o.check_id, o.part)"
            "   ORDER BY acknowledged_at DESC LIMIT 1) a ON true"
            " WHERE o.place = 1 AND (:fixed OR o.fails) AND (CAST(:delivery_id AS bigint) IS NULL OR"
            "  (o.feed, o.period, o.area_code) = (SELECT feed, period, area_code FROM landing.delivery"
            "   WHERE delivery_id = :delivery_id))"
            " ORDER BY o.outcome <> 'error' AND o.action <> 'block_feed', o.action <> 'quarantine_row', o.period DESC,"
            "  o.feed, o.area_code, o.check_id, o.part",
            period_from=period_from,
            fixed=fixed,
            delivery_id=delivery_id,
            keys=KEYS,
            keyed=[feed.feed for feed in office.declarations.feeds.values() if feed.load == "keyed"],
        )
        of_waivers = {(w.delivery_id, w.check_id, w.part): w for w in _waivers(connection, on)}
    return [
        _finding(office, row, of_waivers.get((row["delivery_id"], row["check_id"], row["part"])))
        for row in rows
        if row["feed"] in office.declarations.feeds
    ]


def acknowledge(office: Office, validation_id: int, check_id: str, part: str, by: str, note: str, on: date) -> None:
    """Record that somebody looks after a failed check. Doing it again changes nothing.

    Raises NeedsPerson when `by` may not, and WrongCall when the check did not fail there.
    """
    person = entitled(office, by, KEEPERS, "acknowledge a finding")
    with office.engine.begin() as connection:
        _failed(connection, validation_id, check_id, part)
        record = {
            "validation_id": validation_id,
            "check_id": check_id,
            "part": part,
            "note": note.strip(),
            "acknowledged_by": person.user,
            "display_name": person.display_name,
            "acknowledged_on": on,
        }
        warehouse.insert(connection, "quality.acknowledgement", [record])


def waive(
    office: Office, validation_id: int, check_id: str, part: str, reason: str, expires_on: date, by: str, on: date
) -> Waiver:
    """Let a failed check of a delivery not count, to `expires_on`, as `by`, who is a steward or a registrar.

    One that blocks the delivery, by itself or by how many rows fail it, needs a second of them, by `consent`. Nothing
    that is loaded changes; a delivery that was blocked is held against its suite again at the next pull. Raises
    NeedsPerson when `by` may not waive or the check cannot be waived, WrongCall when the check did not fail there or
    the call lacks something.
    """
    person = entitled(office, by, WAIVERS, "waive a check")
    if not reason.strip():
        raise WrongCall("A waiver needs a reason.")
    if not on < expires_on <= on + LONGEST:
        raise WrongCall("A waiver ends on a day to come, within a year.")
    with office.engine.begin() as connection:
        warehouse.lock(connection, warehouse.WAIVER_LOCK)
        result = _failed(connection, validation_id, check_id, part)
        if (check_id, part) == UNREADABLE:
            raise NeedsPerson("The file could not be read as rows, so there is nothing that a waiver could let in.")
        if result["outcome"] == "error":
            raise NeedsPerson("The check itself could not run. That is put right, not waived.")
        for waiver in _waivers(connection, on, result["delivery_id"]):
            left = [user for user in waiver.users if not _may_waive(office, user)]
            if (waiver.check_id, waiver.part) == (check_id, part) and (waiver.agreed or not left):
                raise NeedsPerson(f"{check_id} is waived for this delivery already, or waits for consent.")
        terms = {
            "delivery_id": result["delivery_id"],
            "check_id": check_id,
            "part": part,
            "people": 2 if needs_two(result["action"], result["verdict"]) else 1,
            "reason": " ".join(reason.split()),
            "expires_on": expires_on,
        }
        waiver_id = warehouse.insert_one(connection, "quality.waiver", terms, "waiver_id")
        _consent(connection, waiver_id, person, on)
        return _waiver(connection, waiver_id)


def consent(office: Office, waiver_id: int, by: str, on: date) -> Waiver:
    """Consent to a waiver as the second person. Raises NeedsPerson when `by` may not, or is the first one."""
    person = entitled(office, by, WAIVERS, "waive a check")
    with office.engine.begin() as connection:
        warehouse.lock(connection, warehouse.WAIVER_LOCK)
        waiver = _waiver(connection, waiver_id)
        if waiver.expires_on < on:
            raise NeedsPerson("The waiver has ended. Make a new one.")
        if person.user in waiver.users:
            raise NeedsPerson(f"{person.display_name} consented already: a check that blocks needs two people.")
        for name, user in zip(waiver.names, waiver.users, strict=True):
            if not _may_waive(office, user):
                raise NeedsPerson(f"{name} is no steward or registrar any more. Waive the check anew.")
        if not waiver.agreed:
            _consent(connection, waiver_id, person, on)
        return _waiver(connection, waiver_id)


def waivers(office: Office, on: date, delivery_id: int | None = None) -> list[Waiver]:
    """The waivers that have not ended on business date `on`, agreed or waiting for consent."""
    with office.engine.connect() as connection:
        return _waivers(connection, on, delivery_id)


def waived(office: Office, connection: Connection, feed: str, on: date) -> dict[int, dict[tuple[str, str], int]]:
    """The waivers in force of a feed's deliveries that are not loaded: by delivery, the check and part, the id.

    One that has ended does not come back with an earlier business date, nor does one count whose people may not waive
    any more.
    """
    rows = warehouse.query(
        connection,
        "SELECT w.delivery_id, w.check_id, w.part, w.waiver_id, w.people, w.users FROM quality.waiver_state w"
        " JOIN landing.delivery d USING (delivery_id) LEFT JOIN reporting.load l USING (delivery_id)"
        " WHERE d.feed = :feed AND w.agreed AND w.agreed_on <= :on AND l.delivery_id IS NULL"
        " AND w.expires_on >= greatest(:on, (SELECT max(v.validated_on) FROM quality.validation v"
        "  JOIN landing.delivery f USING (delivery_id) WHERE f.feed = :feed)) ORDER BY w.waiver_id",
        feed=feed,
        on=on,
    )
    found: dict[int, dict[tuple[str, str], int]] = {}
    for row in rows:
        if sum(_may_waive(office, user) for user in row["users"]) >= row["people"]:
            found.setdefault(row["delivery_id"], {})[row["check_id"], row["part"]] = row["waiver_id"]
    return found


def in_force(
    office: Office, connection: Connection, delivery_ids: Sequence[int | None], on: date
) -> set[tuple[int | None, str, str]]:
    """The waivers of these deliveries, loaded or not, that are in force on `on`: delivery id, check and part."""
    rows = warehouse.query(
        connection,
        "SELECT delivery_id, check_id, part, people, users FROM quality.waiver_state"
        " WHERE delivery_id = ANY(:ids) AND agreed AND agreed_on <= :on AND expires_on >= :on",
        ids=[each for each in delivery_ids if each is not None],
        on=on,
    )
    return {
        (row["delivery_id"], row["check_id"], row["part"])
        for row in rows
        if sum(_may_waive(office, user) for user in row["users"]) >= row["people"]
    }


def let_in(office: Office, on: date) -> list[tuple[str, str, int]]:
    """The deliveries that are not loaded and under a waiver in force: feed, period and delivery id, in that order."""
    with office.engine.connect() as connection:
        found = {feed: list(waived(office, connection, feed, on)) for feed in office.declarations.feeds}
        rows = warehouse.query(
            connection,
            "SELECT feed, period, delivery_id FROM landing.delivery WHERE delivery_id = ANY(:ids) ORDER BY 1, 2, 3",
            ids=[delivery_id for ids in found.values() for delivery_id in ids],
        )
    return [(row["feed"], row["period"], row["delivery_id"]) for row in rows]


def entitled(office: Office, name: str, roles: tuple[str, ...], to_do: str) -> Person:
    """The person with this user or display name. Raises NeedsPerson when reports/people.yaml gives none of `roles`."""
    person = office.declarations.person(name)
    if person is None:
        raise NeedsPerson(f"{name} is not in reports/people.yaml and may not {to_do}.")
    if not set(roles) & set(person.roles):
        raise NeedsPerson(f"{person.display_name} is no {' or '.join(roles)} and may not {to_do}.")
    return person


def needs_two(action: str, verdict: str) -> bool:
    """Whether a failed check takes two people to waive: where it is what blocks the delivery, or part of it."""
    return action == "block_feed" or (verdict == "blocked" and action == "quarantine_row")


def _may_waive(office: Office, user: str) -> bool:
    person = office.declarations.user(user)
    return person is not None and not set(WAIVERS).isdisjoint(person.roles)


def _finding(office: Office, row: dict[str, Any], waiver: Waiver | None) -> Finding:
    feed = office.declarations.feeds[row["feed"]]
    fails, validated_on = row.pop("fails"), row.pop("validated_on")
    state: State = "open"
    if not fails:
        state = "fixed"
    elif waiver and waiver.agreed:
        state = "waived"
    elif row["acknowledged_by"]:
        state = "acknowledged"
    due_on = working_day(f"{row['opened_on'] or validated_on:%Y-%m}", feed.correction_working_day)
    return Finding(
        **row | {"opened_on": row["opened_on"] or validated_on, "keys": tuple(row["keys"])},
        fixed_on=None if fails else validated_on,
        state=state,
        owner=feed.owner,
        contact=feed.contact,
        due_on=max(due_on, add_working_days(row["opened_on"] or validated_on, WORKING_DAYS_TO_FIX)),
        waiver=waiver,
    )


def _failed(connection: Connection, validation_id: int, check_id: str, part: str) -> dict[str, Any]:
    """The result of a check that failed in the newest validation of its delivery, or now in all feeds together."""
    rows = warehouse.query(
        connection,
        "SELECT c.action, c.outcome, v.delivery_id, v.verdict FROM quality.validation v JOIN ("
        " SELECT validation_id, check_id, part, action, outcome FROM quality.check_result UNION ALL"
        " SELECT l.validation_id, r.check_id, r.part, r.action, r.outcome FROM quality.integrity_result r"
        "  JOIN reporting.load l USING (delivery_id)"
        "  WHERE r.integrity_id = (SELECT max(integrity_id) FROM quality.integrity)) c USING (validation_id)"
        " WHERE v.validation_id = :validation_id AND c.check_id = :check_id AND c.part = :part"
        " AND c.outcome IN ('failed', 'error') AND NOT EXISTS (SELECT FROM quality.validation later"
        "  WHERE later.delivery_id = v.delivery_id AND later.validation_id > v.validation_id)",
        validation_id=validation_id,
        check_id=check_id,
        part=part,
    )
    if not rows:
        raise WrongCall(
            f"{check_id} {part}".strip() + f" did not fail in validation {validation_id}, or it is not the newest."
        )
    return rows[0]


def _consent(connection: Connection, waiver_id: int, person: Person, on: date) -> None:
    record = {
        "waiver_id": waiver_id,
        "consented_by": person.user,
        "display_name": person.display_name,
        "login_user": warehouse.login_user(),
        "consented_on": on,
    }
    warehouse.insert(connection, "quality.waiver_consent", [record])


def _waiver(connection: Connection, waiver_id: int) -> Waiver:
    rows = warehouse.query(connection, f"{_SELECT} WHERE waiver_id = :waiver_id", waiver_id=waiver_id)
    if not rows:
        raise WrongCall(f"There is no waiver {waiver_id}.")
    return _from_row(rows[0])


def _waivers(connection: Connection, on: date, delivery_id: int | None = None) -> list[Waiver]:
    rows = warehouse.query(
        connection,
        f"{_SELECT} WHERE expires_on >= :on AND delivery_id = coalesce(:delivery_id, delivery_id) ORDER BY waiver_id",
        on=on,
        delivery_id=delivery_id,
    )
    return [_from_row(row) for row in rows]


_SELECT = (
    "SELECT waiver_id, delivery_id, check_id, part, reason, expires_on, people, names, users FROM quality.waiver_state"
)


def _from_row(row: dict[str, Any]) -> Waiver:
    return Waiver(**row | {"names": tuple(row["names"]), "users": tuple(row["users"])})
