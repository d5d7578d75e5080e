"""Freeze a month-end.

- **When:** working day 3 of the month after, 07:00 (London); the partition key is the month that ended.
- **Takes:** every feed that is due (`pull_police_monthly` loads them), and a steward's answer.
- **Leaves:** a candidate, the recorded answer, and a snapshot in the chain; it emits `month_end_snapshot` with the
  month as key, which sets off `publish_board_packs`. Draft packs of the candidate, which nothing can release.

**everything_is_in** waits until all that is due is in, or working day 8, 08:00. **propose** fixes a candidate, which
names what is missing. **drafts** builds draft packs from it while **sign_off** asks a steward to sign exactly that
candidate, by 17:00; **remind** writes to the stewards an hour before. **freeze** chains the snapshot. **notice** tells
each person in one e-mail how it ended.

Answers: `freeze` (`withhold` names measures that no pack may show, with a `reason`) · `postpone` (with `until` and
`reason`; `audit_snapshots` starts the month again on that day) · `refuse` (with `reason`). Anything but an accepted
`freeze` of somebody whom `reports/people.yaml` calls steward leaves the month unfrozen and the run failed, with the
reason in the log of the task. No answer is no answer.

**If it fails:** clear `propose` and what follows it to ask again; `drafts` alone failed: the month is frozen all the
same. Runbooks: [month-end](/desk/runbooks/month-end), [late feed](/desk/runbooks/late-feed),
[restatement](/desk/runbooks/restatement).

Params: `on`, the business date (today where it is empty) · `month`, for a run without a partition key ·
`response_minutes`, the time to answer in place of 17:00.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, get_current_context, task

from monthend_airflow.assets import month_end_snapshot
from monthend_airflow.notices import remind as remind_stewards
from monthend_airflow.notices import tell
from monthend_airflow.office import LONDON, business_date, flow, month_of, open_office
from monthend_airflow.operator import Answer, AnswerOperator, Shown
from monthend_airflow.timetable import WorkingDay

if TYPE_CHECKING:
    from monthend.office import Office

ANSWER_BY = time(17)


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
        withheld=answer.listed("withhold"),
    )


def stewards(office: "Office", candidate_id: int) -> Iterable[str]:
    """Read who is asked."""
    from monthend.deliver import round_up

    return round_up.stewards(office)


with DAG(
    "freeze_month_end",
    doc_md=__doc__,
    schedule=WorkingDay(3, "07:00"),
    **flow(
        "freeze",
        month=Param(None, type=["null", "string"], description="YYYY-MM, for a run without a partition key"),
        response_minutes=Param(None, type=["null", "number"], description="Time to answer; until 17:00 if empty"),
    ),
):

    @task.sensor(mode="reschedule", poke_interval=900, timeout=timedelta(days=21).total_seconds())
    def everything_is_in() -> bool:
        """Record that the month-end began; wait until all that is due is in, or working day 8, 08:00."""
        from monthend.audit import started
        from monthend.freeze.candidate import readiness
        from monthend.plan.calendar import freeze_day

        context = get_current_context()
        month, on, now = month_of(context), business_date(context), datetime.now(LONDON)
        last_day = freeze_day(month)
        with open_office() as office:
            started(office, month, on)
            if on > last_day or (on == last_day and (on < now.date() or now.time() >= time(8))):
                return True
            return readiness(office, month, on).complete

    @task
    def propose() -> int:
        """Fix a load number and compute every fact as of it."""
        from monthend.freeze.candidate import propose

        context = get_current_context()
        with open_office() as office:
            return propose(office, month_of(context), business_date(context)).candidate_id

    @task
    def drafts(candidate_id: int) -> None:
        """Build every board's pack from the candidate, marked DRAFT."""
        from monthend.publish.packs import draft

        with open_office() as office:
            draft(office, candidate_id)

    @task.sensor(mode="reschedule", timeout=timedelta(days=1).total_seconds())
    def remind(candidate_id: int | None) -> bool:
        """Remind the stewards an hour before the question ends; over at once when it has."""
        return remind_stewards(get_current_context(), candidate_id, "sign_off", ANSWER_BY)

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

    @task
    def notice() -> None:
        """Tell each person in one e-mail how it ended."""
        tell(get_current_context(), "freeze")

    candidate_id = propose()
    sign_off = AnswerOperator(
        task_id="sign_off",
        subject="Sign off the month-end {{ partition_key or params.month }}",
        about=candidate_id,
        show=show_candidate,
        store=store_sign_off,
        people=stewards,
        options=["freeze", "postpone", "refuse"],
        params={
            "reason": Param(None, type=["null", "string"], description="Needed to postpone, refuse or withhold"),
            "until": Param(None, type=["null", "string"], format="date", description="Day to postpone until"),
            "withhold": Param(
                None,
                type=["null", "string"],
                description="Measures that no pack may show: keys, separated by commas; needs a reason",
            ),
        },
        answer_by=ANSWER_BY,
    )
    everything_is_in() >> candidate_id
    frozen = freeze(candidate_id)
    sign_off >> frozen
    # Teardowns: whatever becomes of these two, the run's state is that of `freeze` and `drafts`.
    remind(candidate_id).as_teardown()
    [frozen, drafts(candidate_id)] >> notice().as_teardown()
