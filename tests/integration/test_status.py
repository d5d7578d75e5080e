"""How far each feed is at a month-end, what stands in the way of the freeze and the release, and who can unblock it."""

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import bad_inputs
import pytest
from offices import Desk, NewDesk, Rows, Street

from monthend.errors import NeedsPerson
from monthend.freeze import chain
from monthend.freeze.candidate import Candidate, propose
from monthend.load import load
from monthend.publish.packs import publish
from monthend.publish.release import release, release_request
from monthend.receive import receive
from monthend.status import Blocker, FeedStand, blockers, feeds_at
from monthend.validate.findings import consent, waive
from monthend.validate.validation import validate

MONTH, PERIOD = "2025-03", "2025-01"  # the feed lags by two months
ON, LATE = date(2025, 4, 2), date(2025, 4, 8)  # before and after working day 3
FORCES = ("bedfordshire", "essex", "hampshire", "hertfordshire", "kent", "leicestershire", "nottinghamshire", "sussex")
FEED = "Street-level crime (data.police.uk), January 2025"
OWNER = "Performance analysis (performance@opcc.example)"
TRIGGER = "Trigger freeze_month_end with this month as partition key."
UNPROPOSED = Blocker(
    "2025-03 is not proposed yet.",
    "Airflow proposes it once all that is due is in, at the latest on 10 April 2025.",
    "sign-off",
    "",
)


def take_in(desk: Desk, *inbox: Path, on: date = ON) -> None:
    received = receive(desk.office, inbox, on)
    validate(desk.office, received.delivery_ids, on)
    load(desk.office, received.delivery_ids)


def street_at(desk: Desk, month: str = MONTH) -> FeedStand:
    (stand,) = [each for each in feeds_at(desk.office, month) if each.feed == "police_uk_street"]
    return stand


