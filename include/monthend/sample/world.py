"""The made-up world behind the sample force: crimes and incidents since April 2013, each with its life.

A month's crimes and incidents depend on seed, scale and month alone. Everything is drawn as whole numbers of 32 bits
from PCG64's raw stream and only ever added, multiplied, divided and compared as integers, so that the same call gives
the same world on any machine and with any version of numpy.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from monthend.plan.calendar import months_between

FIRST_MONTH = "2013-04"  # when the force's system began
NEVER = 2**40  # seconds since 1970: later than any extract
MINUTE, HOUR, DAY = 60, 3600, 86400
WHOLE = 2**32  # draws are below it

Whole = NDArray[np.int64]
Texts = NDArray[np.str_]


class District(NamedTuple):
    """A district, the letters of its beats, and its crimes and other incidents a year (about those of 2014 to 2017)."""

    code: str
    beat: str
    crimes: int
    incidents: int


DISTRICTS = (
    District("E06000016", "LE", 27_500, 9_300),
    District("E06000017", "RU", 1_100, 520),
    District("E07000129", "BL", 4_600, 1_560),
    District("E07000130", "CH", 8_700, 2_970),
    District("E07000131", "HA", 2_900, 1_050),
    District("E07000132", "HB", 4_500, 1_570),
    District("E07000133", "ME", 2_100, 830),
    District("E07000134", "NW", 5_400, 1_830),
    District("E07000135", "OW", 3_200, 1_170),
)
NO_DISTRICT = len(DISTRICTS)  # not located
BEATS = 6  # a district

# How far a month is from the year's mean, January to December; uneven as months are, with their holidays and lengths.
SEASONS = {
    "winter": (0.10, -0.02, 0.04, -0.07, -0.03, -0.10, -0.06, -0.09, -0.02, 0.07, 0.12, 0.06),
    "summer": (-0.07, -0.10, 0.01, -0.03, 0.06, 0.02, 0.10, 0.04, 0.02, 0.05, -0.03, -0.07),
    "level": (-0.01, -0.05, 0.03, -0.02, 0.02, -0.01, 0.03, 0.00, 0.01, 0.03, 0.00, -0.03),
    "asb": (-0.14, -0.16, -0.02, -0.05, 0.08, 0.04, 0.16, 0.10, 0.03, 0.09, -0.04, -0.09),
}
VIOLENCE_GROWTH = 0.004  # a month: recording improved in these years
CODE_NOISE, MONTHS_BEFORE_MEAN = 0.05, 25


class Offence(NamedTuple):
    """A Home Office code: its share of crimes, season, victims (person, business, mixed, none), and flags.

    Shares are in about 10,000; `domestic`, `alcohol` and `hate` say how many in 1,000 have the flag.
    """

    code: str
    share: int
    season: str
    victim: str
    domestic: int = 5
    alcohol: int = 20
    hate: int = 0
    valid: str = "always"  # until April 2017, from then on


OFFENCES = (
    Offence("1", 2, "level", "person", 250, 300),
    Offence("2", 3, "level", "person", 250, 300),
    Offence("3B", 45, "level", "person", 350, 100, 10),
    Offence("4.4", 2, "level", "person"),
    Offence("5D", 60, "summer", "person", 200, 350, 10),
    Offence("5E", 2, "level", "person", 100, 50),
    Offence("8L", 330, "level", "person", 420, 50, 25),
    Offence("8M", 16, "summer", "person", 20, 100, 1000),
    Offence("8N", 960, "summer", "person", 330, 260, 12),
    Offence("8P", 10, "summer", "person", 20, 250, 1000),
    Offence("11A", 35, "level", "person", 150, 50),
    Offence("13", 4, "level", "person", 100),
    Offence("36", 8, "level", "person", 200, 100),
    Offence("104", 50, "summer", "person", 10, 400, 20),
    Offence("105A", 900, "summer", "person", 380, 220, 12),
    Offence("105B", 30, "summer", "person", 20, 250, 1000),
    Offence("17A", 20, "level", "person", 40, 100),
    Offence("19C", 60, "level", "person", 300, 150),
    Offence("19D", 20, "level", "person", 30, 30),
    Offence("20A", 90, "summer", "person", 80, 150),
    Offence("22B", 25, "level", "person", 10, 20),
    Offence("88A", 6, "level", "person"),
    Offence("88E", 25, "summer", "person", 10, 60),
    Offence("34A", 10, "winter", "business"),
    Offence("34B", 80, "winter", "person", 10, 80),
    Offence("28A", 470, "winter", "person", valid="before"),
    Offence("28B", 75, "winter", "person", valid="before"),
    Offence("28C", 8, "winter", "person", valid="before"),
    Offence("28D", 2, "winter", "person", valid="before"),
    Offence("29", 8, "winter", "person", 20, valid="before"),
    Offence("30A", 450, "winter", "mixed", valid="before"),
    Offence("30B", 50, "winter", "mixed", valid="before"),
    Offence("31", 1, "winter", "business", valid="before"),
    Offence("28E", 620, "winter", "person", valid="after"),
    Offence("28F", 90, "winter", "person", valid="after"),
    Offence("28G", 8, "winter", "person", valid="after"),
    Offence("28H", 2, "winter", "person", valid="after"),
    Offence("29A", 8, "winter", "person", 20, valid="after"),
    Offence("30C", 290, "winter", "mixed", valid="after"),
    Offence("30D", 45, "winter", "mixed", valid="after"),
    Offence("31A", 1, "winter", "business", valid="after"),
    Offence("37.2", 25, "level", "person"),
    Offence("48", 400, "winter", "person"),
    Offence("45", 850, "winter", "person"),
    Offence("126", 120, "winter", "person"),
    Offence("39", 160, "level", "person"),
    Offence("40", 220, "level", "person", 40),
    Offence("41", 40, "level", "business"),
    Offence("44", 300, "summer", "person"),
    Offence("46", 1130, "level", "business"),
    Offence("47", 12, "level", "business"),
    Offence("49", 980, "level", "mixed"),
    Offence("49A", 110, "level", "business"),
    Offence("54", 30, "level", "none"),
    Offence("56B", 80, "summer", "mixed"),
    Offence("58A", 330, "summer", "person", 130, 100, 4),
    Offence("58B", 160, "summer", "mixed", 20, 80, 6),
    Offence("58C", 500, "summer", "person", 60, 60, 3),
    Offence("58D", 300, "summer", "mixed", 30, 80, 4),
    Offence("58J", 8, "summer", "person", 0, 80, 1000),
    Offence("92A", 60, "level", "none"),
    Offence("92D", 70, "level", "none"),
    Offence("92E", 260, "level", "none"),
    Offence("10C", 40, "level", "none"),
    Offence("10D", 60, "level", "none"),
    Offence("9A", 320, "summer", "person", 60, 250, 20),
    Offence("9B", 45, "summer", "person", 10, 250, 1000),
    Offence("62A", 2, "summer", "none"),
    Offence("66", 50, "summer", "none", 20, 150),
    Offence("79", 20, "level", "none", 30),
    Offence("99", 40, "level", "none"),
    Offence("802", 15, "level", "none"),
    Offence("803", 60, "level", "none", 0, 900),  # not notifiable: in the extract, in no measure
    Offence("141", 20, "summer", "none", 0, 1000),  # not notifiable
)
USUAL = sum(offence.share for offence in OFFENCES if offence.valid != "after") * 10**6
CODES = np.array([offence.code for offence in OFFENCES])
NOT_NOTIFIABLE = ("803", "141")
AGGRAVATED = ("8P", "105B", "8M", "9B", "58J")  # racially or religiously
VIOLENCE = slice(0, 16)  # of OFFENCES
CHILD, EXPLOITATION = ("11A", "19D", "22B", "88A"), ("19D", "22B", "88A")
SEXUAL = ("17A", "19C", "19D", "20A", "22B", "88A", "88E")
DRUGS, CANNABIS = ("92A", "92D", "92E"), "92E"
# What a crime is reclassified to: a neighbour that was in force on the day it was recorded.
RECLASSIFIED = {
    "8N": "5D", "5D": "8N", "105A": "8N", "8L": "105A", "9A": "105A", "3B": "8L", "20A": "19C", "34B": "39",
    "39": "49", "49": "40", "40": "49", "46": "49", "44": "49", "28A": "30A", "28B": "58A", "30A": "28A", "30B": "58B",
    "28E": "30C", "28F": "58A", "30C": "28E", "30D": "58B", "48": "37.2", "45": "126", "126": "45", "58C": "126",
    "58A": "58D", "58B": "58D", "58D": "58B", "92D": "92A",
}  # fmt: skip

STRANDS = ("race", "religion", "race;religion", "sexual orientation", "disability", "transgender")
AGE_BANDS = ("0-9", "10-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
VICTIM_TYPES = ("person", "business", "state")
REASONS = ("C2", "C3", "C4", "C5", "C1")  # the last one is a transfer's
ROLES = ("force crime registrar", "deputy force crime registrar", "designated decision maker")
INCIDENT_CODES = (
    "ASB", "CRIME", "DOMESTIC", "HATE", "PUBLIC SAFETY", "TRANSPORT", "ADMINISTRATION", "NON-CRIME",
)  # fmt: skip
ASB, CRIME, DOMESTIC, HATE, SAFETY, TRANSPORT, ADMINISTRATION, NON_CRIME = range(8)
QUALIFIERS = ("personal", "nuisance", "environmental")
OUTCOME_TYPES = (
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "20", "21",
)  # fmt: skip
WITHOUT_SUSPECT = ("14", "18")
# Weights of outcome types by the month from which they hold, of crimes that are closed soon and of those that take long
SOON = {
    "2013-04": {"6": 22, "7": 25, "8": 110},
    "2014-04": {"6": 10, "7": 14, "8": 60, "14": 55, "16": 60, "18": 480},
    "2015-04": {"6": 8, "7": 12, "8": 60, "14": 60, "16": 80, "18": 470, "20": 6},
    "2016-01": {"6": 6, "7": 10, "8": 60, "14": 65, "16": 90, "18": 465, "20": 6, "21": 4},
}
LATER = {
    "2013-04": {"1": 150, "2": 14, "3": 45, "4": 12, "5": 1, "9": 8},
    "2014-04": {"1": 140, "2": 12, "3": 40, "4": 9, "5": 1, "9": 8, "10": 10, "11": 3, "12": 3, "13": 1, "15": 75,
                "16": 80, "17": 3},
    "2015-04": {"1": 135, "2": 11, "3": 38, "4": 8, "5": 1, "9": 8, "10": 10, "11": 3, "12": 3, "13": 1, "15": 80,
                "16": 90, "17": 3, "20": 6},
    "2016-01": {"1": 130, "2": 10, "3": 36, "4": 7, "5": 1, "9": 8, "10": 10, "11": 3, "12": 3, "13": 1, "15": 85,
                "16": 95, "17": 3, "20": 7, "21": 5},
}  # fmt: skip
FRAMEWORK_WHOLE = "2014-04"  # types 10 to 18 came in; before, crimes without a suspect had no outcome


@dataclass
class Crimes:
    """One entry a crime, in the order of recording; times in seconds since 1970, local; NEVER where it does not occur.

    `…_first` is what was recorded at first, `…_at` when it was put right. A code, district or type is the place in its
    tuple above; -1 where there is none.
    """

    number: Whole  # in its year
    year: Whole
    recorded: Whole
    recorded_first: Whole
    redated_at: Whole
    entered: Whole  # when the system had it, and an extract could
    reported: Whole
    committed_from: Whole
    committed_to: Whole
    code: Whole
    code_first: Whole
    reclassified_at: Whole
    district: Whole
    district_first: Whole
    relocated_at: Whole
    beat: Whole
    decided_at: Whole  # cancelled or transferred
    reason: Whole
    role: Whole
    avi: Whole
    informed_at: Whole
    incident: Whole  # the number of its incident in its year
    victim: Whole
    victim_type: Whole
    age_band: Whole
    sex: Whole
    domestic: Whole
    strand: Whole
    exploitation: Whole
    child: Whole
    alcohol: Whole
    drugs: Whole
    cyber: Whole
    suspect_at: Whole
    outcome: Whole
    outcome_at: Whole
    outcome_2: Whole  # which replaced the first
    outcome_2_at: Whole
    suspect_age: Whole
    supports: Whole

    @cached_property
    def transferred(self) -> NDArray[np.bool_]:
        """Which crimes go to another force."""
        return np.equal(self.reason, REASONS.index("C1"))


@dataclass
class Incidents:
    """One entry an incident, in the order of opening."""

    number: Whole
    year: Whole
    opened: Whole
    closed: Whole
    opening: Whole
    closing: Whole
    qualifier: Whole
    crime: Whole  # the number of its crime in its year
    hate: Whole
    domestic: Whole
    district: Whole
    caller: Whole


Entries = TypeVar("Entries", Crimes, Incidents)


class Draws:
    """Uniform whole numbers below 2**32, the same for the same words everywhere."""

    def __init__(self, *words: object) -> None:
        seed = int.from_bytes(hashlib.sha256(" ".join(map(str, words)).encode()).digest()[:16])
        self._bits = np.random.PCG64(seed)

    def some(self, n: int) -> Whole:
        """Return n draws."""
        return (self._bits.random_raw(n) >> np.uint64(32)).astype(np.int64)

    def even(self, n: int) -> Whole:
        """Return n draws in random order of which exactly one lies in each n-th: shares of them come out exactly."""
        order = np.argsort(self._bits.random_raw(n), kind="stable")
        return (order.astype(np.int64) * WHOLE + self.some(n)) // max(n, 1)

    def one(self) -> float:
        """Return one draw, as a number below 1."""
        return int(self.some(1)[0]) / WHOLE


def build(until: str, seed: int, scale: float) -> tuple[Crimes, Incidents]:
    """Return the world's crimes and incidents of the months from FIRST_MONTH to `until` (YYYY-MM)."""
    crimes: list[Crimes] = []
    incidents: list[Incidents] = []
    numbers = {"crime": 0, "incident": 0, "victim": 0}
    for month in months_between(FIRST_MONTH, until):
        if month.endswith("-01"):
            numbers |= {"crime": 0, "incident": 0}
        crimes.append(_crimes(month, seed, scale, numbers))
        incidents.append(_incidents(month, seed, scale, crimes[-1], numbers))
    return _joined(Crimes, crimes), _joined(Incidents, incidents)


