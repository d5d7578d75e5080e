"""A force's records as they stand after one extract of June 2017, small enough to count by hand.

Rows go straight into the warehouse: no check is asked, so that what is counted is the SELECTs' doing alone.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from independent_count import HOME_FORCE, REFERENCE
from integration.offices import Desk, Server

from monthend import warehouse
from monthend.freeze import facts
from monthend.office import open_office
from monthend.plan.calendar import add_months, months_between
from monthend.publish.material import Material

MONTH, ON = "2017-06", date(2017, 7, 12)
MONTHS = months_between("2014-07", MONTH)
LEICESTER = "E06000016"
FORCES = {
    "E23000026": ("Bedfordshire", 615_061), "E23000028": ("Essex", 1_724_950), "E23000030": ("Hampshire", 1_897_991),
    "E23000027": ("Hertfordshire", 1_116_062), "E23000032": ("Kent", 1_727_665),
    "E23000021": ("Leicestershire", 1_017_697), "E23000019": ("Nottinghamshire", 1_091_482),
    "E23000033": ("Sussex", 1_606_932),
}  # fmt: skip
NOT_COUNTED = [
    {"status": "cancelled"},
    {"ho_code": "140"},
    {"ho_code": "NFIB1D"},
]  # not notifiable; fraud
CRIME = {"status": "recorded", "flag_da": "N", "flag_hate": "N", "flag_alcohol": "N", "flag_drugs": "N"}

Row = dict[str, Any]


def crimes(month: str, place: int) -> Iterator[Row]:
    """The crimes recorded in a month, which is `place` months after the first: 61 or 63, and `place` modulo 4."""
    burglary, burglaries = ("28A", 10) if month <= "2017-03" else ("28E", 12)
    yield from [{"ho_code": burglary}] * burglaries
    yield from [{"ho_code": "48"}] * 5
    yield from [{"ho_code": "45", "csp_code": None}] * 7  # in no district
    yield {"ho_code": "37.2"}  # aggravated vehicle taking: no theft of a motor vehicle here
    yield from [{"ho_code": "5D", "flag_da": "Y"}] * 4
    yield from [{"ho_code": "5D", "flag_alcohol": "Y"}] * 5
    yield from [{"ho_code": "8P", "flag_hate": "Y", "hate_strands": "race"}] * 3
    yield {"ho_code": "105B", "flag_hate": "Y", "hate_strands": "race;religion"}
    yield from [{"ho_code": "92A", "flag_drugs": "Y"}] * 2
    yield from [{"ho_code": "105A"}] * (23 + place % 4)
    yield from NOT_COUNTED


def incidents(month: str) -> Iterator[Row]:
    """The incidents opened in a month: 16 of anti-social behaviour, one of them still open."""
    asb = {"opening_code": "ASB", "closing_code": "ASB"}
    yield from [{**asb, "asb_qualifier": "personal"}] * 6
    yield from [{**asb, "asb_qualifier": "nuisance"}] * 7
    yield {"opening_code": "ASB", "asb_qualifier": "nuisance"}
    yield from [{**asb, "asb_qualifier": "environmental"}] * 2
    yield {"opening_code": "ASB", "closing_code": "TRANSPORT"}
    yield from [{"opening_code": "DOMESTIC", "closing_code": "DOMESTIC", "da_incident": "Y"}] * 5
    yield from [{"opening_code": "HATE", "closing_code": "HATE", "hate_incident": "Y"}] * 2


def comparators() -> Iterator[Row]:
    """Of each force as many crimes a month as thousands of residents, and a tenth of them burglaries."""
    for month in months_between("2014-06", "2017-05"):
        burglary = "burglary_dwelling" if month <= "2017-03" else "burglary_residential"
        for code, (_, people) in FORCES.items():
            for offence, share in (("all_crime", 1), (burglary, 10), ("theft_of_motor_vehicle", 20)):
                yield {
                    "as_at": date(2017, 6, 5), "force_code": code, "offence_key": offence, "month": month,
                    "count": people // 1000 // share, "denominator_type": "2011 Census residents",
                    "denominator": people, "rate": 1, "provisional": "Y", "public_release_ok": "N",
                }  # fmt: skip


def fill(connection: psycopg.Connection[Any]) -> None:
    """Insert the force's records, one load a feed."""
    with (REFERENCE / "offence_codes.csv").open(encoding="utf-8", newline="") as file:
        codes = [{**row, "valid_to": row["valid_to"] or None} for row in csv.DictReader(file)]
    _load(connection, "offence_codes", "", "", codes)
    people = [
        {"area_code": code, "as_at": date(2011, 3, 27), "residents": residents, "population": "2011 Census residents"}
        for code, (_, residents) in FORCES.items()
    ]
    _load(connection, "residents", "", "", people)
    recorded: list[Row] = []
    outcomes: list[Row] = []
    for place, month in enumerate(MONTHS):
        for crime in crimes(month, place):
            ref = f"LEI-{month[:4]}-{len(recorded):07}"
            recorded.append({"crime_ref": ref, "recorded_at": f"{month}-15", "csp_code": LEICESTER, **CRIME, **crime})
            outcome = {"crime_ref": ref, "outcome_at": f"{month}-20", "is_current": "Y"}
            if crime == {"ho_code": "48"}:  # charged in the month after; what stood before does not count
                outcomes.append({**outcome, "outcome_type": "18", "is_current": "N"})
                if month < MONTH:
                    charged = f"{add_months(month, 1)}-20"
                    outcomes.append({**outcome, "outcome_type": "1", "outcome_at": charged})
            elif crime["ho_code"] == "45" if "ho_code" in crime else True:  # a cancelled crime's does not count either
                outcomes.append({**outcome, "outcome_type": "14"})
            elif crime["ho_code"] == "28A" and month >= "2016-01":
                outcomes.append({**outcome, "outcome_type": "21"})
    _load(connection, "police_crime", MONTH, HOME_FORCE, [{"ho_code": "45", **row} for row in recorded])
    _load(connection, "police_outcome", MONTH, HOME_FORCE, outcomes)
    flags = {"da_incident": "N", "hate_incident": "N", "csp_code": LEICESTER}
    numbers = count(1)
    opened = [
        {"incident_ref": f"LEI-I-{next(numbers):07}", "opened_at": f"{month}-15", **flags, **incident}
        for month in MONTHS
        for incident in incidents(month)
    ]
    _load(connection, "police_incident", MONTH, HOME_FORCE, opened)
    _load(connection, "msg_comparator", "2017-05", "", comparators())


