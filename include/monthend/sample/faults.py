"""What is wrong with the sample force's deliveries: each fault, where it stands, and which checks it must trip.

A fault is in one file of one month-end. The next extract is right again, so that nothing of it shows later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monthend.plan.calendar import add_months
from monthend.sample import world
from monthend.sample.world import DAY, HOUR, MINUTE, NEVER, Whole

if TYPE_CHECKING:
    from monthend.sample.force import Extract, Force

Mask = NDArray[np.bool_]
Outcome = Literal["blocked", "quarantined", "warned", "cross-feed failed"]


class Sign(NamedTuple):
    """A check (by its id in the register) that a fault trips, and what comes of it."""

    check_id: str
    outcome: Outcome
    of_correction: bool = False  # the check is tripped by the corrected file


@dataclass(frozen=True)
class Fault:
    """A fault of one feed's file at one month-end; `spoil` puts it into the rows, `encode` into the bytes."""

    month_end: str
    feed: str
    signs: tuple[Sign, ...]
    corrected: bool  # whether a right file came afterwards
    what: str
    spoil: "Callable[[Force, Extract], None] | None" = None
    encode: Callable[[bytes], bytes] | None = None
    control_right: bool = False  # the control record is of the rows as they should be


def _semicolons(data: bytes) -> bytes:
    return data.replace(b",", b";")


def _utf_16(data: bytes) -> bytes:
    return b"\xff\xfe" + data.decode().encode("utf-16-le")


def _last_rows_lost(force: "Force", extract: "Extract") -> None:
    extract.take(np.arange(len(extract) - 10))


def _half_lost(force: "Force", extract: "Extract") -> None:
    extract.take(np.arange(0, len(extract), 2))


def _month_before(force: "Force", extract: "Extract") -> None:
    before = force.incident(add_months(extract.month, -1))
    extract.columns, extract.entries = before.columns, before.entries


def _default_dates(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _quiet(force, extract)), committed_from="1900-01-01T00:00:00")


def _serial_dates(force: "Force", extract: "Extract") -> None:
    informed = force.crimes.informed_at[extract.entries]
    extract.change(
        np.arange(len(extract)),
        victim_informed_at=[f"{at // DAY + 25569}.{at % DAY * 10_000 // DAY:04}" for at in informed.tolist()],
    )


def _after_extract(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _quiet(force, extract))
    extract.change(rows, recorded_at=_text(force.taken(extract.month) + 3 * DAY))


def _outside_window(force: "Force", extract: "Extract") -> None:
    rows = _few(force, (extract.values("outcome_type") == "1") & (extract.values("is_current") == "Y"))
    extract.change(rows, outcome_at=_text(world.start(add_months(extract.month, -40)) + 12 * HOUR))


def _repeated(force: "Force", extract: "Extract") -> None:
    extract.take(np.append(np.arange(len(extract)), _few(force, _quiet(force, extract))))


def _addresses(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _of_month(extract, "opened_at") & (extract.values("opening_code") == "ASB"))
    extract.change(rows, repeat_caller_pseudo_id=[f"caller.{row}@example.org" for row in rows.tolist()])


def _no_report(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _quiet(force, extract)), reported_at=None)


def _foreign_district(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _quiet(force, extract)), csp_code="E07000150")


def _unknown_code(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _quiet(force, extract)), ho_code="999Z")


def _retired_code(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _quiet(force, extract) & np.isin(extract.values("ho_code"), ("28E", "28F")))
    extract.change(rows, ho_code="28A", reclassified_at=_text(world.start(add_months(extract.month, 1)) - MINUTE))
    # which is put right by reclassifying it once more
    force.crimes.reclassified_at[extract.entries[rows]] = force.taken(extract.month) + 5 * DAY


def _committed_after_report(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _quiet(force, extract))
    extract.change(rows, committed_to=[_text(at + 2 * HOUR) for at in force.crimes.reported[extract.entries[rows]]])


def _no_strand(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _quiet(force, extract)), flag_hate="Y")


def _aggravated_unflagged(force: "Force", extract: "Extract") -> None:
    rows = _few(force, np.isin(extract.values("ho_code"), world.AGGRAVATED))
    extract.change(rows, flag_hate="N", hate_strands=None)


def _vanished(force: "Force", extract: "Extract") -> None:
    gone = _few(force, _quiet(force, extract, months_before=3))
    extract.take(np.setdiff1d(np.arange(len(extract)), gone))


def _reclassified_silently(force: "Force", extract: "Extract") -> None:
    quiet = _quiet(force, extract, months_before=1)
    rows = _few(force, quiet & np.isin(extract.values("ho_code"), list(world.RECLASSIFIED)))
    codes = [world.RECLASSIFIED[code] for code in extract.values("ho_code")[rows]]
    extract.change(rows, ho_code=codes)
    # the day of it comes with the next extract
    entries = extract.entries[rows]
    force.crimes.code[entries] = [world.place_of(code) for code in codes]
    force.crimes.reclassified_at[entries] = world.start(add_months(extract.month, 1)) - DAY


