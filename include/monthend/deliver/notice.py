"""Notices: e-mails to the office's own people about a run, a question or a deadline. No figure of a measure, no row.

A partner alone is sent what it sent itself: its figures as they were read, or its own workbook with comments.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, text

from monthend import warehouse
from monthend.deliver import ledger, transport
from monthend.deliver.message import WORKBOOK, as_bytes, envelope, one_line, unique_id
from monthend.deliver.settings import Mode, Settings, address, check
from monthend.errors import NeedsPerson
from monthend.office import Office

Marking = Literal["OFFICIAL", "OFFICIAL-SENSITIVE"]
ANSWER = "answer/"  # begins what a notice is about that answers a partner's return
NOT_TOLD = ("refused temporary", "refused", "unknown", "queued")


@dataclass(frozen=True)
class Attachment:
    """A workbook that goes with a notice, and the name it has there."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Told:
    """A notice to one recipient, and where it stands. `now` is True when this call brought it there."""

    recipient: str
    state: ledger.Event
    detail: str
    now: bool


@dataclass(frozen=True)
class _Notice:
    notice_id: int
    about: str
    recipient: str
    mode: Mode
    sent_to: str
    subject: str
    words: str
    marking: Marking
    attachment_name: str | None
    attachment_sha256: str | None
    state: ledger.Event
    detail: str


def notify(
    office: Office,
    about: str,
    recipients: Iterable[str],
    subject: str,
    words: str,
    settings: Settings,
    attachment: Attachment | None = None,
    marking: Marking = "OFFICIAL",
) -> list[Told]:
    """Send a notice, at most once for each thing it is about, recipient and mode; give where each stands.

    The row is there before the first byte leaves. Calling again tries what was refused for the time being, with the
    words it had; what was accepted, refused for good, or broke off is never sent again.

    Args:
        office: whose people are told.
        about: what it is about, as a key: a run, a question, a deadline.
        recipients: addresses in reports/people.yaml, or the contact of a feed or of the plan.
        subject: one line, without the marking.
        words: plain text; paragraphs are separated by blank lines, and lines that begin with "- " make a list.
        settings: how mail leaves.
        attachment: a workbook that goes with it; its bytes are kept under the home, for a call that tries again.
        marking: of what it says; the subject starts with it.

    Raises:
        WrongCall: the settings do not fit together.
        NeedsPerson: somebody else is among the recipients, as a board would be, live mail is not armed, or something
            sensitive would be redirected out of the domains of the office and its feeds. Nothing was sent.
    """
    sender = settings.sender or office.declarations.plan.contact
    address(sender, "MONTHEND_MAIL_FROM, or the contact in reports/plan/plan.yaml")
    check(settings)
    wanted = list(dict.fromkeys(recipient.lower() for recipient in recipients))
    own, redirect = own_addresses(office), settings.redirect_to or ""
    if strangers := sorted(set(wanted) - own):
        raise NeedsPerson(
            f"Nothing was sent: {', '.join(strangers)} is neither in reports/people.yaml nor the contact of a feed or "
            "of the plan. A notice goes to the office's own people, never to a board."
        )
    redirected = marking == "OFFICIAL-SENSITIVE" and settings.mode == "redirect"
    if redirected and _domain(redirect) not in {_domain(each) for each in own}:
        raise NeedsPerson(
            f"Nothing was sent: it is {marking}, and the domain of {redirect} is none of reports/people.yaml, of the "
            "plan or of a feed."
        )
    said = {"about": about, "mode": settings.mode, "subject": one_line(subject), "words": words, "marking": marking}
    told: list[Told] = []
    reachable = True
    with office.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if settings.mode == "live":
            ledger.require_armed(connection, settings.environment)
        for recipient in wanted:
            sent_to = redirect if settings.mode == "redirect" else recipient
            notice = _queue(office, connection, {**said, "recipient": recipient, "sent_to": sent_to}, attachment)
            outcome = _attempt(office, connection, notice, settings, sender) if reachable else None
            reachable = reachable and (outcome is None or outcome.reached)
            now = _read(connection, about, recipient, settings.mode)
            told.append(Told(recipient, now.state, now.detail, now=outcome is not None))
    return told


