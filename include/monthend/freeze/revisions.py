"""Revisions: by how much a count differs from the snapshot before, in whole numbers, by cause.

Only measures that are counted row by row have causes. The present SELECT gives its rows at the two load numbers; what
differs between them is laid at the door of what happened to each crime or incident in between, one cause each. What
the present SELECT counts otherwise at the snapshot's load number than was frozen is a changed definition.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import facts
from monthend.freeze.facts import Facts
from monthend.plan.declarations import Declarations, Measure

LATE, REINSTATED = "late-recorded", "reinstated"
INTO, OUT_OF = "reclassified in", "reclassified out"
CANCELLED, TRANSFERRED, REMOVED = "cancelled", "transferred", "removed"
REDATED, RELOCATED, OUTCOME = "redated", "relocated", "outcome changed"
DEFINITION = "definition or reference changed"
CAUSES = (
    LATE, INTO, OUT_OF, CANCELLED, TRANSFERRED, REDATED, RELOCATED, REINSTATED, REMOVED, OUTCOME, DEFINITION
)  # fmt: skip
EVENTS, OUTCOMES = "police_cancelled", "police_outcome"


class Revision(NamedTuple):
    """What one cause adds to or takes from a month's count, of a category or, with none, in total."""

    measure: str
    area_code: str
    period: str  # YYYY-MM
    category: str
    cause: str
    difference: int


class State(NamedTuple):
    """What a crime or incident was as of a load number, as far as a SELECT takes notice of it."""

    known: bool = False  # whether it ever had been in an extract
    there: bool = False  # whether it still was
    month: str = ""
    status: str | None = None
    district: str | None = None
    classified: tuple[Any, ...] = ()
    outcomes: tuple[tuple[str, str], ...] = ()  # current ones: type, month

    @property
    def outcome_types(self) -> list[str]:
        """The types of the current outcomes."""
        return [each for each, _ in self.outcomes]


Cell = tuple[str, str, str, str]  # measure, area, month, category
Row = tuple[str, str, str, str]  # key, area, month, category


def compute(
    connection: Connection,
    declarations: Declarations,
    load_number: int,
    parent_id: int | None,
    now: Facts,
    before: Facts,
) -> list[Revision]:
    """Why the monthly counts in `now`, as of `load_number`, differ from those `before`, of the candidate `parent_id`.

    Counts that have a value on both sides are compared; without a parent there is nothing to compare. Raises
    NeedsPerson where the causes of a count do not sum to its difference, WrongCall where a measure is counted by rows
    of a feed that has no history.
    """
    if parent_id is None:
        return []
    (parent,) = warehouse.query(
        connection, "SELECT load_number FROM snapshot.candidate WHERE candidate_id = :parent", parent=parent_id
    )
    selects: dict[tuple[str, str], list[Measure]] = {}
    for measure in declarations.measures.values():
        if measure.counted == "rows":
            selects.setdefault((measure.feed, measure.select), []).append(measure)
    warehouse.plan_for_states(connection)
    revisions: list[Revision] = []
    for measures in selects.values():
        cells = _compared(now, before, {measure.measure for measure in measures})
        if not cells:
            continue
        counting = _Counting(connection, declarations, measures, parent["load_number"], load_number)
        found = counting.changes(cells, of_changed_keys=True)
        if _unexplained(found, cells):  # a definition changed, or reference data: look at every row
            found = counting.changes(cells, of_changed_keys=False) + counting.definitions(cells)
        if wrong := _unexplained(found, cells):
            raise NeedsPerson(
                f"The revisions since the snapshot before cannot be explained, so nothing was proposed. {wrong[0]}"
            )
        revisions += found
    return revisions


def store(connection: Connection, candidate_id: int, revisions: Iterable[Revision]) -> None:
    """Insert the revisions of a candidate."""
    columns = ", ".join(("candidate_id", *Revision._fields))
    with warehouse.cursor(connection).copy(f"COPY snapshot.revision ({columns}) FROM STDIN") as copy:
        for each in revisions:
            copy.write_row((candidate_id, *each))


