"""The command line: what analysts, scripts and other programs call. Exit: 0 done, 1 needs a person, 2 wrong call."""

import csv
import json
import logging
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from monthend.errors import MonthendError, NeedsPerson, WrongCall
from monthend.office import Office, open_office
from monthend.plan.declarations import Declarations

application = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

Month = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month-end.")]
Home = Annotated[Path, typer.Option("--home", help="Landing store, embedded database, packs and outbox.")]
Database = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="The pipeline's login, if not embedded.")
]
Declared = Annotated[Path | None, typer.Option("--declarations", help="Another set of feeds, suites and reports.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
On = Annotated[str | None, typer.Option("--on", metavar="YYYY-MM-DD", help="Business date; today if not given.")]

HOME = Path(".monthend")
FACT_COLUMNS = (
    "month_end", "revision", "measure", "basis", "area_code", "area_name", "period", "breakdown", "category",
    "value", "numerator", "denominator", "lower", "upper", "mark",
)  # fmt: skip


@application.command()
def run(
    month: Month,
    inbox: Annotated[list[Path], typer.Option("--inbox", help="Files, folders and download zips.")],
    signed_off_by: Annotated[str, typer.Option("--signed-off-by", help="A steward in reports/people.yaml.")],
    on: On = None,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Receive, validate, load, freeze and publish one month-end, without Airflow."""
    from monthend.run import run as run_month

    day = _day(on)
    office = _office(home, database, declarations, month)
    _read_all(office.declarations)
    with _progress(f"month-end {month}") as say:
        outcome = run_month(office, month, inbox, signed_off_by, day, say)
    _finish(office, outcome, as_json)


@application.command()
def restate(
    month: Month,
    reason: Annotated[str, typer.Option("--reason", help="Why the month is restated.")],
    signed_off_by: Annotated[str, typer.Option("--signed-off-by", help="A steward in reports/people.yaml.")],
    on: On = None,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Make a new revision of the newest frozen month, from everything loaded so far."""
    from monthend.run import restate as restate_month

    day = _day(on)
    office = _office(home, database, declarations, month)
    _read_all(office.declarations)
    with _progress(f"restatement of {month}"):
        outcome = restate_month(office, month, reason, signed_off_by, day)
    _finish(office, outcome, as_json)


@application.command()
def extend(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="A partner's quarterly feed, such as csp_return.")],
    period: Annotated[str, typer.Option("--period", metavar="YYYY-MM", help="The quarter's last month.")],
    area: Annotated[str, typer.Option("--area", metavar="CODE", help="Whose return it is.")],
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="The day by which it is due now.")],
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    by: Annotated[str, typer.Option("--by", help="A steward in reports/people.yaml.")],
    on: On = None,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
) -> None:
    """Give a partner a later day for a return; it is shown wherever the return is missing."""
    from monthend import extension

    _check_month("--period", period)
    office = _office(home, database, declarations, None)
    given = extension.extend(office, feed, period, area, _day(until, "--until"), reason, by, _day(on))
    print(f"{feed} {period} {area}: due on {given.until:%-d %B %Y}, given by {given.display_name}.")


@application.command()
def facts(
    month: Month,
    revision: Annotated[int | None, typer.Option("--revision", help="The newest if not given.")] = None,
    measure: Annotated[str | None, typer.Option("--measure", metavar="KEY")] = None,
    area: Annotated[str | None, typer.Option("--area", metavar="CODE")] = None,
    basis: Annotated[Literal["month", "quarter", "r12", "fytd", "reported"] | None, typer.Option("--basis")] = None,
    period: Annotated[str | None, typer.Option("--period", metavar="YYYY-MM")] = None,
    format_: Annotated[Literal["csv", "json"], typer.Option("--format")] = "csv",
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Print a frozen month's facts."""
    from monthend.freeze import query

    _check_month("--period", period)
    office = _office(home, database, declarations, month)
    rows = query.frozen_facts(office, month, revision, measure, area, basis, period)
    if as_json or format_ == "json":
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        writer = csv.DictWriter(sys.stdout, FACT_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)


@application.command()
def status(
    month: Month, home: Home = HOME, database: Database = None, declarations: Declared = None, as_json: Json = False
) -> None:
    """Print where a month-end stands: feeds, verdicts, candidate, sign-off, digest, seal, packs, deliveries."""
    from monthend.status import in_words
    from monthend.status import status as month_status

    office = _office(home, database, declarations, month)
    found = month_status(office, month)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False, default=str))
        return
    for heading, lines in in_words(found):
        print(heading)
        for line in lines:
            print(f"  {line}")


