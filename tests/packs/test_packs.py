"""Packs as files: the same bytes anywhere, agreed among each other, released by the right person or not at all."""

import os
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from integration.offices import STEWARD, Desk, Server, Street
from packs.conftest import MONTH, ON, Done, Frozen

from monthend import audit, load, receive, warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import chain
from monthend.freeze.candidate import propose
from monthend.office import Office, open_office
from monthend.plan.declarations import Declarations
from monthend.publish import evidence, packs, rules
from monthend.publish.release import release as record_answer
from monthend.publish.release import release_request
from monthend.run import restate
from monthend.validate.validation import validate

CommandLine = Callable[..., Done]
RELEASER = "b.releaser"
FILES = {
    "panel": "panel-march-2025-meeting-7-may.xlsx",
    "published": "panel-published-march-2025-meeting-7-may.xlsx",
    "pdg": "pdg-march-2025-meeting-24-apr.xlsx",
}


def cover(path: Path) -> list[str]:
    return [cell.value for cell in openpyxl.load_workbook(path)["cover"]["A"] if cell.value]


# Built


def test_the_packs_are_those_of_the_meetings_that_the_month_serves(frozen: Frozen) -> None:
    built = frozen.packs()
    assert {name: (build.meeting, build.path.name, build.released) for name, build in built.items()} == {
        "panel": (date(2025, 5, 7), FILES["panel"], False),
        "published": (date(2025, 5, 7), FILES["published"], False),
        "pdg": (date(2025, 4, 24), FILES["pdg"], False),
    }
    assert {build.path.parent for build in built.values()} == {frozen.office.home / "packs/2025-03"}
    assert sorted(os.listdir(frozen.office.home / "packs/2025-03")) == sorted(FILES.values())
    assert frozen.rows("SELECT board, rendering, audience, marking FROM pack.build ORDER BY audience") == [
        ("panel", "board", "panel", "OFFICIAL"),
        ("pdg", "board", "pdg", "OFFICIAL-SENSITIVE"),
        ("panel", "published", "public", "OFFICIAL, PUBLISHED"),
    ]


def test_another_office_makes_the_same_bytes(
    frozen: Frozen, server: Server, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "2014")
    database = server.copy_of(warehouse.DATABASE)
    other = Desk(open_office(tmp_path / "elsewhere", server.url(database)), server, database)
    done = other.monthend("run", "--month", MONTH, "--inbox", inbox, "--signed-off-by", "A. Steward", "--on", ON)
    assert (done.returncode, done.stderr) == (0, "")
    here, there = frozen.packs(), {b.path.name: b for b in packs.builds(other.office, MONTH)}
    manifests = "SELECT manifest FROM snapshot.candidate"
    assert frozen.rows(manifests) == other.rows(manifests)  # they differ in `code` when a file was edited meanwhile
    assert chain.snapshot(frozen.office, MONTH).digest == chain.snapshot(other.office, MONTH).digest
    assert len(there) == 3
    for build in here.values():
        twin = there[build.path.name]
        assert (build.pack_id, build.content_sha256) == (twin.pack_id, twin.content_sha256)
        assert build.path.read_bytes() == twin.path.read_bytes()
    other.office.engine.dispose()


def test_publishing_again_makes_nothing_new(desk: Frozen) -> None:
    before = {name: build.path.read_bytes() for name, build in desk.packs().items()}
    counts = desk.rows("SELECT (SELECT count(*) FROM pack.build), (SELECT count(*) FROM pack.entry)")
    again = desk.run(MONTH, on=ON)
    assert again.notes == ["2025-03 is frozen already; nothing was changed."]
    assert {build.build_id for build in again.packs} == {build.build_id for build in desk.packs().values()}
    assert desk.rows("SELECT (SELECT count(*) FROM pack.build), (SELECT count(*) FROM pack.entry)") == counts
    assert {name: build.path.read_bytes() for name, build in desk.packs().items()} == before


