"""A sample force: what the owners of all feeds would send for each month-end, of a made-up Leicestershire.

Each extract is a view of one made-up world (monthend.sample.world) as it stood on the day of the extract, so that
crimes are late-recorded, reclassified, cancelled, transferred, redated and given outcomes from one extract to the next.
What is wrong with the deliveries is declared in monthend.sample.faults.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from monthend.plan.calendar import add_months, financial_quarter_end, months_between, working_day
from monthend.sample import faults, partner_estate, partners, street, world
from monthend.sample.world import NEVER, NO_DISTRICT, Crimes, Incidents, Whole

UNTIL, MONTHS = "2017-06", 36
WINDOW_MONTHS = 36
EXTRACT_WORKING_DAY, EXTRACT_HOUR = 2, 6
COMPARATOR_LAG, STREET_LAG = 1, 2
STREET_MONTHS, STREET_FROM = 25, "2013-05"  # two years to compare with; the first month of the street feed
CRIME, OUTCOME, CANCELLED, INCIDENT = "police_crime", "police_outcome", "police_cancelled", "police_incident"
COMPARATOR = "msg_comparator"
FILE_NAMES = {
    CRIME: "{}-leicestershire-crime.csv",
    OUTCOME: "{}-leicestershire-outcome.csv",
    CANCELLED: "{}-leicestershire-cancelled.csv",
    INCIDENT: "{}-leicestershire-incident.csv",
    COMPARATOR: "{}-msg-comparator.csv",
}
CONTROLLED = {  # feeds with a control record: their window's column, and whether their rows have a district
    CRIME: ("recorded_at", True),
    OUTCOME: ("outcome_at", False),
    CANCELLED: ("decided_at", False),
    INCIDENT: ("opened_at", True),
}

HOME_FORCE = "E23000021"
CENSUS_2011 = {  # usual residents (ONS)
    "E23000026": 615_061,
    "E23000028": 1_724_950,
    "E23000030": 1_897_991,
    "E23000027": 1_116_062,
    "E23000032": 1_727_665,
    HOME_FORCE: 1_017_697,
    "E23000019": 1_091_482,
    "E23000033": 1_606_932,
}
OFFENCES_COMPARED = {  # codes; crimes a year and 1,000 residents; season
    "all_crime": ((), 58.0, "level"),
    "burglary_dwelling": (("28A", "28B", "28C", "28D", "29"), 3.6, "winter"),
    "burglary_residential": (("28E", "28F", "28G", "28H", "29A"), 5.0, "winter"),
    "theft_of_motor_vehicle": (("48",), 1.6, "winter"),
    "theft_from_motor_vehicle": (("45",), 4.4, "winter"),
    "violence_with_injury": (
        ("2", "4.3", "4.4", "4.6", "4.7", "4.8", "4.9", "5D", "5E", "8N", "8P", "8S", "37.1"), 6.6, "summer",
    ),
}  # fmt: skip
FIRST_RESIDENTIAL = "2017-04"
STILL_TO_COME = (12, 4, 1)  # in 1,000, of a comparator's newest months
RECEIVING_FORCES = (
    "Nottinghamshire Police", "Derbyshire Constabulary", "West Midlands Police", "Northamptonshire Police",
)  # fmt: skip


@dataclass
class Extract:
    """An extract as columns of text, and which entries of the world its rows are (-1: of none)."""

    month: str
    feed: str
    columns: dict[str, pa.Array]
    entries: Whole

    def __len__(self) -> int:
        return len(self.entries)

    def values(self, column: str) -> NDArray[np.object_]:
        """A column as an array of texts; None where empty."""
        return self.columns[column].to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def change(self, rows: Whole, **values: object) -> None:
        """Put the given values (one, or one a row) into rows, by column."""
        for column, value in values.items():
            changed = self.values(column).copy()
            changed[rows] = value
            self.columns[column] = pa.array(changed, pa.string())

    def copy(self) -> "Extract":
        """An extract of its own with the same rows."""
        return Extract(self.month, self.feed, dict(self.columns), self.entries)

    def take(self, rows: Whole) -> None:
        """Keep these rows, in this order; a row can be named twice."""
        self.columns = {name: column.take(pa.array(rows)) for name, column in self.columns.items()}
        self.entries = self.entries[rows]


class Force:
    """The world of one seed and scale, up to a month, and the extracts that its owners would take of it."""

    def __init__(self, until: str, seed: int, scale: float) -> None:
        self.seed, self.scale = seed, scale
        self.crimes, self.incidents = world.build(until, seed, scale)
        self._crime_texts, self._incident_texts = _crime_texts(self.crimes), _incident_texts(self.incidents)

    def extracts(self, month: str) -> Iterator[Extract]:
        """What the owners send at month-end `month`, as it should be."""
        yield self.crime(month)
        yield self.outcome(month)
        yield self.cancelled(month)
        yield self.incident(month)
        if add_months(month, -COMPARATOR_LAG) >= world.FIRST_MONTH:
            yield self.comparator(month)

    def taken(self, month: str) -> int:
        """When the extracts of `month` are taken, in seconds since 1970."""
        return _window(month)[2]

    def crime_references(self, entries: Whole) -> list[str]:
        """The references of these crimes."""
        return self._crime_texts["crime_ref"].take(pa.array(entries)).to_pylist()  # type: ignore[no-any-return]

    def crime(self, month: str) -> Extract:
        """Crimes recorded in the window that the system had on the day of the extract."""
        crimes = self.crimes
        _, closes, taken = _window(month)
        rows = self._recorded(month)
        rows = rows[~(crimes.transferred[rows] & (crimes.decided_at[rows] < closes))]
        texts = _of(self._crime_texts, rows)
        recorded = np.where(crimes.redated_at <= taken, crimes.recorded, crimes.recorded_first)[rows]
        code = np.where(crimes.reclassified_at <= taken, crimes.code, crimes.code_first)[rows]
        place = np.where(crimes.relocated_at <= taken, crimes.district, crimes.district_first)[rows]
        cancelled = crimes.decided_at[rows] < closes
        hateful = crimes.strand[rows] >= 0
        notifiable = ~np.isin(world.CODES, world.NOT_NOTIFIABLE)
        columns = {
            "crime_ref": texts["crime_ref"],
            "incident_ref": texts["incident_ref"],
            "ho_code": _named(world.CODES, code),
            "ho_code_at_recording": _named(world.CODES, crimes.code_first[rows]),
            "notifiable_flag": _yes_no(notifiable[code]),
            "reported_at": texts["reported_at"],
            "recorded_at": _times(recorded),
            "committed_from": texts["committed_from"],
            "committed_to": texts["committed_to"],
            "status": _named(("recorded", "cancelled"), cancelled.astype(np.int64)),
            "status_at": _times(np.where(cancelled, crimes.decided_at[rows], recorded)),
            "reclassified_at": _times(_until(crimes.reclassified_at[rows], taken + 1)),
            "csp_code": _named([each.code for each in world.DISTRICTS] + [None], place),
            "beat_code": _named(
                [f"{each.beat}{beat:02}" for each in world.DISTRICTS for beat in range(1, world.BEATS + 1)],
                np.where(place == NO_DISTRICT, -1, place * world.BEATS + crimes.beat[rows] - 1),
            ),
            "victim_pseudo_id": texts["victim_pseudo_id"],
            "victim_age_band": _named(world.AGE_BANDS, crimes.age_band[rows]),
            "victim_sex": _named("FMU", crimes.sex[rows]),
            "victim_type": _named(world.VICTIM_TYPES, crimes.victim_type[rows]),
            "flag_da": _yes_no(crimes.domestic[rows]),
            "flag_hate": _yes_no(hateful),
            "hate_strands": _named(world.STRANDS, crimes.strand[rows]),
            "flag_cse": _yes_no(crimes.exploitation[rows]),
            "flag_child_abuse": _yes_no(crimes.child[rows]),
            "flag_alcohol": _yes_no(crimes.alcohol[rows]),
            "flag_drugs": _yes_no(crimes.drugs[rows]),
            "flag_cyber": _yes_no(crimes.cyber[rows]),
            "suspect_identified": _yes_no(crimes.suspect_at[rows] < closes),
            "extract_at": _times(np.full(len(rows), taken)),
        }
        return Extract(month, CRIME, columns, rows)

    def outcome(self, month: str) -> Extract:
        """Outcomes assigned in the window; one that was replaced by the end of the month is not current."""
        crimes = self.crimes
        opens, closes, taken = _window(month)
        types, at = np.stack([crimes.outcome, crimes.outcome_2]), np.stack([crimes.outcome_at, crimes.outcome_2_at])
        of, which = np.nonzero(((at >= opens) & (at < closes)).T)
        kind = types[which, of]
        current = (which == 1) | (at[1, of] >= closes)
        suspect = ~np.isin(np.array(world.OUTCOME_TYPES)[kind], world.WITHOUT_SUSPECT)
        charged = np.isin(np.array(world.OUTCOME_TYPES)[kind], ("1", "9"))
        supports = np.isin(np.array(world.OUTCOME_TYPES)[kind], ("15", "18")) | (crimes.supports[of] == 1)
        supports &= ~np.isin(np.array(world.OUTCOME_TYPES)[kind], ("14", "16"))
        # who was unknown at first is of age when found: an age fits the first type
        adult = np.maximum(crimes.suspect_age[of], 18)
        age = np.where((which == 1), adult, crimes.suspect_age[of])
        columns = {
            "crime_ref": self._crime_texts["crime_ref"].take(pa.array(of)),
            "outcome_type": _named(world.OUTCOME_TYPES, kind),
            "outcome_at": _times(at[which, of]),
            "is_current": _yes_no(current),
            "suspect_age": _named([str(year) for year in range(100)], np.where(suspect, age, -1)),
            "cps_referred": _yes_no(charged),
            "victim_supports": _yes_no(supports),
            "other_agency": _yes_no(np.array(world.OUTCOME_TYPES)[kind] == "20"),
            "extract_at": _times(np.full(len(of), taken)),
        }
        return Extract(month, OUTCOME, columns, of)

    def cancelled(self, month: str) -> Extract:
        """Cancellations and transfers decided in the window."""
        crimes = self.crimes
        opens, closes, taken = _window(month)
        (rows,) = np.nonzero((crimes.decided_at >= opens) & (crimes.decided_at < closes))
        rows = rows[np.argsort(crimes.decided_at[rows], kind="stable")]
        transferred = crimes.transferred[rows]
        columns = {
            "crime_ref": self._crime_texts["crime_ref"].take(pa.array(rows)),
            "action": _named(("cancelled", "transferred"), transferred.astype(np.int64)),
            "reason_code": _named(world.REASONS, crimes.reason[rows]),
            "decided_at": _times(crimes.decided_at[rows]),
            "decided_by_role": _named(world.ROLES, crimes.role[rows]),
            "avi_documented": _yes_no(crimes.avi[rows]),
            "victim_informed_at": _times(crimes.informed_at[rows]),
            "receiving_force": _named(
                RECEIVING_FORCES, np.where(transferred, crimes.number[rows] % len(RECEIVING_FORCES), -1)
            ),
            "extract_at": _times(np.full(len(rows), taken)),
        }
        return Extract(month, CANCELLED, columns, rows)

    def incident(self, month: str) -> Extract:
        """Incidents opened in the window; how one was closed is known where it was by the end of the month."""
        incidents = self.incidents
        opens, closes, taken = _window(month)
        (rows,) = np.nonzero((incidents.opened >= opens) & (incidents.opened < closes))
        texts = _of(self._incident_texts, rows)
        closed = incidents.closed[rows] < closes
        code = np.where(closed, incidents.closing[rows], incidents.opening[rows])
        columns = {
            "incident_ref": texts["incident_ref"],
            "opened_at": texts["opened_at"],
            "closed_at": _times(np.where(closed, incidents.closed[rows], NEVER)),
            "opening_code": _named(world.INCIDENT_CODES, incidents.opening[rows]),
            "closing_code": _named(world.INCIDENT_CODES, np.where(closed, incidents.closing[rows], -1)),
            "asb_qualifier": _named(world.QUALIFIERS, np.where(code == world.ASB, incidents.qualifier[rows], -1)),
            "crime_ref": pc.if_else(pa.array(closed), texts["crime_ref"], pa.scalar(None, pa.string())),
            "hate_incident": _yes_no(incidents.hate[rows]),
            "da_incident": _yes_no(incidents.domestic[rows]),
            "csp_code": _named([each.code for each in world.DISTRICTS] + [None], incidents.district[rows]),
            "repeat_caller_pseudo_id": texts["repeat_caller_pseudo_id"],
            "extract_at": _times(np.full(len(rows), taken)),
        }
        return Extract(month, INCIDENT, columns, rows)

    def comparator(self, month: str) -> Extract:
        """Counts and rates of the most similar group, as of the day on which the force took the extract before."""
        period = add_months(month, -COMPARATOR_LAG)
        months = [each for each in _months(period) if each >= world.FIRST_MONTH]
        own = self._compared(period)
        as_at = _text(_window(period)[2])[:10]
        lines = []
        for force_code, key, each in product(CENSUS_2011, OFFENCES_COMPARED, months):
            if key == ("burglary_dwelling" if each >= FIRST_RESIDENTIAL else "burglary_residential"):
                continue
            age, residents = len(months_between(each, period)) - 1, CENSUS_2011[force_code]
            if force_code == HOME_FORCE:
                count = own[key].get(each, 0)
            else:
                count = _peer(self.seed, self.scale, force_code, key, each)
                count -= count * (STILL_TO_COME[age] if age < len(STILL_TO_COME) else 0) // 1000
            hundredths = (count * 200_000 + residents) // (2 * residents)  # rounded half up
            rate = f"{hundredths // 100}.{hundredths % 100:02}"
            provisional, released = ("Y" if age < 12 else "N"), ("Y" if age > 6 else "N")
            what = (as_at, force_code, key, each, str(count))
            lines.append((*what, "2011 Census residents", str(residents), rate, provisional, released))
        columns = {
            name: pa.array(values, pa.string())
            for name, values in zip(COMPARATOR_COLUMNS, zip(*lines, strict=True), strict=True)
        }
        return Extract(month, COMPARATOR, columns, np.full(len(lines), -1))

    def _recorded(self, month: str) -> Whole:
        """Crimes of the window that the system had when the extract of `month` was taken."""
        crimes = self.crimes
        opens, closes, taken = _window(month)
        recorded = np.where(crimes.redated_at <= taken, crimes.recorded, crimes.recorded_first)
        (rows,) = np.nonzero((recorded >= opens) & (recorded < closes) & (crimes.entered <= taken))
        return rows

    def _compared(self, period: str) -> dict[str, dict[str, int]]:
        """The force's own counts for the comparator, by offence and month."""
        crimes = self.crimes
        _, closes, taken = _window(period)
        rows = self._recorded(period)
        rows = rows[crimes.decided_at[rows] >= closes]
        recorded = np.where(crimes.redated_at <= taken, crimes.recorded, crimes.recorded_first)[rows]
        code = np.where(crimes.reclassified_at <= taken, crimes.code, crimes.code_first)[rows]
        month = recorded.astype("datetime64[s]").astype("datetime64[M]")
        counts = {}
        for key, (codes, _, _) in OFFENCES_COMPARED.items():
            among = ~np.isin(world.CODES, world.NOT_NOTIFIABLE) if key == "all_crime" else np.isin(world.CODES, codes)
            found, sizes = np.unique(month[among[code]], return_counts=True)
            counts[key] = {str(each): int(size) for each, size in zip(found, sizes, strict=True)}
        return counts


