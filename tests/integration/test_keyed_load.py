"""A keyed feed: of each extract only what changed is inserted, and a key's whole history can be read."""

from datetime import date
from pathlib import Path

from extracts import Row, write
from offices import Desk

from monthend.freeze import facts
from monthend.freeze.candidate import propose
from monthend.load import load, rows_sha256
from monthend.plan.declarations import ROOT, Declarations
from monthend.publish import packs
from monthend.receive import receive
from monthend.status import blockers, feeds_at
from monthend.validate.findings import findings
from monthend.validate.validation import validate

ON = date(2017, 8, 1)
FEED = Declarations(ROOT).feeds["police_crime"]
COUNTS = "SELECT row_count, new_count, changed_count, gone_count FROM reporting.load ORDER BY load_number DESC LIMIT 1"


def crime(number: int, **columns: str) -> Row:
    return {"crime_ref": f"LEI-2016-{number:07}", **columns}


def take_in(desk: Desk, *paths: Path) -> list[int]:
    """Receive, validate and load; gives the loads of these files."""
    received = receive(desk.office, paths, ON).delivery_ids
    validate(desk.office, received, ON)
    return [each for each in load(desk.office, received) if each in received[-len(paths) :]]


def states(desk: Desk, load_number: int = 1000) -> dict[str, tuple[str, str]]:
    rows = desk.rows("SELECT crime_ref, ho_code, status FROM reporting.police_crime_at(%s)", load_number)
    return {ref[-1]: (code, status) for ref, code, status in rows}


def test_only_changes_are_inserted_and_what_vanished_inside_the_window_has_a_tombstone(
    desk: Desk, tmp_path: Path
) -> None:
    dates = dict.fromkeys(("committed_from", "committed_to", "reported_at", "recorded_at"), "2013-05-31T23:59:59")
    rolled_out = crime(9, **dates)
    first = [rolled_out, *(crime(number) for number in (1, 2, 3, 4))]
    take_in(desk, write(tmp_path, "police_crime", "2016-04", first))
    assert desk.rows(COUNTS) == [(5, 5, 0, 0)]
    newest = desk.rows("SELECT max(load_number) FROM reporting.load")[0][0]

    second = [
        crime(1),
        crime(2, ho_code="30A", reclassified_at="2016-05-02T10:00:00"),
        crime(3, status="cancelled", status_at="2016-05-10T10:00:00"),
        crime(5, recorded_at="2016-05-31T23:59:59"),
    ]
    take_in(desk, write(tmp_path, "police_crime", "2016-05", second))
    assert desk.rows(COUNTS) == [(4, 1, 2, 1)]
    assert desk.rows("SELECT crime_ref, removed FROM reporting.police_crime WHERE removed IS NOT NULL") == [
        ("LEI-2016-0000004", "vanished")
    ]
    assert states(desk) == {
        "1": ("28A", "recorded"),
        "2": ("30A", "recorded"),
        "3": ("28A", "cancelled"),
        "5": ("28A", "recorded"),
        "9": ("28A", "recorded"),  # its month is before the 36 to May 2016, so the extract says nothing of it
    }
    assert states(desk, newest) == dict.fromkeys("12349", ("28A", "recorded"))
    assert desk.rows(
        "SELECT period, ho_code, removed FROM reporting.police_crime_history WHERE crime_ref = 'LEI-2016-0000002'"
        " ORDER BY load_number"
    ) == [("2016-04", "28A", None), ("2016-05", "30A", None)]


def test_the_same_extract_has_the_same_hash_whatever_was_loaded_before_it(
    desk: Desk, new_desk: type, tmp_path: Path
) -> None:
    april = write(tmp_path, "police_crime", "2016-04", [crime(1), crime(2)])
    may = write(tmp_path, "police_crime", "2016-05", [crime(3), crime(1, ho_code="30A")])
    other = new_desk()
    take_in(desk, april)
    [delivery_id] = take_in(desk, may)
    take_in(other, may)
    statement = "SELECT rows_sha256, row_count FROM reporting.load ORDER BY load_number DESC LIMIT 1"
    assert desk.rows(statement) == other.rows(statement)
    with desk.office.engine.connect() as connection:
        assert [
            rows_sha256(connection, FEED.feed, FEED, [c.column for c in FEED.columns if c.kept], delivery_id)
        ] == desk.rows(statement)
    desk.behind_its_back("UPDATE reporting.police_crime SET ho_code = '31' WHERE row_number = 1 AND ho_code = '28A'")
    with desk.office.engine.connect() as connection:
        changed = rows_sha256(connection, FEED.feed, FEED, [c.column for c in FEED.columns if c.kept], delivery_id)
    assert changed[1] == 2
    assert [changed] != other.rows(statement)