def read(connection: Connection, candidate_id: int) -> list[Revision]:
    """The revisions of a candidate, by measure, area, month, category and cause."""
    columns = ", ".join(Revision._fields)
    rows = warehouse.query(
        connection,
        f"SELECT {columns} FROM snapshot.revision WHERE candidate_id = :candidate ORDER BY {columns}",  # noqa: S608 - names are ours
        candidate=candidate_id,
    )
    return [Revision(**row) for row in rows]


def wrong(connection: Connection, declarations: Declarations, candidate_id: int, now: Facts) -> list[str]:
    """Where the stored causes do not sum to what a candidate's facts `now` differ by from its parent's, in sentences.

    Looked at is every measure that stored revisions speak of, and every one that is counted by rows and was declared
    then as it is now: of one that was declared otherwise nobody can say whether it had any.
    """
    (candidate,) = warehouse.query(
        connection,
        "SELECT parent_id, manifest -> 'declarations' AS declarations FROM snapshot.candidate"
        " WHERE candidate_id = :candidate",
        candidate=candidate_id,
    )
    if candidate["parent_id"] is None:
        return []
    revisions, declared = read(connection, candidate_id), declarations.hashes()
    measures = {each.measure for each in revisions} | {
        key
        for key, measure in declarations.measures.items()
        for path in [f"reports/measures/{key}.yaml"]
        if measure.counted == "rows" and declared[path] == candidate["declarations"].get(path)
    }
    return _unexplained(revisions, _compared(now, facts.read(connection, candidate["parent_id"]), measures))


def _compared(now: Facts, before: Facts, measures: Collection[str]) -> dict[Cell, tuple[int, int]]:
    """The monthly counts that have a value in both: before and now."""
    cells = {}
    for key, fact in now.items():
        if key.measure in measures and key.basis == "month" and fact.value is not None:
            known = before.get(key)
            if known and known.value is not None:
                cell = (key.measure, key.area_code, key.period, key.category)
                cells[cell] = (int(known.value), int(fact.value))
    return cells


def _unexplained(revisions: Iterable[Revision], cells: Mapping[Cell, tuple[int, int]]) -> list[str]:
    sums: Counter[Cell] = Counter()
    for each in revisions:
        sums[each[:4]] += each.difference
    return [
        f"{' '.join(filter(None, (measure, category)))}, {area}, {month}: the count was {before} and is {after}, and "
        f"the causes sum to {sums[measure, area, month, category]}."
        for measure, area, month, category in sorted(cells.keys() | sums.keys())
        for before, after in [cells.get((measure, area, month, category), (0, 0))]
        if after - before != sums[measure, area, month, category]
    ]


