"""A made-up inbox: street files in data.police.uk's layout, for trying the product without a download.

The same call gives the same bytes on any machine: the generator is seeded by force and month, and only operations
that Python and IEEE 754 fix for good are used (random(), sums, products, square roots).
"""

import csv
import hashlib
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from monthend.plan.calendar import add_months

HEADER = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
)
OUTCOME_HEADER = (*HEADER[:9], "Outcome type")
ASB = "Anti-social behaviour"

REFERENCE = Path(__file__).parents[2] / "reference"
LINE_FEED_FROM = "2024-01"  # older files end their lines with CR LF and have commas in Location
LSOA_2021_FROM = "2024-07"
STEP_FORCE, STEP_TYPE, STEP_FROM, STEP_FACTOR = "leicestershire", "Vehicle crime", "2024-08", 1.6


@dataclass(frozen=True)
class Force:
    """How one force records: rows a month, the middle of its area in degrees, and shares of its rows."""

    slug: str
    rows: int  # an eighth of the mean published for January to March 2025
    longitude: float
    latitude: float
    no_place: float
    repeated_id: float = 0.0


FORCES = (
    Force("bedfordshire", 610, -0.45, 52.05, 0.042),
    Force("essex", 1530, 0.55, 51.78, 0.014),
    Force("hampshire", 1680, -1.30, 51.00, 0.0),
    Force("hertfordshire", 1070, -0.20, 51.80, 0.024),
    Force("kent", 1800, 0.75, 51.27, 0.010),
    Force("leicestershire", 1070, -1.15, 52.65, 0.028, repeated_id=0.003),
    Force("nottinghamshire", 1190, -1.05, 53.10, 0.005, repeated_id=0.007),
    Force("sussex", 1590, -0.10, 50.95, 0.038),
)

# of each type: its share of rows (the eight forces, January to March 2025), and how far the season moves it
CRIME_TYPES = (
    (ASB, 0.129, 1.5),
    ("Bicycle theft", 0.007, 2.0),
    ("Burglary", 0.036, -1.0),
    ("Criminal damage and arson", 0.078, 0.6),
    ("Drugs", 0.034, 0.0),
    ("Other crime", 0.027, 0.0),
    ("Other theft", 0.067, 0.3),
    ("Possession of weapons", 0.011, 0.0),
    ("Public order", 0.067, 0.8),
    ("Robbery", 0.007, 0.0),
    ("Shoplifting", 0.107, 0.0),
    ("Theft from the person", 0.006, 0.0),
    ("Vehicle crime", 0.053, 0.0),
    ("Violence and sexual offences", 0.371, 0.6),
)
SEASON = (-0.14, -0.12, -0.05, 0.00, 0.08, 0.12, 0.15, 0.13, 0.03, -0.01, -0.08, -0.11)  # January to December

UNDER_INVESTIGATION = (0.35, 0.15, 0.05)  # share of a file's crimes, by its age in months; none when older
OUTCOMES = (
    ("Unable to prosecute suspect", 0.416),
    ("Investigation complete; no suspect identified", 0.392),
    ("Court result unavailable", 0.090),
    ("Local resolution", 0.040),
    ("Action to be taken by another organisation", 0.025),
    ("Offender given a caution", 0.011),
    ("Formal action is not in the public interest", 0.009),
    ("Awaiting court outcome", 0.007),
    ("Further action is not in the public interest", 0.005),
    ("Further investigation is not in the public interest", 0.005),
)

ASSIGNED_AFTER = (0.55, 0.30, 0.10)  # share of a month's crimes with an outcome assigned so many months later
ASSIGNED = (
    ("Investigation complete; no suspect identified", 0.46),
    ("Unable to prosecute suspect", 0.28),
    ("Suspect charged", 0.11),
    ("Local resolution", 0.06),
    ("Offender given a caution", 0.04),
    ("Formal action is not in the public interest", 0.02),
    ("Offender given penalty notice", 0.01),
    ("Further investigation is not in the public interest", 0.01),
    ("Action to be taken by another organisation", 0.01),
)

NO_NAME, OUTSIDE, SAME_INCIDENT = 0.002, 0.01, 0.2  # shares: "On or near " and no name; other areas; ASB rows repeated
BUSIER_DISTRICTS = frozenset(
    ("Brighton and Hove", "Leicester", "Luton", "Nottingham", "Portsmouth", "Southampton", "Southend-on-Sea", "Watford")
)
DISTRICT_WITH_COMMA = "Bournemouth, Christchurch and Poole"
STREETS = (
    "Supermarket",
    "Parking Area",
    "Shopping Area",
    "Petrol Station",
    "Nightclub",
    "Sports/Recreation Area",
    "Park/Open Space",
    "Theatre/Concert Hall",
    "Retail Park, Ring Road",
    "High Street",
    "Main Street",
    "Church Street",
    "Station Road",
    "Market Place",
    "Mill Lane",
    "Queen Street",
    "London Road",
    "The Green",
    "School Lane",
    "Park Avenue",
    "Manor Close",
    "Victoria Road",
    "Bridge Street",
    "Chapel Hill",
)
POINTS_AN_LSOA = 3  # inside a force's area
OUTSIDE_STEP = 50  # of the LSOAs outside, each fiftieth has a point

