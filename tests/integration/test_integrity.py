"""Cross-feed checks: each fires on a small world in which it is not met, with its keys, and none on a clean one."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from extracts import Row, write
from offices import STEWARD, Desk, NewDesk

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.freeze import chain
from monthend.freeze.candidate import Candidate, propose
from monthend.load import load
from monthend.office import Office
from monthend.plan.calendar import add_months
from monthend.plan.declarations import Declarations
from monthend.receive import receive
from monthend.statistics.spc import xmr
from monthend.status import blockers
from monthend.validate import findings, integrity

ON = date(2016, 7, 6)
MONTH, BEFORE = "2016-06", "2016-05"
FORCE = "E23000021"
World = dict[str, list[Row]]
Keys = dict[str, list[str]]


def crime(number: int, year: int = 2016, **columns: str) -> Row:
    return {"crime_ref": f"LEI-{year}-{number:07}", **columns}


def on(day: str) -> Row:
    """A crime's dates, all on one day."""
    return dict.fromkeys(("committed_from", "committed_to", "reported_at", "recorded_at"), f"{day}T09:00:00")


def clean() -> World:
    """A world in which nothing is wrong: a hundred crimes of April 2016, and of November 2015."""
    crimes = [crime(number, csp_code="E06000016" if number % 2 else "") for number in range(1, 101)]
    crimes += [crime(number, 2015, **on("2015-11-02")) for number in range(1, 101)]
    crimes[9] |= {"status": "cancelled", "status_at": "2016-05-10T10:00:00"}
    closed_as_crime = {"opening_code": "CRIME", "closing_code": "CRIME", "asb_qualifier": ""}
    return {
        "police_crime": crimes,
        "police_outcome": [{"crime_ref": each["crime_ref"]} for each in crimes[:5]],
        "police_cancelled": [{"crime_ref": "LEI-2016-0000010"}],
        "police_incident": [
            {"incident_ref": "LEI-I-2016-0000001"},
            *(
                {"incident_ref": f"LEI-I-2016-000000{number}", **closed_as_crime, "crime_ref": "LEI-2016-0000001"}
                for number in (2, 3, 4)
            ),
        ],
        "msg_comparator": [{"count": "99"}],
    }


def transferred(world: World, crime_ref: str, decided_at: str = "2016-06-20T10:00:00") -> None:
    event = {"crime_ref": crime_ref, "action": "transferred", "reason_code": "C1", "decided_at": decided_at}
    world["police_cancelled"].append(event)


def take_in(desk: Desk, folder: Path, period: str, world: World) -> None:
    """Receive and load the extracts of a period, as if their own suites had nothing to say."""
    files = [write(folder, feed, period, rows) for feed, rows in world.items()]
    ids = receive(desk.office, files, ON).delivery_ids[-len(files) :]
    with desk.office.engine.begin() as connection:
        for delivery_id, rows in zip(ids, world.values(), strict=True):
            validation = {"delivery_id": delivery_id, "rules_sha256": "none", "verdict": "passed", "validated_on": ON}
            counts = {"row_count": len(rows), "quarantined_count": 0}
            warehouse.insert(connection, "quality.validation", [validation | counts])
    assert load(desk.office, ids) == ids


def sign(desk: Desk, candidate: Candidate, day: date = ON) -> None:
    chain.sign_off(desk.office, candidate.candidate_id, "freeze", STEWARD, candidate.shown_sha256, "command line", day)


