"""What holds of everything that is loaded, before sign-off: cross-feed checks, and no control record contradicts it.

Cross-feed checks are SQL that Great Expectations runs in the warehouse on a proposed load number.

`expectations/integrity.json` declares them. Each names a SELECT in `include/sql/checks`, which gives the column `key`
of whatever fails: a reference, or an area and a month, and no other value. Of Great Expectations only the number of
rows is taken; the keys are inserted by the same SELECT.
"""

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from monthend import warehouse
from monthend.office import Office
from monthend.plan.declarations import sha256
from monthend.validate import findings
from monthend.validate.validation import load_suite

logger = logging.getLogger(__name__)

Key = tuple[str, str]  # check_id, part
SUITE = "expectations/integrity.json"
PARAMETER = re.compile(r"(?<![:\w]):(load|before|month|force|areas)\b")
AREA, MONTH = re.compile(r"[EWX]\d{8}"), re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Result:
    """The outcome of one cross-feed check, or of one part of it."""

    check_id: str
    part: str
    feed: str  # whose owner looks at it
    delivery_id: int | None  # that feed's newest: what a waiver is of
    description: str
    action: str
    outcome: str
    unexpected_count: int | None
    detail: str
    period: str = ""  # of one delivery: its month and area
    area_code: str = ""

    @property
    def blocks(self) -> bool:
        """Whether nothing can be frozen until it is put right or waived."""
        return self.outcome == "error" or (self.outcome == "failed" and self.action == "block_feed")


@dataclass(frozen=True)
class Integrity:
    """One run of the cross-feed checks, against a load number."""

    integrity_id: int
    results: tuple[Result, ...]


def check(office: Office, month: str, load_number: int, before: int, on: date) -> Integrity:
    """Run the cross-feed checks for month-end `month` (YYYY-MM) on what is loaded at or below `load_number`.

    `before` is the load number of the newest snapshot, against which changes are read; 0 where there is none. A check
    of which a feed has nothing loaded, or that needs more snapshots than there are, is not run. Running it again
    changes nothing and gives what was found. An error in a check is a result; what the database says of it is not kept.
    """
    rules = _rules_sha256(office)
    identity = {"month": month, "load_number": load_number, "before": before, "rules_sha256": rules}
    if (found := _find(office, identity)) is not None:
        return found
    expectations = _suite(office)["expectations"]
    with office.engine.connect() as connection:
        newest = _newest_deliveries(connection, load_number)
        snapshots = _snapshots(connection, before)
    reasons = {_key(each): _not_run(office, each, newest, snapshots) for each in expectations}
    parameters = {_key(each): _parameters(office, each, month, load_number, before) for each in expectations}
    runnable = [each for each in expectations if not reasons[_key(each)]]
    queries = {_query(each): _rendered(_sql(office, each), parameters[_key(each)]) for each in runnable}
    counts = _count(office.engine, _suite(office) | {"expectations": runnable}, queries) if runnable else {}
    with office.engine.begin() as connection:
        integrity_id = warehouse.insert_one(
            connection, "quality.integrity", identity | {"checked_on": on}, "integrity_id"
        )
        if integrity_id is not None:  # another process was not faster
            warehouse.plan_for_states(connection)
            for each in expectations:
                key = _key(each)
                row = _declared(each) | {"integrity_id": integrity_id, "delivery_id": newest.get(each["meta"]["feed"])}
                outcome = _outcome(reasons[key], counts.get(key))
                try:
                    with connection.begin_nested():
                        warehouse.insert(connection, "quality.integrity_result", [row | outcome])
                        if outcome["outcome"] == "failed":
                            _insert_keys(connection, integrity_id, key, _sql(office, each), parameters[key])
                except DBAPIError:  # its own message can hold a value
                    warehouse.insert(connection, "quality.integrity_result", [row | _outcome("", None)])
    found = _find(office, identity)
    if found is None:
        raise RuntimeError(f"the cross-feed checks of {month} were stored and are not there")
    return found


