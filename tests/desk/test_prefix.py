"""The desk of an Airflow that is not at the root of its host: every link stays below Airflow's own path."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import FROZEN, MONTH, PREFIX, Server, Site, running

from monthend.office import Office


@pytest.fixture(scope="module")
def below(server: Server, stocked: tuple[Office, str], shared_declarations: Path) -> Iterator[Site]:
    """Airflow below a path."""
    with running(server, stocked, "simple", shared_declarations, PREFIX) as running_site:
        yield running_site


def test_every_link_stays_below_the_path(below: Site) -> None:
    sent = below.visit("/findings")
    assert sent.headers["location"] == f"{PREFIX}/auth/login?next=%2Fairflow%2Fdesk%2Ffindings"
    assert below.visit("/", "a.steward").headers["location"] == f"{PREFIX}/desk/months/{MONTH}"
    assert below.visit("/desk.css", "a.steward").status_code == 200
    blocked = f"/deliveries/{below.delivery('blocked')}"
    for path in (f"/months/{MONTH}", f"/months/{FROZEN}", "/findings", "/packs", blocked, "/runbooks/"):
        page = below.visit(path, "a.steward").text
        links = re.findall(r'(?:href|action)="([^"#]+)', page)
        assert len(links) > 8
        assert [link for link in links if not link.startswith((f"{PREFIX}/", "data:"))] == []


def test_forms_work_below_the_path(below: Site) -> None:
    fields = {"check_id": "U02", "note": "Asked for it again"}
    path = f"/deliveries/{below.delivery('blocked')}"
    done = below.visit(f"{path}/acknowledge", "d.analyst", "POST", data=fields)
    assert done.headers["location"] == f"{PREFIX}/desk{path}?done=acknowledged"


def test_airflow_is_told_of_the_desk_below_the_path(below: Site) -> None:
    plugins = below.airflow("GET", "plugins")["plugins"]
    (monthend,) = [plugin for plugin in plugins if plugin["name"] == "monthend"]
    views = [(view["destination"], view["url_route"], view["href"]) for view in monthend["external_views"]]
    assert views == [
        ("nav", None, f"{PREFIX}/desk/"),
        ("dag_run", "stewards-desk", f"{PREFIX}/desk/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}"),
    ]
    assert monthend["fastapi_apps"] == [{"app": "builtins.function", "url_prefix": "/desk", "name": "Steward's desk"}]
