"""Control charts of monthly figures: usual range, signals, and how many signals chance alone would give.

The chart is the XmR (individuals) chart of NHS England's *Making Data Count*, as NHSRplotthedots 0.2.2 computes it.
Nothing is drawn here: a chart is a frame with every intermediate value, one row a point.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

BASELINE_POINTS = 24
TRIAL_POINTS = 12  # with fewer points than this, limits are called trial limits
LIMIT_FACTOR = 2.66  # three standard deviations, as a multiple of the mean moving range: 3 / 1.128
SCREEN_FACTOR = 3.267  # upper limit of a moving range, as a multiple of their mean
RUN = 7
POISSON_BELOW = 10.0  # counts a month
OUTSIDE_TAIL, NEAR_TAIL = stats.norm.sf([3, 2])  # Poisson limits cut the tails that three and two deviations cut
DISPERSION_LEVEL = 0.01
# The test at this level finds a season in 4.9 % of such charts without one (3,000 charts, made as for FALSE_ALARMS), in
# 99.9 % with a swing of 10 %; but in 24 % without one where neighbouring months correlate by 0.4, and in 26 % where the
# level rose by two standard deviations at the middle of the baseline, which two years cannot tell from a season.
SEASON_LEVEL = 0.05
SEASON_WAVES = 2

# Share of charts that have a signal at the latest point though nothing changed, by (seasonal, latest point after the
# baseline). Measured with `count_chart` on 20,000 charts each (numpy's default generator, seed 2014): counts of normal
# noise, 300 a month with a standard deviation of 15, given per 30.4375 days; 24 points for a point of the baseline
# (0.0155, 0.0194), 36 and 60 for one after it (0.0393 and 0.0418, seasonal 0.0534 and 0.0535); standard error 0.0016.
# Poisson charts have fewer (0.012 at 5 a month, 3,000 charts), so that a budget errs on the high side.
FALSE_ALARMS = {(False, False): 0.016, (False, True): 0.041, (True, False): 0.019, (True, True): 0.053}

LIMITS = ["mean", "lower", "upper", "near_lower", "near_upper"]
Method = Literal["moving range", "poisson", "none"]
Numbers = npt.NDArray[np.float64]
Marks = npt.NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Chart:
    """A control chart: one row a point, and what its limits rest on.

    `points` has, in the order of the series (columns marked * only from `count_chart`):

    - `value`: as given
    - `per_day`*: value divided by the days in its month
    - `factor`*: month-of-year factor, 1 where the chart is not seasonal
    - `adjusted`*: per_day divided by factor
    - `moving_range`: distance from the point before, of `adjusted` or else `value`; empty for the first point, and in
      the baseline where it was too large to be used
    - `mean`, `lower`, `upper`, `near_lower`, `near_upper`: centre, limits and near limits on the scale of `value`
    - `signal`: `outside`, `trend`, `two_in_three`, `shift`, or empty
    - `direction`: `high` or `low` (of a trend: rising or falling), or empty

    `baseline_points` is the number of points behind the limits, `trial` whether these are too few, `seasonal` whether
    the limits follow the months of the year, `method` how the limits were made (`none`: there are none, see
    `count_chart`).
    """

    points: pd.DataFrame
    baseline_points: int
    trial: bool
    seasonal: bool
    method: Method


def xmr(values: "Sequence[float] | pd.Series[float]", baseline_points: int = BASELINE_POINTS) -> Chart:
    """Chart equally spaced values: mean and limits of the first points, and the signals against them.

    Limits are the mean plus and minus 2.66 times the mean moving range, moving ranges of at least 3.267 times their
    mean being dropped once; near limits stand at two thirds. Signals, the first that holds naming the point: outside
    the limits; part of seven strictly rising or falling (a tie breaks it); beyond a near limit in three consecutive
    points on one side of the mean of which at least two are; part of seven on one side of the mean (a point on the
    mean breaks it). A series that never changes has no signal. A single point has no limits.

    Args:
        values: the series, oldest first; the index of a pandas series is kept.
        baseline_points: how many of the first points set mean and limits (all, if there are fewer).

    Raises:
        ValueError: the series is empty, has a gap (a missing value), or the baseline has no points.

    Source: NHSRplotthedots 0.2.2 (`ptd_spc_standard`, `ptd_calculate_point_type`), except that a point outside the
    limits also counts as beyond the near limit.
    """
    series = pd.Series(values, dtype="float64")
    if series.empty or baseline_points < 1:
        raise ValueError("a chart needs at least one point, and one baseline point")
    _refuse_gaps(series)
    value = np.asarray(series, dtype=np.float64)
    baseline = min(baseline_points, len(value))
    mean = float(value[:baseline].mean())
    moving_range = np.abs(np.diff(value, prepend=np.nan))
    spread = np.nan
    if baseline > 1:
        used = moving_range[:baseline]  # a view, so that the frame shows what was dropped
        # Where nothing varies, every range equals its limit of zero and none is to be dropped.
        used[(used >= SCREEN_FACTOR * np.nanmean(used)) & (used > 0)] = np.nan
        spread = LIMIT_FACTOR * float(np.nanmean(used))
    points = pd.DataFrame({"value": value, "moving_range": moving_range, "mean": mean}, index=series.index)
    for column, distance in (("lower", -1), ("upper", 1), ("near_lower", -2 / 3), ("near_upper", 2 / 3)):
        points[column] = mean + distance * spread
    points["signal"], points["direction"] = _signals(points, level=value, centre=points["mean"].to_numpy())
    return Chart(points, baseline, baseline < TRIAL_POINTS, False, "moving range")


def count_chart(counts: "pd.Series[int]", seasonal: bool | None = None) -> Chart:
    """Chart monthly counts: divided by the days of their month and, where seasonal, by their month-of-year factor.

    The baseline is the first 24 months, or all when there are fewer; after a rebase or a break, hand in the series
    from its first month on. Limits and signals are those of `xmr` on the adjusted daily counts; limits are given back
    as counts of each month, the lower ones at least 0. Below a baseline mean of 10 a month the limits are exact
    Poisson ones (at most the tails of three, and near limits of two, standard deviations lie outside), and a shift is
    seven on one side of the Poisson median, because far more than half of all rare counts lie below their mean. But
    counts that vary more than Poisson counts (index of dispersion, 1 % level) keep the moving range.

    Seasonality is declared or found. The logarithms of the baseline's daily counts (half a count a month added) are
    fitted by least squares with a straight line and two waves, yearly and half-yearly (Fourier terms: Hyndman and
    Athanasopoulos, *Forecasting: Principles and Practice*, 7.4). A chart of which nothing is declared is seasonal if
    the waves pass an F test at the 5 % level: one chart in twenty without a season is adjusted for one. The waves give
    the factors (mean 1). A free factor for each month would be the mean of two values, and would make false signals at
    the latest point three times as frequent; smooth ones leave a single unusual month of the year inside wider limits.
    A series declared seasonal with less than 24 months has no limits and no signals (method `none`).

    Args:
        counts: counts a month; the index is consecutive months `YYYY-MM`, oldest first.
        seasonal: declared seasonal or not; None to find out.

    Raises:
        ValueError: the series is empty, has a gap (a missing month or value), a negative or fractional count, or an
            index that is not months.
    """
    months = _consecutive_months(counts)
    _refuse_gaps(counts)
    value = np.asarray(counts, dtype=np.float64)
    if (value < 0).any() or (value != np.round(value)).any():
        raise ValueError("counts are whole numbers, 0 or more")
    days = months.days_in_month.to_numpy(dtype="float64")
    baseline = min(BASELINE_POINTS, len(value))
    factor, adjusted = np.ones(len(value)), False
    if baseline == BASELINE_POINTS and seasonal is not False:
        waves, probability = _season(value / days, months.month.to_numpy())
        if seasonal or probability < SEASON_LEVEL:
            factor, adjusted = waves, True
    exposure = days * factor

    chart = xmr(pd.Series(value / exposure, index=counts.index))
    points = chart.points.rename(columns={"value": "adjusted"})
    points[LIMITS] = points[LIMITS].mul(exposure, axis=0).clip(lower=0)
    points.insert(0, "value", counts)
    points.insert(1, "per_day", value / days)
    points.insert(2, "factor", factor)

    method: Method = "moving range"
    expected = exposure * (value[:baseline].sum() / exposure[:baseline].sum())
    if seasonal and baseline < BASELINE_POINTS:
        method = "none"
        points[LIMITS] = np.nan
    elif value[:baseline].mean() < POISSON_BELOW and not _overdispersed(
        value[:baseline], expected[:baseline], fitted=1 + 2 * SEASON_WAVES * adjusted
    ):
        method = "poisson"
        points["mean"] = expected
        for edge, tail in (("", OUTSIDE_TAIL), ("near_", NEAR_TAIL)):
            points[f"{edge}lower"] = stats.poisson.ppf(tail, expected)
            points[f"{edge}upper"] = stats.poisson.isf(tail, expected)
        points["signal"], points["direction"] = _signals(
            points, level=points["adjusted"].to_numpy(), centre=stats.poisson.median(expected)
        )
    # Counts that never change have no signal, though by the day the length of their months makes them swing.
    if method == "none" or (value == value[0]).all():
        points[["signal", "direction"]] = ""
    return Chart(points, baseline, chart.trial, adjusted or bool(seasonal), method)


def false_alarm_budget(charts: Iterable[Chart]) -> float:
    """Return how many of these charts chance alone would give a signal at the latest point, if nothing had changed.

    Args:
        charts: the charts of a pack; those without limits give no signal.

    Source: the shares in `FALSE_ALARMS`, measured for independent points; months that resemble their neighbours give
    more.
    """
    return sum(
        FALSE_ALARMS[chart.seasonal, len(chart.points) > chart.baseline_points]
        for chart in charts
        if chart.method != "none"
    )


def _refuse_gaps(series: "pd.Series[float] | pd.Series[int]") -> None:
    missing = series.isna() | series.isin([np.inf, -np.inf])
    if missing.any():
        raise ValueError(f"the series has no value at {list(series.index[missing])}; a gap is not bridged")


def _consecutive_months(counts: "pd.Series[int]") -> pd.PeriodIndex:
    """Return the index as months; refuse anything but consecutive `YYYY-MM`."""
    if counts.empty:
        raise ValueError("a chart needs at least one point")
    try:
        months = pd.PeriodIndex(counts.index, freq="M")
    except ValueError as error:
        raise ValueError("the index of a count chart is months YYYY-MM") from error
    for label, due in zip(counts.index, pd.period_range(months[0], periods=len(months), freq="M"), strict=True):
        if label != str(due):
            raise ValueError(f"where month {due} is due, the series has {label!r}; a gap is not bridged")
    return months


def _season(per_day: Numbers, month: npt.NDArray[np.integer]) -> tuple[Numbers, float]:
    """Fit the yearly waves to the baseline: factors of all points, and the F test's probability without a season."""
    log = np.log(per_day[:BASELINE_POINTS] + 0.5 * 12 / 365.25)
    angles = [2 * np.pi * wave * month / 12 for wave in range(1, SEASON_WAVES + 1)]
    waves = np.column_stack([function(angle) for angle in angles for function in (np.cos, np.sin)])
    line = np.column_stack([np.ones(BASELINE_POINTS), np.arange(BASELINE_POINTS)])
    design = np.column_stack([line, waves[:BASELINE_POINTS]])
    coefficients = np.linalg.lstsq(design, log)[0]
    line_only = np.linalg.lstsq(line, log)[0]
    squares = float(((log - design @ coefficients) ** 2).sum())
    squares_of_line = float(((log - line @ line_only) ** 2).sum())
    factor = np.exp(waves @ coefficients[2:])
    factor /= factor[:12].mean()
    if squares_of_line < 1e-12:  # a line already fits, up to rounding
        return factor, 1.0
    freedom = BASELINE_POINTS - design.shape[1]
    ratio = (squares_of_line - squares) / waves.shape[1] / max(squares / freedom, 1e-300)
    return factor, float(stats.f.sf(ratio, waves.shape[1], freedom))


