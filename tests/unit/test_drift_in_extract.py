"""G08 of a keyed feed: what is unusual in the newest month of an extract, and what is only its season."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monthend.plan.declarations import ROOT, Break, Declarations, Feed
from monthend.validate.history import drift_in_extract
from monthend.validate.results import Delivery

FEED = Declarations(ROOT).feeds["police_crime"]
DELIVERY = Delivery(1, FEED.feed, "2017-06", "E23000021", "", date(2017, 7, 4))
LEICESTER, RUTLAND = "E06000016", "E06000017"
A_MONTH = dict(zip([*FEED.districts, None], (2000, 110, 300, 750, 300, 450, 220, 390, 220, 150), strict=True))


Counts = dict[tuple[str, str | None], int]  # by month and district


def counts(months: int = 36, seed: int = 1, growth: float = 0.06) -> Counts:
    """Poisson counts of the months up to the period, with a swing of 12 % over the year, growing from year to year."""
    random = np.random.default_rng(seed)
    made = {}
    for place, month in enumerate(pd.period_range(end=DELIVERY.period, periods=months, freq="M")):
        level = (1 + growth) ** (place / 12) * (1 + 0.12 * np.cos(2 * np.pi * (month.month - 7) / 12))
        for district, mean in A_MONTH.items():
            made[str(month), district] = int(random.poisson(mean * level * month.days_in_month / 30.4375))
    return made


def newest(factor: float, *districts: str | None, of: Counts) -> Counts:
    """Counts of which those of the period, in some districts or in all, are multiplied."""
    changed = {(DELIVERY.period, district) for district in districts or A_MONTH}
    return {key: round(count * factor) if key in changed else count for key, count in of.items()}


def found(counts: Counts, feed: Feed = FEED) -> list[tuple[str, str, str]]:
    rows = np.repeat(np.arange(len(counts)), list(counts.values()))
    months, districts = zip(*counts, strict=True)
    table = pa.table(
        {
            "recorded_at": pa.array([f"{month}-15T12:00:00" for month in months]).take(rows),
            "csp_code": pa.array(districts).take(rows),
        }
    )
    return [(result.part, result.outcome, result.detail) for result in drift_in_extract(DELIVERY, feed, table)]


PASSED = [("", "passed", ""), ("none", "passed", "")]


@pytest.mark.parametrize("growth", [-0.12, 0, 0.2])
def test_a_season_and_steady_growth_are_nothing_unusual(growth: float) -> None:
    for seed in range(12):
        assert found(counts(25, seed, growth)) == PASSED


def test_two_per_cent_that_are_still_to_be_entered_are_nothing_unusual() -> None:
    months = pd.period_range(end=DELIVERY.period, periods=25, freq="M")
    steady: Counts = {(str(month), LEICESTER): 6600 * month.days_in_month for month in months}
    assert found(newest(0.98, LEICESTER, of=steady)) == PASSED
    assert found(newest(0.94, LEICESTER, of=steady))[0][1] == "failed"
    assert found(newest(1.02, LEICESTER, of=steady))[0][1] == "failed"


@pytest.mark.parametrize(
    ("factor", "districts", "part", "sentence"),
    [
        (0.5, (), "", "Rows of 2017-06: E06000016 1,"),
        (2, (), "", "; in total "),
        (0.4, (LEICESTER,), "", "Rows of 2017-06: E06000016 "),
        (3, (None,), "", "Rows of 2017-06: no district "),
        (0, (RUTLAND,), "none", "No rows of 2017-06: E06000017."),
        (0, (), "none", "No rows of 2017-06: E06000016, E06000017, "),
    ],
)
def test_what_is_unusual_is_named(factor: float, districts: tuple[str | None, ...], part: str, sentence: str) -> None:
    outcomes = {name: (outcome, detail) for name, outcome, detail in found(newest(factor, *districts, of=counts()))}
    assert outcomes[part][0] == "failed"
    assert sentence in outcomes[part][1]


def test_a_small_district_may_be_without_a_row_for_once() -> None:
    few = iter([*[2, 3, 1, 4] * 8, 2, 3, 1, 0])
    assert found({key: next(few) if key[1] == RUTLAND else count for key, count in counts().items()}) == PASSED


def test_it_takes_24_months_before() -> None:
    not_run = "23 of the 24 months before are in the extract."
    assert found(counts(24)) == [("", "not run", not_run), ("none", "not run", not_run)]
    assert found(counts(25)) == PASSED


# The counts double with the break
@pytest.mark.parametrize(("from_month", "held"), [("2015-06", 24), ("2015-07", 23), ("2017-06", 0), ("2017-07", 24)])
def test_only_months_from_the_newest_break_on_are_compared(from_month: str, held: int) -> None:
    earlier, reason = Break(from_month="2014-09", reason="another"), "types came in"
    feed = FEED.model_copy(update={"breaks": (Break(from_month=from_month, reason=reason), earlier)})
    doubled = {key: count * (1 if key[0] < from_month else 2) for key, count in counts().items()}
    words = f"{held} of the 24 months before are in the extract since the break of {from_month} ({reason})."
    expected = PASSED if held == 24 else [("", "not run", words), ("none", "not run", words)]
    assert found(doubled, feed) == expected
