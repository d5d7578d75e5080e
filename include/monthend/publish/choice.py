"""Which measures stand in a pack, how each is shown, and why the others of its board are not."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from monthend.plan.calendar import freeze_day
from monthend.plan.declarations import Board, Declarations, Feed, Measure
from monthend.publish.material import Material, Pack

OUTCOME_TYPE = "outcome_type"  # the breakdown that is shown as a distribution alone: no total read, nothing ranked


@dataclass(frozen=True)
class Choice:
    """A board's measures that are in force at the month-end, each in one place."""

    read: list[Measure]  # a row of the summary and a sheet each
    outcomes: list[Measure]  # by outcome type, on a sheet each
    comparators: list[Measure]  # of all forces of the most similar group, beside each other
    returned: list[Measure]  # with the form that the board shows, of all partners beside each other
    reported: list[Measure]  # by partners otherwise, a sheet a feed
    withheld: list[Measure]  # by the sign-off
    by_quarter: list[Measure]  # of the police, sensitive: of the force by quarter, as this marking allows no more
    sensitive: list[Measure]  # not published
    missing: list[Measure]  # of which nothing was ever delivered

    @property
    def shown(self) -> list[Measure]:
        """Every measure that has a number in the pack."""
        return [
            *self.read, *self.outcomes, *self.comparators, *self.returned, *self.reported, *self.by_quarter,
        ]  # fmt: skip


def choose(material: Material, pack: Pack) -> Choice:
    """Put each measure of the pack's board in its place.

    A measure whose feeds are not in force, or that there is not yet, is left out without a word.
    Raises ValueError where nothing is left to read.
    """
    choice = Choice([], [], [], [], [], [], [], [], [])
    for key in _keys(material, pack):
        measure = material.declarations.measures[key]
        if there_is(material.declarations, measure, material.month):
            place = _place(material, pack, measure)
            if place is not None:
                getattr(choice, place).append(measure)
    if not choice.read:
        raise ValueError(
            "every measure of this pack is withheld by the sign-off"
            if choice.withheld
            else "there is nothing to show: no measure of this pack is in force, may be shown in it and is held"
        )
    return choice


def is_comparator(feed: Feed) -> bool:
    """Whether a feed is of other forces' figures that are not public: its rows say which of them may be."""
    return any(column.column == "public_release_ok" for column in feed.columns)


def theme_at(board: Board, day: datetime.date) -> str:
    """The theme of a thematic pack for a meeting on `day`; before the first rotation, the first one."""
    return next((each.theme for each in reversed(board.themes) if each.from_meeting <= day), board.themes[0].theme)


def _keys(material: Material, pack: Pack) -> Sequence[str]:
    """The board's measures; of a thematic pack, those of the theme in rotation at the meeting."""
    if pack.board.measures:
        return pack.board.measures
    theme = theme_at(pack.board, pack.meeting or freeze_day(material.month))
    priorities = next(t.priorities for t in material.declarations.plan.themes if t.theme == theme)
    in_force = [priority for priority in priorities if priority.in_force(material.month)]
    return list(dict.fromkeys(key for priority in in_force for key in priority.measures))


def there_is(declarations: Declarations, measure: Measure, month: str) -> bool:
    """Whether the feeds of a measure are in force for what is due at a month-end, and it has begun by then."""
    feeds = [declarations.feeds[key] for key in (measure.feed, *measure.reads)]
    due = [feed.newest_period(month) for feed in feeds]
    begun = measure.first_month is None or measure.first_month <= due[0]
    return begun and all(feed.in_force(period) for feed, period in zip(feeds, due, strict=True))


def _place(material: Material, pack: Pack, measure: Measure) -> str | None:
    if material.declarations.feeds[measure.feed].form:
        return "returned" if pack.board.returns == measure.feed else None
    if measure.sensitive and pack.rendering.rendering == "published":
        return "sensitive"
    if measure.counted in ("reported", "answers"):
        return "withheld" if measure.measure in material.withheld else "reported"
    comparator = is_comparator(material.declarations.feeds[measure.feed])
    if comparator and pack.rendering.rendering == "published":
        return None
    if measure.measure in material.withheld:
        return "withheld"
    if not material.periods.get(measure.measure, ("", ""))[1]:
        return "missing"
    if measure.sensitive and pack.rendering.marking != "OFFICIAL-SENSITIVE":
        return "by_quarter"
    if measure.breakdown and measure.breakdown.name == OUTCOME_TYPE:
        return "outcomes"
    return "comparators" if comparator else "read"
