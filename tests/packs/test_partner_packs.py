"""The partner boards' packs of a quarter-end, held against the returns as another program reads them."""

import csv
import dataclasses
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from integration.offices import STEWARD, Desk, Server

from monthend import extension, warehouse
from monthend.freeze import facts
from monthend.freeze.candidate import head
from monthend.freeze.facts import Fact, Key
from monthend.office import open_office
from monthend.plan.declarations import ROOT, Break, Declarations
from monthend.publish import contents, evidence, packs
from monthend.publish.book import value_of
from monthend.publish.by_quarter import by_quarter_sheet
from monthend.publish.choice import choose
from monthend.publish.figure import PartnerFigure, figure, notes_of
from monthend.publish.material import Material, Pack
from monthend.publish.measure import MeasureSheet
from monthend.publish.words import A_YEAR_BEFORE, CONTEXT
from monthend.run import run
from monthend.sample import force
from monthend.sample.world import DISTRICTS
from monthend.statistics.difference import of_rates

MONTH, ON = "2017-06", date(2017, 7, 12)
AREAS = (
    "Blaby", "Charnwood", "Harborough", "Hinckley and Bosworth", "Leicester", "Melton", "North West Leicestershire",
    "Oadby and Wigston", "Rutland",
)  # fmt: skip
FORCE, RUTLAND, CHARNWOOD = "E23000021", "E06000017", "E07000130"
SPOILT = {
    ("Charnwood", "early_help_referrals"), ("Charnwood", "treatment_referrals"), ("Charnwood", "victims_satisfied"),
    ("Melton", "hate_reports"), ("Melton", "asb_cases"), ("Melton", "homes_secured"),
    ("Melton", "referrals_followed_up"),
}  # fmt: skip


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What came for June 2017: the police's extracts and eight of nine returns, two of them with faults."""
    folder = tmp_path_factory.mktemp("partners")
    force.write(folder, MONTH, 1, scale=0.1, public=False)
    return folder / MONTH


@pytest.fixture(scope="module")
def desk(server: Server, inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An office where June 2017 is frozen and its packs are built."""
    database = server.copy_of(warehouse.DATABASE)
    made = Desk(open_office(tmp_path_factory.mktemp("office") / "home", server.url(database)), server, database)
    for code, until in (("E07000135", date(2017, 7, 21)), ("E06000017", date(2017, 7, 12))):
        why = "the analyst is ill"
        extension.extend(made.office, "csp_return", MONTH, code, until, why, STEWARD, date(2017, 7, 6))
    run(made.office, MONTH, [inbox], STEWARD, ON)
    yield made
    made.office.engine.dispose()


@pytest.fixture(scope="module")
def material(desk: Desk) -> Material:
    """What the packs are made from."""
    with desk.office.engine.connect() as connection:
        newest = head(connection)
    assert newest is not None
    return packs._material(desk.office, newest["candidate_id"], ON)


def tables(path: Path) -> dict[str, dict[str, list[Any]]]:
    """The tables of a workbook by sheet, by row label; the headings under the first one's."""
    found = {}
    for sheet in openpyxl.load_workbook(path):
        for table in sheet.tables.values():
            found[sheet.title] = {
                str(row[0].value): [cell.value for cell in row[1:]] for row in sheet[table.ref]
            }  # fmt: skip
    return found


def table_of(material: Material, board: str, sheet: str) -> dict[str, list[Any]]:
    """A table of a board's pack made from the material."""
    declared = material.declarations.boards[board]
    book = contents.book(material, Pack("0" * 32, declared, declared.renderings[0], None))
    table = next(each.table for each in book.sheets if each.name == sheet)
    assert table is not None
    return {str(value_of(row[0])): [value_of(cell) for cell in row[1:]] for row in table.rows}


def returned(inbox: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What stands in the returns, by area and item, as openpyxl reads them: the cells under the form's headings."""
    found = {}
    for path in sorted(inbox.glob("*csp-return*.xlsx")):
        rows = list(openpyxl.load_workbook(path)["Return"].iter_rows(values_only=True))
        area = str(rows[0][0]).partition(": ")[2].partition(",")[0]
        top = next(number for number, row in enumerate(rows) if row[0] == "Item")
        for row in rows[top + 1 :]:
            found[area, str(row[0])] = dict(zip(map(str, rows[top]), row, strict=True))
    return found


def why_absent(given: dict[tuple[str, str], dict[str, Any]], area: str, item: str) -> str | None:
    """Why there is no figure of a count, as the return says it, or what has become of it."""
    if (area, item) not in given:
        return "not returned"
    if (area, item) in SPOILT:
        return "to be put right"
    row = given[area, item]
    said = str(row["If there is none, why"] or row["Figure"]).lower()
    in_words = {
        "nya": "not yet available", "data not yet available": "not yet available", "n/a": "not applicable here",
    }  # fmt: skip
    return None if isinstance(row["Figure"], int) else in_words.get(said, said)


def test_every_board_of_the_quarter_end_has_its_pack_and_no_pack_disagrees(desk: Desk) -> None:
    built = packs.builds(desk.office, MONTH)
    assert sorted({build.board for build in built}) == [
        "csp_blaby", "csp_charnwood", "csp_harborough", "csp_hinckley_and_bosworth", "csp_leicester", "csp_melton",
        "csp_north_west_leicestershire", "csp_oadby_and_wigston", "csp_rutland", "panel", "pdg",
        "safeguarding_adults_leicester", "safeguarding_adults_leicestershire_and_rutland",
        "safeguarding_children_leicester", "safeguarding_children_leicestershire_and_rutland", "strategic_partnership",
    ]  # fmt: skip
    assert len(built) == 17
    packs.parity(desk.office, MONTH)
    assert evidence.verify_packs(desk.office, MONTH) == []


def test_the_cover_names_the_returns_as_a_source_and_what_is_missing(desk: Desk) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "csp_melton")
    lines = [row[0] for row in openpyxl.load_workbook(path)["cover"].iter_rows(values_only=True)]
    assert "Returns of the Community Safety Partnerships, to June 2017." in lines
    missing = [line for line in lines if str(line).startswith("Missing")]
    assert missing == [
        "Missing: Returns of the Community Safety Partnerships, June 2017, Oadby and Wigston.",
        "Missing of feeds not used here: 16. Worksheet findings names them.",
    ]


def test_what_partners_returned_stands_beside_each_other_as_they_gave_it(desk: Desk, inbox: Path) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "strategic_partnership")
    table, given = tables(path)["partners"], returned(inbox)
    assert table["Measure"] == [*AREAS, "Leicestershire force area", "Notes"]
    compared, said = 0, set()
    for measure in Declarations(ROOT).measures.values():
        if measure.title in table and not measure.sensitive:
            (item,) = measure.where["item_code"]
            absent: dict[str, list[str]] = {}
            for area, shown in zip(AREAS, table[measure.title], strict=False):
                figure = given.get((area, item), {}).get("Figure")
                held = isinstance(figure, int) and (area, item) not in SPOILT
                why = why_absent(given, area, item)
                assert (why is None) == held
                assert shown == (figure if held else "[z]" if why == "not applicable here" else "[x]"), (area, item)
                compared += held
                if why:
                    absent.setdefault(why, []).append(area)
            assert table[measure.title][-2] == "[x]"  # one return is missing
            reasons = (f"{why}: {', '.join(areas)}" for why, areas in sorted(absent.items()))
            assert table[measure.title][-1] == "; ".join(("[p]", *reasons))
            said |= absent.keys()
    assert compared == 27
    assert said == {"not returned", "to be put right", "not yet available", "no new data published"}


