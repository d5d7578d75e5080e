"""The faults that are declared of the sample force, over 36 consecutive month-ends: their checks fire, and no other."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from declared import copy_declarations
from offices import Desk, NewDesk

from monthend.freeze import chain
from monthend.freeze.candidate import read
from monthend.load import load, newest_load
from monthend.plan.calendar import add_months, freeze_day, months_between
from monthend.receive import receive
from monthend.sample import force
from monthend.validate import integrity
from monthend.validate.validation import validate

Signs = set[tuple[str, ...]]  # month-end, file, check, what came of it


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 month-ends of a force of a tenth of the size: of a smaller one, a single row is too large a share."""
    folder = tmp_path_factory.mktemp("sample")
    force.write(folder, scale=0.1, public=False)
    return folder


@pytest.fixture
def desk(new_desk: NewDesk, tmp_path: Path) -> Iterator[Desk]:
    """An office that counts one measure only, which is enough for snapshots to follow each other."""
    declarations = copy_declarations(tmp_path / "declarations")
    for path in (declarations / "reports/measures").iterdir():
        if path.stem != "all_crime":
            path.unlink()
    for path in [*(declarations / "reports/boards").iterdir(), declarations / "reports/plan/plan.yaml"]:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        for each in [declared, *(each for theme in declared.get("themes", ()) for each in theme.get("priorities", ()))]:
            if "measures" in each:
                each["measures"] = ["all_crime"] if each is declared else []
        path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    made = new_desk(declarations=declarations)
    yield made
    made.office.engine.dispose()


def test_of_36_month_ends_the_declared_checks_fire_and_no_other(desk: Desk, sample: Path) -> None:
    with (sample / "faults.csv").open(encoding="utf-8", newline="") as file:
        faults = list(csv.DictReader(file))
    declared = {(each["month_end"], each["file"], each["check_id"], each["outcome"]) for each in faults}
    found: Signs = set()
    for month in months_between(add_months(force.UNTIL, 1 - force.MONTHS), force.UNTIL):
        of_month = [each for each in faults if each["month_end"] == month and each["feed"] != "csp_return"]
        names = {each["file"] for each in of_month if "/" not in each["file"]}
        sent = [path for path in (sample / month).iterdir() if path.is_file()]
        found |= {(month, *sign) for sign in taken_in(desk, month, sent, *names)}
        if (corrected := sample / month / "corrected").is_dir():
            found |= {(month, f"corrected/{file}", *sign) for file, *sign in taken_in(desk, month, [corrected])}
        desk.freeze(month, on=freeze_day(month))
    assert sorted(found ^ declared) == []
    assert len(declared) == 46
    assert len({fault["what"] for fault in faults}) == 39


def taken_in(desk: Desk, month: str, inbox: list[Path], spoiled: str = "") -> Iterator[tuple[str, str, str]]:
    """Receive, validate, load and check between feeds; gives file, check and outcome of all that fails of these files.

    What fails between feeds is put down to the file that is `spoiled`.
    """
    received = receive(desk.office, inbox, freeze_day(month)).delivery_ids
    validate(desk.office, received, freeze_day(month))
    load(desk.office, received)
    for origin, check_id, verdict, action in desk.rows(
        "SELECT DISTINCT r.origin, c.check_id, v.verdict, c.action FROM quality.check_result c"
        " JOIN quality.validation v USING (validation_id) JOIN landing.receipt r USING (delivery_id)"
        " WHERE c.outcome IN ('failed', 'error') AND v.delivery_id = ANY(%s)",
        received,
    ):
        of_rows = {"quarantine_row": "quarantined", "warn": "warned"}
        yield Path(origin).name, check_id, "blocked" if verdict == "blocked" else of_rows[action]
    with desk.office.engine.connect() as connection:
        newest = newest_load(connection)
    snapshots = chain.snapshots(desk.office)
    before = read(desk.office, snapshots[-1].candidate_id).load_number if snapshots else 0
    for each in integrity.check(desk.office, month, newest, before, freeze_day(month)).results:
        if each.outcome in ("failed", "error"):
            yield spoiled, each.check_id, "cross-feed failed"
