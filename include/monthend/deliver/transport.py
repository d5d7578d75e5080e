"""One message, one attempt: to the mail server or to a file. The outcome is what is known for certain, no more."""

import contextlib
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monthend.deliver.ledger import Event
from monthend.deliver.settings import PORTS, Settings

CERTIFICATE = {  # by OpenSSL's number; the last two: another host name, another address
    10: "certificate expired",
    62: "certificate is for another name",
    64: "certificate is for another name",
}


class _Fault(Exception):
    """What went wrong in a conversation, in words that may stand in the ledger."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt. `detail` holds our words and the server's codes, never its words: they may quote
    anything.

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

    Until the server has agreed to take the data nothing can have been delivered, so a fault is a refusal. From then on
    a conversation that breaks off leaves the outcome unknown.
    """
    try:
        client = _connect(settings)
    except _Fault as fault:
        return Outcome("refused temporary", str(fault), reached=False)
    try:
        outcome = _converse(client, sender, sent_to, message)
        if outcome.event != "unknown":
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.putcmd("quit")  # its answer is not waited for: the outcome is recorded first
        return outcome
    finally:
        client.close()


def _connect(settings: Settings) -> smtplib.SMTP:
    """A conversation that is open, encrypted as the settings say, and logged in. Raises _Fault."""
    port = settings.port or PORTS[settings.security]
    context = ssl.create_default_context()
    client: smtplib.SMTP
    with _step("connection", settings.timeout):
        if settings.security == "tls":
            client = smtplib.SMTP_SSL(settings.host, port, timeout=settings.timeout, context=context)
        else:
            client = smtplib.SMTP(settings.host, port, timeout=settings.timeout)
    try:
        with _step("EHLO", settings.timeout):
            client.ehlo_or_helo_if_needed()
        if settings.security == "starttls":
            with _step("STARTTLS", settings.timeout):
                client.starttls(context=context)
            with _step("EHLO", settings.timeout):
                client.ehlo_or_helo_if_needed()
        if settings.username:
            with _step("AUTH", settings.timeout):
                client.login(settings.username, settings.password or "")
    except BaseException:
        client.close()
        raise
    return client


def _converse(client: smtplib.SMTP, sender: str, sent_to: str, message: bytes) -> Outcome:
    try:
        for step, ask, who in (("MAIL", client.mail, sender), ("RCPT", client.rcpt, sent_to)):
            with _step(step, client.timeout):
                code, words = ask(who)
            if not 200 <= code < 300:
                return _refusal(step, code, words)
        with _step("DATA", client.timeout):
            code, words = client.docmd("DATA")
    except _Fault as fault:
        return Outcome("refused temporary", str(fault))
    if code != 354:  # the server would not take the data: none of it was sent
        return _refusal("DATA", code, words)
    try:
        with _step("message", client.timeout):
            client.send(re.sub(rb"(?m)^\.", b"..", message.removesuffix(b"\r\n")) + b"\r\n.\r\n")
            code, words = client.getreply()
    except _Fault as fault:
        return Outcome("unknown", str(fault))
    if 200 <= code < 300:
        return Outcome("accepted", _codes(code, words))
    if 400 <= code < 600:
        return _refusal("message", code, words)
    return Outcome("unknown", f"message {code}")


@contextlib.contextmanager
def _step(step: str, timeout: float) -> Iterator[None]:
    """Raise what goes wrong in a step of the conversation as a _Fault that tells it from others."""
    try:
        yield
    except (OSError, smtplib.SMTPException, ValueError, OverflowError) as error:  # the last two: host, port, password
        raise _Fault(_fault(error, step, timeout)) from error


def _fault(error: Exception, step: str, timeout: float) -> str:
    """Our words for what went wrong in a step."""
    awaited = {"connection": "greeting", "message": "answer to the message"}.get(step, f"answer to {step}")
    disconnected = isinstance(error, smtplib.SMTPServerDisconnected)
    if isinstance(error.__context__ if disconnected else error, TimeoutError):
        return f"stalled: no {awaited} within {timeout:g} s"
    match error:
        case smtplib.SMTPResponseException():
            what = {"connection": "greeting", "STARTTLS": "TLS refused: STARTTLS"}.get(step, step)
            return f"{what} {_codes(error.smtp_code, error.smtp_error)}"
        case smtplib.SMTPNotSupportedError() if step == "STARTTLS":
            return "TLS refused: no STARTTLS offered"
        case ssl.SSLCertVerificationError():
            return f"TLS refused: {CERTIFICATE.get(error.verify_code, 'certificate not trusted')}"
        case ssl.SSLError():
            return "TLS refused: the handshake failed"
        case socket.gaierror():
            return "no connection: no server has this name"
        case ConnectionRefusedError():
            return "no connection: refused"
        case smtplib.SMTPServerDisconnected() | ConnectionError():
            return f"connection dropped before the {awaited}"
        case smtplib.SMTPException() if step == "AUTH":
            return "AUTH: no way to log in that both sides know"
    return f"no connection: {type(error).__name__}" if step == "connection" else f"{step}: {type(error).__name__}"


def _refusal(stage: str, code: int, words: bytes | str) -> Outcome:
    event: Event = "refused" if 500 <= code < 600 else "refused temporary"
    return Outcome(event, f"{stage} {_codes(code, words)}")


def _codes(code: int, words: bytes | str) -> str:
    """The reply code, and the enhanced status code that its text may start with."""
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)", text)
    return f"{code} {enhanced.group()}" if enhanced else str(code)
