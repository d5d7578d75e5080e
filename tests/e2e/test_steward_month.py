"""A steward's month in a real browser against a real installation: a red check, a waiver, a resend, packs e-mailed."""

import email
import email.policy
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import yaml
from chromium import CHROMIUM, needs_chromium
from declared import copy_declarations
from playwright.sync_api import Browser, Page, expect, sync_playwright

from monthend.deliver import ledger
from monthend.demo.installation import Airflow, running
from monthend.office import open_office
from monthend.plan.calendar import add_months, add_working_days, month_end
from monthend.sample import street

TODAY = datetime.now(ZoneInfo("Europe/London")).date()
MONTH = add_months(f"{TODAY:%Y-%m}", -1)
PERIOD = add_months(MONTH, -2)  # data.police.uk is published two months after
SECONDS = 180

pytestmark = needs_chromium


@dataclass(frozen=True)
class Installation:
    """A running installation, where its extracts come in, and a browser."""

    airflow: Airflow
    inbox: Path
    browser: Browser

    def log_in(self, user: str) -> Page:
        """A page of the desk, for somebody who came without a login and gave their password to Airflow."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{self.airflow.url}/desk/months/{MONTH}")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password", exact=False).first.fill(self.airflow.passwords[user])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/desk/months/{MONTH}")
        return page

    def pull(self) -> str:
        """Pull what is in the inbox; gives the state of the run."""
        return self.airflow.wait("pull_police_monthly", self.airflow.trigger("pull_police_monthly"), SECONDS)


def spoilt(path: Path, fault: tuple[str, str]) -> str:
    """Put a fault into the third row of an extract; gives its text as it was."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    lines[3] = lines[3].replace(*fault, 1)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return text


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An installation with two months of made-up extracts, of which two have rows of another month."""
    with tempfile.TemporaryDirectory(prefix="month-") as folder:
        home, inbox = Path(folder) / "home", Path(folder) / "inbox"
        declarations = copy_declarations(Path(folder) / "declarations")
        street.write(inbox, PERIOD, months=2)
        for path in (declarations / "reports/boards").glob("*.yaml"):
            board = yaml.safe_load(path.read_text(encoding="utf-8"))
            board["meetings"] = [add_working_days(TODAY, 7)]  # before the next month-end could serve it
            path.write_text(yaml.safe_dump(board), encoding="utf-8")
        with (
            sync_playwright() as playwright,
            running(home, inbox, declarations=declarations, port=8200) as airflow,
        ):
            office = open_office(home, airflow.database, declarations)
            ledger.arm(office, "demo", "the mail server of this test keeps what it is sent")
            office.engine.dispose()
            for dag_id in ("pull_police_monthly", "freeze_month_end", "publish_board_packs"):
                airflow.unpause(dag_id)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Installation(airflow, inbox, browser)
            browser.close()


def delivery_page(page: Page, area: str) -> None:
    """Go from the month to the delivery of an area that blocks it."""
    page.get_by_role("link", name=area).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(area)


def test_a_month_from_a_red_check_to_an_e_mailed_pack(installation: Installation) -> None:
    airflow, inbox = installation.airflow, installation.inbox
    other = (PERIOD, add_months(PERIOD, 1))
    essex, kent = (next(inbox.rglob(f"{PERIOD}-{slug}-street.csv")) for slug in ("essex", "kent"))
    spoilt(essex, other)
    good = spoilt(kent, other)

    # The pull is red, and the desk says what blocks the month and who can unblock it.
    assert installation.pull() == "failed"
    steward = installation.log_in("a.steward")
    expect(steward.get_by_text("Essex Police").first).to_be_visible()

    # Essex: the rows to be put right, then a waiver, which needs a second person.
    delivery_page(steward, "Essex Police")
    with steward.expect_download() as download:
        steward.get_by_role("link", name="Rows-to-fix workbook").click()
    sheet = openpyxl.load_workbook(io.BytesIO(Path(download.value.path()).read_bytes())).worksheets[0]
    (table,) = sheet.tables.values()
    assert [row[0].value for row in sheet[table.ref][1:]] == [3]
    steward.get_by_text("Waive U02", exact=True).first.click()
    steward.get_by_label("Reason").fill("The force confirms the row.")
    steward.get_by_label("Last day on which it holds").fill((TODAY + timedelta(days=90)).isoformat())
    steward.get_by_role("button", name="Waive U02").click()
    expect(steward.get_by_role("status")).to_contain_text("The waiver is recorded in your name.")
    registrar = installation.log_in("c.registrar")
    registrar.goto(steward.url.partition("?")[0])
    registrar.get_by_role("button", name="Consent to waive U02").click()
    expect(registrar.get_by_role("status")).to_contain_text("Your consent to the waiver is recorded.")

    # Kent: the force sends the extract again. Both are in with the next pull, and the finding closes by itself.
    kent.write_text(good, encoding="utf-8")
    assert installation.pull() == "success"
    steward.goto(f"{airflow.url}/desk/findings?state=open")
    assert steward.get_by_role("row").filter(has_text="Kent Police").filter(has_text="U02").count() == 0

    # The month is proposed; the steward signs on the desk exactly what is shown.
    run = airflow.trigger("freeze_month_end", MONTH)
    assert airflow.question("freeze_month_end", run, "sign_off", SECONDS) is not None
    steward.goto(f"{airflow.url}/desk/months/{MONTH}/sign-off")
    expect(steward.get_by_text("U02 is waived for Street-level crime").first).to_be_visible()
    steward.get_by_label("Freeze: make it").check()
    steward.get_by_role("button", name="Answer as A. Steward").click()
    steward.wait_for_url(f"**/desk/months/{MONTH}**")
    assert airflow.wait("freeze_month_end", run, SECONDS) == "success"

    # The snapshot sets off the packs; the releaser releases them, and they are e-mailed.
    for _ in airflow.poll(SECONDS):
        if runs := airflow.runs("publish_board_packs", MONTH):
            break
    publication = str(runs[0]["dag_run_id"])
    assert airflow.question("publish_board_packs", publication, "release", SECONDS) is not None
    releaser = installation.log_in("b.releaser")
    releaser.goto(f"{airflow.url}/desk/months/{MONTH}/release")
    releaser.get_by_label("Release: send").check()
    releaser.get_by_role("button", name="Answer as B. Releaser").click()
    assert airflow.wait("publish_board_packs", publication, SECONDS) == "success"

    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in airflow.caught.glob("*.eml")
    ]
    packs = {mail["To"]: mail for mail in mails if list(mail.iter_attachments())}
    assert set(packs) == {"chair.pdg@opcc.example", "secretary.pdg@police.example", "clerk.panel@council.example"}
    (attachment,) = packs["chair.pdg@opcc.example"].iter_attachments()
    workbook = openpyxl.load_workbook(io.BytesIO(attachment.get_content()))
    cover = [str(cell.value) for row in workbook.worksheets[0] for cell in row if cell.value]
    assert [line for line in cover if line.startswith("Waiver: U02 is waived for Street-level crime")] != []
    assert f"{month_end(MONTH):%B %Y}" in str(packs["chair.pdg@opcc.example"]["Subject"])

    # Each was told what needed them, and no board was.
    notices = {mail["To"] for mail in mails if not list(mail.iter_attachments())}
    assert {"a.steward@opcc.example", "b.releaser@opcc.example"} <= notices
    assert notices & set(packs) == set()
