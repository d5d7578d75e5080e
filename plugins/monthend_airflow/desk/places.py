"""The ways in from Airflow, the runbooks, the stylesheet, and what answers where nothing else does."""

from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from monthend.plan.declarations import ROOT
from monthend_airflow.desk import airflow_api
from monthend_airflow.desk.access import Seeing, Visiting
from monthend_airflow.desk.pages import page, to

router = APIRouter()
RUNBOOKS = ROOT / "docs/runbooks"


@router.get("/run")
def run(
    request: Request, visitor: Seeing, dag_id: str, run_id: str, task_id: str = "", map_index: int = -1
) -> Response:
    """From a run, or a task of it, in Airflow to what it is about: a delivery, some of them, or the month."""
    if task_id:
        ids = airflow_api.delivery_ids(visitor, dag_id, run_id, task_id, map_index)
        if len(ids) == 1:
            return to(request, f"/deliveries/{ids[0]}")
        if ids:
            return to(request, f"/deliveries?ids={','.join(map(str, ids))}")
    return to(request, f"/months/{quote(airflow_api.run_month(visitor, dag_id, run_id), safe='')}")


@router.get("/runbooks/")
def runbooks(request: Request, visitor: Seeing) -> Response:
    """The runbooks by their titles."""
    titles = [(path.stem, _title(path)) for path in sorted(RUNBOOKS.glob("*.md"))]
    return page(request, visitor, "runbooks.html", runbooks=titles)


@router.get("/runbooks/{name}")
def runbook(request: Request, name: str, visitor: Seeing) -> Response:
    """One runbook; a link from one to another names its file."""
    path = next((each for each in RUNBOOKS.glob("*.md") if name in (each.stem, each.name)), None)
    if path is None:
        raise HTTPException(404, f"There is no runbook {name}.")
    words = path.read_text(encoding="utf-8")
    return page(request, visitor, "runbook.html", title=_title(path), words=words)


@router.get("/desk.css")
def stylesheet(visitor: Visiting) -> Response:
    """The one stylesheet, of the pages that say no as well."""
    return FileResponse(Path(__file__).with_name("desk.css"), media_type="text/css")


@router.get("/{path:path}")
def nowhere(path: str, visitor: Visiting) -> Response:
    """Whatever else is asked for: a stranger is sent to the login first."""
    raise HTTPException(404, "Check the address, or start from the month at hand.")


def _title(path: Path) -> str:
    """A runbook's first heading."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), path.stem)