def _overdispersed(value: Numbers, expected: Numbers, fitted: int) -> bool:
    """Tell whether counts vary more than Poisson counts would (index of dispersion, chi-squared)."""
    if len(value) <= fitted or not value.any():
        return False
    return bool(stats.chi2.sf(((value - expected) ** 2 / expected).sum(), len(value) - fitted) < DISPERSION_LEVEL)


def _signals(points: pd.DataFrame, level: Numbers, centre: Numbers) -> tuple[list[str], list[str]]:
    """Name each point's signal and direction: `value` against the limits and the centre, `level` for the trend."""
    value = points["value"].to_numpy(dtype="float64")
    side = _compare(value, centre)
    outside = _beyond(value, points["lower"].to_numpy(), points["upper"].to_numpy())
    near = _beyond(value, points["near_lower"].to_numpy(), points["near_upper"].to_numpy())
    two_in_three = np.zeros(len(value), dtype=int)
    for start in range(len(value) - 2):
        three = slice(start, start + 3)
        if abs(side[three].sum()) == 3 and abs(near[three].sum()) >= 2:
            two_in_three[three] = near[three]
    marks = {
        "outside": outside,
        "trend": _runs(_compare(level[1:], level[:-1]), RUN - 1, reach=RUN),
        "two_in_three": two_in_three,
        "shift": _runs(side, RUN, reach=RUN),
    }
    signal, direction = [""] * len(value), [""] * len(value)
    for name, mark in reversed(marks.items()):  # the first overwrites the later ones
        for point in np.flatnonzero(mark):
            signal[point], direction[point] = name, "high" if mark[point] > 0 else "low"
    return signal, direction


def _compare(value: Numbers, other: Numbers) -> Marks:
    """Compare as -1, 0 or 1; equal up to rounding is 0, and so is a comparison with nothing."""
    return np.where(np.isclose(value, other, rtol=1e-9, atol=0), 0, np.nan_to_num(np.sign(value - other))).astype(int)


def _beyond(value: Numbers, lower: Numbers, upper: Numbers) -> Marks:
    return np.maximum(_compare(value, upper), 0) + np.minimum(_compare(value, lower), 0)


def _runs(marks: Marks, length: int, reach: int) -> Marks:
    """Mark the `reach` points of every run of `length` equal marks."""
    found = np.zeros(len(marks) + reach - length, dtype=int)
    for start in range(len(marks) - length + 1):
        if abs(marks[start : start + length].sum()) == length:
            found[start : start + reach] = marks[start]
    return found
