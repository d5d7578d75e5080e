"""The operator by itself: who answered under either auth manager, what was answered, how long there is to answer."""

from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from monthend_airflow import operator
from monthend_airflow.office import LONDON
from monthend_airflow.operator import Answer, AnswerOperator, Shown, time_to_answer

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What an operator without an office stored."""
    monkeypatch.setattr(operator, "open_office", nullcontext)
    return []


def ask(stored: list[Answer], **arguments: Any) -> AnswerOperator:
    """An operator that keeps what it stores in `stored`."""
    return AnswerOperator(
        task_id="ask",
        subject="A question",
        options=["yes", "no"],
        about=7,
        show=lambda office, about: Shown(f"**{about}**", "a hash"),
        store=lambda office, answer: stored.append(answer),
        people=lambda office, about: [],
        **arguments,
    )


def event(**user: str) -> dict[str, Any]:
    """What Airflow hands over when somebody answered."""
    return {
        "chosen_options": ["yes"],
        "params_input": {"reason": "  enough  ", "until": "2025-05-20", "hold": ""},
        "responded_at": datetime(2025, 5, 13, 12, tzinfo=LONDON),
        "responded_by_user": user,
        "timedout": False,
    }


@pytest.mark.parametrize("user_id", ["a.steward", "2"])  # under the simple auth manager, under FAB
def test_a_person_is_known_by_the_user_name(stored: list[Answer], user_id: str) -> None:
    context: Any = {"params": {"on": "2025-05-13"}}
    returned = ask(stored).execute_complete(
        context, event(id=user_id, name="a.steward"), about=7, shown_sha256="a hash"
    )
    (answer,) = stored
    assert returned == answer.about == 7
    assert (answer.by, answer.chosen, answer.shown_sha256, answer.on) == (
        "a.steward", "yes", "a hash", date(2025, 5, 13)
    )  # fmt: skip
    assert (answer.words("reason"), answer.words("hold"), answer.words("note")) == ("enough", None, None)
    assert (answer.day("until"), answer.day("reason"), answer.day("hold")) == (date(2025, 5, 20), None, None)


def test_what_comes_too_late_is_not_stored(stored: list[Answer]) -> None:
    from airflow.providers.standard.exceptions import HITLTimeoutError

    timeout = {"error": "The response timeout has passed without a response.", "error_type": "timeout"}
    context: Any = {"params": {}}
    with pytest.raises(HITLTimeoutError):
        ask(stored).execute_complete(context, timeout, about=7, shown_sha256="a hash")
    assert stored == []


def test_an_answer_that_cannot_be_stored_does_not_let_the_run_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    @contextmanager
    def closed() -> Any:
        raise AirflowFailException("The database does not answer.")
        yield

    monkeypatch.setattr(operator, "open_office", closed)
    context: Any = {"params": {}}
    with pytest.raises(AirflowFailException, match="does not answer"):
        ask([]).execute_complete(context, event(id="2", name="a.steward"), about=7, shown_sha256="a hash")


@pytest.mark.parametrize(
    ("now", "minutes", "there_is"),
    [
        ("2025-05-13T08:30", None, timedelta(hours=8, minutes=30)),
        ("2025-12-12T15:00", None, timedelta(hours=2)),
        ("2025-05-13T16:30", None, AN_HOUR),
        ("2025-05-13T22:00", None, AN_HOUR),
        ("2025-05-13T08:30", 0.5, timedelta(seconds=30)),
    ],
)
def test_the_time_to_answer_ends_at_a_clock_time_but_is_never_short(
    now: str, minutes: float | None, there_is: timedelta
) -> None:
    assert time_to_answer(datetime.fromisoformat(now).replace(tzinfo=LONDON), minutes, time(17)) == there_is


def test_without_a_clock_time_it_is_as_long_as_it_says() -> None:
    assert time_to_answer(datetime(2025, 5, 13, tzinfo=LONDON), None, None) is None
    assert ask([], response_timeout=AN_HOUR).response_timeout == AN_HOUR
    assert ask([]).retries == 0
