"""What people are told: one message a person and run, and the questions that wait for them. No figure, no row."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from monthend import extension, receive, warehouse
from monthend.audit import unbuilt
from monthend.deliver.ledger import outcomes
from monthend.deliver.notice import Told, link, notify
from monthend.deliver.settings import Settings
from monthend.errors import NeedsPerson
from monthend.freeze import chain
from monthend.office import Office
from monthend.plan.calendar import add_working_days
from monthend.plan.declarations import Feed
from monthend.publish import packs
from monthend.publish.release import signer
from monthend.publish.words import of_day, of_month
from monthend.validate import findings as of_findings

Flow = Literal["police", "partner", "freeze", "publish", "audit"]  # a pull goes by the source of its feeds
FAILED = "What failed"
MOST_LINES = 40  # of one part; the desk shows the rest


@dataclass(frozen=True)
class Failure:
    """A task that failed: its name in the grid, the path of its page in Airflow, the runbook that says what to do."""

    task: str
    path: str
    runbook: str


@dataclass(frozen=True)
class Run:
    """A run of a flow, as far as its notice needs it."""

    flow: Flow
    run_id: str
    on: date
    month: str  # the month-end that it is about, YYYY-MM
    since: datetime  # when it began
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class _Missing:
    """Deliveries of a feed that are not in, in words, whom to ask for them and the day on which they are due."""

    feed: Feed
    contact: str
    line: str
    due_on: date


@dataclass(frozen=True)
class _Part:
    """A heading with its lines, whom they concern, and whether they are a reason to write at all."""

    heading: str
    lines: list[str]
    to: set[str]
    news: bool = True


def round_up(office: Office, run: Run, settings: Settings) -> list[Told]:
    """Tell each person in one message what of a run concerns them: what came, what did not, what failed, what waits.

    Nothing is sent where nothing came, failed, or is near or past the day it is due. The same outcome of a run is told
    once, however often this is called. Raises as `notify` does.
    """
    parts = [part for part in (*PARTS[run.flow](office, run), _failed(office, run)) if part.lines]
    if not any(part.news for part in parts):
        return []
    happened = "\n".join(line for part in parts if part.news for line in (part.heading, *part.lines))
    about = f"{run.flow} {run.run_id} {hashlib.sha256(happened.encode()).hexdigest()[:16]}"
    told: list[Told] = []
    for recipient in sorted(set().union(*(part.to for part in parts))):
        mine = [part for part in parts if recipient in part.to]
        failed = "Failed: " if any(part.heading == FAILED for part in mine) else ""
        words = "\n\n".join("\n".join([part.heading, *_listed(part.lines)]) for part in mine)
        told += notify(office, about, [recipient], failed + SUBJECTS[run.flow](run), words, settings)
    return told


def ask(
    office: Office,
    about: str,
    question: str,
    month: str,
    recipients: Iterable[str],
    answer_by: datetime | None,
    settings: Settings,
) -> list[Told]:
    """Tell people that a question waits for them, or is about to end; `about` keeps it to once. Raises as `notify`."""
    lines = [f"{question}."]
    if answer_by is not None:
        lines.append(f"Answer by {answer_by:%H:%M} on {of_day(answer_by.date())}, London time.")
    lines.append("Without an answer nothing is frozen, released or sent.")
    where = [
        f"- {what}: {url}"
        for what, url in (
            ("The steward's desk", link(f"/desk/months/{month}")),
            ("Airflow's required actions", link("/required_actions")),
        )
        if url
    ]
    words = " ".join(lines) + ("\n\n" + "\n".join(["Where to answer", *where]) if where else "")
    return notify(office, about, recipients, question, words, settings)


def audited(office: Office, on: date, found: Sequence[str], settings: Settings) -> list[Told]:
    """Tell the plan's contact and the analysts what the audit found on a day; the same findings once that day."""
    if not found:
        return []
    about = f"audit {on} {hashlib.sha256(chr(10).join(found).encode()).hexdigest()[:16]}"
    words = "\n".join(["What the audit found", *_listed(found), f"- What to do: {_runbook('month-end')}"])
    return notify(office, about, sorted(_owners(office)), f"Audit of {of_day(on)}", words, settings)


def stewards(office: Office) -> set[str]:
    """The addresses of those who sign a month off."""
    return _people(office, "steward")