@pytest.fixture(scope="module")
def seven(new_desk: NewDesk, street: Street, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office with seven of the eight deliveries due, in time; Sussex sent nothing. Only for copying."""
    desk = new_desk()
    take_in(desk, street.inbox(tmp_path_factory.mktemp("inbox"), [PERIOD], FORCES[:-1]))
    return desk


@pytest.fixture
def desk(seven: Desk, new_desk: NewDesk) -> Iterator[Desk]:
    made = new_desk(seven)
    yield made
    made.office.engine.dispose()


def deliver(desk: Desk, street: Street, folder: Path, force: str, case: str = "unchanged", on: date = LATE) -> int:
    """Take in a force's file as a faulty one, and give its delivery."""
    folder.mkdir()
    take_in(desk, *bad_inputs.CASES[case].write(folder, street.file(PERIOD, force)), on=on)
    ((delivery_id,),) = desk.rows("SELECT max(delivery_id) FROM landing.delivery")
    assert isinstance(delivery_id, int)
    return delivery_id


def answer(desk: Desk, candidate: Candidate, choice: str, **changed: object) -> None:
    given = {"by": "a.steward", "shown_sha256": candidate.shown_sha256, "channel": "airflow", "on": LATE} | changed
    chain.sign_off(desk.office, candidate.candidate_id, choice, **given)  # type: ignore[arg-type]


def test_a_feed_is_as_far_as_its_due_deliveries(desk: Desk, street: Street, tmp_path: Path) -> None:
    stand = street_at(desk)
    ((rows, ids),) = desk.rows(
        "SELECT sum(l.row_count)::int, array_agg(delivery_id ORDER BY delivery_id) FROM reporting.load l"
        " JOIN landing.delivery d USING (delivery_id) WHERE d.feed = 'police_uk_street'"
    )
    assert stand == FeedStand(
        feed="police_uk_street",
        title="Street-level crime (data.police.uk)",
        owner="Performance analysis",
        contact="performance@opcc.example",
        period=PERIOD,
        due=8,
        due_on=date(2025, 4, 3),
        received=7,
        late=0,
        missing=("Sussex Police",),
        rows=rows,
        verdicts={"passed": 7},
        quarantined=0,
        loaded=7,
        delivery_ids=tuple(ids),
    )
    assert stand.rows > 1000

    late = deliver(desk, street, tmp_path / "late", "sussex", "mail_address")  # one row quarantined
    blocked = deliver(desk, street, tmp_path / "resent", "kent", "other_month_inside")  # a version of it is loaded
    after = street_at(desk)
    ((added,),) = desk.rows("SELECT row_count::int FROM reporting.load WHERE delivery_id = %s", late)
    assert (after.received, after.late, after.missing, after.loaded) == (8, 1, (), 8)
    assert (after.verdicts, after.quarantined) == ({"passed": 6, "quarantined": 1, "blocked": 1}, 1)
    assert after.rows == stand.rows + added
    assert {late, blocked} <= set(after.delivery_ids)
    assert len(after.delivery_ids) == 8


def test_of_a_reference_feed_nothing_is_due_and_what_is_current_is_shown(desk: Desk) -> None:
    stands = {stand.feed: stand for stand in feeds_at(desk.office, MONTH)}
    assert list(stands) == list(desk.office.declarations.feeds)
    areas = stands["areas"]
    assert (areas.period, areas.due, areas.due_on, areas.received, areas.late, areas.missing) == ("", 0, None, 0, 0, ())
    assert (areas.rows, areas.verdicts, areas.loaded, areas.delivery_ids) == (376, {"passed": 1}, 1, (1,))


def test_nothing_is_due_of_a_feed_that_is_not_in_force(desk: Desk) -> None:
    stand = street_at(desk, "2013-06")
    assert (stand.period, stand.due, stand.received, stand.missing, stand.delivery_ids) == ("2013-04", 0, 0, (), ())


def test_a_missing_delivery_and_a_blocked_one_name_the_feeds_owner(desk: Desk, street: Street, tmp_path: Path) -> None:
    assert blockers(desk.office, MONTH, LATE) == [
        Blocker(
            f"{FEED}: 1 of 8 deliveries due are missing, due on 3 April 2025: Sussex Police.",
            f"{OWNER} sends them.",
            "missing",
            "",
        ),
        UNPROPOSED,
    ]
    delivery = deliver(desk, street, tmp_path / "unreadable", "sussex", "semicolons")
    assert blockers(desk.office, MONTH, LATE) == [
        Blocker(
            f"{FEED}, Sussex Police is blocked by G03.",
            f"{OWNER} sends a corrected extract.",
            "blocked",
            f"deliveries/{delivery}",
        ),
        UNPROPOSED,
    ]
    deliver(desk, street, tmp_path / "good", "sussex")
    assert blockers(desk.office, MONTH, LATE) == [UNPROPOSED]
    deliver(desk, street, tmp_path / "again", "sussex", "too_few_fields")  # the version before stays in
    assert blockers(desk.office, MONTH, LATE) == [UNPROPOSED]


def test_a_waiver_waits_for_whoever_has_not_consented(desk: Desk, street: Street, tmp_path: Path) -> None:
    delivery = deliver(desk, street, tmp_path / "other", "sussex", "other_month_inside")
    ((validation_id,),) = desk.rows("SELECT validation_id FROM quality.validation WHERE delivery_id = %s", delivery)
    named, link = f"{FEED}, Sussex Police", f"deliveries/{delivery}"
    blocked = Blocker(
        f"{named} is blocked by U02.",
        f"{OWNER} sends a corrected extract, or two of A. Steward and C. Registrar waive what it fails.",
        "blocked",
        link,
    )
    assert blockers(desk.office, MONTH, LATE) == [blocked, UNPROPOSED]
    waiver = waive(desk.office, validation_id, "U02", "", "a known fault", date(2025, 4, 30), "a.steward", LATE)
    assert blockers(desk.office, MONTH, LATE) == [
        blocked,
        Blocker(
            f"A. Steward would waive U02 for {named}: a known fault. A second person has to consent.",
            "C. Registrar.",
            "consent",
            link,
        ),
        UNPROPOSED,
    ]
    consent(desk.office, waiver.waiver_id, "c.registrar", LATE)
    assert blockers(desk.office, MONTH, LATE) == [
        Blocker(
            f"{named} is blocked by U02.",
            "Nobody: every check it fails is waived, and the next pull lets it in.",
            "blocked",
            link,
        ),
        UNPROPOSED,
    ]
    take_in(desk, tmp_path / "other", on=LATE)
    assert blockers(desk.office, MONTH, LATE) == [UNPROPOSED]


def test_of_two_failed_checks_the_one_that_is_not_waived_still_blocks(
    desk: Desk, street: Street, tmp_path: Path
) -> None:
    def with_faults(rows: Rows) -> None:
        rows[0] |= {"Month": "2024-12", "Falls within": "Kent Police"}

    inbox = tmp_path / "inbox"
    street.changed(inbox, PERIOD, "sussex", with_faults)
    take_in(desk, inbox, on=LATE)
    ((validation_id,),) = desk.rows("SELECT max(validation_id) FROM quality.validation")
    assert "is blocked by U02, U04." in blockers(desk.office, MONTH, LATE)[0].what
    waiver = waive(desk.office, validation_id, "U02", "", "a known fault", date(2025, 4, 30), "a.steward", LATE)
    consent(desk.office, waiver.waiver_id, "c.registrar", LATE)
    take_in(desk, inbox, on=LATE)
    blocked, _ = blockers(desk.office, MONTH, LATE)
    assert "is blocked by U04." in blocked.what
    assert blocked.who.startswith(f"{OWNER} sends a corrected extract, or two of ")


def test_a_file_that_was_refused_stands_in_the_way_until_one_replaces_it(
    desk: Desk, street: Street, tmp_path: Path
) -> None:
    (path,) = bad_inputs.CASES["zip_truncated"].write(tmp_path, street.file(PERIOD, "sussex"))
    take_in(desk, path, on=LATE)

    def refused() -> list[Blocker]:
        return [each for each in blockers(desk.office, MONTH, LATE) if each.kind == "refused"]

    (blocker,) = refused()
    assert blocker.what.startswith(f"The file {path} was refused on 8 April 2025: the zip cannot be read to its end")
    assert (blocker.who, blocker.link) == (f"Whoever sent it sends it again: {OWNER}.", "")
    assert [each.kind for each in blockers(desk.office, "2025-02", LATE)] == ["missing", "sign-off"]  # of another month
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(street.file(PERIOD, "sussex"), street.file(PERIOD, "sussex").name)
    take_in(desk, path, on=LATE)
    assert refused() == []


def test_what_came_and_is_not_loaded_yet_is_told_apart(desk: Desk, street: Street) -> None:
    received = receive(desk.office, [street.file(PERIOD, "sussex")], LATE)
    assert blockers(desk.office, MONTH, LATE)[0] == Blocker(
        f"{FEED}, Sussex Police came and is not loaded yet.",
        "Nobody: the next pull loads it.",
        "missing",
        f"deliveries/{received.delivery_ids[-1]}",
    )


def test_a_candidate_waits_for_a_steward_whatever_others_answered(desk: Desk) -> None:
    candidate = propose(desk.office, MONTH, LATE)
    link = "months/2025-03/sign-off"

    def unsigned(on: date = LATE) -> Blocker:
        return blockers(desk.office, MONTH, on)[-1]

    waits = "Candidate 1 of 2025-03, revision 1, waits for an answer."
    assert unsigned() == Blocker(waits, "A. Steward.", "sign-off", link)
    with pytest.raises(NeedsPerson):
        answer(desk, candidate, "freeze", by="d.analyst")
    said = "D. Analyst answered 'freeze', which was not accepted: D. Analyst is not a steward."
    assert unsigned() == Blocker(f"{waits} {said}", "A. Steward.", "sign-off", link)

    with pytest.raises(NeedsPerson):
        answer(desk, candidate, "postpone", reason="Sussex comes", until=date(2025, 4, 14))
    what = "Candidate 1 of 2025-03, revision 1 was postponed by A. Steward until 14 April 2025: Sussex comes."
    assert unsigned() == Blocker(what, "A. Steward, when it is asked again on that day.", "sign-off", "")
    assert unsigned(date(2025, 4, 14)) == Blocker(what, f"A. Steward. {TRIGGER}", "sign-off", "")

    again = propose(desk.office, MONTH, LATE)
    with pytest.raises(NeedsPerson):
        answer(desk, again, "refuse", reason="Kent is wrong")
    assert unsigned() == Blocker(
        "Candidate 2 of 2025-03, revision 1 was refused by A. Steward: Kent is wrong.",
        f"A. Steward, once it is put right and proposed again. {TRIGGER}",
        "sign-off",
        "",
    )
    signed = propose(desk.office, MONTH, LATE)
    answer(desk, signed, "freeze")
    assert unsigned() == Blocker(
        "Candidate 3 of 2025-03, revision 1 is signed off by A. Steward and not frozen.",
        f"Whoever looks after the installation. {TRIGGER}",
        "sign-off",
        "",
    )
    chain.freeze(desk.office, signed.candidate_id, LATE)
    assert [each for each in blockers(desk.office, MONTH, LATE) if each.kind != "release"] == []


def test_months_freeze_in_order(desk: Desk) -> None:
    assert blockers(desk.office, MONTH, date(2025, 3, 31)) == [
        Blocker(
            "2025-03 is not over: only a month that has ended can be proposed.",
            "Nobody before 1 April 2025.",
            "order",
            "",
        )
    ]
    assert blockers(desk.office, MONTH, date(2025, 4, 11))[-1].who == f"{UNPROPOSED.who} {TRIGGER}"
    propose(desk.office, "2025-03", LATE)
    desk.freeze("2025-02")
    assert blockers(desk.office, MONTH, LATE)[-1] == Blocker(
        "Candidate 1 of 2025-03, revision 1: another month-end froze since it was proposed.", TRIGGER, "order", ""
    )
    assert blockers(desk.office, "2025-01", LATE) == [
        Blocker(
            "2025-02 is frozen, and months freeze in ascending order: 2025-01 stays unfrozen.",
            "Nobody. What comes for 2025-01 is in the history that every later month-end carries.",
            "order",
            "",
        )
    ]


def test_a_frozen_months_packs_wait_for_a_releaser_who_did_not_sign(
    frozen: Desk, new_desk: NewDesk, declarations: Path
) -> None:
    people = declarations / "reports/people.yaml"
    both = people.read_text(encoding="utf-8").replace("roles: [steward]", "roles: [steward, releaser]")
    people.write_text(both, encoding="utf-8")
    desk, month, on = new_desk(frozen, declarations), "2025-04", date(2025, 5, 13)
    candidate = propose(desk.office, month, on)
    answer(desk, candidate, "freeze", on=on)
    chain.freeze(desk.office, candidate.candidate_id, on)
    meeting = "Performance Delivery Group (board) for 22 May 2025"
    assert blockers(desk.office, month, on) == [
        Blocker(
            f"The pack of {meeting} is not built.",
            "Trigger publish_board_packs with this month as partition key.",
            "release",
            "",
        )
    ]
    publish(desk.office, month, on=on)
    assert blockers(desk.office, month, on) == [
        Blocker(f"1 pack waits for release: {meeting}.", "B. Releaser.", "release", "months/2025-04/release")
    ]
    asked = release_request(desk.office, month)
    release(desk.office, month, "release", "b.releaser", asked.shown_sha256, "airflow")
    assert blockers(desk.office, month, on) == []

    propose(desk.office, month, on, reason="Kent resent")
    assert blockers(desk.office, month, on) == [
        Blocker(
            "Candidate 3 of 2025-04, revision 2, waits for an answer.",
            "A. Steward.",
            "sign-off",
            "months/2025-04/sign-off",
        )
    ]
    desk.office.engine.dispose()
