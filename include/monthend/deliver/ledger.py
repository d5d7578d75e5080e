"""The ledger of what was sent: messages, their events, and the arming that live mail needs. Everything is inserted."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import Connection, text

from monthend import warehouse
from monthend.deliver.settings import Mode
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office

Event = Literal["queued", "sending", "accepted", "refused temporary", "refused", "unknown"]
MESSAGE_LOCK = 0x6D61696C  # first of an advisory lock's two numbers; the second is the message's or the notice's
NOTICE_LOCK = 0x6E6F7465


@dataclass(frozen=True)
class Pack:
    """A released pack that is not held, and the snapshot it was made from."""

    pack_id: str
    board: str
    rendering: str
    meeting: date | None
    marking: str
    file_name: str
    content_sha256: str
    month: str
    revision: int
    frozen_on: date
    digest: str
    seal: str


@dataclass(frozen=True)
class Message:
    """A message in the ledger and what became of it so far."""

    message_id: int
    pack_id: str
    recipient: str
    mode: Mode
    attempt: int
    sent_to: str
    state: Event
    detail: str


def released(connection: Connection, position: int) -> list[Pack]:
    """The packs of the snapshot at `position` that an accepted answer released and no later answer holds."""
    if not warehouse.query(connection, "SELECT FROM snapshot.snapshot WHERE position = :position", position=position):
        raise WrongCall(f"There is no snapshot at position {position} of the chain. `monthend status` shows the chain.")
    rows = warehouse.query(
        connection,
        "SELECT b.pack_id, b.board, b.rendering, b.meeting, b.marking, b.file_name, b.content_sha256,"
        " s.month, s.revision, s.frozen_on, s.digest, s.seal"
        " FROM pack.release r JOIN pack.build b USING (build_id, pack_id) JOIN snapshot.snapshot s USING (position)"
        " JOIN pack.answer a ON a.answer_id = r.answer_id AND a.accepted AND a.answer = 'release'"
        " AND a.position = b.position"
        " WHERE b.position = :position AND NOT EXISTS (SELECT FROM pack.hold h JOIN pack.answer ha USING (answer_id)"
        "  WHERE h.build_id = b.build_id AND ha.accepted AND h.answer_id >= r.answer_id)"
        " ORDER BY b.board, b.rendering, b.meeting, b.pack_id",
        position=position,
    )
    return [Pack(**row) for row in rows]


def queue(connection: Connection, pack_id: str, recipient: str, mode: Mode, sent_to: str) -> Message:
    """The message that this call has to see to: the one there is, or a new one.

    A new one is queued where there is none yet, or the last attempt was refused, for the time being or for good: then
    nothing reached the recipient, and what it was refused for may have been put right. After `unknown` there is none.
    """
    last = _last(connection, pack_id, recipient, mode)
    if last is None or last.state in ("refused temporary", "refused"):
        connection.execute(  # one statement, so there is no message without an event
            text(
                "WITH message AS (INSERT INTO delivery.message (pack_id, recipient, mode, attempt, sent_to)"
                " VALUES (:pack_id, :recipient, :mode, :attempt, :sent_to) ON CONFLICT DO NOTHING RETURNING message_id)"
                " INSERT INTO delivery.event (message_id, event) SELECT message_id, 'queued' FROM message"
            ),
            {
                "pack_id": pack_id,
                "recipient": recipient,
                "mode": mode,
                "attempt": last.attempt + 1 if last else 1,
                "sent_to": sent_to,
            },
        )
        last = _last(connection, pack_id, recipient, mode)
    assert last is not None  # noqa: S101 - it was inserted, here or by another process
    return last


def record(connection: Connection, message: Message, event: Event, detail: str = "") -> bool:
    """Commit an event of a message. False when the message has that event already."""
    inserted = connection.execute(
        text(
            "INSERT INTO delivery.event (message_id, event, detail) VALUES (:message_id, :event, :detail)"
            " ON CONFLICT DO NOTHING RETURNING event_id"
        ),
        {"message_id": message.message_id, "event": event, "detail": detail},
    )
    return inserted.first() is not None


def state(connection: Connection, message: Message) -> Message:
    """The message as the ledger has it now."""
    return _messages(connection, "message_id = :message_id", message_id=message.message_id)[0]


@contextlib.contextmanager
def held(connection: Connection, lock: int, number: int) -> Iterator[bool]:
    """Hold a message or a notice, by its number, while it is sent: False when another process holds it.

    The server lets go of it when the process that holds it ends, however it ends: a message that is `sending` and
    held by nobody is one whose outcome nobody saw.
    """
    key = {"lock": lock, "number": number}
    got = connection.execute(text("SELECT pg_try_advisory_lock(:lock, CAST(:number AS integer))"), key).scalar_one()
    try:
        yield got
    finally:
        if got:
            connection.execute(text("SELECT pg_advisory_unlock(:lock, CAST(:number AS integer))"), key)


def arm(office: Office, environment: str, reason: str) -> None:
    """Allow live mail from this warehouse, as it stands in this cluster under this name, in `environment`."""
    if not environment.strip() or not reason.strip():
        raise WrongCall("Arming needs the environment's name and a reason: monthend arm --live NAME --reason TEXT.")
    with office.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO delivery.arming (environment, system_identifier, database_name, reason, armed_by)"
                " SELECT :environment, system_identifier::text, current_database(), :reason, :armed_by"
                " FROM pg_control_system()"
            ),
            {"environment": environment.strip(), "reason": reason.strip(), "armed_by": warehouse.login_user()},
        )


def require_armed(connection: Connection, environment: str) -> None:
    """Raise NeedsPerson unless the newest arming for `environment` was of this very warehouse."""
    armed = warehouse.query(
        connection,
        "SELECT a.system_identifier = c.system_identifier::text AND a.database_name = current_database() AS here"
        " FROM delivery.arming a CROSS JOIN pg_control_system() c WHERE a.environment = :environment"
        " ORDER BY a.arming_id DESC LIMIT 1",
        environment=environment,
    )
    if not armed or not armed[0]["here"]:
        why = "was armed as another database, of which this is a copy," if armed else "is not armed"
        raise NeedsPerson(
            f"Nothing was sent: the warehouse {why} for live mail in {environment}. If boards are to be written to "
            f"from here, run `monthend arm --live {environment} --reason TEXT`."
        )


def outcomes(office: Office, month: str) -> list[dict[str, object]]:
    """What became of every message about a month's packs: board, recipient, mode, attempt, state, detail."""
    with office.engine.connect() as connection:
        return warehouse.query(
            connection,
            "SELECT s.revision, b.board, b.rendering, b.meeting, m.recipient, m.mode, m.attempt, m.state, m.detail"
            " FROM delivery.message_state m JOIN pack.release USING (pack_id) JOIN pack.build b USING (build_id)"
            " JOIN snapshot.snapshot s USING (position) WHERE s.month = :month"
            " ORDER BY s.revision, b.board, b.rendering, b.meeting, m.recipient, m.mode, m.attempt",
            month=month,
        )


def _last(connection: Connection, pack_id: str, recipient: str, mode: Mode) -> Message | None:
    found = _messages(
        connection,
        "pack_id = :pack_id AND recipient = :recipient AND mode = :mode",
        pack_id=pack_id,
        recipient=recipient,
        mode=mode,
    )
    return found[0] if found else None


def _messages(connection: Connection, where: str, **parameters: object) -> list[Message]:
    rows = warehouse.query(
        connection,
        "SELECT message_id, pack_id, recipient, mode, attempt, sent_to, state, detail"  # noqa: S608 - names are ours
        f" FROM delivery.message_state WHERE {where} ORDER BY attempt DESC",
        **parameters,
    )
    return [Message(**row) for row in rows]
