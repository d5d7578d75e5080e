"""Measure: a reference and the subject in turn, in seconds and in processor seconds, their medians and the ratio."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

from monthend.office import Office


class Cost(NamedTuple):
    """What one repetition took: seconds on the clock, and on the processors by this process and its database."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Comparison:
    """What was measured: the cost of each repetition of the reference and the subject, and the ratio to hold."""

    work: str
    rows: int
    reference: Sequence[Cost]
    subject: Sequence[Cost]
    hold: float
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """A row of the table of results: medians, and the ratios of the medians."""
        (clock, processor), (clock_too, processor_too) = _medians(self.reference), _medians(self.subject)
        return (
            f"| {self.work} | {self.rows:,} | {clock:.2f} | {clock_too:.2f} | {clock_too / clock:.2f} "
            f"| {processor:.2f} | {processor_too:.2f} | {processor_too / processor:.2f} | {self.hold} |"
        )


HEADING = (
    "| work | rows | reference, s | monthend, s | ratio | reference, CPU s | monthend, CPU s | CPU ratio | bound |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def cost(work: Callable[[], object], office: Office | None = None) -> Cost:
    """What `work` costs; the database's part only where its `office` is given."""
    processor, clock = _processor(office), time.perf_counter()
    work()
    return Cost(time.perf_counter() - clock, _processor(office) - processor)


class Stages:
    """Times the stations of a run: call it with the name of each as it starts, and at the end with nothing."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, float]] = []

    def __call__(self, name: str = "") -> None:
        """Note that the station `name` starts now."""
        self.starts.append((name, time.perf_counter()))

    def __str__(self) -> str:
        """Each station and its seconds."""
        pairs = zip(self.starts, self.starts[1:], strict=False)
        return ", ".join(f"{name} {after - start:.2f} s" for (name, start), (_, after) in pairs)


def machine() -> str:
    """The machine and how busy it is."""
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    python = platform.python_version()
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {python}, load average {load}"


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def _processor(office: Office | None) -> float:
    """Processor seconds so far: of this process, and of the office's server with the backends that ended or run."""
    seconds = time.process_time()
    if office is not None:
        server = psutil.Process(int((office.home / "database/postmaster.pid").read_text().split()[0]))
        times = server.cpu_times()
        seconds += times.user + times.system + times.children_user + times.children_system
        for backend in server.children():
            times = backend.cpu_times()
            seconds += times.user + times.system
    return seconds