def own_addresses(office: Office) -> set[str]:
    """The addresses that a notice may go to: people's, and the contacts of feeds and of the plan."""
    declared = office.declarations
    contacts = {declared.plan.contact}.union(*(feed.contacts for feed in declared.feeds.values()))
    return {each.lower() for each in contacts | {person.email for person in declared.people.people}}


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def link(path: str) -> str:
    """Where people reach a page of Airflow or of the desk: MONTHEND_URL with `path`; nothing where it is not set."""
    base = os.environ.get("MONTHEND_URL", "").strip().rstrip("/")
    return f"{base}{path}" if base else ""


def _queue(office: Office, connection: Connection, said: Mapping[str, str], attachment: Attachment | None) -> _Notice:
    row = {**said, "attachment_name": None, "attachment_sha256": None}
    if attachment:
        digest = hashlib.sha256(attachment.data).hexdigest()
        row |= {"attachment_name": attachment.name, "attachment_sha256": digest}
        kept = _kept(office, digest)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(attachment.data)
        part.replace(kept)
    warehouse.insert(connection, "delivery.notice", [row])
    return _read(connection, said["about"], said["recipient"], said["mode"])


def _kept(office: Office, digest: str) -> Path:
    """Where the bytes of an attachment are kept."""
    return office.home / "attachments" / digest


def _attempt(
    office: Office, connection: Connection, notice: _Notice, settings: Settings, sender: str
) -> transport.Outcome | None:
    """Bring a notice to its outcome; None where it has one for good, or another process is at it."""
    with ledger.held(connection, ledger.NOTICE_LOCK, notice.notice_id) as mine:
        notice = _read(connection, notice.about, notice.recipient, notice.mode)
        if not mine or notice.state not in ("queued", "sending", "refused temporary"):
            return None
        if notice.state == "sending":
            outcome = transport.Outcome("unknown", "whoever was sending it ended before there was an answer")
        else:
            mail = _compose(office, notice, sender)
            _record(connection, notice, "sending")
            if settings.mode == "outbox":
                name = f"{notice.notice_id:06}--{notice.recipient}.eml"
                outcome = transport.to_file(office.home / "outbox" / "notices" / name, mail)
            else:
                outcome = transport.to_server(settings, sender, notice.sent_to, mail)
        _record(connection, notice, outcome.event, outcome.detail)
        return outcome


def _compose(office: Office, notice: _Notice, sender: str) -> bytes:
    redirected = notice.mode == "redirect"
    subject = f"{notice.marking}: {notice.subject}"
    words = {
        "subject": f"{subject} (redirected, meant for {notice.recipient})" if redirected else subject,
        "title": notice.subject,
        "marking": notice.marking,
        "words": notice.words,
        "blocks": [_block(block) for block in notice.words.split("\n\n")],
        "organisation": one_line(office.declarations.plan.organisation),
        "contact": one_line(office.declarations.plan.contact),
        "meant_for": notice.recipient if redirected else None,
        "to_partner": notice.about.startswith(ANSWER),
    }
    identity = unique_id(sender, "notice", notice.about, notice.recipient, notice.mode)
    mail = envelope("notice", words, sender, notice.sent_to, identity)
    if notice.attachment_sha256:
        mail.add_attachment(
            _kept(office, notice.attachment_sha256).read_bytes(), *WORKBOOK, filename=notice.attachment_name
        )
    return as_bytes(mail)


def _block(block: str) -> tuple[str, list[str]]:
    """A paragraph, and the list that follows it."""
    lines = block.splitlines()
    listed = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return " ".join(line for line in lines if not line.startswith("- ")), listed


def _record(connection: Connection, notice: _Notice, event: ledger.Event, detail: str = "") -> None:
    connection.execute(
        text("INSERT INTO delivery.notice_event (notice_id, event, detail) VALUES (:notice_id, :event, :detail)"),
        {"notice_id": notice.notice_id, "event": event, "detail": detail},
    )


def _read(connection: Connection, about: str, recipient: str, mode: str) -> _Notice:
    (row,) = warehouse.query(
        connection,
        "SELECT n.notice_id, n.about, n.recipient, n.mode, n.sent_to, n.subject, n.words, n.marking,"
        " n.attachment_name, n.attachment_sha256,"
        " coalesce(e.event, 'queued') AS state, coalesce(e.detail, '') AS detail FROM delivery.notice n"
        " LEFT JOIN LATERAL (SELECT event, detail FROM delivery.notice_event e WHERE e.notice_id = n.notice_id"
        "  ORDER BY notice_event_id DESC LIMIT 1) e ON true"
        " WHERE n.about = :about AND n.recipient = :recipient AND n.mode = :mode",
        about=about,
        recipient=recipient,
        mode=mode,
    )
    return _Notice(**row)
