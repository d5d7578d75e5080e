"""Control records: taken in with the extract that they lie beside, and each of their counts has to equal (G05)."""

import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from extracts import Row, write
from offices import REFERENCE_FILES, STEWARD, Desk

from monthend import receive as station
from monthend.errors import NeedsPerson
from monthend.freeze import chain
from monthend.freeze.candidate import Candidate, propose, read
from monthend.load import load
from monthend.plan.declarations import ROOT, Declarations
from monthend.publish import packs
from monthend.receive import Pull, Received, Recognised, receive, stored_path
from monthend.status import blockers
from monthend.validate import control, findings
from monthend.validate.validation import validate

ON = date(2017, 8, 1)
HEADINGS = "figure,month,area,count\n"
RIGHT = (
    f"{HEADINGS}rows,,,4\nmonth,2016-03,,1\nmonth,2016-04,,3\narea,,E06000016,2\narea,,E07000130,1\narea,,,1\n".encode()
)
LET_IN = "warned"  # C08, as one of the four crimes is not located
NOT_SENT = ("not run", "No control record was sent.")


def crimes() -> list[Row]:
    """Four crimes: one recorded in March, one in another district, one that was not located."""
    rows: list[Row] = [{"crime_ref": f"LEI-2016-{number:07}"} for number in range(1, 5)]
    rows[1] |= dict.fromkeys(("committed_from", "committed_to", "reported_at", "recorded_at"), "2016-03-31T23:59:59")
    rows[2]["csp_code"], rows[3]["csp_code"] = "E07000130", ""
    return rows


def extract(folder: Path) -> Path:
    """April's extract."""
    return write(folder, "police_crime", "2016-04", crimes())


def control_of(path: Path, content: bytes = RIGHT) -> Path:
    """A control record beside an extract."""
    beside = path.with_name(f"{path.stem}.control.csv")
    beside.write_bytes(content)
    return beside


def found(desk: Desk, received: Received) -> tuple[str, str, str]:
    """Validate the one extract that came in: its verdict, and what G05 came to."""
    (delivery_id,) = received.delivery_ids[REFERENCE_FILES:]
    (validation,) = validate(desk.office, [delivery_id], ON)
    ((outcome, detail),) = desk.rows(
        "SELECT outcome, detail FROM quality.check_result WHERE check_id = 'G05' AND validation_id = %s",
        validation.validation_id,
    )
    return validation.verdict, outcome, detail


def as_folder(path: Path, beside: Path) -> list[Path]:
    return [path.parent]


def as_files(path: Path, beside: Path) -> list[Path]:
    return [path, beside]


def as_the_control_record_alone(path: Path, beside: Path) -> list[Path]:
    return [beside]


def as_zip(path: Path, beside: Path) -> list[Path]:
    with zipfile.ZipFile(path.parent / "sent.zip", "w") as archive:
        for each in (beside, path):
            archive.write(each, f"2016-04/{each.name}")
            each.unlink()
    return [path.parent / "sent.zip"]


@pytest.mark.parametrize("sent", [as_folder, as_files, as_the_control_record_alone, as_zip])
def test_a_control_record_comes_in_with_its_extract(
    desk: Desk, tmp_path: Path, sent: Callable[[Path, Path], list[Path]]
) -> None:
    path = extract(tmp_path / "inbox")
    inbox = sent(path, control_of(path))
    periods = station.outstanding(desk.office, inbox, "2016-05", "police")
    assert Pull("police_crime", ("2016-04",), "2016-04 police_crime") in periods
    received = receive(desk.office, inbox, ON, "police_crime", ["2016-04"])
    assert (received.unrecognised, received.refused) == ([], [])
    ((delivery_id, sha256, origin),) = desk.rows("SELECT delivery_id, sha256, origin FROM landing.control_record")
    assert [delivery_id] == received.delivery_ids[REFERENCE_FILES:]
    assert origin.endswith(f"{path.stem}.control.csv")
    assert stored_path(desk.office, sha256).read_bytes() == RIGHT
    assert found(desk, received) == (LET_IN, "passed", "")
    again = receive(desk.office, inbox, ON)
    assert again.delivery_ids == received.delivery_ids
    assert desk.rows("SELECT count(*) FROM landing.control_record") == [(1,)]
    assert station.outstanding(desk.office, inbox, "2016-05", "police") == [
        each for each in periods if each.feed != "police_crime" or each.periods != ("2016-04",)
    ]


