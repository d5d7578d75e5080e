"""What made-up partners send, and what is wrong with the Community Safety Partnerships' last returns."""

import csv
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from openpyxl import load_workbook

from monthend import form, template
from monthend.plan.calendar import add_months, months_between, working_day
from monthend.plan.declarations import ROOT, Declarations, FormItem
from monthend.publish.frozen import save_frozen
from monthend.sample import world
from monthend.sample.world import DAY, HOUR
from monthend.validate import returns

FEED, FILE_NAME = "csp_return", "{}-csp-return-{}.xlsx"
SIGNED_WORKING_DAY = 4
A_QUARTER = {  # of a partnership of the size of Charnwood
    "early_help_referrals": 64, "offenders_managed": 38, "treatment_referrals": 120, "tenancies_kept": 26,
    "domestic_abuse_referrals": 92, "hate_reports": 17, "asb_cases": 140, "victims_satisfied": 60, "homes_secured": 34,
    "referrals_followed_up": 45, "return_interviews": 29,
}  # fmt: skip
SHARES = {"victims_satisfied": 0.74, "referrals_followed_up": 0.86}
SIZE_OF_CHARNWOOD = next(each.crimes for each in world.DISTRICTS if each.code == "E07000130")
SAID = {  # in place of a figure, as returns do; by partnership and item, in every quarter
    ("blaby", "tenancies_kept"): "NYA",
    ("harborough", "treatment_referrals"): "Data Not yet available",
    ("leicester", "offenders_managed"): "(Q1 Data - data lag)",
    ("north-west-leicestershire", "homes_secured"): "No New Data Published",
    ("rutland", "return_interviews"): "N/A",
    ("hinckley-and-bosworth", "hate_reports"): "",
}
WORK = {
    "SP1": (
        "Two schools took part in the early help scheme, and the youth club is open on Fridays again. Youth workers "
        "went out on the three estates that residents had named, at the hours when young people are about, and "
        "introduced themselves to parents. Referrals now go to one desk, which answers within two working days and "
        "says who will call."
    ),
    "SP2": (
        "The joint panel met every month and closed cases that had been stable for half a year. Probation, housing "
        "and the job centre sat at one table, so that each person had one plan instead of three. Two landlords agreed "
        "to take people who leave prison, and a mentor meets each of them at the gate on the first day."
    ),
    "SP3": (
        "Licensing and the treatment service visited late-night premises together and talked to staff about when to "
        "stop serving. The service opened a second evening a week, because people in work could not come by day. "
        "Pharmacies handed out cards with its number, and the hospital now tells it of whoever comes in more than "
        "once."
    ),
    "SP4": (
        "Families were seen at home by one named worker for all services, who agreed with them what should change "
        "first. Schools told the worker of absences within the week. Debt advice came to the children's centre on "
        "Mondays, and two housing officers were trained to see early when a tenancy is at risk and whom to call."
    ),
    "SP5": (
        "Front-line staff were trained to ask about domestic abuse, to write down what they hear, and to refer. The "
        "refuge has a worker in the family court one day a week. Cards with the helpline were put into surgeries, "
        "libraries and hairdressers. A course for people who want to change how they behave began in the autumn."
    ),
    "SP6": (
        "Posters in taxis and bars say where help is to be had, and the night-time code was signed by all venues in "
        "the town. Door staff were trained to notice people who are not safe and to see them home. The centre for "
        "victims explained to schools and to the college what it does and who may come."
    ),
    "SP7": (
        "A new reporting place opened at the library, and community groups were told of it at their own meetings. "
        "Staff at the counter learned how to take a report and what happens to it afterwards. The council and housing "
        "providers agreed to tell one another of incidents, so that nobody has to say the same thing twice."
    ),
    "SP8": (
        "The case conference took on the town centre, and the lights in the park were mended. Wardens walked the "
        "route from the station at closing time with officers. Residents who had complained were called back by one "
        "person who stayed with the case to its end, and mediation was offered to neighbours before letters were "
        "sent."
    ),
    "SP9": (
        "Everybody whose case was closed was asked what they thought of the service, by telephone and in the language "
        "they prefer. What they said was read at the team meeting. Letters were written anew in plain words, with a "
        "name and a number on each, and staff agreed to call within five days even without news."
    ),
    "SP15": (
        "Hotels and taxi firms were briefed on the signs of exploitation and on whom to call. Schools, health and the "
        "police look at each concern together on the day that it comes in. Parents were invited to evenings at which "
        "workers explained what to look for online, and children's homes have one named person in each service."
    ),
    "SP16": (
        "The triage car covers the district on three nights a week, with a nurse beside the officer. The surgery and "
        "the council's housing team agreed what to do when somebody in distress comes to either. Staff of the leisure "
        "centre learned mental health first aid, and a quiet room was opened for people who wait to be seen."
    ),
    "SP17": (
        "Children's homes and the council agreed how each return is followed up and who speaks to the child. The "
        "person who does so is not of the police and not of the home. What children say about why they went is "
        "brought together each quarter, and two homes changed their evening rules because of it."
    ),
}
REPORTS, SPREAD, PEOPLE, REPEATS, ABSENT = 260, 15, 2_000, 0.7, 0.12  # a month; who may be; how unevenly
AGE_BANDS = ("12-15", "16-17", "12-15", "18-64", "16-17", "0-11", "18-64", "65 and over")
MONTHLY_FROM = "2014-07"  # as the feeds of missing people and of detentions are
DETENTIONS, FIRST = 38, 2014 * 12 + 7  # a month; from which fewer and fewer are taken to custody
NOT_RETURNED = "oadby-and-wigston"  # at the last quarter


