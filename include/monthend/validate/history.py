"""Checks of a delivery against what came before it: resent files, unusual sizes, resubmissions."""

import pyarrow as pa
from sqlalchemy import Connection

from monthend import warehouse
from monthend.plan.calendar import add_months
from monthend.statistics.spc import xmr
from monthend.validate.results import Batch, CheckResult, Delivery

HISTORY_MONTHS, HISTORY_NEEDED = 24, 12


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


def drift(connection: Connection, delivery: Delivery, rows: int, batch: Batch) -> CheckResult:
    """G08: the number of rows against the usual range of the 24 months before (of the same area)."""
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
    first = add_months(delivery.period, -HISTORY_MONTHS)
    before = [history[period] for period in sorted(history) if first <= period < delivery.period]
    if len(before) < HISTORY_NEEDED:
        result.outcome = "not run"
        result.detail = f"{len(before)} of the 24 months before are held; {HISTORY_NEEDED} are needed."
        return result
    last = xmr([float(count) for count in before]).points.iloc[-1]
    if not last["lower"] <= rows <= last["upper"]:
        result.outcome = "failed"
        result.detail = f"{rows:,} rows; usual is {max(last['lower'], 0):,.0f} to {last['upper']:,.0f}."
    return result


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