def test_one_without_its_extract_is_left_alone_and_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    alone = control_of(tmp_path / "inbox/2016-04-leicestershire-crime.csv")
    zipped = control_of(extract(tmp_path / "zipped"))
    with zipfile.ZipFile(tmp_path / "inbox/sent.zip", "w") as archive:
        archive.write(zipped, f"one/{zipped.name}")
        archive.write(extract(tmp_path / "zipped"), f"other/{alone.name.replace('.control', '')}")
    received = receive(desk.office, [tmp_path / "inbox"], ON)
    reason = "is a control record, and its extract does not lie beside it"
    assert received.unrecognised == [
        (str(alone), reason),
        (f"{tmp_path}/inbox/sent.zip!one/{alone.name}", reason),
    ]
    assert desk.rows("SELECT count(*) FROM landing.control_record") == [(0,)]
    assert found(desk, received) == (LET_IN, *NOT_SENT)
    due = station.outstanding(desk.office, [tmp_path / "inbox"], "2016-05", "police")
    assert ("police_crime", ("2016-04",)) not in {(pull.feed, pull.periods) for pull in due}


DIFFER = "Extract and control record differ: "


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        ("rows,,,4", "rows,,,5", f"{DIFFER}rows 4 instead of 5."),
        ("2016-03,,1", "2016-03,,2", f"{DIFFER}2016-03 1 instead of 2."),
        ("month,2016-03,,1\n", "", f"{DIFFER}2016-03 1 instead of 0."),
        ("area,,,1", "area,,,0", f"{DIFFER}without an area 1 instead of 0."),
        (
            "area,,E06000016,2",
            "area,,E06000016,1200\narea,,E06000017,1",
            f"{DIFFER}E06000016 2 instead of 1,200; E06000017 0 instead of 1.",
        ),
        (
            "rows,,,4",
            "rows,,,four",
            "The control record cannot be read: line 2: count is no whole number. Ask for it again.",
        ),
        (
            HEADINGS,
            HEADINGS + "\n" * 2**20,
            "The control record cannot be read: it is larger than a control record can be. Ask for it again.",
        ),
    ],
)
def test_what_differs_or_cannot_be_read_blocks_and_is_said_in_counts(
    desk: Desk, tmp_path: Path, old: str, new: str, detail: str
) -> None:
    path = extract(tmp_path / "inbox")
    control_of(path, RIGHT.replace(old.encode(), new.encode()))
    assert found(desk, receive(desk.office, [path], ON)) == ("blocked", "failed", detail)


def test_a_value_that_is_no_month_or_area_is_counted_and_never_told(desk: Desk, tmp_path: Path) -> None:
    rows = crimes()
    rows[0]["recorded_at"], rows[0]["csp_code"] = "zz.secret@example.org", "zz.secret@example.org"
    path = write(tmp_path / "inbox", "police_crime", "2016-04", rows)
    control_of(path)
    verdict, outcome, detail = found(desk, receive(desk.office, [path], ON))
    assert (verdict, outcome) == ("blocked", "failed")
    assert detail == (
        f"{DIFFER}without a month 1 instead of 0; 2016-04 2 instead of 3; "
        "without an area 2 instead of 1; E06000016 1 instead of 2."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its first line is not figure,month,area,count"),
        (RIGHT.replace(b"figure", b"total"), "its first line is not figure,month,area,count"),
        (RIGHT.decode().encode("utf-16"), "it is not UTF-8 text of comma-separated lines"),
        (RIGHT.replace(b"rows,,,4", b"rows,,4"), "line 2 has 3 fields instead of 4"),
        (RIGHT.replace(b"rows,,,4", b'rows,,,"4,000"'), "line 2: count is no whole number"),
        (RIGHT.replace(b"2016-03", b"03/2016"), "line 3: month is not as it should be for the figure month"),
        (RIGHT.replace(b"E07000130", b"Melton"), "line 6: area is not as it should be for the figure area"),
        (RIGHT.replace(b"2016-03", b"2016-04"), "line 4 repeats a figure"),
        (RIGHT + b"offence,,,4\n", "line 8: figure is none of rows, month, area"),
        (RIGHT.partition(b"area,,")[0], "it has no line of the figure area"),
    ],
)
def test_what_cannot_be_read_is_said_without_a_value(content: bytes, words: str) -> None:
    with pytest.raises(control.Unreadable) as unreadable:
        control.read(content, Declarations(ROOT).feeds["police_crime"])
    assert str(unreadable.value) == words


