"""What the flows tell people: how a run ended, and that a question is about to end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

from monthend_airflow.office import LONDON, business_date, mail_server, month_of, open_office
from monthend_airflow.operator import time_to_answer

if TYPE_CHECKING:
    from monthend.deliver.round_up import Failure, Flow

BEFORE = timedelta(hours=1)  # a question ends
SOON, SELDOM = timedelta(seconds=10), timedelta(minutes=5)
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
RUNBOOKS = {  # what to do about a task that failed; month-end where it names none
    "outstanding": "wrong-file",
    "pull.receive": "wrong-file",
    "pull.validate": "failed-check",
    "pull.load": "failed-check",
    "everything_is_in": "late-feed",
    "deliver": "mail-refused",
}


def tell(context: Mapping[str, Any], flow: "Flow", names: Sequence[str] = (), known: Sequence[str] = ()) -> None:
    """Send the round-up of a run that has ended but for this task, and answer the returns that came on its day.

    Args:
        context: of the task that tells.
        flow: which flow it is.
        names: what the grid calls the instances of mapped tasks, in their order.
        known: tasks whose failure people were told of already.

    Raises AirflowException, so that it is tried again, where somebody could not be told for the time being, and
    AirflowFailException where trying again would not help.
    """
    from monthend.deliver import settings_from_environment
    from monthend.deliver.answer import answer
    from monthend.deliver.round_up import Run, round_up
    from monthend.plan.calendar import add_months

    run, on = context["dag_run"], business_date(context)
    try:
        month = month_of(context)
    except AirflowFailException:  # a flow that has none, or a run that failed for that very reason
        month = add_months(f"{on:%Y-%m}", -1)
    failures = tuple(failure for failure in failed(context, names) if failure.task not in known)
    with open_office() as office:
        about = Run(flow, run.run_id, on, month, run.start_date or run.run_after, failures)
        settings = settings_from_environment(mail_server())
        told = round_up(office, about, settings)
        if flow == "partner":
            told += answer(office, on, settings)
    left = [f"{each.recipient}: {each.state} {each.detail}".rstrip() for each in told if each.state != "accepted"]
    if any(each.state in ("refused temporary", "queued") for each in told):
        raise AirflowException("Not told yet: " + "; ".join(left))
    if left:
        raise AirflowFailException("May not have been told: " + "; ".join(left))


def failed(context: Mapping[str, Any], names: Sequence[str]) -> "list[Failure]":
    """The tasks of this run that failed, as Airflow has them now."""
    from monthend.deliver.round_up import Failure

    ti = context["ti"]
    found = []
    for each in ti.get_task_breadcrumbs(ti.dag_id, ti.run_id):
        task_id, index = each["task_id"], each["map_index"]
        if each["state"] != "failed" or task_id == ti.task_id:
            continue
        name, path = task_id, f"/dags/{ti.dag_id}/runs/{quote(ti.run_id, safe='')}/tasks/{task_id}"
        if index >= 0:
            name += f" [{names[index] if index < len(names) else index}]"
            path += f"/mapped/{index}"
        found.append(Failure(name, path, RUNBOOKS.get(task_id, "month-end")))
    return found


def remind(context: Mapping[str, Any], candidate_id: int | None, question: str, answer_by: time) -> bool:
    """Remind the stewards once, an hour before a question about a candidate ends. True when nothing is left to do.

    Args:
        context: of the sensor that reminds; it is first asked when the question is.
        candidate_id: what the question is about; None where it was never made.
        question: the task that asks.
        answer_by: the clock time by which it has to be answered.

    Raises AirflowRescheduleException with the time to look again.
    """
    from monthend import warehouse
    from monthend.deliver import settings_from_environment
    from monthend.deliver.round_up import ask, stewards
    from monthend.freeze import candidate

    ti = context["ti"]
    states = ti.get_task_states(ti.dag_id, task_ids=[question], run_ids=[ti.run_id])
    if candidate_id is None or states.get(ti.run_id, {}).get(question) in ENDED:
        return True
    now = datetime.now(LONDON)
    asked_at = (ti.get_first_reschedule_date(context) or now).astimezone(LONDON)
    time_left = time_to_answer(asked_at, context["params"].get("response_minutes"), answer_by)
    if time_left is None or time_left <= BEFORE:
        return True  # there is no time to remind anybody in
    deadline = asked_at + time_left
    if now < deadline - BEFORE:
        # The run is not over before this is: so it looks again soon after the asking, and later more seldom.
        raise AirflowRescheduleException(now + min(max((now - asked_at) / 4, SOON), SELDOM, deadline - BEFORE - now))
    with open_office() as office:
        with office.engine.connect() as connection:
            answered = warehouse.query(
                connection,
                "SELECT FROM snapshot.sign_off WHERE candidate_id = :candidate AND accepted",
                candidate=candidate_id,
            )
        if not answered:
            proposed = candidate.read(office, candidate_id)
            about = f"reminder {ti.dag_id} {ti.run_id} {question} {proposed.shown_sha256}"
            words = f"Reminder: the month-end {proposed.month} waits for your sign-off"
            settings = settings_from_environment(mail_server())
            ask(office, about, words, proposed.month, stewards(office), deadline, settings)
    return True
