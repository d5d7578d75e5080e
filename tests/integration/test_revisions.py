"""What a later month-end says about earlier months: marks, storage of changes, restatements."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from offices import LAST_MONTH, ON, STEWARD, Desk, NewDesk, Rows, Street

from monthend.errors import WrongCall
from monthend.freeze.query import frozen_facts
from monthend.freeze.verify import verify
from monthend.office import Office
from monthend.plan.calendar import add_months
from monthend.plan.declarations import Declarations
from monthend.run import restate, run

LEICESTERSHIRE, KENT = "E23000021", "E23000032"
Key = tuple[str, str, str, str]


def facts(desk: Desk, month: str, revision: int | None = None) -> dict[Key, dict[str, Any]]:
    return {
        (row["measure"], row["basis"], row["area_code"], row["period"]): row
        for row in frozen_facts(desk.office, month, revision)
    }


def numbers(row: dict[str, Any]) -> tuple[Any, ...]:
    """What decides whether a fact is the same as its parent's: numbers, and whether it is missing."""
    return (row["value"], row["numerator"], row["denominator"], "x" in row["mark"])


def without(crime_type: str, number: int) -> Callable[[Rows], None]:
    """Take out the first rows of a crime type."""

    def change(rows: Rows) -> None:
        for row in [row for row in rows if row["Crime type"] == crime_type][:number]:
            rows.remove(row)

    return change