class Spoilt(NamedTuple):
    """A faulty cell of a last quarter's return, and the checks that it trips."""

    slug: str
    item: str
    column: str
    value: Any
    check_id: str
    what: str
    number_format: str = "General"


SPOILT = (
    Spoilt("charnwood", "early_help_referrals", "value", "Apr-Sep 13 - 7320", "G13", "a figure with its period"),
    Spoilt("charnwood", "treatment_referrals", "value", -0.2381, "G13", "a change in percent for a count", "0.00%"),
    Spoilt("charnwood", "victims_satisfied", "value", 8.8, "P04", "a percentage that its parts do not give"),
    Spoilt("charnwood", "sp7_work", "narrative", f"{WORK['SP7']} Ask j.bloggs@charnwood.example.", "G09", "an address"),
    Spoilt("melton", "hate_reports", "value", "YTD - 10904 / Oct - Dec -3584", "G13", "two figures in a cell"),
    Spoilt("melton", "asb_cases", "value", "1,204", "G13", "a number as text, with a separator"),
    Spoilt("melton", "homes_secured", "item_period_start", date(2016, 10, 1), "P02", "of before", "yyyy-mm-dd"),
    Spoilt("melton", "homes_secured", "item_period_end", date(2016, 12, 31), "P02", "of before", "yyyy-mm-dd"),
    Spoilt("melton", "referrals_followed_up", "numerator", 52, "P04", "a part above its whole"),
)


def write(force: Any, folder: Path, quarter: str, spoilt: bool) -> list[Path]:
    """Write the returns of a quarter (by its last month, YYYY-MM), each in the office's own form; give the paths.

    `force` is the sample force, whose crimes and incidents the partnerships quote; with `spoilt` the faults are in.
    """
    declarations = Declarations(ROOT)
    feed = declarations.feeds[FEED]
    assert feed.form is not None  # noqa: S101 - it is declared
    quoted = _quoted(force, quarter)
    paths = []
    for area in feed.areas:
        if spoilt and area.slug == NOT_RETURNED:
            continue
        path = folder / FILE_NAME.format(quarter, area.slug)
        before = {
            item.item: _in_words(_figures(force.seed, area.slug, area.code, item, add_months(quarter, -3), None))
            for item in feed.form.items
            if item.unit != "text" and not item.quotes
        }
        template.write(declarations, feed, quarter, area.code, before, path)
        cells = returns.read(path, feed).cells
        workbook: Any = load_workbook(path)
        sheet = workbook[form.SHEET]
        for number, item in enumerate(feed.form.items, start=1):
            filled = _figures(force.seed, area.slug, area.code, item, quarter, quoted)
            for column, value in filled.items():
                sheet[cells[number, column]] = value
            for each in SPOILT:
                if spoilt and (each.slug, each.item) == (area.slug, item.item):
                    cell = sheet[cells[number, each.column]]
                    cell.value, cell.number_format = each.value, each.number_format
        sheet[cells[1, "signed_by_role"]] = "Community safety manager"
        sheet[cells[1, "signed_on"]] = working_day(add_months(quarter, 1), SIGNED_WORKING_DAY)
        save_frozen(workbook, path, {})
        paths.append(path)
    return paths


