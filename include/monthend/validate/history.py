"""Checks of a delivery against what came before it: resent files, unusual sizes, resubmissions."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats
from sqlalchemy import Connection

from monthend import warehouse
from monthend.plan.calendar import add_months, months_between
from monthend.plan.declarations import Feed
from monthend.statistics.spc import LIMIT_FACTOR, OUTSIDE_TAIL, count_chart, xmr
from monthend.validate.results import Batch, CheckResult, Delivery

HISTORY_MONTHS, HISTORY_NEEDED = 24, 12
LATE_ENTRY = 0.03  # of a month's rows, at most, are entered only after its extract
FREEDOM = 10  # degrees of freedom of the spread: 24 moving ranges tell less than 18, a line and four waves being fitted
NO_DISTRICT, TOTAL = "no district", "in total"


def stale(connection: Connection, delivery: Delivery) -> CheckResult:
    """G02: the same bytes under another name before, unless they were blocked there: then this name may be right."""
    same = warehouse.query(
        connection,
        "SELECT d.period, d.area_code FROM landing.delivery d WHERE d.feed = :feed AND d.sha256 = :sha256"
        " AND (d.period, d.area_code) <> (:period, :area_code) AND d.delivery_id < :delivery_id"
        " AND (SELECT v.verdict FROM quality.validation v WHERE v.delivery_id = d.delivery_id"
        "  ORDER BY v.validation_id DESC LIMIT 1) IS DISTINCT FROM 'blocked'"
        " ORDER BY d.delivery_id LIMIT 1",
        feed=delivery.feed,
        sha256=delivery.sha256,
        period=delivery.period,
        area_code=delivery.area_code,
        delivery_id=delivery.delivery_id,
    )
    return CheckResult(
        "G02",
        "",
        "The file is not byte-identical to one of another period or area.",
        "block_feed",
        "failed" if same else "passed",
        detail=f"It equals the file of {same[0]['period']} for {same[0]['area_code']}." if same else "",
    )


def drift(connection: Connection, delivery: Delivery, feed: Feed, rows: int, batch: Batch) -> CheckResult:
    """G08: the number of rows against the usual range of the 24 months before (of the same area), since any break."""
    result = CheckResult(
        "G08", "", "The number of rows is in the usual range of the 24 months before.", "warn", element_count=rows
    )
    if not delivery.period:
        result.outcome, result.detail = "not run", "The feed has no periods."
        return result
    history = {
        row["period"]: row["row_count"]
        for row in warehouse.query(
            connection,
            "SELECT d.period, v.row_count FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
            " WHERE d.feed = :feed AND d.area_code = :area_code AND v.verdict <> 'blocked' ORDER BY validation_id",
            feed=delivery.feed,
            area_code=delivery.area_code,
        )
    }
    for other, content in batch:
        if other.area_code == delivery.area_code and isinstance(content, pa.Table):
            history[other.period] = content.num_rows
    first, since = _comparable(feed, delivery.period)
    before = [history[period] for period in sorted(history) if first <= period < delivery.period]
    if len(before) < HISTORY_NEEDED:
        result.outcome = "not run"
        result.detail = f"{len(before)} of the 24 months before are held{since}; {HISTORY_NEEDED} are needed."
        return result
    last = xmr([float(count) for count in before]).points.iloc[-1]
    if not last["lower"] <= rows <= last["upper"]:
        result.outcome = "failed"
        result.detail = f"{rows:,} rows; usual is {max(last['lower'], 0):,.0f} to {last['upper']:,.0f}."
    return result


def drift_in_extract(delivery: Delivery, feed: Feed, rows: pa.Table) -> list[CheckResult]:
    """G08 of a keyed feed: the period's rows, in total and by district, against the 24 months before in the extract.

    The first result is a warning of counts out of the usual range, the second blocks where there is nothing at all of
    what was there in each month before. Both need all 24 months.
    """
    unusual = CheckResult(
        "G08", "", "The period's rows are in the usual range of the 24 months before.", "warn", element_count=len(rows)
    )
    empty = CheckResult(
        "G08", "none", "What had rows in each of the 24 months before has some in the period.", "block_feed"
    )
    counts = _by_month(rows, feed, delivery.period)
    first, since = _comparable(feed, delivery.period)
    held = int((counts[TOTAL].loc[first:].iloc[:-1] > 0).sum())
    if held < HISTORY_MONTHS:
        for result in (unusual, empty):
            result.outcome, result.detail = "not run", f"{held} of the 24 months before are in the extract{since}."
        return [unusual, empty]
    gone, outside = [], []
    for name, series in counts.items():
        lower, expected, upper = _usual(series, len(counts.columns))
        always = name != NO_DISTRICT and bool(series.iloc[:-1].all())
        if always and series.iloc[-1] == 0 and np.exp(-expected) < OUTSIDE_TAIL:
            gone.append(str(name))
        elif not lower <= series.iloc[-1] <= upper:
            outside.append(f"{name} {series.iloc[-1]:,}, usual is {lower:,.0f} to {upper:,.0f}")
    if outside:
        unusual.outcome, unusual.detail = "failed", f"Rows of {delivery.period}: {'; '.join(outside)}."
    if gone:
        empty.outcome, empty.detail = "failed", f"No rows of {delivery.period}: {', '.join(gone)}."
    return [unusual, empty]


def _comparable(feed: Feed, period: str) -> tuple[str, str]:
    """The first of the 24 months before `period` that compares with it and, where a break is why, that in words."""
    first = add_months(period, -HISTORY_MONTHS)
    newest = max(((each.from_month, each.reason) for each in feed.breaks if each.from_month <= period), default=None)
    if newest is None or newest[0] <= first:
        return first, ""
    return newest[0], f" since the break of {newest[0]} ({newest[1]})"


def _by_month(rows: pa.Table, feed: Feed, period: str) -> pd.DataFrame:
    """Rows of `period` and the 24 months before, oldest first: in total and, where they are placed, by district."""
    months = months_between(add_months(period, -HISTORY_MONTHS), period)
    column = feed.window.column if feed.window else ""
    table = pa.table({"month": pc.utf8_slice_codeunits(rows[column], 0, 7)})
    districts = feed.districts if "csp_code" in rows.column_names else ()
    place = rows["csp_code"] if districts else pa.nulls(len(rows), pa.string())
    table = table.append_column("district", pc.fill_null(place, NO_DISTRICT))
    counted = table.group_by(["month", "district"]).aggregate([([], "count_all")]).to_pandas()
    wide = counted.pivot(index="month", columns="district", values="count_all").reindex(months).fillna(0)
    by_district = wide.reindex(columns=[*districts, NO_DISTRICT] if districts else [], fill_value=0)
    return pd.DataFrame(by_district.assign(**{TOTAL: wide.sum(axis=1)}).astype(int))


def _usual(counts: "pd.Series[int]", series: int) -> tuple[float, float, float]:
    """Lower limit, expected count and upper limit of the last month, from the 24 before.

    These are the limits of an XmR chart of the seasonally adjusted counts, about the straight line through them, for a
    crime count that rises steadily is no fault of its extract. They are as wide as it takes for any of the file's
    `series`, together, to be outside by chance as seldom as one point is outside the limits of a known process.
    """
    chart = count_chart(counts)
    months = pd.PeriodIndex(counts.index, freq="M")
    exposure = months.days_in_month.to_numpy() * chart.points["factor"].to_numpy()
    adjusted = chart.points["adjusted"].to_numpy()[:-1]
    places = np.arange(len(adjusted))
    line = np.polynomial.Polynomial.fit(places, adjusted, 1)
    expected = max(float(line(len(adjusted))) * exposure[-1], 0.0)
    spread = float(np.nanmean(chart.points["moving_range"].to_numpy()[:-1])) * LIMIT_FACTOR / 3 * exposure[-1]
    spread = max(spread, max(expected, 1.0) ** 0.5)  # counts are no steadier than chance makes them
    away = len(adjusted) - places.mean()
    spread *= (1 + 1 / len(adjusted) + away**2 / ((places - places.mean()) ** 2).sum()) ** 0.5
    width = float(stats.t.isf(OUTSIDE_TAIL / series, FREEDOM)) * spread
    return max(expected * (1 - LATE_ENTRY) - width, 0.0), expected, expected + width


def resubmission(connection: Connection, delivery: Delivery) -> CheckResult:
    earlier = warehouse.query(
        connection,
        "SELECT l.row_count FROM landing.delivery d JOIN reporting.load l USING (delivery_id)"
        " WHERE d.feed = :feed AND d.period = :period AND d.area_code = :area_code AND d.delivery_id <> :delivery_id"
        " ORDER BY l.load_number DESC LIMIT 1",
        feed=delivery.feed,
        period=delivery.period,
        area_code=delivery.area_code,
        delivery_id=delivery.delivery_id,
    )
    return CheckResult(
        "G12",
        "",
        "A resubmission is noted beside the version it replaces.",
        "warn",
        "failed" if earlier else "passed",
        detail=f"It replaces a version of {earlier[0]['row_count']:,} rows." if earlier else "",
    )
