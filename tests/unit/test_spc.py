"""Control charts: published figures, a small vector for each rule, and how counts and seasons are handled."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monthend.statistics.spc import Chart, count_chart, false_alarm_budget, xmr

QUIET = [9.0, 11.0] * 6  # mean 10, every moving range 2: limits 4.68 and 15.32, near limits 6.4533 and 13.5467


def labels(chart: Chart) -> list[str]:
    """Signal and direction of each point, as one word."""
    return (chart.points["signal"] + " " + chart.points["direction"]).str.strip().tolist()


def after_quiet(*values: float) -> list[str]:
    return labels(xmr([*QUIET, *values], baseline_points=len(QUIET)))[len(QUIET) :]


def monthly(values: "list[int] | np.ndarray", first: str = "2022-01") -> pd.Series:
    return pd.Series(values, index=pd.period_range(first, periods=len(values), freq="M").astype(str))


def days_from(first: str, months: int) -> np.ndarray:
    return pd.period_range(first, periods=months, freq="M").days_in_month.to_numpy()


# Published figures


def test_moving_ranges_are_screened_once() -> None:
    chart = xmr([1, 2, 1, 2, 10, *[1, 2] * 6, 1])
    point = chart.points.iloc[0]
    assert (point["mean"], point["lower"], point["upper"]) == pytest.approx((35 / 18, 35 / 18 - 2.66, 35 / 18 + 2.66))
    assert chart.points.loc[[4, 5], "moving_range"].isna().all()
    assert chart.points["moving_range"].mean() == 1.0
    assert labels(chart) == [""] * 4 + ["outside high"] + [""] * 13


def test_twenty_normal_values() -> None:
    # R: set.seed(123); rnorm(20). Mean and limits: NHSRplotthedots 0.2.2.
    first = [-0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621]
    second = [-1.26506123, -0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272]
    third = [-0.55584113, 1.78691314, 0.49785048, -1.96661716, 0.70135590, -0.47279141]
    chart = xmr([*first, *second, *third])
    assert chart.points["mean"].iloc[0] == pytest.approx(0.1416238, abs=1e-7)
    assert chart.points["lower"].iloc[0] == pytest.approx(-3.01138, abs=1e-5)
    assert chart.points["upper"].iloc[0] == pytest.approx(3.294627, abs=1e-6)
    assert (chart.baseline_points, chart.trial, chart.method) == (20, False, "moving range")


def test_montgomery_with_the_first_twenty_points_as_baseline() -> None:
    # Montgomery, Introduction to Statistical Quality Control, table 6.5; limits as qicharts2 computes them.
    baseline = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306, 301, 304]
    later = [305, 282, 305, 296, 314, 295, 287, 301, 298, 311, 310, 292, 305, 299, 304, 310, 304, 305, 333, 328]
    chart = xmr([*baseline, *later], baseline_points=20)
    assert (chart.points["mean"] == 300.5).all()
    assert chart.points["lower"].to_numpy() == pytest.approx([279.78331466965284] * 40, abs=5e-3)
    assert chart.points["upper"].to_numpy() == pytest.approx([321.21668533034716] * 40, abs=5e-3)
    assert labels(chart) == [""] * 38 + ["outside high"] * 2


# Rules


def test_limits_and_near_limits() -> None:
    point = xmr(QUIET).points.iloc[0]
    assert point[["mean", "lower", "upper"]].tolist() == pytest.approx([10, 4.68, 15.32])
    assert point[["near_lower", "near_upper"]].tolist() == pytest.approx([10 - 5.32 * 2 / 3, 10 + 5.32 * 2 / 3])


def test_outside() -> None:
    assert after_quiet(15.33) == ["outside high"]
    assert after_quiet(4.67) == ["outside low"]
    assert after_quiet(15.31) == [""]


def test_a_point_on_its_limit_is_not_outside() -> None:
    assert after_quiet(10 + 2.66 * 2) == [""]


def test_shift_is_seven_on_one_side() -> None:
    # QUIET ends above the mean, so a low run starts clean
    assert after_quiet(*[9, 8] * 3) == [""] * 6
    assert after_quiet(*[9, 8] * 3, 9) == ["shift low"] * 7
    assert after_quiet(9, *[12, 11] * 4) == ["", *["shift high"] * 8]


def test_a_point_on_the_mean_breaks_a_shift() -> None:
    assert after_quiet(9, 8, 9, 10, 8, 9, 8, 9) == [""] * 8


def test_trend_is_seven_strictly_rising_or_falling() -> None:
    assert after_quiet(7, 8, 9, 10, 11, 12, 11) == [""] * 7
    assert after_quiet(7, 8, 9, 10, 11, 12, 13, 12) == ["trend high"] * 7 + [""]
    assert after_quiet(13, 12, 11, 10, 9, 8, 7, 8) == ["trend low"] * 7 + [""]


def test_a_tie_breaks_a_trend() -> None:
    assert after_quiet(7, 8, 9, 10, 10, 11, 12, 13) == [""] * 8


def test_two_in_three_marks_the_points_beyond_the_near_limit() -> None:
    assert after_quiet(14, 11, 14) == ["two_in_three high", "", "two_in_three high"]
    assert after_quiet(6, 6, 10.5) == ["", "", ""]
    assert after_quiet(9, 6, 6) == ["", "two_in_three low", "two_in_three low"]
    assert after_quiet(14, 11, 11, 14) == [""] * 4


def test_two_in_three_needs_all_three_on_one_side() -> None:
    assert after_quiet(14, 9, 14) == [""] * 3
    assert after_quiet(9, 14, 6, 9) == [""] * 4


def test_outside_comes_before_two_in_three() -> None:
    assert after_quiet(9, 11, 16, 14) == ["", "", "outside high", "two_in_three high"]


def test_outside_comes_before_trend_before_two_in_three_before_shift() -> None:
    assert after_quiet(10.1, 11, 12, 13, 14, 15, 16) == ["trend high"] * 6 + ["outside high"]
    assert (
        after_quiet(9, 11, 11, 14, 14, 11, 11, 11)
        == ["", *["shift high"] * 2, *["two_in_three high"] * 2] + ["shift high"] * 3
    )


def test_constant_series_has_limits_and_no_signal() -> None:
    chart = xmr([0.1] * 15)
    assert labels(chart) == [""] * 15
    assert chart.points[["lower", "upper"]].to_numpy() == pytest.approx(np.full((15, 2), 0.1))


def test_a_constant_baseline_that_changes_has_a_signal() -> None:
    assert labels(xmr([5.0] * 24 + [6.0]))[-1] == "outside high"


def test_baseline_is_the_first_twenty_four_points_and_stays() -> None:
    values = [9.0, 11.0] * 12
    assert xmr([*values, 100.0]).points["mean"].iloc[0] == 10.0
    assert xmr([*values, 100.0]).baseline_points == 24
    assert xmr([*values[:23], 100.0]).points["mean"].iloc[0] > 10.0


@pytest.mark.parametrize(("points", "trial"), [(11, True), (12, False)])
def test_limits_of_few_points_are_trial_limits(points: int, trial: bool) -> None:
    assert xmr([1.0, 2.0] * 5 + [1.0] * (points - 10)).trial is trial


def test_one_point_has_no_limits_and_no_signal() -> None:
    chart = xmr([3.0])
    assert chart.points[["lower", "upper"]].isna().all(axis=None)
    assert labels(chart) == [""]


@pytest.mark.parametrize("values", [[1.0, np.nan, 2.0], [1.0, np.inf]])
def test_a_gap_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no value at \[1\]"):
        xmr(values)


@pytest.mark.parametrize(("values", "baseline"), [([], 24), ([1.0], 0)])
def test_nothing_to_chart_is_refused(values: list[float], baseline: int) -> None:
    with pytest.raises(ValueError, match="at least one point"):
        xmr(values, baseline)


# Monthly counts


def test_counts_are_compared_by_the_day() -> None:
    days = days_from("2022-01", 24)
    counts = monthly(days * 10 + np.tile([10, -10], 12))
    points = count_chart(counts, seasonal=False).points
    per_day = counts.to_numpy() / days
    spread = 2.66 * np.abs(np.diff(per_day)).mean()
    columns = "value per_day factor adjusted moving_range mean lower upper near_lower near_upper signal direction"
    assert list(points.columns) == columns.split()
    assert list(points.index) == list(counts.index)
    assert points["per_day"].to_numpy() == pytest.approx(per_day)
    assert points["mean"].to_numpy() == pytest.approx(per_day.mean() * days)
    assert points["upper"].to_numpy() == pytest.approx((per_day.mean() + spread) * days)
    assert points["near_lower"].to_numpy() == pytest.approx((per_day.mean() - spread * 2 / 3) * days)
    assert points.loc["2022-02", "upper"] < points.loc["2022-01", "upper"]


def test_a_short_month_is_not_a_signal() -> None:
    chart = count_chart(monthly(days_from("2022-01", 36) * 168), seasonal=None)
    assert not chart.seasonal
    assert labels(chart) == [""] * 36


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [0, 1, 5, 100, 3000])
@pytest.mark.parametrize("seasonal", [None, True])
def test_constant_counts_have_no_signal(count: int, seasonal: bool | None) -> None:
    chart = count_chart(monthly([count] * 40), seasonal)
    assert labels(chart) == [""] * 40
    assert chart.points["mean"].notna().all()


def test_constant_counts_have_neither_season_nor_february_signal() -> None:
    assert not count_chart(monthly([100] * 24)).seasonal
    # in these months February stands outside by its length alone
    chart = count_chart(monthly([100] * 23, first="2022-03"))
    assert chart.points.loc["2023-02", "value"] > chart.points.loc["2023-02", "upper"]
    assert labels(chart) == [""] * 23


def test_lower_limits_of_counts_are_not_below_zero() -> None:
    points = count_chart(monthly([10, 40] * 12), seasonal=False).points
    assert (points["lower"] == 0).all()
    assert (points["upper"] > 40).all()


def test_small_counts_have_exact_poisson_limits() -> None:
    days = days_from("2022-01", 36)
    values = np.tile([4, 5, 6, 3, 7, 5], 6)
    chart = count_chart(monthly(values), seasonal=False)
    expected = days * values[:24].sum() / days[:24].sum()
    assert chart.method == "poisson"
    assert chart.points["mean"].to_numpy() == pytest.approx(expected)
    january = chart.points.loc["2022-01"]
    assert january[["lower", "near_lower", "near_upper", "upper"]].tolist() == [0, 1, 10, 13]
    for point, mean in zip(chart.points.itertuples(), expected, strict=True):
        assert stats.poisson.cdf(point.lower - 1, mean) < 0.00135 <= stats.poisson.cdf(point.lower, mean)
        assert stats.poisson.sf(point.upper, mean) < 0.00135 <= stats.poisson.sf(point.upper - 1, mean)


def test_small_counts_outside_their_limits() -> None:
    values = np.tile([4, 5, 6, 3, 7, 5], 5)
    assert labels(count_chart(monthly([*values, 13]), False))[-1] == ""
    assert labels(count_chart(monthly([*values, 14]), False))[-1] == "outside high"


def test_rare_zeros_are_no_shift() -> None:
    # mean 0.25 a month: nineteen zeros in twenty-four lie below it, and on the median
    chart = count_chart(monthly(([0] * 7 + [2]) * 4), seasonal=False)
    assert chart.method == "poisson"
    assert labels(chart) == [""] * 32


def test_trend_of_small_counts_is_a_trend_of_daily_counts() -> None:
    values = [*np.tile([4, 5, 6, 3, 7, 5], 4), 7, 6, 6, 5, 5, 4, 4]  # to July 2024, equal months falling by the day
    assert labels(count_chart(monthly(values), False))[-7:] == ["trend low"] * 7


@pytest.mark.parametrize(("count", "method"), [(9, "poisson"), (10, "moving range")])
def test_poisson_limits_are_for_a_baseline_mean_below_ten(count: int, method: str) -> None:
    assert count_chart(monthly([count - 1, count + 1] * 12), False).method == method


def test_small_counts_that_vary_too_much_keep_the_moving_range() -> None:
    assert count_chart(monthly([0, 12, 1, 15] * 6), False).method == "moving range"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (monthly([1, 2, 3]).drop("2022-02"), "where month 2022-02 is due, the series has '2022-03'"),
        (monthly([1, 2])[::-1], "where month 2022-03 is due, the series has '2022-01'"),
        (pd.Series([1, 2], index=["2022-01", "2022-01"]), "where month 2022-02 is due"),
        (pd.Series([1, 2], index=["2022-01-31", "2022-02-28"]), "where month 2022-01 is due"),
        (pd.Series([1, 2], index=["x", "y"]), "months YYYY-MM"),
        (monthly([1, np.nan]), "no value at"),
        (monthly([1, None]).astype("Int64"), "no value at"),
        (monthly([1, -1]), "whole numbers"),
        (monthly([1, 1.5]), "whole numbers"),
        (monthly([]), "at least one point"),
    ],
)
def test_counts_that_cannot_be_charted_are_refused(counts: pd.Series, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count_chart(counts)


# Seasons


def seasonal_counts(swing: float, months: int = 36, noise: float = 0.0, seed: int = 1) -> pd.Series:
    """About 300 a month, moving by a share `swing` over the year, with noise as a share of the mean."""
    months_of_year = np.arange(months) % 12
    level = 300 * (1 + swing * np.sin(2 * np.pi * months_of_year / 12))
    level = level + 300 * noise * np.random.default_rng(seed).normal(size=months)
    return monthly(np.round(level * days_from("2022-01", months) / 30.4375).astype(int))


def test_a_season_is_found_and_its_signals_go() -> None:
    counts = seasonal_counts(0.1)
    chart = count_chart(counts)
    assert chart.seasonal
    assert labels(chart) == [""] * 36
    assert any(labels(count_chart(counts, seasonal=False)))
    points = chart.points
    assert points["factor"].iloc[:12].mean() == pytest.approx(1.0)
    assert points["factor"].iloc[:12].to_numpy() == pytest.approx(points["factor"].iloc[12:24].to_numpy())
    expected = 1 + 0.1 * np.sin(2 * np.pi * np.arange(12) / 12)
    assert points["factor"].iloc[:12].to_numpy() == pytest.approx(expected, abs=0.002)
    assert points["adjusted"].to_numpy() == pytest.approx((points["per_day"] / points["factor"]).to_numpy())


def test_limits_follow_the_season() -> None:
    points = count_chart(seasonal_counts(0.1, noise=0.03)).points
    assert points.loc["2022-04", "upper"] > 1.15 * points.loc["2022-10", "upper"]
    exposure = points["factor"] * days_from("2022-01", 36)
    spread = 2.66 * points["moving_range"].iloc[:24].mean()
    mean = points["adjusted"].iloc[:24].mean()
    assert points["upper"].to_numpy() == pytest.approx(((mean + spread) * exposure).to_numpy())


def test_a_real_change_is_still_seen_through_the_season() -> None:
    counts = seasonal_counts(0.1, noise=0.02)
    counts.iloc[-1] = round(counts.iloc[-1] * 1.3)
    assert labels(count_chart(counts))[-1] == "outside high"


def test_noise_has_no_season_unless_it_is_declared() -> None:
    counts = seasonal_counts(0.0, noise=0.05)
    assert not count_chart(counts).seasonal
    assert (count_chart(counts).points["factor"] == 1).all()
    assert count_chart(counts, seasonal=True).seasonal


def test_a_trend_is_not_taken_for_a_season() -> None:
    growth = 300 * 1.02 ** np.arange(36) * days_from("2022-01", 36) / 30.4375
    chart = count_chart(monthly(np.round(growth + 5 * np.random.default_rng(3).normal(size=36)).astype(int)))
    assert not chart.seasonal
    assert labels(chart)[-1] == "outside high"


def test_a_season_is_found_on_a_trend() -> None:
    counts = seasonal_counts(0.08, noise=0.01)
    assert count_chart(monthly(np.round(counts.to_numpy() * 1.03 ** np.arange(36)).astype(int))).seasonal


def test_a_season_of_small_counts_with_zeros() -> None:
    chart = count_chart(monthly([0, 1, 3, 5, 6, 5, 4, 2, 1, 0, 0, 0] * 3))
    assert (chart.seasonal, chart.method) == (True, "poisson")
    assert (chart.points["factor"] > 0).all()
    assert labels(chart) == [""] * 36


def test_the_share_of_seasons_found_in_noise_is_the_level_of_the_test() -> None:
    found = sum(count_chart(seasonal_counts(0.0, 24, 0.05, seed)).seasonal for seed in range(400))
    assert 8 <= found <= 32  # 20 expected; 99 in 100 such samples lie in this range


def test_factors_come_from_the_baseline_only() -> None:
    counts = seasonal_counts(0.1, noise=0.03)
    changed = counts.copy()
    changed.iloc[24:] = 900
    assert count_chart(counts).points["factor"].tolist() == count_chart(changed).points["factor"].tolist()


def test_a_declared_season_without_two_years_has_no_limits() -> None:
    chart = count_chart(seasonal_counts(0.1, months=23), seasonal=True)
    assert (chart.method, chart.seasonal, chart.baseline_points) == ("none", True, 23)
    assert chart.points[["mean", "lower", "upper", "near_lower", "near_upper"]].isna().all(axis=None)
    assert labels(chart) == [""] * 23


def test_a_season_is_not_looked_for_in_less_than_two_years() -> None:
    chart = count_chart(seasonal_counts(0.1, months=23))
    assert (chart.method, chart.seasonal) == ("moving range", False)


def test_the_given_series_is_left_as_it_was() -> None:
    counts = seasonal_counts(0.1)
    before = counts.copy()
    count_chart(counts)
    pd.testing.assert_series_equal(counts, before)


# Chance


def test_false_alarm_budget_adds_up_what_chance_gives_each_chart() -> None:
    in_baseline, later = monthly([20, 30] * 12), monthly([20, 30] * 18)
    charts = [count_chart(in_baseline, False), count_chart(later, False), count_chart(in_baseline, True)]
    charts += [count_chart(later, True), count_chart(in_baseline[:20], True)]
    assert false_alarm_budget(charts) == pytest.approx(0.016 + 0.041 + 0.019 + 0.053)
    assert false_alarm_budget([]) == 0


def test_false_alarms_are_as_frequent_as_the_budget_says() -> None:
    charts = [count_chart(seasonal_counts(0.0, 36, 0.05, seed), seasonal=False) for seed in range(400)]
    alarms = sum(chart.points["signal"].iloc[-1] != "" for chart in charts)
    assert false_alarm_budget(charts) == pytest.approx(16.4)
    assert 7 <= alarms <= 27  # 99 in 100 such samples
