"""The command line, killed at chosen points as a power cut would.

`python killed.py [arguments of monthend]` reads points from standard input. For each it runs the command line in a
process of its own and prints how that ended. Great Expectations is imported once for all, as it takes long.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import psycopg

import monthend.run  # noqa: F401
from monthend import cli, warehouse
from monthend.freeze import candidate, chain, facts

Target = tuple[Any, str]


def killed() -> None:
    """End this process at once, without a word to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(target: Target, when: Callable[..., bool] = lambda *arguments: True, times: int = 1) -> None:
    """Have the process killed after the given call of a function that `when` is true for."""
    holder, name = target
    function, left = getattr(holder, name), [times]

    def then_killed(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if when(*arguments):
            left[0] -= 1
            if not left[0]:
                killed()
        return result

    setattr(holder, name, then_killed)


def into(table: str) -> Callable[..., bool]:
    """Whether an insert goes into a table."""
    return lambda connection, into, rows: into == table


def inside_copy() -> None:
    """Have the process killed when half of the second street file's rows are with the server."""
    write, left = psycopg.Copy.write, [5]  # three files of reference data come first

    def half(self: Any, buffer: Any) -> None:
        left[0] -= 1
        if left[0]:
            return write(self, buffer)
        write(self, bytes(buffer)[: len(buffer) // 2])
        self.cursor.connection.pgconn.flush()
        return killed()

    psycopg.Copy.write = half  # type: ignore[method-assign]


insert = (warehouse, "insert")
POINTS: dict[str, Callable[[], None]] = {
    "before the fifth receipt is committed": lambda: after(insert, into("landing.receipt"), times=5),
    "before the verdicts are committed": lambda: after(insert, into("quality.check_result"), times=5),
    "inside a COPY": inside_copy,
    "before a load is committed": lambda: after(insert, into("reporting.load"), times=2),
    "before a candidate is committed": lambda: after((facts, "store")),
    "after a candidate": lambda: after((candidate, "propose")),
    "after the sign-off": lambda: after((chain, "sign_off")),
    "before the snapshot is committed": lambda: after(insert, into("snapshot.snapshot")),
}

if __name__ == "__main__":
    import great_expectations  # noqa: F401

    for line in sys.stdin:
        if (child := os.fork()) == 0:
            POINTS[line.strip()]()
            cli.main()
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