def _load(connection: psycopg.Connection[Any], feed: str, period: str, area: str, rows: Iterable[Row]) -> None:
    (delivery,) = connection.execute(
        "INSERT INTO landing.delivery (feed, period, area_code, sha256, byte_length) VALUES (%s, %s, %s, %s, 1)"
        " RETURNING delivery_id",
        [feed, period, area, feed],
    ).fetchone() or (None,)
    connection.execute(
        "WITH validated AS (INSERT INTO quality.validation (delivery_id, rules_sha256, verdict, row_count,"
        " quarantined_count, validated_on) VALUES (%s, '', 'passed', 0, 0, %s) RETURNING validation_id)"
        " INSERT INTO reporting.load (load_number, delivery_id, validation_id, row_count, rows_sha256)"
        " SELECT (SELECT count(*) + 1 FROM reporting.load), %s, validation_id, 0, '' FROM validated",
        [delivery, ON, delivery],
    )
    rows = list(rows)
    columns = sorted({column for row in rows for column in row})
    statement = f"COPY reporting.{feed} (delivery_id, row_number, {', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for number, row in enumerate(rows, start=1):
            copy.write_row((delivery, number, *map(row.get, columns)))


def office(server: Server, home: Path) -> Desk:
    """An office with these records."""
    database = server.copy_of(warehouse.DATABASE)
    with server.connect(database) as connection:
        fill(connection)
    return Desk(open_office(home, server.url(database)), server, database)


def material(desk: Desk) -> Material:
    """What packs of June 2017 are made from: every fact of the records, and nothing else."""
    with desk.office.engine.connect() as connection:
        known = facts.compute(connection, desk.office.declarations, MONTH, 99)
    return Material(
        desk.office.declarations, MONTH, 1, "0" * 64, ON, known, frozenset(),
        {code: name for code, (name, _) in FORCES.items()}, {HOME_FORCE: [("2011-03-27", "2011 Census residents")]},
        [{"feed": "police_crime", "check_id": "C06", "part": "", "title": "Recorded crime", "description": "D.",
          "action": "warn", "deliveries": 1, "failed": 0, "rows": 0}],
        [("police_crime", 1, 0, 0), ("police_outcome", 1, 0, 0)], (), {}, (), (),
        vintages={"msg_comparator": (date(2017, 6, 5), "2011 Census residents")},
    )  # fmt: skip
