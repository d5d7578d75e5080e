"""Facts: the numbers' arithmetic, with no database in sight."""

import hashlib
from decimal import Decimal

import pandas as pd
import pytest

from monthend.freeze import facts
from monthend.freeze.facts import Fact, Key
from monthend.plan.calendar import months_between

COUNT = Key("open_burglary", "month", "E23000021", "2025-01")


def bases(first: str, counts: list[float | None]) -> dict[str, dict[str, int | None]]:
    """Each basis of one area's monthly counts, by period."""
    months = months_between(first, "2030-12")[: len(counts)]
    monthly = pd.DataFrame({"E23000021": pd.array(counts, dtype="Float64").astype(float)}, index=months)
    return {
        basis: {period: count for _, period, count in facts._cells(numbers)}
        for basis, numbers in facts._bases(monthly).items()
    }


def test_longer_bases_are_sums_of_whole_windows() -> None:
    sums = bases("2024-03", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    assert sums["month"]["2024-03"] == 1
    assert sums["r12"] == {
        **dict.fromkeys(months_between("2024-03", "2025-01")),
        "2025-02": 78,
        "2025-03": 90,
        "2025-04": 102,
    }
    assert sums["quarter"] == {"2024-03": None, "2024-06": 9, "2024-09": 18, "2024-12": 27, "2025-03": 36}
    assert sums["fytd"] == {
        "2024-03": None,  # its April was before anything that is held
        **dict(zip(months_between("2024-04", "2025-03"), [2, 5, 9, 14, 20, 27, 35, 44, 54, 65, 77, 90], strict=True)),
        "2025-04": 14,
    }


def test_a_missing_month_is_missing_from_every_sum_it_belongs_to() -> None:
    sums = bases("2024-04", [1, None, *[1] * 12])
    assert sums["month"]["2024-05"] is None
    assert [period for period, number in sums["r12"].items() if number is None] == months_between("2024-04", "2025-04")
    assert sums["r12"]["2025-05"] == 12
    assert sums["quarter"] == {"2024-06": None, "2024-09": 3, "2024-12": 3, "2025-03": 3}
    assert sums["fytd"] == {
        "2024-04": 1,
        **dict.fromkeys(months_between("2024-05", "2025-03")),
        "2025-04": 1,
        "2025-05": 2,
    }


def test_zero_is_a_number() -> None:
    assert bases("2024-04", [0] * 12)["r12"]["2025-03"] == 0


@pytest.mark.parametrize(
    ("numerator", "per", "denominator", "rate"),
    [
        (3, 1000, 1000, "3.0000000000"),
        (1, 1000, 3, "333.3333333333"),
        (2, 1000, 3, "666.6666666667"),
        (1, 1, 2 * 10**10, "1E-10"),  # half up
        (0, 1000, 1_017_697, "0E-10"),
        (4199, 1000, 1_017_697, "4.1259824879"),
    ],
)
def test_a_rate_has_ten_places_rounded_half_up(numerator: int, per: int, denominator: int, rate: str) -> None:
    assert str(facts.rate(numerator, per, denominator)) == rate


@pytest.mark.parametrize(
    ("period", "residents"),
    [("2011-02", None), ("2011-03", 10), ("2023-05", 10), ("2023-06", 20), ("2025-01", 20)],
)
def test_residents_are_the_newest_at_or_before_the_period_s_end(period: str, residents: int | None) -> None:
    assert facts.residents_at([("2011-03-27", 10), ("2023-06-30", 20)], period) == residents


@pytest.mark.parametrize(
    ("period", "month_end", "stored", "value", "revised", "marks"),
    [
        ("2025-01", "2025-03", "", 5, False, "p"),
        ("2025-01", "2025-03", "", 5, True, "p r"),
        ("2024-04", "2025-03", "", 5, False, "p"),
        ("2024-03", "2025-03", "", 5, False, ""),
        ("2024-03", "2025-03", "", 5, True, "r"),
        ("2024-03", "2025-03", "b u", 5, True, "b r u"),
        ("2025-01", "2025-03", "x", None, True, "x"),
    ],
)
def test_marks_are_letters_in_order(
    period: str, month_end: str, stored: str, value: int | None, revised: bool, marks: str
) -> None:
    number = None if value is None else Decimal(value)
    fact = Fact(number, number, None, mark=stored)
    assert facts.marks(COUNT._replace(period=period), fact, month_end, revised) == marks


@pytest.mark.parametrize(
    ("number", "text"),
    [("4200", "4200"), ("0", "0"), ("0E-10", "0"), ("4.1250000000", "4.125"), ("1E+3", "1000"), (None, "")],
)  # fmt: skip
def test_numbers_are_plain_text(number: str | None, text: str) -> None:
    assert facts.plain(None if number is None else Decimal(number)) == text


def test_the_digest_is_of_keys_numbers_and_marks_in_key_order() -> None:
    one, two = Fact(Decimal(1), Decimal(1), None), Fact(Decimal("2.50"), Decimal(5), Decimal(2))
    other = COUNT._replace(measure="open_burglary_rate")
    digest = facts.digest({COUNT: one, other: two})
    lines = "open_burglary|month|E23000021|2025-01|||1|1||||\nopen_burglary_rate|month|E23000021|2025-01|||2.5|5|2|||\n"
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    assert digest == facts.digest({other: Fact(Decimal("2.5"), Decimal(5), Decimal("2.0")), COUNT: one})
    for changed in (
        {COUNT: one},
        {COUNT: one, other: two._replace(value=Decimal("2.5000000001"))},
        {COUNT: one, other: two._replace(denominator=Decimal(3))},
        {COUNT: one, other: two._replace(mark="e")},
        {COUNT._replace(period="2025-02"): one, other: two},
        {COUNT._replace(category="14"): one, other: two},
        {COUNT: facts.MISSING, other: two},
    ):
        assert facts.digest(changed) != digest
