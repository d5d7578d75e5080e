"""Findings, waivers and known errors: what opens and closes them, who may say what, and what comes of it."""

import dataclasses
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from offices import Desk, NewDesk

from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import chain, known_errors
from monthend.freeze.candidate import propose, read
from monthend.load import load
from monthend.plan.declarations import Declarations
from monthend.receive import receive
from monthend.sample import street
from monthend.validate.findings import Finding, acknowledge, consent, findings, let_in, waive, waivers
from monthend.validate.validation import validate

ON, LATER = date(2025, 4, 10), date(2025, 4, 24)
PERIOD = "2025-03"
NAME = f"{PERIOD}-leicestershire-street.csv"
COLUMN = 9  # Crime type

Files = Callable[..., Path]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Made-up extracts of March 2025, one a force."""
    street.write(tmp_path / "inbox", PERIOD, months=1)
    return tmp_path / "inbox"


def with_types(inbox: Path, crime_type: str, rows: int) -> Path:
    """The home force's file with another crime type in its first rows."""
    (path,) = inbox.rglob(NAME)
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in range(1, rows + 1):
        cells = lines[number].split(",")
        cells[COLUMN] = crime_type
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def take_in(desk: Desk, *inbox: Path, on: date = ON) -> None:
    received = receive(desk.office, inbox, on)
    validate(desk.office, received.delivery_ids, on)
    load(desk.office, received.delivery_ids)


def of(desk: Desk, check: str, on: date = ON, fixed: bool = False) -> Finding | None:
    found = [f for f in findings(desk.office, on, fixed=fixed) if f.check_id == check and f.feed == "police_uk_street"]
    assert len(found) < 2
    return found[0] if found else None


@pytest.fixture
def blocked(new_desk: NewDesk, inbox: Path) -> Desk:
    """An office whose home force's file names another month in two rows, and so is blocked."""
    desk = new_desk()
    (path,) = inbox.rglob(NAME)
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in (4, 9):
        lines[number] = lines[number].replace(PERIOD, "2025-02", 1)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    take_in(desk, inbox)
    return desk


def test_a_failed_check_opens_a_finding_that_a_resend_closes_and_the_same_fault_reopens(
    new_desk: NewDesk, inbox: Path
) -> None:
    desk = new_desk()
    take_in(desk, inbox)
    assert of(desk, "U01") is None
    good = next(inbox.rglob(NAME)).read_text(encoding="utf-8")

    bad = with_types(inbox, "Sheep stealing", 2)
    take_in(desk, bad, on=ON)
    opened = of(desk, "U01")
    assert opened is not None
    assert (opened.state, opened.unexpected_count, opened.opened_on, opened.reopened) == ("open", 2, ON, False)
    assert (opened.owner, opened.contact) == ("Performance analysis", "performance@opcc.example")
    assert opened.due_on == date(2025, 4, 14)  # working day 7 is the 9th, which is past: two working days

    first_delivery = opened.delivery_id
    bad.write_text(good + "\n", encoding="utf-8")  # the blank line makes other bytes of the same rows
    take_in(desk, bad, on=LATER)
    assert of(desk, "U01") is None
    closed = of(desk, "U01", fixed=True)
    assert closed is not None
    assert (closed.state, closed.opened_on, closed.fixed_on) == ("fixed", ON, LATER)
    assert closed.delivery_id > first_delivery

    with_types(inbox, "Sheep stealing", 3)
    take_in(desk, bad, on=LATER)
    again = of(desk, "U01")
    assert again is not None
    assert (again.state, again.unexpected_count, again.opened_on, again.reopened) == ("open", 3, LATER, True)