@cache
def _peer(seed: int, scale: float, force_code: str, key: str, month: str) -> int:
    """Another force's count of a month, when all is in."""
    _, yearly, season = OFFENCES_COMPARED[key]
    level = 0.8 + 0.4 * world.Draws(seed, force_code, key).one()
    mean = CENSUS_2011[force_code] / 1000 * yearly / 12 * level * scale
    mean *= 1 + world.SEASONS[season][int(month[5:]) - 1]
    noise = 2 * world.Draws(seed, force_code, key, month).one() - 1
    return max(0, round(mean + math.sqrt(mean) * noise))


COMPARATOR_COLUMNS = (
    "as_at", "force_code", "offence_key", "month", "count", "denominator_type", "denominator", "rate", "provisional",
    "public_release_ok",
)  # fmt: skip


def write(
    directory: Path,
    until: str = UNTIL,
    months: int = MONTHS,
    seed: int = 1,
    scale: float = 1.0,
    public: bool = True,
    with_faults: bool = True,
    with_partners: bool = True,
) -> list[Path]:
    """Write what the owners would send for each of the `months` month-ends up to `until`, and return the paths.

    In DIRECTORY/YYYY-MM/: the four extracts of Leicestershire with their control records, the comparator (a month
    behind), the public street and outcome files of eight forces (two months behind; in the first folder those of two
    years), what partners send monthly and quarterly (in the first folder that of two years, of missing people and of
    detentions all since July 2014) and, at a quarter's end, their returns. DIRECTORY/faults.csv lists what is wrong
    with them; what was put right afterwards is in DIRECTORY/YYYY-MM/corrected/. Files that are there already are
    replaced.

    Args:
        directory: where to.
        until: the last month-end, YYYY-MM; its extracts are taken in the month after it.
        months: how many month-ends.
        seed: another one gives another world.
        scale: 1 is about 60,000 crimes and 30,000 incidents a year; the public files do not depend on it.
        public: whether to write the public files too.
        with_faults: whether the faults of monthend.sample.faults are put in, each at its month-end, and those of
            monthend.sample.partners into the last quarter's returns, of which one is then missing.
        with_partners: whether to write what partners send.

    Raises:
        ValueError: `until` is no month, `months` is below 1 or reaches back before April 2013, or `scale` is not above
            0, or too small to have every fault.
    """
    if months < 1 or add_months(until, 1 - months) < world.FIRST_MONTH:
        raise ValueError(f"months={months}: the month-ends are of {world.FIRST_MONTH} or later, and at least one.")
    if scale <= 0:
        raise ValueError(f"scale={scale}: must be above 0.")
    force = Force(until, seed, scale)
    paths: list[Path] = []
    month_ends = months_between(add_months(until, 1 - months), until)
    declared = [fault for fault in faults.FAULTS if with_faults and fault.month_end in month_ends]
    for month in month_ends:
        folder = directory / month
        folder.mkdir(parents=True, exist_ok=True)
        for extract in force.extracts(month):
            fault = next((each for each in declared if (each.month_end, each.feed) == (month, extract.feed)), None)
            if fault is None:
                paths += _write(folder, extract)
                continue
            if fault.corrected:
                (folder / "corrected").mkdir(exist_ok=True)
                paths += _write(folder / "corrected", extract)
            spoiled = extract.copy()
            if fault.spoil:
                fault.spoil(force, spoiled)
            paths += _write(folder, spoiled, extract if fault.control_right else spoiled, fault.encode)
        if with_partners:
            first = month == month_ends[0]
            for period in months_between(partners.MONTHLY_FROM if first else month, month):
                paths += partners.write_monthly(seed, folder, period)
            paths += partner_estate.write(seed, folder, month, history=first)
        if with_partners and financial_quarter_end(month) == month:
            paths += partners.write(force, folder, month, spoilt=with_faults and month == until)
        if public:
            newest = add_months(month, -STREET_LAG)
            oldest = add_months(newest, 1 - STREET_MONTHS) if month == month_ends[0] else newest
            for period in months_between(max(oldest, STREET_FROM), newest):
                age = len(months_between(period, newest)) - 1
                paths += street.write_month(folder, period, age)
                paths += street.write_outcomes(folder, period, STREET_FROM)
    with (directory / "faults.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("month_end", "feed", "file", "check_id", "outcome", "corrected", "what"))
        for fault in declared:
            name = file_name(fault.feed, fault.month_end)
            corrected = "Y" if fault.corrected else "N"
            for sign in fault.signs:
                path = f"corrected/{name}" if sign.of_correction else name
                writer.writerow((fault.month_end, fault.feed, path, sign.check_id, sign.outcome, corrected, fault.what))
        if with_partners and with_faults and financial_quarter_end(until) == until:
            writer.writerows(partners.faults(until))
    return [*paths, directory / "faults.csv"]


def file_name(feed: str, month_end: str) -> str:
    """The name of a feed's file for a month-end; the comparator's is of the month before."""
    return FILE_NAMES[feed].format(add_months(month_end, -COMPARATOR_LAG if feed == COMPARATOR else 0))


def _write(
    folder: Path,
    extract: Extract,
    controlled: Extract | None = None,
    encode: Callable[[bytes], bytes] | None = None,
) -> list[Path]:
    """Write an extract and, where its owner sends one, the control record, of `controlled` where that differs."""
    path = folder / file_name(extract.feed, extract.month)
    content = io.BytesIO((",".join(extract.columns) + "\n").encode())
    content.seek(0, io.SEEK_END)
    pa.csv.write_csv(
        pa.table(extract.columns), content, pa.csv.WriteOptions(include_header=False, quoting_style="none")
    )
    path.write_bytes(encode(content.getvalue()) if encode else content.getbuffer())
    if extract.feed not in CONTROLLED:
        return [path]
    control = path.with_suffix(".control.csv")
    with control.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("figure", "month", "area", "count"))
        writer.writerows(_control(controlled or extract))
    return [path, control]


