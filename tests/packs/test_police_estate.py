"""The police estate in packs: what its SELECTs count, where each measure stands, and what may not be compared."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from independent_count import HOME_FORCE
from integration.offices import Desk, Server
from packs import estate
from packs.estate import LEICESTER

from monthend.errors import WrongCall
from monthend.freeze.facts import Key
from monthend.plan.declarations import Declarations, Measure
from monthend.publish import contents, packs, rules
from monthend.publish.book import Book, value_of
from monthend.publish.material import Material, Pack
from monthend.publish.workbook import write
from monthend.validate.integrity import Result

PDG_MEETING, PANEL_MEETING, VICTIMS_MEETING = date(2017, 7, 27), date(2017, 8, 2), date(2017, 11, 1)
OPEN_MEASURES, PARTNERS_MEASURES = 15, 5


@pytest.fixture(scope="module")
def desk(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An office with the records of `estate`."""
    made = estate.office(server, tmp_path_factory.mktemp("estate") / "home")
    yield made
    made.office.engine.dispose()


@pytest.fixture(scope="module")
def material(desk: Desk) -> Material:
    """What the packs of June 2017 are made from."""
    return estate.material(desk)


def book_of(material: Material, board: str = "pdg", meeting: date = PDG_MEETING, rendering: int = 0) -> Book:
    declared = material.declarations.boards[board]
    return contents.book(material, Pack("0" * 32, declared, declared.renderings[rendering], meeting))


def table_of(book: Book, name: str) -> dict[str, list[Any]]:
    """The values of a sheet's table by row label."""
    table = next(sheet.table for sheet in book.sheets if sheet.name == name)
    assert table is not None
    return {str(value_of(row[0])): [value_of(cell) for cell in row[1:]] for row in table.rows}


def notes_of(book: Book, name: str) -> tuple[str, ...]:
    return next(sheet.notes for sheet in book.sheets if sheet.name == name)


def declared_otherwise(material: Material, key: str, **changes: Any) -> Material:
    """The material with a measure declared otherwise."""
    declarations = Declarations(material.declarations.root)
    measure = Measure.model_validate({**material.declarations.measures[key].model_dump(), **changes})
    declarations.measures.update(material.declarations.measures | {key: measure})
    return dataclasses.replace(material, declarations=declarations)


# What is counted


@pytest.mark.parametrize(
    ("measure", "category", "area", "period", "count"),
    [
        ("all_crime", "", HOME_FORCE, "2017-06", 66),  # without the cancelled, the not notifiable and the fraud
        ("all_crime", "", HOME_FORCE, "2014-07", 61),
        ("all_crime", "", LEICESTER, "2017-06", 59),  # without seven that could not be placed
        ("all_crime", "", "E06000017", "2017-06", 0),
        ("burglary_dwelling", "", HOME_FORCE, "2017-03", 10),
        ("burglary_dwelling", "", HOME_FORCE, "2017-04", None),
        ("burglary_residential", "", HOME_FORCE, "2017-04", 12),
        ("burglary_residential", "", HOME_FORCE, "2017-03", None),
        ("theft_of_motor_vehicle", "", HOME_FORCE, "2017-06", 5),
        ("theft_from_motor_vehicle", "", HOME_FORCE, "2017-06", 7),
        ("violence_with_injury", "", HOME_FORCE, "2017-06", 12),  # 5D and 8P but not 37.2, 105A and 105B
        ("alcohol_related_crime", "", HOME_FORCE, "2017-06", 5),
        ("drug_related_crime", "", HOME_FORCE, "2017-06", 2),
        ("domestic_abuse_crimes", "", HOME_FORCE, "2017-06", 4),
        ("domestic_abuse_incidents", "", HOME_FORCE, "2017-06", 5),
        ("hate_incidents", "", HOME_FORCE, "2017-06", 2),
        ("hate_crimes", "", HOME_FORCE, "2017-06", 4),  # four crimes with five strands
        ("hate_crimes", "race", HOME_FORCE, "2017-06", 4),
        ("hate_crimes", "religion", LEICESTER, "2017-06", 1),
        ("hate_crimes", "disability", HOME_FORCE, "2017-06", 0),
        ("asb_incidents", "", HOME_FORCE, "2017-06", 16),
        ("asb_incidents", "nuisance", HOME_FORCE, "2017-06", 8),  # one is still open; one turned out to be no ASB
        ("outcomes_recorded", "", HOME_FORCE, "2017-06", 66),
        ("outcomes_recorded", "0", HOME_FORCE, "2017-06", 59),
        ("outcomes_recorded", "0", HOME_FORCE, "2017-01", 41),
        ("outcomes_recorded", "1", HOME_FORCE, "2017-05", 5),  # charged in June
        ("outcomes_recorded", "1", HOME_FORCE, "2017-06", 0),
        ("outcomes_recorded", "18", HOME_FORCE, "2017-05", 0),  # replaced by the charge
        ("outcomes_assigned", "", HOME_FORCE, "2017-06", 12),
        ("outcomes_assigned", "1", HOME_FORCE, "2017-06", 5),  # of the crimes of May
        ("outcomes_assigned", "14", LEICESTER, "2017-06", 0),
        ("outcomes_assigned", "21", HOME_FORCE, "2015-12", None),  # there was no such type
        ("outcomes_recorded", "21", HOME_FORCE, "2016-01", 10),
        ("msg_all_crime", "", "E23000028", "2017-05", 1724),
        ("msg_burglary_residential", "", HOME_FORCE, "2017-05", 101),
    ],
)
def test_each_measure_counts_what_it_says(
    material: Material, measure: str, category: str, area: str, period: str, count: int | None
) -> None:
    breakdown = material.declarations.measures[measure].breakdown
    key = Key(measure, "month", area, period, breakdown.name if breakdown and category else "", category)
    assert (material.facts[key].value if key in material.facts else None) == count


