"""Packs: to download, to verify and to trace by dropping a workbook on the page."""

import tempfile
import threading
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse

from monthend import warehouse
from monthend.errors import MonthendError
from monthend.publish import evidence, packs
from monthend_airflow.desk.access import Figures
from monthend_airflow.desk.deliveries import WORKBOOK
from monthend_airflow.desk.months import Month
from monthend_airflow.desk.pages import page

router = APIRouter()
LARGEST = 20 * 2**20
ONE_AT_A_TIME = threading.Lock()  # reading a workbook takes memory and a processor


@router.get("/packs")
def packs_page(request: Request, visitor: Figures) -> Response:
    """Where a workbook is dropped."""
    return page(request, visitor, "packs.html", name="", problems=None, traced=None, fault="", place="")


@router.post("/packs")
def verify(
    request: Request,
    visitor: Figures,
    workbook: Annotated[UploadFile, File()],
    place: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Hold a workbook against its register; with a cell, say what stands behind it. The file is not kept."""
    name = Path(workbook.filename or "").name
    if not name.lower().endswith(".xlsx"):
        raise HTTPException(400, "Choose a workbook that ends in .xlsx.")
    content = workbook.file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise HTTPException(413, f"{name} is too large: a workbook of up to 20 MB can be read here.")
    with tempfile.TemporaryDirectory(prefix="monthend-desk-") as folder:
        path = Path(folder) / "workbook.xlsx"
        path.write_bytes(content)

        def said(words: str) -> str:
            return words.replace(str(path), name)

        problems, traced, fault = None, None, ""
        if not ONE_AT_A_TIME.acquire(timeout=10):
            raise HTTPException(503, "Somebody else's workbook is being read. Try again in a moment.")
        try:
            problems = [said(line) for line in evidence.verify_file(visitor.office, path)]
            if place.strip():
                traced = [said(line) for line in evidence.in_words(evidence.trace(visitor.office, path, place))]
        except MonthendError as error:
            fault = said(str(error))
        finally:
            ONE_AT_A_TIME.release()
    return page(
        request, visitor, "packs.html", name=name, problems=problems, traced=traced, fault=fault, place=place.strip()
    )


@router.get("/packs/{build_id}/file")
def pack_file(build_id: int, visitor: Figures) -> Response:
    """A pack as it was built; nothing else goes out under its name."""
    with visitor.office.engine.connect() as connection:
        found = warehouse.query(
            connection,
            "SELECT s.month, s.revision FROM pack.build b JOIN snapshot.snapshot s USING (position)"
            " WHERE b.build_id = :build_id",
            build_id=build_id,
        )
    of_month = packs.builds(visitor.office, found[0]["month"], found[0]["revision"]) if found else []
    build = next((each for each in of_month if each.build_id == build_id), None)
    if build is None or not build.path.is_file():
        raise HTTPException(404, f"There is no pack {build_id}, or another one took its place.")
    if not packs.as_built(build):
        raise HTTPException(409, f"{build.path.name} is not the file that was built. Publish the month again.")
    return FileResponse(build.path, media_type=WORKBOOK, filename=build.path.name)


@router.get("/months/{month}/drafts/{name}")
def draft_file(month: Month, name: str, visitor: Figures) -> Response:
    """A draft pack of the month's candidate."""
    folder = visitor.office.home / "drafts" / month
    path = next((each for each in folder.glob("*.xlsx") if each.name == name), None)
    if path is None:
        raise HTTPException(404, f"There is no draft {name} of {month}.")
    return FileResponse(path, media_type=WORKBOOK, filename=path.name)
