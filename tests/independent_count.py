"""A second count of raw street files, to hold the product's facts against: the csv module alone, nothing of ours."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

REFERENCE = Path(__file__).parents[1] / "include/reference"
HOME_FORCE = "E23000021"  # Leicestershire
HOME_DISTRICTS = {
    "E06000016": "Leicester",
    "E06000017": "Rutland",
    "E07000129": "Blaby",
    "E07000130": "Charnwood",
    "E07000131": "Harborough",
    "E07000132": "Hinckley and Bosworth",
    "E07000133": "Melton",
    "E07000134": "North West Leicestershire",
    "E07000135": "Oadby and Wigston",
}
NOT_CRIME = "Anti-social behaviour"


def count(paths: Iterable[Path]) -> dict[tuple[str, str, str], int]:
    """Count the rows of street files (CSV, or zips of them) by area code, month (YYYY-MM) and crime type.

    Areas are the police force areas, by "Falls within", and the nine districts of Leicestershire, by the LSOA of its
    force's rows. A row without a place or outside the nine counts for the force alone; a force without an area code
    (British Transport Police) is left out. What has no row has no key. Raises KeyError on a force or a column that is
    unknown; members of a zip that are no street files are passed over.
    """
    force_codes = {row["falls_within"]: row["pfa_code"] for row in _reference("forces.csv")}
    districts = _home_districts_by_lsoa()
    counts: Counter[tuple[str, str, str]] = Counter()
    for path in paths:
        for text in _street_files(path):
            for row in csv.DictReader(io.StringIO(text, newline="")):
                force = force_codes[row["Falls within"]]
                if not force:
                    continue
                counts[force, row["Month"], row["Crime type"]] += 1
                district = districts.get(row["LSOA code"])
                if force == HOME_FORCE and district:
                    counts[district, row["Month"], row["Crime type"]] += 1
    return dict(counts)


def all_crime(counts: dict[tuple[str, str, str], int]) -> dict[tuple[str, str], int]:
    """Sum the result of `count` over crime types, by area code and month; anti-social behaviour is no crime."""
    totals: Counter[tuple[str, str]] = Counter()
    for (area, month, crime_type), number in counts.items():
        if crime_type != NOT_CRIME:
            totals[area, month] += number
    return dict(totals)


def _street_files(path: Path) -> Iterator[str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith("-street.csv"):
                    yield archive.read(member).decode("utf-8")
    else:
        yield path.read_bytes().decode("utf-8")


def _home_districts_by_lsoa() -> dict[str, str]:
    """The district of each LSOA of either vintage, for those in the nine."""
    districts: dict[str, str] = {}
    for row in _reference("lsoa_exact_fit.csv"):
        if row["LAD22CD"] in HOME_DISTRICTS:
            for vintage in ("LSOA11CD", "LSOA21CD"):
                district = districts.setdefault(row[vintage], row["LAD22CD"])
                assert district == row["LAD22CD"], f"{row[vintage]} lies in two districts"
    return districts


def _reference(name: str) -> Iterator[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