# What stands where


def test_pdg_shows_the_police_measures_first_and_the_two_bases_of_outcomes_apart(
    material: Material, tmp_path: Path
) -> None:
    book = book_of(material)
    assert [sheet.name for sheet in book.sheets] == [
        "summary", "all_crime", "burglary_dwelling", "burglary_residential", "theft_of_motor_vehicle",
        "theft_from_motor_vehicle", "violence_with_injury", "alcohol_related_crime", "drug_related_crime",
        "domestic_abuse_crimes", "domestic_abuse_incidents", "hate_crimes", "hate_crimes_by_hate_strand",
        "hate_incidents", "asb_incidents", "asb_incidents_by_asb_qualifier", "outcomes_recorded", "outcomes_assigned",
        "comparators", "narrative", "revisions", "data_quality", "findings", "notes", "chart_data", "chart_comparators",
    ]  # fmt: skip
    assert not [label for label in table_of(book, "summary") if "utcome" in label]
    for basis, other in (("recorded", "assigned"), ("assigned", "recorded")):
        said = " ".join(notes_of(book, f"outcomes_{basis}"))
        assert f"Basis: {'crimes recorded' if basis == 'recorded' else 'outcomes assigned'} in the period." in said
        assert f"outcomes {other}" not in said.lower()
    assert "Police and Crime Plan 2014 to 2017. It stays in force until it is replaced." in book.cover.lines
    path = tmp_path / book.file_name
    write(book, path)
    assert [finding for finding in rules.check(path, "board") if finding.level == "E"] == []


def test_outcomes_stand_in_code_order_with_markers_where_there_was_no_such_type(material: Material) -> None:
    book = book_of(material)
    rows = table_of(book, "outcomes_assigned")
    assert [label.split()[0] for label in rows] == [
        "1", "1A", "2", "2A", "3", "3A", *map(str, range(4, 23)), "Total",
    ]  # fmt: skip
    assert rows["1 Charge / summons"] == [5, 15, 60, 60, "[p]"]
    assert next(row for label, row in rows.items() if label.startswith("21 ")) == [0, 0, 90, 60, "[p]"]
    assert next(row for label, row in rows.items() if label.startswith("22 ")) == [*["[z]"] * 4, "none"]
    assert rows["Total"] == [12, 36, 234, 204, "[p]"]
    recorded = table_of(book, "outcomes_recorded")
    assert next(row for label, row in recorded.items() if label.startswith("22 ")) == [*["[z]"] * 4, "[p]"]
    assert next(iter(recorded.items())) == ("0 Not yet assigned an outcome", [59, 164, 527, 546, "[p]"])
    assert recorded["Total"] == [66, 195, 756, 750, "[p]"]


