"""Run the benchmarks and print their table: `python -m benchmarks [month_end loading checks snapshots desk estate]`."""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import checks, desk, estate, inputs, loading, month_end, snapshots
from benchmarks.measure import HEADING, Comparison, cost, machine

NAMES = ("month_end", "loading", "checks", "snapshots", "desk", "estate")


def main() -> None:
    """Run those that were asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--snapshots", type=int, default=12, help="how many snapshots accumulate (12; the bound: 36)")
    parser.add_argument("--all-forces", action="store_true", help="a month-end of 4m rows beside that of 1m")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    if options.repeats < 1 or options.snapshots < 2 * snapshots.AT_ONCE:
        parser.error(f"--repeats is at least 1, --snapshots {2 * snapshots.AT_ONCE}")
    logging.disable(logging.WARNING)
    print(f"{machine()}\n\nImporting Great Expectations takes {_import():.1f} s; it is in none of the figures.\n")
    print(HEADING, flush=True)
    notes = []
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        for comparison in _comparisons(options, Path(folder)):
            print(comparison, flush=True)
            notes += [f"- {comparison.work}: {note}" for note in comparison.notes]
    print("", *notes, "", f"Load at the end: {machine()}", sep="\n")


def _comparisons(options: argparse.Namespace, folder: Path) -> Iterator[Comparison]:
    names = options.names or NAMES
    scaled = inputs.scaled(folder) if {"month_end", "loading", "checks"} & set(names) else None
    if scaled and "month_end" in names:
        yield month_end.measure(inputs.real() or inputs.synthetic(folder), options.repeats)
        yield month_end.measure(scaled, options.repeats)
        if options.all_forces:
            yield month_end.measure(inputs.all_forces(folder), 1)
    if scaled and "loading" in names:
        yield loading.measure(scaled, options.repeats)
    if scaled and "checks" in names:
        yield checks.measure(scaled, options.repeats)
    if "snapshots" in names:
        yield snapshots.measure(inputs.synthetic(folder), folder / "synthetic", options.snapshots)
    if "desk" in names:
        yield desk.measure(options.repeats)
    if "estate" in names:
        yield estate.measure(options.repeats)


def _import() -> float:
    def imported() -> None:
        import great_expectations  # noqa: F401

    if "great_expectations" in sys.modules:
        raise SystemExit("Great Expectations was imported before it could be timed")
    return cost(imported).clock


if __name__ == "__main__":
    main()
