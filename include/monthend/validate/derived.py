"""Columns that a check may name beside a feed's own: what a row should say, and whether its codes are known.

`docs/add-a-feed.md` lists them. What is known, valid or in the window is `true` or `false`. A value is missing where
the feed's own is; `ho_code_valid` also where there is no such code, `ho_code_notifiable` also where it was not valid.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monthend import warehouse
from monthend.office import Office
from monthend.plan.calendar import add_months, financial_year_start, month_end, months_between
from monthend.plan.declarations import Feed
from monthend.receive import stored_path
from monthend.validate import reader, returns
from monthend.validate.results import Delivery

# By reference feed, the values of its columns in LOOKED_UP, row by row; under `measures` and `boards` declared keys
Reference = dict[str, list[list[str | None]]]

# Which columns of a feed are looked up (they are there together), in which reference feed, in which of its columns
LOOKED_UP = {
    ("lsoa_code",): ("lsoa_exact_fit", ("lsoa_2011", "lsoa_2021")),
    ("ho_code", "recorded_at"): ("offence_codes", ("code", "valid_from", "valid_to", "notifiable")),
    ("outcome_type", "outcome_at"): ("outcome_types", ("outcome_type", "valid_from", "valid_to")),
    ("area_code", "measures"): ("areas", ("area_code",)),  # of events, which are validated after areas, by name
}

# Of a return: what its form says of an item, and the days that a figure covers
ASKED, PERIOD = ("item_code", "sp", "unit", "basis"), ("item_period_start", "item_period_end")

MONTHS_OF = {"reported_at": "reported_month", "interview_date": "interview_month"}
WEEKS_AFTER = (6, 12)  # an incident, in which its victim is interviewed

NAMES_COLUMN = ("column", "column_A", "column_B")  # where an expectation says which columns it is about


def made_from(feed: Feed) -> dict[str, str]:
    """The feed's own column behind each derived one that is about a single column of the row."""
    return {
        "lsoa_code_known": "lsoa_code",
        "csp_known": "csp_code",
        "ho_code_known": "ho_code",
        "ho_code_valid": "ho_code",
        "outcome_type_valid": "outcome_type",
        "area_code_known": "area_code",
        "measures_known": "measures",
        **{month: column for column, month in MONTHS_OF.items()},
        "interviewed_in_time": "interview_date",
        "measure_known": "measure",
        "board_known": "board",
        "item_known": "item_code",
        "as_asked": "item_code",
        **{f"{column}_in_quarter": column for column in PERIOD},
    } | ({"in_window": feed.window.column} if feed.window else {})


def own_columns(feed: Feed, expectation: Mapping[str, Any]) -> list[str]:
    """Which of the feed's own columns an expectation is about, also through a derived one, in its order."""
    ours, behind = {column.column for column in feed.columns}, made_from(feed)
    kwargs = expectation["kwargs"]
    named = [kwargs[name] for name in NAMES_COLUMN if name in kwargs] + list(kwargs.get("column_list", ()))
    return [column for name in named if (column := behind.get(name, name)) in ours]


def reference(office: Office, feed: Feed) -> Reference:
    """What the feed's codes are held against, each from the newest reference delivery that was not blocked.

    Nothing is there of a reference feed that was never delivered: a check that needs it cannot run then.
    """
    columns = {column.column for column in feed.columns}
    found: Reference = {}
    if columns & {"measures", "measure"}:
        found["measures"] = [[key] for key in office.declarations.measures]
    if "board" in columns:
        found["boards"] = [[key] for key in office.declarations.boards]
    for looked_up, (name, values) in LOOKED_UP.items():
        if not columns.issuperset(looked_up):
            continue
        with office.engine.connect() as connection:
            newest = warehouse.query(
                connection,
                "SELECT d.sha256 FROM quality.validation v JOIN landing.delivery d USING (delivery_id)"
                " WHERE d.feed = :feed AND v.verdict <> 'blocked' ORDER BY d.delivery_id DESC LIMIT 1",
                feed=name,
            )
        for row in newest:
            table = reader.read(stored_path(office, row["sha256"]), office.declarations.feeds[name])
            found[name] = [list(values) for values in zip(*(table[value].to_pylist() for value in values), strict=True)]
    return found


def expected(table: pa.Table, feed: Feed, delivery: Delivery) -> pa.Table:
    """A delivery's rows with what each of them is expected to say: text, as all of a feed's columns are."""
    says = {
        "expected_month": delivery.period,
        "expected_day": str(month_end(delivery.period)) if delivery.period else None,
        "expected_year": _financial_year(delivery.period) if delivery.period else None,
        "expected_falls_within": feed.area_name(delivery.area_code),
        "expected_area_code": delivery.area_code,
        "received_month": f"{delivery.received_on:%Y-%m}",
        "received_on": f"{delivery.received_on:%Y-%m-%d}",
    }
    for name, span in feed.spans.items():
        first, last = span.of(delivery.period)
        for column, day in ((f"{name}_start", f"{first}-01"), (f"{name}_end", f"{month_end(last)}")):
            if column in table.column_names:
                says[f"expected_{column}"] = day
    if "extract_at" in table.column_names:
        says["extract_at_of_file"] = table["extract_at"][0].as_py()
    for name, value in says.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
    if feed.window:
        month = pc.utf8_slice_codeunits(table[feed.window.column], 0, 7)
        first = add_months(delivery.period, 1 - feed.window.months)
        within = pc.and_(pc.greater_equal(month, first), pc.less_equal(month, delivery.period))
        table = table.append_column("in_window", _text(within))
    for column, name in MONTHS_OF.items():
        if column in table.column_names and not feed.window:
            table = table.append_column(name, pc.utf8_slice_codeunits(table[column], 0, 7))
    if {"incident_month", "interview_date"}.issubset(table.column_names):
        pairs = zip(*(table[name].to_pylist() for name in ("incident_month", "interview_date")), strict=True)
        table = table.append_column("interviewed_in_time", _texts(_in_time(*pair) for pair in pairs))
    if feed.form:
        quarter = months_between(add_months(delivery.period, -2), delivery.period)
        for column in PERIOD:
            within = _is_in(pc.utf8_slice_codeunits(table[column], 0, 7), quarter)
            table = table.append_column(f"{column}_in_quarter", _text(within))
        if returns.LAYOUT not in table.column_names:  # of a return that is no workbook
            table = table.append_column(returns.LAYOUT, pa.nulls(table.num_rows, pa.string()))
    return table


