"""publish_board_packs against the real API and a real warehouse: only a releaser's answer lets a pack leave."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hand_driven import MONTH, ON, Airflow, Run

Rows = Callable[..., list[dict[str, Any]]]
PACKS = {"publish[panel board]", "publish[panel published]", "publish[pdg board]"}


@pytest.fixture
def frozen(office: Any) -> None:
    """The month, frozen by A. Steward."""
    from monthend.freeze import candidate, chain

    proposed = candidate.propose(office, MONTH, ON)
    chain.sign_off(office, proposed.candidate_id, "freeze", "a.steward", proposed.shown_sha256, "airflow", ON)
    chain.freeze(office, proposed.candidate_id, ON)


@pytest.fixture
def run(frozen: None, airflow: Airflow) -> Run:
    """A run that waits for its release."""
    run = airflow.trigger("publish_board_packs")
    states = run.states
    assert {name for name, state in states.items() if state == "success"} == {
        "packs", "parity", "every_pack_is_built", *PACKS
    }  # fmt: skip
    assert states["release"] == "awaiting_input"
    return run


@pytest.fixture
def outbox(office: Any) -> Callable[[], list[str]]:
    """The names of the mails that left."""
    return lambda: sorted(path.name for path in (office.home / "outbox").glob("2*/*.eml"))


def assert_unsent(run: Run, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    """Nothing is released and nothing was sent."""
    assert rows("SELECT * FROM pack.release") == []
    assert rows("SELECT * FROM delivery.message") == []
    assert outbox() == []


def test_a_releaser_lets_the_packs_leave_once(run: Run, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    shown = run.shown("release")
    for pack in rows("SELECT pack_id, content_sha256 FROM pack.build"):
        assert pack["pack_id"] in shown
        assert pack["content_sha256"] in shown
    run.answer("release", "b.releaser", "release")
    assert run.state == "success"
    assert len(rows("SELECT * FROM pack.release")) == 3
    sent = outbox()
    assert len(sent) == 4  # the group's chair and secretary, and the panel's clerk twice

    again = run.airflow.trigger("publish_board_packs")
    assert again.state == "success"
    assert again.states["release"] == "skipped"
    assert outbox() == sent
    assert len(rows("SELECT * FROM delivery.message")) == 4


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("a.steward", "A. Steward is not a releaser"),
        ("an.analyst", "an.analyst is not in reports/people.yaml"),
        ("admin", "admin is not in reports/people.yaml"),
    ],
)
def test_nobody_else_releases(
    run: Run,
    rows: Rows,
    outbox: Callable[[], list[str]],
    capfd: pytest.CaptureFixture[str],
    user: str,
    reason: str,
) -> None:
    run.answer("release", user, "release")
    assert_unsent(run, rows, outbox)
    assert run.state == "failed"
    assert reason in capfd.readouterr().out
    assert rows("SELECT answered_by, accepted FROM pack.answer") == [{"answered_by": user, "accepted": False}]


def test_the_steward_who_signed_does_not_release(
    run: Run, declarations: Path, rows: Rows, outbox: Callable[[], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    people = declarations / "reports/people.yaml"
    people.write_text(people.read_text(encoding="utf-8").replace("[steward]", "[steward, releaser]"), encoding="utf-8")
    run.answer("release", "a.steward", "release")
    assert_unsent(run, rows, outbox)
    assert run.state == "failed"
    assert "A. Steward signed the month off" in capfd.readouterr().out


def test_a_pack_can_be_held(run: Run, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    (panel,) = rows("SELECT pack_id FROM pack.build WHERE board = 'panel' AND rendering = 'published'")
    run.answer("release", "b.releaser", "release", hold=panel["pack_id"], reason="one more look")
    assert run.state == "success"
    assert len(rows("SELECT * FROM pack.release")) == 2
    assert len(outbox()) == 3


def test_refusing_sends_nothing(
    run: Run, rows: Rows, outbox: Callable[[], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    run.answer("release", "b.releaser", "refuse", hold=None, reason="the cover names the wrong chair")
    assert_unsent(run, rows, outbox)
    assert run.state == "failed"
    assert "the cover names the wrong chair" in capfd.readouterr().out
    assert rows("SELECT answer, accepted FROM pack.answer") == [{"answer": "refuse", "accepted": True}]


def test_marking_the_question_as_success_sends_nothing(run: Run, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    run.write_xcom("release", MONTH)
    run.mark_success("release")
    assert_unsent(run, rows, outbox)


def test_clearing_the_question_asks_again(run: Run, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    run.clear("release")
    assert run.states["release"] == "awaiting_input"
    assert_unsent(run, rows, outbox)


def test_an_answer_is_to_the_packs_that_were_shown(
    run: Run,
    rows: Rows,
    outbox: Callable[[], list[str]],
    capfd: pytest.CaptureFixture[str],
    office: Any,
    declarations: Path,
) -> None:
    from monthend.office import Office
    from monthend.plan.declarations import Declarations
    from monthend.publish import packs

    board = declarations / "reports/boards/pdg.yaml"  # meanwhile another process built a pack anew
    board.write_text(board.read_text(encoding="utf-8").replace("Delivery Group", "Group"), encoding="utf-8")
    packs.publish(Office(office.home, office.engine, Declarations(declarations)), MONTH, "pdg")
    assert len(rows("SELECT * FROM pack.build WHERE board = 'pdg'")) == 2
    run.answer("release", "b.releaser", "release")
    assert_unsent(run, rows, outbox)
    assert run.state == "failed"
    assert "What was shown are not the packs" in capfd.readouterr().out


def test_no_answer_is_no_answer(frozen: None, airflow: Airflow, rows: Rows, outbox: Callable[[], list[str]]) -> None:
    run = airflow.trigger("publish_board_packs", response_minutes=0)
    airflow.time_out()
    run.go_on()
    assert_unsent(run, rows, outbox)
    assert run.state == "failed"


def test_packs_that_disagree_stop_all(
    frozen: None, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, rows: Rows, outbox: Callable[[], list[str]]
) -> None:
    from monthend.errors import NeedsPerson
    from monthend.publish import packs

    def disagree(*_: Any) -> None:
        raise NeedsPerson("Packs disagree")

    monkeypatch.setattr(packs, "parity", disagree)
    run = airflow.trigger("publish_board_packs")
    assert run.state == "failed"
    assert run.states["release"] == "upstream_failed"
    assert_unsent(run, rows, outbox)


def test_a_pack_that_cannot_be_built_is_held_alone(
    frozen: None, airflow: Airflow, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], rows: Rows
) -> None:
    from monthend.publish import contents

    book = contents.book

    def broken(material: Any, pack: Any) -> Any:
        if pack.board.board == "pdg":
            raise ValueError("the template is broken")
        return book(material, pack)

    monkeypatch.setattr(contents, "book", broken)
    run = airflow.trigger("publish_board_packs")
    run.answer("release", "b.releaser", "release")
    states = run.states
    assert states["publish[pdg board]"] == states["every_pack_is_built"] == "failed"
    assert states["deliver"] == "success"
    assert run.state == "failed"
    assert "Not built, and so not sent, for 2025-04: pdg board for 22 May 2025" in capfd.readouterr().out
    assert [row["board"] for row in rows("SELECT board FROM pack.release JOIN pack.build USING (build_id)")] == [
        "panel", "panel"
    ]  # fmt: skip


def test_a_month_that_is_not_frozen_is_not_published(
    office: Any, airflow: Airflow, capfd: pytest.CaptureFixture[str]
) -> None:
    run = airflow.trigger("publish_board_packs")
    assert run.state == "failed"
    assert "2025-04 is not frozen" in capfd.readouterr().out
