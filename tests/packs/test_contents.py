"""What stands in the finished packs: each number against a count made by other means, each word, the right measures."""

import csv
import dataclasses
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest
from independent_count import HOME_FORCE, REFERENCE
from integration.offices import Desk, Server
from packs.conftest import MONTH, ON, QUARANTINED, UNKNOWN_PLACE, Counts, Done, Frozen

from monthend import warehouse
from monthend.freeze import chain, facts
from monthend.office import open_office
from monthend.plan.calendar import add_months, month_end, months_between
from monthend.plan.declarations import Declarations, Measure, Rendering
from monthend.publish import contents, rules
from monthend.publish.book import value_of
from monthend.publish.material import Material, Pack
from monthend.publish.workbook import write
from monthend.statistics import spc

CommandLine = Callable[..., Done]
PACKS = ["pdg", "panel", "published"]
FIRST = "2023-03"
MONTHS = months_between(FIRST, MONTH)
SAFER_COMMUNITIES = ["open_all_crime", "open_burglary", "open_vehicle_crime", "open_violence_and_sexual_offences"]
EVERY_MEASURE = [
    "open_all_crime", "open_bicycle_theft", "open_burglary", "open_criminal_damage_and_arson", "open_drugs",
    "open_other_crime", "open_other_theft", "open_possession_of_weapons", "open_public_order", "open_robbery",
    "open_shoplifting", "open_theft_from_the_person", "open_vehicle_crime", "open_violence_and_sexual_offences",
    "open_anti_social_behaviour",
]  # fmt: skip
SHEETS = {"open_violence_and_sexual_offences": "violence_and_sexual"}  # the others are named as their measures
FORCES = {
    "Bedfordshire": "E23000026", "Essex": "E23000028", "Hampshire": "E23000030", "Hertfordshire": "E23000027",
    "Kent": "E23000032", "Leicestershire (own force)": "E23000021", "Nottinghamshire": "E23000019",
    "Sussex": "E23000033",
}  # fmt: skip
CONTEXT = ["open_other_crime", "open_anti_social_behaviour"]
SIGNALS = {
    "outside": "outside the usual range",
    "trend": "7 rising or falling",
    "two_in_three": "2 of 3 near the edge",
    "shift": "7 on one side of the mean",
}
STREET = "Street-level crime (data.police.uk)"
FEED_FIGURES = (
    "Deliveries", "Late at this month-end (deliveries)", "Kept out of every figure (rows)",
    "Checks that every delivery passed", "Checks that failed", "Cross-feed checks that passed",
    "Cross-feed checks that failed",
)  # fmt: skip
with (REFERENCE / "residents.csv").open(encoding="utf-8", newline="") as _file:
    RESIDENTS = {row["area_code"]: int(row["residents"]) for row in csv.DictReader(_file)}

Numbers = dict[str, int | float]  # by sheet!cell


def title(measure: str) -> str:
    name = "Anti-social behaviour" if measure == "open_anti_social_behaviour" else measure[5:].replace("_", " ")
    return name[0].upper() + name[1:]


def half_up(value: Fraction | Decimal | float, decimals: int) -> int | float:
    exact = Decimal(value.numerator) / value.denominator if isinstance(value, Fraction) else Decimal(str(value))
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return float(rounded) if decimals else int(rounded)


