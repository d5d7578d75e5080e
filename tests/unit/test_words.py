"""The words beside the numbers: each polarity, rule and direction, and what is never said."""

import itertools
import re
from datetime import date

import pandas as pd
import pytest

from monthend.plan.declarations import ROOT, Declarations, Measure
from monthend.publish import words
from monthend.statistics.spc import count_chart

BASE = {
    "title": "Offences",
    "description": "Of the tests.",
    "owner": "Performance analysis",
    "measure": "offences",
    "feed": "police_crime",
    "select": "offences",
    "unit": "crimes",
}
HIGH = "This is under-reported, so a rise can mean more people coming forward; it is not read as good or bad."
LOW = "This may be fewer offences or less reporting; check reporting routes."
MEASURES = {
    polarity: Measure.model_validate(
        BASE | {"polarity": polarity} | ({"reading": {"high": HIGH, "low": LOW}} if polarity == "neutral" else {})
    )
    for polarity in ("down_good", "up_good", "neutral", "context")
}
RULES = ["outside", "trend", "two_in_three", "shift"]
SAID = {
    ("outside", "high"): "Higher than the usual range.",
    ("outside", "low"): "Lower than the usual range.",
    ("trend", "high"): "Rising for at least 7 months in a row.",
    ("trend", "low"): "Falling for at least 7 months in a row.",
    ("two_in_three", "high"): "Higher than usual in at least two of three months in a row.",
    ("two_in_three", "low"): "Lower than usual in at least two of three months in a row.",
    ("shift", "high"): "Higher than usual; sustained for at least 7 months.",
    ("shift", "low"): "Lower than usual; sustained for at least 7 months.",
}
SAID_OF_NEUTRAL = {
    ("outside", "high"): f"More was recorded than usual. {HIGH}",
    ("outside", "low"): f"Less was recorded than usual. {LOW}",
    ("trend", "high"): f"Rising for at least 7 months in a row. {HIGH}",
    ("trend", "low"): f"Falling for at least 7 months in a row. {LOW}",
    ("two_in_three", "high"): f"More was recorded than usual in at least two of three months in a row. {HIGH}",
    ("two_in_three", "low"): f"Less was recorded than usual in at least two of three months in a row. {LOW}",
    ("shift", "high"): f"More was recorded than usual; sustained for at least 7 months. {HIGH}",
    ("shift", "low"): f"Less was recorded than usual; sustained for at least 7 months. {LOW}",
}
FLAT = [300, 310, 295, 305, 300, 290, 308, 297, 303, 299, 306, 294] * 2


def counts(*values: int) -> "pd.Series[int]":
    return pd.Series(values, index=[str(month) for month in pd.period_range("2023-01", periods=len(values), freq="M")])


@pytest.mark.parametrize(("rule", "direction"), SAID)
@pytest.mark.parametrize("polarity", ["down_good", "up_good"])
def test_a_signal_is_said_by_its_rule_and_direction(polarity: str, rule: str, direction: str) -> None:
    assert words.sentence(MEASURES[polarity], rule, direction) == SAID[rule, direction]


@pytest.mark.parametrize(("rule", "direction"), SAID_OF_NEUTRAL)
def test_of_a_neutral_measure_it_is_said_what_was_recorded_and_what_that_can_mean(rule: str, direction: str) -> None:
    assert words.sentence(MEASURES["neutral"], rule, direction) == SAID_OF_NEUTRAL[rule, direction]


@pytest.mark.parametrize("polarity", MEASURES)
def test_without_a_signal_all_say_the_same(polarity: str) -> None:
    assert words.sentence(MEASURES[polarity], "", "") == "No change beyond normal month-to-month variation."


@pytest.mark.parametrize("key", Declarations(ROOT).measures)
def test_no_sentence_of_a_declared_measure_grades_or_aims(key: str) -> None:
    measure = Declarations(ROOT).measures[key]
    banned = re.compile(r"target|green|\bred\b|amber|worse|better|improv|deteriorat|fail|%|league|rank|[←-⇿▲▼]", re.I)
    said = [words.sentence(measure, rule, way) for rule, way in itertools.product(RULES, ("high", "low"))]
    assert [text for text in said if banned.search(text)] == []
    assert all(text.endswith(".") and "{" not in text for text in said)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (300, words.NO_SIGNAL),
        (900, "Higher than the usual range."),
        (10, "Lower than the usual range."),
    ],
)
def test_the_newest_month_decides_the_sentence(last: int, said: str) -> None:
    assert words.signal(MEASURES["down_good"], count_chart(counts(*FLAT, last), False)) == said


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (1, "1 month is held in a row; what is usual can be said from 12 on."),
        (2, "2 months are held in a row; what is usual can be said from 12 on."),
        (11, "11 months are held in a row; what is usual can be said from 12 on."),
        (12, words.NO_SIGNAL),
    ],
)
def test_with_fewer_than_twelve_months_nothing_is_called_usual(months: int, said: str) -> None:
    assert words.signal(MEASURES["down_good"], count_chart(counts(*FLAT[:months]))) == said


@pytest.mark.parametrize("months", [5, 12, 23])
def test_a_measure_declared_seasonal_needs_two_years(months: int) -> None:
    chart = count_chart(counts(*FLAT[:months]), seasonal=True)
    assert words.signal(MEASURES["down_good"], chart) == (
        f"{months} months are held in a row; what is usual can be said from 24 on."
    )


@pytest.mark.parametrize("months", [3, 24])
def test_context_is_shown_and_not_read(months: int) -> None:
    assert words.signal(MEASURES["context"], count_chart(counts(*FLAT[:months]))) == words.CONTEXT
    assert words.signal(MEASURES["context"], count_chart(counts(*FLAT, 900))) == words.CONTEXT


@pytest.mark.parametrize("polarity", MEASURES)
def test_a_month_that_is_not_there_is_said_to_be_so(polarity: str) -> None:
    assert words.signal(MEASURES[polarity], None) == "Not available for this month."


def test_months_days_and_periods_are_written_out() -> None:
    assert words.of_month("2025-03") == "March 2025"
    assert words.of_day(date(2025, 4, 4)) == "4 April 2025"
    assert [words.period(basis, "2025-03") for basis in ("month", "quarter", "r12", "fytd")] == [
        "March 2025",
        "3 months to March 2025",
        "12 months to March 2025",
        "April to March 2025",
    ]
