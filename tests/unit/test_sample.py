"""The made-up inbox: the same bytes anywhere, the real layout, and each irregularity of the real files."""

import csv
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from monthend.plan.calendar import add_months
from monthend.sample import street

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
    "Last outcome category,Context"
)
FIT = Path(street.__file__).parents[2] / "reference/lsoa_exact_fit.csv"
OLD, NEW = "2023-06", "2025-01"
HOME_DISTRICTS = {"E06000016", "E06000017", *(f"E07000{number}" for number in range(129, 136))}
# what the home force's files of two months hold, in an inbox up to 2025-03
IRREGULAR = {
    OLD: {
        "rows": 1073,
        "ASB": 145,
        "identical ASB": 34,
        "Crime ID repeated in the file": 3,
        "Crime ID of the month before": 1,
        "No Location": 25,
        "No location": 4,
        "On or near nothing": 1,
        "no LSOA": 29,
        "LSOA of 2011 only": 79,
        "LSOA of 2021 only": 0,
        "outside the area": 13,
        "comma in Location": 37,
        "comma in LSOA name": 0,
        "Under investigation": 0,
        "Status update unavailable": 308,
        "CR LF": 1074,
    },
    NEW: {
        "rows": 1046,
        "ASB": 110,
        "identical ASB": 23,
        "Crime ID repeated in the file": 1,
        "Crime ID of the month before": 0,
        "No Location": 17,
        "No location": 7,
        "On or near nothing": 2,
        "no LSOA": 24,
        "LSOA of 2011 only": 0,
        "LSOA of 2021 only": 92,
        "outside the area": 8,
        "comma in Location": 0,
        "comma in LSOA name": 5,
        "Under investigation": 47,
        "Status update unavailable": 49,
        "CR LF": 0,
    },
}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default inbox: 25 months up to 2025-03."""
    directory = tmp_path_factory.mktemp("inbox")
    street.write(directory, "2025-03")
    return directory


def street_file(inbox: Path, month: str, force: str = "leicestershire") -> Path:
    """Where the file of a force and month is."""
    return inbox / month / f"{month}-{force}-street.csv"


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_file_a_force_and_month_laid_out_as_in_the_download(tmp_path: Path) -> None:
    paths = street.write(tmp_path, "2025-01", months=2)

    first = ("bedfordshire", "essex", "hampshire", "hertfordshire")
    second = ("kent", "leicestershire", "nottinghamshire", "sussex")
    expected = [street_file(tmp_path, month, force) for month in ("2024-12", "2025-01") for force in (*first, *second)]
    assert paths == expected
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == expected


def test_twenty_five_months_and_their_size(inbox: Path) -> None:
    paths = sorted(inbox.glob("*/*.csv"))

    assert len(paths) == 25 * 8
    assert (paths[0].parent.name, paths[-1].parent.name) == ("2023-03", "2025-03")
    assert sum(len(read(path)) for path in paths) == 262_870


def test_header_is_exact_in_every_file(inbox: Path) -> None:
    for path in inbox.glob("*/*.csv"):
        end = "\r\n" if path.parent.name < "2024-01" else "\n"
        assert path.read_bytes().startswith((HEADER + end).encode())


def test_known_bytes(inbox: Path) -> None:
    # They change when the generator or the reference data does: then all that was made from a sample changes.
    digest = hashlib.sha256(street_file(inbox, NEW).read_bytes()).hexdigest()

    assert digest == "2729d2471885b7db39d96370b1928d9f97a30cdc0bd11162be7cbe1cf0a4a9eb"


def test_same_bytes_again_and_in_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from monthend.sample import street;"
        "street.write(Path(sys.argv[1]), '2024-01', months=2)"
    )
    street.write(tmp_path / "here", "2024-01", months=2)
    street.write(tmp_path / "here again", "2024-01", months=2)
    environment = os.environ | {"PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", program, tmp_path / "there"], check=True, env=environment)

    here = contents(tmp_path / "here")
    assert len(here) == 16
    assert here == contents(tmp_path / "here again") == contents(tmp_path / "there")


def contents(directory: Path) -> dict[str, bytes]:
    """Bytes by path inside the directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.csv")}


def test_a_later_inbox_moves_only_outcomes_of_recent_months(inbox: Path, tmp_path: Path) -> None:
    street.write(tmp_path, "2025-04", months=5)

    assert street_file(tmp_path, "2024-12").read_bytes() == street_file(inbox, "2024-12").read_bytes()
    before, after = read(street_file(inbox, "2025-02")), read(street_file(tmp_path, "2025-02"))
    assert before != after
    for row in (*before, *after):
        del row["Last outcome category"]
    assert before == after


