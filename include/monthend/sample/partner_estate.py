"""What made-up partners send beside returns: aggregates, surveys, savings and words, a file an area and period."""

import csv
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from openpyxl import Workbook

from monthend.plan.calendar import (
    add_months,
    financial_quarter_end,
    financial_year_start,
    month_end,
    months_between,
    working_day,
)
from monthend.plan.declarations import ROOT, Declarations, Feed, FeedArea
from monthend.publish.frozen import save_frozen
from monthend.sample import world

Draw = np.random.Generator
Rows = Iterator[dict[str, Any]]

HISTORY_MONTHS = 24
WRITTEN = datetime.combine(date(2014, 7, 1), time())  # as every workbook says, so that the same data are the same bytes
FIRST = 2014 * 12 + 6  # from which what falls or rises does so, a month after the other
SIZES = {"E06000016": 0.33, "E10000018": 0.63, "E06000017": 0.04, "X00000001": 0.67, "E23000021": 1.0}  # of all people
AGED_10_TO_17, ADULT_WOMEN = 93_000, 415_000
FIRST_TIME_ENTRANTS, COHORT, OFFENDERS = 420, 150, 240
IN_TREATMENT = {"opiate": 2_400, "non-opiate": 700, "alcohol": 1_300}
COMPLETED = {"opiate": 0.08, "non-opiate": 0.41, "alcohol": 0.39}
FAMILIES, PROGRAMME, PROGRAMME_MONTHS = 2_400, 2012 * 12 + 4, 84
CASES = 1_350
SAMPLED = {"burglary": 46, "vehicle": 46, "violent": 60, "hate": 19, "asb": 48, "da": 24}  # a month
ANSWERED, SATISFIED = 0.52, {"burglary": 0.87, "vehicle": 0.8, "violent": 0.76, "hate": 0.74, "asb": 0.79, "da": 0.82}
HARDER = {"q_contact": 0.12, "q_actions": -0.02, "q_followup": -0.08, "q_treatment": 0.1, "q_whole": 0.0}
ASKED, ASKED_ELSEWHERE = {"E06000016": 310, "E06000017": 64, "E07000133": 26}, 105  # of confidence, by district
SCHEMES = {  # required of the year in pounds, whether it recurs, whether it is cash
    "S01": (1_800_000, "Y", "Y"), "S02": (1_200_000, "Y", "Y"), "S03": (900_000, "N", "Y"), "S04": (700_000, "Y", "N"),
    "S05": (400_000, "N", "N"),
}  # fmt: skip
WORDS = {
    "SP5": "Conferences meet every week, and each victim has one named adviser.",
    "SP6": "A new centre for victims opened, where they can speak to an adviser before they decide whether to report.",
    "SP15": "Schools, health and police look at each referral together on the day that it comes.",
    "SP16": "The triage car goes out with a nurse in the evening, and custody is the last resort.",
    "SP17": "Whoever comes back is seen by somebody who is not of the police.",
}
BOARDS = {"pdg": ("SP6", "SP15"), "strategic_partnership": ("SP15",)}


def write(seed: int, folder: Path, month: str, history: bool) -> list[Path]:
    """Write what partners send for month-end `month` (YYYY-MM): of each feed the newest period, once it is due.

    With `history` also what came before, to compare with: the two years up to that period.
    """
    feeds, paths = Declarations(ROOT).feeds, []
    for key, rows_of in FEEDS.items():
        feed = feeds[key]
        newest = feed.newest_period(month)
        is_due = feed.cadence == "monthly" or financial_quarter_end(month) == month
        months = months_between(add_months(newest, -HISTORY_MONTHS), newest) if history else [newest] * is_due
        periods = [each for each in months if feed.cadence == "monthly" or financial_quarter_end(each) == each]
        for period, area in product(filter(feed.in_force, periods), feed.areas):
            draw = np.random.default_rng([seed, _number(period), zlib.crc32(f"{key} {area.slug}".encode())])
            ending = "xlsx" if feed.cadence == "quarterly" else "csv"
            paths.append(folder / f"{period}-{area.slug}-{key.replace('_', '-')}.{ending}")
            _write(paths[-1], feed, list(rows_of(draw, feed, area, period)))
    return paths


