"""The street suite's verdict and failing keys by Great Expectations, against plain pandas masks."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import bare
from benchmarks.inputs import ON, Inbox
from benchmarks.measure import Comparison, cost
from monthend.plan.declarations import ROOT, Declarations, Feed
from monthend.receive import Recognised, recognise
from monthend.validate import derived, reader, validation
from monthend.validate.results import Delivery

HOLD = 6.0
# what is put wrong: column, value (None: empty), in one row of so many
DEFECTS = (
    ("crime_type", "Piracy", 20_000),
    ("longitude", "west", 50_000),
    ("lsoa_code", "E01999999", 1_000),
    ("location", "On or near 0116 496 0000", 10_000),
    ("crime_id", None, 500),
    ("month", "2025-13", 50_000),
    ("falls_within", "Somebody else", 50_000),
)


def measure(inbox: Inbox, repeats: int) -> Comparison:
    """Measure on all of the inbox's rows as one batch, with defects put in; each side makes its own frame first."""
    declarations = Declarations(inbox.declarations)
    feed = declarations.feeds["police_uk_street"]
    raw = json.loads(declarations.suite(feed).read_text(encoding="utf-8"))
    batch = _batch(inbox, declarations, feed)
    reference, subject, frames = [], [], []
    found: dict[str, dict[tuple[str, str], int]] = {}
    lsoas = reader.read(ROOT / "include/reference/lsoa_exact_fit.csv", declarations.feeds["lsoa_exact_fit"])
    pairs = [list(pair) for pair in zip(lsoas["lsoa_2011"].to_pylist(), lsoas["lsoa_2021"].to_pylist(), strict=True)]
    codes = sorted({code for pair in pairs for code in pair})
    known: derived.Reference = {"lsoa_exact_fit": pairs}

    def masks() -> None:
        frame = _plain_frame(feed, batch, codes)
        keys = {
            validation._key(each): frame.loc[_fails(frame, each), "row_key"].tolist() for each in raw["expectations"]
        }
        found["masks"] = {key: len(rows) for key, rows in keys.items()}

    def suite() -> None:
        counts: dict[tuple[str, str], int] = {}
        for findings in validation._run_suite(raw, feed, batch, known).values():
            for finding in findings:
                key = finding.check_id, finding.part
                counts[key] = counts.get(key, 0) + (finding.unexpected_count or 0)
        found["suite"] = counts

    for _ in range(repeats):
        frames.append(cost(lambda: validation._frame(raw, feed, batch, known)).clock)
        reference.append(cost(masks))
        subject.append(cost(suite))
        if found["masks"] != found["suite"]:
            raise SystemExit(f"the masks and the suite disagree: {found}")
    failing = sum(1 for count in found["suite"].values() if count)
    notes = [
        f"{len(raw['expectations'])} checks, of which {failing} fail in {sum(found['suite'].values()):,} places",
        f"the suite makes its frame of {len(batch)} deliveries first: {np.median(frames):.2f} s",
    ]
    rows = sum(table.num_rows for _, table in batch)
    return Comparison("checks: verdict and failing keys", rows, reference, subject, HOLD, notes)


def _batch(inbox: Inbox, declarations: Declarations, feed: Feed) -> list[tuple[Delivery, pa.Table]]:
    batch = []
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder:
        for number, path in enumerate(bare.unzip(inbox.zips, Path(folder))):
            what = recognise(declarations, path.name)
            if isinstance(what, Recognised):
                delivery = Delivery(number, feed.feed, what.period, what.area_code, str(number), ON)
                batch.append((delivery, _with_defects(reader.read(path, feed), seed=number)))
    return batch


def _with_defects(table: pa.Table, seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    for column, value, one_in in DEFECTS:
        wrong = pa.array(draw.random(table.num_rows) < 1 / one_in)
        values = pc.if_else(wrong, pa.scalar(value, pa.string()), table[column])
        table = table.set_column(table.column_names.index(column), column, values)
    return table


def _plain_frame(feed: Feed, batch: list[tuple[Delivery, pa.Table]], known: list[str]) -> pd.DataFrame:
    """The batch's rows as a pandas user would hold them: strings, and a column for what each row should say."""
    areas = {area.code: area.name_in_rows for area in feed.areas}
    frames = []
    for place, (delivery, table) in enumerate(batch):
        frame = table.to_pandas(types_mapper=lambda kind: pd.StringDtype("pyarrow", na_value=float("nan")))
        first = place * validation.ROWS_IN_KEY + 1
        frame["row_key"] = range(first, first + len(frame))
        frame["expected_month"] = delivery.period
        frame["expected_falls_within"] = areas[delivery.area_code]
        frame["received_month"] = f"{delivery.received_on:%Y-%m}"
        frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    is_known = rows["lsoa_code"].isin(known).map({True: "true", False: "false"})
    rows["lsoa_code_known"] = is_known.where(rows["lsoa_code"].notna())
    return rows


def _fails(frame: pd.DataFrame, expectation: dict[str, Any]) -> "pd.Series[bool]":
    """Which rows fail an expectation, said as a pandas user would."""
    kwargs, kind = expectation["kwargs"], expectation["type"].removeprefix("expect_column_")
    if "column_A" in kwargs:
        one, other = frame[kwargs["column_A"]], frame[kwargs["column_B"]]
        given = one.notna() & other.notna()
        if kind == "pair_values_to_be_equal":
            return given & (one != other)
        if kind == "pair_values_a_to_be_greater_than_b" and kwargs["or_equal"]:
            return given & (one < other)
        raise NotImplementedError(kind)
    column = frame[kwargs["column"]]
    if kind == "values_to_match_regex":
        fails = column.notna() & ~column.str.contains(kwargs["regex"], na=False)
    elif kind == "values_to_not_match_regex":
        fails = column.str.contains(kwargs["regex"], na=False)
    elif kind == "values_to_be_in_set":
        fails = column.notna() & ~column.isin(kwargs["value_set"])
    elif kind == "values_to_not_be_null":
        fails = column.isna()
    elif kind == "values_to_be_null":
        fails = column.notna()
    else:
        raise NotImplementedError(kind)
    if condition := kwargs.get("row_condition"):
        equal = frame[condition["column"]["name"]] == condition["parameter"]
        fails &= {"==": equal, "!=": ~equal}[condition["operator"]]
    return fails.fillna(False).astype(bool)
