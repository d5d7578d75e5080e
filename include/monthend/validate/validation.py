"""Hold deliveries against their feed's suite, many as one frame, and record a verdict for each."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection

from monthend import warehouse
from monthend.office import Office
from monthend.plan.declarations import Feed, sha256
from monthend.receive import stored_path
from monthend.validate import control, derived, findings, history, reader, report
from monthend.validate.results import Batch, CheckResult, Delivery

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 1_000_000  # of one call of Great Expectations, to bound memory; a call for each file would be slow
ROW_KEY = "row_key"  # delivery's place in the batch, then the row in the delivery
ROWS_IN_KEY = 2**32
DELIVERY = "delivery"  # the column that says in which delivery of the batch a row is
# Expectations that compare rows with each other: within a delivery, by one more column, and those that have no such
COMPARES = (
    "expect_compound_columns_to_be_unique", "expect_each_once_in_group", "expect_all_in_group", "expect_same_in_group",
    "expect_total_of_rows",
)  # fmt: skip
COMPARES_ALL = ("expect_column_values_to_be_unique", "expect_periods_apart")
KEPT = 1000  # failing rows of a check that quarantines nothing: enough to put an extract right
SUMMARY = {"result_format": "BASIC", "partial_unexpected_count": 0}
# The one format that gives the index of failing rows and never a value; a named column would be gathered row by row
KEYS = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}


@dataclass(frozen=True)
class Validation:
    """The verdict on one delivery."""

    delivery_id: int
    validation_id: int
    verdict: str
    row_count: int | None
    quarantined_count: int


def validate(office: Office, delivery_ids: list[int], on: date) -> list[Validation]:
    """Validate each delivery that was not yet held against the present rules, and write its report.

    Gives the validations of all of `delivery_ids`, in their order. Safe to run again.
    """
    # reference data first: other suites take values from it
    for feed in sorted(office.declarations.feeds.values(), key=lambda feed: feed.source != "reference"):
        known = derived.reference(office, feed)
        rules = _rules_sha256(office, feed, known)
        with office.engine.connect() as connection:
            waived = findings.waived(office, connection, feed.feed, on)
            sent = control.newest(connection, delivery_ids)
            against = {i: _against(rules, sent.get(i), waived.get(i, {})) for i in delivery_ids}
            waiting = _waiting(connection, feed, against)
        for batch in _batches(office, feed, waiting):
            results = _results(office, feed, batch, known)
            for delivery_id, found in results.items():
                for result in found:
                    if result.outcome == "failed":
                        result.waiver_id = waived.get(delivery_id, {}).get((result.check_id, result.part))
            _record(office, feed, batch, results, against, on)
    latest = latest_validations(office, delivery_ids)
    report.write(office, [validation.validation_id for validation in latest])
    return latest


def latest_validations(office: Office, delivery_ids: list[int]) -> list[Validation]:
    """The newest validation of each delivery that has one, in the order of `delivery_ids`."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT DISTINCT ON (delivery_id) delivery_id, validation_id, verdict, row_count, quarantined_count"
            " FROM quality.validation WHERE delivery_id = ANY(:ids) ORDER BY delivery_id, validation_id DESC",
            ids=delivery_ids,
        )
    found = {row["delivery_id"]: Validation(**row) for row in rows}
    return [found[delivery_id] for delivery_id in delivery_ids if delivery_id in found]


def load_suite(raw: dict[str, Any]) -> Any:
    """A suite from GX's JSON. Raises ValueError when GX dropped a check, or two checks share a name."""
    from great_expectations import ExpectationSuite

    from monthend.validate import expectations  # noqa: F401  makes our own known

    suite = ExpectationSuite(**raw)
    names = [(e["meta"]["check_id"], e["meta"]["part"]) for e in raw["expectations"]]
    if len(suite.expectations) != len(names):  # it logs and drops what it does not know
        raise ValueError(f"suite {raw['name']}: Great Expectations dropped a check of an unknown type or severity")
    if len(set(names)) != len(names):
        raise ValueError(f"suite {raw['name']}: two checks have the same check_id and part")
    return suite


def _rules_sha256(office: Office, feed: Feed, known: derived.Reference) -> str:
    rules = [
        sha256(office.declarations.root / f"include/feeds/{feed.feed}.yaml"),
        sha256(office.declarations.suite(feed)),
    ]
    return hashlib.sha256(json.dumps([rules, known]).encode()).hexdigest()


