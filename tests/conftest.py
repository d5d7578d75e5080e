"""What every test can ask for: the declarations to change, and the real samples where they are."""

import os
from pathlib import Path

import pytest
from declared import copy_declarations

SAMPLES = Path(os.environ.get("MONTHEND_SAMPLES") or Path(__file__).parents[2] / "shared/samples")


@pytest.fixture
def declarations(tmp_path: Path) -> Path:
    """A copy of the project's declarations, to be changed."""
    return copy_declarations(tmp_path / "declarations")


@pytest.fixture(scope="session")
def police_uk_samples() -> Path:
    """The folder of data.police.uk's downloads."""
    folder = SAMPLES / "police_uk"
    if not folder.is_dir():
        pytest.skip(f"the samples of data.police.uk are not here: {folder} (set MONTHEND_SAMPLES)")
    return folder
