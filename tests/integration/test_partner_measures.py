"""What is counted and taken from what partners send, on rows that can be counted by hand."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from offices import Desk
from partner_rows import CLEAN, Row, confidence, respondent

from monthend.freeze import facts
from monthend.freeze.facts import MISSING, Fact, Facts, Key
from monthend.load import newest_load
from monthend.plan.calendar import months_between
from monthend.plan.declarations import ROOT, Declarations

FORCE, LEICESTER, MONTH = "E23000021", "E06000016", "2017-06"
MONTHS = months_between("2016-06", MONTH)
OTHERS = "X00000001"  # Leicestershire and Rutland
REPORTS = (  # person, reported, category, care, district
    ("a", "2016-06-10T12:00:00", "missing", "looked after", LEICESTER),
    ("a", "2017-06-10T11:59:59", "missing", "looked after", LEICESTER),  # a second short of 12 months later: again
    ("b", "2016-06-11T12:00:00", "missing", "not looked after", LEICESTER),
    ("b", "2017-06-11T12:00:00", "missing", "not looked after", ""),  # 12 months later: not again, and in no district
    ("c", "2017-06-01T12:00:00", "missing", "not looked after", LEICESTER),
    ("c", "2017-06-02T12:00:00", "absent", "not looked after", LEICESTER),  # of another category: not again
    ("c", "2017-06-03T12:00:00", "missing", "not looked after", LEICESTER),  # again
)


def write(folder: Path, without: str = "") -> None:
    """A file a month, but of one: the reports above and one of somebody else; and detentions of June 2017."""
    feeds = Declarations(ROOT).feeds
    headings = [column.heading for column in feeds["missing_person"].columns]
    others = {month: (f"of {month}", f"{month}-05T12:00:00", "missing", "not looked after", "") for month in MONTHS}
    for month in (each for each in MONTHS if each != without):
        with (folder / f"{month}-leicestershire-missing-person.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(headings)
            for number, (person, at, category, care, district) in enumerate((*REPORTS, others[month])):
                if at.startswith(month):
                    rows.writerow(
                        (f"MP-{month}-{number:03}", person * 3, at, "", category, "low", "12-15", care, district)
                    )
    with (folder / f"{MONTH}-leicestershire-mental-health.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([column.heading for column in feeds["mental_health"].columns])
        rows.writerow((MONTH, "police", 40, 10, 28, 2, 1))
        rows.writerow((MONTH, "nhs", 41, 11, 28, 2, 1))


def test_counts_are_those_of_a_count_by_hand(desk: Desk, tmp_path: Path) -> None:
    write(tmp_path)
    desk.take_in(tmp_path)
    with desk.office.engine.connect() as connection:
        found = facts.compute(connection, desk.office.declarations, MONTH, newest_load(connection))

    def count(measure: str, area: str, month: str = MONTH, category: str = "") -> Decimal | None:
        return found[Key(measure, "month", area, month, "missing_category" if category else "", category)].value

    assert (count("missing_reports", FORCE), count("missing_reports", LEICESTER)) == (6, 4)
    assert (count("missing_reports", FORCE, "2016-06"), count("missing_reports", FORCE, "2017-05")) == (3, 1)
    assert [count("missing_reports", FORCE, category=each) for each in ("missing", "absent")] == [5, 1]
    assert (count("repeat_missing_reports", FORCE), count("repeat_missing_reports", LEICESTER)) == (2, 2)
    repeats = {key.period for key in found if key.measure == "repeat_missing_reports" and key.basis == "month"}
    assert repeats == {MONTH}  # of the months before, who was reported in the 12 months before them is not known
    assert count("missing_from_care", FORCE) == 1
    assert found[Key("repeat_missing_reports_share", "month", FORCE, MONTH)].value == Decimal("33.3333333333")
    assert [count(f"mental_health_{each}", FORCE) for each in ("detentions", "custody")] == [40, 10]
    assert found[Key("mental_health_custody_share", "month", FORCE, MONTH)].value == 25


@pytest.mark.parametrize("without", ["2016-06", "2017-01"])
def test_what_looks_back_is_not_available_where_a_month_before_is_missing(
    desk: Desk, tmp_path: Path, without: str
) -> None:
    write(tmp_path, without=without)
    text = (tmp_path / "2016-07-leicestershire-missing-person.csv").read_text(encoding="utf-8")
    earlier = tmp_path / "2016-05-leicestershire-missing-person.csv"
    earlier.write_text(text.replace("2016-07", "2016-05"), encoding="utf-8")
    found = computed(desk, tmp_path)
    repeats = {key.period: fact for key, fact in found.items() if key[:3] == ("repeat_missing_reports", "month", FORCE)}
    assert repeats == {"2017-05": MISSING, MONTH: MISSING}
    assert found[Key("missing_reports", "month", FORCE, MONTH)].value == 6


def send(folder: Path, feed: str, name: str, rows: list[Row]) -> None:
    headings = [column.heading for column in Declarations(ROOT).feeds[feed].columns]
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, headings, restval="")
        writer.writeheader()
        writer.writerows(rows)


def computed(desk: Desk, folder: Path, month: str = MONTH) -> Facts:
    desk.take_in(folder)
    blocked = "SELECT feed FROM landing.delivery WHERE delivery_id NOT IN (SELECT delivery_id FROM reporting.load)"
    assert desk.rows(blocked) == []
    with desk.office.engine.connect() as connection:
        return facts.compute(connection, desk.office.declarations, month, newest_load(connection))


def youth(period: str, area: str, entrants: int, people: int, cohort: tuple[str, str, str]) -> Row:
    days = dict(zip(("cohort_start", "cohort_end", "followup_end"), cohort, strict=True))
    rate = {"fte_rate": f"{entrants * 100_000 / people:.2f}"}
    counts = {"fte_count": str(entrants), "pop_10_17": str(people)}
    return CLEAN["yos_return"][0] | {"yos": area, "period": period} | days | counts | rate


def test_a_rate_is_of_its_period_and_of_the_force_where_every_area_gave_one(desk: Desk, tmp_path: Path) -> None:
    newest, before = ("2015-07-01", "2015-09-30", "2016-09-30"), ("2015-04-01", "2015-06-30", "2016-06-30")
    for period, area, slug, entrants, people, cohort in (
        ("2017-03", "Leicester", "leicester", 103, 30_690, newest),
        ("2017-03", "Leicestershire and Rutland", "leicestershire-and-rutland", 190, 62_310, newest),
        ("2016-12", "Leicester", "leicester", 110, 30_690, before),
    ):
        row = youth(period, area, entrants, people, cohort)
        send(tmp_path, "yos_return", f"{period}-{slug}-yos-return", [row])
    found = computed(desk, tmp_path)

    def fact(area: str, period: str, measure: str = "first_time_entrants") -> Fact:
        return found[Key(measure, "reported", area, period)]

    def rate(above: int, below: int, per: int = 100_000) -> Decimal:
        return round(Decimal(above * per) / below, 10)

    assert fact(LEICESTER, "2017-03") == Fact(rate(103, 30_690), Decimal(103), Decimal(30_690))
    assert fact(FORCE, "2017-03") == Fact(rate(293, 93_000), Decimal(293), Decimal(93_000))
    assert fact(FORCE, "2017-03", "youth_reoffending") == Fact(rate(82, 240, 100), Decimal(82), Decimal(240))
    assert fact(FORCE, "2017-03", "youth_reoffences").value == rate(260, 240, 1)
    assert fact(LEICESTER, "2016-12").numerator == 110
    assert fact(OTHERS, "2016-12") == fact(FORCE, "2016-12") == MISSING
    of_youth = [key for key in found if key.measure == "first_time_entrants"]
    assert {key.basis for key in of_youth} == {"reported"}  # no cohort is added up
    assert {key.period for key in of_youth} == {"2016-12", "2017-03"}  # the quarter to June is not due yet


def test_a_count_since_the_beginning_is_no_sum_of_periods_and_a_denominator_of_nought_no_rate(
    desk: Desk, tmp_path: Path
) -> None:
    for period, identified in (("2017-03", "800"), ("2017-06", "900")):
        row = CLEAN["troubled_families"][0] | {"period": period, "identified": identified}
        send(tmp_path, "troubled_families", f"{period}-leicester-troubled-families", [row])
    none = CLEAN["da_partnership"][0] | {"cases": "0", "repeats": "0"}
    send(tmp_path, "da_partnership", "2017-06-leicester-da-partnership", [none])
    for month, delivered in (("2017-05", 500_000), ("2017-06", 700_000)):
        rows = [
            row | {"as_at": f"{month}-{'31' if month == '2017-05' else '30'}", "delivered": str(amount)}
            for row, amount in zip(CLEAN["savings"], (delivered, 100_000, delivered + 100_000), strict=True)
        ]
        send(tmp_path, "savings", f"{month}-leicestershire-savings", rows)
    found = computed(desk, tmp_path)
    assert found[Key("families_identified", "reported", LEICESTER, MONTH)] == Fact(Decimal(900), Decimal(900), None)
    assert found[Key("families_identified", "reported", FORCE, MONTH)] == MISSING
    assert found[Key("marac_repeats", "reported", LEICESTER, MONTH)] == MISSING
    assert found[Key("marac_cases", "reported", LEICESTER, MONTH)].value == 0
    assert found[Key("savings_delivered", "reported", FORCE, MONTH)].value == 800_000
    assert found[Key("savings_delivered", "reported", FORCE, "2017-05")].value == 600_000
    assert found[Key("savings_recurring", "reported", FORCE, MONTH)].value == 700_000
    assert {key.period for key in found if key.measure == "savings_recurring"} == {"2017-05", MONTH}


def wilson(share: float, of: float) -> tuple[float, float]:
    """Wilson's interval, in percent (E. B. Wilson, Journal of the American Statistical Association 22, 1927)."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return 100 * (middle - half), 100 * (middle + half)


