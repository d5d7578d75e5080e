"""Registers with Airflow what it has to know of monthend."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from monthend_airflow.links import DeskLink, ReportLink
from monthend_airflow.timetable import WorkingDay

DESK = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + "/desk"


async def desk(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Answer a request with the steward's desk, imported at the first one: every process of Airflow reads this file."""
    app = await asyncio.to_thread(importlib.import_module, "monthend_airflow.desk.app")
    await app.app(scope, receive, send)


class MonthendPlugin(AirflowPlugin):
    """The timetable of month-ends, the steward's desk, and the links to it."""

    name = "monthend"
    timetables = [WorkingDay]  # noqa: RUF012 - Airflow's own way to declare them
    global_operator_extra_links = [DeskLink(), ReportLink()]  # noqa: RUF012
    fastapi_apps = [{"app": desk, "url_prefix": "/desk", "name": "Steward's desk"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        # without a url_route it opens as a page of its own, from which links lead back to Airflow
        {"name": "Steward's desk", "href": f"{DESK}/", "destination": "nav", "category": "browse"},
        {
            "name": "Steward's desk",
            "href": f"{DESK}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "url_route": "stewards-desk",
            "destination": "dag_run",
        },
    ]
