"""pull_partner_quarterly against the real API and a real warehouse: a task a return, by area, and an answer to each."""

import os
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from hand_driven import Airflow

Rows = Callable[..., list[dict[str, Any]]]
PULL = "pull_partner_quarterly"
AREAS = (
    "Blaby", "Charnwood", "Harborough", "Hinckley and Bosworth", "Leicester", "Melton", "North West Leicestershire",
    "Oadby and Wigston", "Rutland",
)  # fmt: skip


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty inbox."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.setenv("MONTHEND_INBOX", str(inbox))
    return inbox


def states(run: Any, station: str) -> dict[str, str]:
    """How a station ended, by area."""
    start = f"pull.{station}[2017-06 csp_return "
    return {name.removeprefix(start).rstrip("]"): state for name, state in run.states.items() if name.startswith(start)}


def mails(office: Any) -> dict[str, Any]:
    """The answers in the outbox by recipient, the newest of each."""
    found = {}
    for path in sorted((office.home / "outbox/notices").glob("*--community.safety@*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        found[mail["To"].partition("@")[2].removesuffix(".example")] = mail
    return found


def test_each_return_is_a_task_named_by_its_area_and_is_answered(
    office: Any, airflow: Airflow, inbox: Path, rows: Rows
) -> None:
    from monthend.sample import partners
    from monthend.sample.force import Force

    waiting = airflow.trigger(PULL, key=None, on="2017-07-03")
    assert waiting.state == "success"
    assert states(waiting, "receive") == dict.fromkeys(AREAS, "skipped")

    partners.write(Force("2017-06", 1, 0.02), inbox, "2017-06", spoilt=True)
    run = airflow.trigger(PULL, key=None, on="2017-07-07")
    assert run.state == "success"
    assert states(run, "receive") == dict.fromkeys(AREAS, "success") | {"Oadby and Wigston": "skipped"}
    came = {area: "success" for area in AREAS if area != "Oadby and Wigston"}
    assert states(run, "validate") == states(run, "load") == came
    answers = mails(office)
    assert len(answers) == 8
    assert {slug for slug, mail in answers.items() if list(mail.iter_attachments())} == {"charnwood", "melton"}
    assert "oadby-and-wigston" not in answers

    path = inbox / "2017-06-csp-return-charnwood.xlsx"
    partners.write(Force("2017-06", 1, 0.02), inbox.parent, "2017-06", spoilt=False)
    os.replace(inbox.parent / path.name, path)
    again = airflow.trigger(PULL, key=None, on="2017-07-10")
    assert states(again, "receive") == {"Charnwood": "success", "Oadby and Wigston": "skipped"}
    assert states(again, "load") == {"Charnwood": "success"}
    answer = mails(office)["charnwood"]
    assert answer["Subject"].endswith("Charnwood: taken, with thanks")
    assert "which it replaces: 4 put right, 0 not yet, 0 new." in answer.get_body(("plain",)).get_content()
    loaded = rows(
        "SELECT l.row_count FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
        " WHERE d.feed = 'csp_return' AND d.area_code = 'E07000130' ORDER BY load_number"
    )
    assert [row["row_count"] for row in loaded] == [21, 25]


def test_a_return_on_another_form_fails_the_run_and_the_others_are_taken(
    office: Any, airflow: Airflow, inbox: Path
) -> None:
    from monthend.sample import partners
    from monthend.sample.force import Force

    partners.write(Force("2017-06", 1, 0.02), inbox, "2017-06", spoilt=True)
    (inbox / "2017-06-csp-return-blaby.xlsx").write_bytes((inbox / "2017-06-csp-return-rutland.xlsx").read_bytes())
    run = airflow.trigger(PULL, key=None, on="2017-07-07")
    assert run.state == "failed"
    loads = states(run, "load")
    assert loads.pop("Blaby") == "failed"
    assert loads == {area: "success" for area in AREAS if area not in ("Blaby", "Oadby and Wigston")}
    text = " ".join(mails(office)["blaby"].get_body(("plain",)).get_content().split())
    assert "Nothing of it is taken until it is put right." in text
    assert "The return is of the area that its file is named for. Fill in the form that was sent to this area." in text
