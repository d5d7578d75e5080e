"""No check is lost without a word, and none that cannot run is taken for passed."""

import csv
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from offices import REFERENCE_FILES, Desk, NewDesk, Street

from monthend.office import Office
from monthend.plan.declarations import ROOT, Declarations
from monthend.validate.validation import load_suite

SUITES = sorted((ROOT / "expectations").glob("*.json"))
FEED_SUITES = [path for path in SUITES if path.stem != "integrity"]  # which is of all feeds together


def suite(name: str = "police_uk_street") -> dict[str, Any]:
    return dict(json.loads((ROOT / f"expectations/{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_is_whole(path: Path) -> None:
    raw = suite(path.stem)
    assert len(load_suite(deepcopy(raw)).expectations) == len(raw["expectations"]) > 0
    with (ROOT / "include/reference/dq_checks.csv").open(encoding="utf-8", newline="") as file:
        registered = {row["id"] for row in csv.DictReader(file)}
    for expectation in raw["expectations"]:
        assert expectation["meta"]["check_id"] in registered
        assert expectation["description"].startswith(f"[{expectation['meta']['check_id']}] ")
        assert expectation["meta"]["action"] in ("block_feed", "quarantine_row", "warn", "info")


def test_every_feed_has_a_suite_and_every_suite_a_feed() -> None:
    declarations = Declarations(ROOT)
    assert {declarations.suite(feed) for feed in declarations.feeds.values()} == set(FEED_SUITES)


@pytest.mark.parametrize("path", FEED_SUITES, ids=lambda path: path.stem)
def test_a_column_that_no_row_may_be_without_is_checked_for_it(path: Path) -> None:
    given = {
        expectation["kwargs"]["column"]
        for expectation in suite(path.stem)["expectations"]
        if expectation["type"] == "expect_column_values_to_not_be_null"
        and expectation["meta"]["action"] in ("block_feed", "quarantine_row")
        and "row_condition" not in expectation["kwargs"]
    }
    assert {column.column for column in Declarations(ROOT).feeds[path.stem].columns if column.required} == given


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "expect_column_values_to_be_lucky"}, "dropped a check of an unknown type or severity"),
        ({"severity": "urgent"}, "dropped a check of an unknown type or severity"),
        ({"meta": {"check_id": "U02", "part": "", "action": "warn"}}, "two checks have the same check_id and part"),
    ],
)
def test_a_suite_that_would_lose_a_check_is_refused(change: dict[str, Any], sentence: str) -> None:
    raw = suite()
    raw["expectations"][0] |= change
    with pytest.raises(ValueError, match=rf"^suite police_uk_street: .*{sentence}$"):
        load_suite(raw)


CANNOT_RUN = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "location", "min_value": 1, "max_value": 2},
}
NOT_ABOUT_ROWS = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1, "max_value": 2}}


@pytest.mark.parametrize("wrong", [CANNOT_RUN, NOT_ABOUT_ROWS], ids=["raises", "names no rows"])
def test_a_check_that_cannot_say_which_rows_fail_blocks(
    new_desk: NewDesk, street: Street, tmp_path: Path, declarations: Path, wrong: dict[str, Any]
) -> None:
    path = declarations / "expectations/police_uk_street.json"
    raw = suite()
    raw["expectations"].append(
        wrong
        | {
            "severity": "info",
            "description": "[G10] A check that is wrong.",
            "meta": {"check_id": "G10", "part": "", "action": "info"},
        }
    )
    path.write_text(json.dumps(raw), encoding="utf-8")
    desk = new_desk()
    street.changed(tmp_path / "inbox", "2025-01", "kent", lambda rows: rows[4].update(Location="zz.secret lane"))
    changed = Desk(Office(desk.office.home, desk.office.engine, Declarations(declarations)), desk.server, desk.database)
    changed.take_in(tmp_path / "inbox")
    assert changed.rows(
        "SELECT v.verdict, c.outcome, c.unexpected_count, c.detail FROM quality.validation v"
        " JOIN quality.check_result c USING (validation_id) WHERE c.check_id = 'G10'"
    ) == [("blocked", "error", None, "The check itself could not run; nothing is loaded until it can.")]
    assert changed.rows("SELECT count(*) FROM reporting.police_uk_street") == [(0,)]
    assert changed.rows("SELECT count(*) FROM quality.check_result c WHERE position('secret' in c::text) > 0") == [(0,)]
    for report in changed.office.home.rglob("*.html"):
        assert "secret" not in report.read_text(encoding="utf-8")

    desk.take_in(tmp_path / "inbox")  # once the check is put right, the same delivery loads
    assert desk.rows(
        "SELECT verdict FROM quality.validation WHERE delivery_id > %s ORDER BY validation_id", REFERENCE_FILES
    ) == [
        ("blocked",),
        ("passed",),
    ]
    assert desk.rows("SELECT count(*) > 0 FROM reporting.police_uk_street") == [(True,)]
    desk.office.engine.dispose()


def test_a_suite_with_a_lost_check_stops_validation(desk: Desk, street: Street, declarations: Path) -> None:
    path = declarations / "expectations/police_uk_street.json"
    raw = suite()
    raw["expectations"][0]["type"] = "expect_column_values_to_be_lucky"
    path.write_text(json.dumps(raw), encoding="utf-8")
    changed = Desk(Office(desk.office.home, desk.office.engine, Declarations(declarations)), desk.server, desk.database)
    with pytest.raises(ValueError, match="dropped a check"):
        changed.take_in(street.file("2025-01", "kent"))
    assert desk.rows("SELECT count(*) FROM quality.validation WHERE delivery_id > %s", REFERENCE_FILES) == [(0,)]
