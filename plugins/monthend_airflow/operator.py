"""Ask a person, and store the answer in the warehouse before anything else can believe it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import TaskAwaitingInput

from monthend_airflow.office import LONDON, business_date, open_office

if TYPE_CHECKING:
    from airflow.sdk import Context

    from monthend.office import Office


@dataclass(frozen=True)
class Shown:
    """What a person is shown, in Markdown, and the hash by which the answer names it."""

    text: str
    sha256: str


@dataclass(frozen=True)
class Answer:
    """What a person answered: to what (an id and the hash of what was shown), who, what, with which particulars."""

    about: Any
    shown_sha256: str
    by: str
    chosen: str
    particulars: Mapping[str, Any]
    on: date

    def day(self, name: str) -> date | None:
        """A particular that is a day; None where it is left out or is no day."""
        try:
            return date.fromisoformat(self.particulars.get(name) or "")
        except (TypeError, ValueError):
            return None

    def words(self, name: str) -> str | None:
        """A particular in words; None where it is left out or blank."""
        return str(self.particulars.get(name) or "").strip() or None


class AnswerOperator(HITLOperator):
    """A task that waits for a person, and stores what the person answered.

    Anybody who may edit the DAG can mark a waiting task as success, or write its XCom. So its state proves nothing: the
    worker itself stores each answer, accepted or not, and what follows asks the warehouse. What is shown is read from
    the warehouse too, and its hash waits inside Airflow's own record of the task, where no request can change it.

    Params:
        about: the id of what is asked about; it may be another task's output.
        show: reads what is shown. It raises AirflowSkipException where there is nothing to ask.
        store: stores an answer. It raises NeedsPerson unless the answer was accepted and lets the run go on.
        answer_by: clock time in London by which to answer, on the day of asking, but never in less than an hour.

    The run's param `response_minutes` overrides the time to answer. Without an answer the task fails. So it does, with
    nothing stored, where a program answers within a second of the question, before the scheduler has seen that the
    task waits (apache/airflow#71502): clear it to be asked again.
    """

    template_fields = (*HITLOperator.template_fields, "about")

    def __init__(
        self,
        *,
        about: Any,
        show: "Callable[[Office, Any], Shown]",
        store: "Callable[[Office, Answer], None]",
        answer_by: time | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(retries=0, **arguments)  # a retry would ask again, for as long again
        self.about = about
        self.show = show
        self.store = store
        self.answer_by = answer_by

    def execute(self, context: "Context") -> None:
        """Show what there is, and wait."""
        with open_office() as office:
            shown = self.show(office, self.about)
        self.body = shown.text
        self.response_timeout = self._time_to_answer(context["params"].get("response_minutes"))
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"about": self.about, "shown_sha256": shown.sha256}
            raise

    def execute_complete(self, context: "Context", event: dict[str, Any], about: Any, shown_sha256: str) -> Any:
        """Store the answer; return what it was about."""
        if "error" in event:
            self.process_trigger_event_error(event)
        user = event["responded_by_user"]
        answer = Answer(
            about,
            shown_sha256,
            by=user["name"],  # the user name; the id is a number under some of Airflow's auth managers
            chosen=event["chosen_options"][0] if event["chosen_options"] else "",
            particulars=event["params_input"] or {},
            on=business_date(context),
        )
        self.log.info("%s (id %s) answered '%s'.", user["name"], user["id"], answer.chosen)
        with open_office() as office:
            self.store(office, answer)
        return about

    def _time_to_answer(self, minutes: float | None) -> timedelta | None:
        if minutes is not None:
            return timedelta(minutes=minutes)
        if self.answer_by is None:
            return self.response_timeout
        now = datetime.now(LONDON)
        return max(datetime.combine(now.date(), self.answer_by, LONDON) - now, timedelta(hours=1))