@dataclasses.dataclass
class Expected:
    """The numbers that a pack has to show, put where its tables are."""

    workbook: Any
    counted: Counts
    measures: list[str]
    numbers: Numbers = dataclasses.field(default_factory=dict)

    def count(self, measure: str, month: str, area: str = HOME_FORCE) -> int:
        return self.counted.get((measure, area, month), 0)

    def year(self, measure: str, month: str, area: str = HOME_FORCE) -> int | None:
        window = months_between(add_months(month, -11), month)
        return sum(self.count(measure, each, area) for each in window) if window[0] >= FIRST else None

    def rate(self, measure: str, month: str, area: str = HOME_FORCE) -> Fraction | None:
        year = self.year(measure, month, area)
        return None if year is None else Fraction(year * 1000, RESIDENTS[area])

    def chart(self, measure: str) -> spc.Chart:
        return spc.count_chart(pd.Series([self.count(measure, month) for month in MONTHS], index=MONTHS))

    def put(self, sheet: str, rows: dict[str, dict[str, Any]]) -> None:
        """Place numbers by row label and heading; every row and heading of numbers has to be there."""
        worksheet = self.workbook[sheet]
        (table,) = worksheet.tables.values()
        heading, *body = worksheet[table.ref]
        columns = {cell.value.replace("\n", " "): cell.column_letter for cell in heading}
        labels = {f"{c.value:%Y-%m}" if hasattr(c.value, "year") else c.value: c.row for c, *_ in body}
        assert list(labels) == list(rows), sheet
        for label, values in rows.items():
            for column, value in values.items():
                if value is not None:
                    self.numbers[f"{sheet}!{columns[column]}{labels[label]}"] = value

    def summary(self) -> None:
        self.put(
            "summary",
            {
                title(measure): {
                    "March 2025 (count)": self.count(measure, MONTH),
                    "12 months to March 2025 (count)": self.year(measure, MONTH),
                    "12 months to March 2024 (count)": self.year(measure, "2024-03"),
                    "12 months to March 2025 (per 1,000 residents)": half_up(self.rate(measure, MONTH), 2),
                }
                for measure in self.measures
            },
        )

    def measure(self, measure: str) -> None:
        unit = "incidents" if measure == "open_anti_social_behaviour" else "crimes"
        points = self.chart(measure).points
        rows = {}
        for month in reversed(MONTHS):
            rate = self.rate(measure, month)
            rows[f"{month_end(month):%B %Y}"] = {
                f"In the month ({unit})": self.count(measure, month),
                "Usual range, lower limit": half_up(points["lower"][month], 1),
                "Usual range, upper limit": half_up(points["upper"][month], 1),
                f"In the 12 months to then ({unit})": self.year(measure, month),
                "In the 12 months to then (per 1,000 residents)": None if rate is None else half_up(rate, 2),
            }
        self.put(SHEETS.get(measure, measure[5:]), rows)

    def forces(self, measure: str) -> dict[str, int | float]:
        rates = {name: self.rate(measure, MONTH, code) for name, code in FORCES.items()}
        peers = [rate for name, rate in rates.items() if "own force" not in name]
        means = {"Mean of the 8": sum(rates.values()) / 8, "Mean of the other 7": sum(peers) / 7}
        return {name: half_up(rate, 2) for name, rate in (rates | means).items()}

    def group(self) -> None:
        self.put("most_similar_group", {title(measure): self.forces(measure) for measure in self.measures})
        first = f"{title(self.measures[0])} (per 1,000 residents)"
        shown = self.forces(self.measures[0])
        self.put(
            "chart_forces",
            {name: {first: rate, "Residents": RESIDENTS.get(FORCES.get(name, ""))} for name, rate in shown.items()},
        )

    def chart_data(self) -> None:
        rows: dict[str, dict[str, Any]] = {month: {} for month in MONTHS}
        for measure in self.measures:
            points = self.chart(measure).points
            for month in MONTHS:
                values: dict[str, Any] = {"count": self.count(measure, month)}
                for label, column in (("mean", "mean"), ("lower limit", "lower"), ("upper limit", "upper")):
                    values[label] = half_up(points[column][month], 1)
                signal = points["signal"][month]
                if signal and measure not in CONTEXT:
                    values[SIGNALS[signal]] = self.count(measure, month)
                rows[month] |= {f"{title(measure)}: {label}": value for label, value in values.items()}
        self.put("chart_data", rows)

    def data_quality(self, desk: Desk) -> None:
        titles = {key: declared.title for key, declared in desk.office.declarations.feeds.items()}
        checks = desk.rows(
            "SELECT d.feed, c.check_id, c.description, count(*),"
            " count(*) FILTER (WHERE c.outcome = 'failed') AS failed, sum(c.unexpected_count)::int"
            " FROM quality.check_result c JOIN quality.validation v USING (validation_id) JOIN landing.delivery d"
            " USING (delivery_id) WHERE c.outcome <> 'not run' GROUP BY d.feed, c.check_id, c.part, c.description"
            ' ORDER BY failed DESC, d.feed, c.check_id, c.part COLLATE "C"'
        )
        came = dict(desk.rows("SELECT feed, count(*) FROM landing.delivery JOIN reporting.load USING (delivery_id)"
                              " GROUP BY feed"))  # fmt: skip
        rows = {}
        for feed in sorted(came, key=titles.__getitem__):
            street = feed == "police_uk_street"  # its eight files of January came on working day 8
            failed = [bool(number) for key, _, _, _, number, _ in checks if key == feed]
            numbers = (came[feed], 8 * street, QUARANTINED * street, failed.count(False), sum(failed), 0, 0)
            rows[titles[feed]] = dict(zip(FEED_FIGURES, numbers, strict=True))
        rows["Total"] = {heading: sum(row[heading] for row in rows.values()) for heading in FEED_FIGURES}
        assert list(rows[STREET].values()) == [200, 8, 3, 20, 4, 0, 0]
        self.put("data_quality", rows)

        ((repeated,),) = desk.rows(
            "SELECT count(crime_id) - count(DISTINCT crime_id) FROM reporting.police_uk_street"
            " WHERE falls_within = 'Nottinghamshire Police' AND month = %s",
            MONTH,
        )
        assert repeated > 0
        headings = ("Deliveries checked", "Deliveries that failed", "Rows or cases that failed")
        found = {
            f"{titles[feed]}, {check}: {description}": dict(zip(headings, figures, strict=True))
            for feed, check, description, *figures in checks
            if figures[1]
        }
        assert {label.partition(":")[0]: tuple(row.values()) for label, row in found.items()} == {
            f"{STREET}, G08": (104, 7, None), f"{STREET}, G09": (200, 1, QUARANTINED),
            f"{STREET}, U03": (200, 1, UNKNOWN_PLACE), f"{STREET}, U05": (200, 1, UNKNOWN_PLACE),
        }  # fmt: skip
        known = "Nottinghamshire Police repeats Crime IDs within a month, to March 2025"
        self.put("findings", {**found, known: {headings[2]: repeated}})