def test_a_percentage_stands_over_what_it_is_of_and_is_withheld_of_few(desk: Desk, inbox: Path) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "strategic_partnership")
    table, given = tables(path)["partners_percent"], returned(inbox)
    title = "Victims satisfied, of those asked by partners"
    for area, percent, base in zip(AREAS, table[title], table[f"{title}: out of how many"], strict=False):
        row = given.get((area, "victims_satisfied"), {})
        if area in ("Charnwood", "Oadby and Wigston"):
            assert (percent, base) == ("[x]", "[x]")
        elif row["Denominator"] < 30:
            assert (percent, base) == ("[u]", row["Denominator"])
        else:
            assert base == row["Denominator"]
            assert abs(percent - 100 * row["Numerator"] / base) <= 0.05 + 1e-9
    assert table[title].count("[u]") == 3
    few = [area for area in AREAS if 30 <= given.get((area, "victims_satisfied"), {}).get("Denominator", 0) < 100]
    marked = [area for area in few if area != "Charnwood"]
    assert marked
    assert table[title][-1] == (
        f"[p]; [u] {', '.join(marked)}; not returned: Oadby and Wigston; to be put right: Charnwood"
    )


@pytest.mark.parametrize(("count", "shown"), [(None, "[x]"), (0, 0), (1, "[c]"), (4, "[c]"), (5, 5)])
def test_a_sensitive_measure_is_shown_for_the_force_alone_and_no_small_count(
    material: Material, count: int | None, shown: Any
) -> None:
    number = None if count is None else Decimal(count)
    key = Key("domestic_abuse_referrals", "quarter", FORCE, MONTH)
    changed = dataclasses.replace(material, facts={**material.facts, key: Fact(number, number, None)})
    row = table_of(changed, "csp_rutland", "partners")["Referrals to domestic abuse services"]
    assert row[:-1] == [*["[c]"] * 9, shown]
    own = table_of(changed, "csp_rutland", "own_return")["SP5 People referred to domestic abuse services"]
    assert own[:4] == ["[c]", "[z]", "[z]", "[z]"]
    percent = table_of(changed, "csp_rutland", "own_return")["SP16 Mental health referrals followed up within a week"]
    assert percent[:4] == ["[c]", "[c]", "[z]", "[z]"]
    assert own[4] == "Taken. The figure is sensitive: it stands in the receipt of your return, and not here."


def test_what_quotes_the_police_is_held_against_theirs(material: Material, inbox: Path) -> None:
    given = returned(inbox)
    for board, area, difference in (("csp_rutland", "Rutland", 3), ("csp_leicester", "Leicester", 0)):
        own = table_of(material, board, "own_return")
        figure = given[area, "all_crime"]["Figure"]
        says = "Noted. The police's figure is used." if difference else "Taken. It agrees with the police's."
        expected = [figure, "[z]", figure - difference, difference, says]
        assert own["SP10 All crime, as the police count it"][:5] == expected
        code = next(area_code for area_code, name in material.area_names.items() if name == area)
        assert material.facts[Key("all_crime", "quarter", code, MONTH)].value == figure - difference


