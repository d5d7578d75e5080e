"""Sign off and freeze: a steward's recorded answer to exactly one candidate, and the chain of snapshots it leads to."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, Literal

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import candidate as candidates
from monthend.freeze import facts, revisions
from monthend.office import Office
from monthend.validate import integrity

Answer = Literal["freeze", "postpone", "refuse"]
Channel = Literal["command line", "airflow"]
# An accepted answer to a candidate of the same month as c that was given after the answer s
LATER_ANSWER = (
    "SELECT FROM snapshot.sign_off later JOIN snapshot.candidate other ON other.candidate_id = later.candidate_id"
    " WHERE later.accepted AND later.sign_off_id > s.sign_off_id AND other.month = c.month"
)


@dataclass(frozen=True)
class Snapshot:
    """A frozen month-end: its place in the chain, digest and seal."""

    position: int
    month: str
    revision: int
    candidate_id: int
    digest: str
    seal: str
    frozen_on: date


def sign_off(
    office: Office,
    candidate_id: int,
    answer: str,
    by: str,
    shown_sha256: str,
    channel: Channel,
    on: date,
    reason: str | None = None,
    until: date | None = None,
    withheld: Sequence[str] = (),
) -> None:
    """Record an answer to a candidate: who, what was shown (its hash), what was chosen. Every answer is kept.

    `by` is a user or display name; `withheld` are measures that no pack of the month may show. Raises NeedsPerson
    unless it was an accepted `freeze`: an answer by somebody who is not a steward, to something else than this
    candidate, or without what it needs, is recorded and not accepted; so is a `freeze` of a candidate that fails a
    blocking cross-feed check, or that a control record contradicts, which two people did not waive before it was
    proposed.
    """
    if answer not in ("freeze", "postpone", "refuse"):
        raise WrongCall(f"{answer} is no answer to a candidate: freeze, postpone or refuse.")
    candidate = candidates.read(office, candidate_id)
    person = office.declarations.user(by) if channel == "airflow" else office.declarations.person(by)
    refusal = None
    if person is None:
        refusal = f"{by} is not in reports/people.yaml."
    elif "steward" not in person.roles:
        refusal = f"{person.display_name} is not a steward."
    elif shown_sha256 != candidate.shown_sha256:
        refusal = "What was shown is not this candidate as it was proposed."
    elif answer == "freeze" and (failing := standing(office, candidate, on)):
        refusal = (
            f"Checks stand against it: {' '.join(failing)} What fails is on the desk, under findings, and "
            "in `monthend status`. Once it is put right, or two people waived it, the month is proposed again."
        )
    elif answer != "freeze" and not reason:
        refusal = f"To {answer} needs a reason."
    elif answer == "postpone" and (until is None or until <= on):
        refusal = "To postpone needs a day to come to postpone until."
    elif unknown := [measure for measure in withheld if measure not in office.declarations.measures]:
        refusal = f"There is no measure {', '.join(unknown)} to withhold."
    elif withheld and answer != "freeze":
        refusal = f"To {answer} withholds every measure: name none."
    elif withheld and not reason:
        refusal = "To withhold a measure needs a reason."
    record = {
        "candidate_id": candidate_id,
        "answer": answer,
        "signed_by": person.user if person else by,
        "display_name": person.display_name if person else by,
        "shown_sha256": shown_sha256,
        "missing": candidates.canonical(list(candidate.missing)),
        "reason": reason,
        "until": until,
        "withheld": candidates.canonical(sorted(set(withheld))),
        "channel": channel,
        "login_user": warehouse.login_user(),
        "signed_on": on,
    }
    try:
        _store(office, record, refusal)
    except IntegrityError:
        refusal = "The candidate is answered already: propose again."
        _store(office, record, refusal)
    if refusal:
        raise NeedsPerson(f"The answer '{answer}' to {candidate.month} was recorded and not accepted. {refusal}")
    if answer != "freeze":
        day = f" until {until:%-d %B %Y}" if until else ""
        what = {"postpone": "postponed", "refuse": "refused"}[answer]
        raise NeedsPerson(f"{candidate.month} is {what}{day} by {record['display_name']}: {reason}. It is not frozen.")


def freeze(office: Office, candidate_id: int, on: date) -> Snapshot:
    """Chain the snapshot of a candidate that a steward answered with `freeze`. Doing it again changes nothing.

    Raises NeedsPerson when there is no such accepted answer in the warehouse, its signer is no steward, a later answer
    to the month was accepted, the chain has moved on since the candidate was proposed, or a check stands against it.
    """
    candidate = candidates.read(office, candidate_id)
    with office.engine.begin() as connection:
        warehouse.lock(connection, warehouse.FREEZE_LOCK)
        frozen = warehouse.query(
            connection, "SELECT * FROM snapshot.snapshot WHERE candidate_id = :candidate", candidate=candidate_id
        )
        if not frozen:
            _chain(office, connection, candidate, on)
    return snapshot(office, candidate.month, candidate.revision)


def signed_off(office: Office, month: str, reason: str | None = None) -> int | None:
    """The candidate of a month (of a restatement for `reason`) that is signed off and can still be frozen."""
    with office.engine.connect() as connection:
        head = candidates.head(connection)
        rows = warehouse.query(
            connection,
            "SELECT c.candidate_id FROM snapshot.candidate c JOIN snapshot.sign_off s USING (candidate_id)"  # noqa: S608 - the words are ours
            " WHERE c.month = :month AND s.accepted AND s.answer = 'freeze' AND c.parent_id IS NOT DISTINCT FROM :head"
            f" AND c.reason IS NOT DISTINCT FROM :reason AND NOT EXISTS ({LATER_ANSWER})",
            month=month,
            reason=reason,
            head=head["candidate_id"] if head else None,
        )
    return rows[0]["candidate_id"] if rows else None


def snapshot(office: Office, month: str, revision: int | None = None) -> Snapshot:
    """The snapshot of a month, of its newest revision unless one is named. Raises NeedsPerson when it is not frozen."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT position, month, revision, candidate_id, digest, seal, frozen_on FROM snapshot.snapshot"
            " WHERE month = :month AND revision = coalesce(CAST(:revision AS integer), revision)"
            " ORDER BY revision DESC LIMIT 1",
            month=month,
            revision=revision,
        )
    if not rows:
        raise NeedsPerson(f"{month} is not frozen{f' in revision {revision}' if revision else ''}.")
    return Snapshot(**rows[0])


