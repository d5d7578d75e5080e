"""Audit the snapshots.

Every day at 06:00 (London): **audit** verifies the chain, every frozen fact and what was released, and looks for packs
that nobody built, or released when papers are due, for messages that were refused or whose outcome is unknown, and for
a month-end that never came or was refused. What it finds needs a person: one message, in the log of the task, and the
run is failed. Two things are set right at once: a month that nobody published is **published again** (the asset's
event, once more), and a month whose postponement has come due is **frozen again** (a run of `freeze_month_end`, once a
day named).

Params: `on`, the business date (today where it is empty).
"""

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.assets import month_end_snapshot
from monthend_airflow.office import business_date, open_office

with DAG(
    "audit_snapshots",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 6 * * *", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    params={"on": Param(None, type=["null", "string"], format="date", description="Business date; today if empty")},
    default_args={"owner": "performance-analysis", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["monthend", "audit"],
):

    @task
    def audit() -> None:
        """Look at everything, and say in one message what needs a person."""
        from monthend.audit import findings

        with open_office() as office:
            found = findings(office, business_date(get_current_context()))
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

    audit()
    publish_again()