def test_an_own_return_says_what_is_to_be_put_right_and_has_no_number_where_none_is_cited(material: Material) -> None:
    own = table_of(material, "csp_charnwood", "own_return")
    put_right = [label for label, row in own.items() if row[4].startswith("To be put right")]
    assert put_right == [
        "SP1 Young people referred to early help", "SP3 People referred to alcohol or drug treatment",
        "SP7 What was done about hate crime", "SP9 Victims asked by the partnership who were satisfied",
    ]  # fmt: skip
    assert own["SP1 Young people referred to early help"][0] == "[x]"
    uncited = [row for label, row in own.items() if label.startswith(("SP6 ", "SP15 "))]
    assert [row[:4] for row in uncited] == [["[z]"] * 4] * 2


def test_a_pack_says_which_returns_came_and_which_is_missing(material: Material) -> None:
    table = table_of(material, "csp_blaby", "returns")
    assert list(table) == list(AREAS)
    assert table["Blaby"] == ["late", "12 July 2017", "none", "1", "[z]"]
    assert table["Melton"] == ["late", "12 July 2017", "4, which count nowhere until then", "none", "[z]"]
    assert table["Rutland"] == [
        "in time", "12 July 2017", "none", "1", "until 12 July 2017, given by A. Steward: the analyst is ill",
    ]  # fmt: skip
    assert table["Oadby and Wigston"] == [
        "missing", "[x]", "[z]", "[z]", "until 21 July 2017, given by A. Steward: the analyst is ill",
    ]  # fmt: skip


def test_an_area_stands_beside_the_others_in_the_order_of_the_alphabet(material: Material) -> None:
    rates, counts = table_of(material, "csp_rutland", "areas"), table_of(material, "csp_rutland", "areas_counts")
    assert rates.keys() == counts.keys()
    assert rates["Residential burglary"] == ["[z]"] * 10  # of which twelve months are not held yet
    codes = [next(code for code, name in material.area_names.items() if name == area) for area in AREAS]
    for code, count in zip([*codes, FORCE], counts["All recorded crime"], strict=True):
        assert count == material.facts[Key("all_crime", "r12", code, MONTH)].value
    assert rates["All recorded crime"][8] == Decimal(str(counts["All recorded crime"][8] * 1000 / 37_369)).quantize(
        Decimal("0.01")
    )


def test_what_does_not_apply_is_told_from_what_is_not_available(material: Material) -> None:
    absent = dict.fromkeys(("value", "numerator", "denominator", "narrative"))
    (blaby,) = (each for each in material.returns if (each.feed, each.area_code) == ("csp_return", "E07000129"))
    key = Key("homes_secured", "quarter", "E07000129", MONTH)
    for reason, cell, says in (
        ("not_applicable", "[z]", "not applicable here"), ("not_collected", "[x]", "not collected"),
        ("not_given", "[x]", "left blank"),
    ):  # fmt: skip
        row = absent | {"missing_reason": reason}
        changed = dataclasses.replace(
            material,
            facts={**material.facts, key: facts.MISSING},
            returns=(dataclasses.replace(blaby, items={**blaby.items, "homes_secured": row}),),
        )
        beside = table_of(changed, "csp_blaby", "partners")["Homes made more secure after a burglary"]
        assert (beside[0], beside[-1].partition("; ")[2]) == (cell, f"{says}: Blaby")
        own = table_of(changed, "csp_blaby", "own_return")["SP11 Homes made more secure after a burglary"]
        assert (own[0], own[4]) == (cell, f"{says.capitalize()}.")
    rutland = table_of(material, "csp_rutland", "own_return")["SP17 Return interviews offered after going missing"]
    assert (rutland[0], rutland[4]) == ("[z]", "Not applicable here.")


def test_a_quarterly_board_is_told_of_the_month_that_it_sees_next(desk: Desk) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "csp_rutland")
    lines = [row[0] for row in openpyxl.load_workbook(path)["cover"].iter_rows(values_only=True)]
    assert (
        "Next update: data to the end of September 2017, to be frozen by 11 October 2017, for the meeting of "
        "1 November 2017."
    ) in lines


def test_a_meeting_that_sees_the_same_month_is_no_update(material: Material) -> None:
    declared = material.declarations.boards["csp_rutland"]
    meetings = (date(2017, 8, 2), date(2017, 8, 9), date(2017, 8, 30))  # July is frozen on 10 August
    board = declared.model_copy(update={"meetings": meetings})
    book = contents.book(material, Pack("0" * 32, board, board.renderings[0], meetings[0]))
    update = "Next update: data to the end of July 2017, to be frozen by 10 August 2017"
    assert f"{update}, for the meeting of 30 August 2017." in book.cover.lines
    last = contents.book(material, Pack("0" * 32, board, board.renderings[0], meetings[2]))
    assert f"{update}." in last.cover.lines


def test_an_own_return_shows_no_more_of_few_than_the_other_worksheets(material: Material) -> None:
    for board in ("csp_rutland", "csp_melton"):
        own = table_of(material, board, "own_return")["SP9 Victims asked by the partnership who were satisfied"]
        assert own[0] == "[u]"
        assert own[1] < 30
    spoilt = table_of(material, "csp_charnwood", "own_return")["SP7 What was done about hate crime"]
    assert spoilt[-1] == "[x]"