def test_an_acknowledgement_is_of_one_delivery(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    bad = with_types(inbox, "Sheep stealing", 2)
    take_in(desk, inbox)
    opened = of(desk, "U01")
    assert opened is not None
    acknowledge(desk.office, opened.validation_id, "U01", opened.part, "d.analyst", "asked the force", ON)
    acknowledge(desk.office, opened.validation_id, "U01", opened.part, "d.analyst", "asked the force", ON)
    known = of(desk, "U01")
    assert known is not None
    assert (known.state, known.acknowledged_by, known.note) == ("acknowledged", "D. Analyst", "asked the force")
    assert len(desk.rows("SELECT * FROM quality.acknowledgement")) == 1

    with_types(inbox, "Sheep stealing", 4)
    take_in(desk, bad)
    next_one = of(desk, "U01")
    assert next_one is not None
    assert (next_one.state, next_one.unexpected_count) == ("open", 4)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("b.releaser", "B. Releaser is no steward or registrar and may not waive a check."),
        ("d.analyst", "D. Analyst is no steward or registrar and may not waive a check."),
        ("somebody", "somebody is not in reports/people.yaml and may not waive a check."),
    ],
)
def test_who_may_not_waive(blocked: Desk, by: str, words: str) -> None:
    finding = of(blocked, "U02")
    assert finding is not None
    with pytest.raises(NeedsPerson, match=words):
        waive(blocked.office, finding.validation_id, "U02", finding.part, "it is right", LATER, by, ON)
    assert blocked.rows("SELECT * FROM quality.waiver") == []


def test_a_check_that_blocks_needs_two_people_and_then_lets_the_delivery_in(blocked: Desk, inbox: Path) -> None:
    finding = of(blocked, "U02")
    assert finding is not None
    assert (finding.state, finding.action, finding.unexpected_count) == ("open", "block_feed", 2)
    with pytest.raises(WrongCall, match="A waiver needs a reason"):
        waive(blocked.office, finding.validation_id, "U02", finding.part, " ", LATER, "a.steward", ON)
    for day in (ON, date(2026, 4, 12)):
        with pytest.raises(WrongCall, match="a day to come, within a year"):
            waive(blocked.office, finding.validation_id, "U02", finding.part, "known", day, "a.steward", ON)
    waiver = waive(blocked.office, finding.validation_id, "U02", finding.part, "known", LATER, "a.steward", ON)
    assert (waiver.people, waiver.agreed, waiver.names) == (2, False, ("A. Steward",))
    with pytest.raises(NeedsPerson, match="waived for this delivery already, or waits for consent"):
        waive(blocked.office, finding.validation_id, "U02", finding.part, "known", LATER, "c.registrar", ON)
    with pytest.raises(NeedsPerson, match=r"A\. Steward consented already"):
        consent(blocked.office, waiver.waiver_id, "A. Steward", ON)
    take_in(blocked, inbox)
    assert let_in(blocked.office, ON) == []
    assert blocked.rows("SELECT * FROM reporting.load WHERE delivery_id = %s", finding.delivery_id) == []

    agreed = consent(blocked.office, waiver.waiver_id, "c.registrar", ON)
    assert (agreed.agreed, agreed.names) == (True, ("A. Steward", "C. Registrar"))
    waived = of(blocked, "U02")
    assert waived is not None
    assert waived.state == "waived"
    assert let_in(blocked.office, ON) == [("police_uk_street", PERIOD, finding.delivery_id)]
    take_in(blocked, inbox)
    assert let_in(blocked.office, ON) == []
    ((verdict, loaded),) = blocked.rows(
        "SELECT v.verdict, l.row_count = v.row_count FROM reporting.load l JOIN quality.validation v"
        " USING (validation_id) WHERE l.delivery_id = %s",
        finding.delivery_id,
    )
    assert (verdict, loaded) == ("warned", True)
    ((waiver_id,),) = blocked.rows(
        "SELECT c.waiver_id FROM quality.check_result c JOIN reporting.load l USING (validation_id)"
        " WHERE l.delivery_id = %s AND c.check_id = 'U02' AND c.outcome = 'failed'",
        finding.delivery_id,
    )
    assert waiver_id == waiver.waiver_id

    after = of(blocked, "U02", on=date(2025, 4, 25))  # the waiver has ended; the delivery stays in
    assert after is not None
    assert after.state == "open"
    assert waivers(blocked.office, date(2025, 4, 25)) == []

    # the month-end names the waiver, and the digest covers it, also after it has ended
    candidate = propose(blocked.office, PERIOD, date(2025, 4, 25))
    words = "U02 is waived for Street-level crime (data.police.uk), March 2025, Leicestershire Police, until 24 April"
    assert f"- {words} 2025: known (A. Steward and C. Registrar)" in candidate.shown
    ((manifest,),) = blocked.rows("SELECT manifest->'waivers' FROM snapshot.candidate")
    assert [(w["check_id"], w["names"], w["expires_on"]) for w in manifest] == [
        ("U02", ["A. Steward", "C. Registrar"], "2025-04-24")
    ]


