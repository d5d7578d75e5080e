"""Small extracts of the police feeds, a row a dictionary: what a test does not say is as a clean row has it."""

import csv
from collections.abc import Iterable
from pathlib import Path

from monthend.plan.calendar import add_months, working_day
from monthend.plan.declarations import ROOT, Declarations

Row = dict[str, str]
CLEAN: dict[str, Row] = {
    "police_crime": {
        "incident_ref": "",
        "ho_code": "28A",
        "ho_code_at_recording": "28A",
        "notifiable_flag": "Y",
        "reported_at": "2016-04-10T09:00:00",
        "recorded_at": "2016-04-10T21:00:00",
        "committed_from": "2016-04-09T20:00:00",
        "committed_to": "2016-04-10T08:00:00",
        "status": "recorded",
        "csp_code": "E06000016",
        "beat_code": "LE01",
        "victim_age_band": "25-34",
        "victim_sex": "F",
        "victim_type": "person",
        **dict.fromkeys(
            ("flag_da", "flag_hate", "flag_cse", "flag_child_abuse", "flag_alcohol", "flag_drugs", "flag_cyber"), "N"
        ),
        "suspect_identified": "N",
    },
    "police_outcome": {"outcome_type": "18", "outcome_at": "2016-04-20T10:00:00", "is_current": "Y"},
    "police_cancelled": {
        "action": "cancelled",
        "reason_code": "C2",
        "decided_at": "2016-05-10T10:00:00",
        "decided_by_role": "force crime registrar",
        "avi_documented": "Y",
        "victim_informed_at": "2016-05-11T10:00:00",
    },
    "police_incident": {
        "opened_at": "2016-04-10T22:00:00",
        "closed_at": "2016-04-11T02:00:00",
        "opening_code": "ASB",
        "closing_code": "ASB",
        "asb_qualifier": "nuisance",
        "hate_incident": "N",
        "da_incident": "N",
        "csp_code": "E06000016",
    },
    "msg_comparator": {
        "as_at": "2016-05-20",
        "force_code": "E23000021",
        "offence_key": "all_crime",
        "month": "2016-04",
        "count": "5000",
        "denominator_type": "2011 Census residents",
        "denominator": "1017697",
        "rate": "4.91",
        "provisional": "Y",
        "public_release_ok": "N",
    },
}


def write(folder: Path, feed: str, period: str, rows: Iterable[Row]) -> Path:
    """Write the extract of `period` (YYYY-MM) into `folder`: each of `rows` over the clean row of its feed.

    A column that neither names is empty; `extract_at` is the second working day after the month.
    """
    columns = [column.heading for column in Declarations(ROOT).feeds[feed].columns]
    extracted = f"{working_day(add_months(period, 1), 2).isoformat()}T06:00:00"
    folder.mkdir(parents=True, exist_ok=True)
    name = "msg-comparator" if feed == "msg_comparator" else f"leicestershire-{feed.removeprefix('police_')}"
    path = folder / f"{period}-{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        extra = {"extract_at": extracted} if "extract_at" in columns else {}
        writer.writerows(CLEAN[feed] | extra | row for row in rows)
    return path