def test_what_is_of_the_force_says_so_in_the_pack_of_an_area(desk: Desk) -> None:
    board = "safeguarding_children_leicestershire_and_rutland"
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == board)
    workbook = openpyxl.load_workbook(path)
    assert workbook["missing_reports"]["A1"].value == "Reports of missing people by month, Leicestershire force area"
    lines = [str(row[0]) for row in workbook["cover"].iter_rows(max_row=12, values_only=True)]
    signals = [line for line in lines if line.startswith(("Domestic abuse", "Detentions", "Reports of"))]
    assert signals
    assert all(", Leicestershire force area: " in line for line in signals)
    notes = [str(row[0]) for row in workbook["summary"].iter_rows(max_row=9, max_col=1, values_only=True)]
    assert not any("No population" in note for note in notes)


def test_an_areas_board_goes_to_the_contact_of_its_return(desk: Desk) -> None:
    boards = desk.office.declarations.boards
    assert boards["csp_rutland"].recipients == ("community.safety@rutland.example",)
    assert boards["csp_rutland"].area == RUTLAND
    assert "csp" not in boards


def test_a_board_of_partners_has_no_pack_when_the_extracts_have_ended(desk: Desk) -> None:
    assert [board.board for board in packs.boards_of(desk.office, "2025-03")] == ["panel", "pdg"]


def test_the_force_has_a_figure_where_every_partner_gave_one() -> None:
    declarations = Declarations(ROOT)
    codes = [area.code for area in declarations.feeds["csp_return"].areas]
    measure = declarations.measures["victims_satisfied"]
    given = [("2017-03", code, 3, 4) for code in codes] + [("2017-06", code, 3, 4) for code in codes[:-1]]
    counted = pd.DataFrame(
        [
            {
                "area_code": code, "month": month, "item_code": "victims_satisfied", "value": None,
                "numerator": Decimal(above), "denominator": Decimal(below), "missing_reason": None,
            }
            for month, code, above, below in given
        ]
    )  # fmt: skip
    held = pd.DataFrame(True, index=["2017-01", "2017-02", "2017-03", "2017-04", "2017-05", "2017-06"], columns=codes)
    found = dict(facts._reported(measure, declarations, counted, held, MONTH))
    key = Key("victims_satisfied", "quarter", FORCE, "2017-03")
    assert found[key] == Fact(Decimal(75), Decimal(27), Decimal(36))
    assert found[key._replace(period="2017-06")] == facts.MISSING
    assert found[key._replace(area_code=codes[-1], period="2017-06")] == facts.MISSING
    assert len(found) == 20


def sent(inbox: Path, name: str) -> list[dict[str, str]]:
    """The rows of every file of that name, of all periods, as text."""
    rows = []
    for path in sorted(inbox.glob(f"*-{name}.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    for path in sorted(inbox.glob(f"*-{name}.xlsx")):
        headings, *values = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        rows += [dict(zip(map(str, headings), map(str, row), strict=True)) for row in values]
    return rows


def test_partners_figures_stand_with_what_they_are_made_of(desk: Desk, inbox: Path) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "pdg")
    table = tables(path)["yos_return"]
    services = ("Leicester", "Leicestershire and Rutland", "Leicestershire force area")
    quarters = ("March 2017", "December 2016", "September 2016", "June 2016", "March 2016", "December 2015")
    assert list(table)[1:7] == [f"Leicester, return of {each}" for each in quarters]
    assert len(table) == 1 + 8 * len(services)
    given = sent(inbox, "yos-return")
    shown = 0
    for row in given:
        month = f"{date.fromisoformat(row['period'] + '-01'):%B %Y}"
        if cells := table.get(f"{row['yos']}, return of {month}"):
            rate, entrants, people, share, reoffenders, cohort = cells[3:9]
            assert (entrants, people) == (int(row["fte_count"]), int(row["pop_10_17"]))
            assert (reoffenders, cohort) == (int(row["reoffenders"]), int(row["cohort_n"]))
            assert abs(rate - 100_000 * entrants / people) <= 0.05 + 1e-9
            assert abs(share - 100 * reoffenders / cohort) <= 0.05 + 1e-9
            assert ("[u] Young offenders who reoffended" in cells[-1]) == (cohort < 100)
            first, last = (date.fromisoformat(row[f"cohort_{end}"][:10]) for end in ("start", "end"))
            followed = date.fromisoformat(row["followup_end"][:10])
            assert cells[1] == f"{first:%B %Y} to {last:%B %Y}"
            assert cells[2].endswith(f" to {followed:%B %Y}")
            shown += 1
    assert shown == 16
    newest = [row for row in given if row["period"] == "2017-03"]
    of_force = table["Leicestershire force area, return of March 2017"]
    assert of_force[:3] == [
        "April 2016 to March 2017", "July 2015 to September 2015", "October 2015 to September 2016",
    ]  # fmt: skip
    assert of_force[4] == sum(int(row["fte_count"]) for row in newest)
    lines = [row[0] for row in openpyxl.load_workbook(path)["yos_return"].iter_rows(max_row=12, values_only=True)]
    (year,) = {row["pop_year"] for row in newest}
    assert f"First-time entrants to the youth justice system: the newest rates use the population of {year}." in lines


def test_the_turn_of_the_financial_year_is_seen(desk: Desk) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "pdg")
    table = tables(path)["savings"]
    assert [table[f"Leicestershire force area, {month} 2017"][1] for month in ("April", "March")] == [
        "April 2017", "April 2016 to March 2017",
    ]  # fmt: skip