def numbers_in(workbook: Any) -> Numbers:
    """Every number of a workbook, wherever it stands."""
    return {
        f"{worksheet.title}!{cell.coordinate}": cell.value
        for worksheet in workbook.worksheets
        for row in worksheet.iter_rows()
        for cell in row
        if isinstance(cell.value, int | float)
    }


# Numbers


@pytest.mark.parametrize("name", PACKS)
def test_every_number_of_a_pack_is_what_other_means_give(
    workbooks: dict[str, Any], frozen: Frozen, counted: Counts, name: str
) -> None:
    expected = Expected(workbooks[name], counted, EVERY_MEASURE if name == "pdg" else SAFER_COMMUNITIES)
    expected.summary()
    for measure in expected.measures:
        expected.measure(measure)
    expected.group()
    expected.chart_data()
    expected.data_quality(frozen)
    assert numbers_in(workbooks[name]) == expected.numbers
    assert len(expected.numbers) > (2500 if name == "pdg" else 900)


@pytest.mark.parametrize("name", PACKS)
def test_every_number_has_a_passport_and_is_the_fact_that_it_cites(
    workbooks: dict[str, Any], frozen: Frozen, command_line: CommandLine, name: str
) -> None:
    printed = csv.DictReader(io.StringIO(command_line(frozen, "facts", "--month", MONTH).out))
    known = {
        tuple(row[column] for column in ("measure", "basis", "area_code", "period", "breakdown", "category")): row
        for row in printed
    }
    entries = {f"{e['sheet']}!{e['cell']}": e for e in frozen.register(frozen.packs()[name])}
    shown = numbers_in(workbooks[name])
    kinds = {"text": 0, "fact": 0, "derived": 0, "check": 0, "delivery": 0}
    for cell, number in shown.items():
        entry = entries[cell]
        kinds[entry["kind"]] += 1
        assert Decimal(entry["shown"]) == Decimal(str(number)), cell
    assert kinds["text"] == 0
    assert all(kinds[kind] for kind in ("fact", "derived", "check", "delivery"))

    missing = 0
    for cell, entry in entries.items():
        if entry["kind"] != "fact":
            continue
        cited = json.loads(entry["reference"])
        row = known[tuple(cited[name] for name in facts.Key._fields)]
        assert cited["mark"] == "".join(f"[{mark}]" for mark in row["mark"].split() if mark != "x"), cell
        assert cited["label"] == title(cited["measure"].removesuffix("_rate")), cell
        if row[cited["part"]] == "":
            sheet, coordinate = cell.split("!")
            assert workbooks[name][sheet][coordinate].value == "[x]", cell
            missing += 1
        else:
            assert shown[cell] == half_up(Decimal(row[cited["part"]]), cited["decimals"]), cell
    measures = EVERY_MEASURE if name == "pdg" else SAFER_COMMUNITIES
    assert missing == 11 * 2 * len(measures)  # rolling years and their rates before February 2024