Place = tuple[str, str, str, str, str]  # longitude, latitude, location, LSOA code, LSOA name
Row = tuple[str, ...]  # in the order of HEADER
Draw = Callable[[], float]


@dataclass(frozen=True)
class Places:
    """Where rows of a force can lie, in one vintage of LSOAs: inside its area, outside, and in names with a comma."""

    inside: tuple[Place, ...]
    outside: tuple[Place, ...]
    with_comma: tuple[Place, ...]


def write(directory: Path, month: str, months: int = 25) -> list[Path]:
    """Write the street files of Leicestershire and its seven most similar forces into `directory`.

    One file a force and month, for the `months` months up to and including `month` (YYYY-MM), laid out as in
    data.police.uk's download: 2025-03/2025-03-leicestershire-street.csv. Returns their paths, by month and force.
    Files that are there already are replaced.

    Nothing in them happened. Volumes are scaled down to an eighth of what these forces publish; types, outcomes and
    LSOAs are real, their mix, the points and the Crime IDs are made up. The irregularities of the real files are in,
    at about their real shares. Leicestershire's vehicle crime steps up in August 2024.
    A file's rows depend on force and month alone, only outcomes on how old the file is in `month`.

    Raises ValueError when `months` is below 1 or `month` is no month.
    """
    if months < 1:
        raise ValueError(f"months={months}: at least one month is needed.")
    paths = []
    for age in reversed(range(months)):
        period = add_months(month, -age)
        folder = directory / period
        folder.mkdir(parents=True, exist_ok=True)
        paths += write_month(folder, period, age)
    return paths


def write_month(folder: Path, period: str, age: int) -> list[Path]:
    """Write the street files of one month (YYYY-MM), as published `age` months after it, into `folder`."""
    return [
        _write(folder / f"{period}-{force.slug}-street.csv", period, HEADER, _rows(force, period, age))
        for force in FORCES
    ]


def write_outcomes(folder: Path, period: str, first: str) -> list[Path]:
    """Write the outcome files of one month (YYYY-MM) into `folder`, of crimes in street files of `first` or later."""
    return [
        _write(folder / f"{period}-{force.slug}-outcomes.csv", period, OUTCOME_HEADER, _assigned(force, period, first))
        for force in FORCES
    ]