def test_partners_figures_are_summed_up_with_a_sentence_each(desk: Desk, inbox: Path) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "pdg")
    summary = tables(path)["summary_partners"]
    entrants = summary["First-time entrants to the youth justice system"]
    given: dict[str, list[tuple[int, int]]] = {}
    for row in sent(inbox, "yos-return"):
        given.setdefault(row["period"], []).append((int(row["fte_count"]), int(row["pop_10_17"])))
    now, then = ([sum(part) for part in zip(*given[period], strict=True)] for period in ("2017-03", "2016-03"))
    assert entrants[1] == "April 2016 to March 2017"
    assert entrants[2:8] == ["[z]", *now, "[z]", *then]
    assert entrants[0] == A_YEAR_BEFORE[of_rates(tuple(now), tuple(then))]
    assert summary["Savings required"][0] == CONTEXT
    assert summary["Families back in work"][0] == "Counted since April 2012, so it is not compared with a year before."
    assert len(summary) == 1 + 32
    assert summary["Savings required"][1] == "April 2017 to March 2018"
    less = "Less than the budget requires of April 2017 to March 2018"
    before = "Less than the budget requires of April 2016 to March 2017."
    assert summary["Savings identified"][:2] == [f"{less}. {before}", "April 2017 to March 2018"]
    not_yet = f"Not yet what the budget requires of April 2017 to March 2018. {before}"
    assert summary["Savings delivered"][:2] == [not_yet, "April 2017 to June 2017"]
    assert summary["Offences while they were managed"][1] == "April 2016 to March 2017"
    assert summary["Offences before they were managed"][1] == "the 12 months before each joined"
    assert summary["Offenders in the managed cohort"][1] == "the last day of March 2017"
    lines = [row[0] for row in openpyxl.load_workbook(path)["cover"].iter_rows(values_only=True)]
    assert f"Savings delivered, April 2017 to June 2017: {not_yet}" in lines
    said = [
        (row[0], row[2:8])
        for label, row in summary.items()
        if label not in ("Measure", "Savings identified", "Savings delivered")
    ]
    shown = [
        says for says, cells in said if says not in A_YEAR_BEFORE.values() and not {"[c]", "[u]", "[x]"} & {*cells[:2]}
    ]
    assert (
        f"Partners' figures shown without a reading: {len(shown)}. Worksheet summary_partners says why of each."
        in lines
    )
    # those of areas are read on the worksheets of their feeds, and count
    workbook = openpyxl.load_workbook(path)
    texts = [str(row[0]) for sheet in workbook for row in sheet.iter_rows(max_row=12, max_col=1, values_only=True)]
    found = [re.fullmatch(r"Of (\d+) compared with a year before, (\d+) do not differ .*", text) for text in texts]
    compared, quiet = (sum(int(each[place]) for each in found if each) for place in (1, 2))
    assert compared > quiet > 20
    assert f"Partners' figures that do not differ from a year before beyond what chance alone gives: {quiet}." in lines
    differ = [line for line in lines if any(str(line).endswith(f": {A_YEAR_BEFORE[each]}") for each in (1, -1))]
    assert len(differ) == compared - quiet
    assert (
        "First-time entrants to the youth justice system, Leicestershire and Rutland, April 2016 to March 2017: "
        f"{A_YEAR_BEFORE[-1]}"
    ) in differ
    chance = f"By chance alone, about {compared * 0.05:.1f} of the {compared} figures that are compared would differ."
    assert chance in [row[0] for row in workbook["summary_partners"].iter_rows(max_row=9, max_col=1, values_only=True)]


def of(part: int, whole: int, *limits: int) -> Fact:
    """A percentage, with the limits of a survey's interval where there are some."""
    return Fact(Decimal(100 * part) / whole, Decimal(part), Decimal(whole), *map(Decimal, limits))


HALF, FEW, SMALL = of(50, 100), of(10, 20), of(3, 100)
SINCE = "Counted since April 2012, so it is not compared with a year before."


@pytest.mark.parametrize(
    ("key", "now", "then", "open_pack", "says"),
    [
        ("youth_reoffending", of(56, 70), of(48, 80), True, A_YEAR_BEFORE[1]),
        ("youth_reoffending", of(48, 80), of(56, 70), True, A_YEAR_BEFORE[-1]),
        ("youth_reoffending", HALF, HALF, True, A_YEAR_BEFORE[0]),
        ("youth_reoffending", FEW, HALF, False, "Too few for a percentage."),
        ("youth_reoffending", HALF, FEW, False, "Too few a year before for a comparison."),
        ("youth_reoffending", HALF, facts.MISSING, False, "There is no figure of a year before."),
        ("youth_reoffending", facts.MISSING, HALF, False, "No figure of the force, as not every area gave one."),
        ("savings_delivered", facts.MISSING, HALF, False, "Not available for this period."),
        ("youth_reoffences", HALF, HALF, False, "Not compared: a few people can make much of it."),
        ("treatment_completed_opiate", SMALL, HALF, True, "Withheld, as a number is small."),
        ("treatment_completed_opiate", SMALL, HALF, False, A_YEAR_BEFORE[-1]),
        ("treatment_completed_opiate", HALF, SMALL, True, "Too few a year before for a comparison."),
        ("families_in_work", Fact(Decimal(9), Decimal(9), None), Fact(Decimal(5), Decimal(5), None), False, SINCE),
        ("marac_repeats", HALF, HALF, False, CONTEXT),
        ("satisfied_whole", of(70, 100, 65, 75), of(60, 100, 55, 65), False, A_YEAR_BEFORE[1]),
        ("satisfied_whole", of(70, 100, 60, 79), of(60, 100, 50, 69), False, A_YEAR_BEFORE[0]),
    ],
)
def test_what_a_figure_says(material: Material, key: str, now: Fact, then: Fact, open_pack: bool, says: str) -> None:
    each = PartnerFigure(material, material.declarations.measures[key], FORCE, open_pack)
    changed = dataclasses.replace(material, facts={**material.facts, each.key: now, each.earlier: then})
    assert PartnerFigure(changed, each.measure, FORCE, open_pack).says == says


