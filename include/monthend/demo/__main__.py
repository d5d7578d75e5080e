"""A month-end through Airflow, from the inbox to caught e-mails: `python -m monthend.demo`, or `make demo`."""

import contextlib
import email
import email.policy
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from monthend import warehouse
from monthend.deliver import ledger
from monthend.demo.installation import ENVIRONMENT, FINISHED, USERS, Airflow, Json, running
from monthend.demo.processes import STOPS
from monthend.errors import MonthendError, NeedsPerson, WrongCall
from monthend.freeze import chain
from monthend.office import Office, open_office
from monthend.plan.calendar import add_months, financial_quarter_end, freeze_day, month_end, working_day
from monthend.plan.declarations import ROOT
from monthend.run import run as run_month_end
from monthend.sample import force
from monthend.validate.report import report_path

FIRST_MADE_UP, LAST_MADE_UP = "2014-07", "2017-06"  # the month-ends of the sample force
DOWNLOADED = "2025-03"  # a month of which data.police.uk's downloads are at hand
FREEZE, PUBLISH = "freeze_month_end", "publish_board_packs"
MADE_UP = {  # what a demonstration without a download says of itself, in the titles of these declarations
    "include/feeds": "made-up rows",
    "reports/boards": "made-up figures",
}
STREET = "Made up at an eighth of what a force publishes: it does not compare with the recorded crime beside it."
DUE_WORKING_DAYS = {"pull_police_monthly": 3, "pull_partner_quarterly": 5}  # when what each pulls comes in
STEWARD, RELEASER = "a.steward", "b.releaser"
REPORTS = 10  # of deliveries that deserve a look; all are in the folder
FAILURES = {"failed": "failed", "up_for_retry": "failed and is tried again in some minutes"}
ASSET_EVENT = 120.0  # seconds in which Airflow makes a run of what was just frozen


class Terminal:
    """What a person sees: a line for what is done, and what is being done now."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._since = time.monotonic()
        self._status = self._console.status("")
        self._failures: set[tuple[str, int, str]] = set()

    def done(self, words: str) -> None:
        """A line that stays, with the time since the start."""
        minutes, seconds = divmod(int(time.monotonic() - self._since), 60)
        self._console.print(f"[{minutes:2}:{seconds:02}] {words}", markup=False)

    def line(self, words: str = "") -> None:
        """A line of the summary."""
        self._console.print(words, markup=False)

    @contextlib.contextmanager
    def doing(self, words: str) -> Iterator[None]:
        """Show on a terminal that something is being done."""
        self._status.update(words)
        with self._status if self._console.is_terminal else contextlib.nullcontext():
            yield

    def watch(self, airflow: Airflow, tasks: list[Json]) -> None:
        """Show how far a run is, and say once what failed in it."""
        states = Counter(str(task["state"] or "to do").replace("_", " ") for task in tasks)
        so_far = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        self._status.update(f"{tasks[0]['dag_id']}: {so_far}" if tasks else "")
        for task in tasks:
            failure = (task["id"], task["try_number"], task["state"])
            if task["state"] in FAILURES and failure not in self._failures:
                self._failures.add(failure)
                name = f"{task['dag_id']}: {task['task_id']} {task['rendered_map_index'] or ''}".strip()
                self.done(f"{name} {FAILURES[task['state']]}, see {airflow.log(task)}")


def main(
    home: Annotated[
        Path | None, typer.Option(help="Where everything is kept; .demo, or a folder in it for each download.")
    ] = None,
    month: Annotated[
        str, typer.Option(help=f"The month that ended, YYYY-MM; {LAST_MADE_UP}, of a download {DOWNLOADED}.")
    ] = "",
    archive: Annotated[
        Path | None, typer.Option(help="A data.police.uk download; without one, a sample force's extracts are written.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when the packs are out.")] = False,
) -> None:
    """Run a month-end through Airflow on this machine's loopback, and stay up until Ctrl-C."""
    for number in STOPS:  # a shell starts what is in the background deaf to Ctrl-C
        signal.signal(number, signal.default_int_handler)
    terminal = Terminal()
    if home is None:  # what was made up and what was published must not meet in one warehouse
        home = Path(".demo/downloads") / archive.stem if archive else Path(".demo")
    try:
        demonstrate(terminal, home.resolve(), month or (DOWNLOADED if archive else LAST_MADE_UP), archive, once)
    except MonthendError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def demonstrate(terminal: Terminal, home: Path, month: str, archive: Path | None, once: bool) -> None:
    """Run the month-end, print what came of it, and stay up unless `once`."""
    try:
        last_day = month_end(month)
    except ValueError as error:
        raise WrongCall(f"MONTH: {error}.") from None
    terminal.done(f"The month-end of {last_day:%B %Y}, in {home}")
    inbox = _inbox(terminal, home, month, archive)
    declarations = ROOT if archive else _demonstration(home, month)
    with running(home, inbox, declarations=declarations, progress=terminal.done) as airflow:
        office = open_office(home, airflow.database, declarations)
        if archive is None:
            _month_before(terminal, office, month, inbox)
        ended_well = _month_end(terminal, airflow, office, month)
        _summary(terminal, airflow, office, month)
        office.engine.dispose()
        if not once:
            with contextlib.suppress(KeyboardInterrupt):
                terminal.line("Up until Ctrl-C.")
                for _ in airflow.poll():
                    pass
    if not ended_well:
        raise NeedsPerson("A run failed: see above.")


