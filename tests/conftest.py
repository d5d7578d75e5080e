"""What every test can ask for: the declarations to change, and the real samples where they are."""

import os
import shutil
from pathlib import Path

import pytest

SAMPLES = Path(os.environ.get("MONTHEND_SAMPLES") or Path(__file__).parents[2] / "shared/samples")


@pytest.fixture
def declarations(tmp_path: Path) -> Path:
    """A copy of the project's declarations, to be changed."""
    project, copy = Path(__file__).parents[1], tmp_path / "declarations"
    for part in ("include/feeds", "include/sql", "expectations", "reports"):
        shutil.copytree(project / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="session")
def police_uk_samples() -> Path:
    """The folder of data.police.uk's downloads."""
    folder = SAMPLES / "police_uk"
    if not folder.is_dir():
        pytest.skip(f"the samples of data.police.uk are not here: {folder} (set MONTHEND_SAMPLES)")
    return folder