def test_a_difference_is_said_on_the_cover_the_summary_and_the_worksheet(material: Material) -> None:
    each = PartnerFigure(material, material.declarations.measures["youth_reoffending"], FORCE, False)
    changed = dataclasses.replace(
        material, facts={**material.facts, each.key: of(56, 70), each.earlier: of(48, 80)}, population_years={}
    )
    declared = material.declarations.boards["pdg"]
    book = contents.book(changed, Pack("0" * 32, declared, declared.renderings[0], None))
    says = "Higher than a year before, by more than chance alone gives."
    covers = "October 2015 to September 2016, of the cohort of July 2015 to September 2015"
    assert f"Young offenders who reoffended, {covers}: {says}" in book.cover.lines
    notes = next(sheet.notes for sheet in book.sheets if sheet.name == "yos_return")
    assert notes[:2] == (
        f"First-time entrants to the youth justice system, Leicestershire and Rutland: {A_YEAR_BEFORE[-1]}",
        f"Young offenders who reoffended, Leicestershire force area: {says}",
    )
    assert not any("use the population of" in note for note in notes)
    old = dataclasses.replace(changed, population_years={"first_time_entrants": "2007"})
    book = contents.book(old, Pack("0" * 32, declared, declared.renderings[0], None))
    notes = next(sheet.notes for sheet in book.sheets if sheet.name == "yos_return")
    assert (
        "First-time entrants to the youth justice system: the newest rates use the population of 2007. That is ten "
        "years or more before the period: where the population grew, rates are too high." in notes
    )
    row = table_of(changed, "pdg", "summary_partners")["Young offenders who reoffended"]
    assert row[:8] == [says, covers, Decimal("80.0"), 56, 70, Decimal("60.0"), 48, 80]


def test_a_figure_of_another_area_than_the_packs_says_so(material: Material) -> None:
    summary = table_of(material, "csp_rutland", "summary_partners")
    assert (
        summary["Young people referred to early help"][3]
        == material.facts[Key("early_help_referrals", "quarter", RUTLAND, MONTH)].value
    )
    assert "Reports of hate taken by partners, Leicestershire force area" in summary  # sensitive: of the force alone
    assert "Reports of hate taken by partners" not in summary


def test_a_summary_says_why_the_force_has_no_figure(material: Material) -> None:
    summary = table_of(material, "strategic_partnership", "summary_partners")
    not_of_all = "No figure of the force, as not every area gave one."
    assert summary["Young people referred to early help"][0] == not_of_all
    assert table_of(material, "csp_oadby_and_wigston", "summary_partners")["Young people referred to early help"][
        0
    ] == ("Not available for this period.")


def test_of_few_an_open_pack_shows_the_base_alone(material: Material) -> None:
    measure = material.declarations.measures["victims_satisfied"]
    key = Key("victims_satisfied", "quarter", RUTLAND, MONTH)
    changed = dataclasses.replace(material, facts={**material.facts, key: of(4, 6)})
    parts = ("value", "numerator", "denominator")
    assert [value_of(figure(changed, measure, key, part, withheld=True)) for part in parts] == ["[u]", "[u]", 6]
    assert [value_of(figure(changed, measure, key, part)) for part in parts] == ["[u]", 4, 6]


def test_what_lies_before_a_break_is_not_compared(material: Material) -> None:
    since = Break(from_month="2016-10", reason="cautions count too")
    measure = material.declarations.measures["first_time_entrants"].model_copy(update={"breaks": (since,)})
    says = PartnerFigure(material, measure, FORCE, False).says
    assert says == "Not comparable with before 1 October 2016: cautions count too."
    before_both = since.model_copy(update={"from_month": "2015-10"})  # within the earlier figure's months
    both = PartnerFigure(material, measure.model_copy(update={"breaks": (before_both,)}), FORCE, False)
    assert both.says == "Not comparable with before 1 October 2015: cautions count too."
    to_come = since.model_copy(update={"from_month": "2018-04"})
    future = PartnerFigure(material, measure.model_copy(update={"breaks": (to_come,)}), FORCE, False)
    assert future.says in A_YEAR_BEFORE.values()
    long_ago = measure.model_copy(update={"breaks": (since.model_copy(update={"from_month": "2014-10"}),)})
    assert PartnerFigure(material, long_ago, FORCE, False).says in A_YEAR_BEFORE.values()


def test_a_mark_names_the_figures_that_it_is_of() -> None:
    both = {"Entrants": {"[p]"}, "Reoffenders": {"[p]", "[u]"}}
    assert notes_of(both) == "[p]; [u] Reoffenders"
    assert notes_of({"Entrants": set(), "Reoffenders": set()}) == "none"