def test_one_that_comes_later_is_held_against_bytes_that_came_before(desk: Desk, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    path = extract(inbox)
    received = receive(desk.office, [inbox], ON)
    assert found(desk, received) == (LET_IN, *NOT_SENT)
    load(desk.office, received.delivery_ids)
    due = station.outstanding(desk.office, [inbox], "2016-04", "police")
    assert "police_crime" not in {pull.feed for pull in due}

    control_of(path, RIGHT.replace(b"rows,,,4", b"rows,,,9"))
    pull = Pull("police_crime", ("2016-04",), "2016-04 police_crime")
    assert station.outstanding(desk.office, [inbox], "2016-04", "police") == [*due, pull]
    later = receive(desk.office, [inbox], ON)
    assert later.delivery_ids == received.delivery_ids
    assert found(desk, later) == ("blocked", "failed", f"{DIFFER}rows 4 instead of 9.")

    shutil.copy(control_of(path), tmp_path)  # and one that puts it right, over the one before
    assert found(desk, receive(desk.office, [inbox], ON)) == (LET_IN, "passed", "")
    assert desk.rows("SELECT count(*) FROM landing.control_record") == [(2,)]
    assert station.outstanding(desk.office, [inbox], "2016-04", "police") == due
    assert desk.rows("SELECT count(*) FROM reporting.load JOIN landing.delivery USING (delivery_id)"
                     " WHERE feed = 'police_crime'") == [(1,)]  # fmt: skip


def take_in(desk: Desk, inbox: Path) -> int:
    """Receive, validate and load what lies in a folder; gives the newest delivery."""
    received = receive(desk.office, [inbox], ON)
    validate(desk.office, received.delivery_ids, ON)
    load(desk.office, received.delivery_ids)
    return max(received.delivery_ids)


def sign(desk: Desk, candidate: Candidate, on: date = ON) -> None:
    chain.sign_off(desk.office, candidate.candidate_id, "freeze", STEWARD, candidate.shown_sha256, "command line", on)


def in_the_way(desk: Desk) -> list[tuple[str, str]]:
    """What blocks April, and who can help."""
    return [(each.what, each.who) for each in blockers(desk.office, "2016-04", ON) if each.kind == "blocked"]


NOT_MET = (
    f"G05, Recorded crime, April 2016, Leicestershire Police, not met: {DIFFER}"
    "rows 4 instead of 9; E06000016 2 instead of 7."
)


def test_nothing_is_frozen_while_a_control_record_contradicts_what_is_loaded(desk: Desk, tmp_path: Path) -> None:
    path = extract(tmp_path)
    delivery_id = take_in(desk, tmp_path)
    before = propose(desk.office, "2016-04", ON)
    assert (before.blocking, before.cross_feed, in_the_way(desk)) == ((), (), [])

    nine = RIGHT.replace(b"rows,,,4", b"rows,,,9").replace(b"E06000016,2", b"E06000016,7")
    control_of(path, nine)
    take_in(desk, tmp_path)
    refusal = (
        f"The answer 'freeze' to 2016-04 was recorded and not accepted. Checks stand against it: {NOT_MET} What fails "
        "is on the desk, under findings, and in `monthend status`. Once it is put right, or two people waived it, the "
        "month is proposed again."
    )
    with pytest.raises(NeedsPerson) as refused:
        sign(desk, before)
    assert str(refused.value) == refusal
    blocked = propose(desk.office, "2016-04", ON)
    assert (blocked.blocking, blocked.digest) == ((NOT_MET,), before.digest)
    assert f"**Failed cross-feed checks and control records:**\n\n- BLOCKING: {NOT_MET}\n" in blocked.shown
    assert f"BLOCKING: {NOT_MET}" in desk.ask("status", "--month", "2016-04").stdout
    owner = "Force performance unit (extracts@police.example)"
    who = f"{owner} sends a corrected extract, or two of A. Steward and C. Registrar waive it; then it is proposed "
    assert in_the_way(desk) == [(NOT_MET, f"{who}again.")]

    (finding,) = [each for each in findings.findings(desk.office, ON) if each.check_id == "G05"]
    terms = (finding.validation_id, "G05", "", "counted before deletions", date(2017, 8, 20))
    waiver = findings.waive(desk.office, *terms, STEWARD, ON)
    assert propose(desk.office, "2016-04", ON).blocking == (NOT_MET,)  # one person is not enough
    findings.consent(desk.office, waiver.waiver_id, "c.registrar", ON)
    for candidate in (before, blocked):  # neither says that it rests on a waiver
        with pytest.raises(NeedsPerson, match="the month is proposed again"):
            sign(desk, candidate)
    waived = propose(desk.office, "2016-04", ON)
    assert (waived.blocking, waived.cross_feed) == ((), (f"{NOT_MET} Waived.",))
    (manifests,) = zip(*desk.rows("SELECT manifest FROM snapshot.candidate ORDER BY candidate_id"), strict=True)
    assert [[each["check_id"] for each in manifest["waivers"]] for manifest in manifests] == [[], [], ["G05"]]
    with pytest.raises(NeedsPerson, match="Checks stand against it: G05"):
        sign(desk, waived, date(2017, 8, 21))  # the waiver has ended
    sign(desk, waived)

    control_of(path, RIGHT.replace(b"rows,,,4", b"rows,,,8"))  # another difference, that nobody was shown
    assert take_in(desk, tmp_path) == delivery_id
    with pytest.raises(NeedsPerson) as refused:
        chain.freeze(desk.office, waived.candidate_id, ON)
    assert str(refused.value) == (
        "2016-04 is not frozen: checks stand against it since it was signed off: G05, Recorded crime, April 2016, "
        f"Leicestershire Police, not met: {DIFFER}rows 4 instead of 8. Once that is put right, or two people waived "
        "it, propose it again."
    )
    run = desk.ask("run", "--month", "2016-04", "--inbox", tmp_path, "--signed-off-by", STEWARD, "--on", str(ON))
    assert run.stdout.startswith("2016-04, revision 1: frozen on 1 August 2017."), run.stderr
    frozen = read(
        desk.office, chain.snapshot(desk.office, "2016-04").candidate_id
    )  # proposed again, with what it is now
    assert frozen.cross_feed == (f"{NOT_MET.partition('rows')[0]}rows 4 instead of 8. Waived.",)


@pytest.mark.parametrize("period", ["2016-04", "2016-05"])
def test_a_corrected_delivery_takes_the_place_of_one_that_a_control_record_contradicts(
    desk: Desk, tmp_path: Path, period: str
) -> None:
    """Also one of a later period: a keyed feed's extract holds the rows of those before it."""
    path = extract(tmp_path)
    take_in(desk, tmp_path)
    control_of(path, RIGHT.replace(b"rows,,,4", b"rows,,,5"))
    take_in(desk, tmp_path)
    assert [what for what, _ in in_the_way(desk)] == [NOT_MET.partition("rows")[0] + "rows 4 instead of 5."]
    assert in_the_way(desk)[0][1].endswith("waive it; then it is proposed.")
    blocked = propose(desk.office, "2016-04", ON)

    corrected = write(tmp_path / "corrected", "police_crime", period, [*crimes(), {"crime_ref": "LEI-2016-0000005"}])
    control_of(corrected, RIGHT.replace(b"rows,,,4", b"rows,,,5").replace(b"04,,3", b"04,,4").replace(b"16,2", b"16,3"))
    take_in(desk, tmp_path / "corrected")
    assert propose(desk.office, "2016-04", ON).blocking == ()
    with pytest.raises(NeedsPerson, match="Checks stand against it: G05"):
        sign(desk, blocked)  # it was made of what was loaded then


def test_what_is_due_is_held_as_its_feed_is(desk: Desk, tmp_path: Path) -> None:
    """A feed that is not by area has one partition a period; a later extract of a keyed feed holds the earlier ones."""
    declared = desk.office.declarations
    assert [each for each in station.due(declared, "2016-06") if each.feed == "msg_comparator"] == [
        Recognised("msg_comparator", "2016-05", "")
    ]
    assert station.recognise(declared, "2013-03-msg-comparator.csv") == (
        "the feed msg_comparator is not in force in 2013-03"
    )
    extract(tmp_path / "crime")
    take_in(desk, tmp_path / "crime")
    write(tmp_path / "comparators", "msg_comparator", "2016-05", [{"month": "2016-05"}])
    before = propose(desk.office, "2016-05", ON)
    newest = take_in(desk, tmp_path / "comparators")
    assert desk.rows("SELECT max(delivery_id) FROM reporting.load") == [(newest,)]
    feeds = ("police_crime", "msg_comparator")
    missing = {
        month: [each for each in station.missing(desk.office, month) if each.feed in feeds]
        for month in ("2016-03", "2016-04", "2016-05")
    }
    # the comparators of May came, so those of February to April are in as well
    assert missing == {"2016-03": [], "2016-04": [], "2016-05": [Recognised("police_crime", "2016-05", "E23000021")]}

    # so it is for a month-end of May, of which the comparators of April are: not missing, only late
    april = "Most similar group comparators, April 2016"
    after = propose(desk.office, "2016-05", ON)
    assert [april in candidate.missing for candidate in (before, after)] == [True, False]
    assert set(before.missing) - set(after.missing) == {april}
    with desk.office.engine.connect() as connection:
        late = [packs._late(desk.office, connection, candidate) for candidate in (before, after)]
    assert late == [{}, {"msg_comparator": 1}]
