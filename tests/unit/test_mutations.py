"""Faults put into a delivery: what each changes, and that it changes nothing else."""

from difflib import ndiff

import pytest
from extracts import write

from monthend.plan.declarations import ROOT, Declarations
from monthend.sample.mutations import Mutation, mutations

PERIOD, BEFORE = "2016-06", b"what came for May"
RIGHT = (
    "LEI-2016-0000005,cancelled,C2,2016-06-06T10:00:00,force crime registrar,Y,2016-07-05T09:00:00,,2016-07-04T06:00:00"
)
TWENTIETH = "in a twentieth of the month's rows"

Found = dict[tuple[str, str], Mutation]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty-four cancellations, four of them decided in May; of each second the victim was informed."""
    rows = [
        {
            "crime_ref": f"LEI-2016-{number:07}",
            "decided_at": f"2016-{5 if number <= 4 else 6:02}-{number + 1:02}T10:00:00",
            "victim_informed_at": f"2016-07-{number:02}T09:00:00" if number % 2 else "",
        }
        for number in range(1, 25)
    ]
    return write(tmp_path_factory.mktemp("extract"), "police_cancelled", PERIOD, rows).read_bytes()


@pytest.fixture(scope="module")
def found(content: bytes) -> Found:
    """Every fault of it, by column and words."""
    feed = Declarations(ROOT).feeds["police_cancelled"]
    made = list(mutations(feed, PERIOD, content, BEFORE))
    by_name = {(each.column, each.fault): each for each in made}
    assert len(by_name) == len(made) == 85
    return by_name


def lines(content: bytes, faulty: bytes) -> list[str]:
    """The lines that differ."""
    compared = ndiff(content.decode().splitlines(), faulty.decode().splitlines())
    return [line for line in compared if line[0] in "+-"]


@pytest.mark.parametrize(
    ("column", "fault", "becomes"),
    [
        ("crime_ref", f"a letter more {TWENTIETH}", ("0000005,", "0000005X,")),
        ("crime_ref", f"spaces around the value {TWENTIETH}", ("LEI-2016-0000005,", " LEI-2016-0000005 ,")),
        ("action", f"empty {TWENTIETH}", ("cancelled", "")),
        ("reason_code", f"N/A {TWENTIETH}", ("C2", "N/A")),
        ("decided_at", f"a month early {TWENTIETH}", ("2016-06-06", "2016-05-06")),
        ("decided_at", f"a month late {TWENTIETH}", ("2016-06-06", "2016-07-06")),
        ("decided_at", f"a year early {TWENTIETH}", ("2016-06-06", "2015-06-06")),
        ("victim_informed_at", f"day and month exchanged {TWENTIETH}", ("2016-07-05", "2016-05-07")),
    ],
)
def test_a_fault_of_some_rows_strikes_each_twentieth_of_the_month(
    content: bytes, found: Found, column: str, fault: str, becomes: tuple[str, str]
) -> None:
    mutation = found[column, fault]
    assert not mutation.on_the_way
    assert lines(content, mutation.content) == [f"- {RIGHT}", f"+ {RIGHT.replace(*becomes, 1)}"]


def test_a_fault_of_every_row_strikes_every_row(content: bytes, found: Found) -> None:
    british = found["decided_at", "written 30/06/2017 in every row"].content.decode().splitlines()
    assert [line.split(",")[3] for line in british[1:]] == [
        f"{number + 1:02}/{5 if number <= 4 else 6:02}/2016 10:00:00" for number in range(1, 25)
    ]
    serial = found["decided_at", "Excel's serial number in every row"].content.decode().splitlines()
    assert [line.split(",")[3] for line in serial[1:3]] == ["42492.41667", "42493.41667"]  # 2 and 3 May, 10:00


def test_rows_are_lost_and_stand_twice(content: bytes, found: Found) -> None:
    missing = found["", "the month's rows are missing"].content
    assert missing == b"".join(content.splitlines(keepends=True)[:5])
    twice = found["", "three of the month's rows stand twice"].content
    assert twice == content + b"".join(content.splitlines(keepends=True)[5:8])
    again = found["", "a twentieth of the month's rows stand again under another key"].content
    assert again == content + RIGHT.replace("0000005", "000000Z").encode() + b"\n"


def test_the_control_record_is_of_the_right_file_where_one_is_damaged_on_the_way(content: bytes, found: Found) -> None:
    assert [fault for (_, fault), each in found.items() if each.on_the_way] == [
        "columns are separated by semicolons",
        "saved as Unicode text (UTF-16)",
        "the last ten rows are lost",
        "every second row is lost",
        "cut off in the middle of a row",
        "the headings are lost",
    ]
    assert found["", "the last ten rows are lost"].content == b"".join(content.splitlines(keepends=True)[:-10])
    assert found["", "the file of the period before under the new name"].content == BEFORE


def test_a_fault_that_changes_nothing_is_left_out(found: Found) -> None:
    """An empty column can be emptied no further."""
    assert [fault for column, fault in found if column == "receiving_force"] == [
        "the column is missing",
        f"N/A {TWENTIETH}",
    ]
