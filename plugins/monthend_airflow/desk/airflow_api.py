"""Airflow's REST API, called as the visitor: what they may not do there they cannot do by way of the desk."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import httpx
from airflow.configuration import conf
from fastapi import HTTPException

from monthend_airflow.desk.access import Visitor

AT_ONCE = threading.BoundedSemaphore(4)  # Airflow answers from the same pool of threads that the desk calls it from
SETTLED = 6.0  # seconds: Airflow fails a task that is answered before its scheduler saw it wait (apache/airflow#71502)


@dataclass(frozen=True)
class Question:
    """A task that waits for a person: its run and place, and what it shows."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    asked_at: datetime
    body: str

    def shows(self, words: str) -> bool:
        """Whether it asks about exactly these words; the operator adds below a rule what is no part of the question."""
        return self.body == words or self.body.startswith(f"{words}\n\n---\n")


def questions(visitor: Visitor, dag_id: str, task_id: str, month: str) -> list[Question]:
    """The questions of a task that wait for an answer, of the runs of a month; newest first."""
    found = _call(
        visitor,
        "GET",
        f"dags/{dag_id}/dagRuns/~/hitlDetails",
        params={"response_received": "false", "task_id": task_id, "limit": 20, "order_by": "-created_at"},
    )
    asked = []
    for each in found["hitl_details"]:
        instance = each["task_instance"]
        if instance["task_id"] == task_id and run_month(visitor, dag_id, instance["dag_run_id"]) == month:
            asked.append(
                Question(
                    dag_id,
                    instance["dag_run_id"],
                    task_id,
                    instance["map_index"],
                    datetime.fromisoformat(each["created_at"]),
                    each["body"] or "",
                )
            )
    return asked


def answer(visitor: Visitor, question: Question, chosen: str, particulars: dict[str, str | None]) -> None:
    """Answer a question as the visitor. Airflow's own checks stay in force."""
    age = (datetime.now(UTC) - question.asked_at).total_seconds()
    with _one_of_few():
        time.sleep(min(max(SETTLED - age, 0), SETTLED))
    run = f"dags/{question.dag_id}/dagRuns/{quote(question.run_id, safe='')}"
    _call(
        visitor,
        "PATCH",
        f"{run}/taskInstances/{question.task_id}/{question.map_index}/hitlDetails",
        json={"chosen_options": [chosen], "params_input": particulars},
    )


def run_month(visitor: Visitor, dag_id: str, run_id: str) -> str:
    """The month that a run is about: its partition key, else its param, else the one before its business date."""
    run = _call(visitor, "GET", f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}")
    settings = run["conf"] or {}
    if month := run["partition_key"] or settings.get("month"):
        return str(month)
    from monthend.plan.calendar import add_months

    try:
        on = date.fromisoformat(str(settings.get("on") or run["run_after"])[:10])
    except ValueError:
        raise HTTPException(404, f"The run {run_id} of {dag_id} names no month.") from None
    return add_months(f"{on:%Y-%m}", -1)


def delivery_ids(visitor: Visitor, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[int]:
    """The deliveries that a task handed on; none where it handed on nothing, or something else."""
    place = f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}/taskInstances/{quote(task_id, safe='')}"
    try:
        entry = _call(
            visitor,
            "GET",
            f"{place}/xcomEntries/return_value",
            params={"map_index": map_index, "deserialize": "false", "stringify": "false"},
        )
    except HTTPException as error:
        if error.status_code == 404:
            return []
        raise
    value = entry["value"]
    ids = value.get("delivery_ids") if isinstance(value, dict) else value
    return [each for each in ids if isinstance(each, int)] if isinstance(ids, list) else []


@contextmanager
def _one_of_few() -> Iterator[None]:
    """Keep most threads free for Airflow itself. Raises 503 at once where too many visitors ask at the same time."""
    if not AT_ONCE.acquire(blocking=False):
        raise HTTPException(503, "Too many people ask at once. Try again in a moment.")
    try:
        yield
    finally:
        AT_ONCE.release()


def _base() -> str:
    """Where this process reaches Airflow's API: as its tasks do; the address that people use may lie outside."""
    inside = conf.get("core", "execution_api_server_url", fallback="").rstrip("/").removesuffix("/execution")
    return inside or conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")


def _call(visitor: Visitor, method: str, path: str, **arguments: Any) -> Any:
    """Call the API, and say in words what it refused."""
    base = _base()
    try:
        with _one_of_few():
            response = httpx.request(
                method,
                f"{base}/api/v2/{path}",
                headers={"Authorization": f"Bearer {visitor.token}"},
                trust_env=False,  # the same machine, whatever proxy the environment names
                timeout=30,
                **arguments,
            )
    except httpx.HTTPError as error:
        raise HTTPException(
            502,
            f"Airflow's API at {base} did not answer. Try again, or check [core] execution_api_server_url.",
        ) from error
    if response.status_code < 300:
        return response.json()
    words = {
        401: (401, "Log in to Airflow first."),
        403: (403, "Airflow does not let your user do this. An administrator of Airflow can allow it."),
        404: (404, "Airflow does not know this run or task, or it does not wait any more."),
        409: (409, "The question was answered already. Look at the month again."),
    }.get(response.status_code, (502, f"Airflow's API refused it ({response.status_code})."))
    raise HTTPException(*words)