def snapshots(office: Office) -> list[Snapshot]:
    """The chain, oldest first."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT position, month, revision, candidate_id, digest, seal, frozen_on FROM snapshot.snapshot"
            " ORDER BY position",
        )
    return [Snapshot(**row) for row in rows]


def withheld(connection: Connection, candidate_id: int) -> dict[str, str]:
    """The measures that the sign-off of a candidate keeps out of every pack, each with the reason."""
    rows = warehouse.query(
        connection,
        "SELECT jsonb_array_elements_text(withheld) AS measure, reason FROM snapshot.sign_off"
        " WHERE candidate_id = :candidate AND accepted",
        candidate=candidate_id,
    )
    return {row["measure"]: row["reason"] for row in rows}


def standing(office: Office, candidate: candidates.Candidate, on: date) -> list[str]:
    """What keeps a candidate from being frozen on business date `on`, in words; nothing where it can be.

    That is what blocked it when it was proposed and, since then, a waiver that ended or a control record that came:
    under another waiver too it is proposed again, as neither the steward nor a pack's reader would be told of it.
    """
    if candidate.blocking or candidate.integrity_id is None:
        return list(candidate.blocking)
    with office.engine.connect() as connection:
        not_met = integrity.not_met(office, connection, candidate.integrity_id)
        blocking = integrity.not_waived(office, connection, not_met, on)
    in_words = {integrity.in_words(office, each): each for each in not_met if each.blocks}
    return [
        words
        for words, each in in_words.items()
        if each in blocking or candidates.waived(words) not in candidate.cross_feed
    ]


def seal(entry: dict[str, Any], answer: dict[str, Any]) -> str:
    """The seal of a snapshot: SHA-256 over the seal before, the digest, the snapshot's own record and the sign-off's.

    `entry` is the snapshot's row with its candidate's load number, reason and readiness, which the steward was shown.
    """
    frozen = {name: entry[name] for name in ("month", "revision", "load_number", "reason", "readiness")}
    frozen["frozen_on"] = entry["frozen_on"].isoformat()
    record = {
        name: answer[name]
        for name in (
            "answer", "signed_by", "display_name", "shown_sha256", "missing", "reason", "channel", "login_user"
        )
    }  # fmt: skip
    record |= {
        "signed_on": answer["signed_on"].isoformat(),
        "signed_at": answer["signed_at"].astimezone(UTC).isoformat(timespec="microseconds"),
    }
    if answer["withheld"]:
        record["withheld"] = answer["withheld"]
    sealed = [entry["previous_seal"], entry["digest"], frozen, record]
    return hashlib.sha256(candidates.canonical(sealed).encode()).hexdigest()


def _store(office: Office, record: dict[str, Any], refusal: str | None) -> None:
    values = record | {"accepted": refusal is None, "refusal": refusal}
    names = list(values)
    with office.engine.begin() as connection:
        warehouse.execute(
            connection,
            f"INSERT INTO snapshot.sign_off ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})",  # noqa: S608 - names are ours
            **values,
        )


def _chain(office: Office, connection: Connection, candidate: candidates.Candidate, on: date) -> None:
    answer = _accepted(connection, candidate.candidate_id)
    if answer is None or answer["answer"] != "freeze":
        given = f"the answer is '{answer['answer']}'" if answer else "no steward's answer is recorded"
        raise NeedsPerson(f"{candidate.month} is not frozen: {given} for candidate {candidate.candidate_id}.")
    signer = office.declarations.person(answer["signed_by"])
    if signer is None or "steward" not in signer.roles or answer["shown_sha256"] != candidate.shown_sha256:
        raise NeedsPerson(f"{candidate.month} is not frozen: its sign-off is not a steward's answer to what was shown.")
    if answer["superseded"]:
        raise NeedsPerson(
            f"{candidate.month} is not frozen: another candidate of it was answered after candidate "
            f"{candidate.candidate_id}. Propose it again."
        )
    if failing := standing(office, candidate, on):
        raise NeedsPerson(
            f"{candidate.month} is not frozen: checks stand against it since it was signed off: {' '.join(failing)} "
            "Once that is put right, or two people waived it, propose it again."
        )
    head = candidates.head(connection) or {"position": 0, "candidate_id": None, "seal": ""}
    if candidate.parent_id != head["candidate_id"]:
        raise NeedsPerson(f"{candidate.month} is not frozen: another froze since it was proposed. Propose it again.")
    now = facts.read(connection, candidate.candidate_id)
    if wrong := revisions.wrong(connection, office.declarations, candidate.candidate_id, now):
        raise NeedsPerson(
            f"{candidate.month} is not frozen, as its revisions do not add up. {wrong[0]} Propose it again."
        )
    entry = {
        "position": head["position"] + 1,
        "month": candidate.month,
        "revision": candidate.revision,
        "candidate_id": candidate.candidate_id,
        "sign_off_id": answer["sign_off_id"],
        "digest": candidate.digest,
        "previous_seal": head["seal"],
        "frozen_on": on,
    }
    (proposed,) = warehouse.query(
        connection,
        "SELECT load_number, reason, readiness FROM snapshot.candidate WHERE candidate_id = :candidate",
        candidate=candidate.candidate_id,
    )
    entry["seal"] = seal(entry | proposed, answer)
    warehouse.insert(connection, "snapshot.snapshot", [entry])


def _accepted(connection: Connection, candidate_id: int) -> dict[str, Any] | None:
    rows = warehouse.query(
        connection,
        f"SELECT s.*, EXISTS ({LATER_ANSWER}) AS superseded"  # noqa: S608 - the words are ours
        " FROM snapshot.sign_off s JOIN snapshot.candidate c USING (candidate_id)"
        " WHERE s.candidate_id = :candidate AND s.accepted",
        candidate=candidate_id,
    )
    return rows[0] if rows else None
