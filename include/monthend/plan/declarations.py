"""Everything declared rather than programmed: feeds, suites, measures, boards, the plan, people.

A declaration is YAML that a non-programmer can review. It is checked when it is read: unknown keys are refused, owner
and description are mandatory, and an error names the file, the line and the field.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from monthend.errors import WrongCall
from monthend.plan.calendar import add_months, financial_year_start, newest_quarter, working_day

ROOT = Path(__file__).parents[3]  # the project; a directory given with --declarations has the same layout

T = TypeVar("T", bound=BaseModel)
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
AreaCode = Annotated[str, Field(pattern=r"^[EWX]\d{8}$")]  # ONS codes; X: an area that ONS has no code for
PriorityNumber = Annotated[str, Field(pattern=r"^SP\d{1,2}$")]
Regex = Annotated[str, AfterValidator(lambda value: re.compile(value).pattern)]


class Strict(BaseModel):
    """No unknown keys, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Declared(Strict):
    """What every declaration of its own file says."""

    title: str
    description: str
    owner: str


class FeedColumn(Strict):
    """A column of the extract: its heading, the warehouse's name for it, and whether a row may be without it."""

    heading: str
    column: Key
    title: str | None = None  # what it holds, where its heading does not say so
    type: Literal["text", "number", "integer", "date", "timestamp"] = "text"
    required: bool = False
    kept: bool = True  # False: it is checked and not loaded, as it says something of the extract, not of the row

    @property
    def in_words(self) -> str:
        """What it holds, in words."""
        return self.title or self.heading.replace("_", " ")


class FeedArea(Strict):
    """An area whose deliveries the feed expects: its ONS code, its name in file names and in rows."""

    code: AreaCode
    slug: str
    name_in_rows: str
    contact: str | None = None  # whose returns are answered; the feed's contact where none is named


class Window(Strict):
    """What each extract of a keyed feed holds whole: rows whose `column` lies in the `months` up to its period."""

    column: Key
    months: int = Field(ge=1)


class Place(Strict):
    """Where a feed's extracts are fetched from before the inbox is read, and the Airflow connection that opens it."""

    kind: Literal["object_store", "sftp", "sql"]
    connection: Key
    path: str | None = None  # a folder: of an object store with its scheme (s3://bucket/folder)
    query: Key | None = None  # of sql: include/sql/extracts/QUERY.sql, which takes :period and :area_code

    @model_validator(mode="after")
    def _whole(self) -> "Place":
        if (self.kind == "sql") != (self.query is not None) or (self.kind == "sql") == (self.path is not None):
            raise ValueError("sql takes a query, the others a path")
        return self


class Break(Strict):
    """A month from which figures do not compare with those before, and why."""

    from_month: Month
    reason: str


class Span(Strict):
    """What the figures of a delivery cover where that is not its period: some months, all since one, or a whole year.

    `title` heads the months where they are shown; `ends_before` is how many months before the period it ends.
    """

    title: str
    months: int | None = Field(default=None, ge=1)
    since: Month | Literal["april"] | None = None
    ends_before: int = Field(default=0, ge=0)
    whole_year: bool = False  # since april: and on to March, whether that is over or not

    @model_validator(mode="after")
    def _whole(self) -> "Span":
        if (self.months is None) == (self.since is None):
            raise ValueError("a span has either a number of months or a month since which it goes")
        if self.whole_year and self.since != "april":
            raise ValueError("whole_year: only what goes since april goes on to March")
        return self

    def of(self, period: str) -> tuple[str, str]:
        """Its first and last month (YYYY-MM) in the delivery of `period`."""
        last = add_months(period, -self.ends_before)
        if self.since == "april":
            april = financial_year_start(last)
            return april, add_months(april, 11) if self.whole_year else last
        return self.since or add_months(last, 1 - (self.months or 1)), last


class FormItem(Strict):
    """An item that a return asks for."""

    item: Key
    priority: PriorityNumber
    title: str
    unit: Literal["count", "percent", "text"]  # text: a narrative alone, no figure
    basis: Literal["discrete", "ytd", "snapshot"]  # of the quarter alone, since April, on the last day
    quotes: Key | None = None  # the measure of the police's whose figure it repeats: the snapshot's is used