def test_facts_that_stand_in_several_packs_agree(workbooks: dict[str, Any], frozen: Frozen) -> None:
    shown: dict[str, dict[str, Any]] = {}
    for name, build in frozen.packs().items():
        for entry in frozen.register(build):
            if entry["kind"] == "fact":
                value = workbooks[name][entry["sheet"]][entry["cell"]].value
                assert shown.setdefault(entry["reference"], {}).setdefault(name, value) == value
    shared = [values for values in shown.values() if "pdg" in values and "panel" in values]
    assert len(shared) == 4 * (25 + 25 + 25 + 7) + 8  # months, rolling years, their rates here and elsewhere, residents
    assert all(len(set(values.values())) == 1 for values in shared)


def test_a_limit_is_derived_from_its_baseline(frozen: Frozen) -> None:
    (cited,) = (
        json.loads(entry["reference"])
        for entry in frozen.register(frozen.packs()["panel"])
        if (entry["table_name"], entry["row_label"], entry["column_heading"])
        == ("open_burglary", "March 2025", "Usual range, upper limit")
    )
    assert cited == {
        "formula": "usual_range_upper",
        "measure": "open_burglary",
        "area": HOME_FORCE,
        "period": "2025-03",
        "baseline": ["2023-03", "2025-02"],
    }


# Rules and markings


@pytest.mark.parametrize("name", PACKS)
def test_finished_packs_obey_the_rules(frozen: Frozen, name: str) -> None:
    build = frozen.packs()[name]
    found = rules.check(build.path, build.rendering)
    assert [each for each in found if each.level == "E" or name == "published"] == []


@pytest.mark.parametrize(
    ("name", "marking"),
    [("pdg", "OFFICIAL-SENSITIVE"), ("panel", "OFFICIAL"), ("published", "OFFICIAL, PUBLISHED")],
)
def test_the_marking_stands_in_a_cell_of_every_sheet(workbooks: dict[str, Any], name: str, marking: str) -> None:
    for worksheet in workbooks[name].worksheets:
        texts = [cell.value for cell in worksheet["A"] if cell.value]
        assert [text for text in texts if "Marking" in str(text)] == [f"Marking: {marking}"], worksheet.title
    assert workbooks[name].properties.category == f"Marking: {marking}"


# Words


def texts_of(path: Path) -> Iterator[str]:
    """Every text of a workbook that somebody can read: cells, chart titles and legends, alternative texts, names."""
    yield path.name
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            if part.endswith(".xml"):
                for element in ElementTree.fromstring(archive.read(part)).iter():  # noqa: S314 - our own file
                    yield from (element.get(name, "") for name in ("descr", "name", "displayName"))
                    yield element.text or ""


BANNED = re.compile(
    r"target|\b(green|red|amber|rag)\b|worse|better|\bbest\b|improv|deteriorat|\bfailing\b|concern\b|%|per ?cent|league"
    r"|\brank|positive outcome|significant|[←-⇿▲△▼▽►◄↗↘]|\bSP(6|15)\b",
    re.IGNORECASE,
)
ALLOWED = {
    "Each measure is read against its own usual range, not against a target or another force.",
    "Figures are what was recorded; they say nothing of what was not reported. There are no targets.",
}


@pytest.mark.parametrize("name", PACKS)
def test_no_text_of_a_pack_grades_ranks_or_aims(frozen: Frozen, name: str) -> None:
    texts = set(texts_of(frozen.packs()[name].path))
    assert {text for text in texts if BANNED.search(text)} == ALLOWED
    assert "Higher than the usual range." in texts
    assert any(
        text.startswith("Line chart of vehicle crime (crimes a month) in Leicestershire force area,") for text in texts
    )
    assert any(text.startswith("Vehicle crime, Leicestershire force area: crimes a month") for text in texts)