def test_strands_and_qualifiers_stand_as_declared(material: Material) -> None:
    book = book_of(material)
    assert table_of(book, "hate_crimes_by_hate_strand") == {
        "Race": [4, 12, 48, 48, "[p]"], "Religion": [1, 3, 12, 12, "[p]"],
        "Sexual orientation": [0, 0, 0, 0, "[p]"], "Disability": [0, 0, 0, 0, "[p]"],
        "Transgender": [0, 0, 0, 0, "[p]"], "Total": [4, 12, 48, 48, "[p]"],
    }  # fmt: skip
    said = "Several strands may apply to a crime, so the strands do not add up to the total."
    assert said in [note.strip() for note in notes_of(book, "hate_crimes_by_hate_strand")]
    assert [row[:1] for row in table_of(book, "asb_incidents_by_asb_qualifier").values()] == [[6], [8], [2], [16]]


def test_the_share_of_all_crime_stands_on_the_sheet_unless_all_crime_is_withheld(material: Material) -> None:
    newest = table_of(book_of(material), "domestic_abuse_crimes")["June 2017"]
    assert [str(value) for value in newest[4:]] == ["48", "0.05", "6.3", "[p]"]  # 48 of 756
    withheld = dataclasses.replace(material, withheld={"all_crime": "The codes changed."})
    assert len(table_of(book_of(withheld), "domestic_abuse_crimes")["June 2017"]) == len(newest) - 1


def test_comparators_say_period_denominator_and_vintage(material: Material) -> None:
    book = book_of(material)
    rows = table_of(book, "comparators")
    assert {label: (row[0], str(row[6]), str(row[-1])) for label, row in rows.items()} == {
        "Comparators: all crime": ("12 months to May 2017", "11.99", "12.00"),
        "Comparators: burglary in a dwelling": ("12 months to March 2017", "1.19", "1.19"),
        "Comparators: theft of a motor vehicle": ("12 months to May 2017", "0.59", "0.59"),
    }
    assert table_of(book, "chart_comparators")["Essex"][1:4] == [1_724_950, "E23000028", 20_688]
    said = notes_of(book, "comparators")
    assert any(
        note.startswith("Rates use 2011 Census residents, as the comparator service gives them.") for note in said
    )
    assert any("Its figures are as at 5 June 2017" in note for note in said)
    assert any(note.startswith("Comparators: residential burglary. Not comparable with before") for note in said)


def test_the_panel_sees_neither_comparators_nor_what_is_sensitive(material: Material) -> None:
    for rendering in (0, 1):
        theme = book_of(material, "panel", PANEL_MEETING, rendering)
        assert [sheet.name for sheet in theme.sheets] == [
            "summary", "all_crime", "burglary_dwelling", "burglary_residential", "theft_of_motor_vehicle",
            "theft_from_motor_vehicle", "violence_with_injury", "data_quality", "findings", "notes", "chart_data",
        ]  # fmt: skip
    victims = book_of(material, "panel", VICTIMS_MEETING)
    assert list(table_of(victims, "summary")) == ["Incidents of anti-social behaviour"]
    sensitive = ["Domestic abuse crimes", "Domestic abuse incidents", "Hate crimes", "Hate incidents"]
    assert list(table_of(victims, "by_quarter")) == sensitive
    assert "Not shown here" not in table_of(victims, "notes")
    published = book_of(material, "panel", VICTIMS_MEETING, 1)
    assert "by_quarter" not in [sheet.name for sheet in published.sheets]
    (not_shown,) = table_of(published, "notes")["Not shown here"]
    assert all(title in not_shown for title in sensitive)
    assert not_shown.endswith(": sensitive, so they are not published.")


def test_what_was_never_delivered_is_named_and_what_is_not_in_force_is_not(material: Material) -> None:
    kinds = [row[0] for row in table_of(book_of(material), "findings").values()]
    assert kinds.count("not available") == OPEN_MEASURES + PARTNERS_MEASURES
    later = dataclasses.replace(material, month="2017-07")
    with pytest.raises(ValueError, match="no measure of this pack is in force"):
        book_of(later)


# Data quality


def failing(material: Material) -> Material:
    """The material as if every check that there is had failed."""
    quality, integrity = [], []
    for path in sorted((material.declarations.root / "expectations").glob("*.json")):
        for each in json.loads(path.read_text(encoding="utf-8"))["expectations"]:
            meta = {name: each["meta"][name] for name in ("check_id", "part", "action")}
            meta["description"] = each["description"].partition("] ")[2]
            if path.stem == "integrity":
                integrity.append(Result(**meta, feed=each["meta"]["feed"], delivery_id=1, outcome="failed",
                                        unexpected_count=1, detail=""))  # fmt: skip
            else:
                feed = {"feed": path.stem, "title": material.declarations.feeds[path.stem].title}
                quality.append({**meta, **feed, "deliveries": 1, "failed": 1, "rows": 1})
    deliveries = [(feed, 1, 0, 0) for feed in sorted(material.declarations.feeds)]
    return dataclasses.replace(material, quality=quality, integrity=tuple(integrity), deliveries=deliveries)


