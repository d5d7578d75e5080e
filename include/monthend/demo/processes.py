"""Child processes that all end together, with everything that they started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from monthend.errors import NeedsPerson

GRACE = 20.0  # seconds between asking a process to end and ending it
POLL = 0.2
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes:
    """Named components, each the leader of a session of its own, with a log file each.

    A component's children may move to process groups of their own, as Airflow's tasks do, but they stay in its
    session: that is how each is found again.
    """

    def __init__(self, home: Path) -> None:
        self._home = home  # where they work; whatever they start does too, and can be told by it
        self._leaders: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Start a component; what it prints is added to `<name>.log`."""
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            self._leaders[name] = subprocess.Popen(  # noqa: S603 - the commands are ours
                command,
                cwd=self._home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, name: str, timeout: float) -> None:
        """Wait until a component that ends by itself has done its work.

        Raises NeedsPerson when it fails or takes more than `timeout` seconds.
        """
        try:
            status = self._leaders[name].wait(timeout)
        except subprocess.TimeoutExpired:
            raise NeedsPerson(f"{name} did not end within {timeout:.0f} s; see {self.log(name)}.") from None
        del self._leaders[name]
        if status:
            raise NeedsPerson(self._ended(name, status))

    def check(self) -> None:
        """Raise NeedsPerson when a component has ended."""
        for name, leader in self._leaders.items():
            if (status := leader.poll()) is not None:
                raise NeedsPerson(self._ended(name, status))

    def stop(self) -> None:
        """End every component and whatever it started: asked first, then, after a while, without asking."""
        sessions = {leader.pid for leader in self._leaders.values()}
        asked = set()
        for leader in self._leaders.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while members := self._members(sessions):
            for pid, session in members.items():
                if time.monotonic() > deadline:
                    _signal(pid, signal.SIGKILL)
                elif session not in members and pid not in asked:  # whoever led it is gone and did not take it along
                    asked.add(pid)
                    _signal(pid, signal.SIGTERM)
            time.sleep(POLL)
        self._leaders.clear()

    def log(self, name: str) -> Path:
        """Where a component's output is."""
        return self._home / "logs" / f"{name}.log"

    def _members(self, sessions: set[int]) -> dict[int, int]:
        """The living processes in these sessions, and the session of each."""
        for leader in self._leaders.values():
            leader.poll()  # takes note of its end; it would stay a zombie otherwise
        members = {}
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                if os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    members[pid] = os.getsid(pid)
        return members

    def _ended(self, name: str, status: int) -> str:
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"{name} ended with status {status}; the end of {self.log(name)}:", *lines[-15:]])


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C break off what is being taken down."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