def test_an_official_pack_shows_sensitive_figures_of_the_force_alone(desk: Desk, inbox: Path) -> None:
    by_board = {build.board: tables(build.path) for build in packs.builds(desk.office, MONTH)}
    open_rows = list(by_board["strategic_partnership"]["substance_misuse"])[1:]
    assert {row.partition(",")[0] for row in open_rows} == {"Leicestershire force area"}
    assert len(open_rows) == 8
    closed = by_board["pdg"]["substance_misuse"]
    assert {row.partition(",")[0] for row in list(closed)[1:]} == {
        "Leicester", "Leicestershire County", "Rutland", "Leicestershire force area",
    }  # fmt: skip
    (opiate,) = (
        row
        for row in sent(inbox, "rutland-substance-misuse")
        if (row["period"], row["substance"]) == ("2017-03", "opiate")
    )
    kept = int(opiate["completed"]) - int(opiate["re_presented"])
    heading = closed["Area and period"].index("Treatment for opiates completed: how many\n(count)")
    assert closed["Rutland, return of March 2017"][heading] == kept
    assert not {"da_partnership", "safeguarding_children"} & by_board["strategic_partnership"].keys()


def test_a_survey_is_shown_with_interval_and_base_and_withheld_of_few(desk: Desk, inbox: Path) -> None:
    by_board = {build.board: tables(build.path) for build in packs.builds(desk.office, MONTH)}
    answers = [row for row in sent(inbox, "survey-victim") if row["disposition"] == "completed"]
    hate = "Victims of hate crime satisfied with the service"
    for board, first, last in (("pdg", "2016-05", "2017-04"), ("strategic_partnership", "2017-01", "2017-03")):
        of_hate = [
            row for row in answers if row["victim_group"] == "hate" and first <= row["wave"] <= last and row["q_whole"]
        ]
        others = sum(int(row["q_whole"]) < 5 for row in of_hate)
        if board == "strategic_partnership":  # four of 21 are not satisfied
            assert (len(of_hate), others) == (21, 4)
            assert by_board[board]["survey_victim"][hate][:5] == ["[c]"] * 5
            continue
        share, lower, upper, satisfied, asked = by_board[board]["survey_victim"][hate][:5]
        assert asked == len(of_hate)
        assert satisfied == sum(int(row["q_whole"]) >= 5 for row in of_hate)
        weight = sum(Decimal(row["weight"]) for row in of_hate)
        given = 100 * sum(Decimal(row["weight"]) for row in of_hate if int(row["q_whole"]) >= 5) / weight
        assert abs(Decimal(str(share)) - given) <= Decimal("0.05")
        assert lower < share < upper
    confidence = by_board["pdg"]["survey_confidence"]
    shown = [*AREAS, "Leicestershire force area"]
    assert list(confidence)[1:] == [f"Confidence in the police, {area}" for area in shown]
    sample = [row for row in sent(inbox, "survey-confidence") if row["wave"] == "2017-03"]
    asked = {row["csp_code"]: int(row["base_unweighted"]) for row in sample}
    (of_force,) = asked.keys() - {each.code for each in DISTRICTS}
    assert asked[of_force] == sum(asked.values()) / 2
    assert confidence["Measure"][3] == "Answered\n(count)"  # how many said so is not given
    assert confidence["Confidence in the police, Leicestershire force area"][3] == asked[of_force]
    assert asked["E07000133"] < 30
    assert confidence["Confidence in the police, Melton"][:4] == ["[u]", "[u]", "[u]", asked["E07000133"]]


def test_an_official_pack_shows_what_the_police_count_that_is_sensitive_of_the_force_by_quarter(
    material: Material, desk: Desk
) -> None:
    (path,) = (build.path for build in packs.builds(desk.office, MONTH) if build.board == "strategic_partnership")
    table = tables(path)["by_quarter"]
    measures = material.declarations.measures
    shown = (
        "hate_crimes", "hate_incidents", "mental_health_detentions", "mental_health_custody", "missing_reports",
        "repeat_missing_reports", "missing_from_care",
    )  # fmt: skip
    assert list(table)[1:] == [measures[each].title for each in shown]
    given = 0
    for each in shown:
        keys = [Key(each, "quarter", FORCE, month) for month in (MONTH, "2016-06")]
        counts = [material.facts.get(key, facts.MISSING).value for key in keys]
        expected = ["[x]" if count is None else "[c]" if 0 < count < 5 else count for count in counts]
        assert table[measures[each].title][:3] == ["3 months to June 2017", *expected]
        given += sum(isinstance(count, Decimal) for count in expected)
    assert given == 14
    assert table["Hate crimes"][3:] == ["SP7", "[p]"]
    for sheet in openpyxl.load_workbook(path).sheetnames:  # and nowhere else
        if sheet not in ("by_quarter", "notes"):
            titles = set(tables(path).get(sheet, {}))
            assert not titles & {"Hate crimes", "Hate incidents", "Reports of missing people"}


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, "[c]"), (4, "[c]"), (5, 5)])
def test_a_small_count_of_the_police_is_withheld_of_a_quarter(material: Material, count: int, shown: Any) -> None:
    key = Key("hate_crimes", "quarter", FORCE, MONTH)
    changed = dataclasses.replace(material, facts={**material.facts, key: Fact(Decimal(count), Decimal(count), None)})
    assert table_of(changed, "strategic_partnership", "by_quarter")["Hate crimes"][1] == shown


def test_a_quarter_before_a_break_is_not_shown_beside_one_after(material: Material) -> None:
    since = Break(from_month="2017-04", reason="counted anew")
    measure = material.declarations.measures["hate_crimes"].model_copy(update={"breaks": (since,)})
    (sheet,) = by_quarter_sheet(material, [MeasureSheet(material, measure, "hate_crimes", FORCE)])
    assert sheet.table is not None
    assert [value_of(cell) for cell in sheet.table.rows[0][2:4]] == [
        material.facts[Key("hate_crimes", "quarter", FORCE, MONTH)].value, "[b]",
    ]  # fmt: skip