def start(month: str) -> int:
    """Return when a month begins, in seconds since 1970, local."""
    return int(np.datetime64(month, "s").astype(np.int64))


def between(draws: Whole, lowest: int | Whole, beyond: int | Whole) -> Whole:
    """Spread draws over the whole numbers from `lowest` to before `beyond`."""
    return lowest + ((draws * (beyond - lowest)) >> 32)


def choose(draws: Whole, weights: Sequence[int]) -> Whole:
    """Give each draw the place of one of the weights, as often as it weighs."""
    total = sum(weights)
    ends = [sum(weights[: place + 1]) * WHOLE // total for place in range(len(weights))]
    return np.searchsorted(np.array(ends), draws, side="right").astype(np.int64)


def delays(draws: Whole, more: Whole, *steps: tuple[int, int, int]) -> Whole:
    """Give each draw a delay: of each step, its weight, and from and to how many seconds (in whole minutes)."""
    place = choose(draws, [weight for weight, _, _ in steps])
    lowest, beyond = (np.array([step[end] for step in steps])[place] for end in (1, 2))
    return between(more, lowest, beyond) // MINUTE * MINUTE


def share(draws: Whole, parts: int | Whole, of: int) -> NDArray[np.bool_]:
    """Tell which draws are among the first `parts` in `of`."""
    first: NDArray[np.bool_] = draws * of < np.asarray(parts) * WHOLE
    return first


def _crimes(month: str, seed: int, scale: float, numbers: dict[str, int]) -> Crimes:
    draw = Draws(seed, "crimes", month)
    first, beyond = start(month), start(str(np.datetime64(month) + 1))
    weights = _code_weights(month, draw)
    volume = sum(weights) / USUAL
    sizes = [_count(district.crimes / 12 * scale * volume, draw) for district in DISTRICTS]
    n = sum(sizes)
    district = np.repeat(np.arange(len(DISTRICTS)), sizes)
    # of each district, so that each has its share of each code
    code_first = np.concatenate([choose(draw.even(size), weights) for size in sizes])

    days = (beyond - first) // DAY
    recorded = first + between(draw.even(n), 0, days) * DAY + choose(draw.some(n), RECORDED_HOURS) * HOUR
    recorded += between(draw.some(n), 0, 60) * MINUTE
    order = np.argsort(recorded, kind="stable")
    recorded, district, code_first = recorded[order], district[order], code_first[order]
    code_names = CODES[code_first]
    number = numbers["crime"] + 1 + np.arange(n)
    numbers["crime"] += n

    limit = 72 * HOUR if month <= "2015-03" else 24 * HOUR  # NCRS
    reported = recorded - delays(
        draw.even(n), draw.some(n),
        (58, 5 * MINUTE, 4 * HOUR), (30, 4 * HOUR, 20 * HOUR), (8, 20 * HOUR, limit), (4, limit, 8 * DAY),
    )  # fmt: skip
    committed_to = reported - delays(
        draw.some(n), draw.some(n),
        (700, 0, DAY), (225, DAY, 14 * DAY), (60, 14 * DAY, 365 * DAY), (15, 365 * DAY, 12 * 365 * DAY),
    )  # fmt: skip
    committed_from = committed_to - delays(
        draw.some(n), draw.some(n), (600, 0, 1), (330, 0, 14 * HOUR), (70, 14 * HOUR, 30 * DAY)
    )

    late = share(draw.even(n), 15, 1000)
    entered = recorded + np.where(
        late, delays(draw.even(n), draw.some(n), (6, DAY, 14 * DAY), (4, 14 * DAY, 60 * DAY)), 0
    )
    redated = share(draw.even(n), 3, 1000) & ~late
    recorded_first = recorded + between(draw.some(n), DAY, 20 * DAY) // MINUTE * MINUTE
    redated &= recorded_first < start(f"{int(month[:4]) + 1}-01")  # a reference names its year
    recorded_first = np.where(redated, recorded_first, recorded)
    entered = np.maximum(entered, recorded_first)
    redated_at = np.where(redated, recorded_first + between(draw.some(n), 3 * DAY, 70 * DAY), NEVER)

    neighbour = np.array([place_of(RECLASSIFIED.get(code, code)) for code in CODES])[code_first]
    reclassified = share(draw.even(n), 24, 1000) & (neighbour != code_first)
    code = np.where(reclassified, neighbour, code_first)
    reclassified_at = entered + delays(draw.even(n), draw.some(n), (5, DAY, 20 * DAY), (5, 20 * DAY, 110 * DAY))
    reclassified_at = np.where(reclassified, reclassified_at, NEVER)

    district_first, relocated = district.copy(), draw.even(n)
    wrong, found, nowhere = (share(relocated, parts, 1000) for parts in (3, 5, 10))
    district_first[found] = NO_DISTRICT
    district_first[wrong] = (district[wrong] + 1) % len(DISTRICTS)
    district = np.where(nowhere & ~found, NO_DISTRICT, district)
    district_first = np.where(found, district_first, district)
    relocated_at = np.where(found, entered + between(draw.some(n), 2 * DAY, 80 * DAY), NEVER)

    decision = draw.even(n)
    cancelled, transferred = share(decision, 12, 1000), share(decision, 15, 1000)
    reason = np.where(cancelled, choose(draw.some(n), (55, 25, 18, 2)), np.where(transferred, 4, -1))
    decided_at = entered + delays(draw.even(n), draw.some(n), (6, DAY, 20 * DAY), (4, 20 * DAY, 100 * DAY))
    decided_at = np.where(transferred, decided_at, NEVER)
    informed_at = np.where(transferred, decided_at + between(draw.some(n), HOUR, 20 * HOUR), NEVER)

    linked = share(draw.even(n), 185, 1000) & ~late & ~redated & ~(transferred & ~cancelled) & (reported >= first)

    kind = _of_offences(code_first, "victim")
    business, nobody = draw.some(n), kind == "none"
    victim_type = np.where(
        nobody, -1, np.where((kind == "business") | ((kind == "mixed") & share(business, 55, 100)), 1, 0)
    )
    victim_type[(victim_type == 1) & share(business, 6, 100)] = 2
    person = victim_type == 0
    child = np.isin(code_names, CHILD)
    age_band = np.where(child, choose(draw.some(n), (30, 70)), 2 + choose(draw.some(n), (22, 25, 20, 17, 9, 7)))
    young = person & ~np.isin(code_names, SEXUAL) & ~child & share(draw.some(n), 6, 100)
    age_band[young] = 1
    sex = choose(draw.some(n), (485, 485, 30))
    per_day = max(int(165 * scale), 1)
    serial = numbers["victim"] + np.arange(n)
    again = serial - between(draw.some(n), 10, 200) * per_day
    victim = np.where(share(draw.some(n), 15, 100) & (again >= 0), again, serial)
    numbers["victim"] += n

    domestic = share(draw.even(n), _of_offences(code_first, "domestic"), 1000) & person
    hateful = share(draw.even(n), _of_offences(code_first, "hate"), 1000)
    aggravated = np.isin(code_names, AGGRAVATED)
    strand = np.where(aggravated, choose(draw.some(n), (86, 10, 4)), choose(draw.some(n), (50, 10, 2, 24, 11, 3)))
    strand = np.where(hateful, strand, -1)
    drug_code = np.isin(code_names, DRUGS)

    closable = ~transferred
    soon, wait = draw.even(n), draw.some(n)
    is_soon = share(soon, 680, 1000)
    # a new system has no backlog: what is closed in its first months was opened in them
    ease = min(3 + len(months_between(FIRST_MONTH, month)), 10)
    delay = np.where(
        is_soon,
        delays(draw.even(n), wait, (5, HOUR, 8 * DAY), (4, 8 * DAY, 30 * DAY), (1, 30 * DAY, 60 * DAY)),
        delays(draw.even(n), wait, (3, HOUR, 15 * DAY), (4, 15 * DAY, 60 * DAY), (3, 60 * DAY, 240 * DAY)),
    )
    outcome_at = entered + delay * ease // 10 // MINUTE * MINUTE
    outcome = _outcomes(draw.even(n), is_soon, outcome_at, code_names, nobody)
    outcome = np.where(closable & share(draw.even(n), 940, 1000), outcome, -1)
    outcome_at = np.where(outcome >= 0, outcome_at, NEVER)
    outcome_2 = np.array([_type(REPLACED.get(kind, "")) for kind in OUTCOME_TYPES] + [-1])[outcome]
    replaced = (outcome_2 >= 0) & share(draw.even(n), 35, 1000) & (outcome_at >= start(FRAMEWORK_WHOLE))
    outcome_2 = np.where(replaced, outcome_2, -1)
    outcome_2_at = np.where(replaced, outcome_at + between(draw.some(n), 5 * DAY, 150 * DAY) // MINUTE * MINUTE, NEVER)
    suspected = (outcome >= 0) & ~np.isin(outcome, [_type(kind) for kind in WITHOUT_SUSPECT])
    earlier = entered + between(draw.some(n), 0, np.maximum(outcome_at - entered, 1))
    suspect_at = np.where(suspected, earlier, np.where(outcome_2 >= 0, outcome_2_at, NEVER))
    age = 14 + choose(
        draw.some(n), (2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2)
    )
    age = np.where(outcome == _type("2"), 10 + (age - 14) % 8, age)
    age = np.where(np.isin(outcome, [_type("3"), _type("6"), _type("7")]), np.maximum(age, 18), age)
    age = np.where(outcome == _type("11"), 5 + (age - 14) % 5, age)

    flags = {
        "exploitation": np.isin(code_names, EXPLOITATION) & share(draw.some(n), 15, 100),
        "child": child,
        "alcohol": share(draw.even(n), _of_offences(code_first, "alcohol"), 1000),
        "drugs": share(draw.even(n), np.where(drug_code, 900, 15), 1000),
        "cyber": share(draw.even(n), 8, 1000),
    }
    return Crimes(
        number=number,
        year=np.full(n, int(month[:4])),
        recorded=recorded,
        recorded_first=recorded_first,
        redated_at=redated_at,
        entered=entered,
        reported=reported,
        committed_from=committed_from,
        committed_to=committed_to,
        code=code,
        code_first=code_first,
        reclassified_at=reclassified_at,
        district=district,
        district_first=district_first,
        relocated_at=relocated_at,
        beat=between(draw.some(n), 1, BEATS + 1),
        decided_at=decided_at,
        reason=reason,
        role=choose(draw.some(n), (3, 3, 14)),
        avi=share(draw.some(n), 97, 100).astype(np.int64),
        informed_at=informed_at,
        incident=np.where(linked, 0, -1),  # _incidents gives it its number
        victim=np.where(nobody, -1, victim),
        victim_type=victim_type,
        age_band=np.where(person, age_band, -1),
        sex=np.where(person, sex, -1),
        domestic=domestic.astype(np.int64),
        strand=strand,
        suspect_at=suspect_at,
        outcome=outcome,
        outcome_at=outcome_at,
        outcome_2=outcome_2,
        outcome_2_at=outcome_2_at,
        suspect_age=age,
        supports=share(draw.some(n), 80, 100).astype(np.int64),
        **{name: flag.astype(np.int64) for name, flag in flags.items()},
    )


RECORDED_HOURS = (1, 1, 1, 1, 1, 1, 2, 4, 6, 8, 8, 8, 7, 7, 7, 7, 7, 6, 6, 5, 4, 3, 2, 2)
OPENED_HOURS = (4, 3, 2, 2, 1, 1, 1, 2, 3, 4, 4, 4, 5, 5, 5, 6, 7, 7, 7, 8, 8, 8, 7, 6)
REPLACED = {"15": "1", "16": "15", "18": "1", "14": "16", "8": "1", "3": "1"}


def _incidents(month: str, seed: int, scale: float, crimes: Crimes, numbers: dict[str, int]) -> Incidents:
    """The incidents of a month: those of its crimes that have one, and those that were no crime."""
    draw = Draws(seed, "incidents", month)
    first, beyond = start(month), start(str(np.datetime64(month) + 1))
    swing = SEASONS["asb"][int(month[5:]) - 1] * 0.6 + SEASONS["level"][int(month[5:]) - 1] * 0.4
    sizes = [_count(district.incidents / 12 * scale * (1 + swing), draw) for district in DISTRICTS]
    n = sum(sizes)
    weights = [round(640 * (1 + SEASONS["asb"][int(month[5:]) - 1])), 40, 140, 9, 105, 65, 41]
    opening = np.concatenate([choose(draw.even(size), weights) for size in sizes])
    opened = first + between(draw.even(n), 0, (beyond - first) // DAY) * DAY
    opened += choose(draw.some(n), OPENED_HOURS) * HOUR + between(draw.some(n), 0, 60) * MINUTE
    closing = np.where(opening == CRIME, NON_CRIME, opening)
    other = share(draw.even(n), 4, 100)
    closing = np.where(other & (opening == SAFETY), ASB, np.where(other & (opening == ASB), NON_CRIME, closing))
    district = np.repeat(np.arange(len(DISTRICTS)), sizes)
    district = np.where(share(draw.even(n), 6, 1000), NO_DISTRICT, district)
    repeat = (opening == ASB) & share(draw.some(n), 12, 100)

    (of,) = np.nonzero(crimes.incident >= 0)
    m = len(of)
    theirs = choose(draw.even(m), (9, 75, 0, 0, 16))
    theirs = np.where(crimes.domestic[of] == 1, DOMESTIC, theirs)
    theirs = np.where((crimes.strand[of] >= 0) & share(draw.some(m), 60, 100), HATE, theirs)
    both: dict[str, Whole] = {
        "opened": np.concatenate(
            [opened, np.maximum(crimes.reported[of] - between(draw.some(m), 0, 25) * MINUTE, first)]
        ),
        "closed": np.concatenate(
            [
                opened + delays(draw.even(n), draw.some(n), (96, 20 * MINUTE, 40 * HOUR), (4, 40 * HOUR, 18 * DAY)),
                crimes.recorded[of] + between(draw.some(m), 10, 48 * 60) * MINUTE,
            ]
        ),
        "opening": np.concatenate([opening, theirs]),
        "closing": np.concatenate([closing, np.full(m, CRIME)]),
        "qualifier": choose(draw.even(n + m), (29, 65, 6)),
        "crime": np.concatenate([np.full(n, -1), crimes.number[of]]),
        "hate": np.concatenate([opening == HATE, crimes.strand[of] >= 0]).astype(np.int64),
        "domestic": np.concatenate([opening == DOMESTIC, crimes.domestic[of] == 1]).astype(np.int64),
        "district": np.concatenate([district, crimes.district[of]]),
        "caller": np.concatenate([np.where(repeat, between(draw.some(n), 0, 20_000), -1), np.full(m, -1)]),
    }
    order = np.argsort(both["opened"], kind="stable")
    number = numbers["incident"] + 1 + np.arange(n + m)
    numbers["incident"] += n + m
    place = np.empty(n + m, np.int64)
    place[order] = number
    crimes.incident[of] = place[n:]
    return Incidents(
        number=number, year=np.full(n + m, int(month[:4])), **{name: values[order] for name, values in both.items()}
    )


def _code_weights(month: str, draw: Draws) -> list[int]:
    """How the month's crimes divide by code, in millionths of an Offence's share."""
    weights = []
    age = len(months_between(FIRST_MONTH, month)) - MONTHS_BEFORE_MEAN
    for place, offence in enumerate(OFFENCES):
        weight = offence.share * (1 + SEASONS[offence.season][int(month[5:]) - 1])
        weight *= 1 + CODE_NOISE * (2 * draw.one() - 1)
        if place in range(*VIOLENCE.indices(len(OFFENCES))):
            weight *= 1 + VIOLENCE_GROWTH * age
        in_force = offence.valid == "always" or (offence.valid == "after") == (month >= "2017-04")
        weights.append(round(weight * 1e6) if in_force else 0)
    return weights


def _count(mean: float, draw: Draws) -> int:
    """A count near its mean: within one standard deviation of chance, so that no month is unusual by chance."""
    return max(0, round(mean + math.sqrt(mean) * (2 * draw.one() - 1)))


def _of_offences(code: Whole, column: str) -> NDArray[Any]:
    return np.array([getattr(offence, column) for offence in OFFENCES])[code]


def place_of(code: str) -> int:
    """Return the place of a Home Office code among CODES."""
    return int(np.flatnonzero(code == CODES)[0])


def _type(kind: str) -> int:
    return OUTCOME_TYPES.index(kind) if kind else -1


def _outcomes(draws: Whole, soon: NDArray[np.bool_], at: Whole, code: Texts, nobody: NDArray[np.bool_]) -> Whole:
    """The type of each outcome, of those in force when it is assigned; none for part of what came before April 2014."""
    outcome = np.full(len(at), -1)
    for tables, which in ((SOON, soon), (LATER, ~soon)):
        whole = sum(tables[FRAMEWORK_WHOLE].values())
        for since, until in pairwise([*tables, "9999-01"]):
            weights = list(tables[since].values())
            weights.append(max(whole - sum(weights), 0) if since < FRAMEWORK_WHOLE else 0)
            rows = which & (at >= start(since)) & (at < start(until))
            outcome[rows] = np.array([_type(kind) for kind in tables[since]] + [-1])[choose(draws[rows], weights)]
    cannabis = code == CANNABIS
    outcome = np.where(cannabis & (outcome == _type("8")), _type("7"), outcome)
    outcome = np.where(~cannabis & (outcome == _type("7")), _type("8"), outcome)
    outcome = np.where(nobody & (outcome == _type("14")), _type("18"), outcome)
    return np.where(nobody & (outcome == _type("16")), _type("15"), outcome)


def _joined(kind: type[Entries], parts: list[Entries]) -> Entries:
    return kind(**{each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(kind)})