def test_the_cover_says_which_month_why_and_what_is_new(workbooks: dict[str, Any]) -> None:
    lines = [cell.value for cell in workbooks["pdg"]["cover"]["A"] if cell.value]
    assert lines[:9] == [
        "Performance Delivery Group: data to the end of March 2025",
        "Marking: OFFICIAL-SENSITIVE",
        "Data to the end of March 2025, frozen on 10 April 2025.",
        "Summary",
        "Vehicle crime: Higher than the usual range.",
        "The 12 other measures read against a usual range show no change beyond normal month-to-month variation.",
        "Shown without a reading against a usual range: Other crime, Anti-social behaviour.",
        "Which month, and why",
        "For the meeting of 24 April 2025. March 2025 is the newest month frozen at least five clear working days "
        "before that day; the same rule gives every board its month.",
    ]
    assert (
        "Next update: data to the end of April 2025, to be frozen by 13 May 2025, for the meeting of 22 May 2025."
        in lines
    )


def test_a_measure_that_is_context_is_shown_without_signals(workbooks: dict[str, Any]) -> None:
    worksheet = workbooks["pdg"]["anti_social_behaviour"]
    (table,) = worksheet.tables.values()
    assert {row[1].value for row in worksheet[table.ref][1:]} == {"[z]"}
    headings = [cell.value for cell in worksheet.parent["chart_data"][6]]
    assert [text for text in headings if str(text).startswith("Anti-social behaviour")] == [
        f"Anti-social behaviour: {label}" for label in ("count", "mean", "lower limit", "upper limit")
    ]


# The book as data, from changed facts and for other meetings


@pytest.fixture(scope="module")
def material(frozen: Frozen) -> Material:
    """What the packs of March 2025 are made from, without what validation found."""
    snapshot = chain.snapshot(frozen.office, MONTH)
    with frozen.office.engine.connect() as connection:
        known = facts.read(connection, snapshot.candidate_id)
    names = {code: name.removesuffix(" (own force)") for name, code in FORCES.items()}
    residents = {HOME_FORCE: [("2011-03-27", "2011 Census residents")]}
    return Material(
        frozen.office.declarations, MONTH, 1, snapshot.digest, ON, known, frozenset(), names, residents,
        [{"feed": "f", "check_id": "G02", "part": "", "title": "F", "description": "D.", "action": "info",
          "deliveries": 1, "failed": 0, "rows": 0}],
        [("police_uk_street", 200, 8, 3)], (), {}, (), (),
    )  # fmt: skip


def book_of(material: Material, board: str = "panel", meeting: date | None = date(2025, 5, 7)) -> Any:
    declared = material.declarations.boards[board]
    return contents.book(material, Pack("0" * 32, declared, declared.renderings[0], meeting))


def sheet_of(book: Any, name: str) -> Any:
    return next(sheet for sheet in book.sheets if sheet.name == name)


def with_measure(material: Material, key: str, **changes: Any) -> Material:
    """The material with a measure declared otherwise."""
    declarations = Declarations(material.declarations.root)
    declared = Measure.model_validate({**material.declarations.measures[key].model_dump(), **changes})
    declarations.measures.update(material.declarations.measures | {key: declared})
    return dataclasses.replace(material, declarations=declarations)


def missing(material: Material, area: str, month: str) -> Material:
    """The material without a month of an area, and without every sum that it belongs to."""
    return dataclasses.replace(
        material,
        facts={
            key: facts.MISSING
            if key.area_code == area
            and month
            in months_between(add_months(key.period, 1 - {"r12": 12, "quarter": 3}.get(key.basis, 1)), key.period)
            else fact
            for key, fact in material.facts.items()
            if key.basis != "fytd"
        },
    )


@pytest.mark.parametrize(
    ("meeting", "measures"),
    [
        (date(2014, 3, 1), SAFER_COMMUNITIES),  # before the first rotation: its theme
        (date(2025, 2, 5), SAFER_COMMUNITIES),
        (date(2026, 2, 4), SAFER_COMMUNITIES),
        (date(2026, 3, 1), ["open_anti_social_behaviour"]),
        (date(2026, 5, 6), ["open_anti_social_behaviour"]),
        (date(2026, 8, 5), ["open_drugs"]),
        (date(2026, 11, 4), SAFER_COMMUNITIES),
        (None, SAFER_COMMUNITIES),
    ],
)
def test_a_thematic_pack_shows_the_theme_of_its_meeting(
    material: Material, meeting: date | None, measures: list[str]
) -> None:
    book = book_of(material, "panel", meeting)
    assert [sheet.table.name for sheet in book.sheets if sheet.table.name.startswith("open_")] == measures
    assert [row[0] for row in sheet_of(book, "summary").table.rows] == [title(measure) for measure in measures]


