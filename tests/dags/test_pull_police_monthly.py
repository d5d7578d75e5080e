"""pull_police_monthly against the real API and a real warehouse: what is due and not in, named in the grid."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hand_driven import Airflow

Rows = Callable[..., list[dict[str, Any]]]
STREET = "police_uk_street"


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty inbox."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.setenv("MONTHEND_INBOX", str(inbox))
    return inbox


def test_what_is_due_is_taken_through_the_stations(office: Any, airflow: Airflow, inbox: Path, rows: Rows) -> None:
    from monthend.sample import street

    waiting = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert waiting.states[f"pull.receive[2025-03 {STREET}]"] == "skipped"
    assert waiting.state == "success"

    street.write(inbox, "2025-03", months=1)
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert run.state == "success"
    assert {name: state for name, state in run.states.items() if "[" in name} == {
        f"pull.{station}[2025-03 {STREET}]": "success" for station in ("receive", "validate", "load")
    }
    loaded = "SELECT * FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE period = '2025-03'"
    assert len(rows(loaded)) == 8

    again = airflow.trigger("pull_police_monthly", key=None, on="2025-06-05")
    assert again.state == "success"
    assert not [name for name in again.states if "[" in name]  # nothing is outstanding


def test_a_correction_under_the_same_path_is_pulled(office: Any, airflow: Airflow, inbox: Path, rows: Rows) -> None:
    from monthend.sample import street

    kent = next(path for path in street.write(inbox, "2025-03", months=1) if "kent" in path.name)
    assert airflow.trigger("pull_police_monthly", key=None, on="2025-06-04").state == "success"
    lines = kent.read_text(encoding="utf-8").splitlines(keepends=True)
    kent.write_text("".join(lines[:-1]), encoding="utf-8")
    os.utime(kent, (kent.stat().st_atime, kent.stat().st_mtime + 60))
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-05")
    assert (run.state, run.states[f"pull.load[2025-03 {STREET}]"]) == ("success", "success")
    counts = rows(
        "SELECT l.row_count FROM reporting.load l JOIN landing.delivery USING (delivery_id)"
        " WHERE period = '2025-03' AND area_code = 'E23000032' ORDER BY load_number"
    )
    assert [row["row_count"] for row in counts] == [len(lines) - 1, len(lines) - 2]
    again = airflow.trigger("pull_police_monthly", key=None, on="2025-06-06")
    assert not [name for name in again.states if "[" in name]


def test_a_refused_file_fails_the_run_and_the_rest_is_loaded(
    office: Any,
    airflow: Airflow,
    inbox: Path,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from monthend.sample import street

    street.write(inbox, "2025-03", months=1)
    (inbox / "broken.zip").write_bytes(b"PK\x03\x04 and then nothing")
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert run.state == "failed"
    assert run.states[f"pull.load[2025-03 {STREET}]"] == "failed"
    assert f"Refused: {inbox / 'broken.zip'}" in caplog.text
    assert "Refused: 1 files" in capfd.readouterr().out
    loaded = "SELECT * FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE period = '2025-03'"
    assert len(rows(loaded)) == 8


def test_a_blocked_delivery_fails_the_run_and_the_rest_is_loaded(
    office: Any, airflow: Airflow, inbox: Path, rows: Rows
) -> None:
    from monthend.sample import street

    kent = next(path for path in street.write(inbox, "2025-03", months=1) if "kent" in path.name)
    kent.write_text(kent.read_text(encoding="utf-8").replace("Falls within", "Fell within", 1), encoding="utf-8")
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert run.state == "failed"
    loaded = "SELECT * FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE period = '2025-03'"
    assert len(rows(loaded)) == 7


def test_no_row_reaches_xcom(office: Any, airflow: Airflow, inbox: Path) -> None:
    from monthend.sample import street

    paths = street.write(inbox, "2025-03", months=1)
    with zipfile.ZipFile(inbox / "download.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
            path.unlink()
    run = airflow.trigger("pull_police_monthly", key=None, on="2025-06-04")
    assert run.state == "success"
    entries = airflow.call("GET", f"{run.path}/taskInstances/~/xcomEntries?limit=100")["xcom_entries"]
    assert len(entries) == 4
    for entry in entries:
        path = f"{run.path}/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}?map_index={entry['map_index']}"
        value = str(airflow.call("GET", path)["value"])
        assert len(value) < 500
        assert "On or near" not in value