def write_monthly(seed: int, folder: Path, month: str) -> list[Path]:
    """Write what partners send of a month (YYYY-MM): missing people, and detentions under section 136."""
    number = int(month[:4]) * 12 + int(month[5:])
    draw = np.random.default_rng([seed, number, zlib.crc32(b"monthly")])
    start = np.datetime64(month, "s")
    seconds = int((np.datetime64(add_months(month, 1), "s") - start) / np.timedelta64(1, "s"))
    count = REPORTS + int(draw.integers(-SPREAD, SPREAD + 1))
    reported = np.sort(draw.integers(0, seconds, count))
    back = reported + draw.integers(HOUR, 6 * DAY, count)
    chances = 1 / np.arange(1, PEOPLE + 1) ** REPEATS  # a few people are reported again and again
    person = draw.choice(PEOPLE, count, p=chances / chances.sum())
    districts = [each.code for each in world.DISTRICTS]
    sizes = np.array([each.crimes for each in world.DISTRICTS], dtype=float)
    placed = draw.choice(len(districts), count, p=sizes / sizes.sum())
    reports = [
        {
            "report_ref": f"MP-{month}-{place + 1:04}",
            "person_pseudo_id": f"m{zlib.crc32(str(person[place]).encode()):08x}",
            "reported_at": start + reported[place],
            "found_at": start + back[place] if back[place] < seconds else "",  # else not back by the month's end
            "category": "absent" if draw.random() < ABSENT else "missing",
            "risk": draw.choice(["low", "medium", "high"], p=[0.2, 0.65, 0.15]),
            "age_band": AGE_BANDS[int(person[place]) % len(AGE_BANDS)],
            "care_status": "looked after" if person[place] % 4 == 0 else "not looked after",
            "csp_code": districts[placed[place]],
        }
        for place in range(count)
    ]
    total = int(draw.poisson(DETENTIONS))
    custody = int(draw.binomial(total, max(0.1, 0.45 - 0.008 * (number - FIRST))))  # fewer from year to year
    other = int(draw.binomial(total - custody, 0.05))
    counts = {
        "s136_total": total, "to_custody": custody, "to_health": total - custody - other, "other": other,
        "under18_custody": int(draw.binomial(custody, 0.03)),
    }  # fmt: skip
    detentions = [{"period": month, "source": source, **counts} for source in ("police", "nhs")]
    paths = []
    for name, rows in (("missing-person", reports), ("mental-health", detentions)):
        paths.append(folder / f"{month}-leicestershire-{name}.csv")
        with paths[-1].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return paths


def faults(quarter: str) -> Iterator[tuple[str, ...]]:
    """The faults of a quarter's returns as faults.csv lists them."""
    for each in SPOILT:
        name = FILE_NAME.format(quarter, each.slug)
        yield quarter, FEED, name, each.check_id, "quarantined", "N", f"{each.item}, {each.column}: {each.what}"


def _figures(
    seed: int, slug: str, code: str, item: FormItem, quarter: str, quoted: Mapping[tuple[str, str], int] | None
) -> dict[str, Any]:
    """What a partnership puts into an item's cells, by the feed's column."""
    if item.unit == "text":
        return {"narrative": WORK[item.priority]}
    if item.quotes:
        # some count a little otherwise than the police
        count = (quoted or {}).get((item.quotes, code), 0)
        return {"value": count + (3 if slug in ("blaby", "rutland") else 0), "source_system": "Police figures"}
    if (slug, item.item) in SAID:
        return {"value": SAID[slug, item.item] or None}
    size = next(each.crimes for each in world.DISTRICTS if each.code == code) / SIZE_OF_CHARNWOOD
    number = int(quarter[:4]) * 12 + int(quarter[5:])
    before = range(number - (number - 4) % 12 + 2, number, 3) if item.basis == "ytd" else ()  # quarters since April
    key = zlib.crc32(f"{slug} {item.item}".encode())
    *earlier, draw = (np.random.default_rng([seed, each, key]) for each in (*before, number))
    count = sum(int(each.poisson(A_QUARTER[item.item] * size)) + 1 for each in (*earlier, draw))
    if item.unit == "percent":
        return {"numerator": int(draw.binomial(count, SHARES[item.item])), "denominator": count}
    return {"value": count, "source_system": "Partnership's case records"}


def _in_words(filled: Mapping[str, Any]) -> str:
    if "denominator" in filled:
        return f"{filled['numerator']:,} of {filled['denominator']:,}"
    value = filled["value"]
    return f"{value:,}" if isinstance(value, int) else form.REASONS.get(form.reason(value or "") or "", "Left blank")


def _quoted(force: Any, quarter: str) -> dict[tuple[str, str], int]:
    """The police's own figures that the form asks for, by measure and district, as of the quarter's extracts."""
    months = months_between(add_months(quarter, -2), quarter)
    crime, incident = force.crime(quarter), force.incident(quarter)
    closing = incident.values("closing_code")
    code = np.where(closing == None, incident.values("opening_code"), closing)  # noqa: E711 - of each
    kept = {
        "all_crime": (
            crime,
            (crime.values("status") == "recorded") & (crime.values("notifiable_flag") == "Y"),
            "recorded_at",
        ),
        "asb_incidents": (incident, code == "ASB", "opened_at"),
    }
    found: dict[tuple[str, str], int] = {}
    for measure, (extract, counts, column) in kept.items():
        month = extract.values(column).astype("U7")
        of_quarter = counts & np.isin(month, months)
        districts, sizes = np.unique(extract.values("csp_code")[of_quarter].astype(str), return_counts=True)
        found |= {(measure, code): int(size) for code, size in zip(districts.tolist(), sizes.tolist(), strict=True)}
    return found