def test_findings_are_what_failed_is_missing_or_was_waived_and_what_passed_is_a_number(material: Material) -> None:
    integrity = tuple(
        Result(check, part, "police_crime", 1, "D.", action, outcome, count, "")
        for check, part, action, outcome, count in (
            ("C07", "districts", "block_feed", "passed", 0), ("C09", "vanished", "block_feed", "failed", 2),
            ("C10", "", "warn", "failed", 1234), ("C11", "", "warn", "not run", None),
            ("C12", "", "warn", "error", None),
        )
    )  # fmt: skip
    quality = [
        {**material.quality[0], "check_id": check, "failed": failed, "rows": rows}
        for check, failed, rows in (("C01", 0, 0), ("C02", 1, 7), ("C06", 0, 0), ("G08", 1, None))
    ]
    found = book_of(
        dataclasses.replace(
            material,
            quality=quality,
            integrity=integrity,
            deliveries=[("police_outcome", 2, 1, 0), ("police_crime", 3, 0, 7)],
            missing=("Incidents, June 2017, Leicestershire Police",),
            waivers=(("C09 vanished is waived", "A. Steward and B. Registrar"),),
        )
    )
    assert table_of(found, "data_quality") == {
        "Crime outcomes": [2, 1, 0, 0, 0, 0, 0], "Recorded crime": [3, 0, 7, 2, 2, 1, 3],
        "Total": [5, 1, 7, 2, 2, 1, 3],
    }  # fmt: skip
    rows = {label: row for label, row in table_of(found, "findings").items() if row[0] != "not available"}
    nothing = ["[z]"] * 3
    stop = "Nothing is frozen until it is put right or waived"
    counts = "They count; a steward looks at them"
    assert list(rows.items()) == [
        ("Incidents, June 2017, Leicestershire Police", ["missing", *nothing, "Shown as not available, never as zero"]),
        ("Recorded crime, C09: D.", ["cross-feed check", "[z]", "[z]", 2, stop]),
        ("Recorded crime, C10: D.", ["cross-feed check", "[z]", "[z]", 1234, counts]),
        ("Recorded crime, C12: D.", ["cross-feed check", "[z]", "[z]", "[x]", stop]),
        ("Recorded crime, C02: D.", ["check", 1, 1, 7, counts]),
        ("Recorded crime, G08: D.", ["check", 1, 1, "[z]", counts]),
        ("C09 vanished is waived (A. Steward and B. Registrar)",
         ["waiver", *nothing, "It counts as if the check had passed"]),
    ]  # fmt: skip
    assert notes_of(found, "findings") == (
        "Missing: 1. Cross-feed checks that failed: 3. Checks of deliveries that failed: 2. Waivers: 1. "
        "Known errors in the sources: 0.",
        "Cross-feed checks not run, as feeds or month-ends that they need are not held: 1.",
    )


@pytest.mark.parametrize(("board", "meeting", "rendering"), [("pdg", PDG_MEETING, 0), ("panel", PANEL_MEETING, 1)])
def test_whatever_check_fails_a_pack_may_say_so(
    material: Material, tmp_path: Path, board: str, meeting: date, rendering: int
) -> None:
    book = book_of(failing(material), board, meeting, rendering)
    checks = [row for row in table_of(book, "findings").values() if row[0].endswith("check")]
    assert len(checks) == table_of(book, "data_quality")["Total"][4] + table_of(book, "data_quality")["Total"][6] > 250
    path = tmp_path / book.file_name
    write(book, path)
    assert [finding for finding in rules.check(path, book.rendering) if finding.level == "E"] == []


# Breaks


def test_a_measure_that_ended_says_what_follows_and_one_that_began_at_a_break_is_not_compared(
    material: Material,
) -> None:
    book = book_of(material)
    summary = table_of(book, "summary")
    assert summary["Burglary in a dwelling, March 2017"][:4] == [
        "It ended with March 2017. Residential burglary follows it; the two are not compared.", 10, 120, 120,
    ]  # fmt: skip
    assert summary["Residential burglary"][1:] == [12, "[z]", "[b]", "[z]", "SP11", "[p]"]
    assert notes_of(book, "burglary_residential")[1] == (
        "Not comparable with before 1 April 2017: the Home Office replaced burglary in a dwelling by residential "
        "burglary, which takes in sheds and garages."
    )
    assert table_of(book, "burglary_residential")["April 2017"][-1] == "[b][p]"
    assert table_of(book, "burglary_dwelling")["March 2017"][1] == 10


