"""Faults to put into a delivery, to see which of them its checks would notice.

They follow from what a feed declares of its columns and from what goes wrong with extracts; none knows of a check. The
rows that a fault strikes are of the delivery's own month, of which no snapshot has anything to compare with.
"""

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monthend.plan.declarations import Feed, FeedColumn

SHARE = 20  # a fault of some rows strikes each twentieth of the month's
FEW, LOST_AT_THE_END = 3, 10
EXCEL_EPOCH = pd.Timestamp("1899-12-30")

Rows = NDArray[np.int64]  # numbers of rows, from 0
Texts = pd.Series  # of one column; empty where there is nothing
Values = Callable[[Texts], Texts | str]  # what becomes of texts: as many others, or one for all


@dataclass(frozen=True)
class Mutation:
    """A fault of a delivery: of a column or, where it is empty, of the file."""

    column: str
    fault: str
    content: bytes  # the faulty file
    on_the_way: bool = False  # the sender's control record is of the right file; else the source itself was wrong


def mutations(feed: Feed, period: str, content: bytes, before: bytes | None) -> Iterator[Mutation]:
    """Put every fault into a copy of a delivery, one at a time; what would change nothing is left out.

    Args:
        feed: the delivery's feed.
        period: its period, YYYY-MM.
        content: the delivery, UTF-8 text of comma-separated values under the feed's headings.
        before: the delivery of the period before, or None where there is none.
    """
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    month = _of_the_month(feed, period, frame)
    whose = "the month's rows" if feed.window else "the rows"
    right = _written(frame)
    for fault, damaged in _on_the_way(content):
        yield Mutation("", fault, damaged, on_the_way=True)
    if before is not None:
        yield Mutation("", "the file of the period before under the new name", before)
    for fault, faulty in _of_the_rows(feed, frame, month, whose):
        if (written := _written(faulty)) != right:
            yield Mutation("", fault, written)
    for column in feed.columns:
        draws = np.random.default_rng(zlib.crc32(f"{feed.feed} {column.column}".encode()))
        yield Mutation(column.heading, "the column is missing", _written(frame.drop(columns=column.heading)))
        for fault, rows, values in _of_the_values(column, len(frame), month, draws, whose):
            changed = frame[column.heading].copy()
            value = values(changed.iloc[rows])
            changed.iloc[rows] = value if isinstance(value, str) else value.to_numpy()
            if (written := _written(frame.assign(**{column.heading: changed}))) != right:
                yield Mutation(column.heading, fault, written)


