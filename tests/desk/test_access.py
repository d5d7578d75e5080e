"""Who may open which page, download and form, under either auth manager."""

import pytest
from sites import FROZEN, MONTH, Site

EVERYBODY = (
    None,
    "n.nothing",
    "v.viewer",
    "A. Steward",
    "admin",
    "d.analyst",
    "c.registrar",
    "a.steward",
    "b.releaser",
)
ONLY = {  # who gets further than 403, beyond logging in and reading the DAG
    "visiting": EVERYBODY[1:],
    "seeing": EVERYBODY[2:],
    "figures": ("d.analyst", "c.registrar", "a.steward", "b.releaser"),
    "rows": ("a.steward",),
    "acknowledge": ("d.analyst", "c.registrar", "a.steward"),
    "waive": ("c.registrar", "a.steward"),
    "sign": ("a.steward",),
    "release": ("b.releaser",),
}
DELIVERY, BUILD, DRAFT = "{delivery}", "{build}", "{draft}"
PLACES = [  # method, path, need, and the status for who may (a form without its fields is 400, but not 403)
    ("GET", "/", "seeing", 303),
    ("GET", f"/months/{MONTH}", "seeing", 200),
    ("GET", f"/months/{FROZEN}", "seeing", 200),
    ("GET", "/months/2019-01", "seeing", 200),
    ("GET", "/months/2019-13", "seeing", 400),
    ("GET", f"/snapshots/{FROZEN}/1", "seeing", 200),
    ("GET", f"/snapshots/{FROZEN}/2", "seeing", 404),
    ("GET", f"/months/{MONTH}/sign-off", "seeing", 200),
    ("POST", f"/months/{MONTH}/sign-off", "sign", 400),
    ("GET", f"/months/{FROZEN}/release", "seeing", 200),
    ("POST", f"/months/{FROZEN}/release", "release", 400),
    ("GET", "/findings", "seeing", 200),
    ("GET", "/findings?state=fixed", "seeing", 200),
    ("GET", f"/deliveries?ids={DELIVERY}", "seeing", 200),
    ("GET", f"/deliveries/{DELIVERY}", "seeing", 200),
    ("GET", "/deliveries/999999", "seeing", 404),
    ("POST", f"/deliveries/{DELIVERY}/acknowledge", "acknowledge", 400),
    ("POST", f"/deliveries/{DELIVERY}/waive", "waive", 400),
    ("POST", f"/deliveries/{DELIVERY}/consent", "waive", 400),
    ("GET", f"/deliveries/{DELIVERY}/rows", "rows", 200),
    ("GET", f"/deliveries/{DELIVERY}/rows-to-fix.xlsx", "rows", 200),
    ("GET", "/packs", "figures", 200),
    ("POST", "/packs", "figures", 400),
    ("GET", f"/packs/{BUILD}/file", "figures", 200),
    ("GET", "/packs/999999/file", "figures", 404),
    ("GET", f"/months/{MONTH}/drafts/{DRAFT}", "figures", 200),
    ("GET", f"/months/{MONTH}/drafts/..%2F..%2Fkeys.xlsx", "visiting", 404),
    ("GET", "/run?dag_id=freeze_month_end&run_id=none", "seeing", 404),
    ("GET", "/runbooks/", "seeing", 200),
    ("GET", "/runbooks/month-end", "seeing", 200),
    ("GET", "/runbooks/mail-refused.md", "seeing", 200),
    ("GET", "/runbooks/..%2F..%2FREADME.md", "visiting", 404),
    ("GET", "/desk.css", "visiting", 200),
    ("GET", "/nowhere", "visiting", 404),
]


def address(site: Site, path: str) -> str:
    """A path with what the office holds put in."""
    (ids,) = site.rows(
        "SELECT (SELECT max(delivery_id) FROM quality.validation WHERE verdict = 'quarantined') AS delivery,"
        " (SELECT min(build_id) FROM pack.build) AS build"
    )
    draft = sorted((site.office.home / "drafts" / MONTH).iterdir())[0].name
    return path.format(**ids, draft=draft)


def expected(user: str | None, method: str, need: str, status: int) -> int:
    """The status that somebody gets."""
    if user is None:
        return 302 if method == "GET" else 401
    return status if user in ONLY[need] else 403


@pytest.mark.parametrize("user", EVERYBODY)
def test_each_page_form_and_download_as_everybody(site: Site, user: str | None) -> None:
    got = {(method, path): site.visit(address(site, path), user, method).status_code for method, path, _, _ in PLACES}
    assert got == {(method, path): expected(user, method, need, status) for method, path, need, status in PLACES}


def test_every_route_declares_its_need_and_is_tried_above(site: Site) -> None:
    routes = site.tell("routes")
    assert len(routes) == 24
    assert [route for route in routes if len(route[2]) != 1] == []
    needs = {need for _, _, (need,) in routes}
    assert needs == set(ONLY)
    tried = [(method, need) for method, _, need, _ in PLACES]
    assert {(method, need) for method, _, (need,) in routes} <= set(tried)


def test_a_stranger_is_sent_to_the_login_and_back(site: Site) -> None:
    sent = site.visit("/findings?state=open")
    assert sent.status_code == 302
    assert sent.headers["location"].endswith("next=%2Fdesk%2Ffindings%3Fstate%3Dopen")
    assert "/auth/login" in sent.headers["location"]
    assert site.visit("/findings", headers={"accept": "*/*"}).status_code == 401
    assert site.visit("/findings", headers={"cookie": "_token=of-another-airflow"}).status_code == 302


def test_a_token_in_the_header_counts_as_well(site: Site) -> None:
    bearer = {"authorization": f"Bearer {site.tokens['v.viewer']}"}
    assert site.visit("/findings", headers=bearer).status_code == 200
    assert site.visit("/packs", headers=bearer).status_code == 403


def test_inside_the_tab_of_a_run_no_link_leads_out_of_the_frame(site: Site) -> None:
    assert "/required_actions" in site.visit("/findings", "v.viewer").text
    framed = site.visit("/findings", "v.viewer", headers={"sec-fetch-dest": "iframe"})
    assert "/required_actions" not in framed.text


def test_every_answer_has_its_headers(site: Site) -> None:
    for path, user in (("/", None), ("/findings", "v.viewer"), ("/packs", "v.viewer"), ("/nowhere", "v.viewer")):
        headers = site.visit(path, user).headers
        assert "script-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert headers["cache-control"] == "no-store"


def test_a_viewer_is_shown_counts_and_no_row_and_no_figure(site: Site) -> None:
    pages = [
        site.visit(address(site, path), "v.viewer").text
        for method, path, need, status in PLACES
        if (method, need, status) == ("GET", "seeing", 200)
    ]
    assert len(pages) == 13
    for page in pages:
        assert "Witchcraft" not in page
        assert "Facts that moved" not in page
        assert "/file" not in page
        assert "/rows" not in page
    assert site.rows("SELECT count(*) AS views FROM quality.row_view WHERE viewed_by <> 'a.steward'") == [{"views": 0}]