def test_no_limit_signal_or_year_crosses_a_break(material: Material) -> None:
    broken = [{"from_month": "2016-09", "reason": "the flag is set otherwise"}]
    changed = declared_otherwise(material, "alcohol_related_crime", breaks=broken)
    for month in ("2016-09", "2017-06"):
        key = Key("alcohol_related_crime", "r12", HOME_FORCE, month)
        changed.facts[key] = changed.facts[key]._replace(mark="b")
    book = book_of(changed)
    said, newest, year, before, _, _, marks = table_of(book, "summary")["Alcohol-related crime"]
    assert said == "10 months are held in a row; what is usual can be said from 12 on."
    assert (newest, year, before, marks) == (5, 60, "[b]", "[b][p]")
    rows = table_of(book, "chart_data")
    headings = next(sheet.table for sheet in book.sheets if sheet.name == "chart_data")
    assert headings is not None
    place = headings.index("Alcohol-related crime: count") - 1
    assert [rows[month][place] for month in ("2016-08-01", "2016-09-01")] == [None, 5]


# Revisions


def test_revisions_stand_by_month_and_cause(material: Material, desk: Desk) -> None:
    assert list(table_of(book_of(material), "revisions").items()) == [("Nothing was revised", ["[z]"] * 12)]
    revised = dataclasses.replace(
        material,
        revisions=(
            ("all_crime", "2017-04", "cancelled", -2),
            ("all_crime", "2017-05", "late-recorded", 7),
            ("all_crime", "2017-05", "redated", -1),
            ("open_burglary", "2017-05", "removed", 1),  # not in this pack
        ),
    )
    assert table_of(book_of(revised), "revisions") == {
        "All recorded crime, May 2017": [7, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 6],
        "All recorded crime, April 2017": [0, 0, 0, -2, 0, 0, 0, 0, 0, 0, 0, -2],
    }
    assert "revisions" not in [sheet.name for sheet in book_of(revised, "panel", PANEL_MEETING).sheets]
    with desk.office.engine.connect() as connection:
        assert packs._vintages(connection, 99) == material.vintages
        assert packs._vintages(connection, 0) == {}


# The plan


def test_the_plan_numbers_eighteen_priorities_and_marks_what_is_paraphrased(material: Material) -> None:
    priorities = [each for theme in material.declarations.plan.themes for each in theme.priorities]
    assert [each.priority for each in priorities] == [f"SP{number}" for number in range(1, 19)]
    paraphrased = [each.priority for each in priorities if "unverified" in each.provenance]
    assert paraphrased == ["SP1", "SP2", "SP3", "SP4", "SP8", "SP16", "SP17"]
    assert [each.priority for each in priorities if each.polarity == "none"] == ["SP6", "SP15"]


@pytest.mark.parametrize(
    ("old", "new", "field", "what"),
    [
        (
            "        polarity: none   # words only: declaring a measure is refused\n",
            "        polarity: none\n        measures: [all_crime]\n",
            "themes.1.priorities.1.measures",
            "Value error, its polarity is none: the plan cites no measure for it, so none may be declared",
        ),
        ("      - priority: SP12\n", "      - priority: SP11\n", "whole file", "Value error, themes: SP11 is two"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(
    declarations: Path, old: str, new: str, field: str, what: str
) -> None:
    path = declarations / "reports/plan/plan.yaml"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    line = source[: source.index(old)].count("\n") + 2 if "measures" in field else 1
    with pytest.raises(WrongCall) as refused:
        _ = Declarations(declarations).plan
    assert str(refused.value).startswith(f"{path}:{line}: {field}: {what}")


def test_a_number_is_the_one_of_the_month(declarations: Path) -> None:
    path = declarations / "reports/plan/plan.yaml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("      - priority: SP10"), text.index("      - priority: SP11")
    entry = text[start:end]
    ended = entry.replace("from_month: 2013-04", "from_month: 2013-04\n        to_month: 2017-05")
    anew = "      - {priority: SP19, title: All crime, provenance: anew, from_month: 2017-06, measures: [all_crime]}\n"
    path.write_text(text[:start] + ended + anew + text[end:], encoding="utf-8")
    plan = Declarations(declarations).plan
    numbers = [[each.priority for each in plan.priorities_of("all_crime", month)] for month in ("2017-05", "2017-06")]
    assert numbers == [["SP10"], ["SP19"]]
