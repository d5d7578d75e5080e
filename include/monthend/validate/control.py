"""G05: an extract against its control record, in which the sender says what it holds.

A control record is a CSV of `figure,month,area,count`: `rows` once, `month` for each month of the window's column and
`area` for each csp_code (empty: not located), as far as the feed has them.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from monthend import warehouse
from monthend.office import Office
from monthend.plan.declarations import Feed
from monthend.receive import stored_path
from monthend.validate.results import CheckResult, Delivery

HEADINGS = ["figure", "month", "area", "count"]
MONTH = r"\d{4}-(0[1-9]|1[0-2])"
AREA = r"[EWX]\d{8}"
SHOWN = 5  # differences of a figure that a detail names
LARGEST = 2**20  # bytes; a control record of 36 months and nine districts has about a thousand

Figures = dict[str, Counter[str]]  # counts by figure, and by month or area within it


class Unreadable(Exception):
    """A control record that says nothing; the message says where it is wrong, without any value."""


def newest(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
    """The SHA-256 of the newest control record of each delivery that has one."""
    rows = warehouse.query(
        connection,
        "SELECT DISTINCT ON (delivery_id) delivery_id, sha256 FROM landing.control_record"
        " WHERE delivery_id = ANY(:ids) ORDER BY delivery_id, received_at DESC",
        ids=list(delivery_ids),
    )
    return {row["delivery_id"]: row["sha256"] for row in rows}


def check(connection: Connection, office: Office, feed: Feed, delivery: Delivery, table: pa.Table | str) -> CheckResult:
    """Hold a delivery's rows against its newest control record: each count has to equal.

    `table` is what the reader gave: the rows, or why there are none. Where no record was sent the check does not run.
    """
    result = CheckResult(
        "G05", "", "Row count and sums by month and by area equal the sender's control record.", "block_feed"
    )
    digest = newest(connection, [delivery.delivery_id]).get(delivery.delivery_id)
    if digest is None or isinstance(table, str):
        result.outcome = "not run"
        result.detail = "" if digest else "No control record was sent."
        return result
    result.element_count = table.num_rows
    try:
        path = stored_path(office, digest)
        if path.stat().st_size > LARGEST:
            raise Unreadable("it is larger than a control record can be")
        declared = read(path.read_bytes(), feed)
    except Unreadable as unreadable:
        result.outcome = "failed"
        result.detail = f"The control record cannot be read: {unreadable}. Ask for it again."
        return result
    if differences := _differences(declared, counted(table, feed)):
        result.outcome = "failed"
        result.detail = f"Extract and control record differ: {'; '.join(differences)}."
    return result


def counted(table: pa.Table, feed: Feed) -> Figures:
    """What an extract holds, figure by figure. What is no month or no area code is counted under an empty one."""
    figures = {"rows": Counter({"": table.num_rows})}
    for figure, column, pattern in _columns(feed):
        values = pc.utf8_slice_codeunits(table[column], 0, 7) if figure == "month" else table[column]
        figures[figure] = Counter()
        for value, count in zip(*(each.to_pylist() for each in pc.value_counts(values).flatten()), strict=True):
            figures[figure][value if re.fullmatch(pattern, value or "") else ""] += count
    return figures


def read(content: bytes, feed: Feed) -> Figures:
    """What a control record says, figure by figure. Raises Unreadable where it is not one of this feed."""
    try:
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Unreadable("it is not UTF-8 text of comma-separated lines") from None
    if not lines or lines[0] != HEADINGS:
        raise Unreadable(f"its first line is not {','.join(HEADINGS)}")
    patterns = {"rows": ("", ""), "month": (MONTH, ""), "area": ("", AREA)}
    expected = ["rows", *(figure for figure, _, _ in _columns(feed))]
    figures: Figures = {figure: Counter() for figure in expected}
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(HEADINGS):
            raise Unreadable(f"line {number} has {len(line)} fields instead of {len(HEADINGS)}")
        figure, month, area, count = line
        if figure not in expected:
            raise Unreadable(f"line {number}: figure is none of {', '.join(expected)}")
        for heading, value, pattern in zip(HEADINGS[1:], (month, area), patterns[figure], strict=False):
            if value and not re.fullmatch(pattern, value):
                raise Unreadable(f"line {number}: {heading} is not as it should be for the figure {figure}")
        if not re.fullmatch(r"[0-9]{1,12}", count):
            raise Unreadable(f"line {number}: count is no whole number")
        if (month or area) in figures[figure]:
            raise Unreadable(f"line {number} repeats a figure")
        figures[figure][month or area] = int(count)
    if absent := [figure for figure in expected if not figures[figure]]:
        raise Unreadable(f"it has no line of the figure {', '.join(absent)}")
    return figures


def _columns(feed: Feed) -> list[tuple[str, str, str]]:
    """The figures besides the rows that a feed's control record has, each with its column and what its values are."""
    by_month = [("month", feed.window.column, MONTH)] if feed.window else []
    by_area = [("area", "csp_code", AREA)] if any(each.column == "csp_code" for each in feed.columns) else []
    return by_month + by_area


def _differences(declared: Figures, found: Figures) -> list[str]:
    """Where they differ, in counts: the rows, then months and areas, of each the first few."""
    differences = []
    for figure, counts in found.items():
        nothing = {"rows": "rows", "month": "without a month", "area": "without an area"}[figure]
        of_figure = [
            f"{key or nothing} {counts[key]:,} instead of {declared[figure][key]:,}"
            for key in sorted(counts.keys() | declared[figure].keys())
            if counts[key] != declared[figure][key]
        ]
        more = len(of_figure) - SHOWN
        differences += of_figure[:SHOWN] + ([f"{more} more by {figure}"] if more > 0 else [])
    return differences
