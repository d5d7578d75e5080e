"""Findings, and the deliveries they are of: each check, what was said of it, the rows to be put right."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from monthend import warehouse
from monthend.office import Office
from monthend.validate import findings as found
from monthend.validate import report
from monthend.validate import rows as failing
from monthend_airflow.desk.access import Acknowledge, Rows, Seeing, Waive
from monthend_airflow.desk.office import today
from monthend_airflow.desk.pages import page, to

router = APIRouter()
STATES = ("open", "acknowledged", "waived", "fixed")
AT_ONCE = 200  # findings on a page
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Check = Annotated[str, Form(max_length=40)]
Words = Annotated[str, Form(max_length=2000)]


@router.get("/findings")
def findings_page(request: Request, visitor: Seeing, state: str = "") -> Response:
    """The findings, open ones first; of one state where it is named."""
    if state not in ("", *STATES):
        raise HTTPException(400, f"A finding is {', '.join(STATES)}; {state} is none of them.")
    every = found.findings(visitor.office, today(), fixed=state == "fixed")
    chosen = [each for each in every if state in ("", each.state)]
    chosen.sort(key=lambda each: STATES.index(each.state))
    return page(
        request,
        visitor,
        "findings.html",
        state=state,
        states=STATES,
        findings=chosen[:AT_ONCE],
        count=len(chosen),
        today=today(),
        feeds=visitor.office.declarations.feeds,
        areas=_areas(visitor.office),
    )


@router.get("/deliveries")
def deliveries_page(request: Request, visitor: Seeing, ids: Annotated[str, Query(pattern=r"^\d+(,\d+)*$")]) -> Response:
    """Some deliveries by their ids, as those that a task handed on."""
    with visitor.office.engine.connect() as connection:
        deliveries = warehouse.query(
            connection,
            "SELECT DISTINCT ON (d.delivery_id) d.delivery_id, d.feed, d.period, d.area_code, v.verdict, v.row_count,"
            " v.quarantined_count, l.load_number IS NOT NULL AS loaded FROM landing.delivery d"
            " LEFT JOIN quality.validation v USING (delivery_id) LEFT JOIN reporting.load l USING (delivery_id)"
            " WHERE d.delivery_id = ANY(:ids) ORDER BY d.delivery_id, v.validation_id DESC",
            ids=[int(each) for each in ids.split(",")][:1000],
        )
    return page(
        request,
        visitor,
        "deliveries.html",
        deliveries=deliveries,
        feeds=visitor.office.declarations.feeds,
        areas=_areas(visitor.office),
    )


@router.get("/deliveries/{delivery_id}")
def delivery_page(request: Request, delivery_id: int, visitor: Seeing, done: str = "") -> Response:
    """A delivery's newest validation: each check, and what can be done about one that failed."""
    office = visitor.office
    content = report.content(office, _newest(office, delivery_id))
    delivery, feed = content["v"], content["feed"]
    of_delivery = {
        (each.check_id, each.part): each
        for each in found.findings(office, today(), delivery_id=delivery_id)
        if each.delivery_id == delivery_id
    }
    return page(
        request,
        visitor,
        "delivery.html",
        **content,
        findings=of_delivery,
        trend=report.trend(office, feed.feed, delivery["area_code"]),
        replaced_by=_later(office, delivery_id),
        today=today(),
        done=done,
    )


@router.post("/deliveries/{delivery_id}/acknowledge")
def acknowledge(
    request: Request, delivery_id: int, visitor: Acknowledge, check_id: Check, part: Check = "", note: Words = ""
) -> Response:
    """Record that the visitor looks after a failed check."""
    if not note.strip():
        raise HTTPException(400, "Say in a note what you found or what you do about it. Go back and fill it in.")
    validation_id = _newest(visitor.office, delivery_id)
    found.acknowledge(visitor.office, validation_id, check_id, part, visitor.name, note, today())
    return to(request, f"/deliveries/{delivery_id}?done=acknowledged")


@router.post("/deliveries/{delivery_id}/waive")
def waive(
    request: Request,
    delivery_id: int,
    visitor: Waive,
    check_id: Check,
    expires_on: Annotated[date, Form()],
    part: Check = "",
    reason: Words = "",
) -> Response:
    """Let a failed check of the delivery not count, in the visitor's name."""
    validation_id = _newest(visitor.office, delivery_id)
    found.waive(visitor.office, validation_id, check_id, part, reason, expires_on, visitor.name, today())
    return to(request, f"/deliveries/{delivery_id}?done=waived")


@router.post("/deliveries/{delivery_id}/consent")
def consent(request: Request, delivery_id: int, visitor: Waive, waiver_id: Annotated[int, Form()]) -> Response:
    """Consent to a waiver as the second person."""
    if waiver_id not in {each.waiver_id for each in found.waivers(visitor.office, today(), delivery_id)}:
        raise HTTPException(404, f"Delivery {delivery_id} has no waiver {waiver_id} that waits or is in force.")
    found.consent(visitor.office, waiver_id, visitor.name, today())
    return to(request, f"/deliveries/{delivery_id}?done=consented")


@router.get("/deliveries/{delivery_id}/rows")
def rows_page(request: Request, delivery_id: int, visitor: Rows) -> Response:
    """The rows to be put right. Each look at them is recorded, with who looked."""
    validation_id = _newest(visitor.office, delivery_id)
    content = report.content(visitor.office, validation_id)
    rows, total = failing.failing_rows(visitor.office, validation_id, visitor.name, "page")
    of_delivery = {name: content[name] for name in ("v", "feed", "area")}
    return page(request, visitor, "rows.html", **of_delivery, rows=rows, total=total)


@router.get("/deliveries/{delivery_id}/rows-to-fix.xlsx")
def rows_to_fix(delivery_id: int, visitor: Rows) -> Response:
    """The same rows as a workbook for the feed's owner. It is recorded too."""
    content = failing.rows_to_fix(visitor.office, _newest(visitor.office, delivery_id), visitor.name)
    name = f"rows-to-fix-delivery-{delivery_id}.xlsx"
    return Response(content, media_type=WORKBOOK, headers={"content-disposition": f'attachment; filename="{name}"'})


def _newest(office: Office, delivery_id: int) -> int:
    """The newest validation of a delivery. Raises 404 where there is none."""
    with office.engine.connect() as connection:
        (row,) = warehouse.query(
            connection,
            "SELECT max(validation_id) AS validation_id FROM quality.validation WHERE delivery_id = :delivery_id",
            delivery_id=delivery_id,
        )
    if row["validation_id"] is None:
        raise HTTPException(404, f"There is no delivery {delivery_id} that was validated.")
    return int(row["validation_id"])


def _later(office: Office, delivery_id: int) -> int | None:
    """The newest delivery of the same feed, period and area, where it is a later one."""
    with office.engine.connect() as connection:
        (row,) = warehouse.query(
            connection,
            "SELECT max(later.delivery_id) AS delivery_id FROM landing.delivery d JOIN landing.delivery later"
            " USING (feed, period, area_code) WHERE d.delivery_id = :delivery_id AND later.delivery_id > d.delivery_id",
            delivery_id=delivery_id,
        )
    return row["delivery_id"]


def _areas(office: Office) -> dict[Any, str]:
    return {
        (feed.feed, area.code): area.name_in_rows for feed in office.declarations.feeds.values() for area in feed.areas
    }