@pytest.fixture(scope="module")
def april(frozen: Desk, new_desk: NewDesk, street: Street, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """April frozen after March, with a correction of January and one late file. Only for reading."""
    inbox = tmp_path_factory.mktemp("april")
    street.inbox(inbox / "april", ["2025-04"], ["leicestershire", "sussex"])
    street.changed(inbox / "resent", "2025-01", "leicestershire", without("Burglary", 4))
    street.inbox(inbox / "late", ["2024-02"], ["kent"])
    desk = new_desk(frozen)
    desk.take_in(inbox)
    desk.freeze("2025-04")
    return desk


def test_r_stands_on_exactly_the_values_that_changed(april: Desk) -> None:
    before, after = facts(april, LAST_MONTH), facts(april, "2025-04")
    revised = {key for key, row in after.items() if "r" in row["mark"].split()}
    changed = {
        key
        for key, row in before.items()
        if row["value"] is not None and after[key]["value"] is not None and row["value"] != after[key]["value"]
    }
    assert revised == changed
    whole_force = {key for key in revised if key[2] == LEICESTERSHIRE and not key[0].endswith("_rate")}
    # January, the rolling years that it lies in (two were held before), its year to date (three), its quarter
    assert whole_force == {
        (measure, basis, LEICESTERSHIRE, period)
        for measure in ("open_burglary", "open_all_crime")
        for basis, periods in {
            "month": ["2025-01"],
            "quarter": ["2025-03"],
            "r12": ["2025-01", "2025-02", "2025-03"],
            "fytd": ["2025-01", "2025-02", "2025-03"],
        }.items()
        for period in periods
    }
    assert after["open_burglary", "month", LEICESTERSHIRE, "2025-01"]["value"] == (
        before["open_burglary", "month", LEICESTERSHIRE, "2025-01"]["value"] - 4
    )


def test_what_came_late_is_new_and_not_revised(april: Desk) -> None:
    before, after = facts(april, LAST_MONTH), facts(april, "2025-04")
    key = ("open_burglary", "month", KENT, "2024-02")
    assert (before[key]["value"], before[key]["mark"]) == (None, "x")
    assert after[key]["value"] > 0
    assert after[key]["mark"] == ""
    assert facts(april, "2025-04")["open_burglary", "month", KENT, "2024-05"]["mark"] == "p"


def test_a_month_is_provisional_until_it_is_twelve_months_old(april: Desk) -> None:
    for month_end in (LAST_MONTH, "2025-04"):
        for key, row in facts(april, month_end).items():
            provisional = row["value"] is not None and key[3] > add_months(month_end, -12)
            assert ("p" in row["mark"].split()) == provisional, key


def test_only_changes_are_stored(april: Desk) -> None:
    before, after = facts(april, LAST_MONTH), facts(april, "2025-04")
    different = {key for key, row in after.items() if key not in before or numbers(before[key]) != numbers(row)}
    stored = april.rows(
        "SELECT c.month, count(*), count(*) FILTER (WHERE removed) FROM snapshot.fact JOIN snapshot.candidate c"
        " USING (candidate_id) GROUP BY c.month ORDER BY c.month"
    )
    assert stored == [(LAST_MONTH, len(before), 0), ("2025-04", len(different), 0)]
    assert len(different) < len(after) / 4


def test_a_frozen_month_stays_readable_as_it_was(april: Desk, frozen: Desk) -> None:
    assert facts(april, LAST_MONTH) == facts(frozen, LAST_MONTH)


def test_marks_are_letters_in_alphabetical_order(april: Desk) -> None:
    assert {row["mark"] for row in facts(april, "2025-04").values()} == {"", "p", "p r", "x"}


def test_a_measure_that_is_dropped_leaves_one_tombstone_a_fact(frozen_copy: Desk, declarations: Path) -> None:
    before = facts(frozen_copy, LAST_MONTH)
    (declarations / "reports/measures/open_drugs.yaml").unlink()
    for path in [*(declarations / "reports/boards").glob("*.yaml"), declarations / "reports/plan/plan.yaml"]:
        path.write_text(yaml.safe_dump(without_word(yaml.safe_load(path.read_text(encoding="utf-8")), "open_drugs")))
    changed = Office(frozen_copy.office.home, frozen_copy.office.engine, Declarations(declarations))
    restated = replace(frozen_copy, office=changed).freeze(LAST_MONTH, "drugs are counted elsewhere")
    assert restated.revision == 2

    dropped = {key for key in before if key[0] in ("open_drugs", "open_drugs_rate")}
    assert frozen_copy.rows(
        "SELECT removed, count(*) FROM snapshot.fact WHERE candidate_id = %s GROUP BY removed",
        restated.candidate_id,
    ) == [(True, len(dropped))]
    assert facts(frozen_copy, LAST_MONTH).keys() == before.keys() - dropped
    assert {key: numbers(row) for key, row in facts(frozen_copy, LAST_MONTH, 1).items()} == {
        key: numbers(row) for key, row in before.items()
    }
    with pytest.raises(WrongCall, match=r"^--measure open_drugs: 2025-03 has no fact for it\. Known: open_all_crime, "):
        frozen_facts(changed, LAST_MONTH, measure="open_drugs")


def without_word(value: Any, word: str) -> Any:
    """A declaration without one of its words, wherever it stands in a list."""
    if isinstance(value, dict):
        return {key: without_word(each, word) for key, each in value.items()}
    if isinstance(value, list):
        return [without_word(each, word) for each in value if each != word]
    return value


def test_a_restatement_takes_in_what_came_since_and_keeps_the_first_revision(
    frozen_copy: Desk, street: Street, tmp_path: Path
) -> None:
    before = facts(frozen_copy, LAST_MONTH)
    street.changed(tmp_path, "2025-03", "leicestershire", without("Burglary", 3))
    again = run(frozen_copy.office, LAST_MONTH, [tmp_path], STEWARD, ON)
    assert again.notes == [
        "2025-03 is frozen and was left as it is; deliveries for it that came in since: 1. "
        "`monthend restate` takes them in."
    ]
    assert again.snapshot.revision == 1
    assert facts(frozen_copy, LAST_MONTH) == before

    restated = frozen_copy.ask(
        "restate", "--month", LAST_MONTH, "--reason", "a corrected extract", "--signed-off-by", "A. Steward", "--on", ON
    )
    assert restated.returncode == 0, restated.stderr
    assert restated.stdout.startswith("2025-03, revision 2: frozen on 10 June 2025.\n")
    key = ("open_burglary", "month", LEICESTERSHIRE, "2025-03")
    first, second = facts(frozen_copy, LAST_MONTH, 1), facts(frozen_copy, LAST_MONTH)
    assert first == before
    assert (first[key]["revision"], first[key]["mark"]) == (1, "p")
    assert (second[key]["revision"], second[key]["mark"]) == (2, "p r")
    assert first[key]["value"] - second[key]["value"] == 3
    only = ("--measure", "open_burglary", "--area", LEICESTERSHIRE, "--basis", "month", "--period", "2025-03")
    printed = frozen_copy.ask("facts", "--month", LAST_MONTH, "--revision", 1, *only, "--json")
    assert json.loads(printed.stdout) == [first[key]]
    assert verify(frozen_copy.office) == []


def test_the_same_restatement_twice_makes_one_revision(frozen_copy: Desk, street: Street, tmp_path: Path) -> None:
    def ask() -> tuple[int, dict[str, Any]]:
        done = frozen_copy.ask(
            *("restate", "--month", LAST_MONTH, "--reason", "a corrected extract"),
            *("--signed-off-by", STEWARD, "--on", ON, "--json"),
        )
        return done.returncode, json.loads(done.stdout)

    counted = "SELECT (SELECT count(*) FROM snapshot.candidate), (SELECT count(*) FROM snapshot.sign_off)"
    note = "Nothing changed since revision {} was frozen; there is nothing to restate."
    code, said = ask()
    assert (code, said["revision"], said["notes"]) == (0, 1, [note.format(1)])
    assert frozen_copy.rows(counted) == [(1, 1)]
    frozen_copy.take_in(street.changed(tmp_path, "2025-03", "leicestershire", without("Burglary", 3)))
    code, first = ask()
    assert (code, first["revision"], first["notes"]) == (0, 2, [])
    code, second = ask()
    assert (code, second["revision"], second["notes"]) == (0, 2, [note.format(2)])
    assert second["digest"] == first["digest"]
    assert second["seal"] == first["seal"]
    assert frozen_copy.rows(counted) == [(2, 2)]


def test_only_the_newest_month_is_restated(april: Desk) -> None:
    with pytest.raises(WrongCall, match=r"^Only the newest frozen month can be restated, and the newest frozen month "):
        restate(april.office, LAST_MONTH, "too late", STEWARD, ON)
    with pytest.raises(WrongCall, match=r"^--reason: a restatement needs a reason\.$"):
        restate(april.office, "2025-04", "  ", STEWARD, ON)
    assert april.rows("SELECT month, revision FROM snapshot.snapshot ORDER BY position") == [
        (LAST_MONTH, 1),
        ("2025-04", 1),
    ]