def _write(path: Path, feed: Feed, rows: list[dict[str, Any]]) -> None:
    headings = [column.heading for column in feed.columns]
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, headings, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return
    workbook = Workbook()
    workbook.properties.created = workbook.properties.modified = WRITTEN
    sheet: Any = workbook.active
    sheet.append(headings)
    for row in rows:
        sheet.append([row.get(heading) for heading in headings])
    save_frozen(workbook, path, {})


def _yos(draw: Draw, feed: Feed, area: FeedArea, period: str) -> Rows:
    size = SIZES[area.code]
    people = round(AGED_10_TO_17 * size)
    entrants = int(draw.poisson(FIRST_TIME_ENTRANTS * size * 0.97 ** _quarters(period)))
    cohort = int(draw.poisson(COHORT * size))
    reoffenders = int(draw.binomial(cohort, 0.36))
    yield {
        "yos": area.name_in_rows, "period": period, "fte_count": entrants, "pop_10_17": people,
        "pop_year": int(period[:4]) - 1, "fte_rate": round(entrants * 100_000 / people, 2),
        **_days(feed, period, "cohort_start", "cohort_end", "followup_end"), "cohort_n": cohort,
        "reoffenders": reoffenders, "reoffences": reoffenders + int(draw.poisson(2.1 * reoffenders)),
    }  # fmt: skip


def _iom(draw: Draw, _: Feed, area: FeedArea, period: str) -> Rows:
    cohort, joined = _managed(period), int(draw.poisson(70))
    months = int(cohort * 12 * 0.82)
    yield {
        "area": area.name_in_rows, "period": period, "cohort_id": "IOM-2013", "cohort_n": cohort,
        "entrants": joined, "leavers": _managed(add_months(period, -12)) + joined - cohort,
        "baseline_offences": int(draw.poisson(cohort * 6.2)),
        "period_offences": int(draw.poisson(months / 12 * 3.4 * 0.98 ** _quarters(period))),
        "months_at_liberty": months,
    }  # fmt: skip


def _managed(period: str) -> int:
    """How many are in the cohort at a period's end: what one period says of it has to agree with the year before."""
    return OFFENDERS - _number(period) * 7 % 23


def _treatment(draw: Draw, feed: Feed, area: FeedArea, period: str) -> Rows:
    for substance, people in IN_TREATMENT.items():
        in_treatment = int(draw.poisson(people * SIZES[area.code]))
        completed = int(draw.binomial(in_treatment, COMPLETED[substance]))
        yield {
            "area": area.name_in_rows, "period": period, "substance": substance,
            **_days(feed, period, "window_start", "window_end"), "in_treatment": in_treatment, "completed": completed,
            "re_presented": int(draw.binomial(completed, 0.12)),
        }  # fmt: skip


def _families(_: Draw, __: Feed, area: FeedArea, period: str) -> Rows:
    identified = round(FAMILIES * SIZES[area.code] * min(1, (_number(period) - PROGRAMME) / PROGRAMME_MONTHS))
    engaged = identified * 4 // 5
    yield {
        "authority": area.name_in_rows, "period": period, "identified": identified, "engaged": engaged,
        "outcome_crime_asb": engaged * 2 // 5, "outcome_education": engaged * 3 // 10, "outcome_work": engaged // 8,
    }  # fmt: skip


def _conferences(draw: Draw, _: Feed, area: FeedArea, period: str) -> Rows:
    cases = int(draw.poisson(CASES * SIZES[area.code]))
    yield {
        "area": area.name_in_rows, "period": period, "cases": cases, "repeats": int(draw.binomial(cases, 0.27)),
        "children": int(draw.poisson(cases * 1.3)), "adult_women_pop": round(ADULT_WOMEN * SIZES[area.code]),
    }  # fmt: skip


def _victims(draw: Draw, _: Feed, __: FeedArea, period: str) -> Rows:
    districts = [each.code for each in world.DISTRICTS]
    sizes = np.array([each.crimes for each in world.DISTRICTS], dtype=float)
    first, days = date.fromisoformat(f"{period}-01"), month_end(period).day
    number = 0
    for group, sampled in SAMPLED.items():
        for _each in range(sampled):
            number += 1
            row = {
                "respondent_id": f"r{zlib.crc32(f'{period} {number}'.encode()):08x}", "wave": period,
                "incident_month": add_months(period, -2), "victim_group": group,
                "csp_code": draw.choice(districts, p=sizes / sizes.sum()),
                "disposition": draw.choice(["refused", "no contact"]),
            }  # fmt: skip
            if draw.random() < ANSWERED:
                likely = SATISFIED[group]
                row |= {
                    "disposition": "completed",
                    "interview_date": first + timedelta(days=int(draw.integers(days))),
                    "weight": f"{draw.uniform(0.7, 1.4):.2f}",
                } | {
                    question: int(draw.integers(5, 8) if draw.random() < likely + more else draw.integers(1, 5))
                    for question, more in HARDER.items()
                }
            yield row


