"""Signing off and releasing on the desk: the visitor's answer to Airflow's own question, stored by its worker."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import FROZEN, MANAGERS, MONTH, ON, Server, Site, running

from monthend.office import Office


@pytest.fixture(scope="module", params=list(MANAGERS))
def own_site(
    request: pytest.FixtureRequest, server: Server, stocked: tuple[Office, str], shared_declarations: Path
) -> Iterator[Site]:
    """A desk to sign off on, under each auth manager."""
    with running(server, stocked, request.param, shared_declarations) as running_site:
        yield running_site


def fields(site: Site, path: str, user: str) -> dict[str, str]:
    """The hash by which the form of a page names what it shows."""
    found = re.search(r'name="shown_sha256" value="([0-9a-f]{64})"', site.visit(path, user).text)
    assert found, site.visit(path, user).text
    return {"shown_sha256": found.group(1)}


def test_nothing_waits_and_the_page_says_so(own_site: Site) -> None:
    page = own_site.visit(f"/months/{MONTH}/sign-off", "a.steward").text
    assert "waits for an answer to exactly this candidate" in page
    assert 'name="answer"' not in page


def test_a_month_is_signed_off_on_the_desk_and_released(own_site: Site) -> None:
    run_id = own_site.tell("trigger", "freeze_month_end", MONTH, ON.isoformat())
    path = f"/months/{MONTH}/sign-off"
    assert 'name="answer"' not in own_site.visit(path, "b.releaser").text
    form = fields(own_site, path, "a.steward")
    for wrong, words in (
        ({"answer": "postpone", "until": "2099-01-01"}, "need a reason"),
        ({"answer": "postpone", "reason": "Wait", "until": "2020-01-01"}, "needs a day to come"),
        ({"answer": "freeze", "withhold": "open_burglary"}, "need a reason"),
        ({"answer": "sign"}, "Choose an answer"),
        ({"answer": "freeze", "shown_sha256": "0" * 64}, "It changed since this page was made"),
    ):
        refused = own_site.visit(path, "a.steward", "POST", data=form | wrong)
        assert (refused.status_code in (400, 409), words in refused.text) == (True, True), wrong
    given = own_site.visit(
        path,
        "a.steward",
        "POST",
        data=form | {"answer": "freeze", "reason": "Being recounted", "withhold": "open_drugs"},
    )
    assert (given.status_code, given.headers["location"]) == (303, f"/desk/months/{MONTH}?answered=freeze")
    page = own_site.visit(f"/months/{MONTH}?answered=freeze", "a.steward").text
    assert "Your answer is given" in page
    assert "Nobody has answered yet" in page  # the desk itself stores nothing
    again = own_site.visit(path, "a.steward", "POST", data=form | {"answer": "refuse", "reason": "Second thoughts"})
    assert (again.status_code, "waits for the sign-off" in again.text) == (409, True)

    assert own_site.tell("go_on", "freeze_month_end", run_id) == "success"
    answered = own_site.visit(path, "a.steward").text
    assert "A. Steward answered <strong>freeze</strong> on " in answered
    assert 'name="answer"' not in answered
    (stored,) = own_site.rows(
        "SELECT s.answer, signed_by, channel, accepted, s.reason, withheld, shown_sha256 FROM snapshot.sign_off s"
        " JOIN snapshot.candidate USING (candidate_id) WHERE month = :month",
        month=MONTH,
    )
    assert stored == {
        "answer": "freeze", "signed_by": "a.steward", "channel": "airflow", "accepted": True,
        "reason": "Being recounted", "withheld": ["open_drugs"], "shown_sha256": form["shown_sha256"],
    }  # fmt: skip
    page = own_site.visit(f"/months/{MONTH}", "v.viewer").text
    assert "by A. Steward on 13 May 2025: Being recounted" in page
    snapshot = own_site.visit(f"/snapshots/{MONTH}/1", "v.viewer").text
    assert "<dt>Withheld</dt><dd>Drugs</dd>" in snapshot
    assert "Seal before" in snapshot

    run_id = own_site.tell("trigger", "publish_board_packs", MONTH, ON.isoformat())
    path = f"/months/{MONTH}/release"
    form = fields(own_site, path, "b.releaser")
    assert "agree on every fact that stands in two of them" in own_site.visit(path, "v.viewer").text
    waiting = re.findall(r'name="hold" id="hold-([0-9a-f]{32})"', own_site.visit(path, "b.releaser").text)
    assert len(waiting) == 3
    refused = own_site.visit(path, "b.releaser", "POST", data=form | {"answer": "refuse"})
    assert (refused.status_code, "needs a reason" in refused.text) == (400, True)
    given = own_site.visit(path, "b.releaser", "POST", data=form | {"answer": "release", "hold": waiting[0]})
    assert (given.status_code, given.headers["location"]) == (303, f"/desk/months/{MONTH}?answered=release")
    assert own_site.tell("go_on", "publish_board_packs", run_id) == "success"
    released = own_site.rows("SELECT pack_id FROM pack.release ORDER BY pack_id")
    assert {row["pack_id"] for row in released} == set(waiting[1:])
    assert "by B. Releaser" in own_site.visit(f"/months/{MONTH}", "v.viewer").text


def pull(site: Site, **conf: str) -> dict[str, str]:
    """Make a run of the pull; give it as an address names it."""
    made = site.airflow("POST", "dags/pull_police_monthly/dagRuns", logical_date=None, conf=conf)
    return {"dag_id": "pull_police_monthly", "run_id": made["dag_run_id"]}


@pytest.mark.parametrize(("conf", "month"), [({"month": FROZEN}, FROZEN), ({"on": "2025-05-13"}, "2025-04")])
def test_a_run_in_airflow_leads_to_its_month(own_site: Site, conf: dict[str, str], month: str) -> None:
    found = own_site.visit("/run", "v.viewer", params=pull(own_site, **conf))
    assert (found.status_code, found.headers["location"]) == (303, f"/desk/months/{month}")


def test_a_task_in_airflow_leads_to_its_deliveries(own_site: Site) -> None:
    run = pull(own_site, month=FROZEN)
    place = f"dags/pull_police_monthly/dagRuns/{run['run_id']}/taskInstances/outstanding/xcomEntries"

    def leads_to() -> str:
        found = own_site.visit("/run", "v.viewer", params=run | {"task_id": "outstanding", "map_index": "-1"})
        return found.headers["location"]

    assert leads_to() == f"/desk/months/{FROZEN}"
    own_site.airflow("POST", place, key="return_value", value={"delivery_ids": [27], "blocked": []})
    assert leads_to() == "/desk/deliveries/27"
    own_site.airflow("PATCH", f"{place}/return_value", value=[27, 28])
    assert leads_to() == "/desk/deliveries?ids=27,28"
    own_site.airflow("PATCH", f"{place}/return_value", value="//evil.example")
    assert leads_to() == f"/desk/months/{FROZEN}"