def test_a_board_that_names_its_measures_gets_them_all(material: Material) -> None:
    book = book_of(material, "pdg")
    assert [sheet.table.name for sheet in book.sheets if sheet.table.name.startswith("open_")] == EVERY_MEASURE


@pytest.mark.parametrize(
    ("gaps", "period"),
    [
        ([], "12 months to March 2025"),
        (["2025-03"], "12 months to February 2025"),
        (["2024-02", "2025-01"], "3 months to December 2024"),  # no rolling year is without either
    ],
)
def test_forces_are_compared_on_the_longest_period_that_all_have(
    material: Material, gaps: list[str], period: str
) -> None:
    for month in gaps:
        material = missing(material, FORCES["Kent"], month)
    sheet = sheet_of(book_of(material), "most_similar_group")
    assert sheet.title == f"Most similar group: {period}"
    assert sheet.notes[0] == f"Rates for the {period}, the longest period that is complete for all 8 forces."


def test_forces_stand_in_alphabetical_order_with_the_own_force_named(material: Material) -> None:
    table = sheet_of(book_of(material), "most_similar_group").table
    assert [column.heading for column in table.columns[1:]] == [*FORCES, "Mean of the 8", "Mean of the other 7"]


def test_a_force_without_any_whole_period_leaves_the_comparison_out(material: Material) -> None:
    for month in MONTHS[::3]:
        material = missing(material, FORCES["Nottinghamshire"], month)
    assert {"most_similar_group", "chart_forces"}.isdisjoint(sheet.name for sheet in book_of(material).sheets)


def test_a_month_that_did_not_come_is_said_and_not_drawn(material: Material, counted: Counts) -> None:
    year = Expected(None, counted, []).year("open_all_crime", "2024-03")
    book = book_of(missing(material, HOME_FORCE, MONTH))
    summary = [value_of(cell) for cell in sheet_of(book, "summary").table.rows[0]]
    assert summary[:6] == ["All crime", "Not available for this month.", "[x]", "[x]", year, "[x]"]
    newest = [value_of(cell) for cell in sheet_of(book, "all_crime").table.rows[0]]
    assert newest == ["March 2025", "[z]", "[x]", "[z]", "[z]", "[x]", "[x]", "none"]
    (*_, drawn) = sheet_of(book, "chart_data").table.rows
    assert [value_of(cell) for cell in drawn] == [date(2025, 3, 1), None, None, None, None]
    lines = [line for line in book.cover.lines if isinstance(line, str)]
    assert (
        "Shown without a reading against a usual range: "
        "All crime, Burglary, Vehicle crime, Violence and sexual offences." in lines
    )


def test_months_before_a_gap_are_not_read_with_those_after(material: Material) -> None:
    book = book_of(missing(material, HOME_FORCE, "2024-05"))
    sheet = sheet_of(book, "all_crime")
    assert sheet.notes[0] == "10 months are held in a row; what is usual can be said from 12 on."
    assert {row[3].value for row in sheet.table.rows} == {"[z]"}
    longer = sheet_of(book_of(missing(material, HOME_FORCE, "2024-03")), "all_crime")
    assert longer.notes[0] == "No change beyond normal month-to-month variation."
    assert [row[3].value for row in longer.table.rows].count("[z]") == 13


def test_a_measure_declared_seasonal_says_nothing_before_it_has_two_years(material: Material) -> None:
    seasonal = missing(with_measure(material, "open_burglary", seasonal=True), HOME_FORCE, "2023-05")
    book = book_of(seasonal)
    sheet = sheet_of(book, "burglary")
    assert sheet.notes[0] == "22 months are held in a row; what is usual can be said from 24 on."
    assert {tuple(map(value_of, row[1:2] + row[3:5])) for row in sheet.table.rows} == {("[z]", "[z]", "[z]")}
    assert "Shown without a reading against a usual range: Burglary." in book.cover.lines
    assert [
        column.heading for column in sheet_of(book, "chart_data").table.columns if "Burglary" in column.heading
    ] == ["Burglary: count"]


