"""The mutation score: what becomes of faults whose fate is known, in a month that is otherwise right."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from monthend import mutate
from monthend.errors import WrongCall
from monthend.mutate import Outcome, in_words, outcomes, score
from monthend.sample import force
from monthend.sample.mutations import Mutation, mutations

BEFORE, MONTH = "2017-05", "2017-06"
ALCOHOL = ("flag_alcohol", "one value in all of the month's rows")
SHUFFLED = ("beat_code", "another row's value in a twentieth of the month's rows")
CHOSEN = {("", "the last ten rows are lost"), ("csp_code", "empty in every row"), SHUFFLED, ALCOHOL}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two month-ends of a small force."""
    folder = tmp_path_factory.mktemp("sample")
    force.write(folder, until=MONTH, months=2, scale=0.02, public=False, with_faults=False, with_partners=False)
    return folder


def test_a_fault_is_stopped_or_shown_or_reaches_named_boards_or_changes_nothing(sample: Path) -> None:
    def chosen(*delivery: Any) -> Iterator[Mutation]:
        return (each for each in mutations(*delivery) if (each.column, each.fault) in CHOSEN)

    with patch.object(mutate, "mutations", chosen):
        found = list(outcomes(MONTH, [sample / BEFORE], [sample / MONTH], ["police_crime"]))
    assert found == [
        Outcome("police_crime", "", "the last ten rows are lost", "stopped", ("G05",)),
        Outcome("police_crime", "csp_code", "empty in every row", "shown", ("C08",)),
        Outcome("police_crime", *SHUFFLED, "changed no number"),
        Outcome(
            "police_crime",
            *ALCOHOL,
            "reached a number",
            (),
            ("alcohol_related_crime",),
            ("panel", "pdg", "strategic_partnership"),
        ),
    ]
    assert in_words(found[1]) == "police_crime csp_code: empty in every row: shown by C08"
    assert in_words(found[3]) == (
        "police_crime flag_alcohol: one value in all of the month's rows: reached a number, of alcohol_related_crime, "
        "read by panel, pdg, strategic_partnership"
    )
    assert score(found) == (
        "4 faults: 1 stopped; 1 shown; 1 reached a number; 1 changed no number. "
        "Of those that were found or reached a number, 66.7% were found."
    )


def test_a_feed_without_a_delivery_is_named(sample: Path) -> None:
    with pytest.raises(WrongCall, match="There is no delivery of police_uk_street for month-end 2017-06"):
        next(outcomes(MONTH, [sample / BEFORE], [sample / MONTH], ["police_uk_street"]))


def test_being_ended_leaves_no_server_behind(sample: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="end"))  # a socket's path must be short
    command = [Path(sys.executable).with_name("monthend"), "mutate", "--month", MONTH, "--before", sample / BEFORE]
    running = subprocess.Popen(
        [*command, "--inbox", sample / MONTH, "--feed", "police_crime"],
        env={"PATH": "", "HOME": str(folder), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def servers() -> list[int]:
        found = (each for each in psutil.process_iter(["name", "cmdline"]) if each.info["name"] == "postgres")
        return [each.pid for each in found if any(str(folder) in word for word in each.info["cmdline"] or ())]

    assert running.stdout
    assert running.stdout.readline().startswith("police_crime: ")
    assert len(servers()) == 1
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "Stopped. Run the same command again: it finishes what was left.\n")
    assert servers() == []
    shutil.rmtree(folder)
