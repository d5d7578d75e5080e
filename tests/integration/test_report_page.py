"""The validation report in a real browser, without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from offices import Desk

from monthend.validate import report
from monthend.validate.validation import latest_validations

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