@pytest.mark.parametrize(
    ("as_at", "old"),
    [("2015-03-31", True), ("2015-04-01", False), ("2011-03-27", True), ("2025-04-01", None)],
)
def test_a_population_ten_years_old_or_more_is_noted(material: Material, as_at: str, old: bool | None) -> None:
    figures = [(as_at, "Estimated residents")]
    notes = sheet_of(book_of(dataclasses.replace(material, populations={HOME_FORCE: figures})), "summary").notes
    if old is None:  # it is of a day after the month-end
        assert notes[2] == "No population is held, so no rate can be given."
        return
    day = date.fromisoformat(as_at)
    assert notes[2] == f"Rates of what the police record use Estimated residents ({day:%-d %B %Y})." + (
        " That is ten years or more before the period: where the population grew, rates are too high." if old else ""
    )


def test_the_newest_population_at_the_month_end_is_named(material: Material) -> None:
    figures = [("2011-03-27", "2011 Census residents"), ("2024-06-30", "Estimate"), ("2025-06-30", "Later estimate")]
    notes = sheet_of(book_of(dataclasses.replace(material, populations={HOME_FORCE: figures})), "summary").notes
    assert notes[2] == "Rates of what the police record use Estimate (30 June 2024)."


def test_a_measure_needs_no_rate_and_a_rate_has_its_own_decimals(material: Material, tmp_path: Path) -> None:
    material = with_measure(material, "open_burglary", rate=None)
    material = with_measure(material, "open_all_crime", rate={"per": 1000, "decimals": 1})
    book = book_of(material)
    rows = {row[0]: row for row in sheet_of(book, "summary").table.rows}
    assert rows["Burglary"][5] == "[z]"
    assert rows["All crime"][5].value == Decimal("10.8")
    assert [row[0] for row in sheet_of(book, "most_similar_group").table.rows] == [
        "All crime", "Vehicle crime", "Violence and sexual offences",
    ]  # fmt: skip
    write(book, tmp_path / "pack.xlsx")
    assert [f for f in rules.check(tmp_path / "pack.xlsx", "board") if f.level == "E"] == []


def test_one_quiet_measure_is_not_several(material: Material) -> None:
    declarations = Declarations(material.declarations.root)
    board = declarations.boards["pdg"].model_copy(update={"measures": ("open_vehicle_crime", "open_burglary")})
    pack = Pack("0" * 32, board, Rendering(rendering="board", marking="OFFICIAL", audience="pdg"), None)
    lines = contents.book(material, pack).cover.lines
    assert (
        "The other measure read against a usual range shows no change beyond normal month-to-month variation." in lines
    )


def test_a_pack_without_a_meeting_is_for_reference(material: Material) -> None:
    book = book_of(material, "pdg", None)
    assert book.file_name == "pdg-march-2025.xlsx"
    assert (
        "No meeting in this board's calendar has this month as its newest; the pack is for reference."
        in book.cover.lines
    )


# Three months of data