def _against(rules: str, control_sha256: str | None, waived: Mapping[tuple[str, str], int]) -> str:
    """SHA-256 of what a delivery is held against: the rules and, where there are any, control record and waivers."""
    if control_sha256 is None and not waived:
        return rules
    return hashlib.sha256(json.dumps([rules, control_sha256, sorted(waived.items())]).encode()).hexdigest()


def _waiting(connection: Connection, feed: Feed, against: Mapping[int, str]) -> list[Delivery]:
    """The feed's deliveries that were not held against this yet; a loaded one only if a control record came since."""
    rows = warehouse.query(
        connection,
        "SELECT d.delivery_id, d.feed, d.period, d.area_code, d.sha256, min(r.received_on) AS received_on"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:rules AS text[])) WITH ORDINALITY AS h(delivery_id, rules, place)"
        " JOIN landing.delivery d USING (delivery_id) JOIN landing.receipt r USING (delivery_id)"
        " WHERE d.feed = :feed AND NOT EXISTS"
        "  (SELECT FROM quality.validation v WHERE v.delivery_id = d.delivery_id AND v.rules_sha256 = h.rules)"
        " AND NOT EXISTS (SELECT FROM reporting.load l JOIN quality.validation v USING (validation_id)"
        "  WHERE l.delivery_id = d.delivery_id AND NOT EXISTS (SELECT FROM landing.control_record c"
        "   WHERE c.delivery_id = d.delivery_id AND c.received_at > v.validated_at))"
        " GROUP BY d.delivery_id, h.place ORDER BY h.place",
        feed=feed.feed,
        ids=list(against),
        rules=list(against.values()),
    )
    return [Delivery(**row) for row in rows]


def _batches(office: Office, feed: Feed, deliveries: Iterable[Delivery]) -> Iterator[Batch]:
    """Deliveries with their rows, or with the reader's finding in words, up to a million rows at once.

    One at a time where a check is about a share of the rows, or compares them and cannot be told of which delivery they
    are: two versions of a delivery are no repetition, and what one lacks another does not make up for.
    """
    raw = json.loads(office.declarations.suite(feed).read_text(encoding="utf-8"))
    alone = any(each["type"] in COMPARES_ALL or "mostly" in each["kwargs"] for each in raw["expectations"])
    batch: Batch = []
    rows = 0
    for delivery in deliveries:
        content: pa.Table | reader.Unreadable
        try:
            content = reader.read(stored_path(office, delivery.sha256), feed)
            rows += content.num_rows
        except reader.Unreadable as unreadable:
            content = unreadable
        batch.append((delivery, content))
        if alone or rows >= ROWS_AT_ONCE:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _results(office: Office, feed: Feed, batch: Batch, known: derived.Reference) -> dict[int, list[CheckResult]]:
    """Each delivery's results: the file's own, its history's, its control record's, and the suite's."""
    raw = json.loads(office.declarations.suite(feed).read_text(encoding="utf-8"))
    results: dict[int, list[CheckResult]] = {}
    readable: list[tuple[Delivery, pa.Table]] = []
    with office.engine.connect() as connection:
        for delivery, content in batch:
            fault = content if isinstance(content, reader.Unreadable) else None
            results[delivery.delivery_id] = [*_readable(feed, fault), history.stale(connection, delivery)]
            if isinstance(content, reader.Unreadable):
                results[delivery.delivery_id] += [
                    CheckResult(**_named(expectation), outcome="not run") for expectation in raw["expectations"]
                ]
            else:
                results[delivery.delivery_id] += (
                    history.drift_in_extract(delivery, feed, content)
                    if feed.load == "keyed"
                    else [history.drift(connection, delivery, feed, content.num_rows, batch)]
                )
                results[delivery.delivery_id].append(history.resubmission(connection, delivery))
                readable.append((delivery, content))
            results[delivery.delivery_id].append(
                control.check(connection, office, feed, delivery, str(fault) if fault else content)
            )
    if readable:
        for delivery_id, found in _run_suite(raw, feed, readable, known).items():
            results[delivery_id] += found
    return results


def _named(expectation: dict[str, Any]) -> dict[str, Any]:
    meta = expectation["meta"]
    description = expectation["description"].removeprefix(f"[{meta['check_id']}] ")
    return {key: meta[key] for key in ("check_id", "part", "action")} | {
        "description": description,
        "block_above": meta.get("block_above"),
    }


