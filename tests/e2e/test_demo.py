"""The demonstration from end to end, under a real scheduler: what `make demo` runs, then the same with ONCE=1."""

import email
import email.policy
import hashlib
import io
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import psutil
import pytest

from monthend.plan.declarations import ROOT

MONTH = "2017-06"
AREAS = {
    "blaby": "Blaby", "charnwood": "Charnwood", "harborough": "Harborough",
    "hinckley-and-bosworth": "Hinckley and Bosworth", "leicester": "Leicester", "melton": "Melton",
    "north-west-leicestershire": "North West Leicestershire", "oadby-and-wigston": "Oadby and Wigston",
    "rutland": "Rutland",
}  # fmt: skip
LIMIT = 1500  # seconds for a whole run, on a busy machine


@dataclass(frozen=True)
class Run:
    """A run of the demonstration: what it printed, how it ended, what was there when it had."""

    home: Path
    output: str
    status: int
    mails: dict[Path, email.message.EmailMessage]  # with packs
    answers: list[email.message.EmailMessage]  # to returns with faults
    packs: dict[Path, str]
    left: list[str]

    def line(self, pattern: str) -> str:
        """What the first group of `pattern` matches in the output."""
        found = re.search(pattern, self.output, re.MULTILINE)
        assert found, self.output
        return found.group(1)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home where the server's own user can get to, which under pytest's folder it cannot."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        yield Path(folder) / "home"


@pytest.fixture(scope="module")
def first(home: Path) -> Run:
    """A first run, which stays up until Ctrl-C."""
    return demonstrate(home, once=False)


@pytest.fixture(scope="module")
def again(first: Run) -> Run:
    """The same a second time, which stops by itself."""
    return demonstrate(first.home, once=True)


def demonstrate(home: Path, *, once: bool) -> Run:
    command = [sys.executable, "-m", "monthend.demo", "--home", str(home), "--month", MONTH, *(["--once"] * once)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    watchdog = threading.Timer(LIMIT, process.send_signal, [signal.SIGTERM])
    watchdog.start()
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if line.startswith("Up until Ctrl-C"):
            process.send_signal(signal.SIGINT)
    status = process.wait()
    watchdog.cancel()
    mails = {
        path: email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted((home / "caught").glob("*.eml"))
    }
    answers = [mail for mail in mails.values() if mail["Subject"].endswith(": please put right")]
    mails = {path: mail for path, mail in mails.items() if " pack, " in mail["Subject"]}  # the rest are notices
    packs = {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((home / "packs" / MONTH).glob("*.xlsx"))
    }
    return Run(home, "".join(lines), status, mails, answers, packs, left_in(home))


def left_in(home: Path) -> list[str]:
    """The processes that work in the home directory or below."""
    left = []
    for process in psutil.process_iter(["cwd", "cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and Path(process.info["cwd"] or "/").is_relative_to(home):
            left.append(" ".join(process.info["cmdline"] or []))
    return left


def monthend(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "monthend"), *arguments, "--home", str(home)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_month_end_goes_through_airflow(first):
    assert first.status == 0, first.output
    for said in (
        "freeze_month_end asks: Sign off the month-end 2017-06",
        "Answered 'freeze' over the REST API as A. Steward (demo)",
        "The snapshot set off publish_board_packs",
        "Answered 'release' over the REST API as B. Releaser (demo)",
        "publish_board_packs: success",
    ):
        assert said in first.output


def test_each_pack_reaches_the_recipients_of_its_board(first):
    pdg = "Performance Delivery Group (made-up figures) pack"
    panel = "Police and Crime Panel (made-up figures) pack"
    partners = "Strategic Partnership Board (made-up figures) pack"
    own = "Community Safety Partnership (made-up figures)"
    expected = {
        (recipient, f"{marking}: {pack}, data to the end of June 2017")
        for recipient, marking, pack in (
            ("chair.pdg@opcc.example", "OFFICIAL-SENSITIVE", pdg),
            ("secretary.pdg@police.example", "OFFICIAL-SENSITIVE", pdg),
            ("clerk.panel@council.example", "OFFICIAL", panel),
            ("clerk.panel@council.example", "OFFICIAL, PUBLISHED", panel),
            ("secretary.strategic.partnership@opcc.example", "OFFICIAL", partners),
        )
    }
    expected |= {
        (f"community.safety@{slug}.example", f"OFFICIAL: {own}: {area} pack, data to the end of June 2017")
        for slug, area in AREAS.items()
    }
    expected |= {
        (
            f"safeguarding.{who}@{slug}.example",
            f"OFFICIAL-SENSITIVE: Safeguarding {who} (made-up figures): {area} pack, data to the end of June 2017",
        )
        for who in ("children", "adults")
        for slug, area in (("leicester", "Leicester"), ("leicestershire", "Leicestershire and Rutland"))
    }
    assert {(mail["To"], mail["Subject"]) for mail in first.mails.values()} == expected
    assert len(first.mails) == len(expected)  # nothing twice
    attached = [part.get_filename() for mail in first.mails.values() for part in mail.iter_attachments()]
    assert len(attached) == len(expected)
    assert set(attached) == {path.name for path in first.packs}


def test_a_faulty_return_comes_back_to_its_sender_commented(first):
    found = set()
    for mail in first.answers:
        (part,) = mail.iter_attachments()
        sheet = openpyxl.load_workbook(io.BytesIO(part.get_content()))["Return"]
        found |= {(mail["To"], cell.coordinate) for row in sheet for cell in row if cell.comment}
    charnwood, melton = "community.safety@charnwood.example", "community.safety@melton.example"
    assert found == {
        (charnwood, "I10"), (charnwood, "I14"), (charnwood, "M22"), (charnwood, "I26"),
        (melton, "I21"), (melton, "I23"), (melton, "F29"), (melton, "G29"), (melton, "J31"),
    }  # fmt: skip


def test_no_extract_is_late_whatever_the_clock_says(first):
    (pdg,) = (path for path in first.packs if path.name.startswith("pdg"))
    sheet = openpyxl.load_workbook(pdg)["data_quality"]
    (table,) = sheet.tables.values()
    headings, *rows = [[cell.value for cell in row] for row in sheet[table.ref]]
    assert rows[-1][0] == "Total"
    assert rows[-1][headings.index("Late at this month-end\n(deliveries)")] == 0


def test_an_email_says_the_digest_and_the_seal(first):
    digest, seal = first.line(r"^  digest +([0-9a-f]{64})$"), first.line(r"^  seal +([0-9a-f]{64})$")
    assert first.mails
    for mail in first.mails.values():
        text = mail.get_body(("plain",)).get_content()
        assert digest in text
        assert seal in text


def test_the_summary_says_where_everything_is(first):
    for path in first.packs:
        assert str(path) in first.output
    for path in (first.home / "caught", first.home / "reports/validation"):
        assert str(path) in first.output
    assert first.line(r"^Airflow +(http://127\.0\.0\.1:\d+)$")
    assert first.line(r"user a\.steward, password (\S+)")


def test_no_process_is_left(first, again):
    assert first.left == []
    assert again.left == []


def test_running_it_again_changes_nothing(first, again):
    assert again.status == 0, again.output
    assert "2017-06 is frozen already" in again.output
    assert again.packs == first.packs
    assert list(again.mails) == list(first.mails)
    for name in ("digest", "seal"):
        assert again.line(rf"^  {name} +(\w+)$") == first.line(rf"^  {name} +(\w+)$")


def test_what_was_frozen_and_released_holds(again):
    verified = monthend(again.home, "verify", *(str(path) for path in again.packs))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert left_in(again.home) == []
