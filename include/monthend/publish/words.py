"""The words that go with numbers: a sentence first, plain, and never a target, a grade or a ranking."""

from datetime import date

from monthend.plan.calendar import month_end
from monthend.plan.declarations import Break, Measure
from monthend.statistics.spc import BASELINE_POINTS, TRIAL_POINTS, Chart

NO_SIGNAL = "No change beyond normal month-to-month variation."
CONTEXT = "Shown for context, without a reading."
NO_NOTES = "none"
A_YEAR_BEFORE = {  # a figure beside the one of a year before: higher, lower, neither
    1: "Higher than a year before, by more than chance alone gives.",
    -1: "Lower than a year before, by more than chance alone gives.",
    0: "No difference from a year before beyond what chance alone gives.",
}
_RANGE = {
    ("outside", "high"): "{more} than {usual}.",
    ("outside", "low"): "{less} than {usual}.",
    ("trend", "high"): "Rising for at least 7 months in a row.",
    ("trend", "low"): "Falling for at least 7 months in a row.",
    ("two_in_three", "high"): "{more} than usual in at least two of three months in a row.",
    ("two_in_three", "low"): "{less} than usual in at least two of three months in a row.",
    ("shift", "high"): "{more} than usual; sustained for at least 7 months.",
    ("shift", "low"): "{less} than usual; sustained for at least 7 months.",
}


def of_month(month: str) -> str:
    """A month as a reader sees it: March 2025."""
    return f"{month_end(month):%B %Y}"


def of_months(first: str, last: str) -> str:
    """Months as a reader sees them: March 2025, or March 2025 to May 2025."""
    return of_month(first) if first == last else f"{of_month(first)} to {of_month(last)}"


def of_day(day: date) -> str:
    """A day as a reader sees it: 24 April 2025."""
    return f"{day:%-d %B %Y}"


def of_days(first: date, last: date) -> str:
    """Days as a reader sees them: 24 April 2025, or 24 April 2025 to 7 May 2025."""
    return of_day(first) if first == last else f"{of_day(first)} to {of_day(last)}"


def period(basis: str, month: str) -> str:
    """A basis and its last month in words: 12 months to March 2025."""
    return {
        "month": of_month(month),
        "quarter": f"3 months to {of_month(month)}",
        "r12": f"12 months to {of_month(month)}",
        "fytd": f"April to {of_month(month)}",
    }[basis]


def across(break_: Break) -> str:
    """What is said where a break stands between two periods."""
    first = date.fromisoformat(f"{break_.from_month}-01")
    return f"Not comparable with before {of_day(first)}: {break_.reason}."


def beside_requirement(reached: bool, months: tuple[str, str], goes_on: bool) -> str:
    """A figure beside what the budget requires of some months, given by the first and last; `goes_on`: not all over."""
    less = "Not yet what" if goes_on else "Less than"
    return f"{'At least what' if reached else less} the budget requires of {of_months(*months)}."


def ended(last_month: str, followed_by: str | None) -> str:
    """What is said of a measure that there is no more."""
    follows = f" {followed_by} follows it; the two are not compared." if followed_by else ""
    return f"It ended with {of_month(last_month)}.{follows}"


def signal(measure: Measure, chart: Chart | None) -> str:
    """What the latest month says of a measure, in a sentence; `chart` is None where the month is not available."""
    if chart is None:
        return "Not available for this month."
    if measure.polarity == "context":
        return CONTEXT
    points = len(chart.points)
    if chart.trial or chart.method == "none":
        needed = BASELINE_POINTS if chart.method == "none" else TRIAL_POINTS  # none: declared seasonal, too few for it
        return (
            f"{points} {'months are' if points > 1 else 'month is'} held in a row; "
            f"what is usual can be said from {needed} on."
        )
    last = chart.points.iloc[-1]
    return sentence(measure, last["signal"], last["direction"])


def sentence(measure: Measure, rule: str, direction: str) -> str:
    """A signal in words: by its rule and direction, and the measure's polarity."""
    if not rule:
        return NO_SIGNAL
    if measure.reading is None:
        return _RANGE[rule, direction].format(more="Higher", less="Lower", usual="the usual range")
    text = _RANGE[rule, direction].format(more="More was recorded", less="Less was recorded", usual="usual")
    return f"{text} {measure.reading.high if direction == 'high' else measure.reading.low}"