def _on_the_way(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What happens to a file between its sender and us."""
    headings, *lines = content.splitlines(keepends=True)
    middle = len(lines) // 2
    yield "columns are separated by semicolons", content.replace(b",", b";")
    yield "saved as Unicode text (UTF-16)", content.decode().encode("utf-16")
    yield "the last ten rows are lost", headings + b"".join(lines[:-LOST_AT_THE_END])
    yield "every second row is lost", headings + b"".join(lines[::2])
    yield "cut off in the middle of a row", headings + b"".join(lines[:middle]) + lines[middle][:20]
    yield "the headings are lost", b"".join(lines)


def _of_the_rows(feed: Feed, frame: pd.DataFrame, month: Rows, whose: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """What is wrong with rows as a whole where they are selected at their source."""
    some, few = month[::SHARE], month[:FEW]
    yield "every second row is missing", frame.iloc[::2]
    yield f"{whose} are missing", frame.drop(index=frame.index[month])
    yield f"a twentieth of {whose} are missing", frame.drop(index=frame.index[some])
    yield f"three of {whose} are missing", frame.drop(index=frame.index[few])
    yield f"{whose} stand twice", pd.concat([frame, frame.iloc[month]])
    yield f"three of {whose} stand twice", pd.concat([frame, frame.iloc[few]])
    if "csp_code" in frame:
        placed = frame["csp_code"].iloc[month]
        largest = placed[placed != ""].mode().iloc[0]
        yield "the largest district's rows are missing", frame[frame["csp_code"] != largest]
        yield "the largest district's rows of the month are missing", frame.drop(index=placed.index[placed == largest])
    if feed.key:
        again = frame.iloc[some].copy()
        again[feed.key[0]] = [f"{key[:-1]}Z" for key in again[feed.key[0]]]
        yield f"a twentieth of {whose} stand again under another key", pd.concat([frame, again])
    yield "a column more", frame.assign(remark="")
    for one, other in pairwise(feed.columns):
        if one.type == other.type:
            exchanged = {one.heading: frame[other.heading], other.heading: frame[one.heading]}
            yield f"{one.heading} and {other.heading} are exchanged", frame.assign(**exchanged)


def _of_the_values(
    column: FeedColumn, size: int, month: Rows, draws: np.random.Generator, whose: str
) -> Iterator[tuple[str, Rows, Values]]:
    """What is wrong with the values of a column: the fault, the rows that it strikes, and what becomes of them."""
    every, some, few = np.arange(size), month[::SHARE], month[:FEW]
    twentieth = f"in a twentieth of {whose}"

    def filled(values: Callable[[Texts], Texts]) -> Values:
        return lambda texts: values(texts).where(texts != "", "")

    yield "empty in every row", every, lambda texts: ""
    yield f"empty {twentieth}", some, lambda texts: ""
    yield f"another row's value {twentieth}", some, lambda texts: pd.Series(draws.permutation(texts))
    yield f"spaces around the value {twentieth}", some, filled(lambda texts: " " + texts + " ")
    yield f"one value in all of {whose}", month, lambda texts: str(texts.mode().iloc[0])
    if column.type == "text":
        yield f"a letter more {twentieth}", some, filled(lambda texts: texts + "X")
        yield f"N/A {twentieth}", some, lambda texts: "N/A"
    if column.type in ("date", "timestamp"):
        yield f"a month early {twentieth}", some, lambda texts: _as_sent(_read(texts) - pd.DateOffset(months=1), texts)
        yield f"a month late {twentieth}", some, lambda texts: _as_sent(_read(texts) + pd.DateOffset(months=1), texts)
        yield f"a year early {twentieth}", some, lambda texts: _as_sent(_read(texts) - pd.DateOffset(years=1), texts)
        yield (
            f"day and month exchanged {twentieth}",
            some,
            lambda texts: texts.str.replace(r"-(0\d|1[0-2])-(0\d|1[0-2])", r"-\2-\1", regex=True),
        )
        yield (
            "written 30/06/2017 in every row",
            every,
            lambda texts: texts.str.replace(r"(\d{4})-(\d\d)-(\d\d)T?", r"\3/\2/\1 ", regex=True),
        )
        yield (
            "Excel's serial number in every row",
            every,
            filled(lambda texts: ((_read(texts) - EXCEL_EPOCH) / pd.Timedelta(days=1)).round(5).astype(str)),
        )
        yield "1 January 1900 in three rows", few, lambda texts: "1900-01-01T00:00:00"
    if column.type in ("integer", "number"):
        yield f"ten times as much {twentieth}", some, filled(lambda texts: (pd.to_numeric(texts) * 10).astype(str))
        yield f"negative {twentieth}", some, filled(lambda texts: "-" + texts)
        yield f"nought {twentieth}", some, lambda texts: "0"


def _of_the_month(feed: Feed, period: str, frame: pd.DataFrame) -> Rows:
    """The rows of the delivery's own period, or all where it has no window to tell them by."""
    if feed.window is None:
        return np.arange(len(frame))
    heading = next(column.heading for column in feed.columns if column.column == feed.window.column)
    return np.flatnonzero(frame[heading].str.startswith(period))


def _read(texts: Texts) -> Texts:
    return pd.to_datetime(texts, format="ISO8601")


def _as_sent(times: Texts, texts: Texts) -> Texts:
    """Times in the form in which the column was sent, a date or a date and time; nothing where there was nothing."""
    form = "%Y-%m-%dT%H:%M:%S" if texts.str.contains("T").any() else "%Y-%m-%d"
    sent: Texts = times.dt.strftime(form).where(texts != "", "")
    return sent


def _written(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()