def _inbox(terminal: Terminal, home: Path, month: str, archive: Path | None) -> Path:
    """The download, or the folder of the sample force's extracts, written when it is first needed."""
    if archive is not None:
        if not archive.is_file():
            raise WrongCall(f"ARCHIVE {archive}: there is no such file.")
        return archive
    if not FIRST_MADE_UP <= month <= LAST_MADE_UP:
        raise WrongCall(
            f"MONTH {month}: the sample force's month-ends are {FIRST_MADE_UP} to {LAST_MADE_UP}. "
            "For another month name a download of data.police.uk: ARCHIVE=download.zip."
        )
    inbox = home / "inbox" / month
    if not inbox.exists():
        unfinished = inbox.with_suffix(".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        with terminal.doing("Writing the sample force's extracts"):
            force.write(unfinished, until=month, months=2)
        os.replace(unfinished, inbox)
        terminal.done(f"What the owners would send for two month-ends is written, all of it made up: {inbox}")
    return inbox


def _demonstration(home: Path, month: str) -> Path:
    """The project's declarations, changed so that whatever shows a made-up figure says that it is made up."""
    folder = home / "declarations"
    for part in ("include/feeds", "include/sql", "include/reference", "expectations", "reports"):
        shutil.copytree(ROOT / part, folder / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for part, words in MADE_UP.items():
        for path in (folder / part).glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            if "source: reference" not in text:
                path.write_text(re.sub(r"(?m)^(title: .*)$", rf"\1 ({words})", text, count=1), encoding="utf-8")
    returns = folder / "include/feeds/csp_return.yaml"  # no return is written of the quarters before
    first = f"in_force_from: {financial_quarter_end(month)}"
    returns.write_text(re.sub("in_force_from: .*", first, returns.read_text(encoding="utf-8")), encoding="utf-8")
    for path in (folder / "reports/measures").glob("open_*.yaml"):
        with path.open("a", encoding="utf-8") as file:
            file.write(f'caveat: "{STREET}"\n')
    return folder


def _month_before(terminal: Terminal, office: Office, month: str, inbox: Path) -> None:
    """Freeze the month-end before on the way that `monthend run` goes, so that this one has something to revise."""
    before = add_months(month, -1)
    if chain.snapshots(office):
        return
    with terminal.doing(f"The month-end of {before}"):
        run_month_end(office, before, [inbox / before], STEWARD, freeze_day(before))
    terminal.done(f"The month-end before, {before}, is frozen as `monthend run` does it; its packs are not released")


def _month_end(terminal: Terminal, airflow: Airflow, office: Office, month: str) -> bool:
    """Pull, freeze, publish and deliver through Airflow, answering as the two demo people; False when a run failed.

    A run that a broken-off demonstration left behind is carried on, and what is frozen stays as it is.
    """
    conf = {"on": freeze_day(month).isoformat()}
    _arm(terminal, office)
    known = {run["dag_run_id"] for run in airflow.runs(PUBLISH, month)}
    airflow.unpause(PUBLISH)  # while it is paused it does not learn what was frozen

    for pull, due in DUE_WORKING_DAYS.items():
        run = _start(terminal, airflow, pull, None, {"on": working_day(add_months(month, 1), due).isoformat()})
        if not _ended_well(terminal, airflow, pull, run):
            return False

    if (frozen := _frozen(office, month)) is not None:
        terminal.done(f"{month} is frozen already, as revision {frozen.revision}: nothing to sign off")
        run = _start(terminal, airflow, PUBLISH, month, conf)
    else:
        run = _start(terminal, airflow, FREEZE, month, conf)
        _answer(terminal, airflow, office, FREEZE, run, "sign_off", "freeze", STEWARD)
        if not _ended_well(terminal, airflow, FREEZE, run):
            return False
        run = _publication(airflow, month, known)
        terminal.done(f"The snapshot set off {PUBLISH}")

    _answer(terminal, airflow, office, PUBLISH, run, "release", "release", RELEASER)
    return _ended_well(terminal, airflow, PUBLISH, run)


def _start(terminal: Terminal, airflow: Airflow, dag_id: str, month: str | None, conf: Json) -> str:
    """Start a run, or carry on with one that has not ended."""
    for run in airflow.runs(dag_id, month):
        if run["state"] not in FINISHED:
            airflow.unpause(dag_id)
            terminal.done(f"{dag_id} carries on where it was")
            return str(run["dag_run_id"])
    terminal.done(f"{dag_id} is started over the REST API")
    return airflow.trigger(dag_id, month, conf)


def _publication(airflow: Airflow, month: str, known: set[str]) -> str:
    """The run that the snapshot set off. Raises NeedsPerson when it set off none."""
    for _ in airflow.poll(ASSET_EVENT):
        for run in airflow.runs(PUBLISH, month):
            if run["dag_run_id"] not in known:
                return str(run["dag_run_id"])
    raise AssertionError("a poll ends by its deadline only")


def _frozen(office: Office, month: str) -> chain.Snapshot | None:
    try:
        return chain.snapshot(office, month)
    except NeedsPerson:
        return None


def _answer(
    terminal: Terminal,
    airflow: Airflow,
    office: Office,
    dag_id: str,
    run: str,
    task: str,
    answer: str,
    user: str,
) -> None:
    """Answer a task's question over the REST API and say so; a run that asks nothing goes on without."""
    with terminal.doing(dag_id):
        question = airflow.question(dag_id, run, task, watch=partial(terminal.watch, airflow))
    if question is None:
        terminal.done(f"{dag_id} asks nothing: there is nothing left to answer")
        return
    terminal.done(f"{dag_id} asks: {question['subject']}")
    airflow.answer(dag_id, run, task, user, [answer])
    person = office.declarations.person(user)
    name = person.display_name if person else user
    terminal.done(f"Answered '{answer}' over the REST API as {name} (demo)")


def _ended_well(terminal: Terminal, airflow: Airflow, dag_id: str, run: str) -> bool:
    """Wait for the end of a run and say how it ended."""
    with terminal.doing(dag_id):
        state = airflow.wait(dag_id, run, watch=partial(terminal.watch, airflow))
    count = sum(task["state"] == "success" for task in airflow.tasks(dag_id, run))
    terminal.done(f"{dag_id}: {state}, {count} {'task' if count == 1 else 'tasks'} done")
    return state == "success"


def _arm(terminal: Terminal, office: Office) -> None:
    """Arm this warehouse for live mail, unless it is: the mail server of the demonstration passes nothing on."""
    with office.engine.connect() as connection, contextlib.suppress(NeedsPerson):
        ledger.require_armed(connection, ENVIRONMENT)
        return
    ledger.arm(office, ENVIRONMENT, "the demonstration sends to a mail server on loopback that passes nothing on")
    terminal.done("The warehouse is armed for live mail; what is sent is caught here and goes no further")


def _summary(terminal: Terminal, airflow: Airflow, office: Office, month: str) -> None:
    """The packs, the caught e-mails, digest and seal, the validation reports, the URL and the logins."""
    say = terminal.line
    with office.engine.connect() as connection:
        packs = warehouse.query(
            connection,
            "SELECT b.board, b.file_name, r.build_id IS NOT NULL AS released FROM pack.build b"
            " JOIN snapshot.snapshot s USING (position) LEFT JOIN pack.release r USING (build_id)"
            " WHERE s.month = :month ORDER BY b.build_id",
            month=month,
        )
        validations = warehouse.query(
            connection, "SELECT validation_id, verdict FROM quality.validation ORDER BY validation_id"
        )
    say("\nPacks")
    for pack in packs:
        say(f"  {office.home / 'packs' / month / pack['file_name']}{'' if pack['released'] else ' (not released)'}")
    say(f"\nCaught e-mails, in {airflow.caught}")
    for path in sorted(airflow.caught.glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        say(f"  {message['To']}: {message['Subject']}")
    if (snapshot := _frozen(office, month)) is not None:
        say(f"\nSnapshot of {month}, revision {snapshot.revision}")
        say(f"  digest  {snapshot.digest}")
        say(f"  seal    {snapshot.seal}")
    say(f"\nValidation reports, in {office.home / 'reports/validation'}")
    for verdict, count in sorted(Counter(validation["verdict"] for validation in validations).items()):
        say(f"  {verdict}: {count}")
    for validation in [each for each in validations if each["verdict"] != "passed"][:REPORTS]:
        say(f"  {validation['verdict']}: {report_path(office, validation['validation_id'])}")
    say(f"\nAirflow  {airflow.url}")
    say(f"Steward's desk  {airflow.url}/desk/months/{month}")
    for user in USERS:
        say(f"  user {user}, password {airflow.passwords[user]}")
    say()


if __name__ == "__main__":
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    application.command()(main)
    application()
