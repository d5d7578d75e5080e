"""A run that is killed at any station is finished by running it again: nothing twice, nothing half."""

import subprocess
import sys
from pathlib import Path

import pytest
from killed import POINTS
from offices import ON, STEWARD, Desk, Server, Street, monthend

from monthend import warehouse
from monthend.freeze.query import frozen_facts
from monthend.freeze.verify import verify
from monthend.office import open_office

COUNTED = (
    "landing.delivery", "landing.receipt", "quality.validation", "quality.check_result", "quality.quarantined_row",
    "reporting.load", "reporting.police_uk_street", "reporting.areas", "reporting.residents",
    "reporting.lsoa_exact_fit", "snapshot.candidate", "snapshot.fact", "snapshot.sign_off", "snapshot.snapshot",
)  # fmt: skip
HALF = {
    "a receipt of nothing": "SELECT FROM landing.delivery d WHERE NOT EXISTS"
    " (SELECT FROM landing.receipt r WHERE r.delivery_id = d.delivery_id)",
    "a verdict without its checks": "SELECT FROM quality.validation v WHERE NOT EXISTS"
    " (SELECT FROM quality.check_result c WHERE c.validation_id = v.validation_id AND c.check_id = 'G02')",
    "rows without a load": "SELECT FROM reporting.police_uk_street s WHERE NOT EXISTS"
    " (SELECT FROM reporting.load l WHERE l.delivery_id = s.delivery_id)",
    "a load without all its rows": "SELECT FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
    " WHERE d.feed = 'police_uk_street' AND l.row_count <>"
    " (SELECT count(*) FROM reporting.police_uk_street s WHERE s.delivery_id = l.delivery_id)",
    "a candidate without all its facts": "SELECT FROM snapshot.candidate c"
    " WHERE (c.manifest->'facts'->>'count')::int <> (SELECT count(*) FROM snapshot.fact_at(c.candidate_id))",
}


@pytest.fixture
def inbox(street: Street, tmp_path: Path) -> Path:
    return street.inbox(tmp_path / "inbox", ["2025-02", "2025-03"], ["bedfordshire", "leicestershire"])


def test_a_run_killed_at_every_station_ends_as_one_that_was_not(desk: Desk, home: Path, inbox: Path) -> None:
    """One home is killed at each point in turn, each run going on where the one before was ended."""
    desk.run("2025-03", inbox)
    run = ("run", "--month", "2025-03", "--inbox", inbox, "--signed-off-by", STEWARD, "--on", ON, "--home", home)
    server = None
    command = [sys.executable, Path(__file__).with_name("killed.py"), *map(str, run)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **pipes, text=True, cwd=home.parent) as runs:
        for point in POINTS:
            runs.stdin.write(f"{point}\n")
            runs.stdin.flush()
            assert runs.stdout.readline() == "-9\n", point
            server = server or Server(home)
            survivor = Desk(desk.office, server, warehouse.DATABASE)
            for what, statement in HALF.items():
                assert survivor.rows(statement) == [], f"{point}: {what}"
    last = monthend(*run, folder=home.parent)
    assert last.returncode == 1  # forces that are due are missing; nothing else
    assert last.stderr == ""

    assert server is not None
    survivor = Desk(open_office(home), server, warehouse.DATABASE)
    for table in COUNTED:
        assert survivor.rows(f"SELECT count(*) FROM {table}") == desk.rows(f"SELECT count(*) FROM {table}"), table
    columns = "digest, facts_sha256, manifest"
    assert survivor.rows(f"SELECT {columns} FROM snapshot.candidate") == desk.rows(
        f"SELECT {columns} FROM snapshot.candidate"
    )
    assert frozen_facts(survivor.office, "2025-03") == frozen_facts(desk.office, "2025-03")
    assert verify(survivor.office) == []
    survivor.office.engine.dispose()
