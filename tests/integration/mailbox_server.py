"""A mail server for tests, which keeps what it gets and answers as it is told."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """What the mail server got, and what it is told to answer or do."""

    answers: dict[str, str] = field(default_factory=dict)  # to RCPT, by address
    on_data: Callable[[Any], str] = lambda server: "250 2.0.0 taken"
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.answers.get(address, "250 2.1.5 fine")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for recipient in envelope.rcpt_tos:
            self.received.append((recipient, message_from_bytes(envelope.content, policy=policy.default)))
        return self.on_data(server)

    def recipients(self) -> list[str]:
        return sorted(recipient for recipient, _ in self.received)


@contextmanager
def serving() -> Iterator[Mailbox]:
    """A mailbox behind a real mail server on a free port."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()
