"""The mutation score of the checks on the sample force: `python -m benchmarks.mutation > docs/mutation.md`.

The reference is what a table with types, a key and NOT NULL would refuse.
"""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import get_args

import pandas as pd

from monthend.mutate import Fate, Outcome, outcomes, score
from monthend.plan.calendar import add_months
from monthend.plan.declarations import ROOT, Declarations
from monthend.sample import force

MONTH, SCALE = "2017-06", 0.1
AT_ONCE = (("police_crime",), ("police_incident", "police_outcome", "police_cancelled", "msg_comparator"))
REFERENCE = {"G03", "G07", "G10"}  # readable, of the declared columns; a key once; what is required is there
PAGE = """# Mutation score of the checks

Made by `python -m benchmarks.mutation`, which runs `monthend mutate` on the sample force of {month} at a tenth of its
size; measured on {today:%-d %B %Y}.

{count} faults, one at a time, are put into a copy of a delivery: what happens to files on their way, to rows where they
are selected, and to the values of each column (`include/monthend/sample/mutations.py`). None was made with a check in
mind. Those of some rows strike the newest month, which no snapshot has anything to compare with.

A fault is *stopped* (delivery or freeze are blocked, or the rows are kept out) or *shown* (a warning to owner and
signer). Else it reaches a number that a board reads, or changes none. The score is what checks find of all faults that
they find or that reach a number; the reference is what a table with types, a key and NOT NULL would refuse of these.

{table}

{score}

## What reaches a number

Most of these no check can tell from the truth: a value is valid, and so are its row and its month. They are what a
force's own audit of its records is for. Rows of the newest month that are missing at their source, where no control
record says so, show only once there are enough of them to leave the month's usual range.

| feed | column | fault | measures |
|---|---|---|---|
{reached}
"""


def main() -> None:
    """Measure, and print the page."""
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        force.write(
            Path(folder), until=MONTH, months=2, scale=SCALE, public=False, with_faults=False, with_partners=False
        )
        with ProcessPoolExecutor(len(AT_ONCE), mp_context=get_context("spawn")) as pool:
            found = [each for part in pool.map(_outcomes, [folder] * len(AT_ONCE), AT_ONCE) for each in part]
    reached = [each for each in found if each.fate == "reached a number"]
    declarations = Declarations(ROOT)
    rows = [f"| {each.feed} | {each.column} | {each.fault} | {_measures(declarations, each)} |" for each in reached]
    print(
        PAGE.format(
            month=MONTH,
            today=date.today(),  # noqa: DTZ011 - the day on which it was measured
            count=f"{len(found):,}",
            table=_table(found),
            score=score(found),
            reached="\n".join(rows),
        ),
        end="",
    )


def _outcomes(folder: str, feeds: Sequence[str]) -> list[Outcome]:
    before, now = Path(folder) / add_months(MONTH, -1), Path(folder) / MONTH
    return list(outcomes(MONTH, [before], [now], feeds))


def _table(found: Sequence[Outcome]) -> str:
    """A feed a row: faults, fates, score, and what the reference finds of those that could have done harm."""
    frame = pd.DataFrame({"feed": [each.feed for each in found], "fate": [each.fate for each in found]})
    frame["plain"] = [bool(REFERENCE & set(each.checks)) for each in found]
    lines = [
        "| feed | faults | stopped | shown | reached a number | changed none | score | reference | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, of_feed in [*frame.groupby("feed", sort=False), ("all", frame)]:
        fates = of_feed["fate"].value_counts().reindex(get_args(Fate), fill_value=0)
        harmful = fates.iloc[:3].sum()
        share, plain = fates.iloc[:2].sum() / harmful, of_feed["plain"].sum() / harmful
        counts = " | ".join(f"{count:,}" for count in fates)
        lines.append(f"| {name} | {len(of_feed):,} | {counts} | {share:.1%} | {plain:.1%} | {share / plain:.2f} |")
    return "\n".join(lines)


def _measures(declarations: Declarations, outcome: Outcome) -> str:
    titles = [declarations.measures[key].title for key in outcome.measures]
    return ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")


if __name__ == "__main__":
    main()
