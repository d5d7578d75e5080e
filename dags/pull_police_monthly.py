"""Pull the police feeds.

Every working day at 07:00 (London): for each police feed and period that is due and not in, **receive** what lies in
the inbox (`MONTHEND_INBOX`), **validate** it, **load** it. A period stays due until it is in, also after its month was
frozen without it. Each pull is named by its period and feed in the grid: *skipped* means that nothing of it is there
yet, *failed* that a file was refused or blocked, which needs a person; `monthend status` names it.

Params: `on`, the business date (today where it is empty).
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.office import business_date, inbox, open_office

logger = logging.getLogger(__name__)

with DAG(
    "pull_police_monthly",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 7 * * 1-5", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    params={"on": Param(None, type=["null", "string"], format="date", description="Business date; today if empty")},
    default_args={"owner": "performance-analysis", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["monthend", "receive", "validate", "load"],
):

    @task
    def outstanding() -> list[dict]:
        """List what is due and not in, and what else came. A bank holiday is no working day."""
        from monthend import receive
        from monthend.plan.calendar import add_months, bank_holidays

        context = get_current_context()
        on = business_date(context)
        if context["dag_run"].run_type == "scheduled" and not bank_holidays().is_working_day(on):
            raise AirflowSkipException(f"{on:%-d %B %Y} is a bank holiday.")
        with open_office() as office:
            pulls = receive.outstanding(office, inbox(), add_months(f"{on:%Y-%m}", -1), "police")
        return [{"feed": pull.feed, "periods": list(pull.periods), "label": pull.label} for pull in pulls]

    @task_group
    def pull(what: dict) -> None:
        """Take one pull through the stations."""

        @task(map_index_template="{{ label }}", multiple_outputs=False)
        def receive(what: dict) -> dict:
            """Receive its files, and the shipped reference data that they are held against."""
            from monthend.receive import receive

            context = get_current_context()
            context["label"] = what["label"]
            on = business_date(context)
            with open_office() as office:
                reference = receive(office, [], on).delivery_ids
                received = receive(office, inbox(), on, what["feed"], what["periods"])
            for origin, reason in received.refused:
                logger.error("Refused: %s: %s", origin, reason)
            if not set(received.delivery_ids) - set(reference) and not received.refused:
                raise AirflowSkipException(f"Nothing of {what['label']} is in the inbox yet.")
            return {"delivery_ids": received.delivery_ids, "refused": len(received.refused), "label": what["label"]}

        @task(map_index_template="{{ label }}", multiple_outputs=False)
        def validate(received: dict) -> dict:
            """Hold them against their suites."""
            from monthend.validate.validation import validate

            context = get_current_context()
            context["label"] = received["label"]
            with open_office() as office:
                validations = validate(office, received["delivery_ids"], business_date(context))
            return received | {"blocked": [each.delivery_id for each in validations if each.verdict == "blocked"]}

        @task(map_index_template="{{ label }}")
        def load(validated: dict) -> list[int]:
            """Load what is not blocked. Fails, once the rest is in, where something was blocked or refused."""
            from monthend.load import load

            get_current_context()["label"] = validated["label"]
            with open_office() as office:
                loaded = load(office, validated["delivery_ids"])
            if validated["blocked"] or validated["refused"]:
                raise AirflowFailException(
                    f"Loaded {len(loaded)} deliveries. Refused: {validated['refused']} files. Blocked: deliveries "
                    f"{validated['blocked']}. `monthend status` and the validation reports say why; ask for them again."
                )
            return loaded

        load(validate(receive(what)))

    pull.expand(what=outstanding())