def _control(extract: Extract) -> Iterator[tuple[str, str, str, int]]:
    """What an extract holds: its rows, by the window column's month and by district."""
    column, by_area = CONTROLLED[extract.feed]
    yield "rows", "", "", len(extract)
    yield from (
        ("month", month, "", size) for month, size in _sizes(pc.utf8_slice_codeunits(extract.columns[column], 0, 7))
    )
    if by_area:
        yield from (("area", "", area, size) for area, size in _sizes(extract.columns["csp_code"]))


def _sizes(column: pa.Array) -> list[tuple[str, int]]:
    counted = pc.value_counts(pc.fill_null(column, ""))
    return sorted((each["values"], each["counts"]) for each in counted.to_pylist())


def _of(texts: Mapping[str, pa.Array], rows: Whole) -> dict[str, pa.Array]:
    return {name: column.take(pa.array(rows)) for name, column in texts.items()}


def _months(period: str) -> list[str]:
    return months_between(add_months(period, 1 - WINDOW_MONTHS), period)


def _window(month: str) -> tuple[int, int, int]:
    """Of the extract of `month`, in seconds since 1970: its window's start and end, and when it was taken."""
    opens = world.start(max(_months(month)[0], world.FIRST_MONTH))
    day = working_day(add_months(month, 1), EXTRACT_WORKING_DAY)
    taken = np.datetime64(datetime.combine(day, time(EXTRACT_HOUR)), "s").astype(np.int64)
    return opens, world.start(add_months(month, 1)), int(taken)


