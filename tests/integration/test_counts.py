"""Facts hold against a count made by other means: of synthetic files always, of the real downloads where they are."""

import csv
import io
import re
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from independent_count import HOME_DISTRICTS, HOME_FORCE, REFERENCE, all_crime, count
from offices import LAST_MONTH, MONTHS, NOT_HELD, ON, STEWARD, Desk, NewDesk, Street

from monthend.freeze.query import frozen_facts
from monthend.plan.calendar import add_months, months_between

Numbers = dict[tuple[str, str, str, str], tuple[int | None, Decimal | None, str]]  # count, rate, mark

FORCES = {
    "bedfordshire": "E23000026",
    "essex": "E23000028",
    "hampshire": "E23000030",
    "hertfordshire": "E23000027",
    "kent": "E23000032",
    "leicestershire": "E23000021",
    "nottinghamshire": "E23000019",
    "sussex": "E23000033",
}
CRIME_TYPES = [
    "Anti-social behaviour", "Bicycle theft", "Burglary", "Criminal damage and arson", "Drugs", "Other crime",
    "Other theft", "Possession of weapons", "Public order", "Robbery", "Shoplifting", "Theft from the person",
    "Vehicle crime", "Violence and sexual offences",
]  # fmt: skip
COLUMNS = [
    "month_end", "revision", "measure", "basis", "area_code", "area_name", "period", "breakdown", "category",
    "value", "numerator", "denominator", "lower", "upper", "mark",
]  # fmt: skip


def measure_of(crime_type: str) -> str:
    return "open_" + re.sub("[^a-z]+", "_", crime_type.lower())


def by_measure(counts: dict[tuple[str, str, str], int]) -> dict[tuple[str, str, str], int]:
    """An independent count by measure, area and month."""
    single = {(measure_of(crime_type), area, month): number for (area, month, crime_type), number in counts.items()}
    return single | {("open_all_crime", area, month): number for (area, month), number in all_crime(counts).items()}


def reference(name: str, value: str) -> dict[str, str]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return {row["area_code"]: row[value] for row in csv.DictReader(file)}


def expected(counts: dict[tuple[str, str, str], int], held: set[tuple[str, str]], month_end: str) -> Numbers:
    """Every count and rate of a month-end by measure, basis, area and period, from an independent count by month.

    `held` names the months and forces' codes that came.
    """
    first = min(month for month, _ in held)
    months = months_between(first, month_end)
    residents = {area: int(number) for area, number in reference("residents.csv", "residents").items()}
    windows = [("month", month, [month]) for month in months]
    windows += [("r12", month, months_between(add_months(month, -11), month)) for month in months]
    for month in months:
        year, number = int(month[:4]), int(month[5:])
        april = f"{year if number >= 4 else year - 1}-04"
        windows.append(("fytd", month, months_between(april, month)))
        if number % 3 == 0:
            windows.append(("quarter", month, months_between(add_months(month, -2), month)))
    numbers: Numbers = {}
    for measure in ["open_all_crime", *map(measure_of, CRIME_TYPES)]:
        for area in [*FORCES.values(), *HOME_DISTRICTS]:
            source = HOME_FORCE if area in HOME_DISTRICTS else area
            for basis, period, window in windows:
                if all((month, source) in held for month in window):
                    total = sum(counts.get((measure, area, month), 0) for month in window)
                    rate = (Decimal(total) * 1000 / residents[area]).quantize(Decimal("1e-10"), ROUND_HALF_UP)
                    mark = "p" if period > add_months(month_end, -12) else ""
                    numbers[measure, basis, area, period] = (total, rate, mark)
                else:
                    numbers[measure, basis, area, period] = (None, None, "x")
    return numbers


