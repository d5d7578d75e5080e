"""A mail server that keeps each e-mail as a file and passes none on: `catcher PORT DIRECTORY [ADDRESS]`.

Without an address it listens on loopback; a container has a network of its own to listen on.
"""

import asyncio
import os
import re
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST = 50 * 2**20  # a pack is far below it


class Keep:
    """Keeps what comes, byte for byte, one file a recipient."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Write the message; the server accepts it once it is there as a whole."""
        for recipient in envelope.rcpt_tos:
            name = f"{time.time_ns()}-{re.sub(r'[^A-Za-z0-9.@_+-]', '_', recipient)}"
            unfinished = self._directory / f"{name}.tmp"
            unfinished.write_bytes(envelope.original_content or b"")
            os.replace(unfinished, unfinished.with_suffix(".eml"))
        return "250 OK"


async def catch(port: int, directory: Path, address: str = "127.0.0.1") -> None:
    """Listen on `address` until the process is ended."""
    directory.mkdir(parents=True, exist_ok=True)
    keep = Keep(directory)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keep, data_size_limit=LARGEST, hostname="localhost"), address, port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(catch(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