def releasers(office: Office, month: str) -> set[str]:
    """The addresses of those who release the packs of a month: not of the steward who signed it off."""
    signed_by = signer(office, chain.snapshot(office, month))
    return {
        person.email.lower()
        for person in office.declarations.people.people
        if "releaser" in person.roles and person.user != signed_by
    }


def _failed(office: Office, run: Run) -> _Part:
    lines = [f"{failure.task}. What to do: {_runbook(failure.runbook)}{_see(failure.path)}" for failure in run.failures]
    return _Part(FAILED, lines, _owners(office))


def _pull(office: Office, run: Run) -> list[_Part]:
    team = _owners(office) | _people(office, "steward", "registrar")
    came = _came(office, run)
    refused = [f"Refused: {Path(row['origin']).name}: {row['reason']}" for row in _refused(office, run)]
    missing = [each for each in _missing(office, run) if each.feed.source == run.flow]
    parts = [
        _Part("What came", _in_groups(office, came) + refused, team),
        _missing_part(office, run, missing, team),
        *_findings(office, run, came),
        *_waiting(office, run),
    ]
    frozen = _frozen(office, run.month)
    for contact in sorted(
        {each.lower() for feed in office.declarations.feeds.values() for each in feed.contacts} - team
    ):
        faults = [
            f"{_what(office, row)}: {row['verdict']}"
            for row in came
            if row["verdict"] in ("blocked", "quarantined")
            and (feed := _feed(office, row)).form is None  # else it is answered by itself
            and feed.contact_of(row["area_code"]).lower() == contact
        ]
        late = [
            f"{each.line}, was due on {of_day(each.due_on)}"
            for each in missing
            if each.due_on < run.on and not frozen and each.contact.lower() == contact
        ]
        parts.append(_Part("Extracts that are faulty or late: please send them (again)", faults + late, {contact}))
    return parts


def _freeze(office: Office, run: Run) -> list[_Part]:
    team = _owners(office) | _people(office, "steward", "registrar")
    missing = _missing_part(office, run, _missing(office, run), team)
    return [
        _Part(f"Month-end {of_month(run.month)}", _outcome(office, run.month), team),
        _Part(missing.heading, missing.lines, team, news=False),
    ]


def _publish(office: Office, run: Run) -> list[_Part]:
    team = _owners(office) | _people(office, "steward", "releaser")
    heading = f"Packs of {of_month(run.month)}"
    try:
        built = packs.builds(office, run.month)
    except NeedsPerson as error:
        return [_Part(heading, [str(error)], team, news=False)]
    lines = [f"{_pack(build)}: {'released' if build.released else 'built, not released'}" for build in built]
    lines += [f"{name}: not built" for name in unbuilt(office, run.month, run.on)]
    messages = outcomes(office, run.month)  # in the order of attempts: the last one counts
    last = {
        tuple(row[name] for name in ("board", "rendering", "meeting", "recipient", "mode")): row for row in messages
    }
    states = Counter(row["state"] for row in last.values())
    mail = [f"{count} {state}" for state, count in sorted(states.items(), key=str)]
    if set(states) - {"accepted"}:
        mail.append(f"What to do about mail that was not accepted: {_runbook('mail-refused')}")
    with office.engine.connect() as connection:
        (happened,) = warehouse.query(
            connection,
            "SELECT EXISTS (SELECT FROM pack.build WHERE built_at >= :since)"
            " OR EXISTS (SELECT FROM pack.answer WHERE answered_at >= :since)"
            " OR EXISTS (SELECT FROM delivery.event WHERE at >= :since) AS since",
            since=run.since,
        )
    return [
        _Part(f"{heading}{_month(run.month)}", lines, team, news=happened["since"]),
        _Part("E-mails to boards, by what became of them", mail, team, news=happened["since"]),
    ]


PARTS: dict[Flow, Callable[[Office, Run], list[_Part]]] = {
    "police": _pull,
    "partner": _pull,
    "freeze": _freeze,
    "publish": _publish,
    "audit": lambda office, run: [],  # `audited` tells of what it found
}
SUBJECTS: dict[Flow, Callable[[Run], str]] = {
    "police": lambda run: f"Police feeds, {of_day(run.on)}",
    "partner": lambda run: f"Partners' returns, {of_day(run.on)}",
    "freeze": lambda run: f"Month-end {of_month(run.month)}",
    "publish": lambda run: f"Packs of {of_month(run.month)}",
    "audit": lambda run: f"The audit's run of {of_day(run.on)}",
}