def printed(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def as_numbers(rows: list[dict[str, str]]) -> Numbers:
    """The printed facts in the shape of `expected`; asserts on the way what holds for each printed row."""
    residents = reference("residents.csv", "residents")
    counts, rates = {}, {}
    for row in rows:
        key = (row["measure"].removesuffix("_rate"), row["basis"], row["area_code"], row["period"])
        assert [row["breakdown"], row["category"], row["lower"], row["upper"]] == [""] * 4
        if row["measure"].endswith("_rate"):
            assert row["denominator"] == ("" if row["value"] == "" else residents[row["area_code"]])
            rates[key] = (row["value"], row["numerator"], row["mark"])
        else:
            assert row["denominator"] == ""
            counts[key] = (row["value"], row["numerator"], row["mark"])
    assert len(counts) + len(rates) == len(rows), "a fact was printed twice"
    assert counts.keys() == rates.keys()
    numbers: Numbers = {}
    for key, (value, numerator, mark) in counts.items():
        rate, *of_rate = rates[key]
        assert numerator == value
        assert of_rate == [value, mark]
        numbers[key] = (int(value) if value else None, Decimal(rate) if rate else None, mark)
    return numbers


def held_partitions(counts: dict[tuple[str, str, str], int]) -> set[tuple[str, str]]:
    return {(month, area) for area, month, _ in counts if area in FORCES.values()}


@pytest.fixture(scope="module")
def counted(frozen: Desk) -> dict[tuple[str, str, str], int]:
    """The independent count of the frozen office's inbox."""
    return count((frozen.office.home.parent / "inbox").rglob("*.csv"))


@pytest.fixture(scope="module")
def facts(frozen: Desk) -> list[dict[str, str]]:
    return printed(frozen.monthend("facts", "--month", LAST_MONTH))


def test_every_fact_equals_a_count_and_a_sum_made_by_other_means(
    facts: list[dict[str, str]], counted: dict[tuple[str, str, str], int]
) -> None:
    held = held_partitions(counted)
    assert len(held) == 8 * MONTHS - len(NOT_HELD)
    assert as_numbers(facts) == expected(by_measure(counted), held, LAST_MONTH)


def test_the_columns_and_names_are_those_that_other_programs_read(facts: list[dict[str, str]]) -> None:
    names = reference("areas.csv", "area_name")
    assert list(facts[0]) == COLUMNS
    assert {(row["month_end"], row["revision"]) for row in facts} == {(LAST_MONTH, "1")}
    assert {row["area_code"]: row["area_name"] for row in facts} == {
        area: names[area] for area in [*FORCES.values(), *HOME_DISTRICTS]
    }


@pytest.mark.parametrize(
    ("basis", "missing"),
    [
        ("month", ["2024-02"]),
        ("quarter", ["2024-03"]),
        ("fytd", ["2024-01", "2024-02", "2024-03"]),  # of a year whose April is not held
        ("r12", [*months_between("2024-01", "2025-01")]),
    ],
)
def test_a_sum_is_never_short(facts: list[dict[str, str]], basis: str, missing: list[str]) -> None:
    """Kent's February 2024 did not come: it is missing from every sum that it belongs to."""
    empty = [
        row["period"]
        for row in facts
        if (row["measure"], row["basis"], row["area_code"]) == ("open_burglary", basis, FORCES["kent"])
        and (row["value"], row["numerator"], row["mark"]) == ("", "", "x")
    ]
    assert empty == missing


def test_a_crime_type_without_a_row_is_zero_where_the_month_is_held(desk: Desk, street: Street, tmp_path: Path) -> None:
    def without_robbery(rows: list[dict[str, str]]) -> None:
        rows[:] = [row for row in rows if row["Crime type"] != "Robbery"]

    street.changed(tmp_path, "2025-01", "sussex", without_robbery)
    desk.take_in(tmp_path)
    desk.freeze("2025-01")
    rows = frozen_facts(desk.office, "2025-01", measure="open_robbery", basis="month")
    assert {(row["area_code"], row["value"], row["mark"]) for row in rows} == {
        (area, 0 if area == FORCES["sussex"] else None, "p" if area == FORCES["sussex"] else "x")
        for area in [*FORCES.values(), *HOME_DISTRICTS]
    }


def test_the_real_downloads_count_as_published(new_desk: NewDesk, police_uk_samples: Path) -> None:
    forces, home_force, elsewhere = (
        police_uk_samples / f"{name}.zip"
        for name in ("msg_2025-01_2025-03", "leicestershire_2019-12_2021-12", "thames_valley_2022-01_first200")
    )
    desk = new_desk()
    inbox = [argument for path in (forces, home_force, elsewhere) for argument in ("--inbox", path)]
    done = desk.monthend("run", "--month", "2025-03", *inbox, "--signed-off-by", STEWARD, "--on", ON)
    assert (done.returncode, done.stderr) == (0, "")
    reason = "the feed police_uk_street does not name the force thames-valley"
    assert f"Left alone: {elsewhere}!2022-01/2022-01-thames-valley-street.csv: {reason}." in done.stdout

    counts = count([forces, home_force])
    held = held_partitions(counts)
    assert len({(month, area) for month, area in held if month >= "2025-01"}) == 24
    assert len(held) == 24 + 25
    facts = printed(desk.monthend("facts", "--month", "2025-03"))
    assert as_numbers(facts) == expected(by_measure(counts), held, "2025-03")
    assert desk.rows("SELECT count(*) FROM quality.quarantined_row") == [(0,)]
    assert desk.rows(
        "SELECT sum(row_count) FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE period > ''"
    ) == [(sum(number for (area, _, _), number in counts.items() if area in FORCES.values()),)]
