"""What a message says: the marking first, which pack this is, and how to prove it. No number of any measure."""

import hashlib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from monthend.deliver.ledger import Message, Pack
from monthend.deliver.settings import address
from monthend.plan.declarations import Board, Plan
from monthend.publish.words import of_day, of_month

WORKBOOK = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
POLICY = SMTP.clone(cte_type="7bit")  # CRLF, and nothing that a mail server on the way would have to convert


def compose(pack: Pack, board: Board, plan: Plan, workbook: bytes, message: Message, sender: str) -> bytes:
    """The whole message as it goes out, with `workbook` as its attachment."""
    subject = f"{marking(pack)}: {one_line(board.title)} pack, data to the end of {of_month(pack.month)}"
    if pack.revision > 1:
        subject += f", revision {pack.revision}"
    if message.mode == "redirect":
        subject += f" (redirected, meant for {message.recipient})"
    words = {
        "subject": subject,
        "marking": marking(pack),
        "board": one_line(board.title),
        "meeting": of_day(pack.meeting) if pack.meeting else None,
        "month": of_month(pack.month),
        "frozen_on": of_day(pack.frozen_on),
        "revision": pack.revision,
        "published": pack.rendering == "published",
        "digest": pack.digest,
        "seal": pack.seal,
        "pack_id": pack.pack_id,
        "file_name": pack.file_name,
        "kilobytes": f"{-(-len(workbook) // 1000):,}",
        "organisation": one_line(plan.organisation),
        "contact": one_line(plan.contact),
        "meant_for": message.recipient if message.mode == "redirect" else None,
    }
    mail = envelope("message", words, sender, message.sent_to, message_id(message, sender))
    mail.add_attachment(workbook, *WORKBOOK, filename=pack.file_name)
    return as_bytes(mail)


def envelope(template: str, words: dict[str, Any], sender: str, sent_to: str, identity: str) -> EmailMessage:
    """A message from `template`.txt and `template`.html with `words`, which name its subject."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = words["subject"]
    mail["From"] = address(sender, "The sender")
    mail["To"] = address(sent_to, "The recipient")
    mail["Date"] = localtime()
    mail["Message-ID"] = identity
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(templates.get_template(f"{template}.txt").render(words))
    mail.add_alternative(templates.get_template(f"{template}.html").render(words), subtype="html")
    return mail


def as_bytes(mail: EmailMessage) -> bytes:
    """The whole message as it goes out."""
    mail["Content-Language"] = "en-GB"  # last: the library moves what describes content into the parts
    return mail.as_bytes()


def marking(pack: Pack) -> str:
    """The marking as the subject starts with it."""
    published = pack.rendering == "published" and "PUBLISHED" not in pack.marking
    return f"{pack.marking}, PUBLISHED" if published else pack.marking


def message_id(message: Message, sender: str) -> str:
    """The Message-ID: the same for the same pack, recipient, mode and attempt."""
    return unique_id(sender, message.pack_id, message.recipient, message.mode, str(message.attempt))


def unique_id(sender: str, *parts: str) -> str:
    """A Message-ID that is the same for the same parts."""
    key = "\0".join(parts)
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def one_line(words: str) -> str:
    """Words on one line."""
    return " ".join(words.split())
