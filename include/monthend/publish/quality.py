"""The sheets on data quality: by feed what came in and how it fared, then what failed, is missing or was waived.

What passed is a number, not a list.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from monthend.freeze.candidate import canonical
from monthend.plan.declarations import KnownError
from monthend.publish import words
from monthend.publish.book import Cell, Column, Passport, Sheet, Table
from monthend.publish.choice import Choice
from monthend.publish.material import Material

Row = tuple[Cell | str, ...]

FEEDS, FINDINGS = "data_quality", "findings"
FIGURES: tuple[tuple[Literal["delivery", "check"], str, str], ...] = (
    ("delivery", "deliveries", "Deliveries"),
    ("delivery", "late", "Late at this month-end (deliveries)"),
    ("delivery", "quarantined", "Kept out of every figure (rows)"),
    ("check", "passed", "Checks that every delivery passed"),
    ("check", "failed", "Checks that failed"),
    ("check", "cross-feed passed", "Cross-feed checks that passed"),
    ("check", "cross-feed failed", "Cross-feed checks that failed"),
)
FOLLOWS = {
    "block_feed": "The delivery is blocked until it is put right or waived",
    "quarantine_row": "The rows are kept out of every figure",
    "warn": "They count; a steward looks at them",
    "info": "They count",
}
NOT_MET = ("failed", "error")  # outcomes of a cross-feed check
FOLLOWS_ACROSS = FOLLOWS | {"block_feed": "Nothing is frozen until it is put right or waived"}


def quality_sheets(material: Material, choice: Choice, waivers: Sequence[str]) -> tuple[Sheet, Sheet]:
    """A sheet of the feeds and one of the findings; `waivers` are in words, as this rendering may name people."""
    return _feeds(material), _findings(material, choice, waivers)


def _feeds(material: Material) -> Sheet:
    """A row a feed, and one of them all."""
    counted: dict[str, tuple[int, ...]] = {}
    for feed, deliveries, late, kept_out in material.deliveries:
        failed = [check["failed"] > 0 for check in material.quality if check["feed"] == feed]
        across = [result.outcome for result in material.integrity if result.feed == feed]
        checks = (failed.count(False), failed.count(True), across.count("passed"), _not_met(across))
        counted[feed] = (deliveries, late, kept_out, *checks)
    titles = {feed: material.declarations.feeds[feed].title for feed in counted}
    rows: list[Row] = [
        (titles[feed], *_numbers(counted[feed], feed=feed)) for feed in sorted(counted, key=titles.__getitem__)
    ]
    rows.append(("Total", *_numbers(map(sum, zip(*counted.values(), strict=True)))))
    return Sheet(
        FEEDS,
        "Data quality: what came in and how many checks it passed, by feed",
        (
            "Of the deliveries that this month-end is made from; of feeds whose extracts hold their whole window anew, "
            "of its newest. A cross-feed check holds feeds against each other; it stands with the feed whose owner "
            "looks at it.",
            "Rows that came in are the rows that count and the rows that are kept out; it is checked every time.",
            f"What failed, is missing or was waived stands on worksheet {FINDINGS}.",
        ),
        Table(FEEDS, (Column("Feed", "text"), *(Column(each, "number") for *_, each in FIGURES)), tuple(rows)),
    )


def _numbers(numbers: Iterable[int], **of: str) -> Iterator[Cell]:
    for (kind, figure, _), number in zip(FIGURES, numbers, strict=True):
        yield Cell(number, Passport(kind, canonical({**of, "figure": figure})))


def _findings(material: Material, choice: Choice, waivers: Sequence[str]) -> Sheet:
    """A row for whatever a reader has to know of: what is missing first, then what failed, was waived or is known."""
    columns = (
        Column("What", "text", width=60),
        Column("Kind", "text"),
        Column("Deliveries checked", "number"),
        Column("Deliveries that failed", "number"),
        Column("Rows or cases that failed", "number"),
        Column("What follows", "text", width=36),
    )
    failed = [check for check in material.quality if check["failed"]]
    outcomes = [result.outcome for result in material.integrity]
    rows: list[Row] = [
        *_missing(material, choice),
        *_cross_feed(material),
        *_checks(failed),
        *((waiver, "waiver", *["[z]"] * 3, "It counts as if the check had passed") for waiver in waivers),
        *_known_errors(material),
    ]
    not_run = outcomes.count("not run")
    return Sheet(
        FINDINGS,
        "Data quality: what failed, what is missing, what was waived",
        (
            f"Missing: {len(material.missing)}. Cross-feed checks that failed: {_not_met(outcomes)}. "
            f"Checks of deliveries that failed: {len(failed)}. Waivers: {len(waivers)}. "
            f"Known errors in the sources: {len(material.known_errors)}.",
            *(
                [f"Cross-feed checks not run, as feeds or month-ends that they need are not held: {not_run}."]
                if not_run
                else []
            ),
        ),
        Table(FINDINGS, columns, tuple(rows or [("Nothing", *["[z]"] * 5)])),
    )


def _not_met(outcomes: Sequence[str]) -> int:
    return sum(map(outcomes.count, NOT_MET))


def _missing(material: Material, choice: Choice) -> Iterator[Row]:
    for name in material.missing:
        yield name, "missing", *["[z]"] * 3, "Shown as not available, never as zero"
    for measure in choice.missing:
        yield measure.title, "not available", *["[z]"] * 3, "It is in no table until its feed is delivered"


def _cross_feed(material: Material) -> Iterator[Row]:
    for each in material.integrity:
        if each.outcome in NOT_MET:
            of = {"feed": each.feed, "check_id": each.check_id, "part": each.part, "figure": "cases"}
            count = "[x]" if each.unexpected_count is None else each.unexpected_count
            label = f"{material.declarations.feeds[each.feed].title}, {each.check_id}: {each.description}"
            cell = Cell(count, Passport("check", canonical(of)))
            follows = FOLLOWS_ACROSS["block_feed" if each.outcome == "error" else each.action]
            yield label, "cross-feed check", "[z]", "[z]", cell, follows


def _checks(failed: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for check in sorted(failed, key=lambda c: (-c["failed"], c["feed"], c["check_id"], c["part"])):
        of = {"feed": check["feed"], "check_id": check["check_id"], "part": check["part"]}
        cells = (
            # one of the file as a whole, or of how many rows there are, counts none that fail it
            "[z]"
            if check[figure] is None
            else Cell(int(check[figure]), Passport("check", canonical({**of, "figure": figure})))
            for figure in ("deliveries", "failed", "rows")
        )
        label = f"{check['title']}, {check['check_id']}: {check['description']}"
        yield label, "check", *cells, FOLLOWS[check["action"]]


def _known_errors(material: Material) -> Iterator[Row]:
    for error, count, last in material.known_errors:
        passport = Passport("check", canonical({"known_error": error.known_error, "figure": "rows", "last": last}))
        label = f"{error.title}, to {words.of_month(last)}"
        yield label, "known error", "[z]", "[z]", Cell(count, passport), _lived_with(error)


def _lived_with(error: KnownError) -> str:
    """What a known error does to figures, and whom it was reported to."""
    if error.reported_to and error.reported_on:
        return f"{error.effect} Reported to {error.reported_to} on {words.of_day(error.reported_on)}."
    return f"{error.effect} Not reported to the source yet."