def history_free(office: Office, integrity: Integrity) -> dict[str, int]:
    """How many fail, by check, of the checks that were run and whose outcome follows from the present state alone."""
    of_history = {_key(each) for each in _suite(office)["expectations"] if each["meta"]["history"]}
    return {
        f"{each.check_id} {each.part}".strip(): each.unexpected_count
        for each in integrity.results
        if each.unexpected_count is not None and (each.check_id, each.part) not in of_history
    }


def in_words(office: Office, result: Result) -> str:
    """A check that failed or could not run, in a sentence: which, of which feed, what it wants, how many fail it."""
    name = f"{result.check_id} {result.part}".strip()
    said = f"not met: {result.detail}" if result.outcome == "failed" else result.detail
    if count := result.unexpected_count:
        said = f"not met: {result.description} {count:,} {'fails' if count == 1 else 'fail'}."
    delivery = office.declarations.feeds[result.feed].delivery_name(result.period, result.area_code)
    return f"{name}, {delivery}, {said}"


def read(connection: Connection, integrity_id: int) -> Integrity:
    """A run of the cross-feed checks as it was stored, in the order of check and part."""
    rows = warehouse.query(
        connection,
        "SELECT check_id, part, feed, delivery_id, description, action, outcome, unexpected_count, detail"
        " FROM quality.integrity_result WHERE integrity_id = :integrity_id ORDER BY check_id, part",
        integrity_id=integrity_id,
    )
    return Integrity(integrity_id, tuple(Result(**row) for row in rows))


def contradicted(office: Office, connection: Connection, month: str, load_number: int) -> list[Result]:
    """What a control record contradicts of the deliveries under month-end `month`, loaded at or below a load number.

    A control record that contradicts a delivery keeps it out; here it came, or came anew, when the delivery was loaded.
    Left out is a delivery that one which was loaded later replaces: of its period or, of a keyed feed, of a later one,
    which has its rows.
    """
    feeds = office.declarations.feeds.values()
    rows = warehouse.query(
        connection,
        "WITH loaded AS (SELECT d.delivery_id, d.feed, d.period, d.area_code, l.load_number,"
        "  d.feed = ANY(:keyed) AS keyed FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
        "  WHERE l.load_number <= :load AND d.feed = ANY(:feeds))"
        " SELECT c.check_id, c.part, d.feed, d.delivery_id, c.description, c.action, c.outcome, c.unexpected_count,"
        " c.detail, d.period, d.area_code"
        " FROM quality.check_result c JOIN quality.validation v USING (validation_id) JOIN loaded d USING (delivery_id)"
        " WHERE c.check_id = 'G05' AND c.outcome = 'failed' AND c.waiver_id IS NULL"
        " AND (d.keyed OR d.period <= :month) AND NOT EXISTS (SELECT FROM quality.validation later"
        "  WHERE later.delivery_id = v.delivery_id AND later.validation_id > v.validation_id)"
        " AND NOT EXISTS (SELECT FROM loaded later WHERE (later.feed, later.area_code) = (d.feed, d.area_code)"
        "  AND (later.period = d.period AND later.load_number > d.load_number OR d.keyed AND later.period > d.period))"
        " ORDER BY d.feed, d.period, d.area_code",
        load=load_number,
        month=month,
        feeds=[feed.feed for feed in feeds],
        keyed=[feed.feed for feed in feeds if feed.load == "keyed"],
    )
    return [Result(**row) for row in rows]


def not_met(office: Office, connection: Connection, integrity_id: int) -> list[Result]:
    """What a run's load number does not meet, waived or not: the run's checks, and control records as they are now."""
    (run,) = warehouse.query(
        connection,
        "SELECT month, load_number FROM quality.integrity WHERE integrity_id = :integrity_id",
        integrity_id=integrity_id,
    )
    failing = [each for each in read(connection, integrity_id).results if each.outcome in ("failed", "error")]
    return failing + contradicted(office, connection, **run)


