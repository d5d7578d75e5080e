"""Events in packs: said beside the figures of their months, as of what is frozen, and changing none of them."""

import csv
import re
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
from integration.offices import STEWARD
from packs.conftest import MONTH, Frozen

from monthend.publish import packs, rules
from monthend.run import restate

LEICESTER, LEICESTERSHIRE, KENT = "E06000016", "E23000021", "E23000032"
COLUMNS = ("title", "from_date", "to_date", "area_code", "measures")
EVENTS = [
    ("Strike in the last month before", "2023-02-01", "2023-02-28", "", ""),
    ("Strike into the first month", "2023-02-01", "2023-03-01", "", "open_burglary"),
    ("Floods in the county", "2024-01-02", "2024-01-05", LEICESTERSHIRE, "open_burglary;open_drugs"),
    ("Floods in another county", "2024-01-02", "", KENT, "open_burglary"),
    ("General election", "2024-07-04", "", "", ""),
    ("Fair in the city", "2024-09-07", "", LEICESTER, "open_burglary"),
    ("Local elections after the newest month", "2025-04-01", "", "", "open_burglary"),
    *((f"Market day {day}", f"2024-10-0{day}", "", "", "open_robbery") for day in range(5, 0, -1)),
]


def deliver(desk: Frozen, folder: Path, events: list[tuple[str, ...]]) -> None:
    """Deliver events instead of those that are held."""
    folder.mkdir()
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["event", "source", *COLUMNS])
        writer.writerows([f"event_{number}", "The diary", *event] for number, event in enumerate(events))
    (delivery_id,) = desk.take_in(folder)
    assert desk.rows("SELECT row_count FROM reporting.load WHERE delivery_id = %s", delivery_id) == [(len(events),)]


def said(path: Path) -> dict[str, list[str]]:
    """Of each sheet that says something of its months what it says."""
    found = {}
    for worksheet in openpyxl.load_workbook(path):
        text = " ".join(str(cell.value) for cell in worksheet["A"] if cell.value)  # a long line goes on in the next row
        found[worksheet.title] = re.findall(r"In these months[^.]*\.", text)
    return {name: lines for name, lines in found.items() if lines}


def candidate(desk: Frozen) -> tuple[Any, ...]:
    """Digest and hash of the facts of what was proposed last."""
    return desk.rows("SELECT digest, facts_sha256 FROM snapshot.candidate ORDER BY candidate_id DESC LIMIT 1")[0]


def test_a_measure_says_what_happened_in_its_months(desk: Frozen, tmp_path: Path) -> None:
    before = desk.packs()
    frozen_digest, facts = candidate(desk)
    assert said(before["pdg"].path) == {}  # what is shipped was before

    deliver(desk, tmp_path / "new", EVENTS)
    again, failed = packs.publish(desk.office, MONTH)
    assert (failed, {build.content_sha256 for build in again}) == ([], {b.content_sha256 for b in before.values()})

    outcome = restate(desk.office, MONTH, "events came", STEWARD, date(2025, 4, 14))
    assert outcome.needs_person == []
    digest, facts_now = candidate(desk)
    assert digest != frozen_digest  # what a pack says is made from what the digest covers
    assert facts_now == facts
    restated = desk.packs()
    lines = said(restated["pdg"].path)
    election = "In these months: General election, 4 July 2024."
    assert {sheet: line for sheet, line in lines.items() if line != [election]} == {
        "burglary": [
            "In these months: Strike into the first month, 1 February 2023 to 1 March 2023; "
            "Floods in the county, 2 January 2024 to 5 January 2024; General election, 4 July 2024; "
            "Fair in the city, 7 September 2024."
        ],
        "drugs": [
            "In these months: Floods in the county, 2 January 2024 to 5 January 2024; General election, 4 July 2024."
        ],
        "robbery": [
            "In these months: Market day 1, 1 October 2024; Market day 2, 2 October 2024; "
            "Market day 3, 3 October 2024; Market day 4, 4 October 2024; Market day 5, 5 October 2024."
        ],
    }
    assert len(lines) == 15  # each measure's own sheet, and no other
    assert said(restated["published"].path)["burglary"] == lines["burglary"]
    assert [f for f in rules.check(restated["published"].path, "published") if f.level == "E"] == []

    deliver(desk, tmp_path / "newer", EVENTS[:1])
    again, failed = packs.publish(desk.office, MONTH)
    assert (failed, {build.content_sha256 for build in again}) == ([], {b.content_sha256 for b in restated.values()})
    assert (restated["pdg"].path, lines) == (desk.packs()["pdg"].path, said(desk.packs()["pdg"].path))
