"""What a message says: the marking first, which pack this is, and how to prove it. No number of any measure."""

import calendar
import hashlib
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from monthend.deliver.ledger import Message, Pack
from monthend.deliver.settings import address
from monthend.plan.declarations import Board, Plan

WORKBOOK = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
POLICY = SMTP.clone(cte_type="7bit")  # CRLF, and nothing that a mail server on the way would have to convert


def compose(pack: Pack, board: Board, plan: Plan, workbook: bytes, message: Message, sender: str) -> bytes:
    """The whole message as it goes out, with `workbook` as its attachment."""
    subject = f"{marking(pack)}: {_one_line(board.title)} pack, data to the end of {_month(pack.month)}"
    if pack.revision > 1:
        subject += f", revision {pack.revision}"
    if message.mode == "redirect":
        subject += f" (redirected, meant for {message.recipient})"
    words = {
        "subject": subject,
        "marking": marking(pack),
        "board": _one_line(board.title),
        "meeting": _day(pack.meeting) if pack.meeting else None,
        "month": _month(pack.month),
        "frozen_on": _day(pack.frozen_on),
        "revision": pack.revision,
        "published": pack.rendering == "published",
        "digest": pack.digest,
        "seal": pack.seal,
        "pack_id": pack.pack_id,
        "file_name": pack.file_name,
        "kilobytes": f"{-(-len(workbook) // 1000):,}",
        "organisation": _one_line(plan.organisation),
        "contact": _one_line(plan.contact),
        "meant_for": message.recipient if message.mode == "redirect" else None,
    }
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = subject
    mail["From"] = address(sender, "The sender")
    mail["To"] = address(message.sent_to, "The recipient")
    mail["Date"] = localtime()
    mail["Message-ID"] = message_id(message, sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(templates.get_template("message.txt").render(words))
    mail.add_alternative(templates.get_template("message.html").render(words), subtype="html")
    mail.add_attachment(workbook, *WORKBOOK, filename=pack.file_name)
    mail["Content-Language"] = "en-GB"  # last: the library moves what describes content into the parts
    return mail.as_bytes()


def marking(pack: Pack) -> str:
    """The marking as the subject starts with it."""
    published = pack.rendering == "published" and "PUBLISHED" not in pack.marking
    return f"{pack.marking}, PUBLISHED" if published else pack.marking


def message_id(message: Message, sender: str) -> str:
    """The Message-ID: the same for the same pack, recipient, mode and attempt."""
    key = "\0".join((message.pack_id, message.recipient, message.mode, str(message.attempt)))
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def _month(month: str) -> str:
    year, number = month.split("-")
    return f"{calendar.month_name[int(number)]} {year}"


def _day(day: date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _one_line(words: str) -> str:
    return " ".join(words.split())