def _text(seconds: int) -> str:
    return str(np.datetime64(seconds, "s"))


def _until(times: Whole, before: int) -> Whole:
    return np.where(times < before, times, NEVER)


def _times(seconds: Whole) -> pa.Array:
    """Times as text, YYYY-MM-DDTHH:MM:SS; NEVER as null."""
    never = seconds >= NEVER
    text = np.datetime_as_string(np.where(never, 0, seconds).astype("datetime64[s]")).astype("S19")
    return _texts(text, never)


def _texts(fixed: NDArray[np.bytes_], empty: NDArray[np.bool_]) -> pa.Array:
    """Texts of one length, and null where `empty`."""
    width = fixed.dtype.itemsize
    offsets = np.arange(len(fixed) + 1, dtype=np.int64) * width
    mask = pa.array(~empty).buffers()[1] if len(fixed) else None
    buffers = [mask, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(fixed))]
    return pa.Array.from_buffers(pa.large_string(), len(fixed), buffers).cast(pa.string())


def _named(names: object, places: Whole) -> pa.Array:
    """The names at these places; null at -1 and where the name is None."""
    listed = [None if name is None else str(name) for name in names]  # type: ignore[attr-defined]
    indices = pa.array(places.astype(np.int32), mask=places < 0)
    return pa.array(listed, pa.string()).take(indices)