def _run_suite(
    raw: dict[str, Any], feed: Feed, batch: list[tuple[Delivery, pa.Table]], known: derived.Reference
) -> dict[int, list[CheckResult]]:
    """Run a suite over all the batch's rows as one frame; failing rows are asked for only where a check failed."""
    raw = raw | {"expectations": [_within_delivery(each) for each in raw["expectations"]]}
    rows = _batch_of(_frame(raw, feed, batch, known))
    counted = _validate(rows, raw, raw["expectations"], SUMMARY)
    failing = [e for e in raw["expectations"] if not counted[_key(e)]["success"] and not counted[_key(e)]["error"]]
    keyed = _validate(rows, raw, failing, KEYS) if failing else {}
    results: dict[int, list[CheckResult]] = {delivery.delivery_id: [] for delivery, _ in batch}
    for expectation in raw["expectations"]:
        failed: dict[int, list[int]] = {}
        for key in keyed.get(_key(expectation), {}).get("rows", []):
            place, row = divmod(key, ROWS_IN_KEY)
            failed.setdefault(place, []).append(row)
        for place, (delivery, table) in enumerate(batch):
            numbers = sorted(failed.get(place, []))
            result = CheckResult(**_named(expectation), element_count=table.num_rows, unexpected_count=len(numbers))
            if not counted[_key(expectation)]["success"] and not failed:  # it did not run, or does not say which rows
                result.outcome, result.unexpected_count = "error", None
                result.detail = "The check itself could not run; nothing is loaded until it can."
            elif numbers:
                result.outcome = "failed"
                result.rows = numbers
                result.detail = _where(feed, expectation, numbers)
            results[delivery.delivery_id].append(result)
    return results


def _within_delivery(expectation: dict[str, Any]) -> dict[str, Any]:
    """The expectation; of one that compares rows, one that compares none with another delivery's."""
    if expectation["type"] not in COMPARES:
        return expectation
    kwargs = expectation["kwargs"]
    return expectation | {"kwargs": kwargs | {"column_list": [*kwargs["column_list"], DELIVERY]}}


def _where(feed: Feed, expectation: dict[str, Any], numbers: list[int]) -> str:
    """Failing rows and the columns that they fail in, under the extract's headings."""
    headings = {column.column: column.heading for column in feed.columns}
    columns = [headings[column] for column in derived.own_columns(feed, expectation)]
    rows = f"{'Rows' if len(numbers) > 1 else 'Row'} {', '.join(map(str, numbers[:5]))}"
    more = f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else ""
    return f"{rows}{more}" + (f", column {' and '.join(columns)}." if columns else ".")


def _frame(
    raw: dict[str, Any], feed: Feed, batch: list[tuple[Delivery, pa.Table]], known: derived.Reference
) -> pd.DataFrame:
    """All rows of the batch under each other, keyed by delivery and row: the columns that the suite names.

    A column that no check compares with another, or reads by strftime, is a categorical: Great Expectations copies and
    hashes the frame for each check, and that way it is a fraction of the size.
    """
    tables = []
    for place, (delivery, table) in enumerate(batch):
        keys = range(place * ROWS_IN_KEY + 1, place * ROWS_IN_KEY + table.num_rows + 1)
        table = table.append_column(ROW_KEY, pa.array(keys, pa.int64()))
        table = table.append_column(DELIVERY, pa.repeat(pa.scalar(str(place)), table.num_rows))
        tables.append(derived.expected(table, feed, delivery))
    rows = derived.looked_up(pa.concat_tables(tables), feed, known)
    named = json.dumps(raw["expectations"])
    rows = rows.select([name for name in rows.column_names if name == ROW_KEY or f'"{name}"' in named])
    as_text = {
        column
        for expectation in raw["expectations"]
        if "pair" in expectation["type"] or "strftime" in expectation["type"]
        for column in expectation["kwargs"].values()
        if isinstance(column, str)
    }
    for place, name in enumerate(rows.column_names):
        if rows[name].type == pa.string() and name not in as_text:
            rows = rows.set_column(place, name, rows[name].dictionary_encode())
    frame: pd.DataFrame = rows.to_pandas(
        types_mapper=lambda kind: pd.StringDtype("pyarrow", na_value=float("nan")) if kind == pa.string() else None
    )
    return frame.set_index(ROW_KEY).rename_axis(None)


def _key(expectation: dict[str, Any]) -> tuple[str, str]:
    return expectation["meta"]["check_id"], expectation["meta"]["part"]