def test_packs_that_break_a_rule_are_held_alone(desk: Frozen, declarations: Path) -> None:
    board = declarations / "reports/boards/panel.yaml"
    board.write_text(board.read_text(encoding="utf-8").replace("Police and Crime Panel", "Police and Crime Panel*"))
    changed = Office(desk.office.home, desk.office.engine, Declarations(declarations))
    built, failed = packs.publish(changed, MONTH)
    assert [(build.board, build.rendering) for build in built] == [("pdg", "board")]
    assert [sentence.partition(": N01 cover A1: ")[0] for sentence in failed] == [
        "Police and Crime Panel* (board) could not be built",
        "Police and Crime Panel* (published) could not be built",
    ]
    assert os.listdir(desk.office.home / "packs/2025-03") == [FILES["pdg"]]
    assert desk.rows("SELECT count(*) FROM pack.build") == [(3,)]


def test_what_was_built_before_a_change_that_was_taken_back_can_be_released(desk: Frozen, declarations: Path) -> None:
    first = desk.packs()["pdg"]
    board = declarations / "reports/boards/pdg.yaml"
    was = board.read_text(encoding="utf-8")

    def publish() -> packs.Build:
        office = Office(desk.office.home, desk.office.engine, Declarations(declarations))
        (build,), failed = packs.publish(office, MONTH, "pdg", "board")
        assert failed == []
        return build

    board.write_text(was.replace("Performance Delivery Group", "Performance Group"), encoding="utf-8")
    second = publish()
    assert desk.packs()["pdg"] == second
    assert second.build_id > first.build_id
    board.write_text(was, encoding="utf-8")
    assert publish() == first
    assert desk.packs()["pdg"] == first
    assert first.pack_id in release(desk)
    assert desk.packs()["pdg"].released
    first.path.unlink()
    assert desk.packs()["pdg"].build_id == first.build_id  # what is released stays, whatever the file


def test_a_restatement_makes_packs_beside_what_is_released(desk: Frozen, inbox: Path, tmp_path: Path) -> None:
    release(desk)
    first = desk.packs()
    was = {name: (build.path.read_bytes(), build.path.stat().st_mtime_ns) for name, build in first.items()}

    def fewer(rows: list[dict[str, str]]) -> None:
        for row in [row for row in rows if row["Crime type"] == "Burglary"][:4]:
            rows.remove(row)

    Street(inbox).changed(tmp_path / "resent", "2025-01", "leicestershire", fewer)
    desk.run(MONTH, tmp_path / "resent", on=ON)
    outcome = restate(desk.office, MONTH, "a corrected extract", STEWARD, date(2025, 4, 14))
    assert (outcome.snapshot.revision, outcome.needs_person) == (2, [])
    second = desk.packs()
    assert {build.path.parent.name for build in second.values()} == {"2025-03-revision-2"}
    assert {build.path.name for build in second.values()} == set(FILES.values())
    assert {name: (build.path.read_bytes(), build.path.stat().st_mtime_ns) for name, build in first.items()} == was
    assert {build.pack_id for build in second.values()}.isdisjoint(build.pack_id for build in first.values())
    assert sorted(release_request(desk.office, MONTH).pack_ids) == sorted(b.pack_id for b in second.values())
    assert "Data to the end of March 2025, frozen on 14 April 2025, revision 2." in cover(second["panel"].path)

    def january(path: Path) -> list[Any]:
        worksheet = openpyxl.load_workbook(path)["burglary"]
        return next([cell.value for cell in row] for row in worksheet.iter_rows() if row[0].value == "January 2025")

    old, new = january(first["panel"].path), january(second["panel"].path)
    assert (old[2] - new[2], old[-1], new[-1]) == (4, "[p]", "[p][r]")
    assert evidence.verify_packs(desk.office) == []
    first["panel"].path.unlink()  # what was released stays under watch
    problem = f"{first['panel'].path}: the pack is gone; publish the month again."
    assert evidence.verify_packs(desk.office, MONTH) == [problem]


# Drafts


