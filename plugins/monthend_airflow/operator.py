"""Ask a person, and store the answer in the warehouse before anything else can believe it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import TaskAwaitingInput

from monthend_airflow.office import LONDON, base_url, business_date, mail_server, month_of, open_office

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

    def listed(self, name: str) -> list[str]:
        """A particular that lists words, separated by commas; none where it is left out."""
        return [each.strip() for each in (self.words(name) or "").split(",") if each.strip()]

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
        people: reads the addresses of those who are asked; they are told by e-mail that the question waits. An e-mail
            that cannot be sent does not keep the question from being asked.
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
        people: "Callable[[Office, Any], Iterable[str]]",
        answer_by: time | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(retries=0, **arguments)  # a retry would ask again, for as long again
        self.about = about
        self.show = show
        self.store = store
        self.people = people
        self.answer_by = answer_by

    def execute(self, context: "Context") -> None:
        """Show what there is, and wait."""
        asked_at, month = datetime.now(LONDON), month_of(context)
        time_left = time_to_answer(asked_at, context["params"].get("response_minutes"), self.answer_by)
        if time_left is not None:
            self.response_timeout = time_left
        deadline = asked_at + self.response_timeout if self.response_timeout is not None else None
        with open_office() as office:
            shown = self.show(office, self.about)
            self._tell(context, office, shown, month, deadline)
        self.body = shown.text + footer(month, deadline)
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

    def _tell(self, context: "Context", office: "Office", shown: Shown, month: str, deadline: datetime | None) -> None:
        """Tell those who are asked. Whatever goes wrong with it, the question is asked."""
        from monthend.deliver import settings_from_environment
        from monthend.deliver.round_up import ask
        from monthend.errors import MonthendError

        ti = context["ti"]  # a question that is asked again, after it was cleared, is told of again
        about = f"question {self.dag_id} {context['run_id']} {self.task_id} {ti.try_number} {shown.sha256}"
        try:
            people = self.people(office, self.about)
            told = ask(office, about, self.subject, month, people, deadline, settings_from_environment(mail_server()))
        except Exception as error:
            words = str(error) if isinstance(error, MonthendError) else type(error).__name__
            self.log.error("Nobody was told by e-mail: %s", words)
            return
        for each in told:
            self.log.info("%s: %s %s", each.recipient, each.state, each.detail)


def time_to_answer(asked_at: datetime, minutes: float | None, answer_by: time | None) -> timedelta | None:
    """How long there is to answer what is asked at a moment (London): `minutes`, else to `answer_by`, but an hour."""
    if minutes is not None:
        return timedelta(minutes=minutes)
    if answer_by is None:
        return None
    return max(datetime.combine(asked_at.date(), answer_by, LONDON) - asked_at, timedelta(hours=1))


def footer(month: str, deadline: datetime | None) -> str:
    """What stands below what is shown, and is no part of what an answer is to."""
    lines = ["", "", "---", "", "Not part of what is signed:"]
    if deadline is not None:
        lines.append(f"answer by **{deadline:%H:%M} on {deadline:%-d %B %Y}**, London time.")
    if url := base_url():
        lines.append(f"[Steward's desk]({url}/desk/months/{month}) · [Runbook]({url}/desk/runbooks/month-end)")
    return "\n".join(lines) if len(lines) > 5 else ""
