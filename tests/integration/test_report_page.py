"""The validation report: in a real browser, without a network, and what it says of a waiver and of months before."""

import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import bad_inputs
import pytest
from offices import Desk, Rows, Street

from monthend.errors import WrongCall
from monthend.receive import receive
from monthend.validate import report
from monthend.validate.findings import consent, waive
from monthend.validate.validation import latest_validations, validate

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        assert not os.environ.get("CI"), "Chromium is not installed"
        pytest.skip("Chromium is not installed")
    return found


def test_a_report_reads_well_without_a_network(frozen: Desk, browser: str, tmp_path: Path) -> None:
    ids = [row[0] for row in frozen.rows("SELECT delivery_id FROM landing.delivery WHERE feed = 'police_uk_street'")]
    (page, *_) = report.write(frozen.office, [each.validation_id for each in latest_validations(frozen.office, ids)])
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = {}
    for path in (page, report.index_path(frozen.office)):
        source = path.read_text(encoding="utf-8")
        assert "http:" not in source
        assert "https:" not in source
        done = subprocess.run([browser, *options, path.as_uri()], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0
        shown[path.name] = done.stdout
    assert '<th scope="col">What happens to a failing row</th>' in shown[page.name]
    assert f'<a href="{page.name}">' in shown["index.html"]


def test_a_waived_check_says_who_waived_it_why_and_until_when(desk: Desk, street: Street, tmp_path: Path) -> None:
    on = date(2025, 4, 2)
    (path,) = bad_inputs.CASES["other_month_inside"].write(tmp_path, street.file("2025-01", "kent"))
    received = receive(desk.office, [path], on)
    blocked = validate(desk.office, received.delivery_ids, on)[-1]
    waiver = waive(desk.office, blocked.validation_id, "U02", "", "<their> error", date(2025, 4, 30), "a.steward", on)
    consent(desk.office, waiver.waiver_id, "c.registrar", on)
    under = validate(desk.office, received.delivery_ids, on)[-1]
    assert under.validation_id > blocked.validation_id
    said = "failed<br>waived by A. Steward and C. Registrar until 30 April 2025: &lt;their&gt; error</td>"
    page = report.report_path(desk.office, under.validation_id).read_text(encoding="utf-8")
    assert f"<td>{said}" in page
    assert "Nothing: the check is waived for this delivery." in page
    before = report.report_path(desk.office, blocked.validation_id).read_text(encoding="utf-8")
    assert "waived by" not in before
    assert "The delivery is blocked: nothing of it is loaded." in before
    (check,) = [
        each
        for each in report.content(desk.office, under.validation_id)["checks"]
        if (each["check_id"], each["part"]) == ("U02", "")
    ]
    assert check["waived_by"] == ["A. Steward", "C. Registrar"]
    assert (check["waived_because"], check["waived_until"]) == ("<their> error", date(2025, 4, 30))
    with pytest.raises(WrongCall, match="There is no validation 99"):
        report.content(desk.office, 99)


def test_a_trend_has_the_newest_version_of_each_month_oldest_first(
    desk: Desk, street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown_place(rows: Rows) -> None:
        for row in rows[:2]:
            row["LSOA code"] = "E01999999"

    periods = ["2024-12", "2025-01", "2025-02"]
    count = {}
    for period in periods:
        source = street.file(period, "kent")
        count[period] = len(source.read_text(encoding="utf-8").splitlines()) - 1
    desk.take_in(street.inbox(tmp_path / "inbox", periods, ["kent", "essex"]))
    desk.take_in(street.changed(tmp_path / "resent", "2025-01", "kent", unknown_place))
    found = report.trend(desk.office, "police_uk_street", "E23000032")
    assert found["U05", ""] == [
        ("2024-12", "passed", 0, count["2024-12"]),
        ("2025-01", "failed", 2, count["2025-01"]),
        ("2025-02", "passed", 0, count["2025-02"]),
    ]
    assert {len(each) for each in found.values()} == {3}
    monkeypatch.setattr(report, "TREND", 2)
    assert [each[0] for each in report.trend(desk.office, "police_uk_street", "E23000032")["U05", ""]] == periods[1:]
    assert [each[0] for each in report.trend(desk.office, "areas", "")["R01", "unique"]] == [""]
    assert report.trend(desk.office, "police_uk_street", "E23000033") == {}