def test_an_earlier_period_that_comes_late_is_passed_over_and_a_resend_takes_the_place_of_its_own(
    desk: Desk, tmp_path: Path
) -> None:
    assert len(take_in(desk, write(tmp_path / "may", "police_crime", "2016-05", [crime(1), crime(2)]))) == 1
    assert take_in(desk, write(tmp_path / "april", "police_crime", "2016-04", [crime(7)])) == []
    assert len(take_in(desk, write(tmp_path / "again", "police_crime", "2016-05", [crime(1), crime(3)]))) == 1
    assert states(desk) == {"1": ("28A", "recorded"), "3": ("28A", "recorded")}
    assert desk.rows("SELECT delivery_id FROM reporting.current_delivery('police_crime', 1000)") == desk.rows(
        "SELECT max(delivery_id) FROM reporting.load"
    )


def test_loading_again_and_a_key_that_comes_back(desk: Desk, tmp_path: Path) -> None:
    for period, rows in (("2016-04", [crime(1)]), ("2016-05", [crime(2)]), ("2016-06", [crime(1), crime(2)])):
        path = write(tmp_path, "police_crime", period, rows)
        take_in(desk, path)
        take_in(desk, path)
    assert desk.rows("SELECT count(*), count(removed) FROM reporting.police_crime") == [(4, 1)]
    assert states(desk) == {"1": ("28A", "recorded"), "2": ("28A", "recorded")}


def test_facts_of_a_keyed_feed_begin_with_its_first_window(desk: Desk, tmp_path: Path) -> None:
    take_in(desk, write(tmp_path, "police_crime", "2016-04", [crime(1), crime(2)]))
    with desk.office.engine.connect() as connection:
        held = facts._held(connection, Declarations(ROOT), FEED, "2016-06", 1000)
    assert held is not None
    assert (held.index[0], held.index[-1]) == ("2013-05", "2016-06")
    assert held["E23000021"].tolist() == [True] * 36 + [False] * 2
    assert held.shape[1] == 10


def test_a_month_whose_rows_came_in_a_later_extract_is_not_missing(desk: Desk, tmp_path: Path) -> None:
    take_in(desk, write(tmp_path, "police_crime", "2016-04", [crime(1)]))
    stands = {}
    for month in ("2016-03", "2016-05"):
        (feed,) = [each for each in feeds_at(desk.office, month) if each.feed == "police_crime"]
        named = [each.what for each in blockers(desk.office, month, ON) if each.what.startswith(feed.title)]
        stands[month] = (feed.due, feed.received, feed.missing, len(named))
    assert stands == {"2016-03": (1, 1, (), 0), "2016-05": (1, 0, ("Leicestershire Police",), 1)}


def test_a_later_extract_that_passes_puts_a_finding_right(desk: Desk, tmp_path: Path) -> None:
    states = []
    for period, code in (("2016-04", "8P"), ("2016-05", "8N")):
        take_in(desk, write(tmp_path, "police_crime", period, [crime(1, ho_code=code)]))
        found = findings(desk.office, ON, fixed=True)
        states.append([(each.period, each.state, each.opened_on) for each in found if each.check_id == "H02"])
    assert states == [[("2016-04", "open", ON)], [("2016-05", "fixed", ON)]]


def test_packs_count_the_checks_of_the_newest_extract_at_a_month_end(desk: Desk, tmp_path: Path) -> None:
    for period, code in (("2016-04", "8P"), ("2016-05", "8N")):
        take_in(desk, write(tmp_path, "police_crime", period, [crime(1, ho_code=code)]))
    told = {}
    for month in ("2016-04", "2016-05"):
        candidate = propose(desk.office, month, ON)
        with desk.office.engine.connect() as connection:
            (checked,) = (
                (each["deliveries"], each["failed"], each["rows"])
                for each in packs._quality(desk.office, connection, candidate)
                if (each["feed"], each["check_id"]) == ("police_crime", "H02") and each["part"] == "given"
            )
            (delivered,) = (
                each for each in packs._deliveries(desk.office, connection, candidate) if each[0] == "police_crime"
            )
        told[month] = checked, delivered
    assert told == {
        "2016-04": ((1, 1, 1), ("police_crime", 1, 1, 0)),
        "2016-05": ((1, 0, 0), ("police_crime", 1, 1, 0)),
    }