@application.command()
def packs(
    month: Month,
    drafts: Annotated[
        bool, typer.Option("--draft", help="Build DRAFT packs from the newest candidate instead.")
    ] = False,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Print a frozen month's packs: path, board, digest."""
    from monthend.freeze import candidate
    from monthend.publish import packs as publishing

    office = _office(home, database, declarations, month)
    if drafts:
        for path in publishing.draft(office, candidate.newest(office, month)):
            print(path)
        return
    found = [_pack(build) for build in publishing.builds(office, month)]
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        for each in found:
            print(each["path"], each["board"], each["digest"], sep="\t")


@application.command()
def verify(
    files: Annotated[list[Path] | None, typer.Argument(help="Packs, as built or as they came back.")] = None,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="Only this month-end.")] = None,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Recompute what was frozen and published, and say what differs, to the cell."""
    from monthend.freeze.verify import verify as verify_snapshots
    from monthend.publish import evidence

    office = _office(home, database, declarations, month)
    problems: list[str] = []
    with _progress("verify"):
        if month is not None or not files:
            problems += verify_snapshots(office, month) + evidence.verify_packs(office, month)
        for path in files or []:
            problems += evidence.verify_file(office, path)
    if as_json:
        print(json.dumps({"holds": not problems, "differs": problems}, indent=1, ensure_ascii=False))
    else:
        print("\n".join(problems) if problems else "All holds.")
    if problems:
        raise typer.Exit(NeedsPerson.exit_code)


@application.command()
def audit(
    on: On = None,
    notify: Annotated[bool, typer.Option("--notify", help="Mail what is found to the plan's contact.")] = False,
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Look for what nobody did: it needs no Airflow, so it also finds that Airflow is down."""
    from monthend.audit import findings
    from monthend.deliver import round_up, settings_from_environment

    day = _day(on)
    office = _office(home, database, declarations, None)
    with _progress("audit"):
        found = findings(office, day)
    if as_json:
        print(json.dumps({"on": day.isoformat(), "findings": found}, indent=1, ensure_ascii=False))
    else:
        print("\n".join(found) if found else "Nothing needs a person.")
    if notify:
        for told in round_up.audited(office, day, found, settings_from_environment()):
            if told.state != "accepted":
                errors.print(f"{told.recipient} may not have been told: {told.state} {told.detail}".rstrip())
    if found:
        raise typer.Exit(NeedsPerson.exit_code)


@application.command()
def trace(
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="A pack.")],
    cell: Annotated[str, typer.Argument(metavar="'Sheet'!C7", help="A cell of a table in it.")],
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Print what stands behind a cell: the fact, its measure, its deliveries (file, sha256), their checks."""
    from monthend.publish import evidence

    found = evidence.trace(_office(home, database, declarations, None), file, cell)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False, default=str))
    else:
        print("\n".join(evidence.in_words(found)))


@application.command()
def sample(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; a folder for each month-end is made.")],
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM", help="The last month-end.")] = "2017-06",
    months: Annotated[int, typer.Option("--months", help="How many month-ends.")] = 36,
    seed: Annotated[int, typer.Option("--seed", help="Another one gives another force.")] = 1,
    scale: Annotated[float, typer.Option("--scale", help="1 is about 60,000 crimes a year.")] = 1.0,
) -> None:
    """Write what a made-up force and the others would send, month-end by month-end, faults included."""
    from monthend.sample import force

    _check_month("--until", until)
    with _progress("sample"):
        try:
            paths = force.write(directory, until, months, seed, scale)
        except ValueError as error:
            raise WrongCall(str(error)) from None
    print(f"{len(paths):,} files in {directory}; what is wrong with them: {directory / 'faults.csv'}")


@application.command()
def template(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="A feed with a form, such as csp_return.")],
    path: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="The workbook to write.")],
    quarter: Annotated[str, typer.Option("--quarter", metavar="2017-Q1", help="Or its last month, 2017-06.")],
    area: Annotated[str, typer.Option("--area", metavar="CODE", help="The partner whose return it is.")],
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
) -> None:
    """Write the workbook that a partner fills in, with what it gave for the quarter before beside."""
    from monthend import template

    office = _office(home, database, declarations, None)
    if feed not in office.declarations.feeds:
        raise WrongCall(f"{feed}: there is no such feed.")
    last, of_feed = template.quarter_of(quarter), office.declarations.feeds[feed]
    template.write(office.declarations, of_feed, last, area, template.given(office, of_feed, last, area), path)
    print(f"{path}: {of_feed.delivery_name(last, area)}")


@application.command()
def answer(on: On = None, home: Home = HOME, database: Database = None, declarations: Declared = None) -> None:
    """Answer the partners' returns that came on a day, as the pull in Airflow does, each at most once."""
    from monthend.deliver import answer, settings_from_environment

    told = answer.answer(_office(home, database, declarations, None), _day(on), settings_from_environment())
    for each in told:
        print(f"{each.recipient}: {each.state} {each.detail}".rstrip())
    if any(each.state != "accepted" for each in told):
        raise typer.Exit(NeedsPerson.exit_code)


