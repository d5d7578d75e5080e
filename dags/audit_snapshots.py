"""Audit the snapshots.

- **When:** every day at 06:00 (London).
- **Takes:** the warehouse, the landing store, the packs and the calendar; it trusts no task's state.
- **Leaves:** its findings, in the log of **audit** and in one e-mail to the plan's contact and the analysts; and
  it sets two things right at once.

**audit** verifies the chain, every frozen fact and what was released, and looks for packs that nobody built, or
released when papers are due, for messages and notices that were refused or whose outcome is unknown, for a month-end
that did not begin, never came or was refused, for waivers that ended and for known errors that their source no longer
shows. What it finds needs a person, and the run is failed. **publish_again** emits a frozen month that nobody published
once more. **freeze_again** starts a month whose postponement has come due (a run of `freeze_month_end`, once a day
named). **notice** tells of the other tasks where they failed.

**If it fails:** each finding says what to do. Runbooks: [month-end](/desk/runbooks/month-end),
[mail refused](/desk/runbooks/mail-refused), [restore](/desk/runbooks/restore). That Airflow itself is down, this DAG
cannot find: `monthend audit --notify` does, from outside ([month-end](/desk/runbooks/month-end)).

Params: `on`, the business date (today where it is empty).
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.assets import month_end_snapshot
from monthend_airflow.notices import tell
from monthend_airflow.office import business_date, flow, mail_server, open_office

with DAG(
    "audit_snapshots",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 6 * * *", timezone="Europe/London"),
    max_active_runs=1,
    **flow("audit"),
):

    @task
    def audit() -> None:
        """Look at everything, and say in one message what needs a person."""
        from monthend.audit import findings
        from monthend.deliver import settings_from_environment
        from monthend.deliver.round_up import audited
        from monthend.errors import MonthendError

        context = get_current_context()
        on = business_date(context)
        with open_office() as office:
            found = findings(office, on)
            context["ti"].xcom_push("looked", True)
            try:
                told = audited(office, on, found, settings_from_environment(mail_server()))
            except MonthendError as error:
                found.append(f"Nobody was told of this by e-mail: {error}")
            else:
                found += [f"{each.recipient} may not have been told." for each in told if each.state != "accepted"]
        if found:
            raise AirflowFailException("\n".join([f"{len(found)} findings:", *found]))

    @task(outlets=[month_end_snapshot])
    def publish_again() -> None:
        """Emit the snapshot once more for each frozen month that nobody published."""
        from monthend.audit import unpublished

        context = get_current_context()
        on = business_date(context)
        with open_office() as office:
            months = unpublished(office, on)
        if not months:
            raise AirflowSkipException("Every frozen month is published.")
        event = context["outlet_events"][month_end_snapshot]
        event.add_partitions(months)
        event.extra = {"on": on.isoformat()}

    @task
    def postponed() -> list[dict]:
        """List the months whose postponement has come due, as runs that are the same one however often it is asked."""
        from monthend.audit import postponed

        context = get_current_context()
        with open_office() as office:
            come_due = postponed(office, business_date(context))
        return [
            {
                "trigger_run_id": f"postponed__{month}__{until:%Y-%m-%d}",
                "conf": {"month": month, "on": context["params"]["on"]},
            }
            for month, until in come_due
        ]

    freeze_again = TriggerDagRunOperator.partial(
        task_id="freeze_again",
        trigger_dag_id="freeze_month_end",
        logical_date=None,
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
    ).expand_kwargs(postponed())

    @task
    def notice() -> None:
        """Tell of tasks that failed, but for findings, which were told."""
        context = get_current_context()
        looked = context["ti"].xcom_pull(task_ids="audit", key="looked")
        tell(context, "audit", known=["audit"] if looked else [])

    [audit(), publish_again(), freeze_again] >> notice().as_teardown()
