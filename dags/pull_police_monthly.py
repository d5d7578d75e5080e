"""Pull the police feeds.

- **When:** every working day at 07:00 (London); on a bank holiday it does nothing.
- **Takes:** what lies in the inbox (`MONTHEND_INBOX`), or where a feed's declaration says (`fetched_from`), of each
  police feed and period that is due and not in, and what came anew; and deliveries that a waiver lets in.
- **Leaves:** receipts, verdicts with a report a delivery, loaded rows.

Each feed and period is a pull, named in the grid, and goes through **receive**, **validate** and **load**. *Skipped*
means that nothing of it is there yet, *failed* that a file was refused or blocked, which needs a person; so does a pull
*from* a connection: its feed could not be fetched. A period stays due until it is in, also after its month was frozen
without it. **notice** tells each person in one e-mail what came, what did not, and what needs them; where nothing came
and nothing is near or past its day, nobody is written to.

**If it fails:** the rest is loaded all the same. Ask for the file again and put it into the inbox, or let two people
waive the check; the next pull takes it. Runbooks: [failed check](/desk/runbooks/failed-check),
[wrong file](/desk/runbooks/wrong-file), [late feed](/desk/runbooks/late-feed).

Params: `on`, the business date (today where it is empty).
"""

import logging

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.notices import tell
from monthend_airflow.office import business_date, flow, inbox, open_office
from monthend_airflow.sources import fetch, incoming

logger = logging.getLogger(__name__)

with DAG(
    "pull_police_monthly",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 7 * * 1-5", timezone="Europe/London"),
    max_active_runs=1,
    **flow("receive", "validate", "load"),
):

    @task
    def outstanding() -> list[dict]:
        """List what is due and not in, what else came, and what a waiver lets in. A bank holiday is no working day."""
        from monthend import receive
        from monthend.plan.calendar import add_months, bank_holidays
        from monthend.validate.findings import let_in

        context = get_current_context()
        on = business_date(context)
        if context["dag_run"].run_type == "scheduled" and not bank_holidays().is_working_day(on):
            raise AirflowSkipException(f"{on:%-d %B %Y} is a bank holiday.")
        with open_office() as office:
            month = add_months(f"{on:%Y-%m}", -1)
            listed = fetch(office, month)
            pulls = receive.outstanding(office, [*inbox(), *incoming(office)], month, "police")
            waived = {(feed, period) for feed, period, _ in let_in(office, on)}
            police = {feed.feed for feed in office.declarations.feeds.values() if feed.source == "police"}
        listed += [{"feed": pull.feed, "periods": list(pull.periods), "label": pull.label} for pull in pulls]
        waived -= {(pull.feed, period) for pull in pulls for period in pull.periods}
        return listed + [
            {"feed": feed, "periods": [period], "label": f"{period} {feed}"}
            for feed, period in sorted(waived)
            if feed in police
        ]

    @task_group
    def pull(what: dict) -> None:
        """Take one pull through the stations."""

        @task(map_index_template="{{ label }}", multiple_outputs=False)
        def receive(what: dict) -> dict:
            """Receive its files, and the shipped reference data that they are held against."""
            from monthend.receive import receive
            from monthend.validate.findings import let_in

            context = get_current_context()
            context["label"] = what["label"]
            if "fault" in what:
                raise AirflowFailException(what["fault"])
            on = business_date(context)
            with open_office() as office:
                reference = receive(office, [], on).delivery_ids
                received = receive(office, [*inbox(), *incoming(office)], on, what["feed"], what["periods"])
                waived = [
                    delivery_id
                    for feed, period, delivery_id in let_in(office, on)
                    if feed == what["feed"] and period in what["periods"]
                ]
            delivery_ids = list(dict.fromkeys([*received.delivery_ids, *waived]))
            for origin, reason in received.refused:
                logger.error("Refused: %s: %s", origin, reason)
            if not set(delivery_ids) - set(reference) and not received.refused:
                raise AirflowSkipException(f"Nothing of {what['label']} is in the inbox yet.")
            return {"delivery_ids": delivery_ids, "refused": len(received.refused), "label": what["label"]}

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

    @task
    def notice(pulls: list[dict] | None) -> None:
        """Tell each person in one e-mail what came, what did not, and what needs them."""
        tell(get_current_context(), "pull", [pull["label"] for pull in pulls or []])

    listed = outstanding()
    # A teardown: whatever becomes of it, the run's state is that of the loads.
    pull.expand(what=listed) >> notice(listed).as_teardown()
