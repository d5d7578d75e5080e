"""A copy of the project's declarations, for tests that change them."""

import shutil
from pathlib import Path


def copy_declarations(copy: Path) -> Path:
    """Copy the project's declarations into a new folder."""
    project = Path(__file__).parents[1]
    for part in ("include/feeds", "include/sql", "expectations", "reports"):
        shutil.copytree(project / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
