"""The desk's app: its routes, what stands before all of them, and errors in words."""

import logging
import traceback
from typing import Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import bearer_scheme
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monthend.errors import MonthendError, WrongCall
from monthend_airflow.desk import deliveries, months, packs, places
from monthend_airflow.desk.access import logged_in
from monthend_airflow.desk.pages import error_page
from monthend_airflow.office import base_url

logger = logging.getLogger(__name__)

SAFE = ("GET", "HEAD", "OPTIONS")
LARGEST_POST, LARGEST_FORM = 21 * 2**20, 2**16  # a pack of 20 MB and the form around it; a form of words
FAILED = "The desk could not answer. Try again; if it stays so, tell who runs Airflow: its API server's log says where."
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; script-src 'none'; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Around every route: a request that could change something comes from a page of ours; headers on every answer.

    An error that nobody foresaw ends here too, as a page. Its words are in no log: they may hold a value of a row.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or let the request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope, receive)
        if refusal := await self._refusal(request):
            await refusal(scope, receive, with_headers)
            return
        try:
            await self.app(scope, receive, with_headers)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            logger.error("The desk failed at %s %s: %s\n%s", request.method, request.url.path, type(error), where)
            if started:
                raise
            await error_page(request, 500, FAILED)(scope, receive, with_headers)

    async def _refusal(self, request: Request) -> Response | None:
        """What is wrong with a request before its body is read."""
        if request.method in SAFE:
            return None
        if not same_origin(request):
            return error_page(request, 403, "This was not sent from a page of the desk. Open the desk and do it there.")
        try:
            await logged_in(request, await bearer_scheme(request))
        except HTTPException as error:
            return error_page(request, error.status_code, str(error.detail))
        length = request.headers.get("content-length", "")
        largest = LARGEST_POST if request.url.path.endswith("/packs") else LARGEST_FORM
        if not length.isdigit() or int(length) > largest:
            return error_page(request, 413, "That is too large: a workbook of up to 20 MB can be read here.")
        return None


def same_origin(request: Request) -> bool:
    """Whether a browser sent the request from a page of this Airflow: Origin, else Referer, is its own.

    Its own is what the request was sent to, or where people reach Airflow, as through a proxy that speaks TLS.
    """
    headers: Headers = request.headers
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return False
    came_from = urlsplit(headers.get("origin") or headers.get("referer") or "")
    base = urlsplit(base_url())
    own = {(request.url.scheme, headers.get("host", "")), (base.scheme, base.netloc)}
    return bool(came_from.netloc) and (came_from.scheme, came_from.netloc) in own


app = FastAPI(title="Steward's desk", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
app.add_middleware(Guard)
for routes in (months, deliveries, packs, places):  # places last: it answers what no other does
    app.include_router(routes.router)


@app.exception_handler(StarletteHTTPException)
async def refused(request: Request, error: Any) -> Response:
    """Send a stranger who asks for a page to Airflow's login; say to all others what is wrong."""
    if error.status_code == 401 and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(get_auth_manager().get_url_login(next_url=_here(request)), 302)
    return error_page(request, error.status_code, str(error.detail))


@app.exception_handler(MonthendError)
async def stopped(request: Request, error: Any) -> Response:
    """Say what a station said, in its words."""
    return error_page(request, 400 if isinstance(error, WrongCall) else 409, str(error))


@app.exception_handler(RequestValidationError)
async def misunderstood(request: Request, error: Any) -> Response:
    """Say which field is missing or wrong."""
    fields = ", ".join(str(fault["loc"][-1]) for fault in error.errors())
    return error_page(request, 400, f"Something is missing or cannot be read: {fields}. Go back and fill it in.")


def _here(request: Request) -> str:
    """The address that was asked for, as the browser sees it."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
