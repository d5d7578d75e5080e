"""A month: at a glance, its snapshots, its sign-off and its release."""

from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, HTTPException, Path, Request, Response

from monthend import status, warehouse
from monthend.errors import NeedsPerson
from monthend.freeze import candidate as candidates
from monthend.freeze import changes
from monthend.office import Office
from monthend.plan.calendar import add_months
from monthend.publish import packs
from monthend.publish.release import ReleaseRequest, release_request
from monthend_airflow.desk import airflow_api
from monthend_airflow.desk.access import Release, Seeing, Sign, Visitor
from monthend_airflow.desk.office import today
from monthend_airflow.desk.pages import page, to

router = APIRouter()
Month = Annotated[str, Path(pattern=r"^20\d{2}-(0[1-9]|1[0-2])$")]
Words = Annotated[str, Form(max_length=2000)]
Shown = TypeVar("Shown", candidates.Candidate, ReleaseRequest)
MOVED = 20  # facts on the month's page; a snapshot's has more
ANSWERS = ("freeze", "postpone", "refuse")


@router.get("/")
def month_at_hand(request: Request, visitor: Seeing) -> Response:
    """The month at hand: the newest that was begun, else the one that ended last."""
    with visitor.office.engine.connect() as connection:
        (begun,) = warehouse.query(
            connection,
            "SELECT max(month) AS month FROM (SELECT month FROM snapshot.start"
            " UNION ALL SELECT month FROM snapshot.candidate) begun",
        )
    return to(request, f"/months/{begun['month'] or add_months(f'{today():%Y-%m}', -1)}")


@router.get("/months/{month}")
def month_page(request: Request, month: Month, visitor: Seeing, answered: str = "") -> Response:
    """The month at a glance, at every station."""
    office = visitor.office
    stands = status.status(office, month)
    candidate = _newest(office, month)
    snapshot = stands["snapshots"][-1] if stands["snapshots"] else None
    answers = [each for each in stands["candidates"] if each["answer"]]
    moved = changes.moved(office, candidate.candidate_id, MOVED) if candidate and visitor.may("figures") else None
    return page(
        request,
        visitor,
        "month.html",
        month=month,
        previous=add_months(month, -1),
        following=add_months(month, 1),
        feeds=status.feeds_at(office, month),
        refused=stands["refused"],
        blockers=status.blockers(office, month, today()),
        candidate=candidate,
        answers=answers,
        answered_already=any(each["accepted"] and each["candidate_id"] == candidate.candidate_id for each in answers),
        moved=moved,
        drafts=sorted(path.name for path in (office.home / "drafts" / month).glob("*.xlsx"))
        if visitor.may("figures")
        else [],
        snapshots=stands["snapshots"],
        builds=packs.builds(office, month) if snapshot else [],
        releases=_releases(office, month),
        outcomes=stands["deliveries"],
        known_errors=[each for each in office.declarations.known_errors.values() if each.first_period <= month],
        boards=office.declarations.boards,
        answered=answered,
    )


@router.get("/snapshots/{month}/{revision}")
def snapshot_page(request: Request, month: Month, revision: int, visitor: Seeing) -> Response:
    """A snapshot: what it was made from, who signed it off, what changed against the one before."""
    office = visitor.office
    with office.engine.connect() as connection:
        found = warehouse.query(
            connection,
            "SELECT s.*, c.manifest, c.reason AS restated_because, o.display_name, o.answer, o.signed_on, o.signed_at,"
            " o.reason, o.missing, o.withheld, o.channel, o.login_user, o.shown_sha256"
            " FROM snapshot.snapshot s JOIN snapshot.candidate c USING (candidate_id)"
            " JOIN snapshot.sign_off o USING (sign_off_id) WHERE s.month = :month AND s.revision = :revision",
            month=month,
            revision=revision,
        )
    if not found:
        raise HTTPException(404, f"{month} is not frozen in revision {revision}.")
    snapshot = found[0]
    return page(
        request,
        visitor,
        "snapshot.html",
        snapshot=snapshot,
        manifest=snapshot["manifest"],
        feeds=office.declarations.feeds,
        measures=office.declarations.measures,
        moved=changes.moved(office, snapshot["candidate_id"]) if visitor.may("figures") else None,
    )


@router.get("/months/{month}/sign-off")
def sign_off_page(request: Request, month: Month, visitor: Seeing) -> Response:
    """What a steward signs, exactly, and the form to answer it."""
    office = visitor.office
    candidate = _newest(office, month)
    if candidate is None:
        raise HTTPException(404, f"{month} was never proposed, so there is nothing to sign off.")
    answers = status.status(office, month)["candidates"]
    answer = next(
        (each for each in answers if each["accepted"] and each["candidate_id"] == candidate.candidate_id), None
    )
    waiting = None
    if visitor.may("sign") and answer is None:
        waiting = _waiting(visitor, "freeze_month_end", "sign_off", month, candidate.shown)
    return page(
        request,
        visitor,
        "sign_off.html",
        month=month,
        candidate=candidate,
        answer=answer,
        waiting=waiting,
        measures=list(office.declarations.measures.values()),
    )


