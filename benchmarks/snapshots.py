"""Proposing and freezing as snapshots accumulate: the last ones against the first, with the periods held constant."""

import csv
import statistics
from pathlib import Path

from benchmarks.inputs import MONTH, ON, STEWARD, Inbox
from benchmarks.measure import Comparison, cost
from monthend import warehouse
from monthend.freeze import candidate as candidates
from monthend.freeze import chain
from monthend.load import load
from monthend.office import Office, temporary_office
from monthend.receive import receive
from monthend.validate.validation import validate

HOLD = 1.2
FORCE, AT_ONCE = "leicestershire", 3  # whose newest file is sent again each time; how many snapshots a median is of


def measure(inbox: Inbox, folder: Path, snapshots: int) -> Comparison:
    """Freeze one month `snapshots` times, a restatement each, after a file with one row less came in.

    So the periods held stay the same, and each snapshot has something to store. `folder` holds the inbox's files.
    """
    source = folder / MONTH / f"{MONTH}-{FORCE}-street.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with temporary_office(inbox.declarations) as office:
        _take_in(office, inbox.zips)
        taken = [cost(lambda: _freeze(office, None), office)]
        resent = office.home / source.name
        for number in range(1, snapshots):
            with resent.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows[: len(rows) - number])
            _take_in(office, [resent])
            taken.append(cost(lambda number=number: _freeze(office, f"resent {number}"), office))
        with office.engine.connect() as connection:
            stored = warehouse.query(
                connection,
                "SELECT count(*) AS rows FROM snapshot.fact GROUP BY candidate_id ORDER BY candidate_id",
            )
            (held,) = warehouse.query(connection, "SELECT sum(row_count) AS rows FROM reporting.load")
    later = statistics.median(row["rows"] for row in stored[1:])
    notes = [
        f"seconds of each: {', '.join(f'{each.clock:.2f}' for each in taken)}",
        f"facts stored: {stored[0]['rows']:,} by the first, {later:,.0f} by each later one (median)",
    ]
    work = f"propose and freeze: snapshots {snapshots - AT_ONCE + 1} to {snapshots} against 1 to {AT_ONCE}"
    return Comparison(work, int(held["rows"]), taken[:AT_ONCE], taken[-AT_ONCE:], HOLD, notes)


def _take_in(office: Office, inbox: list[Path]) -> None:
    deliveries = receive(office, inbox, ON).delivery_ids
    validate(office, deliveries, ON)
    load(office, deliveries)


def _freeze(office: Office, reason: str | None) -> None:
    candidate = candidates.propose(office, MONTH, ON, reason)
    chain.sign_off(office, candidate.candidate_id, "freeze", STEWARD, candidate.shown_sha256, "command line", ON)
    chain.freeze(office, candidate.candidate_id, ON)
