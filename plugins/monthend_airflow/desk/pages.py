"""Pages: the templates, and what all of them share."""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from monthend.plan.calendar import month_end
from monthend_airflow.desk.access import Visitor
from monthend_airflow.office import LONDON

HEADINGS = {
    400: "That cannot be done",
    401: "Log in first",
    403: "You may not do this",
    404: "There is no such page",
    405: "There is no such page",
    409: "That cannot be done now",
    413: "That is too large",
    502: "Airflow did not answer",
    503: "The desk is closed",
}


def page(request: Request, visitor: Visitor, template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """A page from its template, for a visitor."""
    words = _environment().get_template(template).render(**_shared(request, visitor), **content)
    return HTMLResponse(words, status)


def error_page(request: Request, status: int, words: str) -> Response:
    """A page that says what is wrong, in words."""
    shared = _shared(request, getattr(request.state, "visitor", None))
    heading = HEADINGS.get(status, "Something is wrong")
    return HTMLResponse(
        _environment().get_template("error.html").render(**shared, heading=heading, words=words), status
    )


def to(request: Request, path: str) -> RedirectResponse:
    """Send the browser on to a page of the desk."""
    return RedirectResponse(f"{root(request)}{path}", 303)


def root(request: Request) -> str:
    """Where the desk is: `/desk`, behind the path that Airflow's base_url has."""
    return str(request.scope.get("root_path", ""))


def markdown(words: str) -> Markup:
    """Markdown as HTML. HTML inside it is shown as text."""
    html = str(_markdown().render(words))
    html = html.replace("<pre>", '<pre tabindex="0">')  # what is wider than the screen scrolls, also by keyboard
    html = html.replace("<table>", '<div class="wide" tabindex="0" role="region" aria-label="Table"><table>')
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704 - HTML in the words is escaped


def _shared(request: Request, visitor: Visitor | None) -> dict[str, Any]:
    return {
        "desk": root(request),
        "airflow": request.scope.get("app_root_path", ""),
        "framed": request.headers.get("sec-fetch-dest") == "iframe",  # the tab of a run: no link leads out of it
        "visitor": visitor,
        "path": request.url.path.removeprefix(root(request)),
    }


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "month": _month,
        "day": _day,
        "moment": _moment,
        "share": _share,
        "value": _value,
        "counted": _counted,
    }
    environment.globals |= {"markdown": markdown}
    return environment


def _number(value: int | Decimal | None) -> str:
    if value is None:
        return "–"
    return f"{value.normalize():,f}" if isinstance(value, Decimal) else f"{value:,}"


def _counted(number: int, one: str, many: str) -> str:
    """A number with its noun: 1 delivery, 2 deliveries."""
    return f"{number:,} {one if number == 1 else many}"


def _value(value: Decimal | None) -> str:
    """A fact's value; one that is not available is never a blank."""
    return "[x]" if value is None else _number(value)


def _month(period: str) -> str:
    return f"{month_end(period):%B %Y}" if period else ""


def _day(day: date | str | None) -> str:
    if isinstance(day, str):
        day = date.fromisoformat(day) if day else None
    return f"{day:%-d %B %Y}" if day else "–"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(LONDON):%-d %B %Y, %H:%M}"


def _share(part: int | None, whole: int | None) -> str:
    """A part as a percentage; one that is there at all is never shown as 0."""
    if part is None or not whole:
        return "–"
    share = 100 * part / whole
    return "under 0.1%" if 0 < share < 0.1 else f"{share:.1f}%"
