"""The page of checks, `docs/checks.md`: made from the suites, the register of checks and what is declared beside them.

`make checks` writes it.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from monthend.plan.declarations import ROOT, Declarations, Feed, Key, Strict
from monthend.validate.integrity import SUITE

PAGE = "docs/checks.md"
INTRODUCTION = """# Checks

Made by `make checks` from `expectations/` and `include/reference/dq_checks.csv`; do not edit.

Each delivery is held against its feed's suite when it comes. What holds between feeds, or between an extract and the
snapshot before, is checked *before sign-off*, on the load number that is proposed. What fails:

| action | a failing row |
|---|---|
| block_feed | blocks the delivery, nothing of it is loaded; before sign-off blocks the freeze, until mended or waived |
| quarantine_row | is kept out of every figure; above the share that is named the delivery is blocked |
| warn | counts, and is shown to the owner and the signer; above the share that is named the delivery is blocked |
| gate | stops the pack |
"""


class MadeBy(Strict):
    """Checks that code makes, not a suite: the file, and what it checks."""

    checks: tuple[str, ...]
    code: str
    words: str


class LeftOut(Strict):
    """Checks that nothing makes, of some feeds or, where none is named, of all that the register has them for."""

    checks: tuple[str, ...]
    feeds: tuple[Key, ...] = ()
    why: str


class Elsewhere(Strict):
    """`expectations/elsewhere.yaml`: checks in no suite. `feeds` says which of ours the register's feeds are."""

    feeds: dict[str, tuple[Key, ...]]
    made_by: tuple[MadeBy, ...]
    left_out: tuple[LeftOut, ...]


def register() -> dict[str, dict[str, str]]:
    """The office's register of checks, by id, in its order."""
    with (ROOT / "include/reference/dq_checks.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def elsewhere() -> Elsewhere:
    """What is declared of checks that stand in no suite. Raises pydantic's ValidationError where it is not whole."""
    return Elsewhere.model_validate(yaml.safe_load((ROOT / "expectations/elsewhere.yaml").read_text(encoding="utf-8")))


def page() -> str:
    """The page, in Markdown."""
    declarations, checks, beside = Declarations(ROOT), register(), elsewhere()
    between = _suite(ROOT / SUITE)["expectations"]
    lines = [INTRODUCTION]
    for key in sorted(declarations.feeds, key=[*beside.feeds["all"], *beside.feeds["reference"]].index):
        feed = declarations.feeds[key]
        lines += _of_feed(feed, _suite(declarations.suite(feed)), between, checks)
    lines += ["## Not in a suite", "", "| check | action | what is checked | by | why |", "|---|---|---|---|---|"]
    for made in beside.made_by:
        link = f"[{made.code.removeprefix('include/monthend/')}](../{made.code})"
        lines += [_row(i, checks[i]["action"], made.words, link, checks[i]["reason"]) for i in made.checks]
    lines += ["", "## Left out", "", "| check | rule of the register | of | why |", "|---|---|---|---|"]
    for left in beside.left_out:
        lines += [_row(i, checks[i]["rule"], ", ".join(left.feeds) or checks[i]["feed"], left.why) for i in left.checks]
    absent = {check["feed"]: None for check in checks.values() if check["feed"] not in beside.feeds}
    lines += ["", f"The register's checks of these come with their feeds, which are not here yet: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def _suite(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _of_feed(
    feed: Feed, suite: dict[str, Any], between: list[dict[str, Any]], checks: dict[str, dict[str, str]]
) -> Iterator[str]:
    yield from (f"## {feed.title} (`{feed.feed}`)", "")
    if suite["notes"]:
        yield from (suite["notes"], "")
    yield from ("| check | when | action | what is checked | why |", "|---|---|---|---|---|")
    found: dict[tuple[str, str, str], list[str]] = {}
    for when, expectations in (
        ("delivery", suite["expectations"]),
        ("sign-off", [each for each in between if each["meta"]["feed"] == feed.feed]),
    ):
        for each in expectations:
            check_id, action = each["meta"]["check_id"], each["meta"]["action"]
            if above := each["meta"].get("block_above"):
                action += f"; above {above * 100:g} % block_feed"
            sentence = " ".join(filter(None, (each["description"].removeprefix(f"[{check_id}] "), each.get("notes"))))
            found.setdefault((check_id, when, action), []).append(sentence)
    places = list(checks)
    for (check_id, when, action), words in sorted(found.items(), key=lambda item: (places.index(item[0][0]), item[0])):
        yield _row(check_id, when, action, "<br>".join(words), checks[check_id]["reason"])
    yield ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
