"""The sample force: the same bytes anywhere, one world behind all extracts, faults only where they are declared."""

import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from estate_count import CODES, DISTRICTS, FORCE, comparator, counts

from monthend.plan.calendar import add_months
from monthend.sample import force, street

SCALE, UNTIL, BEFORE = 0.02, "2017-06", "2017-05"
FEEDS = ("crime", "outcome", "cancelled", "incident")
HOUR = 3600


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-six month-ends without public files and without faults."""
    directory = tmp_path_factory.mktemp("force")
    force.write(directory, scale=SCALE, public=False, with_faults=False)
    return directory


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the faults."""
    directory = tmp_path_factory.mktemp("faulty")
    force.write(directory, scale=SCALE, public=False)
    return directory


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows(inbox: Path, month: str, feed: str) -> list[dict[str, str]]:
    """The rows of an extract of the force."""
    return read(inbox / month / f"{month}-leicestershire-{feed}.csv")


def month_ends(inbox: Path) -> list[str]:
    """The month-ends in an inbox, in order."""
    return sorted(path.name for path in inbox.iterdir() if path.is_dir())


def contents(directory: Path) -> dict[str, bytes]:
    """Bytes by path inside the directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.csv")}


def test_rows_of_each_extract(inbox: Path) -> None:
    # They change when the generator does: then all that was made from the sample force changes.
    assert len(month_ends(inbox)) == 36
    sizes = {month: [len(rows(inbox, month, feed)) for feed in FEEDS] for month in ("2014-07", "2016-03", UNTIL)}
    assert sizes == {
        "2014-07": [1574, 716, 22, 835],
        "2016-03": [3565, 2633, 54, 1857],
        UNTIL: [3593, 3420, 53, 1890],
    }
    assert len(comparator(inbox, UNTIL)) == 8 * 5 * 36


def test_same_bytes_again_and_in_another_process(tmp_path: Path, faulty: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from monthend.sample import force;"
        f"force.write(Path(sys.argv[1]), {UNTIL!r}, 2, scale={SCALE}, public=False)"
    )
    force.write(tmp_path / "here", UNTIL, 2, scale=SCALE, public=False)
    environment = os.environ | {"PYTHONHASHSEED": "4711", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", program, tmp_path / "there"], check=True, env=environment)

    here = contents(tmp_path / "here")
    assert here == contents(tmp_path / "there")
    # of each month-end five extracts, four of them with a control record, and two of partners, in the first folder
    # those of 34 months before too; corrected crimes; what partners send monthly beside, first of two years; faults
    assert len(here) == 2 * 11 + 2 * 34 + 2 * 25 + 2 + 1
    # nor does a month-end depend on how many others are written
    name = f"{UNTIL}/{UNTIL}-leicestershire-incident.csv"
    assert here[name] == (faulty / name).read_bytes()


def test_known_bytes(inbox: Path) -> None:
    # They change when the generator does: then all that was made from the sample force changes.
    digest = hashlib.sha256()
    for path in sorted((inbox / UNTIL).glob("*.csv")):
        digest.update(path.read_bytes())

    assert digest.hexdigest() == "97e352188bfde0c2ea79e6dc5b26012f5ac54b6ae7c7afdb749b77a5552da852"


def test_public_files_are_two_months_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, list[str]] = {}

    def record(folder: Path, period: str, *more: object) -> list[Path]:
        written.setdefault(folder.name, []).append(period)
        return []

    monkeypatch.setattr(street, "write_month", record)
    monkeypatch.setattr(street, "write_outcomes", record)
    force.write(tmp_path, "2016-02", 2, scale=SCALE)

    two_years = [add_months("2013-11", n) for n in range(25)]
    assert written == {"2016-01": sorted(two_years * 2), "2016-02": ["2015-12"] * 2}


def test_public_outcomes_are_of_crimes_in_the_street_files(tmp_path: Path) -> None:
    street.write(tmp_path, "2013-07", 3)
    crimes = {row["Crime ID"] for path in tmp_path.rglob("*-street.csv") for row in read(path)} - {""}
    outcomes = {
        path.name[8:-13]: [row["Crime ID"] for row in read(path)]
        for path in street.write_outcomes(tmp_path, "2013-07", first="2013-05")
    }

    assert all(set(of) <= crimes and len(set(of)) == len(of) for of in outcomes.values())
    assert {slug: len(of) for slug, of in outcomes.items()} == {
        "bedfordshire": 506,
        "essex": 1245,
        "hampshire": 1488,
        "hertfordshire": 974,
        "kent": 1678,
        "leicestershire": 852,
        "nottinghamshire": 1099,
        "sussex": 1348,
    }
    assert len(read(street.write_outcomes(tmp_path, "2013-05", first="2013-05")[0])) == 301  # of its own crimes alone


def test_another_seed_gives_another_force(tmp_path: Path, inbox: Path) -> None:
    force.write(tmp_path, UNTIL, 1, seed=2, scale=SCALE, public=False)

    assert rows(tmp_path, UNTIL, "crime")[0] != rows(inbox, UNTIL, "crime")[0]


def test_control_records_hold_what_their_extracts_do(inbox: Path) -> None:
    column = {"crime": "recorded_at", "outcome": "outcome_at", "cancelled": "decided_at", "incident": "opened_at"}
    for feed in FEEDS:
        extract = rows(inbox, UNTIL, feed)
        expected = Counter({("rows", "", ""): len(extract)})
        for row in extract:
            expected["month", row[column[feed]][:7], ""] += 1
            if "csp_code" in row:
                expected["area", "", row["csp_code"]] += 1
        control = read(inbox / UNTIL / f"{UNTIL}-leicestershire-{feed}.control.csv")
        assert {(row["figure"], row["month"], row["area"]): int(row["count"]) for row in control} == expected


def test_every_extract_is_consistent_in_itself(inbox: Path) -> None:
    for month in ("2014-07", "2015-03", "2016-03", BEFORE, UNTIL):
        oldest, newest = max(add_months(month, -35), "2013-04"), month
        crimes = {row["crime_ref"]: row for row in rows(inbox, month, "crime")}
        outcomes, incidents = rows(inbox, month, "outcome"), rows(inbox, month, "incident")
        taken = outcomes[0]["extract_at"]
        for row in crimes.values():
            order = [row[name] for name in ("committed_from", "committed_to", "reported_at", "recorded_at")]
            assert [*order, taken] == sorted([*order, taken])
            assert oldest <= row["recorded_at"][:7] <= newest
            assert max(row["status_at"], row["reclassified_at"]) <= taken
            assert (row["ho_code"] != row["ho_code_at_recording"]) == (row["reclassified_at"] != "")
            assert (row["flag_hate"] == "Y") == (row["hate_strands"] != "")
            if row["ho_code"] in ("8P", "105B", "8M", "9B", "58J"):
                assert {"race", "religion"} & set(row["hate_strands"].split(";"))
            new = row["recorded_at"] >= "2017-04"
            assert row["ho_code"] not in (("28A", "28B", "29", "30A") if new else ("28E", "28F", "29A", "30C"))
        current = Counter(row["crime_ref"] for row in outcomes if row["is_current"] == "Y")
        assert set(current.values()) == {1}
        assert {row["crime_ref"] for row in outcomes} == set(current)
        for row in outcomes:
            crime = crimes.get(row["crime_ref"])
            if crime is None:  # it rolled out of the window
                assert row["crime_ref"][4:8] <= oldest[:4]
            else:
                assert crime["status"] == "recorded"
                assert crime["recorded_at"] <= row["outcome_at"] <= taken
            assert (row["suspect_age"] == "") == (row["outcome_type"] in ("14", "18"))
            since = {"20": "2015-04", "21": "2016-01"}.get(row["outcome_type"], "2014-04")
            assert int(row["outcome_type"]) < 10 or row["outcome_at"] >= since
        events = {row["crime_ref"]: row["action"] for row in rows(inbox, month, "cancelled")}
        cancelled = {reference for reference, row in crimes.items() if row["status"] == "cancelled"}
        assert cancelled == {each for each in crimes if events.get(each) == "cancelled"}
        assert not [each for each in crimes if events.get(each) == "transferred"]
        for row in incidents:
            asb = (row["closing_code"] or row["opening_code"]) == "ASB"
            assert (row["asb_qualifier"] != "") == asb
            assert (row["crime_ref"] != "") == (row["closing_code"] == "CRIME")
            if row["crime_ref"] in crimes:
                assert crimes[row["crime_ref"]]["incident_ref"] == row["incident_ref"]


def test_what_happens_to_crimes_from_one_extract_to_the_next(inbox: Path) -> None:
    happened: Counter[str] = Counter()
    for month in month_ends(inbox)[1:]:
        earlier = {row["crime_ref"]: row for row in rows(inbox, add_months(month, -1), "crime")}
        now = {row["crime_ref"]: row for row in rows(inbox, month, "crime")}
        events = {row["crime_ref"]: row for row in rows(inbox, month, "cancelled")}
        oldest = max(add_months(month, -35), "2013-04")
        for reference, row in earlier.items():
            if reference not in now:
                if row["recorded_at"][:7] >= oldest:
                    assert events[reference]["action"] == "transferred"
                    happened["transferred"] += 1
                continue
            after = now[reference]
            happened["redated"] += row["recorded_at"] != after["recorded_at"]
            happened["relocated"] += row["csp_code"] != after["csp_code"]
            happened["cancelled"] += row["status"] != after["status"]
            if row["ho_code"] != after["ho_code"]:
                assert after["reclassified_at"] > row["reclassified_at"]
                happened["reclassified"] += 1
        happened["late recorded"] += sum(
            reference not in earlier and row["recorded_at"][:7] < month for reference, row in now.items()
        )
    assert happened == {
        "late recorded": 31,
        "reclassified": 38,
        "cancelled": 28,
        "relocated": 13,
        "redated": 7,
        "transferred": 6,
    }


def test_volumes_and_shares(inbox: Path) -> None:
    found = counts(inbox, UNTIL)
    in_window = [add_months(UNTIL, -n) for n in range(36)]

    def total(measure: str, category: str = "", area: str = FORCE) -> int:
        return sum(found[measure, area, month, category] for month in in_window)

    assert {key: total(key) for key in ("all_crime", *CODES, "domestic_abuse_crimes", "hate_crimes")} == {
        "all_crime": 3522,
        "burglary_dwelling": 175,
        "burglary_residential": 19,
        "theft_of_motor_vehicle": 127,
        "theft_from_motor_vehicle": 272,
        "violence_with_injury": 350,
        "domestic_abuse_crimes": 338,
        "hate_crimes": 53,
    }
    assert {key: total("asb_incidents", key) for key in ("", "personal", "nuisance", "environmental")} == {
        "": 742,
        "personal": 207,
        "nuisance": 487,
        "environmental": 48,
    }
    assert total("outcomes_recorded") == total("all_crime")
    assert (total("outcomes_assigned"), total("outcomes_recorded", "0")) == (3300, 313)
    placed = sum(total("all_crime", area=district) for district in DISTRICTS)
    crimes = rows(inbox, UNTIL, "crime")
    assert total("all_crime") - placed == sum(
        not row["csp_code"] and row["status"] == "recorded" and row["notifiable_flag"] == "Y" for row in crimes
    )
    late = [row for row in rows(inbox, UNTIL, "crime") if _hours(row) > (72 if row["recorded_at"] < "2015-04" else 24)]
    assert 0.03 < len(late) / len(crimes) < 0.05  # NCRS


def _hours(row: dict[str, str]) -> float:
    recorded, reported = (datetime.fromisoformat(row[name]) for name in ("recorded_at", "reported_at"))
    return (recorded - reported).total_seconds() / HOUR


def test_the_comparator_gives_the_forces_own_counts_of_a_month_before(inbox: Path) -> None:
    own = {key: count for key, count in comparator(inbox, UNTIL).items() if key[1] == FORCE}

    found = counts(inbox, BEFORE)
    assert own == {(key, area, month): found[key, area, month, ""] for key, area, month in own}
    assert {key for key, _, month in own if month == "2017-04"} == {"all_crime", *CODES} - {"burglary_dwelling"}


def test_a_fault_is_in_the_file_it_is_declared_for_and_in_no_later_one(inbox: Path, faulty: Path) -> None:
    declared = read(faulty / "faults.csv")
    spoiled = {(row["month_end"], row["file"]) for row in declared if not row["file"].startswith("corrected/")}
    corrected = {(row["month_end"], row["file"]) for row in declared if row["corrected"] == "Y"}
    right, sent = contents(inbox), contents(faulty)

    # a crime that was reclassified by a fault keeps the date of it; nothing else is left of any
    def differing(path: str, of: str) -> set[str]:
        return {line.partition(",")[0] for line in set(sent[path].decode().split()) ^ set(right[of].decode().split())}

    after: dict[str, set[str]] = {}
    for path in right:
        if ".control." in path or path == "faults.csv":
            continue
        if tuple(path.split("/")) in spoiled:
            assert sent[path] != right[path]
        elif rest := differing(path, path):
            after[path[:7]] = rest
    for month, name in {each for each in corrected if "/" not in each[1]}:
        if rest := differing(f"{month}/corrected/{name}", f"{month}/{name}"):
            after[month] = rest
    assert {path for path in sent if "/corrected/" in path and ".control." not in path} == {
        f"{month}/corrected/{name}" for month, name in corrected if "/" not in name
    }
    silently, retired = "LEI-2016-0000899", "LEI-2017-0000410"  # C10 and C02
    assert after == {add_months("2016-12", n): {silently} for n in range(5)} | {UNTIL: {silently, retired}}


def test_the_last_returns_alone_have_faults_and_one_is_missing(inbox: Path, faulty: Path) -> None:
    right, sent = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.xlsx")}
        for folder in (inbox, faulty)
    )
    assert len(right) == 12 * (9 + 17)
    assert right.keys() - sent.keys() == {f"{UNTIL}/{UNTIL}-csp-return-oadby-and-wigston.xlsx"}
    assert {path for path in sent if sent[path] != right[path]} == {
        f"{UNTIL}/{UNTIL}-csp-return-charnwood.xlsx", f"{UNTIL}/{UNTIL}-csp-return-melton.xlsx",
    }  # fmt: skip


def test_every_check_that_the_sample_must_trip_is_declared(faulty: Path) -> None:
    assert {row["check_id"] for row in read(faulty / "faults.csv")} == {
        "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09", "G10", "G11", "G12", "G13", "C01", "C02", "C03", "C09",
        "C10", "C11", "I03", "H02", "H03", "O01", "O02", "O03", "O04", "O07", "N01", "N02", "I01", "M01", "M02",
        "P02", "P04",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"until": "2017-13"}, "not a month"),
        ({"months": 0}, "at least one"),
        ({"until": "2013-05", "months": 3}, "2013-04 or later"),
        ({"scale": 0}, "above 0"),
    ],
)
def test_a_wrong_call_writes_nothing(tmp_path: Path, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        force.write(tmp_path, **arguments)  # type: ignore[arg-type]

    assert list(tmp_path.iterdir()) == []
