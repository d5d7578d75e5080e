"""The station: every released pack of a snapshot to every recipient of its board, each at most once."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from monthend.deliver import ledger, transport
from monthend.deliver.ledger import Message, Pack
from monthend.deliver.message import compose
from monthend.deliver.settings import Mode, Settings, address, check
from monthend.errors import NeedsPerson, WrongCall
from monthend.office import Office
from monthend.plan.declarations import Board
from monthend.publish.packs import pack_folder
from monthend.publish.workbook import content_sha256

WHAT_TO_DO = {
    "refused temporary": "Nothing reached the recipient; the next delivery tries again.",
    "refused": "Nothing reached the recipient. Correct the address in reports/boards/{board}.yaml, or ask the "
    "recipient's mail administrator; the next delivery tries again.",
    "unknown": "It may or may not have arrived, so it is not sent again by itself. Ask the recipient.",
    "queued": "It was not tried, because the mail server could not be reached; the next delivery tries it.",
}


@dataclass(frozen=True)
class Sent:
    """A message and where it stands. `now` is True when this call brought it there."""

    board: str
    rendering: str
    pack_id: str
    recipient: str
    mode: Mode
    attempt: int
    state: ledger.Event
    detail: str
    now: bool


@dataclass(frozen=True)
class _Item:
    """One message to see to, with what it is made from."""

    pack: Pack
    board: Board
    workbook: bytes
    sent_to: str
    message: Message


def deliver(office: Office, position: int, settings: Settings) -> list[Sent]:
    """See to it that every released pack of the snapshot at `position` reaches each recipient, at most once.

    It can be called again at any moment: what was accepted is left alone, what was refused is tried again as the next
    attempt, and what broke off becomes `unknown` and is never sent again by itself.

    Raises:
        WrongCall: the settings do not fit together; nothing was queued.
        NeedsPerson: live mail is not armed (nothing was queued), or, after everything else was sent, a pack is not
            the one that was released, or a message was refused or is unknown.
    """
    sender = settings.sender or office.declarations.plan.contact
    address(sender, "MONTHEND_MAIL_FROM, or the contact in reports/plan/plan.yaml")
    check(settings)
    # Each statement commits by itself: `sending` is there for all to see before the first byte leaves.
    with office.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if settings.mode == "live":
            ledger.require_armed(connection, settings.environment)
        problems: list[str] = []
        items: list[_Item] = []
        for pack in ledger.released(connection, position):
            items.extend(_items(office, connection, pack, settings, problems))
        sent: list[Sent] = []
        reachable = True
        for item in items:
            outcome = _attempt(office, connection, item, settings, sender, reachable)
            reachable = reachable and (outcome is None or outcome.reached)
            message = ledger.state(connection, item.message)
            sent.append(_sent(item.pack, message, now=outcome is not None))
            if message.state in WHAT_TO_DO and not (message.state == "queued" and reachable):
                problems.append(_problem(sent[-1]))
    if problems:
        count = sum(message.now and message.state == "accepted" for message in sent)
        raise NeedsPerson("\n".join([f"Accepted now: {count} of {len(sent)}. A person has to look at:", *problems]))
    return sent


def _items(
    office: Office, connection: Connection, pack: Pack, settings: Settings, problems: list[str]
) -> Iterator[_Item]:
    """Queue a pack for each of its recipients, unless there is something wrong with it, which goes to `problems`."""
    where = f"{pack.board} ({pack.file_name})"
    board = office.declarations.boards.get(pack.board)
    if board is None or not board.recipients:
        problems.append(f"{where}: not sent, reports/boards/{pack.board}.yaml names nobody to send it to.")
        return
    workbook = _workbook(office, pack)
    if workbook is None:
        folder = pack_folder(office, pack.month, pack.revision)
        problems.append(
            f"{where}: nothing of it was sent now, because the file in {folder} is missing or is not "
            "the one that was released. Put the released file back; it must not be built again."
        )
        return
    for recipient in dict.fromkeys(recipient.lower() for recipient in board.recipients):
        sent_to = settings.redirect_to or "" if settings.mode == "redirect" else recipient
        if fault := _not_allowed(pack, board, recipient, sent_to):
            problems.append(f"{where} to {recipient}: not sent, {fault}")
        else:
            message = ledger.queue(connection, pack.pack_id, recipient, settings.mode, sent_to)
            yield _Item(pack, board, workbook, sent_to, message)


def _not_allowed(pack: Pack, board: Board, recipient: str, sent_to: str) -> str | None:
    """Why this may not be sent there. Where sensitive content really goes counts, also when it is redirected."""
    domains = {domain.lower() for domain in board.allowed_domains}
    for one in {recipient, sent_to} if pack.marking.startswith("OFFICIAL-SENSITIVE") else {recipient}:
        try:
            domain = address(one, f"reports/boards/{pack.board}.yaml").domain.lower()
        except WrongCall as error:
            return str(error)
        if domain not in domains:
            return f"the domain of {one} is not among allowed_domains in reports/boards/{pack.board}.yaml."
    return None


def _workbook(office: Office, pack: Pack) -> bytes | None:
    """The bytes of the released file, or None when they are not those that were released."""
    path = pack_folder(office, pack.month, pack.revision) / pack.file_name
    if path.name != pack.file_name or not pack.file_name.isprintable():
        return None
    try:
        workbook = path.read_bytes()
        same = content_sha256(path) == pack.content_sha256 and path.read_bytes() == workbook
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return workbook if same else None


def _attempt(
    office: Office, connection: Connection, item: _Item, settings: Settings, sender: str, reachable: bool
) -> transport.Outcome | None:
    """Bring one message to its outcome; None where it has one, another process is at it, or no server answers."""
    with ledger.held(connection, ledger.MESSAGE_LOCK, item.message.message_id) as mine:
        message = ledger.state(connection, item.message)
        if not mine or message.state not in ("queued", "sending") or (message.state == "queued" and not reachable):
            return None
        if message.state == "sending":
            outcome = transport.Outcome("unknown", "whoever was sending it ended before there was an answer")
        elif message.sent_to != item.sent_to:
            outcome = transport.Outcome("refused temporary", "never sent: it was queued for another address")
        else:
            mail = compose(item.pack, item.board, office.declarations.plan, item.workbook, message, sender)
            if not ledger.record(connection, message, "sending"):
                return None
            if settings.mode == "outbox":
                name = _file_name(item.pack, message)
                outcome = transport.to_file(office.home / "outbox" / item.pack.month / name, mail)
            else:
                outcome = transport.to_server(settings, sender, message.sent_to, mail)
        ledger.record(connection, message, outcome.event, outcome.detail)
        return outcome


def _file_name(pack: Pack, message: Message) -> str:
    """The name in the outbox: another one for each revision and attempt, so that nothing is overwritten."""
    parts = [pack.file_name.removesuffix(".xlsx"), message.recipient]
    if pack.revision > 1:
        parts.append(f"revision-{pack.revision}")
    if message.attempt > 1:
        parts.append(f"attempt-{message.attempt}")
    return f"{'--'.join(parts)}.eml"


def _sent(pack: Pack, message: Message, now: bool) -> Sent:
    return Sent(
        pack.board,
        pack.rendering,
        pack.pack_id,
        message.recipient,
        message.mode,
        message.attempt,
        message.state,
        message.detail,
        now,
    )


def _problem(sent: Sent) -> str:
    what = f"{sent.state}, {sent.detail}" if sent.detail else sent.state
    where = f"{sent.board} ({sent.rendering}) to {sent.recipient}, {sent.mode}, attempt {sent.attempt}"
    return f"{where}: {what}. {WHAT_TO_DO[sent.state].format(board=sent.board)}"