def _came(office: Office, run: Run) -> list[dict[str, Any]]:
    """The deliveries that the run held against their suites, with the newest verdict."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT DISTINCT ON (d.feed, d.period, d.area_code, d.delivery_id) d.delivery_id, d.feed, d.period,"
            " d.area_code, v.verdict FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
            " WHERE v.validated_at >= :since"
            " ORDER BY d.feed, d.period, d.area_code, d.delivery_id, v.validation_id DESC",
            since=run.since,
        )
    sources = (run.flow, "reference")
    return [row for row in rows if row["feed"] in office.declarations.feeds and _feed(office, row).source in sources]


def _refused(office: Office, run: Run) -> list[dict[str, Any]]:
    with office.engine.connect() as connection:
        return warehouse.query(
            connection,
            "SELECT origin, reason FROM landing.refusal WHERE received_at >= :since ORDER BY refusal_id",
            since=run.since,
        )


def _in_groups(office: Office, came: list[dict[str, Any]]) -> list[str]:
    """Deliveries that need looking at one by one, and how many of the others there are of each feed and period."""
    lines = [
        f"{_what(office, row)}: {verdict}{_delivery(row['delivery_id'])}"
        for verdict in ("blocked", "quarantined")
        for row in came
        if row["verdict"] == verdict
    ]
    others: dict[tuple[str, str], Counter[str]] = {}
    for row in came:
        if row["verdict"] in ("passed", "warned"):
            others.setdefault((row["feed"], row["period"]), Counter())[row["verdict"]] += 1
    for (feed, period), counts in others.items():
        what = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        lines.append(f"{office.declarations.feeds[feed].delivery_name(period, '')}: {what}")
    return lines


def _missing(office: Office, run: Run) -> list[_Missing]:
    """What is due at the run's month-end and not in, by feed, contact and day; an extension moves the day."""
    with office.engine.connect() as connection:
        held = receive.held(connection, office.declarations)
        extended = extension.extensions(connection)
    groups: dict[tuple[str, str, str, date], list[str]] = {}
    for partition in receive.due(office.declarations, run.month):
        feed = office.declarations.feeds[partition.feed]
        day = extended[partition].until if partition in extended else feed.due_on(partition.period)
        if partition not in held and day:
            contact = feed.contact_of(partition.area_code)
            groups.setdefault((feed.feed, partition.period, contact, day), []).append(
                feed.area_name(partition.area_code)
            )
    found = []
    for (key, period, contact, day), names in groups.items():
        feed = office.declarations.feeds[key]
        which = "all areas" if not feed.by_area or len(names) == len(feed.areas) > 1 else ", ".join(names)
        found.append(_Missing(feed, contact, f"{feed.title}, {of_month(period)}, {which}", day))
    return found


def _missing_part(office: Office, run: Run, missing: list[_Missing], team: set[str]) -> _Part:
    """What is missing: a reason to write once its day is today, the next working day or past, until the freeze."""
    lines = [
        f"{each.line}: {'was' if each.due_on < run.on else 'is'} due on {of_day(each.due_on)}. "
        f"Ask {each.feed.owner}, {each.contact}."
        for each in missing
    ]
    near = any(each.due_on <= add_working_days(run.on, 1) for each in missing)
    if lines:
        lines.append(f"What to do: {_runbook('late-feed')}")
    return _Part("What is missing", lines, team, news=near and not _frozen(office, run.month))


def _findings(office: Office, run: Run, came: list[dict[str, Any]]) -> list[_Part]:
    """Failed checks that nobody looks after yet, and waivers that wait for a second person."""
    periods = {row["period"] for row in came} | {each.period for each in receive.due(office.declarations, run.month)}
    ids = {row["delivery_id"] for row in came}
    found = [
        finding
        for finding in of_findings.findings(office, run.on, period_from=min(periods - {""}, default=run.month))
        if finding.state == "open"
    ]
    counts = Counter((f.feed, f.period, f.area_code, f.delivery_id) for f in found)
    lines = [
        f"{_what(office, {'feed': feed, 'period': period, 'area_code': area})}: {count} failed "
        f"{'check' if count == 1 else 'checks'}{_delivery(delivery_id)}"
        for (feed, period, area, delivery_id), count in counts.items()
    ]
    parts = [
        _Part(
            "Findings to acknowledge, waive or have put right",
            lines,
            _people(office, *of_findings.KEEPERS),
            news=any(finding.delivery_id in ids for finding in found),
        )
    ]
    for waiver in of_findings.waivers(office, run.on):
        if not waiver.agreed:
            others = {
                person.email.lower()
                for person in office.declarations.people.people
                if set(person.roles) & set(of_findings.WAIVERS) and person.user not in waiver.users
            }
            line = f"{waiver.check_id}, waived by {', '.join(waiver.names)}{_delivery(waiver.delivery_id)}"
            parts.append(_Part("A waiver waits for your consent", [line], others))
    return parts