def _batch_of(frame: pd.DataFrame) -> Any:
    """The frame as Great Expectations takes it: in memory, without a progress bar in the logs."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})


def _validate(
    batch: Any, raw: dict[str, Any], expectations: list[dict[str, Any]], result_format: dict[str, Any]
) -> dict[tuple[str, str], dict[str, Any]]:
    """One call of Great Expectations. Of its results only what has no row value in it is kept."""
    suite = load_suite(raw | {"expectations": expectations})
    result = batch.validate(suite, result_format=result_format)
    outcomes = {}
    for each in result.results:
        info = each.exception_info or {}
        infos = [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, dict)]
        outcomes[each.expectation_config.meta["check_id"], each.expectation_config.meta["part"]] = {
            "success": bool(each.success),
            "error": any(value.get("raised_exception") for value in infos),
            "rows": (each.result or {}).get("unexpected_index_list") or [],
        }
    return outcomes


def _readable(feed: Feed, fault: reader.Unreadable | None) -> list[CheckResult]:
    """Whether the file is rows of the feed and, of a feed that takes workbooks, whether a workbook is without fault."""
    said = {"G03": "The file is UTF-8 text of comma-separated rows under exactly the feed's columns."}
    if reader.takes_workbooks(feed):
        said = {
            "G03": "The file is UTF-8 text of comma-separated rows, or a workbook, under exactly the feed's columns.",
            "G13": "A workbook holds values alone, each in its row: no formulas, merged cells, totals or hidden rows.",
        }
    found = [CheckResult(check_id, "file", description, "block_feed") for check_id, description in said.items()]
    for result in found:
        if fault:
            result.outcome = "failed" if fault.check_id == result.check_id else "not run"
            result.detail = str(fault) if fault.check_id == result.check_id else ""
    return found


def _verdict(results: list[CheckResult], row_count: int | None) -> tuple[str, list[tuple[int, CheckResult]]]:
    """The verdict and the quarantined rows, each with the result that put it there. What is waived does not count."""
    counting = [result for result in results if result.outcome in ("failed", "error") and result.waiver_id is None]
    quarantined = [(row, result) for result in counting if result.action == "quarantine_row" for row in result.rows]
    for result in counting:
        if result.outcome == "error" or result.action == "block_feed":
            return "blocked", []
        if result.block_above is not None and len(result.rows) > result.block_above * (row_count or 0):
            return "blocked", []
    if row_count is None:  # there are no rows that a waiver could let in
        return "blocked", []
    if quarantined:
        return "quarantined", quarantined
    if any(result.action == "warn" for result in counting) or len(counting) < sum(
        result.outcome in ("failed", "error") for result in results
    ):
        return "warned", []
    return "passed", []


def _record(
    office: Office,
    feed: Feed,
    batch: Batch,
    results: dict[int, list[CheckResult]],
    against: Mapping[int, str],
    on: date,
) -> None:
    """Insert the batch's verdicts, results and failing row numbers in one transaction."""
    with office.engine.begin() as connection:
        for delivery, content in batch:
            found = results[delivery.delivery_id]
            row_count = None if isinstance(content, reader.Unreadable) else content.num_rows
            verdict, quarantined = _verdict(found, row_count)
            validation = {
                "delivery_id": delivery.delivery_id,
                "rules_sha256": against[delivery.delivery_id],
                "verdict": verdict,
                "row_count": row_count,
                "quarantined_count": len({row for row, _ in quarantined}),
                "validated_on": on,
            }
            warehouse.insert(connection, "quality.validation", [validation])
            (row,) = warehouse.query(
                connection,
                "SELECT validation_id FROM quality.validation"
                " WHERE delivery_id = :delivery_id AND rules_sha256 = :rules",
                delivery_id=delivery.delivery_id,
                rules=against[delivery.delivery_id],
            )
            identity = {"validation_id": row["validation_id"]}
            names = (
                "check_id", "part", "description", "action", "outcome", "element_count", "unexpected_count", "detail",
                "waiver_id",
            )  # fmt: skip
            warehouse.insert(
                connection,
                "quality.check_result",
                [identity | {name: getattr(result, name) for name in names} for result in found],
            )
            quarantines = {id(result) for _, result in quarantined}
            others = [
                (number, result) for result in found if id(result) not in quarantines for number in result.rows[:KEPT]
            ]
            for table, rows in (("quality.quarantined_row", quarantined), ("quality.failing_row", others)):
                warehouse.insert(
                    connection,
                    table,
                    [
                        identity | {"row_number": number, "check_id": result.check_id, "part": result.part}
                        for number, result in rows
                    ],
                )
            logger.info("%s %s %s: %s", feed.feed, delivery.period, delivery.area_code, verdict)