@pytest.fixture(scope="module")
def begun(new_desk: NewDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office in which the clean world of May is frozen. Only for copying."""
    desk = new_desk()
    take_in(desk, tmp_path_factory.mktemp("may"), BEFORE, clean())
    candidate = propose(desk.office, BEFORE, ON)
    sign(desk, candidate)
    chain.freeze(desk.office, candidate.candidate_id, ON)
    return desk


@pytest.fixture
def desk(begun: Desk, new_desk: NewDesk) -> Iterator[Desk]:
    made = new_desk(begun)
    yield made
    made.office.engine.dispose()


def check(desk: Desk, office: Office | None = None) -> integrity.Integrity:
    """Run the checks for June on everything that is loaded, against the snapshot of May."""
    [(newest, before)] = desk.rows(
        "SELECT (SELECT max(load_number) FROM reporting.load), min(load_number) FROM snapshot.candidate"
    )
    return integrity.check(office or desk.office, MONTH, newest, before, ON)


def failing(desk: Desk, found: integrity.Integrity) -> Keys:
    """The keys, by check, of what failed."""
    rows = desk.rows(
        "SELECT trim(check_id || ' ' || part), array_agg(key ORDER BY key COLLATE \"C\") FROM quality.integrity_key"
        " WHERE integrity_id = %s GROUP BY 1",
        found.integrity_id,
    )
    counts = {f"{each.check_id} {each.part}".strip(): each.unexpected_count for each in found.results}
    assert {name: count for name, count in counts.items() if count} == {name: len(keys) for name, keys in rows}
    return dict(rows)


def test_each_check_fires_with_its_keys_once(desk: Desk, tmp_path: Path) -> None:
    world = clean()
    crimes, outcomes, incidents = world["police_crime"], world["police_outcome"], world["police_incident"]
    crimes[0] |= {"csp_code": "E06000018", **on("2016-03-01")}  # Nottingham
    crimes[1] |= {"ho_code": "30A"}
    crimes[110] |= {"ho_code": "999", "reclassified_at": "2016-06-02T10:00:00"}
    del crimes[20:23]
    outcomes[2] |= {"outcome_at": "2016-04-09T10:00:00"}
    outcomes += [crime(999), crime(10), crime(4, outcome_type="16")]
    incidents[0] |= {"asb_qualifier": ""}
    incidents[1] |= {"crime_ref": ""}
    incidents[2] |= {"crime_ref": "LEI-2016-0000999"}
    del incidents[3]
    del outcomes[4]
    transferred(world, crime(31)["crime_ref"])
    world["msg_comparator"] = [{"count": "101"}]
    take_in(desk, tmp_path, MONTH, world)
    found = check(desk)
    assert failing(desk, found) == {
        "C06 events": ["LEI-2016-0000031"],
        "C07 districts": [f"{FORCE} 2016-03"],
        "C07 offences": [f"{FORCE} 2015-11"],
        "C09 half an extract": [f"{FORCE} 2016-06"],
        "C09 incidents": ["LEI-I-2016-0000004"],
        "C09 outcomes": ["LEI-2016-0000005"],
        "C09 vanished": ["LEI-2016-0000021", "LEI-2016-0000022", "LEI-2016-0000023"],
        "C10": ["LEI-2016-0000002"],
        "I01 sum": [f"{FORCE} 2016-04"],
        "I03": ["LEI-I-2016-0000002", "LEI-I-2016-0000003"],
        "M03": [f"{FORCE} all_crime"],
        "O02 before the crime": ["LEI-2016-0000003"],
        "O02 no crime": ["LEI-2016-0000999"],
        "O07": ["LEI-2016-0000010"],
        "O08": [f"{FORCE} 2016-04"],
    }
    stored = "SELECT (SELECT count(*) FROM quality.integrity), (SELECT count(*) FROM quality.integrity_key)"
    before = desk.rows(stored)
    assert check(desk) == found
    assert desk.rows(stored) == before


def test_none_fires_where_nothing_is_wrong(desk: Desk, tmp_path: Path) -> None:
    world = clean()
    crimes = world["police_crime"]
    crimes[1] |= {"ho_code": "30A", "reclassified_at": "2016-06-02T10:00:00"}
    transferred(world, crimes.pop(20)["crime_ref"])
    world["police_outcome"] += [crime(999, 2012)]  # of before the years held
    transferred(world, "LEI-2015-0000999")  # no extract from between its year and the decision is held
    take_in(desk, tmp_path, MONTH, world)
    found = check(desk)
    assert failing(desk, found) == {}
    assert {
        (each.check_id, each.outcome, each.detail)
        for each in found.results
        if each.outcome != "passed" and each.feed in world  # what partners send is not here
    } == {("C11", "not run", "1 month-ends are frozen; 12 are needed.")}


def test_a_crime_that_came_back_or_was_quarantined_has_not_vanished(desk: Desk, tmp_path: Path) -> None:
    world = clean()
    crimes = world["police_crime"]
    take_in(desk, tmp_path / "short", MONTH, {"police_crime": crimes[1:]})
    assert failing(desk, check(desk)) == {"C09 vanished": ["LEI-2016-0000001"]}
    desk.behind_its_back("UPDATE reporting.police_crime SET removed = 'quarantined' WHERE removed = 'vanished'")
    take_in(desk, tmp_path / "other", MONTH, {"police_outcome": world["police_outcome"]})
    assert failing(desk, check(desk)) == {}
    desk.behind_its_back("UPDATE reporting.police_crime SET removed = 'vanished' WHERE removed = 'quarantined'")
    take_in(desk, tmp_path / "whole", MONTH, {"police_crime": crimes})
    assert failing(desk, check(desk)) == {}


def test_an_event_of_a_crime_that_an_extract_should_have_held(desk: Desk, tmp_path: Path) -> None:
    desk.behind_its_back("UPDATE landing.delivery SET period = '2015-12' WHERE feed = 'police_crime'")
    world = clean()
    transferred(world, "LEI-2015-0000998", "2016-02-28T10:00:00")
    transferred(world, "LEI-2015-0000999", "2016-01-31T10:00:00")  # it can have left before the extract of December
    take_in(desk, tmp_path, MONTH, world)
    assert failing(desk, check(desk)) == {"N01 no crime": ["LEI-2015-0000998"]}


STEADY = [10, 12, 9, 11, 13, 10, 8, 11, 12, 10, 9, 11, 10, 11, 12, 9, 10, 11, 13, 8, 10, 11, 9, 12]
UNSTEADY = [10, 22, 14, 27, 11, 24, 18, 8, 21, 13, 25, 90, 12, 23, 9, 19, 26, 11, 20, 14, 24, 10, 22, 15]


@pytest.mark.parametrize(("shares", "beyond", "told"), [(UNSTEADY, 0, False), (UNSTEADY, 1, True), (STEADY, 1, False)])
def test_drift_is_told_outside_the_chart_and_beyond_chance(
    desk: Desk, tmp_path: Path, shares: list[int], beyond: int, told: bool
) -> None:
    """A hundred crimes a month on either side of a boundary; and of a hundred robberies so many were cancelled."""
    last = int(xmr(shares).points["upper"].iloc[0]) + beyond
    crimes, events = [], []
    for place, count in enumerate([*shares, last]):
        month = add_months(MONTH, place - 24)
        for number in range(100):
            common = on(f"{month}-02")
            crimes.append(crime(1000 * place + number, 2014, ho_code="8N" if number < count else "105A", **common))
            robbery = crime(500000 + 1000 * place + number, 2014, ho_code="34B", **common)
            if number < count:
                robbery |= {"status": "cancelled", "status_at": f"{month}-03T10:00:00"}
                events.append({"crime_ref": robbery["crime_ref"], "decided_at": f"{month}-03T10:00:00"})
            crimes.append(robbery)
    take_in(desk, tmp_path, MONTH, {"police_crime": crimes, "police_cancelled": events})
    found = failing(desk, check(desk))
    assert {name: found[name] for name in found if name in ("C12", "N03")} == (
        {"C12": [f"{FORCE} {MONTH} 8N:105A"], "N03": [f"{FORCE} {MONTH} robbery"]} if told else {}
    )


@pytest.mark.parametrize(("lost", "keys"), [(1, {}), (3, {"C11": [f"{FORCE} 2016-04"]})])
def test_a_revision_outside_the_band_of_its_age(desk: Desk, tmp_path: Path, lost: int, keys: Keys) -> None:
    """Fourteen snapshots, after each of which a month was revised by a hundredth when it was two months old."""
    with desk.server.connect(desk.database, warehouse.OWNER) as connection:
        for place in range(14):
            connection.execute(
                b"WITH c AS (INSERT INTO snapshot.candidate (month, revision, load_number, digest, manifest,"
                b" facts_sha256, readiness, proposed_on) SELECT %(month)s, 1, load_number, '', '{}', '', '{}',"
                b" proposed_on FROM snapshot.candidate WHERE candidate_id = 1 RETURNING candidate_id, month),"
                b" s AS (INSERT INTO snapshot.sign_off (candidate_id, answer, signed_by, display_name, shown_sha256,"
                b" missing, channel, login_user, accepted, signed_on) SELECT candidate_id, 'freeze', '', '', '', '[]',"
                b" 'airflow', '', true, '2016-06-05' FROM c RETURNING sign_off_id, candidate_id),"
                b" f AS (INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, value) SELECT"
                b" candidate_id, 'all_crime', 'month', %(force)s, period, value FROM c,"
                b" (VALUES (%(month)s, 100), (%(revised)s, 99)) AS v(period, value))"
                b" INSERT INTO snapshot.snapshot SELECT %(place)s, c.month, 1, candidate_id, sign_off_id, '', '',"
                b" %(month)s, '2016-06-05' FROM c JOIN s USING (candidate_id)",
                {
                    "month": add_months("2010-01", place),
                    "revised": add_months("2010-01", place - 2),
                    "place": place + 2,
                    "force": FORCE,
                },
            )
    world = clean()
    del world["police_crime"][20 : 20 + lost]
    take_in(desk, tmp_path, MONTH, {"police_crime": world["police_crime"]})
    found = failing(desk, check(desk))
    assert {name: found[name] for name in found if name == "C11"} == keys


@pytest.mark.parametrize("when", ["it counts", "it names what fails"])
def test_a_check_that_cannot_run_blocks_and_says_no_value(
    desk: Desk,
    tmp_path: Path,
    declarations: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    when: str,
) -> None:
    raises = "ho_code::integer"  # a count of rows does not evaluate what they hold
    (declarations / "include/sql/checks/reclassified_without_event.sql").write_text(
        f"SELECT {raises}::text AS key FROM reporting.police_crime_at(:load) WHERE :before > 0"
        + (f" AND {raises} > 0" if when == "it counts" else "")
    )
    take_in(desk, tmp_path, MONTH, clean())
    office = Office(desk.office.home, desk.office.engine, Declarations(declarations))
    candidate = propose(office, MONTH, ON)
    assert candidate.blocking == (
        "C10, Recorded crime, the check itself could not run; nothing is frozen until it can.",
    )
    assert "BLOCKING: C10, Recorded crime" in candidate.shown
    with pytest.raises(NeedsPerson, match=r"recorded and not accepted\. Checks stand against it: C10, "):
        chain.sign_off(office, candidate.candidate_id, "freeze", STEWARD, candidate.shown_sha256, "airflow", ON)
    assert "28A" not in caplog.text + "".join(capsys.readouterr()) + json.dumps(
        desk.rows("SELECT detail FROM quality.integrity_result")
    )


def test_a_blocking_check_is_signed_off_only_under_a_waiver_of_two(desk: Desk, tmp_path: Path) -> None:
    world = clean()
    world["police_outcome"] += [crime(10)]
    take_in(desk, tmp_path, MONTH, world)
    candidate = propose(desk.office, MONTH, ON)
    words = "O07, Crime outcomes, not met: No cancelled or transferred crime has a current outcome. 1 fails."
    assert candidate.blocking == (words,)
    assert candidate.shown.index(f"- BLOCKING: {words}") < candidate.shown.index("Failed checks of all deliveries")
    with pytest.raises(NeedsPerson) as error:
        sign(desk, candidate)
    assert str(error.value) == (
        f"The answer 'freeze' to {MONTH} was recorded and not accepted. Checks stand against it: {words} "
        "What fails is on the desk, under findings, and in `monthend status`. Once it is put right, or two people "
        "waived it, the month is proposed again."
    )
    assert f"BLOCKING: {words} LEI-2016-0000010" in desk.ask("status", "--month", MONTH).stdout
    (blocker,) = [each for each in blockers(desk.office, MONTH, ON) if each.what == words]
    assert "two of A. Steward" in blocker.who
    assert blocker.link == f"deliveries/{desk.rows('SELECT max(delivery_id) FROM landing.delivery')[0][0] - 3}"

    (finding,) = [each for each in findings.findings(desk.office, ON) if each.check_id == "O07"]
    assert (finding.feed, finding.period, finding.state, finding.two_people) == ("police_outcome", MONTH, "open", True)
    assert (finding.unexpected_count, finding.keys, finding.opened_on) == (1, ("LEI-2016-0000010",), ON)
    terms = (finding.validation_id, "O07", "", "a known lag of the crime system", date(2016, 7, 20))
    waiver = findings.waive(desk.office, *terms, STEWARD, ON)
    assert candidate.integrity_id is not None
    with desk.office.engine.connect() as connection:  # one person is not enough
        assert len(integrity.blocking(desk.office, connection, candidate.integrity_id, ON)) == 1
    findings.consent(desk.office, waiver.waiver_id, "c.registrar", ON)
    with pytest.raises(NeedsPerson, match="the month is proposed again"):
        sign(desk, candidate)  # its packs would not say that it rests on a waiver

    again = propose(desk.office, MONTH, ON)
    assert again.blocking == ()
    assert again.candidate_id != candidate.candidate_id
    assert f"- {words} Waived." in again.shown
    with pytest.raises(NeedsPerson, match="Checks stand against it: O07"):
        sign(desk, again, date(2016, 7, 21))  # the waiver has ended
    sign(desk, again)
    assert chain.freeze(desk.office, again.candidate_id, ON).month == MONTH
    [(manifest,)] = desk.rows("SELECT manifest FROM snapshot.candidate WHERE candidate_id = %s", again.candidate_id)
    assert [(each["check_id"], each["reason"]) for each in manifest["waivers"]] == [("O07", terms[3])]
    assert manifest["integrity"] == {
        "C06 events": 0, "C07 districts": 0, "C07 offences": 0, "C12": 0, "I01 sum": 0, "O02 before the crime": 0,
        "O07": 1, "O08": 0,
    }  # fmt: skip
    assert desk.rows("SELECT count(*) FROM quality.integrity") == [(2,)]