def not_waived(office: Office, connection: Connection, results: Sequence[Result], on: date) -> list[Result]:
    """Those of `results` that block on business date `on`: they are not waived, or cannot be."""
    waived = findings.in_force(office, connection, [each.delivery_id for each in results], on)
    return [
        each
        for each in results
        if each.blocks and (each.outcome == "error" or (each.delivery_id, each.check_id, each.part) not in waived)
    ]


def blocking(office: Office, connection: Connection, integrity_id: int, on: date) -> list[Result]:
    """What keeps a run's load number from being frozen on business date `on`: it is not met and not waived."""
    return not_waived(office, connection, not_met(office, connection, integrity_id), on)


def keys(connection: Connection, integrity_id: int, check_id: str, part: str, limit: int) -> list[str]:
    """The first keys that fail a check: references, or areas and months."""
    rows = warehouse.query(
        connection,
        "SELECT key FROM quality.integrity_key WHERE integrity_id = :integrity_id AND check_id = :check_id"
        " AND part = :part ORDER BY key LIMIT :limit",
        integrity_id=integrity_id,
        check_id=check_id,
        part=part,
        limit=limit,
    )
    return [row["key"] for row in rows]


def _suite(office: Office) -> dict[str, Any]:
    return dict(json.loads((office.declarations.root / SUITE).read_text(encoding="utf-8")))


def _key(expectation: dict[str, Any]) -> Key:
    return expectation["meta"]["check_id"], expectation["meta"]["part"]


def _query(expectation: dict[str, Any]) -> str:
    return str(expectation["kwargs"]["unexpected_rows_query"]["$PARAMETER"])


def _sql(office: Office, expectation: dict[str, Any]) -> str:
    path = office.declarations.root / "include/sql/checks" / f"{_query(expectation)}.sql"
    return path.read_text(encoding="utf-8").rstrip()


def _declared(expectation: dict[str, Any]) -> dict[str, str]:
    meta = expectation["meta"]
    description = expectation["description"].removeprefix(f"[{meta['check_id']}] ")
    return {name: meta[name] for name in ("check_id", "part", "feed", "action")} | {"description": description}


def _outcome(reason: str, count: int | None) -> dict[str, Any]:
    """What becomes of a check: not run for a reason, counted, or, without a count, an error."""
    if reason:
        return {"outcome": "not run", "unexpected_count": None, "detail": reason}
    if count is None:
        detail = "the check itself could not run; nothing is frozen until it can."
        return {"outcome": "error", "unexpected_count": None, "detail": detail}
    return {"outcome": "failed" if count else "passed", "unexpected_count": count, "detail": ""}


def _rules_sha256(office: Office) -> str:
    expectations = _suite(office)["expectations"]
    feeds = sorted({each["meta"]["feed"] for each in expectations})
    rules: list[Any] = [sha256(office.declarations.root / SUITE), office.declarations.plan.home_force]
    rules += [_sql(office, each) for each in expectations]
    rules += [office.declarations.feeds[feed].districts for feed in feeds]
    return hashlib.sha256(json.dumps(rules).encode()).hexdigest()


def _find(office: Office, identity: dict[str, Any]) -> Integrity | None:
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT integrity_id FROM quality.integrity WHERE month = :month AND load_number = :load_number"
            " AND before = :before AND rules_sha256 = :rules_sha256",
            **identity,
        )
        return read(connection, rows[0]["integrity_id"]) if rows else None


def _newest_deliveries(connection: Connection, load_number: int) -> dict[str, int]:
    """The newest loaded delivery of each feed that has any."""
    rows = warehouse.query(
        connection,
        "SELECT DISTINCT ON (d.feed) d.feed, d.delivery_id FROM reporting.load l JOIN landing.delivery d"
        " USING (delivery_id) WHERE l.load_number <= :load_number ORDER BY d.feed, l.load_number DESC",
        load_number=load_number,
    )
    return {row["feed"]: row["delivery_id"] for row in rows}


