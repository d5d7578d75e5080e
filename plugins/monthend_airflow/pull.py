"""A pull: every feed of a source that is due, through receive, validate and load, each by itself in the grid."""

import logging
from typing import Literal

from airflow.sdk import get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.notices import tell
from monthend_airflow.office import business_date, inbox, open_office
from monthend_airflow.sources import fetch, incoming

logger = logging.getLogger(__name__)


def pull_feeds(source: Literal["police", "partner"]) -> None:
    """Make the tasks of a pull of the feeds of `source` ('police' or 'partner') in the DAG that is open."""

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
            listed = fetch(office, month, source)
            pulls = receive.outstanding(office, [*inbox(), *incoming(office)], month, source)
            waived = {(feed, period) for feed, period, _ in let_in(office, on)}
            feeds = {feed.feed for feed in office.declarations.feeds.values() if feed.source == source}
        listed += [
            {"feed": pull.feed, "periods": list(pull.periods), "area_code": pull.area_code, "label": pull.label}
            for pull in pulls
        ]
        waived -= {(pull.feed, period) for pull in pulls for period in pull.periods}
        return listed + [
            {"feed": feed, "periods": [period], "area_code": "", "label": f"{period} {feed}"}
            for feed, period in sorted(waived)
            if feed in feeds
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
                files = [*inbox(), *incoming(office)]
                received = receive(office, files, on, what["feed"], what["periods"], what["area_code"])
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
        tell(get_current_context(), source, [pull["label"] for pull in pulls or []])

    listed = outstanding()
    # A teardown: whatever becomes of it, the run's state is that of the loads.
    pull.expand(what=listed) >> notice(listed).as_teardown()
