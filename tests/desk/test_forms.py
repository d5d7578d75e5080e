"""What the desk changes: only from its own pages, only in the name of who did it; and each look at rows is recorded."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from sites import FROZEN, MONTH, Site

EVERYTHING = " UNION ALL ".join(
    f"SELECT '{table}' AS name, count(*) AS rows FROM {table}"
    for table in (
        "quality.acknowledgement", "quality.waiver", "quality.waiver_consent", "quality.row_view", "snapshot.sign_off",
        "pack.answer", "landing.receipt",
    )
)  # fmt: skip


def held(site: Site) -> dict[str, int]:
    """How many rows each table has that the desk may insert into."""
    return {row["name"]: row["rows"] for row in site.rows(EVERYTHING)}


def forms(delivery_id: int) -> list[tuple[str, str, dict[str, Any]]]:
    """Every form of the desk, filled in, and who may send it."""
    tomorrow = (date.today() + timedelta(days=1)).isoformat()  # noqa: DTZ011 - the desk's own date is near enough
    check = {"check_id": "U02", "part": ""}
    return [
        (f"/deliveries/{delivery_id}/acknowledge", "d.analyst", check | {"note": "Asked for it again"}),
        (f"/deliveries/{delivery_id}/waive", "c.registrar", check | {"reason": "Agreed", "expires_on": tomorrow}),
        (f"/deliveries/{delivery_id}/consent", "c.registrar", {"waiver_id": 1}),
        (f"/months/{MONTH}/sign-off", "a.steward", {"shown_sha256": "0", "answer": "freeze"}),
        (f"/months/{FROZEN}/release", "b.releaser", {"shown_sha256": "0", "answer": "release"}),
        ("/packs", "a.steward", {"place": "'summary'!C12"}),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "", "referer": "https://evil.example/desk/findings"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_a_post_from_elsewhere_is_refused_and_changes_nothing(own_site: Site, headers: dict[str, str]) -> None:
    before = held(own_site)
    for path, user, fields in forms(own_site.delivery("blocked")):
        response = own_site.visit(path, user, "POST", data=fields, headers=headers)
        assert (response.status_code, "not sent from a page of the desk" in response.text) == (403, True), path
    assert held(own_site) == before


def test_a_post_is_refused_before_its_body_is_read(own_site: Site) -> None:
    path, _, fields = forms(own_site.delivery("blocked"))[0]
    assert own_site.visit(path, None, "POST", data=fields).status_code == 401
    assert own_site.visit("/packs", None, "POST", files={"workbook": b"x" * 2**20}).status_code == 401
    long = own_site.visit(path, "d.analyst", "POST", data=fields | {"note": "x" * 2**17})
    assert (long.status_code, "too large" in long.text) == (413, True)


def test_rows_are_not_asked_for_from_another_site(own_site: Site) -> None:
    before = held(own_site)
    for name in ("rows", "rows-to-fix.xlsx"):
        path = f"/deliveries/{own_site.delivery('blocked')}/{name}"
        assert own_site.visit(path, "a.steward", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert held(own_site) == before


def test_people_who_cannot_be_read_are_nobody(own_site: Site) -> None:
    people = own_site.office.declarations.root / "reports/people.yaml"
    whole = people.read_text(encoding="utf-8")
    people.write_text(whole.replace("roles:", "rules:"), encoding="utf-8")
    answer = own_site.visit("/findings", "a.steward")
    assert (answer.status_code, str(people.parent.parent) in answer.text) == (503, False)
    people.write_text(whole, encoding="utf-8")
    assert own_site.visit("/findings", "a.steward").status_code == 200


def test_no_month_is_no_page(own_site: Site) -> None:
    assert [
        own_site.visit(f"/months/{month}", "v.viewer").status_code for month in ("0000-01", "9999-12", "2025-13")
    ] == ([400] * 3)


def test_many_who_ask_airflow_at_once_do_not_stop_it(own_site: Site) -> None:
    path = "/run?dag_id=freeze_month_end&run_id=nothing"
    with ThreadPoolExecutor(80) as crowd:
        codes = list(crowd.map(lambda _: own_site.visit(path, "v.viewer").status_code, range(160)))
    assert set(codes) <= {404, 503}
    assert 404 in codes
    assert own_site.airflow("GET", "dags")["total_entries"] >= 1


def test_the_referer_counts_where_there_is_no_origin(own_site: Site) -> None:
    response = own_site.visit(
        "/packs",
        "a.steward",
        "POST",
        data={"place": ""},
        headers={"origin": "", "referer": f"{own_site.url}/desk/packs"},
    )
    assert response.status_code == 400  # it got to the form, which lacks a file


def test_a_form_is_refused_to_who_may_not_and_changes_nothing(own_site: Site) -> None:
    before = held(own_site)
    for path, _, fields in forms(own_site.delivery("blocked")):
        for user in ("v.viewer", "admin", "A. Steward"):
            assert own_site.visit(path, user, "POST", data=fields).status_code == 403, path
    assert held(own_site) == before


def test_looking_at_pages_changes_nothing(own_site: Site) -> None:
    before = held(own_site)
    for path in (
        "/",
        f"/months/{MONTH}",
        "/findings",
        f"/deliveries/{own_site.delivery('blocked')}",
        f"/months/{MONTH}/sign-off",
    ):
        assert own_site.visit(path, "a.steward").status_code in (200, 303)
    assert held(own_site) == before


def test_a_finding_is_acknowledged_and_waived_by_two_people_in_their_names(own_site: Site) -> None:
    blocked = own_site.delivery("blocked")
    acknowledge, waive, _ = forms(blocked)[:3]
    done = own_site.visit(acknowledge[0], "d.analyst", "POST", data=acknowledge[2])
    assert (done.status_code, done.headers["location"]) == (303, f"/desk/deliveries/{blocked}?done=acknowledged")
    assert "D. Analyst: Asked for it again" in own_site.visit(f"/deliveries/{blocked}", "v.viewer").text

    assert own_site.visit(waive[0], "c.registrar", "POST", data=waive[2]).status_code == 303
    again = own_site.visit(waive[0], "a.steward", "POST", data=waive[2])
    assert (again.status_code, "waived for this delivery already" in again.text) == (409, True)
    (waiver,) = own_site.rows("SELECT * FROM quality.waiver_state")
    assert (waiver["reason"], waiver["people"], waiver["users"], waiver["agreed"]) == (
        "Agreed",
        2,
        ["c.registrar"],
        False,
    )

    consent = {"waiver_id": waiver["waiver_id"]}
    page = own_site.visit(f"/deliveries/{blocked}", "c.registrar").text
    assert "Consent to waive U02" not in page
    assert own_site.visit(f"/deliveries/{blocked}/consent", "c.registrar", "POST", data=consent).status_code == 409
    other = own_site.delivery("quarantined")
    assert own_site.visit(f"/deliveries/{other}/consent", "a.steward", "POST", data=consent).status_code == 404
    assert "Consent to waive U02" in own_site.visit(f"/deliveries/{blocked}", "e.registrar").text
    assert own_site.visit(f"/deliveries/{blocked}/consent", "e.registrar", "POST", data=consent).status_code == 303
    (waiver,) = own_site.rows("SELECT * FROM quality.waiver_state")
    assert (waiver["names"], waiver["agreed"]) == (["C. Registrar", "E. Registrar"], True)
    assert "by C. Registrar and E. Registrar: Agreed" in own_site.visit(f"/deliveries/{blocked}", "v.viewer").text


def test_a_waiver_without_a_day_to_come_or_a_reason_is_refused_in_words(own_site: Site) -> None:
    path = f"/deliveries/{own_site.delivery('quarantined')}/waive"
    fields = {"check_id": "U01", "part": "", "reason": "", "expires_on": "2020-01-01"}
    refused = own_site.visit(path, "a.steward", "POST", data=fields)
    assert (refused.status_code, "A waiver needs a reason." in refused.text) == (400, True)
    refused = own_site.visit(path, "a.steward", "POST", data=fields | {"reason": "Agreed"})
    assert (refused.status_code, "A waiver ends on a day to come, within a year." in refused.text) == (400, True)
    refused = own_site.visit(path, "a.steward", "POST", data=fields | {"expires_on": "soon"})
    assert (refused.status_code, "cannot be read: expires_on" in refused.text) == (400, True)


def test_each_look_at_rows_is_recorded_and_a_viewer_gets_none(own_site: Site) -> None:
    quarantined = own_site.delivery("quarantined")
    page = own_site.visit(f"/deliveries/{quarantined}/rows", "a.steward")
    assert (page.status_code, page.text.count("<code>Witchcraft</code>")) == (200, 3)
    workbook = own_site.visit(f"/deliveries/{quarantined}/rows-to-fix.xlsx", "a.steward")
    assert workbook.headers["content-disposition"].startswith("attachment;")
    sheet = openpyxl.load_workbook(io.BytesIO(workbook.content)).active
    assert sheet is not None
    assert "Witchcraft" not in [cell.value for row in sheet for cell in row]
    for user in ("v.viewer", "admin", "d.analyst", "c.registrar", "b.releaser"):
        for name in ("rows", "rows-to-fix.xlsx"):
            refused = own_site.visit(f"/deliveries/{quarantined}/{name}", user)
            assert (refused.status_code, "Witchcraft" in refused.text) == (403, False)
    views = own_site.rows("SELECT viewed_by, display_name, how, row_count FROM quality.row_view ORDER BY row_view_id")
    assert views == [
        {"viewed_by": "a.steward", "display_name": "A. Steward", "how": how, "row_count": 3}
        for how in ("page", "workbook")
    ]


def test_a_pack_is_verified_and_traced_and_not_kept(own_site: Site) -> None:
    pack = sorted((own_site.office.home / "packs" / FROZEN).glob("*.xlsx"))[0]
    workbook = openpyxl.load_workbook(pack)
    sheet = next(each for each in workbook if each.tables and each.title == "summary")
    cell = sheet["C12"]
    upload = {"workbook": ("as I got it.xlsx", pack.read_bytes())}
    page = own_site.visit("/packs", "d.analyst", "POST", files=upload, data={"place": "'summary'!C12"})
    assert "as I got it.xlsx holds" in page.text
    assert f"summary!C12 shows {cell.value}" in page.text
    assert "/leicestershire" not in page.text
    cell.value = 4711
    changed = io.BytesIO()
    workbook.save(changed)
    page = own_site.visit("/packs", "d.analyst", "POST", files={"workbook": ("mine.xlsx", changed.getvalue())})
    assert "mine.xlsx is not as it was released" in page.text
    assert "mine.xlsx: summary!C12" in page.text
    for name, content, words in (
        ("notes.xlsx", b"no workbook", "notes.xlsx cannot be read as an Excel workbook."),
        ("notes.txt", b"no workbook", "Choose a workbook that ends in .xlsx."),
        ("huge.xlsx", b"0" * (20 * 2**20 + 1), "huge.xlsx is too large"),
        ("vast.xlsx", b"0" * (22 * 2**20), "That is too large"),
    ):
        assert words in own_site.visit("/packs", "d.analyst", "POST", files={"workbook": (name, content)}).text


def test_a_pack_that_is_not_as_built_is_not_handed_out(own_site: Site) -> None:
    (build,) = own_site.rows("SELECT build_id, file_name FROM pack.build ORDER BY build_id LIMIT 1")
    path = own_site.office.home / "packs" / FROZEN / build["file_name"]
    content = path.read_bytes()
    got = own_site.visit(f"/packs/{build['build_id']}/file", "d.analyst")
    assert (got.status_code, got.content == content) == (200, True)
    try:
        path.write_bytes(b"something else")
        refused = own_site.visit(f"/packs/{build['build_id']}/file", "d.analyst")
        assert (refused.status_code, "is not the file that was built" in refused.text) == (409, True)
    finally:
        path.write_bytes(content)
