"""Whose answer counts, to what, and in which order months freeze."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from offices import ON, STEWARD, Desk, NewDesk, Street

from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import chain
from monthend.freeze.candidate import Candidate, propose
from monthend.freeze.verify import verify
from monthend.run import run

MONTH = "2025-01"
NOT_ACCEPTED = "The answer '{}' to 2025-01 was recorded and not accepted. {}"


@pytest.fixture(scope="module")
def loaded(new_desk: NewDesk, street: Street, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """January and February of two forces, loaded and not proposed. Only for copying."""
    desk = new_desk()
    desk.take_in(street.inbox(tmp_path_factory.mktemp("inbox"), [MONTH, "2025-02"], ["leicestershire", "sussex"]))
    return desk


@pytest.fixture
def desk(loaded: Desk, new_desk: NewDesk) -> Iterator[Desk]:
    made = new_desk(loaded)
    yield made
    made.office.engine.dispose()


@pytest.fixture
def candidate(desk: Desk) -> Candidate:
    return propose(desk.office, MONTH, ON)


def answer(desk: Desk, candidate: Candidate, choice: str, **changed: Any) -> None:
    given = {"by": STEWARD, "shown_sha256": candidate.shown_sha256, "channel": "airflow", "on": ON} | changed
    chain.sign_off(desk.office, candidate.candidate_id, choice, **given)


@pytest.mark.parametrize(
    ("choice", "changed", "reason"),
    [
        ("freeze", {"by": "b.releaser"}, "B. Releaser is not a steward."),
        ("freeze", {"by": "B. Releaser", "channel": "command line"}, "B. Releaser is not a steward."),
        ("freeze", {"by": "A. Steward"}, "A. Steward is not in reports/people.yaml."),  # no login of that name
        ("freeze", {"by": "admin"}, "admin is not in reports/people.yaml."),
        ("freeze", {"shown_sha256": "0" * 64}, "What was shown is not this candidate as it was proposed."),
        ("postpone", {"until": date(2025, 6, 12)}, "To postpone needs a reason."),
        ("postpone", {"reason": "wait for Kent"}, "To postpone needs a day to come to postpone until."),
        ("postpone", {"reason": "wait for Kent", "until": ON}, "To postpone needs a day to come to postpone until."),
        ("refuse", {}, "To refuse needs a reason."),
    ],
)
def test_an_answer_that_does_not_count_is_recorded_and_freezes_nothing(
    desk: Desk, candidate: Candidate, choice: str, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NeedsPerson) as error:
        answer(desk, candidate, choice, **changed)
    assert str(error.value) == NOT_ACCEPTED.format(choice, reason)
    assert desk.rows("SELECT answer, accepted, refusal, channel FROM snapshot.sign_off") == [
        (choice, False, reason, changed.get("channel", "airflow"))
    ]
    with pytest.raises(
        NeedsPerson, match=r"^2025-01 is not frozen: no steward's answer is recorded for candidate 1\.$"
    ):
        chain.freeze(desk.office, candidate.candidate_id, ON)
    assert desk.rows("SELECT count(*) FROM snapshot.snapshot") == [(0,)]
    answer(desk, candidate, "freeze")  # it can still be answered by a steward
    assert chain.freeze(desk.office, candidate.candidate_id, ON).position == 1


def test_what_was_recorded_of_an_answer(desk: Desk, candidate: Candidate) -> None:
    answer(desk, candidate, "freeze", by="A. Steward", channel="command line")
    [row] = desk.rows(
        "SELECT candidate_id, answer, signed_by, display_name, shown_sha256, jsonb_array_length(missing), channel,"
        " accepted, refusal, signed_on, login_user <> '' FROM snapshot.sign_off"
    )
    assert row == (
        *(candidate.candidate_id, "freeze", "a.steward", "A. Steward", candidate.shown_sha256),
        *(8, "command line", True, None, ON, True),  # what was due, November, is missing for all eight forces
    )


def test_a_candidate_is_answered_once(desk: Desk, candidate: Candidate) -> None:
    with pytest.raises(NeedsPerson) as error:
        answer(desk, candidate, "refuse", reason="Sussex is short")
    assert str(error.value) == "2025-01 is refused by A. Steward: Sussex is short. It is not frozen."
    with pytest.raises(NeedsPerson) as error:
        answer(desk, candidate, "freeze")
    reason = "The candidate is answered already: propose again."
    assert str(error.value) == NOT_ACCEPTED.format("freeze", reason)
    with pytest.raises(NeedsPerson, match=r"^2025-01 is not frozen: the answer is 'refuse' for candidate 1\.$"):
        chain.freeze(desk.office, candidate.candidate_id, ON)
    assert desk.rows("SELECT answer, accepted, refusal FROM snapshot.sign_off ORDER BY sign_off_id") == [
        ("refuse", True, None),
        ("freeze", False, reason),
    ]
    again = propose(desk.office, MONTH, ON)
    assert again.candidate_id != candidate.candidate_id
    assert again.digest == candidate.digest


def test_a_postponed_month_is_not_frozen(desk: Desk, candidate: Candidate) -> None:
    with pytest.raises(NeedsPerson) as error:
        answer(desk, candidate, "postpone", reason="wait for Kent", until=date(2025, 6, 12))
    assert str(error.value) == (
        "2025-01 is postponed until 12 June 2025 by A. Steward: wait for Kent. It is not frozen."
    )
    assert desk.rows("SELECT answer, accepted, until, reason FROM snapshot.sign_off") == [
        ("postpone", True, date(2025, 6, 12), "wait for Kent")
    ]
    assert chain.signed_off(desk.office, MONTH) is None


@pytest.mark.parametrize("by", [STEWARD, "admin"])
def test_what_is_no_answer_is_a_wrong_call(desk: Desk, candidate: Candidate, by: str) -> None:
    with pytest.raises(WrongCall, match=r"^yes is no answer to a candidate: freeze, postpone or refuse\.$"):
        answer(desk, candidate, "yes", by=by)
    assert desk.rows("SELECT count(*) FROM snapshot.sign_off") == [(0,)]


def test_proposing_again_without_a_change_gives_the_same_candidate(desk: Desk, candidate: Candidate) -> None:
    assert propose(desk.office, MONTH, ON) == candidate
    assert desk.rows("SELECT count(*) FROM snapshot.candidate") == [(1,)]


def test_an_answer_to_an_older_candidate_does_not_pass_for_the_newer(
    desk: Desk, candidate: Candidate, street: Street, tmp_path: Path
) -> None:
    desk.take_in(street.inbox(tmp_path, [MONTH], ["kent"]))
    newer = propose(desk.office, MONTH, ON)
    assert newer.candidate_id != candidate.candidate_id
    with pytest.raises(NeedsPerson) as error:
        answer(desk, newer, "freeze", shown_sha256=candidate.shown_sha256)
    assert str(error.value) == NOT_ACCEPTED.format("freeze", "What was shown is not this candidate as it was proposed.")


def test_a_candidate_is_refused_when_another_month_froze_since(desk: Desk, candidate: Candidate) -> None:
    answer(desk, candidate, "freeze")
    desk.freeze("2025-02")
    with pytest.raises(NeedsPerson, match=r"^2025-01 is not frozen: another froze since it was proposed\."):
        chain.freeze(desk.office, candidate.candidate_id, ON)
    assert desk.rows("SELECT month FROM snapshot.snapshot") == [("2025-02",)]


def test_a_sign_off_that_was_superseded_freezes_nothing(
    desk: Desk, candidate: Candidate, street: Street, tmp_path: Path
) -> None:
    answer(desk, candidate, "freeze")  # and the process ends before it is chained
    kent = street.inbox(tmp_path, [MONTH], ["kent"])
    desk.take_in(kent)
    newer = propose(desk.office, MONTH, ON)
    with pytest.raises(NeedsPerson):
        answer(desk, newer, "refuse", reason="Kent is short")
    assert chain.signed_off(desk.office, MONTH) is None
    with pytest.raises(
        NeedsPerson, match=r"^2025-01 is not frozen: another candidate of it was answered after candidate 1\."
    ):
        chain.freeze(desk.office, candidate.candidate_id, ON)
    assert verify(desk.office) == []
    assert desk.run(MONTH, kent).snapshot.candidate_id > newer.candidate_id
    assert verify(desk.office) == []


def test_a_leftover_sign_off_is_for_what_was_loaded_then(
    desk: Desk, candidate: Candidate, street: Street, tmp_path: Path
) -> None:
    answer(desk, candidate, "freeze")
    assert chain.signed_off(desk.office, MONTH) == candidate.candidate_id
    done = desk.run(MONTH, street.inbox(tmp_path, [MONTH], ["kent"]))
    assert done.snapshot.candidate_id != candidate.candidate_id
    assert done.snapshot.digest != candidate.digest
    assert not [line for line in done.needs_person if "January" in line and "Kent" in line]


def test_a_signer_who_lost_the_role_freezes_nothing(desk: Desk, candidate: Candidate) -> None:
    answer(desk, candidate, "freeze")
    desk.behind_its_back("UPDATE snapshot.sign_off SET signed_by = 'b.releaser'")
    with pytest.raises(
        NeedsPerson, match=r"^2025-01 is not frozen: its sign-off is not a steward's answer to what was"
    ):
        chain.freeze(desk.office, candidate.candidate_id, ON)
    assert desk.rows("SELECT count(*) FROM snapshot.snapshot") == [(0,)]


def test_freezing_again_changes_nothing(desk: Desk) -> None:
    first = desk.freeze(MONTH)
    assert chain.freeze(desk.office, first.candidate_id, date(2025, 7, 1)) == first
    with pytest.raises(WrongCall, match=r"^2025-01 is frozen already\. `monthend restate` makes a new revision of it"):
        propose(desk.office, MONTH, ON)


def test_months_freeze_in_ascending_order_and_may_leave_gaps(desk: Desk, tmp_path: Path) -> None:
    desk.freeze(MONTH)
    assert desk.freeze("2025-04").position == 2  # February and March were left out
    sentence = r"^2025-02 is earlier than 2025-04, which is frozen\. Months freeze in ascending order\.$"
    with pytest.raises(WrongCall, match=sentence):
        propose(desk.office, "2025-02", ON)
    with pytest.raises(WrongCall, match=sentence):
        run(desk.office, "2025-02", [tmp_path], STEWARD, ON)
    done = desk.monthend("run", "--month", "2025-02", "--inbox", tmp_path, "--signed-off-by", STEWARD, "--on", ON)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "2025-02 is earlier than 2025-04, which is frozen. Months freeze in ascending order.\n"
    assert desk.rows("SELECT month FROM snapshot.snapshot ORDER BY position") == [(MONTH,), ("2025-04",)]


def test_a_month_that_is_not_over_cannot_be_proposed(desk: Desk, tmp_path: Path) -> None:
    sentence = r"^2025-06 is not over on 10 June 2025: only a month that has ended can be "
    with pytest.raises(WrongCall, match=sentence):
        propose(desk.office, "2025-06", ON)
    with pytest.raises(WrongCall, match=sentence):
        run(desk.office, "2025-06", [tmp_path], STEWARD, ON)


def test_a_run_on_a_frozen_month_changes_no_fact(desk: Desk, street: Street, tmp_path: Path) -> None:
    first = desk.freeze(MONTH)
    nothing = desk.run(MONTH, street.file(MONTH, "sussex").parent / "2025-01-sussex-street.csv")
    assert nothing.snapshot == first
    late = street.inbox(tmp_path, [MONTH], ["kent"])
    again = desk.run(MONTH, late)
    assert again.snapshot == first
    assert any("`monthend restate` takes" in note for note in again.notes)
    desk.freeze("2025-02")
    desk.take_in(street.changed(tmp_path / "resent", MONTH, "kent", lambda rows: rows.pop() and None))
    older = desk.run(MONTH, tmp_path / "resent")
    assert older.snapshot == first
    assert any("The next month-end takes them in." in note for note in older.notes)
    assert desk.rows("SELECT count(*) FROM snapshot.snapshot") == [(2,)]


def test_a_candidate_that_is_not_there_is_a_wrong_call(desk: Desk) -> None:
    with pytest.raises(WrongCall, match=r"^There is no candidate 99\.$"):
        chain.freeze(desk.office, 99, ON)