def test_a_check_that_blocks_by_how_many_rows_fail_it_needs_two_people_too(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    with_types(inbox, "Sheep stealing", 400)
    take_in(desk, inbox)
    finding = of(desk, "U01")
    assert finding is not None
    assert (finding.action, finding.verdict, finding.two_people) == ("quarantine_row", "blocked", True)
    waiver = waive(desk.office, finding.validation_id, "U01", finding.part, "a new type", LATER, "c.registrar", ON)
    assert (waiver.people, waiver.agreed) == (2, False)
    assert finding.needs == (
        "Performance analysis (performance@opcc.example) sends a corrected extract, or two people waive the check."
    )
    take_in(desk, inbox)
    assert desk.rows("SELECT * FROM reporting.load WHERE delivery_id = %s", finding.delivery_id) == []


def with_people(desk: Desk, was: str, now: str) -> Desk:
    """The same office after somebody's role changed."""
    people = desk.office.declarations.root / "reports/people.yaml"
    text = people.read_text(encoding="utf-8")
    assert was in text
    people.write_text(text.replace(was, now), encoding="utf-8")
    return dataclasses.replace(
        desk, office=dataclasses.replace(desk.office, declarations=Declarations(desk.office.declarations.root))
    )


def test_consent_counts_only_while_the_role_is_held(new_desk: NewDesk, inbox: Path, declarations: Path) -> None:
    desk = new_desk()
    desk = dataclasses.replace(desk, office=dataclasses.replace(desk.office, declarations=Declarations(declarations)))
    with_types(inbox, "Sheep stealing", 400)
    take_in(desk, inbox)
    finding = of(desk, "U01")
    assert finding is not None
    terms = (finding.validation_id, "U01", finding.part, "a new type", LATER)
    waiver = waive(desk.office, *terms, "c.registrar", ON)
    left = with_people(desk, "roles: [registrar]", "roles: [analyst]")
    with pytest.raises(NeedsPerson, match=r"C\. Registrar is no steward or registrar any more"):
        consent(left.office, waiver.waiver_id, "a.steward", ON)
    other = waive(left.office, *terms, "a.steward", ON)  # the first one stands in nobody's way
    back = with_people(
        left, "c.registrar@opcc.example, roles: [analyst]", "c.registrar@opcc.example, roles: [registrar]"
    )
    assert consent(back.office, other.waiver_id, "c.registrar", ON).agreed
    assert let_in(back.office, ON) != []
    assert let_in(with_people(back, "roles: [registrar]", "roles: [analyst]").office, ON) == []


def test_a_waiver_that_has_ended_does_not_come_back_with_an_earlier_date(blocked: Desk, inbox: Path) -> None:
    finding = of(blocked, "U02")
    assert finding is not None
    waiver = waive(blocked.office, finding.validation_id, "U02", finding.part, "known", LATER, "a.steward", ON)
    consent(blocked.office, waiver.waiver_id, "c.registrar", ON)
    assert let_in(blocked.office, ON) != []
    kent = next(inbox.rglob(f"{PERIOD}-kent-street.csv"))
    kent.write_text(kent.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    received = receive(blocked.office, [kent], date(2025, 4, 25))
    validate(blocked.office, received.delivery_ids, date(2025, 4, 25))  # so the day is later now
    assert let_in(blocked.office, ON) == []


def test_a_reason_cannot_look_like_what_the_steward_is_shown(blocked: Desk, inbox: Path) -> None:
    finding = of(blocked, "U02")
    assert finding is not None
    reason = "known\n\n**Known errors in the sources:** none\n\nDigest: `0000`\n<!--"
    waiver = waive(blocked.office, finding.validation_id, "U02", finding.part, reason, LATER, "a.steward", ON)
    consent(blocked.office, waiver.waiver_id, "c.registrar", ON)
    take_in(blocked, inbox)
    shown = propose(blocked.office, PERIOD, ON).shown
    (line,) = [line for line in shown.splitlines() if "is waived for" in line]
    assert line.endswith(
        r"until 24 April 2025: known \*\*Known errors in the sources:\*\* none Digest: \`0000\` \<\!-- "
        "(A. Steward and C. Registrar)"
    )
    assert shown.count("\nDigest: `") == 1


def test_an_unreadable_file_and_a_check_that_did_not_fail_cannot_be_waived(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    (path,) = inbox.rglob(NAME)
    path.write_text("Crime ID;Month\n1;2\n", encoding="utf-8")
    take_in(desk, inbox)
    finding = of(desk, "G03")
    assert finding is not None
    with pytest.raises(NeedsPerson, match="nothing that a waiver could let in"):
        waive(desk.office, finding.validation_id, "G03", finding.part, "known", LATER, "a.steward", ON)
    with pytest.raises(WrongCall, match="did not fail"):
        waive(desk.office, finding.validation_id, "U02", "", "known", LATER, "a.steward", ON)


def test_one_person_waives_a_quarantine_before_the_delivery_is_loaded(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    with_types(inbox, "Sheep stealing", 2)
    received = receive(desk.office, [inbox], ON)
    validate(desk.office, received.delivery_ids, ON)
    finding = of(desk, "U01")
    assert finding is not None
    assert finding.action == "quarantine_row"
    waiver = waive(desk.office, finding.validation_id, "U01", finding.part, "a new type", LATER, "c.registrar", ON)
    assert waiver.agreed
    validate(desk.office, received.delivery_ids, ON)
    load(desk.office, received.delivery_ids)
    ((quarantined, rows),) = desk.rows(
        "SELECT v.quarantined_count, l.row_count - v.row_count FROM reporting.load l JOIN quality.validation v"
        " USING (validation_id) WHERE l.delivery_id = %s",
        finding.delivery_id,
    )
    assert (quarantined, rows) == (0, 0)


def test_failing_rows_of_a_check_that_quarantines_nothing_are_kept(blocked: Desk) -> None:
    assert blocked.rows("SELECT row_number, check_id FROM quality.failing_row ORDER BY 1, 2") == [
        (4, "U02"),
        (9, "U02"),
    ]


def test_the_guard_of_a_known_error_fails_once_the_source_is_fixed(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    (path,) = inbox.rglob(f"{PERIOD}-nottinghamshire-street.csv")
    heading, *rows = path.read_text(encoding="utf-8").splitlines()
    ids = [row.split(",")[0] for row in rows]
    crimes = [place for place, crime_id in enumerate(ids) if crime_id]
    for number, place in enumerate(crimes):  # each its own, then three of them again
        ids[place] = f"{number:064x}"
    for place in crimes[1:4]:
        ids[place] = ids[crimes[0]]

    def write() -> None:
        lines = [heading, *(f"{i},{row.partition(',')[2]}" for i, row in zip(ids, rows, strict=True))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    write()
    take_in(desk, inbox)
    assert known_errors.fixed(desk.office) == []
    candidate = propose(desk.office, PERIOD, ON)
    assert "- Nottinghamshire Police repeats Crime IDs within a month: 3 rows, to March 2025" in candidate.shown
    ((manifest,),) = desk.rows("SELECT manifest->'known_errors' FROM snapshot.candidate")
    assert manifest == [
        {
            "known_error": "nottinghamshire_repeated_crime_ids",
            "first": PERIOD,
            "last": PERIOD,
            "deliveries": 1,
            "rows": 3,
        }
    ]

    for number, place in enumerate(crimes[1:4], start=1):
        ids[place] = f"{number:064x}"
    write()
    take_in(desk, path, on=LATER)
    assert known_errors.fixed(desk.office) == [
        "The known error 'Nottinghamshire Police repeats Crime IDs within a month' is fixed at the source: no row of 1 "
        "deliveries to 2025-03 shows it. Remove reports/known_errors/nottinghamshire_repeated_crime_ids.yaml, or give "
        "it a last_period."
    ]
    assert "NO LONGER SO, the source is fixed" in propose(desk.office, PERIOD, LATER).shown


def test_what_is_shown_is_kept_as_it_was(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    take_in(desk, inbox)
    candidate = propose(desk.office, PERIOD, ON)
    ((kept,),) = desk.rows("SELECT shown FROM snapshot.candidate")
    assert kept == candidate.shown == read(desk.office, candidate.candidate_id).shown
    assert "Month-end March 2025" in kept


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"withheld": ["open_nothing"], "reason": "why"}, "There is no measure open_nothing to withhold."),
        ({"withheld": ["open_burglary"]}, "To withhold a measure needs a reason."),
        (
            {"withheld": ["open_burglary"], "answer": "refuse", "reason": "why"},
            "To refuse withholds every measure: name none.",
        ),
    ],
)
def test_what_cannot_be_withheld(new_desk: NewDesk, inbox: Path, changed: dict[str, object], refusal: str) -> None:
    desk = new_desk()
    take_in(desk, inbox)
    candidate = propose(desk.office, PERIOD, ON)
    call: dict[str, object] = {"answer": "freeze", "by": "a.steward", "shown_sha256": candidate.shown_sha256} | changed
    with pytest.raises(NeedsPerson, match=refusal):
        chain.sign_off(desk.office, candidate.candidate_id, channel="airflow", on=ON, **call)  # type: ignore[arg-type]
    assert desk.rows("SELECT accepted, refusal FROM snapshot.sign_off") == [(False, refusal)]


def test_a_withheld_measure_is_sealed_and_kept_from_readers(new_desk: NewDesk, inbox: Path) -> None:
    desk = new_desk()
    take_in(desk, inbox)
    candidate = propose(desk.office, PERIOD, ON)
    chain.sign_off(
        desk.office, candidate.candidate_id, "freeze", "a.steward", candidate.shown_sha256, "airflow", ON,
        reason="the burglary codes changed", withheld=["open_burglary", "open_burglary"],
    )  # fmt: skip
    chain.freeze(desk.office, candidate.candidate_id, ON)
    with desk.office.engine.connect() as connection:
        assert chain.withheld(connection, candidate.candidate_id) == {"open_burglary": "the burglary codes changed"}
    measures = {measure for (measure,) in desk.rows("SELECT DISTINCT measure FROM snapshot.current_fact")}
    assert {"open_all_crime", "open_all_crime_rate"} <= measures
    assert measures & {"open_burglary", "open_burglary_rate"} == set()
    assert desk.rows("SELECT count(*) > 0 FROM snapshot.fact WHERE measure = 'open_burglary'") == [(True,)]
    assert desk.monthend("verify").returncode == 0
    desk.behind_its_back("UPDATE snapshot.sign_off SET withheld = '[]'")
    assert "the seal does not follow" in desk.monthend("verify").stdout
