"""Release: a releaser's recorded answer to the packs as they were shown, after they were found to agree."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import chain
from monthend.office import Office
from monthend.publish.packs import Build, as_built, builds, parity

Channel = Literal["command line", "airflow"]


@dataclass(frozen=True)
class ReleaseRequest:
    """What a releaser is shown: the packs of a month that are built and not released, by their digests."""

    builds: tuple[Build, ...]
    shown: str

    @property
    def shown_sha256(self) -> str:
        """The hash by which an answer names what was shown."""
        return hashlib.sha256(self.shown.encode()).hexdigest()

    @property
    def pack_ids(self) -> list[str]:
        """The packs' ids, in the order they are shown."""
        return [build.pack_id for build in self.builds]


def release_request(office: Office, month: str) -> ReleaseRequest:
    """What a releaser is asked: the month's packs that are not released, each by its digest, and no figure of any.

    Only packs for a meeting that is in its board's calendar wait: one for reference, or for a meeting that is called
    off, goes to nobody.
    """
    snapshot = chain.snapshot(office, month)
    waiting = tuple(build for build in builds(office, month) if not build.released and _has_meeting(office, build))
    lines = [f"**Packs of month-end {month}**, revision {snapshot.revision}, digest `{snapshot.digest}`", ""]
    lines += ["| board | rendering | meeting | file | pack | contents |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {build.board} | {build.rendering} | {build.meeting} | {build.path.name} | `{build.pack_id}` "
        f"| `{build.content_sha256}` |"
        for build in waiting
    ]
    return ReleaseRequest(waiting, "\n".join(lines))


def release(
    office: Office,
    month: str,
    answer: str,
    by: str,
    shown_sha256: str,
    channel: Channel,
    reason: str | None = None,
    hold: Sequence[str] = (),
) -> list[str]:
    """Record a releaser's answer to the packs as they were shown, and release those that are not held.

    `hold` names pack ids. Gives the ids released. Every answer is kept. Raises NeedsPerson unless it was an accepted
    `release`: an answer by somebody who is no releaser, by the steward who signed the month off, or to other packs
    than those shown, is recorded and not accepted.
    """
    snapshot = chain.snapshot(office, month)
    request = release_request(office, month)
    person = office.declarations.user(by) if channel == "airflow" else office.declarations.person(by)
    refusal = None
    if person is None:
        refusal = f"{by} is not in reports/people.yaml."
    elif "releaser" not in person.roles:
        refusal = f"{person.display_name} is not a releaser."
    elif person.user == signer(office, snapshot):
        refusal = f"{person.display_name} signed the month off; somebody else has to release."
    elif shown_sha256 != request.shown_sha256:
        refusal = "What was shown are not the packs that wait for release now."
    elif answer not in ("release", "refuse"):
        raise WrongCall(f"{answer} is no answer to packs: release or refuse.")
    elif answer == "refuse" and not reason:
        refusal = "To refuse needs a reason."
    elif unknown := set(hold) - set(request.pack_ids):
        refusal = f"No pack that waits has the id {', '.join(sorted(unknown))}."
    released = [build for build in request.builds if build.pack_id not in hold]
    if refusal is None and answer == "release":
        refusal = _hindrance(office, month, released)
    record = {
        "position": snapshot.position,
        "answer": answer,
        "answered_by": person.user if person else by,
        "display_name": person.display_name if person else by,
        "shown_sha256": shown_sha256,
        "reason": reason,
        "channel": channel,
        "login_user": warehouse.login_user(),
        "accepted": refusal is None,
        "refusal": refusal,
    }
    with office.engine.begin() as connection:
        answer_id = warehouse.insert_one(connection, "pack.answer", record, "answer_id")
        if refusal is None and answer == "release":
            rows = [{"build_id": b.build_id, "pack_id": b.pack_id, "answer_id": answer_id} for b in released]
            warehouse.insert(connection, "pack.release", rows)
            held = [{"answer_id": answer_id, "build_id": b.build_id} for b in request.builds if b.pack_id in hold]
            warehouse.insert(connection, "pack.hold", held)
    if refusal:
        raise NeedsPerson(f"The answer '{answer}' to the packs of {month} was recorded and not accepted. {refusal}")
    if answer != "release":
        raise NeedsPerson(f"The packs of {month} are refused by {record['display_name']}: {reason}. Nothing is sent.")
    return [build.pack_id for build in released]


def _has_meeting(office: Office, build: Build) -> bool:
    """Whether a pack is for a meeting that is in its board's calendar."""
    board = office.declarations.boards.get(build.board)
    return board is not None and build.meeting in board.meetings


def _hindrance(office: Office, month: str, waiting: Sequence[Build]) -> str | None:
    """Why packs cannot be released whoever asks for it: they disagree, or a file is not the one that was built."""
    try:
        parity(office, month)
    except NeedsPerson as error:
        return str(error)
    changed = [str(build.path) for build in waiting if not as_built(build)]
    return f"Not what was built: {', '.join(changed)}. Publish the month again." if changed else None


def signer(office: Office, snapshot: chain.Snapshot) -> str:
    """The user who signed a snapshot off: somebody else releases its packs."""
    with office.engine.connect() as connection:
        (row,) = warehouse.query(
            connection,
            "SELECT o.signed_by FROM snapshot.snapshot s JOIN snapshot.sign_off o USING (sign_off_id)"
            " WHERE s.position = :position",
            position=snapshot.position,
        )
    return str(row["signed_by"])