@pytest.mark.parametrize("month", [OLD, NEW])
def test_irregularities_of_the_real_files(inbox: Path, month: str) -> None:
    path = street_file(inbox, month)
    rows = read(path)
    asb = [tuple(row.values()) for row in rows if row["Crime type"] == "Anti-social behaviour"]
    identifiers = [row["Crime ID"] for row in rows if row["Crime ID"]]
    previous = {row["Crime ID"] for row in read(street_file(inbox, add_months(month, -1)))}
    codes = [row["LSOA code"] for row in rows]
    with FIT.open(encoding="utf-8", newline="") as file:
        fit = list(csv.DictReader(file))
    codes_2011, codes_2021 = {row["LSOA11CD"] for row in fit}, {row["LSOA21CD"] for row in fit}
    only_2011, only_2021 = codes_2011 - codes_2021, codes_2021 - codes_2011
    home = {row[vintage] for row in fit if row["LAD22CD"] in HOME_DISTRICTS for vintage in ("LSOA11CD", "LSOA21CD")}
    locations = Counter(row["Location"] for row in rows)
    outcomes = Counter(row["Last outcome category"] for row in rows)

    assert {
        "rows": len(rows),
        "ASB": len(asb),
        "identical ASB": len(asb) - len(set(asb)),
        "Crime ID repeated in the file": len(identifiers) - len(set(identifiers)),
        "Crime ID of the month before": sum(identifier in previous for identifier in identifiers),
        "No Location": locations["No Location"],
        "No location": locations["No location"],
        "On or near nothing": locations["On or near "],
        "no LSOA": codes.count(""),
        "LSOA of 2011 only": sum(code in only_2011 for code in codes),
        "LSOA of 2021 only": sum(code in only_2021 for code in codes),
        "outside the area": sum(code not in home for code in codes if code),
        "comma in Location": sum("," in row["Location"] for row in rows),
        "comma in LSOA name": sum("," in row["LSOA name"] for row in rows),
        "Under investigation": outcomes["Under investigation"],
        "Status update unavailable": outcomes["Status update unavailable"],
        "CR LF": path.read_bytes().count(b"\r\n"),
    } == IRREGULAR[month]
    assert {code for code in codes if code} <= codes_2011 | codes_2021


def test_rows_are_regular_where_the_real_ones_are(inbox: Path) -> None:
    crime_types = set()
    for path in inbox.glob("*/*.csv"):
        for row in read(path):
            crime_types.add(row["Crime type"])
            is_asb = row["Crime type"] == "Anti-social behaviour"
            assert (row["Crime ID"] == "") == is_asb
            assert (row["Last outcome category"] == "") == is_asb
            assert row["Month"] == path.parent.name
            assert row["Reported by"] == row["Falls within"]
            assert row["Context"] == ""
    assert len(crime_types) == 14


def test_only_three_recent_months_have_open_investigations(inbox: Path) -> None:
    open_months = {
        path.parent.name
        for path in inbox.glob("*/*.csv")
        if any(row["Last outcome category"] == "Under investigation" for row in read(path))
    }

    assert open_months == {"2025-01", "2025-02", "2025-03"}


def test_vehicle_crime_of_the_home_force_steps_up(inbox: Path) -> None:
    counts = [
        sum(row["Crime type"] == "Vehicle crime" for row in read(path))
        for path in sorted(inbox.glob("*/*-leicestershire-street.csv"))
    ]

    assert max(counts[:17]) < min(counts[17:])  # the eighteenth month is August 2024


def test_anti_social_behaviour_has_a_season(inbox: Path) -> None:
    counts = {
        month: sum(
            row["Crime type"] == "Anti-social behaviour" for path in (inbox / month).iterdir() for row in read(path)
        )
        for month in ("2024-01", "2024-07")
    }

    assert counts["2024-07"] > 1.3 * counts["2024-01"]


def test_nothing_looks_like_a_persons_data(inbox: Path) -> None:
    personal = re.compile(
        r"@|\d{5} ?\d{5,6}"  # e-mail, phone
        r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"  # postcode
        r"|\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"  # National Insurance number
    )
    values = {
        value
        for path in inbox.glob("*/*.csv")
        for row in read(path)
        for heading, value in row.items()
        if heading != "Crime ID"
    }

    assert [value for value in values if personal.search(value)] == []
    identifiers = {row["Crime ID"] for row in read(street_file(inbox, NEW))} - {""}
    assert all(re.fullmatch("[0-9a-f]{64}", identifier) for identifier in identifiers)


@pytest.mark.parametrize(("month", "months"), [("2025-13", 1), ("March 2025", 1), ("2025-03", 0)])
def test_a_wrong_call_writes_nothing(tmp_path: Path, month: str, months: int) -> None:
    with pytest.raises(ValueError, match=r"month"):
        street.write(tmp_path, month, months)

    assert list(tmp_path.iterdir()) == []