def test_a_survey_that_is_not_held_yet_is_not_available(material: Material) -> None:
    newest = {key for key in material.facts if key.measure == "police_confidence" and key.period == "2017-03"}
    assert newest
    earlier = {key: fact for key, fact in material.facts.items() if key not in newest}
    table = table_of(dataclasses.replace(material, facts=earlier), "pdg", "survey_confidence")
    of_force = table["Confidence in the police, Leicestershire force area"]
    assert of_force[:4] == ["[x]"] * 4
    assert isinstance(of_force[5], int)  # of a year before


def test_no_sensitive_figure_of_partners_is_published(material: Material) -> None:
    panel = material.declarations.boards["panel"]
    shown = {}
    for rendering in panel.renderings:  # the theme of that meeting is supporting victims and witnesses
        choice = choose(material, Pack("0" * 32, panel, rendering, date(2017, 2, 1)))
        shown[rendering.rendering] = {measure.measure for measure in choice.reported}
    assert shown["board"] - shown["published"] == {
        "satisfied_domestic_abuse", "satisfied_hate", "satisfied_asb", "marac_cases", "marac_repeats",
        "marac_children", "children_notified", "adult_domestic_abuse_concerns",
    }  # fmt: skip
    assert "police_confidence" in shown["published"]
    choice = choose(material, Pack("0" * 32, panel, panel.renderings[1], date(2017, 2, 1)))
    assert choice.by_quarter == []
    assert {"hate_crimes", "domestic_abuse_crimes"} <= {measure.measure for measure in choice.sensitive}


@pytest.mark.parametrize(
    ("fact", "withheld", "shown", "mark"),
    [
        (Fact(Decimal(10), Decimal(4), Decimal(40)), True, "[c]", True),
        (Fact(Decimal(10), Decimal(4), Decimal(40)), False, Decimal("10.0"), True),
        (Fact(Decimal(90), Decimal(36), Decimal(40)), True, "[c]", True),  # four are not among them
        (Fact(Decimal(0), Decimal(0), Decimal(40)), True, Decimal("0.0"), True),
        (Fact(Decimal("12.5"), Decimal(5), Decimal(40)), True, Decimal("12.5"), True),
        (Fact(Decimal(50), Decimal(10), Decimal(20)), False, "[u]", False),
        (Fact(Decimal(50), Decimal(50), Decimal(100)), False, Decimal("50.0"), False),
        (facts.MISSING, True, "[x]", False),
    ],
)
def test_a_figure_as_it_may_be_shown(material: Material, fact: Fact, withheld: bool, shown: Any, mark: bool) -> None:
    measure = material.declarations.measures["marac_repeats"]
    key = Key("marac_repeats", "reported", FORCE, MONTH)
    changed = dataclasses.replace(material, facts={**material.facts, key: fact})
    assert value_of(figure(changed, measure, key, withheld=withheld)) == shown
    assert ("[u]" in PartnerFigure(changed, measure, FORCE, withheld).marks(key)) == mark


def test_what_has_no_measure_is_said_in_words_and_missed_where_it_is_not(material: Material, desk: Desk) -> None:
    said = table_of(material, "pdg", "narrative")
    assert [label.partition(" ")[0] for label in said] == ["SP6", "SP15"]
    assert [row[1:] for row in said.values()] == [["Head of performance", "3 July 2017"]] * 2
    nothing = table_of(dataclasses.replace(material, narratives=()), "pdg", "narrative")
    assert list(nothing.values()) == [["[x]", "[z]", "[z]"]] * 2
    assert list(table_of(material, "strategic_partnership", "narrative")) == [
        "SP15 Child abuse and child sexual exploitation"
    ]
    for build in packs.builds(desk.office, MONTH):
        for rows in tables(build.path).values():
            for label, row in rows.items():
                if label.startswith(("SP6 ", "SP15 ")):
                    assert not [cell for cell in row if not isinstance(cell, str)]


def test_a_safeguarding_board_has_its_own_words_and_the_figures_of_its_area_or_of_the_force(material: Material) -> None:
    words = table_of(material, "safeguarding_children_leicester", "assessment")
    assert list(words) == [
        "SP15 Child abuse and child sexual exploitation", "SP16 Mental health", "SP17 Repeat missing persons",
        "SP5 Domestic abuse",
    ]  # fmt: skip
    assert [row[1] for row in words.values()] == ["partial", "substantial", "partial", "full"]
    own = table_of(material, "safeguarding_children_leicester", "summary")
    assert (
        own["Reports of missing people"][1] == material.facts[Key("missing_reports", "month", "E06000016", MONTH)].value
    )
    label = "Detentions under section 136, Leicestershire force area"
    assert own[label][1] == material.facts[Key("mental_health_detentions", "month", FORCE, MONTH)].value
    county = table_of(material, "safeguarding_children_leicestershire_and_rutland", "summary")
    assert "Reports of missing people, Leicestershire force area" in county  # which is counted for no such area
    assert table_of(material, "safeguarding_adults_leicester", "returns").keys() == {
        "Leicester", "Leicestershire and Rutland",
    }  # fmt: skip
    boards = material.declarations.boards
    assert boards["safeguarding_adults_leicester"].recipients == ("safeguarding.adults@leicester.example",)