def looked_up(rows: pa.Table, feed: Feed, known: Reference) -> pa.Table:
    """Rows, of any number of deliveries, with what is known of their codes: text too."""
    columns: dict[str, pa.ChunkedArray] = {}
    if feed.districts and "csp_code" in rows.column_names:
        columns["csp_known"] = _text(_is_in(rows["csp_code"], feed.districts))
    if lsoas := known.get("lsoa_exact_fit"):
        columns["lsoa_code_known"] = _text(_is_in(rows["lsoa_code"], {code for row in lsoas for code in row}))
    if codes := known.get("offence_codes"):
        is_known, is_valid, place = _on_day(rows["ho_code"], rows["recorded_at"], codes)
        columns["ho_code_known"], columns["ho_code_valid"] = _text(is_known), _text(is_valid)
        columns["ho_code_notifiable"] = pa.array([row[3] for row in codes]).take(place)
    if types := known.get("outcome_types"):
        is_known, is_valid, _ = _on_day(rows["outcome_type"], rows["outcome_at"], types)
        columns["outcome_type_valid"] = _text(pc.coalesce(is_valid, is_known))
    if areas := known.get("areas"):
        columns["area_code_known"] = _text(_is_in(rows["area_code"], {row[0] for row in areas}))
    if "measures" in rows.column_names and (measures := known.get("measures")):
        keys = {row[0] for row in measures}
        named = [text and keys.issuperset(text.split(";")) for text in rows["measures"].to_pylist()]
        columns["measures_known"] = _text(pa.chunked_array([pa.array(named, pa.bool_())]))
    if boards := known.get("boards"):
        columns["board_known"] = _text(_is_in(rows["board"], {row[0] for row in boards}))
        columns["measure_known"] = _text(_is_in(rows["measure"], {row[0] for row in known["measures"]}))
    if feed.form:
        asked = {(each.item, each.priority, each.unit, each.basis) for each in feed.form.items}
        given = list(zip(*(rows[name].to_pylist() for name in ASKED), strict=True))
        items = {item for item, *_ in asked}
        columns["item_known"] = _texts(item in items if item else None for item, *_ in given)
        columns["as_asked"] = _texts(each in asked if each[0] in items else None for each in given)
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _financial_year(month: str) -> str:
    """The financial year of a month, as finance writes it: 2016/17."""
    year = int(financial_year_start(month)[:4])
    return f"{year}/{(year + 1) % 100:02}"


def _in_time(incident_month: str | None, interview: str | None) -> bool | None:
    """Whether an interview was in the weeks after an incident; nothing where that cannot be said."""
    try:
        day = date.fromisoformat(interview or "")
        first, last = date.fromisoformat(f"{incident_month}-01"), month_end(incident_month or "")
    except ValueError:
        return None
    return first + timedelta(weeks=WEEKS_AFTER[0]) <= day <= last + timedelta(weeks=WEEKS_AFTER[1])


def _texts(flags: Iterable[bool | None]) -> pa.ChunkedArray:
    return _text(pa.chunked_array([pa.array(list(flags), pa.bool_())]))


def _text(flags: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(flags, pa.string())


def _is_in(codes: pa.ChunkedArray, known: Iterable[str | None]) -> pa.ChunkedArray:
    """Whether each code is among `known`; null where there is no code."""
    return pc.if_else(pc.is_valid(codes), pc.is_in(codes, value_set=pa.array(list(known), pa.string())), None)


def _on_day(
    codes: pa.ChunkedArray, times: pa.ChunkedArray, rows: list[list[str | None]]
) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Whether each code is among those of `rows`, whether it was valid on the day of its time, and by which row.

    `rows` begin with code, first day, last day or None for no end, in ISO 8601, as `times` are. Null are the first
    where there is no code, the second where it is not known or there is no time, the third where it was not valid.
    """
    of_code: dict[str | None, list[int]] = {}  # a code may have had several periods
    for place, row in enumerate(rows):
        of_code.setdefault(row[0], []).append(place)
    which = pc.index_in(codes, value_set=pa.array(list(of_code), pa.string()))
    day = pc.utf8_slice_codeunits(times, 0, 10)
    first, last = pa.array([row[1] for row in rows]), pa.array([row[2] or "9999-12-31" for row in rows])
    found = pa.chunked_array([pa.nulls(len(codes), pa.int64())])
    for nth in range(max(map(len, of_code.values()))):
        places = pa.array([each[nth] if nth < len(each) else None for each in of_code.values()]).take(which)
        holds = pc.and_(pc.less_equal(first.take(places), day), pc.less_equal(day, last.take(places)))
        found = pc.if_else(pc.fill_null(holds, False), places, found)
    is_known = pc.is_valid(which)
    is_valid = pc.if_else(pc.and_(is_known, pc.is_valid(day)), pc.is_valid(found), None)
    return pc.if_else(pc.is_valid(codes), is_known, None), is_valid, found
