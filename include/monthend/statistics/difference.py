"""Whether two figures of the same kind differ by more than chance alone gives, in 95 of 100 cases."""

from math import hypot
from typing import NamedTuple

from scipy import stats

LEVEL = 0.95


class Estimate(NamedTuple):
    """A share, or any proportion, and the interval that it lies in, all in the same unit."""

    value: float
    lower: float
    upper: float


def wilson(part: int, whole: int) -> Estimate:
    """The share of `part` in `whole` with Wilson's interval, in percent."""
    limits = stats.binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return Estimate(100 * part / whole, 100 * limits.low, 100 * limits.high)


def of_shares(newer: Estimate, older: Estimate) -> int:
    """Say whether a share is higher (1) or lower (-1) than an independent older one, or no different (0).

    The interval of the difference is made of the two shares' own, which may have a design effect (Newcombe, Interval
    estimation for the difference between independent proportions, Statistics in Medicine 17, 1998, method 10).
    """
    gap = newer.value - older.value
    if gap - hypot(newer.value - newer.lower, older.upper - older.value) > 0:
        return 1
    return -1 if gap + hypot(newer.upper - newer.value, older.value - older.lower) < 0 else 0


def of_rates(newer: tuple[int, int], older: tuple[int, int]) -> int:
    """Say whether a rate is higher (1) or lower (-1) than an older one of other months, or no different (0).

    Each is a count of independent events and how many they are of. Given both counts, the newer is binomial: the test
    is exact.
    """
    (count, of), (before, of_before) = newer, older
    if count + before == 0:
        return 0
    share = of / (of + of_before)
    if stats.binomtest(count, count + before, share).pvalue >= 1 - LEVEL:
        return 0
    return 1 if count > (count + before) * share else -1
