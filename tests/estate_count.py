"""A second count of a month-end's police extracts, to hold facts against: the csv module alone, nothing of ours.

Neither the sample force's generator nor the product's SQL is used. The codes of a measure are read as written here from
the office's definitions (Home Office counting rules; the offence map of the framework).
"""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

FORCE = "E23000021"
DISTRICTS = {"E06000016", "E06000017", *(f"E07000{number}" for number in range(129, 136))}
CODES = {
    "burglary_dwelling": ("28A", "28B", "28C", "28D", "29"),
    "burglary_residential": ("28E", "28F", "28G", "28H", "29A"),
    "theft_of_motor_vehicle": ("48",),
    "theft_from_motor_vehicle": ("45",),
    "violence_with_injury": ("2", "4.3", "4.4", "4.6", "4.7", "4.8", "4.9", "5D", "5E", "8N", "8P", "8S", "37.1"),
}
FLAGS = {
    "alcohol_related_crime": "flag_alcohol",
    "drug_related_crime": "flag_drugs",
    "domestic_abuse_crimes": "flag_da",
}

Counts = Counter[tuple[str, str, str, str]]  # measure, area code, month, category ('' for the total)


def counts(folder: Path, month_end: str) -> Counts:
    """Count what the extracts of `month_end` (YYYY-MM) in `folder`/YYYY-MM hold, by measure, area, month and category.

    A file in its folder `corrected` stands for the one of the same name. Crimes count in the month they were recorded,
    incidents in that of their opening; outcomes_recorded in that of their crime (category 0: none assigned), and
    outcomes_assigned in their own, as their crime stood in the last extract that had it: it may have rolled out of the
    window since. Cancelled crimes and those that are not notifiable count nowhere. What is not there has no key. A row
    counts for the force and, if it has one of the nine, for its district.
    """
    found: Counts = Counter()
    outcomes = {row["crime_ref"]: row for row in _rows(folder, month_end, "outcome") if row["is_current"] == "Y"}
    crimes = {row["crime_ref"]: row for row in _rows(folder, month_end, "crime")}
    for crime in crimes.values():
        if not _counts(crime):
            continue
        where, when = crime["csp_code"], crime["recorded_at"]
        _add(found, "all_crime", where, when)
        for measure, codes in CODES.items():
            if crime["ho_code"] in codes:
                _add(found, measure, where, when)
        for measure, flag in FLAGS.items():
            if crime[flag] == "Y":
                _add(found, measure, where, when)
        if crime["flag_hate"] == "Y":
            _add(found, "hate_crimes", where, when, *crime["hate_strands"].split(";"))
        outcome = outcomes.get(crime["crime_ref"])
        _add(found, "outcomes_recorded", where, when, outcome["outcome_type"] if outcome else "0")
    crimes |= _rolled_out(folder, month_end, set(outcomes) - set(crimes))
    for reference, outcome in outcomes.items():
        if reference in crimes and _counts(crimes[reference]):
            where = crimes[reference]["csp_code"]
            _add(found, "outcomes_assigned", where, outcome["outcome_at"], outcome["outcome_type"])
    for incident in _rows(folder, month_end, "incident"):
        where, when = incident["csp_code"], incident["opened_at"]
        if (incident["closing_code"] or incident["opening_code"]) == "ASB":
            _add(found, "asb_incidents", where, when, incident["asb_qualifier"])
        if incident["da_incident"] == "Y":
            _add(found, "domestic_abuse_incidents", where, when)
        if incident["hate_incident"] == "Y":
            _add(found, "hate_incidents", where, when)
    return found


def _counts(crime: dict[str, str]) -> bool:
    return crime["status"] == "recorded" and crime["notifiable_flag"] == "Y"


def _rolled_out(folder: Path, month_end: str, references: set[str]) -> dict[str, dict[str, str]]:
    """Each of these crimes as it stands in the newest of the earlier extracts that has it."""
    found: dict[str, dict[str, str]] = {}
    for earlier in sorted(
        (path.name for path in folder.iterdir() if path.is_dir() and path.name < month_end), reverse=True
    ):
        missing = references - set(found)
        if not missing:
            break
        found |= {row["crime_ref"]: row for row in _rows(folder, earlier, "crime") if row["crime_ref"] in missing}
    return found


def comparator(folder: Path, month_end: str) -> dict[tuple[str, str, str], int]:
    """The comparator's counts by offence key, force code and month."""
    year, month = map(int, month_end.split("-"))
    period = date(year - (month == 1), (month - 2) % 12 + 1, 1).isoformat()[:7]
    rows = _read(folder / month_end, f"{period}-msg-comparator.csv")
    return {(row["offence_key"], row["force_code"], row["month"]): int(row["count"]) for row in rows}


def _add(found: Counts, measure: str, district: str, moment: str, *categories: str) -> None:
    for area in (FORCE, district) if district in DISTRICTS else (FORCE,):
        for category in ("", *categories):
            found[measure, area, moment[:7], category] += 1


def _rows(folder: Path, month_end: str, feed: str) -> Iterator[dict[str, str]]:
    return _read(folder / month_end, f"{month_end}-leicestershire-{feed}.csv")


def _read(folder: Path, name: str) -> Iterator[dict[str, str]]:
    corrected = folder / "corrected" / name
    with (corrected if corrected.exists() else folder / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
