"""Every DAG file on disk gives the DAG it is named for, which is documented, owned, light to parse and serialisable."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monthend_airflow.links import place
from monthend_airflow.notices import RUNBOOKS
from monthend_airflow.office import flow

ROOT = Path(__file__).parents[2]
DAGS = {
    "audit_snapshots": {"audit", "publish_again", "postponed", "freeze_again", "notice"},
    "freeze_month_end": {"everything_is_in", "propose", "drafts", "sign_off", "remind", "freeze", "notice"},
    "publish_board_packs": {"packs", "publish", "every_pack_is_built", "parity", "release", "deliver", "notice"},
    "pull_partner_quarterly": {"outstanding", "pull.receive", "pull.validate", "pull.load", "notice"},
    "pull_police_monthly": {"outstanding", "pull.receive", "pull.validate", "pull.load", "notice"},
}
TIMETABLES = {
    "audit_snapshots": "CronTriggerTimetable",
    "freeze_month_end": "monthend_airflow.timetable.WorkingDay",
    "publish_board_packs": "PartitionedAssetTimetable",
    "pull_partner_quarterly": "CronTriggerTimetable",
    "pull_police_monthly": "CronTriggerTimetable",
}
HEAVY = {"pandas", "numpy", "great_expectations", "openpyxl", "pyarrow", "scipy", "statsmodels", "holidays", "alembic"}
PARSE = """
import json, runpy, sys
before = set(sys.modules)
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_every_file_gives_the_dag_it_is_named_for(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert len(dag_bag.dags) == len(DAGS) == 5
    assert {Path(dag.fileloc).stem: dag_id for dag_id, dag in dag_bag.dags.items()} == {name: name for name in DAGS}
    assert {path.stem for path in (ROOT / "dags").glob("**/*.py")} == set(DAGS)


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_says_what_it_does_and_whose_it_is(dag_bag: Any, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert set(dag.task_dict) == DAGS[dag_id]
    assert len(dag.doc_md) > 200
    assert "monthend" in dag.tags
    assert len(dag.tags) > 1
    assert not dag.catchup
    assert {task.owner for task in dag.tasks} == {"performance-analysis"}
    assert all(dag.params.get_param(name).description for name in dag.params)


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_comes_back_from_its_serialised_form(dag_bag: Any, dag_id: str) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = dag_bag.dags[dag_id]
    written = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(written)
    assert set(again.task_dict) == DAGS[dag_id]
    assert (
        again.timetable.serialize() == DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.serialize()
    )


def test_parsing_warns_of_nothing_and_imports_nothing_heavy() -> None:
    files = [str(ROOT / "dags" / f"{dag_id}.py") for dag_id in DAGS]
    parsed = subprocess.run(
        [sys.executable, "-W", "default", "-c", PARSE, *files],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'include'}{os.pathsep}{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Deprecat" not in parsed.stderr
    assert "RemovedIn" not in parsed.stderr
    imported = set(json.loads(parsed.stdout.splitlines()[-1]))
    assert not imported & HEAVY
    assert not {name for name in imported if name.startswith("monthend.")} - {
        "monthend.plan",
        "monthend.plan.calendar",
    }


def test_people_are_asked_once_and_only_for_so_long(dag_bag: Any) -> None:
    for dag_id, task_id in (("freeze_month_end", "sign_off"), ("publish_board_packs", "release")):
        task = dag_bag.dags[dag_id].get_task(task_id)
        assert task.retries == 0
        assert task.defaults is None
        assert task.answer_by or task.response_timeout


def test_what_hands_the_month_on_fits_together(dag_bag: Any) -> None:
    """One asset, which the freeze and the audit emit and the publication waits for; each waits for its own upstream."""
    emitting = {(dag_id, task.task_id) for dag_id, dag in dag_bag.dags.items() for task in dag.tasks if task.outlets}
    assert emitting == {("freeze_month_end", "freeze"), ("audit_snapshots", "publish_again")}
    freeze, publish = dag_bag.dags["freeze_month_end"], dag_bag.dags["publish_board_packs"]
    assert freeze.get_task("freeze").upstream_task_ids == {"propose", "sign_off"}
    assert publish.get_task("release").upstream_task_ids == {"parity"}
    assert publish.get_task("deliver").upstream_task_ids == {"release"}
    for dag_id, leaves in {
        "freeze_month_end": {"freeze", "drafts"},
        "publish_board_packs": {"every_pack_is_built", "deliver"},
        "audit_snapshots": {"audit", "publish_again", "freeze_again"},
        "pull_partner_quarterly": {"pull.load"},
        "pull_police_monthly": {"pull.load"},
    }.items():
        # a run's state is the state of what nothing but a teardown follows
        working = {task.task_id: task for task in dag_bag.dags[dag_id].tasks if not task.is_teardown}
        assert {name for name, task in working.items() if not task.downstream_task_ids & set(working)} == leaves


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_says_when_from_what_to_what_and_which_runbook(dag_bag: Any, dag_id: str) -> None:
    words = dag_bag.dags[dag_id].doc_md
    for heading in ("- **When:** ", "- **Takes:** ", "- **Leaves:** ", "**If it fails:** ", "Params: `on`"):
        assert words.count(heading) == 1
    runbooks = re.findall(r"\]\(/desk/runbooks/([a-z-]+)\)", words)
    assert runbooks
    assert {*runbooks, *RUNBOOKS.values()} <= {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}


def test_runbooks_lead_to_one_another() -> None:
    for path in (ROOT / "docs/runbooks").glob("*.md"):
        words = path.read_text(encoding="utf-8")
        assert words.startswith("# Runbook: ")
        for name in re.findall(r"\]\(([a-z-]+\.md)\)", words):
            assert (path.parent / name).is_file()


def test_every_task_that_a_runbook_is_named_for_is_there(dag_bag: Any) -> None:
    assert set(RUNBOOKS) <= {task_id for tasks in DAGS.values() for task_id in tasks}


def test_owners_lead_to_the_desk_where_its_address_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import DAG

    monkeypatch.setenv("MONTHEND_URL", "https://airflow.opcc.example/")
    dag = DAG("a_flow", schedule=None, **flow("test"))
    assert dag.owner_links == {"performance-analysis": "https://airflow.opcc.example/desk/"}
    assert sorted(dag.tags) == ["monthend", "test"]
    monkeypatch.delenv("MONTHEND_URL")
    assert flow("test")["owner_links"] == {}


def test_links_stay_below_the_path_that_airflow_is_served_under(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place(run_id="a+b") == "/desk/run?run_id=a%2Bb"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://opcc.example/airflow/")
    assert place(run_id="a+b") == "/airflow/desk/run?run_id=a%2Bb"
