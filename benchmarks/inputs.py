"""Inputs: data.police.uk's own downloads where they are, and synthetic files at the real forces' volume."""

import csv
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from monthend import receive
from monthend.plan.declarations import ROOT, Declarations
from monthend.sample import street

SAMPLES = Path(os.environ.get("MONTHEND_SAMPLES") or ROOT.parent / "shared/samples")
MONTH, ON, STEWARD = "2025-03", date(2025, 6, 10), "a.steward"
SCALE, SCALE_ALL_FORCES = 8, 6  # sample's files hold an eighth of what its forces publish; all forces publish less


@dataclass(frozen=True)
class Inbox:
    """Downloads to run a month-end from, and the declarations that recognise them."""

    name: str
    zips: list[Path]
    declarations: Path = ROOT


def real() -> Inbox | None:
    """The downloads in MONTHEND_SAMPLES or ../shared/samples of which every file is the street feed's."""
    declarations = Declarations(ROOT)
    zips = []
    for path in sorted((SAMPLES / "police_uk").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            names = [Path(name).name for name in archive.namelist() if not name.endswith("/")]
        if all(isinstance(receive.recognise(declarations, name), receive.Recognised) for name in names):
            zips.append(path)
    return Inbox("real downloads", zips) if zips else None


def synthetic(folder: Path) -> Inbox:
    """What `monthend.sample.street` writes for two years and a month, zipped."""
    street.write(folder / "synthetic", MONTH)
    return Inbox("synthetic files", [_zipped(folder / "synthetic")])


def scaled(folder: Path) -> Inbox:
    """Twelve months of the eight synthetic forces at the real forces' volume: about a million rows."""
    forces = {force.slug: (force.slug, "", "") for force in street.FORCES}
    return Inbox("8 forces, 12 months", [_zipped(_repeated(folder / "scaled", forces, SCALE))])


def all_forces(folder: Path) -> Inbox:
    """Twelve months of every force of England and Wales: about four million rows, the eight forces' relabelled."""
    rows = _every_force()
    names = {row["file_slug"]: row["falls_within"] for row in rows}
    own = [force.slug for force in street.FORCES]
    sources = {slug: slug if slug in own else own[place % len(own)] for place, slug in enumerate(names)}
    forces = {slug: (source, names[source], names[slug]) for slug, source in sources.items()}
    zipped = _zipped(_repeated(folder / "all-forces", forces, SCALE_ALL_FORCES))
    return Inbox(f"{len(forces)} forces, 12 months", [zipped], declare_all_forces(folder / "declarations"))


def declare_all_forces(declarations: Path) -> Path:
    """Copy the project's declarations to a new folder, with every force of England and Wales in the street feed."""
    for part in ("include/feeds", "include/sql", "expectations", "reports"):
        shutil.copytree(ROOT / part, declarations / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = declarations / "include/feeds/police_uk_street.yaml"
    feed = yaml.safe_load(path.read_text(encoding="utf-8"))
    feed["areas"] = [
        {"code": row["pfa_code"], "slug": row["file_slug"], "name_in_rows": row["falls_within"]}
        for row in _every_force()
    ]
    path.write_text(yaml.safe_dump(feed, sort_keys=False), encoding="utf-8")
    return declarations


def _every_force() -> list[dict[str, str]]:
    with (ROOT / "include/reference/forces.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["pfa_code"]]


def _repeated(folder: Path, forces: dict[str, tuple[str, str, str]], times: int) -> Path:
    """Write each force's files with the rows of its source `times` over, Crime IDs new and the force's name its own.

    `forces` gives for each slug in file names the slug it is made from, that one's name in rows, and its own.
    """
    with tempfile.TemporaryDirectory() as originals:
        for original in street.write(Path(originals), MONTH, 12):
            period, source = original.parent.name, original.name[8 : -len("-street.csv")]
            heading, *lines = original.read_text(encoding="utf-8").splitlines(keepends=True)
            for slug, (made_from, name, own_name) in forces.items():
                if made_from == source:
                    rows = [line.replace(name, own_name) if name else line for line in lines]
                    path = folder / period / f"{period}-{slug}-street.csv"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("w", encoding="utf-8", newline="") as file:
                        file.write(heading)
                        for time in range(times):
                            file.writelines(row if row.startswith(",") else f"{time:02x}{row[2:]}" for row in rows)
    return folder


def _zipped(folder: Path) -> Path:
    """The folder's files in one zip beside it, laid out as a download."""
    return Path(shutil.make_archive(str(folder), "zip", folder))
