"""The demonstration's child processes: none is left, and one that ends is noticed."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from monthend.demo import processes
from monthend.demo.processes import Processes
from monthend.errors import NeedsPerson

GROUP_OF_ITS_OWN = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    monkeypatch.setattr(processes, "GRACE", 0.5)
    children = Processes(tmp_path)
    yield children
    children.stop()


def start(children: Processes, code: str) -> list[int]:
    """Start a component and return the process ids that it prints."""
    children.start("component", [sys.executable, "-c", code], {})
    while not (words := children.log("component").read_text(encoding="utf-8").split()):
        time.sleep(0.05)
    return [int(word) for word in words]


def test_a_child_in_a_group_of_its_own_is_stopped_too(children):
    pids = start(children, GROUP_OF_ITS_OWN)
    assert len(pids) == 2
    children.stop()
    assert not any(alive(pid) for pid in pids)


def test_what_does_not_listen_is_ended_all_the_same(children):
    (pid,) = start(children, DEAF)
    children.stop()
    assert not alive(pid)


def test_a_component_that_ends_is_named_with_its_last_words(children):
    children.start("scheduler", [sys.executable, "-c", "print('no database'); raise SystemExit(3)"], {})
    with pytest.raises(NeedsPerson, match=r"scheduler ended with status 3(?s:.*)no database"):
        children.finish("scheduler", 10)


def test_a_component_that_runs_is_left_alone(children):
    start(children, DEAF)
    children.check()


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