def _type_too_early(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, _new_outcome(extract, "16")), outcome_type="21")


def _before_recorded(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _new_outcome(extract, "18"))
    recorded = force.crimes.recorded[extract.entries[rows]]
    extract.change(rows, outcome_at=[_text(at - 3 * DAY) for at in recorded])


def _two_current(force: "Force", extract: "Extract") -> None:
    extract.change(_few(force, extract.values("is_current") == "N"), is_current="Y")


def _suspect_of_no_suspect(force: "Force", extract: "Extract") -> None:
    (rows,) = np.nonzero(extract.values("outcome_type") == "18")
    extract.change(rows[:: max(len(rows) // max(len(extract) // 40, 1), 1)], suspect_age="30")


def _of_cancelled_crime(force: "Force", extract: "Extract") -> None:
    crimes = force.crimes
    before = world.start(extract.month)
    cancelled = _few(
        force, (crimes.decided_at < before) & ~crimes.transferred & (crimes.decided_at > before - 300 * DAY)
    )
    (like,) = np.nonzero((extract.values("outcome_type") == "16") & (extract.values("is_current") == "Y"))
    size = len(extract)
    extract.take(np.append(np.arange(size), like[: len(cancelled)]))
    extract.change(
        np.arange(size, len(extract)),
        crime_ref=force.crime_references(cancelled),
        outcome_at=[_text(at + HOUR) for at in crimes.decided_at[cancelled]],
    )


def _unknown_reason(force: "Force", extract: "Extract") -> None:
    (rows,) = np.nonzero(extract.values("action") == "cancelled")
    extract.change(rows[-1:], reason_code="C9")


def _undocumented(force: "Force", extract: "Extract") -> None:
    extract.change(np.arange(0, len(extract), 10), avi_documented=None)


def _no_qualifier(force: "Force", extract: "Extract") -> None:
    rows = _few(force, _of_month(extract, "opened_at") & (extract.values("asb_qualifier") != None))  # noqa: E711
    extract.change(rows, asb_qualifier=None)


def _wrong_rate(force: "Force", extract: "Extract") -> None:
    (rows,) = np.nonzero(extract.values("force_code") == "E23000032")
    extract.change(rows[:2], rate=[f"{float(rate) + 0.5:.2f}" for rate in extract.values("rate")[rows[:2]]])


def _force_missing(force: "Force", extract: "Extract") -> None:
    newest = extract.values("month") == max(extract.values("month"))
    extract.take(np.flatnonzero(~(newest & (extract.values("force_code") == "E23000032"))))


def _few(force: "Force", candidates: Mask) -> Whole:
    """Three of the candidates, or one of a smaller force, evenly spread."""
    (rows,) = np.nonzero(candidates)
    number = 3 if force.scale >= 1 else 1
    if len(rows) < number:
        raise ValueError(f"scale={force.scale}: the force is too small to have every fault.")
    return rows[:: len(rows) // number][:number]


def _quiet(force: "Force", extract: "Extract", months_before: int = 0) -> Mask:
    """Crimes recorded in a month to which nothing happens, so that no other check minds what is done to them."""
    crimes, of = force.crimes, extract.entries
    month = add_months(extract.month, -months_before)
    recorded = crimes.recorded[of]
    quiet = (recorded >= world.start(month)) & (recorded < world.start(add_months(month, 1)))
    quiet &= (crimes.entered[of] == recorded) & (crimes.incident[of] < 0) & (crimes.strand[of] < 0)
    quiet &= ~np.isin(world.CODES[crimes.code[of]], (*world.NOT_NOTIFIABLE, *world.AGGRAVATED))
    for happens in (crimes.redated_at, crimes.reclassified_at, crimes.relocated_at, crimes.decided_at):
        quiet &= happens[of] >= NEVER
    quiet &= crimes.district[of] != world.NO_DISTRICT
    return quiet & (crimes.outcome_at[of] >= world.start(add_months(extract.month, 1)))


def _new_outcome(extract: "Extract", kind: str) -> Mask:
    current: Mask = (extract.values("is_current") == "Y") & (extract.values("outcome_type") == kind)
    return _of_month(extract, "outcome_at") & current


def _of_month(extract: "Extract", column: str) -> Mask:
    return np.char.startswith(extract.values(column).astype(str), extract.month)


def _text(seconds: int) -> str:
    return str(np.datetime64(int(seconds), "s"))


CRIME, OUTCOME, CANCELLED, INCIDENT, COMPARATOR = (
    "police_crime", "police_outcome", "police_cancelled", "police_incident", "msg_comparator",
)  # fmt: skip


def _blocks(*check_ids: str) -> tuple[Sign, ...]:
    return tuple(Sign(check_id, "blocked") for check_id in check_ids)


def _quarantines(check_id: str) -> tuple[Sign, ...]:
    return (Sign(check_id, "quarantined"),)


def _warns(check_id: str) -> tuple[Sign, ...]:
    return (Sign(check_id, "warned"),)


def _fails(*check_ids: str) -> tuple[Sign, ...]:
    """Signs of a fault that only shows beside other feeds, when its file is in: the right one then replaces it."""
    return (*(Sign(check_id, "cross-feed failed") for check_id in check_ids), Sign("G12", "warned", of_correction=True))


FAULTS = (
    Fault("2014-09", CRIME, _blocks("G03"), True, "columns are separated by semicolons", encode=_semicolons),
    Fault("2014-10", CRIME, _quarantines("C01"), False, "a Home Office code that there is not", _unknown_code),
    Fault(
        "2014-12",
        INCIDENT,
        _blocks("G05"),
        True,
        "the last ten rows were lost on the way; the control record has them",
        _last_rows_lost,
        control_right=True,
    ),
    Fault(
        "2015-01",
        CRIME,
        _warns("C03"),
        False,
        "crimes committed until after they were reported",
        _committed_after_report,
    ),
    Fault(
        "2015-02", OUTCOME, _warns("O04"), False, "a suspect's age where none was identified", _suspect_of_no_suspect
    ),
    Fault("2015-03", CRIME, _blocks("G04"), True, "committed from 1 January 1900", _default_dates),
    Fault("2015-05", CRIME, _quarantines("H03"), False, "hate crimes without a strand", _no_strand),
    Fault(
        "2015-06",
        CANCELLED,
        (*_blocks("G04", "G06"), Sign("C09", "cross-feed failed")),  # transfers are not in until it is put right
        True,
        "times as Excel's serial numbers",
        _serial_dates,
    ),
    Fault("2015-07", COMPARATOR, _blocks("M02"), True, "rates that are not count by residents", _wrong_rate),
    Fault(
        "2015-08",
        CANCELLED,
        _warns("N02"),
        False,
        "additional verifiable information not said to be there",
        _undocumented,
    ),
    Fault("2015-09", OUTCOME, _quarantines("O01"), False, "type 21 before January 2016", _type_too_early),
    Fault("2015-10", CRIME, _blocks("G06"), True, "crimes recorded after the extract", _after_extract),
    Fault("2015-11", INCIDENT, _quarantines("G09"), False, "e-mail addresses in place of pseudonyms", _addresses),
    Fault("2015-12", CRIME, _blocks("G07"), True, "crimes that stand twice", _repeated),
    Fault("2016-01", OUTCOME, _blocks("O03"), True, "crimes with two current outcomes", _two_current),
    Fault("2016-02", CRIME, _warns("H02"), False, "aggravated offences without flag and strand", _aggravated_unflagged),
    Fault("2016-03", INCIDENT, _blocks("I01"), True, "anti-social behaviour without a qualifier", _no_qualifier),
    Fault("2016-04", CRIME, _fails("C09"), True, "crimes left out, without an event", _vanished),
    Fault("2016-05", OUTCOME, _fails("O02")[:1], False, "outcomes of before the crime was recorded", _before_recorded),
    Fault("2016-06", CRIME, _blocks("G10"), True, "crimes without the time they were reported", _no_report),
    Fault("2016-07", COMPARATOR, _warns("M01"), False, "Kent is missing in the newest month", _force_missing),
    Fault("2016-08", CANCELLED, _quarantines("N01"), False, "a reason that there is not", _unknown_reason),
    Fault("2016-09", CRIME, _blocks("G11"), True, "crimes in a district of another force", _foreign_district),
    Fault(
        "2016-10", INCIDENT, _blocks("G02", "G06", "G08"), True, "last month's file under the new name", _month_before
    ),
    Fault(
        "2016-11", CRIME, _fails("C10")[:1], False, "crimes reclassified without saying when", _reclassified_silently
    ),
    Fault("2016-12", OUTCOME, _fails("O07"), True, "outcomes of cancelled crimes", _of_cancelled_crime),
    Fault("2017-01", INCIDENT, _blocks("G03"), True, "saved as Unicode text (UTF-16)", encode=_utf_16),
    Fault(
        "2017-02",
        CRIME,
        _fails("C09", "C11", "I03", "O02"),
        True,
        "every second row is missing; the control record was made of what is there",
        _half_lost,
    ),
    Fault("2017-03", OUTCOME, _blocks("G06"), True, "outcomes of before the window", _outside_window),
    Fault("2017-05", CRIME, _warns("C02"), False, "burglary codes that ended in March 2017", _retired_code),
)