def test_drafts_are_marked_everywhere_and_can_go_nowhere(desk: Frozen, command_line: CommandLine) -> None:
    propose(desk.office, "2025-04", date(2025, 5, 13))
    registered = desk.rows("SELECT count(*) FROM pack.build")
    done = command_line(desk, "packs", "--month", "2025-04", "--draft")
    folder = desk.office.home / "drafts/2025-04"
    drafts = {
        "board": folder / "draft-panel-april-2025.xlsx",
        "published": folder / "draft-panel-published-april-2025.xlsx",
        "pdg": folder / "draft-pdg-april-2025.xlsx",
    }
    assert (done.code, done.out.split(), done.err) == (0, [str(path) for path in drafts.values()], "")
    for name, path in drafts.items():
        for worksheet in openpyxl.load_workbook(path).worksheets:
            assert [text for text in (cell.value for cell in worksheet["A"]) if "DRAFT" in str(text)] == [
                "DRAFT, not released. Marking: "
                + {"board": "OFFICIAL", "published": "OFFICIAL, PUBLISHED", "pdg": "OFFICIAL-SENSITIVE"}[name]
            ], worksheet.title
        assert (
            "This is a draft from a candidate that is not signed off. Its numbers can still change. Do not pass it on."
            in cover(path)
        )
        found = rules.check(path, "published" if name == "published" else "board")
        assert [each for each in found if each.level == "E" or name == "published"] == []
    assert desk.rows("SELECT count(*) FROM pack.build") == registered
    with pytest.raises(NeedsPerson, match=r"^2025-04 is not frozen\.$"):
        release_request(desk.office, "2025-04")
    done = command_line(desk, "verify", drafts["pdg"])
    assert done.code == 1
    assert done.out.startswith(f"{drafts['pdg']}: is no pack of the installation in {desk.office.home} ")
    shutil.copy(drafts["pdg"], desk.packs()["pdg"].path)
    with pytest.raises(NeedsPerson, match="Not what was built: "):
        release(desk)
    assert desk.rows("SELECT count(*) FROM pack.release") == [(0,)]


# Parity


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("shown", "shown = (shown::int + 1)::text"),
        ("label", """reference = replace(reference, '"label":"All crime"', '"label":"Crime"')"""),
        ("decimals", """reference = replace(reference, '"decimals":0', '"decimals":1')"""),
        ("mark", """reference = replace(reference, '"mark":"[p]"', '"mark":"[p][r]"')"""),
    ],
)
def test_packs_that_disagree_stop_all(desk: Frozen, command_line: CommandLine, column: str, change: str) -> None:
    packs.parity(desk.office, MONTH)
    where = "build_id = %s AND table_name = 'open_all_crime' AND row_label = 'May 2024' AND column_heading = %s"
    built, heading = desk.packs(), "In the 12 months to then (crimes)"
    desk.behind_its_back(f"UPDATE pack.entry SET {change} WHERE {where}", built["pdg"].build_id, heading)
    ((panel,),) = desk.rows(
        f"SELECT sheet || '!' || cell FROM pack.entry WHERE {where}", built["panel"].build_id, heading
    )
    ((pdg,),) = desk.rows(f"SELECT sheet || '!' || cell FROM pack.entry WHERE {where}", built["pdg"].build_id, heading)
    sentence = (
        "Packs disagree, so none may leave:\n"
        f"panel (board) {panel} and pdg (board) {pdg} show the same fact differently."
    )
    with pytest.raises(NeedsPerson) as stopped:
        packs.parity(desk.office, MONTH)
    assert str(stopped.value) == sentence
    done = command_line(
        desk, "run", "--month", MONTH, "--inbox", desk.office.home / "packs", "--signed-off-by", STEWARD
    )
    assert done.code == 1
    assert sentence in done.err
    with pytest.raises(NeedsPerson, match=r"was recorded and not accepted\. Packs disagree"):
        release(desk)
    assert desk.rows("SELECT count(*) FROM pack.release") == [(0,)]


# Release


def release(desk: Desk, by: str = RELEASER, answer: str = "release", **changes: Any) -> list[str]:
    shown = changes.pop("shown", release_request(desk.office, MONTH).shown_sha256)
    return record_answer(desk.office, MONTH, answer, by, shown, "command line", **changes)


