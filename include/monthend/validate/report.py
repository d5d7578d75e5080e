"""A validation report a delivery: one page, offline, made from the stored results."""

import csv
import os
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monthend import warehouse
from monthend.errors import WrongCall
from monthend.office import Office
from monthend.plan.calendar import month_end
from monthend.plan.declarations import ROOT

VERDICTS = {
    "passed": ("Passed.", "Every check passed and all rows count."),
    "warned": ("Passed with warnings.", "All rows count; what is listed first below deserves a look."),
    "quarantined": ("Some rows are quarantined.", "They are in no figure. The other rows count."),
    "blocked": ("Blocked.", "Nothing of this delivery is loaded. Ask the feed's owner for a corrected extract."),
}
TREND = 24  # periods
ORDER = {"error": 0, "failed": 1, "not run": 2, "passed": 3}


def write(office: Office, validation_ids: list[int]) -> list[Path]:
    """Write the report of each validation that has none yet, and the index; give the paths of all, in order."""
    paths = [report_path(office, validation_id) for validation_id in validation_ids]
    missing = [(i, path) for i, path in zip(validation_ids, paths, strict=True) if not path.exists()]
    if missing:
        template = _environment().get_template("report.html")
        for validation_id, path in missing:
            _write(path, template.render(**content(office, validation_id)))
        _write(index_path(office), _environment().get_template("index.html").render(**_index(office)))
    return paths


def content(office: Office, validation_id: int) -> dict[str, Any]:
    """What a page says of a validation: counts, row numbers and what was said of them, and no value of any row.

    `v` is the validation with its delivery; `checks`, worst first, have `waived_by`, `waived_because` and
    `waived_until` where a failure did not count. Raises WrongCall when there is no such validation.
    """
    with office.engine.connect() as connection:
        validations = warehouse.query(
            connection,
            "SELECT v.*, d.feed, d.period, d.area_code, d.sha256, d.byte_length, l.load_number AS loaded"
            " FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
            " LEFT JOIN reporting.load l USING (delivery_id) WHERE v.validation_id = :validation_id",
            validation_id=validation_id,
        )
        if not validations:
            raise WrongCall(f"There is no validation {validation_id}.")
        validation = validations[0]
        checks = warehouse.query(
            connection,
            "SELECT c.*, w.names AS waived_by, w.reason AS waived_because, w.expires_on AS waived_until"
            " FROM quality.check_result c LEFT JOIN quality.waiver_state w USING (waiver_id)"
            " WHERE c.validation_id = :validation_id",
            validation_id=validation_id,
        )
        receipts = warehouse.query(
            connection,
            "SELECT * FROM landing.receipt WHERE delivery_id = :delivery_id ORDER BY receipt_id",
            delivery_id=validation["delivery_id"],
        )
    feed = office.declarations.feeds[validation["feed"]]
    with (ROOT / "include/reference/dq_checks.csv").open(encoding="utf-8", newline="") as file:
        why = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    return {
        "v": validation,
        "feed": feed,
        "area": feed.area_name(validation["area_code"]),
        "verdict": VERDICTS[validation["verdict"]],
        "checks": sorted(checks, key=lambda check: (ORDER[check["outcome"]], check["check_id"], check["part"])),
        "failed": sum(check["outcome"] in ("failed", "error") for check in checks),
        "not_run": sum(check["outcome"] == "not run" for check in checks),
        "receipts": receipts,
        "why": why,
        "consequence": _consequence,
    }


def trend(
    office: Office, feed: str, area_code: str
) -> dict[tuple[str, str], list[tuple[str, str, int | None, int | None]]]:
    """How each check went over the newest TREND periods of a feed and area, oldest first, by check and part.

    Each entry is period, outcome, failing rows and rows of the newest version's newest validation.
    """
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT c.check_id, c.part, newest.period, c.outcome, c.unexpected_count, c.element_count"
            " FROM (SELECT DISTINCT ON (d.period) d.period, v.validation_id FROM landing.delivery d"
            "  JOIN quality.validation v USING (delivery_id) WHERE d.feed = :feed AND d.area_code = :area_code"
            "  ORDER BY d.period DESC, d.delivery_id DESC, v.validation_id DESC LIMIT :periods) newest"
            " JOIN quality.check_result c USING (validation_id) ORDER BY newest.period, c.check_id, c.part",
            feed=feed,
            area_code=area_code,
            periods=TREND,
        )
    found: dict[tuple[str, str], list[tuple[str, str, int | None, int | None]]] = {}
    for row in rows:
        entry = (row["period"], row["outcome"], row["unexpected_count"], row["element_count"])
        found.setdefault((row["check_id"], row["part"]), []).append(entry)
    return found


def index_path(office: Office) -> Path:
    """Where the page is that lists every delivery's newest verdict and links to its report."""
    return office.home / "reports" / "validation" / "index.html"


def report_path(office: Office, validation_id: int) -> Path:
    """Where the report of a validation is: its name says the feed, period and area."""
    with office.engine.connect() as connection:
        (row,) = warehouse.query(
            connection,
            "SELECT d.feed, d.period, d.area_code FROM quality.validation JOIN landing.delivery d USING (delivery_id)"
            " WHERE validation_id = :validation_id",
            validation_id=validation_id,
        )
    return index_path(office).with_name(_file_name(row["feed"], row["period"], row["area_code"], validation_id))


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {
        "number": lambda value: "" if value is None else f"{value:,}",
        "month": lambda period: f"{month_end(period):%B %Y}" if period else "",
        "day": lambda day: f"{day:%-d %B %Y}",
    }
    return environment


def _index(office: Office) -> dict[str, Any]:
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT * FROM (SELECT DISTINCT ON (v.delivery_id) v.validation_id, v.verdict, v.row_count,"
            " v.quarantined_count, d.feed, d.period, d.area_code,"
            " (SELECT coalesce(string_agg(DISTINCT c.check_id, ', '), '') FROM quality.check_result c"
            "  WHERE c.validation_id = v.validation_id AND c.outcome IN ('failed', 'error')) AS failed"
            " FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
            " ORDER BY v.delivery_id, v.validation_id DESC) newest"
            " ORDER BY array_position(ARRAY['blocked', 'quarantined', 'warned', 'passed'], verdict), period DESC,"
            " feed, area_code",
        )
    feeds = office.declarations.feeds
    validations = [
        row
        | {
            "title": feeds[row["feed"]].title,
            "area": feeds[row["feed"]].area_name(row["area_code"]),
            "file": _file_name(row["feed"], row["period"], row["area_code"], row["validation_id"]),
        }
        for row in rows
        if row["feed"] in feeds
    ]
    counted = Counter(row["verdict"] for row in validations)
    summary = ", ".join(f"{counted[verdict]:,} {verdict}" for verdict in reversed(VERDICTS) if counted[verdict])
    return {"validations": validations, "summary": f"{len(validations):,} deliveries: {summary}."}


def _file_name(feed: str, period: str, area_code: str, validation_id: int) -> str:
    return "-".join(part for part in (period, feed, area_code, str(validation_id)) if part) + ".html"


def _consequence(check: dict[str, Any]) -> str:
    """What happens to rows that fail this check, in words."""
    if check["waiver_id"]:
        return "Nothing: the check is waived for this delivery."
    return {
        "block_feed": "The delivery is blocked: nothing of it is loaded.",
        "quarantine_row": "The row is quarantined; above a set share of rows the delivery is blocked.",
        "warn": "They count. A steward looks at them.",
        "info": "They count. For information.",
    }[check["action"]]
