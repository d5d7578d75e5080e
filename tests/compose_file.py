"""docker-compose.yaml as Docker Compose reads it: what is merged is merged, and variables can be filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<words>[^}]*))?\})")


def read() -> dict[str, Any]:
    """The file, with its merges resolved and its variables as they stand."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8")))


def variables(text: str) -> dict[str, str | None]:
    """The variables that a text names: the default of each, None for one that must be set."""
    found = [match for match in VARIABLE.finditer(text) if match["name"]]
    return {match["name"]: match["words"] if match["kind"] == "-" else None for match in found}


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables filled in. Raises KeyError for one that must be set and is not."""

    def value(match: re.Match[str]) -> str:
        if not match["name"]:
            return "$"
        return values.get(match["name"]) or match["words"] if match["kind"] == "-" else values[match["name"]]

    return VARIABLE.sub(value, text)