def _write(path: Path, period: str, header: Row, rows: Iterable[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n" if period >= LINE_FEED_FROM else "\r\n")
        writer.writerow(header)
        in_order: list[Row] = sorted(rows, key=_by_place)
        writer.writerows(in_order)
    return path


def _rows(force: Force, period: str, age: int) -> Iterator[Row]:
    """The rows of one file, by crime type; `age` in months says which outcomes are still open."""
    draw = _generator(force.slug, period)
    name = _names()[force.slug]
    places = _places(force, 11 if period < LSOA_2021_FROM else 21)
    under_investigation = UNDER_INVESTIGATION[age] if age < len(UNDER_INVESTIGATION) else 0.0
    jumps, level = draw() < 0.15, draw()
    unavailable = 0.25 + 0.15 * level if jumps else 0.01 + 0.05 * level
    used: list[str] = []
    incident: Row | None = None
    for crime_type, count in _counts(force, period, draw):
        for _ in range(count):
            if crime_type == ASB:
                if incident is None or draw() >= SAME_INCIDENT:
                    incident = ("", period, name, name, *_place(force, period, places, draw), crime_type, "", "")
                yield incident
                continue
            place = _place(force, period, places, draw)
            crime_id = _crime_id(force, period, used, draw)
            used.append(crime_id)
            stage, choice = draw(), draw()  # always both, so that a file's age moves nothing else
            if stage < under_investigation:
                outcome = "Under investigation"
            elif stage < under_investigation + unavailable:
                outcome = "Status update unavailable"
            else:
                outcome = _of_shares(OUTCOMES, choice)
            yield (crime_id, period, name, name, *place, crime_type, outcome, "")


def _assigned(force: Force, period: str, first: str) -> Iterator[Row]:
    """Outcomes of a force's crimes assigned in `period`. Whether and when a crime has one follows from its Crime ID."""
    for later, share in enumerate(ASSIGNED_AFTER):
        recorded = add_months(period, -later)
        if recorded < first:
            break
        low = sum(ASSIGNED_AFTER[:later])
        for crime_id, place in _crimes(force, recorded):
            if low <= int(crime_id[:8], 16) / 2**32 < low + share:
                outcome = _of_shares(ASSIGNED, int(crime_id[8:16], 16) / 2**32)
                name = _names()[force.slug]
                yield (crime_id, period, name, name, *place, outcome)


@lru_cache(maxsize=len(FORCES) * (len(ASSIGNED_AFTER) + 1))
def _crimes(force: Force, period: str) -> tuple[tuple[str, Place], ...]:
    """The crimes of a street file by Crime ID, each once, with where they were."""
    return tuple({row[0]: row[4:9] for row in _rows(force, period, 0) if row[0]}.items())  # type: ignore[arg-type]


def _counts(force: Force, period: str, draw: Draw) -> Iterator[tuple[str, int]]:
    """How many rows of each crime type the file has: level of the force, season, step, and about Poisson noise."""
    own_level = _generator(force.slug, "levels")
    for crime_type, share, swing in CRIME_TYPES:
        mean = force.rows * share * (0.8 + 0.4 * own_level()) * (1 + swing * SEASON[int(period[5:]) - 1])
        if (force.slug, crime_type) == (STEP_FORCE, STEP_TYPE) and period >= STEP_FROM:
            mean *= STEP_FACTOR
        noise = -6.0  # twelve uniforms less six: close to a normal deviate, and the same on every machine
        for _ in range(12):
            noise += draw()
        yield crime_type, max(0, int(mean + math.sqrt(mean) * noise + 0.5))


def _place(force: Force, period: str, places: Places, draw: Draw) -> Place:
    kind, choice = draw(), draw()
    if kind < force.no_place:
        return ("", "", "No location" if choice < 0.2 else "No Location", "", "")
    if kind < force.no_place + OUTSIDE:
        lies_in = places.with_comma if kind < force.no_place + OUTSIDE / 10 else places.outside
    else:
        lies_in = places.inside
    longitude, latitude, street, code, name = lies_in[int(choice * len(lies_in))]
    if kind >= 1 - NO_NAME:
        street = ""
    elif period >= LINE_FEED_FROM:
        street = street.partition(",")[0]
    return (longitude, latitude, f"On or near {street}", code, name)


def _crime_id(force: Force, period: str, used: list[str], draw: Draw) -> str:
    """A new Crime ID; at the force's share one used before, in the file or in that of the month before."""
    kind, choice = draw(), draw()
    if used and kind < force.repeated_id / 2:
        return used[int(choice * len(used))]
    if kind < force.repeated_id:
        return _hash(force.slug, add_months(period, -1), str(int(choice * 200)))
    return _hash(force.slug, period, str(len(used)))


def _of_shares(shares: tuple[tuple[str, float], ...], choice: float) -> str:
    for name, share in shares:
        choice -= share
        if choice < 0:
            return name
    return shares[0][0]


def _by_place(row: Row) -> tuple[bool, str]:
    """Sort key of the real files: by LSOA name, rows without a place last."""
    return row[8] == "", row[8]


@cache
def _names() -> dict[str, str]:
    """The name in rows of each force, by its name in file names."""
    return {row["file_slug"]: row["falls_within"] for row in _reference("forces.csv")}


@cache
def _places(force: Force, vintage: int) -> Places:
    """The points of a force with LSOAs of the vintage 11 or 21; a busier district's stand twice."""
    area_code = next(row["pfa_code"] for row in _reference("forces.csv") if row["file_slug"] == force.slug)
    districts = {row["area_code"] for row in _reference("areas.csv") if row["parent_code"] == area_code}
    draw = _generator(force.slug, "places")
    inside: list[Place] = []
    outside: list[Place] = []
    with_comma: list[Place] = []
    for number, row in enumerate(_reference("lsoa_exact_fit.csv")):
        own, district = row["LAD22CD"] in districts, row["LAD22NM"]
        if not own and district != DISTRICT_WITH_COMMA and number % OUTSIDE_STEP:
            continue
        for _ in range(POINTS_AN_LSOA if own else 1):
            place = (
                f"{force.longitude + 0.5 * draw() - 0.25:.6f}",
                f"{force.latitude + 0.3 * draw() - 0.15:.6f}",
                STREETS[int(draw() * len(STREETS))],
                row[f"LSOA{vintage}CD"],
                row[f"LSOA{vintage}NM"],
            )
            if own:
                inside += [place, place] if district in BUSIER_DISTRICTS else [place]
            else:
                (with_comma if district == DISTRICT_WITH_COMMA else outside).append(place)
    return Places(tuple(inside), tuple(outside), tuple(with_comma))


@cache
def _reference(name: str) -> tuple[dict[str, str], ...]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _generator(*words: str) -> Draw:
    """Uniform numbers in [0, 1), the same for the same words on every machine and version of Python."""
    return random.Random(int(_hash(*words), 16)).random  # noqa: S311 - no secret depends on it


def _hash(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()