@router.post("/months/{month}/sign-off")
def sign_off(
    request: Request,
    month: Month,
    visitor: Sign,
    shown_sha256: Annotated[str, Form()],
    answer: Annotated[str, Form()],
    reason: Words = "",
    until: Annotated[str, Form()] = "",
    withhold: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Answer Airflow's own question as the visitor. The worker stores the answer; nothing is stored here."""
    candidate = _as_it_was_shown(_newest(visitor.office, month), shown_sha256)
    if answer not in ANSWERS:
        raise HTTPException(400, "Choose an answer: freeze, postpone or refuse.")
    if not reason.strip() and (answer != "freeze" or withhold):
        raise HTTPException(
            400, "To postpone, to refuse and to withhold a measure need a reason. Go back and give one."
        )
    if answer == "postpone" and (not (day := _day(until)) or day <= today()):
        raise HTTPException(400, "To postpone needs a day to come. Go back and give one.")
    question = _waiting(visitor, "freeze_month_end", "sign_off", month, candidate.shown)
    if question is None:
        raise HTTPException(409, f"No run of freeze_month_end waits for the sign-off of this candidate of {month}.")
    particulars = {"reason": reason.strip() or None, "until": until if answer == "postpone" else None}
    if withhold and answer == "freeze":
        particulars["withhold"] = ",".join(withhold)
    airflow_api.answer(visitor, question, answer, particulars)
    return to(request, f"/months/{month}?answered={answer}")


@router.get("/months/{month}/release")
def release_page(request: Request, month: Month, visitor: Seeing) -> Response:
    """Which packs wait to be released, exactly as a releaser is shown them, and the form to answer."""
    asked = _request(visitor.office, month)
    waiting = None
    if visitor.may("release") and asked.builds:
        waiting = _waiting(visitor, "publish_board_packs", "release", month, asked.shown)
    return page(
        request,
        visitor,
        "release.html",
        month=month,
        asked=asked,
        waiting=waiting,
        disagreement=_disagreement(visitor.office, month),
        boards=visitor.office.declarations.boards,
    )


@router.post("/months/{month}/release")
def release(
    request: Request,
    month: Month,
    visitor: Release,
    shown_sha256: Annotated[str, Form()],
    answer: Annotated[str, Form()],
    reason: Words = "",
    hold: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Answer Airflow's own question as the visitor. The worker stores the answer; nothing is stored here."""
    asked = _as_it_was_shown(_request(visitor.office, month), shown_sha256)
    if answer not in ("release", "refuse"):
        raise HTTPException(400, "Choose an answer: release or refuse.")
    if answer == "refuse" and not reason.strip():
        raise HTTPException(400, "To refuse needs a reason. Go back and give one.")
    question = _waiting(visitor, "publish_board_packs", "release", month, asked.shown)
    if question is None:
        raise HTTPException(409, f"No run of publish_board_packs waits for the release of these packs of {month}.")
    particulars = {"reason": reason.strip() or None, "hold": ",".join(hold) or None}
    airflow_api.answer(visitor, question, answer, particulars)
    return to(request, f"/months/{month}?answered={answer}")


def _disagreement(office: Office, month: str) -> str | None:
    """Which cells show the same fact differently; None where all packs of the month agree."""
    try:
        packs.parity(office, month)
    except NeedsPerson as error:
        return str(error)
    return None


def _newest(office: Office, month: str) -> candidates.Candidate | None:
    try:
        return candidates.read(office, candidates.newest(office, month))
    except NeedsPerson:
        return None


def _request(office: Office, month: str) -> ReleaseRequest:
    try:
        return release_request(office, month)
    except NeedsPerson as error:
        raise HTTPException(404, str(error)) from error


def _as_it_was_shown(now: Shown | None, shown_sha256: str) -> Shown:
    """What is asked about, if it is what the form was made from. Raises 409 where it is not."""
    if now is None or now.shown_sha256 != shown_sha256:
        raise HTTPException(409, "It changed since this page was made. Go back, reload and look again.")
    return now


def _waiting(visitor: Visitor, dag_id: str, task_id: str, month: str, shown: str) -> airflow_api.Question | None:
    """The question of Airflow's that shows exactly this; None where there is none, or it shows something else."""
    asked = airflow_api.questions(visitor, dag_id, task_id, month)
    return next((question for question in asked if question.shows(shown)), None)


def _releases(office: Office, month: str) -> list[dict[str, Any]]:
    """The answers of releasers to a month's packs, oldest first."""
    with office.engine.connect() as connection:
        return warehouse.query(
            connection,
            "SELECT a.answer, a.display_name, a.reason, a.accepted, a.refusal, a.answered_at FROM pack.answer a"
            " JOIN snapshot.snapshot s USING (position) WHERE s.month = :month ORDER BY a.answer_id",
            month=month,
        )


def _day(words: str) -> date | None:
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None