@pytest.fixture(scope="module")
def three_months(server: Server, inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """March 2025 frozen from three months of eight forces."""
    folder = tmp_path_factory.mktemp("three")
    for month in ("2025-01", "2025-02", "2025-03"):
        shutil.copytree(inbox / month, folder / "inbox" / month)
    database = server.copy_of(warehouse.DATABASE)
    made = Desk(open_office(folder / "home", server.url(database)), server, database)
    assert made.run(MONTH, folder / "inbox", on=ON).needs_person == []
    yield made
    made.office.engine.dispose()


def test_three_months_give_a_quarter_and_no_reading(three_months: Desk, counted: Counts) -> None:
    path = three_months.office.home / "packs/2025-03/panel-march-2025-meeting-7-may.xlsx"
    workbook = openpyxl.load_workbook(path)
    group = workbook["most_similar_group"]
    assert group["A1"].value == "Most similar group: 3 months to March 2025"
    expected = Expected(workbook, counted, SAFER_COMMUNITIES)
    quarter = months_between("2025-01", MONTH)
    rates = {
        name: Fraction(sum(expected.count("open_all_crime", month, code) for month in quarter) * 1000, RESIDENTS[code])
        for name, code in FORCES.items()
    }
    peers = [rate for name, rate in rates.items() if "own force" not in name]
    (table,) = group.tables.values()
    assert [cell.value for cell in group[table.ref][1][1:]] == [
        half_up(rate, 2) for rate in (*rates.values(), sum(rates.values()) / 8, sum(peers) / 7)
    ]
    summary = workbook["summary"]
    (table,) = summary.tables.values()
    assert [cell.value for cell in summary[table.ref][1]][:6] == [
        "All crime",
        "3 months are held in a row; what is usual can be said from 12 on.",
        expected.count("open_all_crime", MONTH),
        "[x]",
        "[x]",
        "[x]",
    ]
    assert not any(str(cell.value).startswith("By chance alone") for cell in summary["A"])
    headings = [cell.value for row in workbook["chart_data"].iter_rows(max_row=8) for cell in row]
    assert "All crime: count" in headings
    assert "All crime: mean" not in headings


def test_a_feed_that_is_published_two_months_later_is_read_at_its_newest_month(
    server: Server, inbox: Path, tmp_path: Path
) -> None:
    database = server.copy_of(warehouse.DATABASE)
    made = Desk(open_office(tmp_path / "home", server.url(database)), server, database)
    for month in months_between("2023-12", "2025-01"):
        shutil.copytree(inbox / month, tmp_path / "inbox" / month)
    assert made.run(MONTH, tmp_path / "inbox", on=ON).needs_person == []
    workbook = openpyxl.load_workbook(next((made.office.home / "packs/2025-03").glob("pdg-*.xlsx")))
    summary = workbook["summary"]
    (table,) = summary.tables.values()
    headings, first, *_ = summary[table.ref]
    assert [cell.value for cell in headings][2] == "January 2025\n(count)"
    assert first[0].value == "All crime, January 2025"
    assert first[1].value == "No change beyond normal month-to-month variation."
    assert isinstance(first[2].value, int)
    cover = [cell.value for cell in workbook["cover"]["A"]]
    assert "Street-level crime (data.police.uk), to January 2025." in cover
    assert "Vehicle crime, January 2025: Higher than the usual range." in cover
    measure = workbook["burglary"]
    (table,) = measure.tables.values()
    assert measure[table.ref][1][0].value == "January 2025"


# What a sign-off and a steward leave behind


def test_a_withheld_measure_is_in_no_sheet_and_named_on_the_cover(material: Material) -> None:
    withheld = dataclasses.replace(material, withheld={"open_burglary": "The codes changed.", "open_drugs": "Late."})
    book = book_of(withheld)
    assert "burglary" in {sheet.name for sheet in book_of(material).sheets}
    assert "burglary" not in {sheet.name for sheet in book.sheets}
    assert "Burglary" not in {row[0] for row in sheet_of(book, "summary").table.rows}
    assert "Withheld: Burglary. The codes changed." in book.cover.lines
    assert [line for line in book.cover.lines if "Late." in str(line)] == []  # drugs are no part of this pack
    assert not [c.heading for c in sheet_of(book, "chart_data").table.columns if c.heading.startswith("Burglary")]


def test_a_pack_whose_measures_are_all_withheld_is_not_built(material: Material) -> None:
    nothing = dataclasses.replace(material, withheld=dict.fromkeys(material.declarations.measures, "why"))
    with pytest.raises(ValueError, match="every measure of this pack is withheld"):
        book_of(nothing)


def test_a_waiver_is_printed_and_names_nobody_in_public(material: Material) -> None:
    waived = dataclasses.replace(material, waivers=(("U02 is waived for Essex", "A. Steward and C. Registrar"),))
    board, published = (
        contents.book(waived, Pack("0" * 32, waived.declarations.boards["panel"], rendering, date(2025, 5, 7)))
        for rendering in waived.declarations.boards["panel"].renderings
    )
    assert published.rendering == "published"
    for book, words in (
        (board, "U02 is waived for Essex (A. Steward and C. Registrar)"),
        (published, "U02 is waived for Essex"),
    ):
        assert f"Waiver: {words}" in book.cover.lines
        rows = sheet_of(book, "findings").table.rows
        assert rows == ((words, "waiver", "[z]", "[z]", "[z]", "It counts as if the check had passed"),)
        assert "Waivers: 1." in sheet_of(book, "findings").notes[0]