def _yes_no(flags: NDArray[np.bool_] | Whole) -> pa.Array:
    return _named(("N", "Y"), np.asarray(flags).astype(np.int64))


def _references(prefix: str, year: Whole, number: Whole) -> pa.Array:
    """References such as LEI-2015-0012345; null where the number is -1."""
    start = f"{prefix}-0000-0000000"
    text = np.tile(np.frombuffer(start.encode(), np.uint8), (len(number), 1))
    _digits(text, len(prefix) + 5, year)
    _digits(text, len(start), number)
    return _texts(text.view(f"S{len(start)}").ravel(), number < 0)


def _digits(text: NDArray[np.uint8], end: int, number: Whole) -> None:
    """Write numbers into the columns that end before `end`, until they are written."""
    rest = np.maximum(number, 0)
    while rest.any():
        end -= 1
        text[:, end] = 48 + rest % 10
        rest = rest // 10


def _identifiers(letter: str, number: Whole) -> pa.Array:
    """Pseudonyms: a letter and eight hexadecimal digits that look random; null where the number is -1."""
    mixed = (number.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    text = np.full((len(number), 9), ord(letter), np.uint8)
    hexadecimal = np.frombuffer(b"0123456789abcdef", np.uint8)
    for digit in range(8):
        text[:, 8 - digit] = hexadecimal[(mixed >> np.uint64(4 * digit)) & np.uint64(15)]
    return _texts(text.view("S9").ravel(), number < 0)


def _crime_texts(crimes: Crimes) -> dict[str, pa.Array]:
    """The columns of crimes that no extract differs in."""
    return {
        "crime_ref": _references("LEI", crimes.year, crimes.number),
        "incident_ref": _references("LEI-I", crimes.year, crimes.incident),
        "reported_at": _times(crimes.reported),
        "committed_from": _times(crimes.committed_from),
        "committed_to": _times(crimes.committed_to),
        "victim_pseudo_id": _identifiers("v", crimes.victim),
    }


def _incident_texts(incidents: Incidents) -> dict[str, pa.Array]:
    return {
        "incident_ref": _references("LEI-I", incidents.year, incidents.number),
        "opened_at": _times(incidents.opened),
        "crime_ref": _references("LEI", incidents.year, incidents.crime),
        "repeat_caller_pseudo_id": _identifiers("c", incidents.caller),
    }