def test_a_share_of_answers_is_weighted_with_its_base_and_interval(desk: Desk, tmp_path: Path) -> None:
    number = 0
    for month, satisfied, others in (("2017-01", 30, 20), ("2017-02", 30, 20), ("2017-03", 7, 5)):
        rows = []
        for answer in [5] * satisfied + [4] * others:
            number += 1
            same = {"wave": month, "interview_date": f"{month}-20", "incident_month": "2016-12", "csp_code": ""}
            rows.append(respondent(number, "burglary", q_whole=str(answer), weight="1", **same))
        for answer, weight in (("7", "2"), ("1", "1"), ("1", "1")):
            number += 1
            rows.append(respondent(number, "da", **same | {"q_whole": answer, "weight": weight, "csp_code": LEICESTER}))
        send(tmp_path, "survey_victim", f"{month}-leicestershire-survey-victim", rows)
    rows = [confidence("", "920") | {"value": "72.4", "design_effect": "1.22", "wave": "2017-03"}]
    send(tmp_path, "survey_confidence", "2017-03-leicestershire-survey-confidence", rows)
    found = computed(desk, tmp_path)

    def limits(fact: Fact) -> tuple[float, float]:
        assert fact.lower is not None
        assert fact.upper is not None
        return float(fact.lower), float(fact.upper)

    whole = found[Key("satisfied_whole", "quarter", FORCE, "2017-03")]  # victims of domestic abuse are not among them
    assert (round(whole.value or 0, 1), whole.numerator, whole.denominator) == (Decimal("59.8"), 67, 112)
    assert [round(limit, 1) for limit in limits(whole)] == [50.6, 68.4]
    assert found[Key("satisfied_whole", "r12", FORCE, "2017-03")] == MISSING  # nine of its months are not held
    weighted = found[Key("satisfied_domestic_abuse", "quarter", FORCE, "2017-03")]
    assert (weighted.value, weighted.numerator, weighted.denominator) == (50, 3, 9)  # six of twelve weights
    assert limits(weighted) == tuple(round(limit, 4) for limit in wilson(0.5, 12**2 / (3 * (4 + 1 + 1))))
    assert found[Key("satisfied_domestic_abuse", "quarter", LEICESTER, "2017-03")] == weighted
    said = found[Key("police_confidence", "quarter", FORCE, "2017-03")]
    assert (said.value, said.numerator, said.denominator) == (Decimal("72.4"), None, 920)
    assert limits(said) == tuple(round(limit, 4) for limit in wilson(0.724, 920 / 1.22))
    assert found[Key("police_confidence", "quarter", LEICESTER, "2017-03")] == MISSING
