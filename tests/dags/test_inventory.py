"""Every DAG file on disk gives the DAG it is named for, which is documented, owned, light to parse and serialisable."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAGS = {
    "audit_snapshots": {"audit", "publish_again", "postponed", "freeze_again"},
    "freeze_month_end": {"everything_is_in", "propose", "sign_off", "freeze"},
    "publish_board_packs": {"packs", "publish", "every_pack_is_built", "parity", "release", "deliver"},
    "pull_police_monthly": {"outstanding", "pull.receive", "pull.validate", "pull.load"},
}
TIMETABLES = {
    "audit_snapshots": "CronTriggerTimetable",
    "freeze_month_end": "monthend_airflow.timetable.WorkingDay",
    "publish_board_packs": "PartitionedAssetTimetable",
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
    assert len(dag_bag.dags) == len(DAGS) == 4
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
        "freeze_month_end": {"freeze"},
        "publish_board_packs": {"every_pack_is_built", "deliver"},
        "audit_snapshots": {"audit", "publish_again", "freeze_again"},
        "pull_police_monthly": {"pull.load"},
    }.items():
        assert {task.task_id for task in dag_bag.dags[dag_id].leaves} == leaves  # a run's state is its leaves' state
