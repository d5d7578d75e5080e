"""Why counts differ from one snapshot to the next: a world in which everything happens once, between April and May."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from declared import copy_declarations
from extracts import Row, write
from offices import ON, STEWARD, Desk, NewDesk

from monthend.errors import NeedsPerson
from monthend.freeze import chain, revisions
from monthend.freeze.candidate import propose
from monthend.freeze.verify import verify
from monthend.plan.declarations import ROOT

FORCE, LEICESTER, RUTLAND = "E23000021", "E06000016", "E06000017"
MARCH, APRIL = "2016-03", "2016-04"
IN_MARCH = {
    "reported_at": "2016-03-10T09:00:00",
    "recorded_at": "2016-03-10T21:00:00",
    "committed_from": "2016-03-09T20:00:00",
    "committed_to": "2016-03-10T08:00:00",
}
CANCELLED = {"status": "cancelled", "status_at": "2016-04-25T10:00:00"}


def crimes(before: bool) -> list[Row]:
    """What the crime extract of April holds (`before`), and of May."""
    states: dict[str, tuple[Row | None, Row | None]] = {
        "late": (None, {}),
        "reclassified": ({}, {"ho_code": "30A", "reclassified_at": "2016-05-02T10:00:00"}),
        "cancelled": ({}, {**CANCELLED, "status_at": "2016-05-10T10:00:00"}),
        "transferred": ({}, None),
        "redated": ({}, IN_MARCH),
        "relocated": ({"csp_code": LEICESTER}, {"csp_code": RUTLAND}),
        "reinstated": (CANCELLED, {}),
        "removed": ({}, None),
        "flagged": ({}, {"flag_da": "Y"}),
        "gone and cancelled": ({}, None),
        "outcome replaced": ({}, {}),
        "outcome redated": (IN_MARCH, IN_MARCH),
        "outcome late": ({}, {}),
        "as it was": ({}, {"beat_code": "LE02"}),
    }
    numbered = ((number, pair[0] if before else pair[1]) for number, pair in enumerate(states.values(), 1))
    return [{**crime(number), "csp_code": "", **state} for number, state in numbered if state is not None]


def crime(number: int) -> Row:
    return {"crime_ref": f"LEI-2016-{number:07}"}


def extracts(folder: Path, before: bool) -> Path:
    """Write the extracts of April (`before`), or of May."""
    period = APRIL if before else "2016-05"
    write(folder, "police_crime", period, crimes(before))
    replaced, redated, late = crime(11), crime(12), crime(13)
    write(
        folder,
        "police_outcome",
        period,
        [replaced, redated]
        if before
        else [
            {**replaced, "is_current": "N"},
            {**replaced, "outcome_type": "1", "outcome_at": "2016-05-10T10:00:00", "suspect_age": "30"},
            {**redated, "outcome_at": "2016-03-20T10:00:00"},
            late,
        ],
    )
    decided = [
        crime(3),
        {**crime(4), "action": "transferred", "reason_code": "C1", "receiving_force": "E23000019"},
        crime(10),
    ]
    write(
        folder, "police_cancelled", period, [{**crime(7), "decided_at": "2016-04-25T10:00:00"}] if before else decided
    )
    incidents: list[tuple[Row | None, Row | None]] = [
        ({}, {"asb_qualifier": "personal"}),
        ({}, {"closing_code": "PUBLIC SAFETY", "asb_qualifier": ""}),
        (None, {}),
        ({}, None),
        ({}, {"da_incident": "Y"}),
    ]
    write(
        folder,
        "police_incident",
        period,
        [
            {"incident_ref": f"LEI-I-2016-{number:07}", "csp_code": "", **state}
            for number, pair in enumerate(incidents, 1)
            for state in [pair[0] if before else pair[1]]
            if state is not None
        ],
    )
    return folder


@pytest.fixture(scope="module")
def april(new_desk: NewDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """April frozen, before everything happened. Only for copying."""
    desk = new_desk()
    desk.take_in(extracts(tmp_path_factory.mktemp("april"), before=True))
    desk.freeze(APRIL)
    return desk


@pytest.fixture
def later(april: Desk, new_desk: NewDesk, tmp_path: Path) -> Desk:
    """The same, with the extracts of May loaded."""
    desk = new_desk(april)
    desk.take_in(extracts(tmp_path / "may", before=False))
    return desk


def revised(desk: Desk, candidate_id: int) -> dict[tuple[str, str, str, str], dict[str, int]]:
    """The stored causes by measure, area, month and category."""
    found: dict[tuple[str, str, str, str], dict[str, int]] = {}
    with desk.office.engine.connect() as connection:
        for measure, area, month, category, cause, difference in revisions.read(connection, candidate_id):
            found.setdefault((measure, area, month, category), {})[cause] = difference
    return found


def test_each_cause(later: Desk) -> None:
    gone = {
        "late-recorded": 1,
        "cancelled": -2,
        "transferred": -1,
        "redated": -1,
        "reinstated": 1,
        "removed": -1,
    }
    incidents = {"late-recorded": 1, "reclassified out": -1, "removed": -1}
    expected = {
        ("all_crime", FORCE, APRIL, ""): gone,
        ("burglary_dwelling", FORCE, APRIL, ""): gone | {"reclassified out": -1},
        ("domestic_abuse_crimes", FORCE, APRIL, ""): {"reclassified in": 1},
        ("domestic_abuse_incidents", FORCE, APRIL, ""): {"reclassified in": 1},
        ("asb_incidents", FORCE, APRIL, ""): incidents,
        ("asb_incidents", FORCE, APRIL, "nuisance"): incidents | {"reclassified out": -2},
        ("asb_incidents", FORCE, APRIL, "personal"): {"reclassified in": 1},
        ("outcomes_recorded", FORCE, APRIL, ""): gone,
        ("outcomes_recorded", FORCE, APRIL, "0"): gone | {"outcome changed": -1},
        ("outcomes_recorded", FORCE, APRIL, "1"): {"outcome changed": 1},
    }
    for category in ("", "18"):
        expected["outcomes_assigned", FORCE, MARCH, category] = {"redated": 1}
        expected["outcomes_assigned", FORCE, APRIL, category] = {
            "late-recorded": 1,
            "outcome changed": -1,
            "redated": -1,
        }
    for measure, category in (
        ("all_crime", ""),
        ("burglary_dwelling", ""),
        ("outcomes_recorded", ""),
        ("outcomes_recorded", "0"),
    ):
        expected[measure, FORCE, MARCH, category] = {"redated": 1}
        expected[measure, LEICESTER, APRIL, category] = {"relocated": -1}
        expected[measure, RUTLAND, APRIL, category] = {"relocated": 1}
    assert revised(later, propose(later.office, "2016-05", ON).candidate_id) == expected


def test_a_changed_definition_is_told_from_what_happened_to_rows(
    later: Desk, new_desk: NewDesk, tmp_path: Path
) -> None:
    declarations = copy_declarations(tmp_path / "declarations")
    path = declarations / "reports/measures/burglary_dwelling.yaml"
    declared: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared["where"]["ho_code"] = ["30A"]
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    desk = new_desk(later, declarations)
    found = revised(desk, propose(desk.office, "2016-05", ON).candidate_id)
    assert {cell[1:3]: causes for cell, causes in found.items() if cell[0] == "burglary_dwelling"} == {
        (FORCE, APRIL): {revisions.DEFINITION: -11, "reclassified in": 1},
        (FORCE, MARCH): {revisions.DEFINITION: -1},
        (LEICESTER, APRIL): {revisions.DEFINITION: -1},
    }


def test_newer_offence_codes_are_a_changed_reference(april: Desk, new_desk: NewDesk, tmp_path: Path) -> None:
    desk = new_desk(april)
    text = (ROOT / "include/reference/offence_codes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    with (tmp_path / "offence_codes-2016-06.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | ({"notifiable": "N"} if row["code"] == "28A" else {}) for row in rows)
    desk.take_in(tmp_path)
    found = revised(desk, propose(desk.office, "2016-05", ON).candidate_id)
    assert {cell[1:3]: causes for cell, causes in found.items() if cell[0] == "all_crime"} == {
        (FORCE, APRIL): {revisions.DEFINITION: -11},
        (FORCE, MARCH): {revisions.DEFINITION: -1},
        (LEICESTER, APRIL): {revisions.DEFINITION: -1},
    }


def test_causes_that_do_not_sum_are_not_proposed(later: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    differing = revisions._Counting._differing

    def without_rutland(self: Any, of_changed_keys: bool) -> dict[str, list[Any]]:
        found = differing(self, of_changed_keys)
        return {key: [each for each in rows if each[0][1] != RUTLAND] for key, rows in found.items()}

    monkeypatch.setattr(revisions._Counting, "_differing", without_rutland)
    with pytest.raises(
        NeedsPerson,
        match=rf"all_crime, {RUTLAND}, 2016-04: the count was 0 and is 1, and the causes sum to 0\.$",
    ):
        propose(later.office, "2016-05", ON)
    assert later.rows("SELECT count(*) FROM snapshot.candidate") == [(1,)]


def test_freeze_and_verify_sum_the_stored_causes(april: Desk, new_desk: NewDesk, tmp_path: Path) -> None:
    desk = new_desk(april)
    late, flagged = {**crime(1), "csp_code": ""}, {**crime(9), "csp_code": "", "flag_da": "Y"}
    kept = [row for row in crimes(before=True) if row["crime_ref"] != flagged["crime_ref"]]
    desk.take_in(write(tmp_path, "police_crime", "2016-05", [*kept, late, flagged]))
    signed_off = propose(desk.office, "2016-05", ON)
    chain.sign_off(desk.office, signed_off.candidate_id, "freeze", STEWARD, signed_off.shown_sha256, "command line", ON)
    change = "UPDATE snapshot.revision SET difference = difference + %s WHERE measure = 'domestic_abuse_crimes'"
    desk.behind_its_back(change, 4)
    wrong = f"domestic_abuse_crimes, {FORCE}, 2016-04: the count was 0 and is 1, and the causes sum to 5."
    with pytest.raises(NeedsPerson, match=f"^2016-05 is not frozen, as its revisions do not add up. {wrong}"):
        chain.freeze(desk.office, signed_off.candidate_id, ON)
    desk.behind_its_back(change, -4)
    chain.freeze(desk.office, signed_off.candidate_id, ON)
    assert verify(desk.office, "2016-05") == []
    desk.behind_its_back(change, 4)
    desk.behind_its_back("DELETE FROM snapshot.revision WHERE measure = 'all_crime'")
    assert verify(desk.office, "2016-05") == [
        f"2016-05 revision 1: revisions: all_crime, {FORCE}, 2016-04: the count was 11 and is 12, and the causes sum "
        "to 0.",
        f"2016-05 revision 1: revisions: {wrong}",
    ]