@application.command()
def mutate(
    month: Month,
    before: Annotated[list[Path], typer.Option("--before", help="What came for the month-end before.")],
    inbox: Annotated[list[Path], typer.Option("--inbox", help="What came for the month-end.")],
    feed: Annotated[list[str] | None, typer.Option("--feed", metavar="KEY", help="All if not given.")] = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Put faults into copies of a month's deliveries, and say which checks find each or which boards it reaches.

    It works in a temporary home with files only, and takes some seconds a fault.
    """
    from monthend.mutate import in_words, outcomes, score

    _check_month("--month", month)
    found = []
    with _progress("mutate") as say:
        for outcome in outcomes(month, before, inbox, feed or (), declarations):
            found.append(outcome)
            say(f"{len(found)} faults")
            if not as_json:
                print(in_words(outcome), flush=True)
    if as_json:
        print(json.dumps([asdict(outcome) for outcome in found], indent=1, ensure_ascii=False))
    else:
        print(score(found))


@application.command()
def arm(
    live: Annotated[str, typer.Option("--live", metavar="NAME", help="The environment's name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why mail may leave from here.")],
    home: Home = HOME,
    database: Database = None,
    declarations: Declared = None,
    as_json: Json = False,
) -> None:
    """Arm this warehouse, and no copy of it, to send mail from the environment NAME."""
    from monthend import deliver

    deliver.arm(_office(home, database, declarations, None), live, reason)
    print(json.dumps({"armed": live}) if as_json else f"Armed for {live}.")


def main() -> None:
    """Run the command line; every error is a sentence and an exit code."""
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _stop)
    try:
        application()
    except MonthendError as error:
        errors.print(str(error))
        sys.exit(error.exit_code)
    except Exception as error:
        log = _error_log("".join(traceback.format_exception(error)))
        where = f"The details are in {log}." if log else "The details could not be written anywhere."
        errors.print(f"Something unforeseen went wrong ({type(error).__name__}). {where}")
        sys.exit(NeedsPerson.exit_code)


def _stop(*_: object) -> None:
    """End in order, so that no server is left behind."""
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # of the statement that is broken off
    errors.print("Stopped. Run the same command again: it finishes what was left.")
    sys.exit(NeedsPerson.exit_code)


def _error_log(details: str) -> Path | None:
    """Write what happened to a new file: in the usual home if that is there, else among temporary files."""
    for folder in (HOME, None):
        try:
            with tempfile.NamedTemporaryFile(
                "w",
                dir=folder,
                prefix="monthend-error-",
                suffix=".log",
                delete=False,
                encoding="utf-8",
                errors="replace",
            ) as log:
                log.write(details)
            return Path(log.name).resolve()
        except OSError:  # not there, not writable, full
            continue
    return None


def _read_all(declarations: Declarations) -> None:
    """Read every declaration, so that a wrong one ends the call before anything is received or frozen."""
    for part in ("feeds", "measures", "boards", "plan", "people", "glossary"):
        getattr(declarations, part)


def _office(home: Path, database: str | None, declarations: Path | None, month: str | None) -> Office:
    _check_month("--month", month)
    return open_office(home, database, declarations)


def _check_month(option: str, month: str | None) -> None:
    if month is not None:
        try:
            date.fromisoformat(f"{month}-01")
        except ValueError:
            raise WrongCall(f"{option} {month}: is not a month, YYYY-MM.") from None


def _day(on: str | None, option: str = "--on") -> date:
    try:
        return date.fromisoformat(on) if on else date.today()  # noqa: DTZ011 - the office's own calendar day
    except ValueError:
        raise WrongCall(f"{option} {on}: is not a date, YYYY-MM-DD.") from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show the station at work on a terminal; say nothing in a pipe."""
    if errors.is_terminal:
        with errors.status(what) as status:
            yield lambda line: status.update(f"{what}: {line}")
    else:
        yield lambda line: None


def _finish(office: Office, outcome: Any, as_json: bool) -> None:
    snapshot = outcome.snapshot
    if as_json:
        result = {
            "month": snapshot.month,
            "revision": snapshot.revision,
            "digest": snapshot.digest,
            "seal": snapshot.seal,
            "packs": [_pack(build) for build in outcome.packs],
            "needs_person": outcome.needs_person,
            "notes": outcome.notes,
        }
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        print(f"{snapshot.month}, revision {snapshot.revision}: frozen on {snapshot.frozen_on:%-d %B %Y}.")
        print(f"Digest {snapshot.digest}")
        print(f"Seal   {snapshot.seal}")
        for build in outcome.packs:
            print(f"Pack   {build.path}")
        print(f"Validation reports: {office.home / 'reports' / 'validation' / 'index.html'}")
        for line in [*outcome.notes, *outcome.needs_person]:
            print(line)
    if outcome.needs_person:
        raise typer.Exit(NeedsPerson.exit_code)


def _pack(build: Any) -> dict[str, Any]:
    return {
        "path": str(build.path),
        "board": build.board,
        "rendering": build.rendering,
        "meeting": build.meeting.isoformat() if build.meeting else None,
        "digest": build.content_sha256,
        "released": build.released,
    }


def _plain(value: Any) -> Any:
    return "" if value is None else value
