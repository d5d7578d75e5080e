"""A validation report a delivery: one page, offline, made from the stored results."""

import csv
import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monthend import warehouse
from monthend.office import Office
from monthend.plan.declarations import ROOT

VERDICTS = {
    "passed": ("Passed.", "Every check passed and all rows count."),
    "warned": ("Passed with warnings.", "All rows count; what is listed first below deserves a look."),
    "quarantined": ("Some rows are quarantined.", "They are in no figure. The other rows count."),
    "blocked": ("Blocked.", "Nothing of this delivery is loaded. Ask the feed's owner for a corrected extract."),
}
ORDER = {"error": 0, "failed": 1, "not run": 2, "passed": 3}


def write(office: Office, validation_ids: list[int]) -> list[Path]:
    """Write the report of each validation that has none yet, and give the paths of all, in order."""
    paths = [report_path(office, validation_id) for validation_id in validation_ids]
    missing = [(i, path) for i, path in zip(validation_ids, paths, strict=True) if not path.exists()]
    if missing:
        template = _environment().get_template("report.html")
        for validation_id, path in missing:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(template.render(**_content(office, validation_id)), encoding="utf-8")
            os.replace(unfinished, path)
    return paths


def report_path(office: Office, validation_id: int) -> Path:
    """Where the report of a validation is: its name says the feed, period and area."""
    with office.engine.connect() as connection:
        (row,) = warehouse.query(
            connection,
            "SELECT d.feed, d.period, d.area_code FROM quality.validation JOIN landing.delivery d USING (delivery_id)"
            " WHERE validation_id = :validation_id",
            validation_id=validation_id,
        )
    name = "-".join(part for part in (row["period"], row["feed"], row["area_code"], str(validation_id)) if part)
    return office.home / "reports" / "validation" / f"{name}.html"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _content(office: Office, validation_id: int) -> dict[str, Any]:
    with office.engine.connect() as connection:
        (validation,) = warehouse.query(
            connection,
            "SELECT v.*, d.feed, d.period, d.area_code, d.sha256, d.byte_length, l.load_number AS loaded"
            " FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
            " LEFT JOIN reporting.load l USING (delivery_id) WHERE v.validation_id = :validation_id",
            validation_id=validation_id,
        )
        checks = warehouse.query(
            connection,
            "SELECT * FROM quality.check_result WHERE validation_id = :validation_id",
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
        "area": next((area.name_in_rows for area in feed.areas if area.code == validation["area_code"]), ""),
        "verdict": VERDICTS[validation["verdict"]],
        "checks": sorted(checks, key=lambda check: (ORDER[check["outcome"]], check["check_id"], check["part"])),
        "failed": sum(check["outcome"] in ("failed", "error") for check in checks),
        "not_run": sum(check["outcome"] == "not run" for check in checks),
        "receipts": receipts,
        "why": why,
        "consequence": _consequence,
        "number": lambda value: "" if value is None else f"{value:,}",
    }


def _consequence(check: dict[str, Any]) -> str:
    """What happens to rows that fail this check, in words."""
    return {
        "block_feed": "The delivery is blocked: nothing of it is loaded.",
        "quarantine_row": "The row is quarantined; above a set share of rows the delivery is blocked.",
        "warn": "They count. A steward looks at them.",
        "info": "They count. For information.",
    }[check["action"]]
