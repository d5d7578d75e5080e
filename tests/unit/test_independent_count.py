"""The second count, on rows written by hand."""

import zipfile
from pathlib import Path

import pytest
from independent_count import all_crime, count

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
    "Last outcome category,Context"
)
LEICESTERSHIRE, KENT = "E23000021", "E23000032"
LEICESTER, BLABY, RUTLAND = "E06000016", "E07000129", "E06000017"


def row(force: str, lsoa_code: str, crime_type: str, month: str = "2025-03", location: str = "No Location") -> str:
    """A line of a street file; what is not counted by is empty."""
    return f",{month},{force},{force},,,{location},{lsoa_code},,{crime_type},,"


def write(path: Path, *rows: str, line_end: str = "\n") -> Path:
    """A street file of these rows."""
    path.write_bytes((line_end.join([HEADER, *rows]) + line_end).encode())
    return path


def test_force_by_name_and_district_by_lsoa(tmp_path: Path) -> None:
    path = write(
        tmp_path / "2025-03-leicestershire-street.csv",
        row("Leicestershire Police", "E01025631", "Burglary"),  # Blaby
        row("Leicestershire Police", "E01025631", "Burglary", location='"On or near Asda, Thurmaston"'),
        row("Leicestershire Police", "E01025631", "Anti-social behaviour"),
        row("Leicestershire Police", "E01025631", "Anti-social behaviour"),  # identical: two incidents
        row("Leicestershire Police", "", "Burglary"),  # no place
        row("Leicestershire Police", "E01009437", "Drugs"),  # Birmingham
    )

    assert count([path]) == {
        (LEICESTERSHIRE, "2025-03", "Burglary"): 3,
        (LEICESTERSHIRE, "2025-03", "Anti-social behaviour"): 2,
        (LEICESTERSHIRE, "2025-03", "Drugs"): 1,
        (BLABY, "2025-03", "Burglary"): 2,
        (BLABY, "2025-03", "Anti-social behaviour"): 2,
    }


def test_lsoa_codes_of_both_vintages(tmp_path: Path) -> None:
    path = write(
        tmp_path / "2025-03-leicestershire-street.csv",
        row("Leicestershire Police", "E01013716", "Robbery"),  # split into the next and another
        row("Leicestershire Police", "E01034008", "Robbery"),
    )

    assert count([path])[LEICESTER, "2025-03", "Robbery"] == 2


def test_another_forces_row_in_the_home_area_is_in_no_district(tmp_path: Path) -> None:
    path = write(tmp_path / "2025-03-kent-street.csv", row("Kent Police", "E01025631", "Drugs"))

    assert count([path]) == {(KENT, "2025-03", "Drugs"): 1}


def test_a_force_without_an_area_code_is_left_out_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    transport = write(tmp_path / "2025-03-btp-street.csv", row("British Transport Police", "E01025631", "Drugs"))
    unknown = write(tmp_path / "2025-03-nowhere-street.csv", row("Nowhere Police", "", "Drugs"))

    assert count([transport]) == {}
    with pytest.raises(KeyError, match="Nowhere Police"):
        count([unknown])


def test_zips_and_old_line_ends_count_alike(tmp_path: Path) -> None:
    rows = [row("Leicestershire Police", "E01025631", "Shoplifting", month) for month in ("2019-12", "2020-01")]
    old = write(tmp_path / "old.csv", *rows, line_end="\r\n")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.writestr("2019-12/2019-12-leicestershire-street.csv", old.read_bytes())
        archive.writestr("2019-12/2019-12-leicestershire-outcomes.csv", "not,counted\n")

    counts = count([tmp_path / "download.zip", old])
    assert counts == {
        (area, month, "Shoplifting"): 2 for area in (LEICESTERSHIRE, BLABY) for month in ("2019-12", "2020-01")
    }


def test_all_crime_leaves_out_anti_social_behaviour() -> None:
    counts = {
        (RUTLAND, "2025-03", "Burglary"): 3,
        (RUTLAND, "2025-03", "Drugs"): 4,
        (RUTLAND, "2025-03", "Anti-social behaviour"): 50,
        (BLABY, "2025-03", "Anti-social behaviour"): 5,
        (RUTLAND, "2025-02", "Drugs"): 1,
    }

    assert all_crime(counts) == {(RUTLAND, "2025-03"): 7, (RUTLAND, "2025-02"): 1}
