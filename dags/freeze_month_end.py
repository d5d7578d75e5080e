"""Freeze a month-end.

On working day 3 of the month after (07:00, London), with the month that ended as partition key: **wait** until all
that is due is in, or working day 8, 08:00. Then **propose** a candidate, which names what is missing; ask a steward to
**sign off** exactly that candidate, by 17:00; **freeze** it, which emits `month_end_snapshot` with the month as key.

Answers: `freeze` · `postpone` (with `until` and `reason`; `audit_snapshots` starts the month again on that day) ·
`refuse` (with `reason`). Anything but an accepted `freeze` of somebody whom `reports/people.yaml` calls steward leaves
the month unfrozen and the run failed, with the reason in the log of the task. No answer is no answer. Clear `propose`
and what follows it to ask again.

Params: `on`, the business date (today where it is empty) · `month`, for a run without a partition key ·
`response_minutes`, the time to answer in place of 17:00.
"""

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, get_current_context, task

from monthend_airflow.assets import month_end_snapshot
from monthend_airflow.office import LONDON, business_date, month_of, open_office
from monthend_airflow.operator import Answer, AnswerOperator, Shown
from monthend_airflow.timetable import WorkingDay

if TYPE_CHECKING:
    from monthend.office import Office


def show_candidate(office: "Office", candidate_id: int) -> Shown:
    """Read the candidate as it was proposed."""
    from monthend.freeze import candidate

    read = candidate.read(office, candidate_id)
    return Shown(read.shown, read.shown_sha256)


def store_sign_off(office: "Office", answer: Answer) -> None:
    """Store the steward's answer to the candidate."""
    from monthend.freeze import chain

    chain.sign_off(
        office,
        answer.about,
        answer.chosen,
        answer.by,
        answer.shown_sha256,
        "airflow",
        answer.on,
        reason=answer.words("reason"),
        until=answer.day("until"),
    )


with DAG(
    "freeze_month_end",
    doc_md=__doc__,
    schedule=WorkingDay(3, "07:00"),
    catchup=False,
    params={
        "on": Param(None, type=["null", "string"], format="date", description="Business date; today if empty"),
        "month": Param(None, type=["null", "string"], description="YYYY-MM, for a run without a partition key"),
        "response_minutes": Param(None, type=["null", "number"], description="Time to answer; until 17:00 if empty"),
    },
    default_args={"owner": "performance-analysis", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["monthend", "freeze"],
):

    @task.sensor(mode="reschedule", poke_interval=900, timeout=timedelta(days=21).total_seconds())
    def everything_is_in() -> bool:
        """Wait until all that is due is in, but no longer than to working day 8, 08:00."""
        from monthend.freeze.candidate import readiness
        from monthend.plan.calendar import freeze_day

        context = get_current_context()
        month, on, now = month_of(context), business_date(context), datetime.now(LONDON)
        last_day = freeze_day(month)
        if on > last_day or (on == last_day and (on < now.date() or now.time() >= time(8))):
            return True
        with open_office() as office:
            return readiness(office, month, on).complete

    @task
    def propose() -> int:
        """Fix a load number and compute every fact as of it."""
        from monthend.freeze.candidate import propose

        context = get_current_context()
        with open_office() as office:
            return propose(office, month_of(context), business_date(context)).candidate_id

    @task(outlets=[month_end_snapshot])
    def freeze(candidate_id: int) -> int:
        """Chain the snapshot, if the warehouse holds a steward's answer to this candidate."""
        from monthend.freeze import chain

        context = get_current_context()
        on = business_date(context)
        with open_office() as office:
            snapshot = chain.freeze(office, candidate_id, on)
        event = context["outlet_events"][month_end_snapshot]
        event.add_partitions(snapshot.month)
        event.extra = {"position": snapshot.position, "on": on.isoformat()}
        return snapshot.position

    candidate_id = propose()
    sign_off = AnswerOperator(
        task_id="sign_off",
        subject="Sign off the month-end {{ partition_key or params.month }}",
        about=candidate_id,
        show=show_candidate,
        store=store_sign_off,
        options=["freeze", "postpone", "refuse"],
        params={
            "reason": Param(None, type=["null", "string"], description="Needed to postpone or refuse"),
            "until": Param(None, type=["null", "string"], format="date", description="Day to postpone until"),
        },
        answer_by=time(17),
    )
    everything_is_in() >> candidate_id
    sign_off >> freeze(candidate_id)
