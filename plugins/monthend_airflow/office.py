"""What the flows have in common, and how a task finds its office, its inbox, its month and its business date."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import Connection, Param
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

if TYPE_CHECKING:
    from monthend.office import Office

LONDON = ZoneInfo("Europe/London")
OWNER = "performance-analysis"


def flow(*tags: str, **params: Param) -> dict[str, Any]:
    """What every DAG declares alike: owner, retries, tags, the param `on` before its own, no catching up."""
    on = Param(None, type=["null", "string"], format="date", description="Business date; today if empty")
    desk = os.environ.get("MONTHEND_URL", "").rstrip("/")
    return {
        "default_args": {"owner": OWNER, "retries": 2, "retry_delay": timedelta(minutes=5)},
        "owner_links": {OWNER: f"{desk}/desk/"} if desk else {},
        "tags": ["monthend", *tags],
        "params": {"on": on, **params},
        "catchup": False,
    }


@contextmanager
def open_office() -> Iterator["Office"]:
    """Open the office that MONTHEND_HOME, MONTHEND_DATABASE and MONTHEND_DECLARATIONS name.

    What needs a person inside it fails the task at once, with the words it came with: trying again would not help.
    """
    from monthend import office
    from monthend.errors import MonthendError

    database = os.environ.get("MONTHEND_DATABASE") or None
    declarations = os.environ.get("MONTHEND_DECLARATIONS")
    try:
        opened = office.open_office(
            Path(os.environ.get("MONTHEND_HOME") or ".monthend"), database, Path(declarations) if declarations else None
        )
        try:
            yield opened
        finally:
            opened.engine.dispose()
    except MonthendError as error:
        raise AirflowFailException(str(error)) from error


def inbox() -> list[Path]:
    """The files and folders that MONTHEND_INBOX names, separated as in PATH."""
    return [Path(path) for path in os.environ.get("MONTHEND_INBOX", "").split(os.pathsep) if path]


def month_of(context: Mapping[str, Any]) -> str:
    """The month that a run is about, YYYY-MM: its partition key, else its param `month`."""
    from monthend.plan.calendar import month_end

    month = context.get("partition_key") or context["params"].get("month")
    if not month:
        raise AirflowFailException(
            "This run has no month: trigger it with a partition key, or the param month, YYYY-MM."
        )
    try:
        month_end(month)
    except ValueError as error:
        raise AirflowFailException(f"{error}. Trigger the run with such a key.") from error
    return month


def business_date(context: Mapping[str, Any]) -> date:
    """The run's business date: its param `on`, else that of the newest event that set it off, else today in London."""
    events = [event for each in (context.get("triggering_asset_events") or {}).values() for event in each]
    on = context["params"].get("on") or max(((event.extra or {}).get("on") or "" for event in events), default="")
    return date.fromisoformat(on) if on else datetime.now(LONDON).date()


def base_url() -> str:
    """Where people reach Airflow: MONTHEND_URL, else Airflow's own setting; empty where neither is set."""
    return (os.environ.get("MONTHEND_URL") or conf.get("api", "base_url", fallback="") or "").rstrip("/")


def mail_server() -> dict[str, Any] | None:
    """The connection smtp_default as the deliver station reads it; None where Airflow has none."""
    try:
        connection = Connection.get("smtp_default")
    except AirflowNotFoundException:
        return None
    return {name: getattr(connection, name) for name in ("host", "port", "login", "password", "extra")}
