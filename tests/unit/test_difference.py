"""Whether figures differ by more than chance gives, held against published examples."""

import pytest

from monthend.statistics import difference
from monthend.statistics.difference import of_rates, of_shares, wilson


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        ((56, 70), (48, 80), 1),  # Newcombe 1998: 0.0524 to 0.3339; the shares' own intervals overlap
        ((48, 80), (56, 70), -1),
        ((5, 56), (0, 29), 0),  # -0.0381 to 0.1926
        ((9, 10), (3, 10), 1),  # 0.1705 to 0.8090
        ((10, 10), (10, 10), 0),
    ],
)
def test_two_shares(newer: tuple[int, int], older: tuple[int, int], expected: int) -> None:
    assert of_shares(wilson(*newer), wilson(*older)) == expected


def test_a_share_has_wilsons_interval() -> None:
    assert [round(number, 1) for number in wilson(67, 112)] == [59.8, 50.6, 68.4]


def test_the_shares_own_intervals_count() -> None:
    older = wilson(48, 80)
    assert of_shares(difference.Estimate(80, 60, 91), older) == 0  # as 56 of 70 with a design effect
    assert of_shares(wilson(56, 70), older) == 1


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        ((4199, 1), (3935, 1), 1),  # p 0.003
        ((3935, 1), (4199, 1), -1),
        ((59172, 1), (59107, 1), 0),  # p 0.85
        ((18, 1), (9, 1), 0),  # p 0.12
        ((0, 1), (0, 1), 0),
        ((6, 1), (0, 1), 1),  # p 0.031
        ((5, 1), (0, 1), 0),  # p 0.063
        ((300, 60_000), (300, 90_000), 1),
        ((300, 90_000), (300, 60_000), -1),
        ((310, 93_000), (300, 90_000), 0),
    ],
)
def test_two_rates(newer: tuple[int, int], older: tuple[int, int], expected: int) -> None:
    assert of_rates(newer, older) == expected