class Form(Strict):
    """What the template of a return asks for."""

    version: int = Field(ge=1)
    items: tuple[FormItem, ...] = Field(min_length=1)


class Feed(Declared):
    """What a feed is: who sends it, when it is due, how a file of it is recognised, what its columns mean."""

    feed: Key
    contact: str
    source: Literal["police", "partner", "reference"]
    cadence: Literal["monthly", "quarterly", "reference"]  # a quarter goes by its last month
    due_working_day: int | None = Field(default=None, ge=1, le=20)
    correction_working_day: int = Field(default=7, ge=1, le=20)  # by which a faulty delivery is to be put right
    lag_months: int = Field(default=0, ge=0)  # months between a month-end and the newest period published by then
    in_force_from: Month | None = None
    in_force_to: Month | None = None
    file_name: Regex  # groups `period` and `slug` where the feed has periods and areas
    columns: tuple[FeedColumn, ...]
    key: tuple[Key, ...] = ()  # the columns by which the owner finds a row again
    load: Literal["partition", "keyed"] = "partition"  # a delivery replaces its period, or the state of each key
    window: Window | None = None
    fetched_from: Place | None = None
    form: Form | None = None  # of a return that is made by filling in a template
    spans: dict[Key, Span] = {}  # by name; columns NAME_start and NAME_end of a row are held against them
    breaks: tuple[Break, ...] = ()  # of the number of rows a month
    areas: tuple[FeedArea, ...] = ()
    districts: tuple[AreaCode, ...] = ()  # areas that facts are counted for within the home force
    suite: Key
    retention_months: int | None = Field(default=None, ge=1)  # of rows; facts and hashes are kept

    @model_validator(mode="after")
    def _whole(self) -> "Feed":
        if self.cadence != "reference" and not (self.due_working_day and self.areas and self.in_force_from):
            raise ValueError(f"a {self.cadence} feed needs due_working_day, in_force_from and areas")
        if self.cadence == "quarterly" and self.lag_months % 3:
            raise ValueError("lag_months: a quarterly feed lags by whole quarters")
        columns = {column.column for column in self.columns}
        if unknown := sorted(set(self.key) - columns):
            raise ValueError(f"key: there is no column {', '.join(unknown)}")
        if (self.load == "keyed") != (self.window is not None) or (self.load == "keyed" and not self.key):
            raise ValueError("a keyed feed, and no other, has a window, and it has a key")
        if self.fetched_from and self.cadence == "reference":
            raise ValueError("fetched_from: a reference feed is delivered, not fetched")
        if self.window and self.window.column not in columns:
            raise ValueError(f"window: there is no column {self.window.column}")
        return self

    @property
    def by_area(self) -> bool:
        """Whether a delivery is of one area, or of all of them."""
        return "slug" in re.compile(self.file_name).groupindex

    def area_name(self, code: str) -> str:
        """An area as the feed's rows name it; nothing for one that the feed does not declare."""
        return next((area.name_in_rows for area in self.areas if area.code == code), "")

    @property
    def contacts(self) -> set[str]:
        """Whom to write to about the feed's deliveries: its contact, and those of its areas."""
        return {self.contact, *(area.contact for area in self.areas if area.contact)}

    def contact_of(self, code: str) -> str:
        """Whom to write to about an area's deliveries."""
        return next((area.contact for area in self.areas if area.code == code and area.contact), self.contact)

    @property
    def of_other_months(self) -> bool:
        """Whether its figures cover other months than the quarter of their delivery."""
        return self.cadence == "quarterly" and bool(self.spans)

    def items_of(self, measure: "Measure") -> list[FormItem]:
        """The items of the feed's form that a measure is reported by."""
        named = measure.where.get("item_code", ())
        return [item for item in self.form.items if item.item in named] if self.form else []

    def delivery_name(self, period: str, area_code: str) -> str:
        """A delivery in words: feed, month, area, as far as there is one."""
        month = f"{date.fromisoformat(f'{period}-01'):%B %Y}" if period else ""
        return ", ".join(part for part in (self.title, month, self.area_name(area_code)) if part)

    def newest_period(self, month: str) -> str:
        """The newest period (YYYY-MM) that is due at month-end `month`: the month's, or the newest whole quarter's."""
        return add_months(newest_quarter(month) if self.cadence == "quarterly" else month, -self.lag_months)

    def due_on(self, period: str) -> date | None:
        """The working day on which the delivery of `period` is due; none of a reference feed."""
        if self.due_working_day is None:
            return None
        return working_day(add_months(period, self.lag_months + 1), self.due_working_day)

    def in_force(self, period: str) -> bool:
        """Whether the feed expects a delivery for `period` (YYYY-MM)."""
        return (self.in_force_from or "") <= period and (self.in_force_to is None or period <= self.in_force_to)


