"""One message, one attempt: to the mail server or to a file. The outcome is what is known for certain, no more."""

import contextlib
import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from pathlib import Path

from monthend.deliver.ledger import Event
from monthend.deliver.settings import PORTS, Settings


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt. `detail` holds the server's codes, never its words: they may quote anything.

    `reached` is False when there was no conversation with the server at all, so that others need not wait for it.
    """

    event: Event
    detail: str
    reached: bool = True


def to_file(path: Path, message: bytes) -> Outcome:
    """Write a message whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        return Outcome("refused temporary", f"outbox: {type(error).__name__}")
    return Outcome("accepted", "outbox")


def to_server(settings: Settings, sender: str, sent_to: str, message: bytes) -> Outcome:
    """Hand one message for one recipient to the mail server.

    Until the server was asked to take the data nothing can have been delivered, so a fault is a refusal. From then on
    a conversation that breaks off leaves the outcome unknown.
    """
    try:
        client = _connect(settings)
    except (OSError, smtplib.SMTPException, ValueError, OverflowError) as error:  # the last two: host, port, password
        code = _codes(error.smtp_code, error.smtp_error) if isinstance(error, smtplib.SMTPResponseException) else ""
        return Outcome("refused temporary", f"no connection: {type(error).__name__} {code}".strip(), reached=False)
    try:
        outcome = _converse(client, sender, sent_to, message)
        if outcome.event != "unknown":
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.putcmd("quit")  # its answer is not waited for: the outcome is recorded first
        return outcome
    finally:
        client.close()


def _connect(settings: Settings) -> smtplib.SMTP:
    """A conversation that is open, encrypted as the settings say, and logged in."""
    port = settings.port or PORTS[settings.security]
    context = ssl.create_default_context()
    client: smtplib.SMTP
    if settings.security == "tls":
        client = smtplib.SMTP_SSL(settings.host, port, timeout=settings.timeout, context=context)
    else:
        client = smtplib.SMTP(settings.host, port, timeout=settings.timeout)
    try:
        client.ehlo_or_helo_if_needed()
        if settings.security == "starttls":
            client.starttls(context=context)
            client.ehlo_or_helo_if_needed()
        if settings.username:
            client.login(settings.username, settings.password or "")
    except BaseException:
        client.close()
        raise
    return client


def _converse(client: smtplib.SMTP, sender: str, sent_to: str, message: bytes) -> Outcome:
    try:
        for stage, ask, who in (("MAIL", client.mail, sender), ("RCPT", client.rcpt, sent_to)):
            code, words = ask(who)
            if not 200 <= code < 300:
                return _refusal(stage, code, words)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("refused temporary", f"connection lost before the message: {type(error).__name__}")
    try:
        code, words = client.data(message)
    except smtplib.SMTPDataError as error:  # the server would not take the data: none of it was sent
        return _refusal("DATA", error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("unknown", f"connection lost while sending: {type(error).__name__}")
    if 200 <= code < 300:
        return Outcome("accepted", _codes(code, words))
    if 400 <= code < 600:
        return _refusal("DATA", code, words)
    return Outcome("unknown", f"DATA {code}")


def _refusal(stage: str, code: int, words: bytes | str) -> Outcome:
    event: Event = "refused" if 500 <= code < 600 else "refused temporary"
    return Outcome(event, f"{stage} {_codes(code, words)}")


def _codes(code: int, words: bytes | str) -> str:
    """The reply code, and the enhanced status code that its text may start with."""
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)", text)
    return f"{code} {enhanced.group()}" if enhanced else str(code)