class _Counting:
    """The rows of one SELECT at two load numbers, for the measures that it counts."""

    def __init__(
        self, connection: Connection, declarations: Declarations, measures: list[Measure], before: int, now: int
    ) -> None:
        self.connection, self.measures = connection, measures
        first, feeds = measures[0], declarations.feeds
        self.feed = feeds[first.feed]
        read = [feeds[key] for key in dict.fromkeys(key for each in measures for key in (each.feed, *each.reads))]
        things = [feed for feed in read if feed.load == "keyed" and len(feed.key) == 1]
        if not things:
            raise WrongCall(
                f"reports/measures/{first.measure}.yaml: counted: rows needs a keyed feed with one key column, whose "
                "history says why a count changed."
            )
        self.thing = things[0]  # what is counted: a crime, an incident
        (self.key,) = self.thing.key
        self.versioned = [feed for feed in read if feed.load == "keyed" and feed.key[0] == self.key]
        self.has_outcomes = any(feed.feed == OUTCOMES for feed in self.versioned)
        self.has_events = EVENTS in feeds and feeds[EVENTS].key[0] == self.key
        self.forces = {area.code for area in self.feed.areas}
        self.statement = declarations.select(first.select).read_text(encoding="utf-8")
        self.where = sorted({column for measure in measures for column in measure.where})
        self.parameters = {"before": before, "load": now, "areas": list(self.feed.districts)}

    def changes(self, cells: Mapping[Cell, Any], of_changed_keys: bool) -> list[Revision]:
        """What changed in the rows, by cause; of keys with a new version in between, or of all."""
        differing = [
            (measure, row, change, moved)
            for measure, rows in self._differing(of_changed_keys).items()
            for row, change, moved in rows
            if (measure, *row[1:]) in cells
        ]
        keys = sorted({row[0] for _, row, _, _ in differing})
        before, now = (self._states(keys, self.parameters[load]) for load in ("before", "load"))
        events = self._events(keys)
        causes: Counter[tuple[str, str, str, str, str]] = Counter()
        for measure, (key, area, month, category), change, moved in differing:
            was, became = before.get(key, State()), now.get(key, State())
            if moved > 0:
                cause = self._entered(was, became)
            elif moved < 0:
                cause = self._left(was, became, events.get(key))
            else:
                cause = self._stayed(was, became, area, category, change)
            causes[measure, area, month, category, cause] += change
        return [Revision(*what, number) for what, number in causes.items() if number]

    def definitions(self, cells: Mapping[Cell, tuple[int, int]]) -> list[Revision]:
        """What the SELECT counts now at the load number of before, less what was counted then."""
        columns = ", ".join(("area_code", "month", "category", *self.where))
        rows = warehouse.query(
            self.connection,
            f"SELECT {columns}, count(*) AS number FROM (\n{self.statement}\n) AS counted GROUP BY {columns}",  # noqa: S608 - names are declared
            load=self.parameters["before"],
            areas=self.parameters["areas"],
        )
        counted: Counter[Cell] = Counter()
        for row in rows:
            for measure in self._of(row):
                counted[measure, row["area_code"], row["month"], row["category"]] += row["number"]
        return [
            Revision(*cell, DEFINITION, counted[cell] - before)
            for cell, (before, _) in cells.items()
            if counted[cell] != before
        ]

    def _of(self, row: Mapping[str, Any]) -> list[str]:
        """The measures that a row counts in."""
        return [
            each.measure
            for each in self.measures
            if all(row[column] in values for column, values in each.where.items())
        ]

    def _differing(self, of_changed_keys: bool) -> dict[str, list[tuple[Row, int, int]]]:
        """Of each measure the rows that are there more (or less) often now, and by how much their key counts in all."""
        columns = ", ".join(("key", "area_code", "month", "category", *self.where))
        at_parent = re.sub(r":load\b", ":before", self.statement)
        restriction, parameters = "", dict(self.parameters)
        if of_changed_keys:
            restriction, parameters["keys"] = " WHERE key = ANY(:keys)", self._changed_keys()
        rows = warehouse.query(
            self.connection,
            f"SELECT {columns}, sum(change) AS change FROM ("  # noqa: S608 - names are declared
            f"SELECT {columns}, -1 AS change FROM (\n{at_parent}\n) AS parent{restriction} UNION ALL"
            f" SELECT {columns}, 1 FROM (\n{self.statement}\n) AS now{restriction}"
            f") AS counted GROUP BY {columns} HAVING sum(change) <> 0",
            **parameters,
        )
        changes: dict[str, Counter[Row]] = {each.measure: Counter() for each in self.measures}
        moved: Counter[tuple[str, str]] = Counter()
        for row in rows:
            for measure in self._of(row):
                at: Row = (row["key"], row["area_code"], row["month"], row["category"])
                changes[measure][at] += row["change"]
                if row["area_code"] in self.forces and not row["category"]:
                    moved[measure, row["key"]] += row["change"]
        return {
            measure: [(row, change, moved[measure, row[0]]) for row, change in counted.items() if change]
            for measure, counted in changes.items()
        }

    def _changed_keys(self) -> list[str]:
        versions = " UNION ".join(
            f"SELECT {self.key} AS key FROM reporting.{feed.feed}_history"  # noqa: S608 - names are declared
            " WHERE load_number > :before AND load_number <= :load"
            for feed in self.versioned
        )
        rows = warehouse.query(
            self.connection, versions, before=self.parameters["before"], load=self.parameters["load"]
        )
        return [row["key"] for row in rows]

    def _states(self, keys: list[str], load_number: Any) -> dict[str, State]:
        if self.thing.window is None:
            raise ValueError(f"{self.thing.feed} is no keyed feed")
        dated = self.thing.window.column
        read = set(re.findall(r"\w+", self.statement))
        columns = {column.column for column in self.thing.columns if column.kept}
        named = sorted((columns & read) - {self.key, dated, "status", "csp_code"})
        outcomes: dict[str, list[tuple[str, str]]] = {}
        for row in self._newest(OUTCOMES, ("crime_ref", "outcome_type", "outcome_at"), keys, load_number):
            if row["removed"] is None and row["is_current"] == "Y":
                outcomes.setdefault(row["crime_ref"], []).append((row["outcome_type"], f"{row['outcome_at']:%Y-%m}"))
        return {
            row[self.key]: State(
                known=True,
                there=row["removed"] is None,
                month=f"{row[dated]:%Y-%m}" if row[dated] else "",
                status=row.get("status"),
                district=row.get("csp_code"),
                classified=tuple(row[column] for column in named),
                outcomes=tuple(sorted(outcomes.get(row[self.key], ()))),
            )
            for row in self._newest(self.thing.feed, (self.key,), keys, load_number)
        }

    def _newest(self, feed: str, key: tuple[str, ...], keys: list[str], load_number: Any) -> list[dict[str, Any]]:
        """The newest version of each key as of a load, tombstones too."""
        if feed == OUTCOMES and not self.has_outcomes:
            return []
        names = ", ".join(key)
        return warehouse.query(
            self.connection,
            f"SELECT DISTINCT ON ({names}) * FROM reporting.{feed}_history WHERE {key[0]} = ANY(:keys)"  # noqa: S608 - names are declared
            f" AND load_number <= :load ORDER BY {names}, load_number DESC",
            keys=keys,
            load=load_number,
        )

    def _events(self, keys: list[str]) -> dict[str, str]:
        """What the last decision about each crime was: cancelled or transferred."""
        if not self.has_events:
            return {}
        rows = warehouse.query(
            self.connection,
            f"SELECT DISTINCT ON (crime_ref) crime_ref, action FROM reporting.{EVENTS}_at(:load)"  # noqa: S608 - the name is ours
            " WHERE crime_ref = ANY(:keys) ORDER BY crime_ref, decided_at DESC, action",
            keys=keys,
            load=self.parameters["load"],
        )
        return {row["crime_ref"]: row["action"] for row in rows}

    def _entered(self, was: State, now: State) -> str:
        """Why something counts that did not."""
        if not was.known:
            return LATE
        if not was.there or was.status != now.status:
            return REINSTATED
        if self._dated_by_outcome and was.outcomes != now.outcomes:
            return OUTCOME if was.outcomes else LATE
        return INTO if was.classified != now.classified else DEFINITION

    def _left(self, was: State, now: State, event: str | None) -> str:
        """Why something does not count any more."""
        if not now.there:
            return {"cancelled": CANCELLED, "transferred": TRANSFERRED}.get(event or "", REMOVED)
        if was.status != now.status:
            return TRANSFERRED if now.status == "transferred" else CANCELLED
        if self._dated_by_outcome and was.outcomes != now.outcomes:
            return OUTCOME
        return OUT_OF if was.classified != now.classified else DEFINITION

    def _stayed(self, was: State, now: State, area: str, category: str, change: int) -> str:
        """Why something that still counts does so in another month, district or category."""
        if self._dated_by_outcome and was.outcome_types != now.outcome_types:
            return OUTCOME
        if was.outcomes != now.outcomes if self._dated_by_outcome else was.month != now.month:
            return REDATED
        if area not in self.forces and was.district != now.district:
            return RELOCATED
        if category and was.outcomes != now.outcomes:
            return OUTCOME
        if was.classified != now.classified:
            return INTO if change > 0 else OUT_OF
        return DEFINITION

    @property
    def _dated_by_outcome(self) -> bool:
        """Whether the outcomes of crimes are counted, by their own month, and not the crimes."""
        return self.feed.feed == OUTCOMES