def _waiting(office: Office, run: Run) -> list[_Part]:
    """A candidate that nobody answered, and packs that nobody released: told where there is news of something else."""
    with office.engine.connect() as connection:
        candidates = warehouse.query(
            connection,
            "SELECT DISTINCT c.month FROM snapshot.candidate c WHERE c.month > (SELECT coalesce(max(month), '')"
            " FROM snapshot.snapshot) AND NOT EXISTS (SELECT FROM snapshot.sign_off s JOIN snapshot.candidate other"
            "  USING (candidate_id) WHERE other.month = c.month AND s.accepted) ORDER BY 1",
        )
    parts = [
        _Part(
            "A month-end is proposed and not signed off",
            [f"{of_month(row['month'])}{_month(row['month'])}"],
            stewards(office),
            news=False,
        )
        for row in candidates
    ]
    frozen = chain.snapshots(office)
    if frozen:
        month = frozen[-1].month
        waiting = [
            _pack(build)
            for build in packs.builds(office, month)
            if not build.released and build.meeting and build.meeting >= run.on
        ]
        parts.append(_Part("Packs wait to be released", waiting, releasers(office, month), news=False))
    return parts


def _outcome(office: Office, month: str) -> list[str]:
    """What became of a month-end, with digest and seal where it is frozen: this e-mail is a witness too."""
    page = _month(month)
    if _frozen(office, month):
        frozen = chain.snapshot(office, month)
        return [
            f"Frozen on {of_day(frozen.frozen_on)}, revision {frozen.revision}{page}",
            f"Digest: {frozen.digest}",
            f"Seal: {frozen.seal}",
        ]
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT s.answer, s.display_name, s.until FROM snapshot.sign_off s JOIN snapshot.candidate c"
            " USING (candidate_id) WHERE c.month = :month AND s.accepted ORDER BY s.sign_off_id DESC LIMIT 1",
            month=month,
        )
    if rows and rows[0]["answer"] == "postpone":
        return [f"Postponed to {of_day(rows[0]['until'])} by {rows[0]['display_name']}{page}"]
    if rows and rows[0]["answer"] == "refuse":
        return [f"Refused by {rows[0]['display_name']}{page}"]
    return [f"Not frozen: no steward's answer was accepted. What to do: {_runbook('month-end')}{page}"]


def _frozen(office: Office, month: str) -> bool:
    return any(snapshot.month == month for snapshot in chain.snapshots(office))


def _owners(office: Office) -> set[str]:
    """Who is told of failures: the plan's contact and the analysts."""
    return {office.declarations.plan.contact.lower()} | _people(office, "analyst")


def _people(office: Office, *roles: str) -> set[str]:
    return {person.email.lower() for person in office.declarations.people.people if set(roles) & set(person.roles)}


def _feed(office: Office, row: dict[str, Any]) -> Feed:
    return office.declarations.feeds[row["feed"]]


def _what(office: Office, row: dict[str, Any]) -> str:
    return _feed(office, row).delivery_name(row["period"], row["area_code"])


def _pack(build: packs.Build) -> str:
    meeting = f", meeting on {of_day(build.meeting)}" if build.meeting else ""
    return f"{build.board} ({build.rendering}){meeting}"


def _delivery(delivery_id: int) -> str:
    return _see(f"/desk/deliveries/{delivery_id}")


def _month(month: str) -> str:
    return _see(f"/desk/months/{month}")


def _see(path: str) -> str:
    """Where to look, to be put at the end of a line; nothing without MONTHEND_URL."""
    url = link(path)
    return f", see {url}" if url else ""


def _runbook(name: str) -> str:
    return link(f"/desk/runbooks/{name}") or f"docs/runbooks/{name}.md"


def _listed(lines: Sequence[str]) -> list[str]:
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [f"- {line}" for line in lines[:MOST_LINES]] + more
