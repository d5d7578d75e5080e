"""Links from a task to the steward's desk and to the validation report of what it took in."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

DAGS = (
    "pull_police_monthly", "pull_partner_quarterly", "freeze_month_end", "publish_board_packs", "audit_snapshots",
)  # fmt: skip
REPORTED = ("pull.validate", "pull.load")


def place(**about: Any) -> str:
    """The desk's page for a run or a task, below the path that Airflow itself is served under."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return f"{base}/desk/run?{urlencode(about)}"


class DeskLink(BaseOperatorLink):
    """From each task of ours to the page of the desk that its run is about."""

    name = "Steward's desk"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Give the link; nothing for a task that is none of ours."""
        return place(dag_id=ti_key.dag_id, run_id=ti_key.run_id) if ti_key.dag_id in DAGS else ""


class ReportLink(BaseOperatorLink):
    """From a task that validates or loads to the report of its deliveries."""

    name = "Validation report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Give the link; nothing for any other task."""
        if ti_key.dag_id not in DAGS or ti_key.task_id not in REPORTED:
            return ""
        return place(dag_id=ti_key.dag_id, run_id=ti_key.run_id, task_id=ti_key.task_id, map_index=ti_key.map_index)