def answers(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.rows("SELECT answer, answered_by, reason, accepted, refusal FROM pack.answer ORDER BY answer_id")


def test_a_releaser_sees_digests_and_no_figures(frozen: Frozen) -> None:
    request = release_request(frozen.office, MONTH)
    digest = chain.snapshot(frozen.office, MONTH).digest
    built = [frozen.packs()[name] for name in ("panel", "published", "pdg")]
    assert request.shown.splitlines() == [
        f"**Packs of month-end 2025-03**, revision 1, digest `{digest}`",
        "",
        "| board | rendering | meeting | file | pack | contents |",
        "|---|---|---|---|---|---|",
        *(
            f"| {b.board} | {b.rendering} | {b.meeting} | {b.path.name} | `{b.pack_id}` | `{b.content_sha256}` |"
            for b in built
        ),
    ]


def test_a_releaser_releases_once(desk: Frozen) -> None:
    request = release_request(desk.office, MONTH)
    assert release(desk, "B. Releaser") == request.pack_ids
    assert answers(desk) == [("release", "b.releaser", None, True, None)]
    assert all(build.released for build in desk.packs().values())
    assert release_request(desk.office, MONTH).pack_ids == []
    with pytest.raises(NeedsPerson, match=r"What was shown are not the packs that wait for release now\.$"):
        release(desk, shown=request.shown_sha256)
    assert desk.rows("SELECT count(*) FROM pack.release") == [(3,)]


def test_what_is_released_is_never_built_again(desk: Frozen) -> None:
    release(desk)
    build = desk.packs()["pdg"]
    build.path.write_bytes(b"something else")
    desk.run(MONTH, on=ON)
    assert build.path.read_bytes() == b"something else"
    assert desk.rows("SELECT count(*) FROM pack.build") == [(3,)]


@pytest.mark.parametrize(
    ("changes", "recorded", "refusal"),
    [
        ({"by": STEWARD}, STEWARD, "A. Steward is not a releaser."),
        ({"by": "somebody"}, "somebody", "somebody is not in reports/people.yaml."),
        ({"shown": "0" * 64}, RELEASER, "What was shown are not the packs that wait for release now."),
        ({"answer": "refuse"}, RELEASER, "To refuse needs a reason."),
        ({"hold": ["nothing", "0" * 32]}, RELEASER, f"No pack that waits has the id {'0' * 32}, nothing."),
    ],
)
def test_an_answer_that_is_not_accepted_is_recorded(
    desk: Frozen, changes: dict[str, Any], recorded: str, refusal: str
) -> None:
    answer = changes.get("answer", "release")
    with pytest.raises(NeedsPerson) as refused:
        release(desk, **changes)
    assert str(refused.value) == (
        f"The answer '{answer}' to the packs of 2025-03 was recorded and not accepted. {refusal}"
    )
    assert answers(desk) == [(answer, recorded, None, False, refusal)]
    assert not any(build.released for build in desk.packs().values())


def test_the_steward_who_signed_does_not_release_though_a_releaser_too(desk: Frozen, declarations: Path) -> None:
    people = declarations / "reports/people.yaml"
    people.write_text(people.read_text(encoding="utf-8").replace("roles: [steward]", "roles: [steward, releaser]"))
    both = Desk(Office(desk.office.home, desk.office.engine, Declarations(declarations)), desk.server, desk.database)
    with pytest.raises(NeedsPerson, match=r"A\. Steward signed the month off; somebody else has to release\.$"):
        release(both, STEWARD)
    assert [row[3] for row in answers(desk)] == [False]
    assert len(release(both, RELEASER)) == 3


def test_an_unknown_answer_is_a_wrong_call(desk: Frozen) -> None:
    with pytest.raises(WrongCall, match=r"^perhaps is no answer to packs: release or refuse\.$"):
        release(desk, answer="perhaps")
    assert answers(desk) == []


def test_a_refusal_sends_nothing_and_can_be_reconsidered(desk: Frozen) -> None:
    with pytest.raises(NeedsPerson) as refused:
        release(desk, answer="refuse", reason="the cover names the wrong meeting")
    assert str(refused.value) == (
        "The packs of 2025-03 are refused by B. Releaser: the cover names the wrong meeting. Nothing is sent."
    )
    assert answers(desk) == [("refuse", RELEASER, "the cover names the wrong meeting", True, None)]
    assert desk.rows("SELECT count(*) FROM pack.release") == [(0,)]
    assert len(release(desk)) == 3


def test_a_pack_for_a_meeting_that_is_called_off_is_not_released(desk: Frozen, declarations: Path) -> None:
    board = declarations / "reports/boards/pdg.yaml"
    board.write_text(board.read_text(encoding="utf-8").replace(" 2025-04-24,", ""), encoding="utf-8")
    changed = Desk(Office(desk.office.home, desk.office.engine, Declarations(declarations)), desk.server, desk.database)
    built = desk.packs()
    waiting = [built["panel"].pack_id, built["published"].pack_id]
    assert release_request(changed.office, MONTH).pack_ids == waiting
    assert release(changed) == waiting
    (declarations / "reports/boards/panel.yaml").unlink()
    assert release_request(Office(desk.office.home, desk.office.engine, Declarations(declarations)), MONTH).builds == ()


def test_a_pack_that_is_held_waits(desk: Frozen) -> None:
    held = desk.packs()["published"]
    assert held.pack_id not in release(desk, hold=[held.pack_id])
    assert {name: build.released for name, build in desk.packs().items()} == {
        "panel": True,
        "published": False,
        "pdg": True,
    }
    assert desk.rows("SELECT build_id FROM pack.hold") == [(held.build_id,)]
    assert release(desk) == [held.pack_id]


def test_a_file_that_was_changed_is_not_released(desk: Frozen) -> None:
    build = desk.packs()["panel"]
    original = build.path.read_bytes()
    workbook = openpyxl.load_workbook(build.path)
    workbook["summary"]["C10"] = 1
    workbook.save(build.path)
    refusal = f"Not what was built: {build.path}. Publish the month again."
    for damaged in (build.path.read_bytes(), original[:2000], b""):
        build.path.write_bytes(damaged)
        with pytest.raises(NeedsPerson, match="Not what was built"):
            release(desk)
    build.path.unlink()
    with pytest.raises(NeedsPerson, match="Not what was built"):
        release(desk)
    assert answers(desk) == [("release", RELEASER, None, False, refusal)] * 4
    assert len(release(desk, hold=[build.pack_id])) == 2  # the others are whole
    desk.run(MONTH, on=ON)
    assert build.path.read_bytes() == original
    assert release(desk) == [build.pack_id]


# Which month a meeting sees

SEEN = {  # a year of month-ends, each frozen on working day 8, August's postponed to 22 September
    "2025-01": [("pdg", "2025-02-27")],
    "2025-02": [("pdg", "2025-03-27")],
    "2025-03": [("panel", "2025-05-07"), ("pdg", "2025-04-24")],
    "2025-04": [("pdg", "2025-05-22")],
    "2025-05": [("pdg", "2025-06-26")],
    "2025-06": [("panel", "2025-08-06"), ("pdg", "2025-07-24")],
    "2025-07": [("pdg", "2025-08-28"), ("pdg", "2025-09-25")],
    "2025-08": [],
    "2025-09": [("panel", "2025-11-05"), ("pdg", "2025-10-23")],
    "2025-10": [("pdg", "2025-11-27")],
    "2025-11": [("pdg", "2025-12-18")],
    "2025-12": [("panel", "2026-02-04"), ("pdg", "2026-01-22")],
}
FREEZES = {
    "2025-01": "2025-02-12", "2025-02": "2025-03-12", "2025-03": "2025-04-10", "2025-04": "2025-05-13",
    "2025-05": "2025-06-11", "2025-06": "2025-07-10", "2025-07": "2025-08-12", "2025-08": "2025-09-22",
    "2025-09": "2025-10-10", "2025-10": "2025-11-12", "2025-11": "2025-12-10", "2025-12": "2026-01-13",
}  # fmt: skip


def seen(office: Office, month: str) -> list[tuple[str, str]]:
    served = packs.packs_served(office, month)
    return sorted({(pack.board.board, str(pack.meeting)) for pack in served})


def test_each_meeting_of_a_year_sees_one_month(server: Server, inbox: Path, declarations: Path, tmp_path: Path) -> None:
    for path in (declarations / "reports").rglob("*.yaml"):  # one measure that is held is enough, and quick
        text = re.sub(r"open_(?!street)\w+", "open_all_crime", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        if path.stem.startswith("open_") and path.stem != "open_all_crime":
            path.unlink()
    database = server.copy_of(warehouse.DATABASE)
    office = open_office(tmp_path / "home", server.url(database), declarations)
    received = receive.receive(office, [inbox / "2025-01/2025-01-leicestershire-street.csv"], date(2025, 2, 12))
    validate(office, received.delivery_ids, date(2025, 2, 12))
    load.load(office, received.delivery_ids)

    def answer(month: str, on: str, chosen: str, **more: Any) -> int:
        day = date.fromisoformat(on)
        candidate = propose(office, month, day)
        sign = (candidate.candidate_id, chosen, STEWARD, candidate.shown_sha256, "command line", day)
        chain.sign_off(office, *sign, **more)
        return candidate.candidate_id

    for month, day in FREEZES.items():
        if month == "2025-08":
            assert seen(office, "2025-07") == [("pdg", "2025-08-28")]
            with pytest.raises(NeedsPerson, match="is postponed until 22 September 2025"):
                answer(month, "2025-09-10", "postpone", reason="an extract is late", until=date(2025, 9, 22))
            assert seen(office, "2025-07") == SEEN["2025-07"]  # July is the newest for the meeting left behind
        chain.freeze(office, answer(month, day, "freeze"), date.fromisoformat(day))
        if month != "2025-07":
            assert seen(office, month) == SEEN[month], month
    assert {month: seen(office, month) for month in FREEZES} == SEEN
    for_reference = packs.packs_served(office, "2025-08", without_meeting=True)
    assert [(pack.board.board, pack.rendering.rendering, pack.meeting) for pack in for_reference] == [
        ("panel", "board", None),
        ("panel", "published", None),
        ("pdg", "board", None),
    ]
    office.engine.dispose()


def test_a_refused_month_leaves_its_meetings_to_the_month_before(desk: Frozen) -> None:
    candidate = propose(desk.office, "2025-04", date(2025, 5, 13))
    sign = (candidate.candidate_id, "refuse", STEWARD, candidate.shown_sha256, "command line", date(2025, 5, 13))
    with pytest.raises(NeedsPerson, match="2025-04 is refused"):
        chain.sign_off(desk.office, *sign, reason="the burglary figures look wrong")
    left_behind = date(2025, 5, 22)

    def served(on: date | None) -> set[date | None]:
        return {pack.meeting for pack in packs.packs_served(desk.office, MONTH, on=on)}

    assert served(None) == served(ON) == {date(2025, 4, 24), date(2025, 5, 7)}
    assert served(date(2025, 5, 14)) == set()  # both are over
    assert served(date(2025, 5, 15)) == served(date(2025, 5, 16)) == {left_behind}
    assert audit.unpublished(desk.office, date(2025, 5, 14)) == []
    assert audit.unpublished(desk.office, date(2025, 5, 16)) == [MONTH]
    assert audit.unbuilt(desk.office, MONTH, date(2025, 5, 16)) == ["pdg board for 22 May 2025"]
    built, failed = packs.publish(desk.office, MONTH, on=date(2025, 5, 16))
    assert ([build.path.name for build in built if build.meeting == left_behind], failed) == (
        ["pdg-march-2025-meeting-22-may.xlsx"],
        [],
    )
    assert audit.unpublished(desk.office, date(2025, 5, 16)) == []


def test_the_command_line_gives_a_board_without_a_meeting_a_pack_for_reference(desk: Frozen) -> None:
    draft, *_ = packs.draft(desk.office, propose(desk.office, "2025-04", date(2025, 5, 13)).candidate_id)
    outcome = desk.run("2025-04", on=date(2025, 5, 13))
    assert [build.path.name for build in outcome.packs] == [
        "panel-april-2025.xlsx",
        "panel-published-april-2025.xlsx",
        "pdg-april-2025-meeting-22-may.xlsx",
    ]
    sentence = "No meeting in this board's calendar has this month as its newest; the pack is for reference."
    reference, _, pdg = (cover(build.path) for build in outcome.packs)
    assert sentence in reference
    assert sentence not in pdg
    assert release_request(desk.office, "2025-04").pack_ids == [outcome.packs[2].pack_id]
    assert (
        "For the meeting of 22 May 2025. April 2025 is the newest month frozen at least five clear working days before "
        "that day; the same rule gives every board its month."
    ) in pdg
    assert "Missing: " not in " ".join(pdg)
    (sentence,) = evidence.verify_file(desk.office, draft)
    assert sentence.startswith(
        f"{draft}: is no pack of the installation in {desk.office.home} "
    )  # though its month is frozen now
    built, failed = packs.publish(desk.office, "2025-04")
    assert ([build.board for build in built], failed) == (["pdg"], [])