def _confidence(draw: Draw, _: Feed, __: FeedArea, period: str) -> Rows:
    bases = {each.code: int(draw.poisson(ASKED.get(each.code, ASKED_ELSEWHERE))) for each in world.DISTRICTS}
    confident = {code: int(draw.binomial(base, 0.72)) for code, base in bases.items()}
    bases[""], confident[""] = sum(bases.values()), sum(confident.values())
    for code, base in bases.items():
        yield {
            "wave": period, "question_id": "confidence",
            "question_text": "Taking everything into account, do you have confidence in the police in your area?",
            "base_unweighted": base, "value": round(100 * confident[code] / base, 1),
            "design_effect": round(float(draw.uniform(1.1, 1.4)), 2), "csp_code": code,
        }  # fmt: skip


def _savings(_: Draw, __: Feed, ___: FeedArea, period: str) -> Rows:
    april = financial_year_start(period)
    months = _number(period) - _number(april) + 1
    rows: list[dict[str, Any]] = []
    for place, (key, (required, recurring, cashable)) in enumerate(SCHEMES.items()):
        identified = required * (80 + 2 * months - 3 * place) // 100
        rows.append(
            {
                "scheme_id": key, "required": required, "identified": identified,
                "delivered": required * (78 - 3 * place) // 100 * months // 12,
                "recurring": recurring, "cashable": cashable,
            }
        )  # fmt: skip
    amounts = {name: sum(row[name] for row in rows) for name in ("required", "identified", "delivered")}
    rows.append({"scheme_id": "ALL", **amounts})
    year = f"{april[:4]}/{(int(april[:4]) + 1) % 100:02}"
    yield from (row | {"year": year, "as_at": month_end(period)} for row in rows)


def _safeguarding(counts: dict[str, int]) -> Callable[[Draw, Feed, FeedArea, str], Rows]:
    def rows(draw: Draw, _: Feed, area: FeedArea, period: str) -> Rows:
        of_all = {"area": area.name_in_rows, "period": period}
        for priority, assurance in (("SP15", "partial"), ("SP16", "substantial"), ("SP17", "partial"), ("SP5", "full")):
            item = f"{priority.lower()}_assessment"
            yield of_all | {"item_code": item, "narrative": WORDS[priority], "assurance_level": assurance}
        for item, count in counts.items():
            yield of_all | {"item_code": item, "value": int(draw.poisson(count * SIZES[area.code]))}

    return rows


def _narrative(_: Draw, __: Feed, ___: FeedArea, period: str) -> Rows:
    for board, priorities in BOARDS.items():
        for priority in priorities:
            yield {
                "period": period, "sp": priority, "board": board, "text": WORDS[priority],
                "author_role": "Head of performance", "written_on": working_day(add_months(period, 1), 1),
            }  # fmt: skip


def _days(feed: Feed, period: str, *columns: str) -> dict[str, date]:
    """The days that the feed declares for these columns."""
    days: dict[str, date] = {}
    for column in columns:
        name, _, edge = column.rpartition("_")
        first, last = feed.spans[name].of(period)
        days[column] = date.fromisoformat(f"{first}-01") if edge == "start" else month_end(last)
    return days


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def _quarters(period: str) -> float:
    return (_number(period) - FIRST) / 3


FEEDS: dict[str, Callable[[Draw, Feed, FeedArea, str], Rows]] = {
    "yos_return": _yos,
    "probation_iom": _iom,
    "substance_misuse": _treatment,
    "troubled_families": _families,
    "da_partnership": _conferences,
    "survey_victim": _victims,
    "survey_confidence": _confidence,
    "savings": _savings,
    "safeguarding_children": _safeguarding({"sp16_referrals": 190, "sp5_notifications": 1_050}),
    "safeguarding_adults": _safeguarding({"sp16_concerns": 260, "sp5_concerns": 120}),
    "narrative": _narrative,
}
