"""One month-end in this process, from the extracts to every board's pack: what `monthend run` and `restate` do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from monthend import load, receive, warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import candidate as candidates
from monthend.freeze import chain
from monthend.office import Office
from monthend.plan.calendar import month_end
from monthend.publish import packs
from monthend.validate import report
from monthend.validate.validation import validate

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a run came to: the snapshot, what needs a person, what was left alone, and where things are."""

    snapshot: chain.Snapshot
    packs: list[packs.Build]
    needs_person: list[str]
    notes: list[str]


def run(
    office: Office, month: str, inbox: Sequence[Path], signed_off_by: str, on: date, say: Say = lambda line: None
) -> Outcome:
    """Receive, validate, load, propose, sign off in advance as `signed_off_by`, freeze and publish one month-end.

    Feeds found in `inbox` are received; what is due and not there is named. A month that is frozen already is left as
    it is and only finished. `say` is told each station. Raises WrongCall when the call itself is wrong.
    """
    _steward(office, signed_off_by)
    if month_end(month) >= on:
        raise WrongCall(f"{month} is not over on {on:%-d %B %Y}: only a month that has ended can be run.")
    chained = chain.snapshots(office)
    if chained and month < chained[-1].month and month not in {snapshot.month for snapshot in chained}:
        raise WrongCall(
            f"{month} is earlier than {chained[-1].month}, which is frozen. Months freeze in ascending order."
        )

    say("receive")
    received = receive.receive(office, inbox, on)
    say(f"validate {len(received.delivery_ids)} deliveries")
    validations = validate(office, received.delivery_ids, on)
    say("load")
    load.load(office, received.delivery_ids)

    notes = [f"Left alone: {origin}: {reason}." for origin, reason in received.unrecognised]
    needs_person = [f"Refused: {origin}: {reason}." for origin, reason in received.refused]
    for validation in validations:
        if validation.verdict in ("blocked", "quarantined"):
            line = _faults(office, validation.validation_id)
            (needs_person if validation.verdict == "blocked" else notes).append(line)

    if month in {snapshot.month for snapshot in chained}:
        snapshot = chain.snapshot(office, month)
        if new := _loaded_since(office, snapshot):
            notes.append(
                f"{month} is frozen and was left as it is; deliveries for it that came in since: {new}. "
                + (
                    "`monthend restate` takes them in."
                    if snapshot == chained[-1]
                    else "The next month-end takes them in."
                )
            )
        else:
            notes.append(f"{month} is frozen already; nothing was changed.")
    else:
        say("propose, sign off, freeze")
        try:
            snapshot = _freeze(office, month, signed_off_by, on)
        except NeedsPerson as error:
            raise NeedsPerson("\n".join([*notes, *needs_person, str(error)])) from None
    say("publish")
    return _publish(office, snapshot, needs_person, notes)


def restate(office: Office, month: str, reason: str, signed_off_by: str, on: date) -> Outcome:
    """Make a new revision of the newest frozen month from everything loaded so far, with a reason.

    Where nothing changed since it was frozen there is no new revision; what is unfinished is published. Raises
    WrongCall for another month than the newest frozen one.
    """
    _steward(office, signed_off_by)
    if not reason.strip():
        raise WrongCall("--reason: a restatement needs a reason.")
    notes = []
    try:
        snapshot = _freeze(office, month, signed_off_by, on, reason)
    except candidates.Unchanged:
        snapshot = chain.snapshot(office, month)
        notes.append(f"Nothing changed since revision {snapshot.revision} was frozen; there is nothing to restate.")
    return _publish(office, snapshot, [], notes)


def _steward(office: Office, name: str) -> None:
    person = office.declarations.person(name)
    if person is None or "steward" not in person.roles:
        raise WrongCall(f"--signed-off-by {name}: is not a steward in reports/people.yaml.")


def _freeze(office: Office, month: str, by: str, on: date, reason: str | None = None) -> chain.Snapshot:
    candidate_id = chain.signed_off(office, month, reason)  # what a run that stopped there left
    if candidate_id is None or _stale(office, candidate_id, on):
        candidate = candidates.propose(office, month, on, reason, only_changed=reason is not None)
        candidate_id = candidate.candidate_id
        chain.sign_off(office, candidate_id, "freeze", by, candidate.shown_sha256, "command line", on)
    return chain.freeze(office, candidate_id, on)


def _stale(office: Office, candidate_id: int, on: date) -> bool:
    """Whether anything was loaded after a candidate was proposed, for whatever month, or a check stands against it."""
    candidate = candidates.read(office, candidate_id)
    with office.engine.connect() as connection:
        loaded = load.newest_load(connection) != candidate.load_number
    return loaded or bool(chain.standing(office, candidate, on))


def _publish(office: Office, snapshot: chain.Snapshot, needs_person: list[str], notes: list[str]) -> Outcome:
    """Build every board's pack; one that fails is held alone, packs that disagree stop all."""
    built, failed = packs.publish(office, snapshot.month, without_meeting=True)
    packs.parity(office, snapshot.month)
    missing = [f"Missing: {name}." for name in candidates.read(office, snapshot.candidate_id).missing]
    return Outcome(snapshot, built, [*needs_person, *missing, *failed], notes)


def _loaded_since(office: Office, snapshot: chain.Snapshot) -> int:
    """How many deliveries up to the snapshot's month were loaded after it was sealed."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT count(*) AS deliveries FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
            " JOIN snapshot.candidate c ON c.candidate_id = :candidate"
            " WHERE l.load_number > c.load_number AND d.period <= c.month",
            candidate=snapshot.candidate_id,
        )
    return int(rows[0]["deliveries"])


def _faults(office: Office, validation_id: int) -> str:
    """One line on a blocked or quarantined delivery: which file, which checks, where its report is."""
    with office.engine.connect() as connection:
        (delivery,) = warehouse.query(
            connection,
            "SELECT v.verdict, v.quarantined_count, (SELECT origin FROM landing.receipt r"
            "  WHERE r.delivery_id = v.delivery_id ORDER BY receipt_id DESC LIMIT 1) AS origin"
            " FROM quality.validation v WHERE validation_id = :validation",
            validation=validation_id,
        )
        checks = warehouse.query(
            connection,
            "SELECT check_id, description, detail FROM quality.check_result WHERE validation_id = :validation"
            " AND (outcome = 'error' OR outcome = 'failed' AND action IN ('block_feed', 'quarantine_row'))"
            " ORDER BY check_id, part",
            validation=validation_id,
        )
    found = "; ".join(_fault(**check) for check in checks)
    head = "Blocked" if delivery["verdict"] == "blocked" else f"Quarantined {delivery['quarantined_count']:,} rows"
    return f"{head}: {delivery['origin']}: {found}. Report: {report.report_path(office, validation_id)}"


def _fault(check_id: str, description: str, detail: str) -> str:
    """A failed check in words: what was found; where that is only row numbers, what they fail."""
    said = f"{description} {detail}" if not detail or detail.startswith(("Row ", "Rows ")) else detail
    return f"{check_id} {said}".strip().rstrip(".")