class Rate(Strict):
    """A rate of the measure it stands with: numerator x per / residents, or what the feed gives with it."""

    per: int = Field(gt=0)
    decimals: int = Field(ge=0, le=6)
    out_of: str = "count"  # what its denominator counts


class Share(Strict):
    """The measure as a percentage of another one, which counts among others the same things."""

    of: Key
    decimals: int = Field(ge=0, le=6)


class Category(Strict):
    """A category of a breakdown, in the order in which they are shown, and the month from which there is such a one."""

    category: Annotated[str, Field(min_length=1)]
    title: str
    from_month: Month | None = None


class Breakdown(Strict):
    """What a measure is also counted by; its SELECT gives the column `category`."""

    name: Key
    categories: tuple[Category, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _whole(self) -> "Breakdown":
        if len({each.category for each in self.categories}) < len(self.categories):
            raise ValueError("a category is named twice")
        return self


class Reading(Strict):
    """What is said beside a signal of a measure that is neither good nor bad."""

    high: str
    low: str


class Measure(Declared):
    """A measure: the SELECT that counts it and how its numbers are shown and spoken of."""

    measure: Key
    feed: Key
    reads: tuple[Key, ...] = ()  # other feeds that it is counted from
    select: Key
    # What the SELECT gives: numerators by month, a row for each thing counted, figures as partners report them, or how
    # many were asked and are satisfied, with their weights
    counted: Literal["sums", "rows", "reported", "answers"] = "sums"
    where: dict[str, tuple[str, ...]] = {}
    breakdown: Breakdown | None = None
    first_month: Month | None = None  # between which there is such a measure
    last_month: Month | None = None
    looks_back: int | None = Field(default=None, ge=1)  # months before its own that have to be held to count one
    breaks: tuple[Break, ...] = ()
    sensitive: bool = False
    caveat: str | None = None
    checks: tuple[str, ...] = ()  # ids of those that its figures rest on
    unit: str
    polarity: Literal["down_good", "up_good", "neutral", "context"]
    seasonal: bool | None = None  # None: found on the baseline
    rate: Rate | None = None
    share: Share | None = None
    span: Key | None = None  # of the feed's, what each figure covers where that is not the period of its delivery
    covers: str | None = None  # the same in words, where months alone do not say it: {period}, {a span's name}
    requirement: Key | None = None  # the measure whose figure is what the budget requires of this one
    population_year: Key | None = None  # the column of its feed that says of which year its denominators are
    clustered: bool = False  # whether one person can make much of it, so that it is not held against chance
    reading: Reading | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Measure":
        if (self.polarity == "neutral") != (self.reading is not None):
            raise ValueError("a neutral measure, and no other, says under `reading` what a signal can mean")
        return self


class Rendering(Strict):
    """One workbook made for a board: for the board itself, or to be published."""

    rendering: Literal["board", "published"]
    marking: Literal["OFFICIAL", "OFFICIAL-SENSITIVE"]
    audience: Key


class ThemeInRotation(Strict):
    """The theme that a thematic pack looks at in depth, from a meeting date on."""

    from_meeting: date
    theme: Key


class Board(Declared):
    """Who a pack is for, what stands in it, when the board meets and who may be sent it."""

    board: Key
    frequency: Literal["monthly", "quarterly"]
    renderings: tuple[Rendering, ...] = Field(min_length=1)
    measures: tuple[Key, ...] = ()  # empty for a thematic pack: the theme's
    themes: tuple[ThemeInRotation, ...] = ()
    most_similar_group: bool = False
    revisions: bool = False  # whether its packs show, by cause, how counts differ from the snapshot before
    returns: Key | None = None  # the feed whose returns its packs show: what came, what is missing, each figure
    narratives: tuple[PriorityNumber, ...] = ()  # priorities of which its packs show words, or that there are none
    each_area: bool = False  # whether each area of that feed has a board of its own, with the return's contact
    area: AreaCode | None = None  # of a board that is an area's own
    meetings: tuple[date, ...]
    recipients: tuple[str, ...]
    allowed_domains: tuple[str, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Board":
        if bool(self.measures) == bool(self.themes):
            raise ValueError("a board has either measures or themes in rotation")
        if self.each_area and not self.returns:
            raise ValueError("each_area: say of which feed's returns, in `returns`")
        for recipient in self.recipients:
            if recipient.rpartition("@")[2] not in self.allowed_domains:
                raise ValueError(f"the domain of {recipient} is not among allowed_domains")
        return self


class Priority(Strict):
    """A strategic priority under its number in the plan, from a month on, and the measures that speak to it."""

    priority: PriorityNumber
    title: str
    provenance: str
    from_month: Month
    to_month: Month | None = None  # None: until it is numbered anew
    polarity: Literal["none"] | None = None  # none: no number speaks to it, so it has words only
    measures: tuple[Key, ...] = ()

    @field_validator("measures")
    @classmethod
    def _no_number(cls, measures: tuple[str, ...], given: ValidationInfo) -> tuple[str, ...]:
        if measures and given.data.get("polarity") == "none":
            raise ValueError("its polarity is none: the plan cites no measure for it, so none may be declared")
        return measures

    def in_force(self, month: str) -> bool:
        """Whether the priority bears its number in `month` (YYYY-MM)."""
        return self.from_month <= month <= (self.to_month or month)


class Theme(Strict):
    """A theme of the plan."""

    theme: Key
    title: str
    priorities: tuple[Priority, ...]


class MostSimilarGroup(Strict):
    """The forces that the home force is compared with, itself included, from a month on."""

    from_month: Month
    provenance: str
    forces: tuple[AreaCode, ...] = Field(min_length=2)


class Plan(Declared):
    """The Police and Crime Plan: themes, priorities, the most similar group, effective-dated.

    It stays in force until another is declared in its place.
    """

    organisation: str
    contact: str
    home_force: AreaCode
    most_similar_groups: tuple[MostSimilarGroup, ...] = Field(min_length=1)
    themes: tuple[Theme, ...]

    @model_validator(mode="after")
    def _one_meaning_a_number(self) -> "Plan":
        last: dict[str, Priority] = {}
        for each in sorted((each for theme in self.themes for each in theme.priorities), key=lambda e: e.from_month):
            if (before := last.get(each.priority)) and before.in_force(each.from_month):
                raise ValueError(f"themes: {each.priority} is two priorities in {each.from_month}")
            last[each.priority] = each
        return self

    def priorities_of(self, measure: str, month: str) -> list[Priority]:
        """The priorities that a measure speaks to in `month` (YYYY-MM), in the plan's order."""
        priorities = (priority for theme in self.themes for priority in theme.priorities)
        return [each for each in priorities if measure in each.measures and each.in_force(month)]


class Person(Strict):
    """Somebody who may answer: the user name they log in with, the name a record shows, where notices go."""

    user: str
    display_name: str
    email: str
    roles: tuple[Literal["steward", "registrar", "analyst", "releaser"], ...] = Field(min_length=1)


class People(Declared):
    """Who is steward, registrar, analyst or releaser."""

    people: tuple[Person, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> "People":
        names = Counter(name for person in self.people for name in {person.user, person.display_name})
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise ValueError(f"{', '.join(twice)} names more than one person, by user or display name")
        return self


class KnownError(Declared):
    """A fault in a source that we live with, until its guard says that the source was put right."""

    known_error: Key
    feed: Key
    areas: tuple[AreaCode, ...] = Field(min_length=1)
    first_period: Month
    last_period: Month | None = None  # None: it goes on
    rows: str  # which rows are wrong, and how
    effect: str  # on figures, and what we do about it
    reported_to: str | None = None
    reported_on: date | None = None
    guard: Key  # a SELECT that counts such rows

    @model_validator(mode="after")
    def _whole(self) -> "KnownError":
        if (self.reported_to is None) != (self.reported_on is None):
            raise ValueError("reported_to and reported_on belong together")
        return self


class Glossary(Declared):
    """The words that a pack explains."""

    terms: dict[str, str]


@dataclass(frozen=True)
class Declarations:
    """The declarations of one directory. Files are read when they are first asked for."""

    root: Path

    @cached_property
    def feeds(self) -> dict[str, Feed]:
        """Feeds by key, in the order of their file names."""
        return {feed.feed: feed for feed in self._all(Feed, "include/feeds", "feed")}

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """Measures by key, in the order of their file names."""
        measures = {measure.measure: measure for measure in self._all(Measure, "reports/measures", "measure")}
        for key, measure in measures.items():
            path = self.root / "reports/measures" / f"{key}.yaml"
            for field, feed in (("feed", measure.feed), *(("reads", other) for other in measure.reads)):
                if feed not in self.feeds:
                    raise WrongCall(f"{path}: {field}: there is no feed {feed}.")
            if measure.span and measure.span not in self.feeds[measure.feed].spans:
                raise WrongCall(f"{path}: span: the feed {measure.feed} has no span {measure.span}.")
            said = {name for _, name, *_ in Formatter().parse(measure.covers or "") if name is not None}
            if unknown := sorted(said - {"period", *self.feeds[measure.feed].spans}):
                raise WrongCall(f"{path}: covers: the feed {measure.feed} has no span {', '.join(unknown)}.")
            columns = {column.column for column in self.feeds[measure.feed].columns}
            if measure.population_year and measure.population_year not in columns:
                raise WrongCall(f"{path}: population_year: the feed {measure.feed} has no such column.")
            for field, other in (("share", measure.share and measure.share.of), ("requirement", measure.requirement)):
                if other and other not in measures:
                    raise WrongCall(f"{path}: {field}: there is no measure {other}.")
            if not self.select(measure.select).is_file():
                raise WrongCall(f"{path}: select: there is no {self.select(measure.select)}.")
        return measures

    @cached_property
    def boards(self) -> dict[str, Board]:
        """Boards by key, in the order of their file names."""
        boards: dict[str, Board] = {}
        for board in self._all(Board, "reports/boards", "board"):
            path = self.root / "reports/boards" / f"{board.board}.yaml"
            if board.returns and board.returns not in self.feeds:
                raise WrongCall(f"{path}: returns: there is no feed {board.returns}.")
            for measure in board.measures:
                if measure not in self.measures:
                    raise WrongCall(f"{path}: measures: there is no measure {measure}.")
            for rotation in board.themes:
                if rotation.theme not in {theme.theme for theme in self.plan.themes}:
                    raise WrongCall(f"{path}: themes: there is no theme {rotation.theme} in reports/plan/plan.yaml.")
            boards |= {each.board: each for each in self._each(board)}
        return boards

    def _each(self, board: Board) -> Iterator[Board]:
        """The board; of one that is declared for each area, each area's own."""
        if not (board.each_area and board.returns):
            yield board
            return
        feed = self.feeds[board.returns]
        for area in feed.areas:
            contact = feed.contact_of(area.code)
            yield board.model_copy(
                update={
                    "board": f"{board.board}_{area.slug.replace('-', '_')}",
                    "title": f"{board.title}: {area.name_in_rows}",
                    "area": area.code,
                    "recipients": (contact,),
                    "allowed_domains": (contact.rpartition("@")[2],),
                }
            )

    @cached_property
    def plan(self) -> Plan:
        """The Police and Crime Plan."""
        plan = _read(Plan, self.root / "reports/plan/plan.yaml")
        for theme in plan.themes:
            for priority in theme.priorities:
                for measure in priority.measures:
                    if measure not in self.measures:
                        raise WrongCall(f"{self.root}/reports/plan/plan.yaml: there is no measure {measure}.")
        return plan

    @cached_property
    def known_errors(self) -> dict[str, KnownError]:
        """Faults in sources that we live with, by key, in the order of their file names; there may be none."""
        folder = "reports/known_errors"
        if not any((self.root / folder).glob("*.yaml")):
            return {}
        errors = {error.known_error: error for error in self._all(KnownError, folder, "known_error")}
        for key, error in errors.items():
            path = self.root / folder / f"{key}.yaml"
            if error.feed not in self.feeds:
                raise WrongCall(f"{path}: feed: there is no feed {error.feed}.")
            if not self.guard(error.guard).is_file():
                raise WrongCall(f"{path}: guard: there is no {self.guard(error.guard)}.")
        return errors

    @cached_property
    def people(self) -> People:
        """Who may sign off and release."""
        return _read(People, self.root / "reports/people.yaml")

    @cached_property
    def glossary(self) -> Glossary:
        """The words that a pack explains."""
        return _read(Glossary, self.root / "reports/glossary.yaml")

    def measure_of(self, key: str) -> Measure:
        """The measure that a fact's key is of: its count, its rate or its share."""
        return self.measures[key if key in self.measures else re.sub("_(rate|share)$", "", key)]

    def person(self, name: str) -> Person | None:
        """The person with this user or display name."""
        return next((p for p in self.people.people if name in (p.user, p.display_name)), None)

    def user(self, name: str) -> Person | None:
        """The person who logs in under this name: somebody else's login may be another's display name."""
        return next((p for p in self.people.people if name == p.user), None)

    def suite(self, feed: Feed) -> Path:
        """The file of a feed's Great Expectations suite."""
        return self.root / "expectations" / f"{feed.suite}.json"

    def select(self, name: str) -> Path:
        """The file of a measure's SELECT."""
        return self.root / "include/sql/measures" / f"{name}.sql"

    def guard(self, name: str) -> Path:
        """The file of a known error's SELECT."""
        return self.root / "include/sql/known_errors" / f"{name}.sql"

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every declaration that decides facts or packs, by its path under the root."""
        paths: list[Path] = []
        for pattern in ("include/feeds/*.yaml", "include/sql/**/*.sql", "expectations/*.json", "reports/**/*.yaml"):
            paths += self.root.glob(pattern)
        return {str(path.relative_to(self.root)): sha256(path) for path in sorted(paths)}

    def _all(self, kind: type[Any], folder: str, key: str) -> Iterator[Any]:
        paths = sorted((self.root / folder).glob("*.yaml"))
        if not paths:
            raise WrongCall(
                f"{self.root / folder}: no {key} is declared here. --declarations takes a directory laid "
                "out as the project is."
            )
        for path in paths:
            declared = _read(kind, path)
            if getattr(declared, key) != path.stem:
                raise WrongCall(f"{path}: {key}: is {getattr(declared, key)}, but the file is named {path.stem}.")
            yield declared


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(kind: type[T], path: Path) -> T:
    """Read one declaration, or say what is wrong with it: file, line, field."""
    try:
        source = path.read_text(encoding="utf-8")
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        return kind.model_validate(yaml.safe_load(source))
    except FileNotFoundError:
        raise WrongCall(f"{path}: there is no such declaration.") from None
    except yaml.YAMLError as error:
        raise WrongCall(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        faults = [(fault["loc"], fault["msg"]) for fault in error.errors()]
        lines = [f"{path}:{_line(node, at)}: {'.'.join(map(str, at)) or 'whole file'}: {what}" for at, what in faults]
        raise WrongCall("\n".join(lines)) from None


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the innermost node that a fault's location still reaches."""
    line = 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
