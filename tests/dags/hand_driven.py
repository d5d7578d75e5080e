"""Airflow driven by hand: the real API and the real tasks, and a scheduler that works when it is told to."""

from dataclasses import dataclass
from datetime import date
from typing import Any

MONTH, ON = "2025-04", date(2025, 5, 13)  # working day 8


@dataclass
class Airflow:
    """The real API, and a scheduler that works when it is told to."""

    dags: dict[str, Any]
    client: Any
    tokens: dict[str, str]

    def call(self, method: str, path: str, user: str = "admin", **body: Any) -> Any:
        """Call the API as somebody and give the answer's JSON; the status has to be one of success."""
        response = self.client.request(
            method, f"/api/v2/{path}", json=body or None, headers={"Authorization": f"Bearer {self.tokens[user]}"}
        )
        assert response.status_code < 300, f"{response.status_code} {response.text}"
        return response.json() if response.content else None

    def trigger(self, dag_id: str, key: str | None = MONTH, **conf: Any) -> "Run":
        """Make a run and let it go as far as it goes without a person."""
        made = self.call(
            "POST",
            f"dags/{dag_id}/dagRuns",
            logical_date=None,
            partition_key=key,
            conf={"on": ON.isoformat(), **conf},
        )
        run = Run(self, dag_id, made["dag_run_id"])
        run.go_on()
        return run

    def time_out(self) -> None:
        """Do what the scheduler does now and then: look for questions that nobody answered in time."""
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

        SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts()

    def runs_by_assets(self) -> list["Run"]:
        """Make the runs that the assets' events ask for, as the scheduler does."""
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            before = set(session.scalars(select(DagRun.run_id)))
            SchedulerJobRunner(job=Job())._create_dagruns_for_partitioned_asset_dags(session)
            session.commit()
            made = [run for run in session.scalars(select(DagRun)) if run.run_id not in before]
            return [Run(self, run.dag_id, run.run_id) for run in made]


@dataclass
class Run:
    """One DAG run."""

    airflow: Airflow
    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Its place in the API."""
        return f"dags/{self.dag_id}/dagRuns/{self.run_id}"

    def go_on(self) -> None:
        """Run what can be run, until the run is done or waits for a person; sensors look once more before that."""
        self._run()
        self._wake_sensors()
        self._run()

    def _wake_sensors(self) -> None:
        """Let the time pass that sensors wait before they look again."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.taskreschedule import TaskReschedule
        from airflow.sdk.timezone import utcnow
        from airflow.utils.session import create_session
        from sqlalchemy import select, update

        with create_session() as session:
            mine = select(TaskInstance.id).where(TaskInstance.dag_id == self.dag_id, TaskInstance.run_id == self.run_id)
            session.execute(
                update(TaskReschedule).where(TaskReschedule.ti_id.in_(mine)).values(reschedule_date=utcnow()),
                execution_options={"synchronize_session": False},
            )

    def _run(self) -> None:
        from airflow.models.dagrun import DagRun
        from airflow.sdk.definitions.dag import _run_task
        from airflow.sdk.timezone import utcnow
        from airflow.serialization.serialized_objects import DagSerialization
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState, TaskInstanceState
        from sqlalchemy import select

        dag = self.airflow.dags[self.dag_id]
        with create_session() as session:
            run = session.scalar(select(DagRun).where(DagRun.dag_id == self.dag_id, DagRun.run_id == self.run_id))
            run.dag = DagSerialization.from_dict(DagSerialization.to_dict(dag))
            run.start_date = run.start_date or utcnow()
            run.state = DagRunState.RUNNING
            session.commit()
            before: dict[Any, Any] | None = None
            while run.state == DagRunState.RUNNING:
                session.expire_all()
                ready, _ = run.update_state(session=session)
                for instance in ready:
                    instance.try_number += 1
                    instance.state = TaskInstanceState.SCHEDULED
                session.commit()
                states = {instance.id: instance.state for instance in run.get_task_instances(session=session)}
                if states == before:  # what is left waits for a person, or for time to pass
                    break
                before = states
                for instance in run.get_task_instances(session=session):
                    if instance.state == TaskInstanceState.SCHEDULED:
                        _run_task(ti=instance, task=dag.task_dict[instance.task_id])

    @property
    def state(self) -> str:
        """Its state."""
        return self.airflow.call("GET", self.path)["state"]

    @property
    def states(self) -> dict[str, str]:
        """The state of each task; of each instance by its name in the grid, where a task is mapped."""
        found: list[dict[str, Any]] = []
        while page := self.airflow.call("GET", f"{self.path}/taskInstances?limit=50&offset={len(found)}")[
            "task_instances"
        ]:
            found += page
        return {
            each["task_id"] + (f"[{each['rendered_map_index']}]" if each["map_index"] >= 0 else ""): each["state"]
            for each in found
        }

    def shown(self, task_id: str) -> str:
        """What a person is shown."""
        return self.airflow.call("GET", f"{self.path}/taskInstances/{task_id}/-1/hitlDetails")["body"]

    def answer(self, task_id: str, user: str, option: str, **particulars: Any) -> None:
        """Answer as somebody, and let the run go on."""
        self.airflow.call(
            "PATCH",
            f"{self.path}/taskInstances/{task_id}/-1/hitlDetails",
            user,
            chosen_options=[option],
            params_input=particulars,
        )
        self.go_on()

    def mark_success(self, task_id: str) -> None:
        """Mark a task as success by hand, and let the run go on."""
        self.airflow.call("PATCH", f"{self.path}/taskInstances/{task_id}", new_state="success")
        self.go_on()

    def clear(self, task_id: str) -> None:
        """Clear a task and what follows it, and let the run go on."""
        self.airflow.call(
            "POST",
            f"dags/{self.dag_id}/clearTaskInstances",
            dry_run=False,
            dag_run_id=self.run_id,
            task_ids=[task_id],
            only_failed=False,
            include_downstream=True,
        )
        self.go_on()

    def write_xcom(self, task_id: str, value: Any) -> None:
        """Write what a task returned, by hand."""
        path = f"{self.path}/taskInstances/{task_id}/xcomEntries"
        entries = self.airflow.call("GET", path)["xcom_entries"]
        if any(entry["key"] == "return_value" for entry in entries):
            self.airflow.call("PATCH", f"{path}/return_value", value=value)
        else:
            self.airflow.call("POST", path, key="return_value", value=value)