def _snapshots(connection: Connection, before: int) -> int:
    """How many month-ends are frozen up to a load number."""
    (row,) = warehouse.query(
        connection,
        "SELECT count(*) AS snapshots FROM snapshot.snapshot JOIN snapshot.candidate USING (candidate_id)"
        " WHERE load_number <= :before",
        before=before,
    )
    return int(row["snapshots"])


def _not_run(office: Office, expectation: dict[str, Any], loaded: dict[str, int], snapshots: int) -> str:
    """Why a check cannot be run, with these feeds loaded and so many month-ends frozen; empty where it can."""
    meta = expectation["meta"]
    titles = [office.declarations.feeds[feed].title for feed in (meta["feed"], *meta["reads"]) if feed not in loaded]
    if titles:
        return f"Nothing is loaded of {', '.join(titles)}."
    if snapshots < meta["snapshots"]:
        return f"{snapshots} month-ends are frozen; {meta['snapshots']} are needed."
    return ""


def _parameters(
    office: Office, expectation: dict[str, Any], month: str, load_number: int, before: int
) -> dict[str, Any]:
    return {
        "load": load_number,
        "before": before,
        "month": month,
        "force": office.declarations.plan.home_force,
        "areas": list(office.declarations.feeds[expectation["meta"]["feed"]].districts),
    }


def _rendered(sql: str, parameters: dict[str, Any]) -> str:
    """A SELECT with its parameters written into it, as Great Expectations has no bind variables."""
    areas, month = [parameters["force"], *parameters["areas"]], parameters["month"]
    if not all(map(AREA.fullmatch, areas)) or not MONTH.fullmatch(month):
        raise ValueError("areas are ONS codes, and a month is YYYY-MM")
    literals = {
        "load": str(int(parameters["load"])),
        "before": str(int(parameters["before"])),
        "month": f"'{month}'",
        "force": f"'{parameters['force']}'",
        "areas": "ARRAY[{}]::text[]".format(", ".join(f"'{area}'" for area in parameters["areas"])),
    }
    # Great Expectations prints a warning of each query that does not name its batch, of which there is none here
    return "/* {batch} */ " + PARAMETER.sub(lambda found: literals[found[1]], sql)


def _insert_keys(connection: Connection, integrity_id: int, key: Key, sql: str, parameters: dict[str, Any]) -> None:
    """Insert what fails a check, by the SELECT that counted it."""
    warehouse.execute(
        connection,
        "INSERT INTO quality.integrity_key (integrity_id, check_id, part, key)"  # noqa: S608 - a declared SELECT
        f" SELECT :integrity_id, :check_id, :part, key FROM (\n{sql}\n) AS failing",
        **parameters | {"integrity_id": integrity_id, "check_id": key[0], "part": key[1]},
    )


def _count(engine: Engine, raw: dict[str, Any], queries: dict[str, str]) -> dict[Key, int | None]:
    """One call of Great Expectations on the pipeline's own login: how many fail each check, None where it raised."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # It wants a host, which is not used where the URL names a socket's folder, and reads a $ as its own variable
    url = engine.url.set(host=engine.url.host or "localhost").render_as_string(hide_password=False)
    settings: dict[str, Any] = {  # the stub does not know of kwargs
        "connection_string": url.replace("$", r"\$"),
        "kwargs": {
            "hide_parameters": True,
            "connect_args": {"options": " ".join(f"-c {name}={value}" for name, value in warehouse.PLANNER.items())},
        },
    }
    source = context.data_sources.add_postgres("warehouse", **settings)
    try:
        asset = source.add_query_asset("checks", query="SELECT 1 AS key")
        result = (
            asset.add_batch_definition_whole_table("checks")
            .get_batch()
            .validate(load_suite(raw), result_format="BASIC", expectation_parameters=queries)
        )
    finally:
        source.get_execution_engine().close()
    counts: dict[Key, int | None] = {}
    for each in result.results:
        key = _key({"meta": each.expectation_config.meta})
        count = (each.result or {}).get("observed_value")
        counts[key] = count if isinstance(count, int) else None
        logger.info("%s %s: %s", *key, "error" if counts[key] is None else counts[key])
    return counts
