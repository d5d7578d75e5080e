"""Load: a validated delivery's rows, only ever inserted, sealed by a load number.

A delivery of a partition feed is inserted whole. Of a keyed feed it is compared with the state of each key: what is new
or changed is inserted, and a tombstone for each key of the extract's own window that it has no more.
"""

import hashlib
import io
import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor, DataError, sql
from psycopg import Error as DriverError
from psycopg import IntegrityError as Misfit
from psycopg.errors import UniqueViolation
from pyarrow import csv
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.office import Office
from monthend.plan.calendar import add_months
from monthend.plan.declarations import Feed
from monthend.receive import stored_path
from monthend.validate import reader
from monthend.validate.validation import Validation, latest_validations

logger = logging.getLogger(__name__)


class _Superseded(Exception):
    """A later-received version of the same partition is loaded: this one would replace it."""


def load(office: Office, delivery_ids: list[int]) -> list[int]:
    """Load each delivery that passed, was warned or has rows quarantined, in this order; the last one is current.

    Gives the ids that are loaded now. Passed over are blocked deliveries, and those of a partition of which a
    later-received one is loaded. One transaction each: a delivery is loaded whole or not at all, and loading again
    changes nothing.
    """
    loaded = []
    for validation in latest_validations(office, delivery_ids):
        if validation.verdict != "blocked":
            try:
                try:
                    _load_one(office, validation)
                except (UniqueViolation, IntegrityError):
                    _load_one(office, validation)  # another process loaded it meanwhile: this finds it and is done
            except _Superseded:
                logger.info("delivery %s passed over: a later version of it is loaded", validation.delivery_id)
                continue
            loaded.append(validation.delivery_id)
    return loaded


def newest_load(connection: Connection) -> int:
    """The load number that was given last, 0 for none."""
    return int(connection.execute(text("SELECT coalesce(max(load_number), 0) FROM reporting.load")).scalar_one())


def rows_sha256(
    connection: Connection, name: str, feed: Feed | None, columns: Sequence[str], delivery_id: int
) -> tuple[str, int]:
    """SHA-256 of a delivery's rows as the warehouse holds them (COPY's text), and their number.

    It covers the columns that are named, no ids: the same extract gives the same hash in any warehouse. Rows of a
    partition feed are in the order of the extract, with their numbers; those of a keyed feed are the state of the keys
    in the extract's window as of its load, in the order of the keys, whichever delivery brought each. `name` is the
    feed's, and `feed` its declaration, without which it is read as a partition feed.
    """
    if feed is None or feed.window is None:
        rows = sql.SQL("SELECT {} FROM {} WHERE delivery_id = {} ORDER BY row_number").format(
            _names(["row_number", *columns]), sql.Identifier("reporting", name), sql.Literal(delivery_id)
        )
        return _hash(connection, name, delivery_id, rows)
    (delivery,) = warehouse.query(
        connection,
        "SELECT d.period, d.area_code, l.load_number FROM landing.delivery d JOIN reporting.load l USING (delivery_id)"
        " WHERE d.delivery_id = :delivery_id",
        delivery_id=delivery_id,
    )
    state = _state_in_window(feed, delivery["load_number"], delivery["period"], delivery["area_code"])
    rows = sql.SQL("SELECT {} FROM ({}) AS state ORDER BY {}").format(_names(columns), state, _names(feed.key))
    return _hash(connection, name, delivery_id, rows)


def _hash(connection: Connection, name: str, delivery_id: int, rows: sql.Composable) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    try:
        with warehouse.cursor(connection).copy(sql.SQL("COPY ({}) TO STDOUT").format(rows)) as copy:
            for block in copy:
                digest.update(block)
                count += bytes(block).count(b"\n")  # COPY's text writes a line end inside a value as \n
    except DriverError as error:  # its own message can hold a row
        raise NeedsPerson(
            f"{name}, delivery {delivery_id}: its rows could not be read ({type(error).__name__})."
        ) from None
    return digest.hexdigest(), count


def _names(names: Sequence[str], table: str | None = None) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) if table else sql.Identifier(name) for name in names)


def _state_in_window(feed: Feed, load_number: int, period: str, area_code: str) -> sql.Composable:
    """The state of a keyed feed's keys as of a load, of one area, that lie in the window of the extract of `period`."""
    if feed.window is None:
        raise ValueError(f"{feed.feed} is no keyed feed")
    return sql.SQL(
        "SELECT state.* FROM {} AS state JOIN landing.delivery d USING (delivery_id)"
        " WHERE d.area_code = {} AND left(state.{}::text, 7) BETWEEN {} AND {}"
    ).format(
        sql.SQL("{}({})").format(sql.Identifier("reporting", f"{feed.feed}_at"), sql.Literal(load_number)),
        sql.Literal(area_code),
        sql.Identifier(feed.window.column),
        sql.Literal(first_month(feed, period)),
        sql.Literal(period),
    )


def first_month(feed: Feed, period: str) -> str:
    """The first month (YYYY-MM) that the extract of `period` holds whole: its window's, its quarter's or `period`."""
    if feed.window is None:
        return add_months(period, -2) if feed.cadence == "quarterly" else period
    return max(add_months(period, 1 - feed.window.months), feed.in_force_from or "")


def _load_one(office: Office, validation: Validation) -> None:
    with office.engine.begin() as connection:
        (delivery,) = warehouse.query(
            connection,
            "SELECT d.feed, d.period, d.area_code, d.sha256, l.load_number FROM landing.delivery d"
            " LEFT JOIN reporting.load l USING (delivery_id) WHERE d.delivery_id = :delivery_id",
            delivery_id=validation.delivery_id,
        )
        if delivery["load_number"] is not None:
            return
        feed = office.declarations.feeds[delivery["feed"]]
        _refuse_superseded(connection, feed, validation.delivery_id)
        quarantined = warehouse.query(
            connection,
            "SELECT DISTINCT row_number FROM quality.quarantined_row WHERE validation_id = :validation_id",
            validation_id=validation.validation_id,
        )
        table = reader.read(stored_path(office, delivery["sha256"]), feed)
        table = table.add_column(0, "row_number", pa.array(range(1, table.num_rows + 1), pa.int64()))
        is_quarantined = pc.is_in(
            table["row_number"], value_set=pa.array([row["row_number"] for row in quarantined], pa.int64())
        )
        entry: dict[str, str | int] = {
            "delivery_id": validation.delivery_id,
            "validation_id": validation.validation_id,
        }
        let_in = table.filter(pc.invert(is_quarantined))
        if feed.load == "keyed":
            entry |= _insert_changes(connection, feed, delivery, let_in, table.filter(is_quarantined), entry)
        else:
            deliveries = pa.repeat(pa.scalar(validation.delivery_id, pa.int64()), let_in.num_rows)
            rows = let_in.add_column(0, "delivery_id", deliveries)
            names = ("delivery_id", "row_number", *column_names(feed))
            _copy(connection, feed, validation.delivery_id, rows, names, sql.Identifier("reporting", feed.feed))
            entry["rows_sha256"], entry["row_count"] = rows_sha256(
                connection, feed.feed, feed, column_names(feed), validation.delivery_id
            )
        count = entry["row_count"]
        if count != let_in.num_rows or let_in.num_rows + validation.quarantined_count != validation.row_count:
            raise NeedsPerson(
                f"{feed.feed}, delivery {validation.delivery_id}: {validation.row_count} rows came in, {count} would "
                f"be loaded and {validation.quarantined_count} are quarantined. Nothing was loaded."
            )
        warehouse.lock(connection, warehouse.LOAD_LOCK)
        _refuse_superseded(connection, feed, validation.delivery_id)  # by what another process loaded meanwhile
        warehouse.insert(connection, "reporting.load", [entry | {"load_number": newest_load(connection) + 1}])
    logger.info("%s: delivery %s loaded, %s rows", feed.feed, validation.delivery_id, count)


def _refuse_superseded(connection: Connection, feed: Feed, delivery_id: int) -> None:
    """Raise where a later version of the period is loaded or, of a keyed feed, a later period, which has its rows."""
    later = warehouse.query(
        connection,
        "SELECT FROM landing.delivery d JOIN landing.delivery later USING (feed, area_code)"
        " JOIN reporting.load l ON l.delivery_id = later.delivery_id WHERE d.delivery_id = :delivery_id"
        " AND (later.period = d.period AND later.delivery_id > d.delivery_id OR :keyed AND later.period > d.period)"
        " LIMIT 1",
        delivery_id=delivery_id,
        keyed=feed.load == "keyed",
    )
    if later:
        raise _Superseded


def _insert_changes(
    connection: Connection,
    feed: Feed,
    delivery: dict[str, str],
    let_in: pa.Table,
    quarantined: pa.Table,
    entry: dict[str, str | int],
) -> dict[str, str | int]:
    """Insert the states that an extract changes and tombstones for what it has no more; give what its load records."""
    columns, values = column_names(feed), [name for name in column_names(feed) if name not in feed.key]
    warehouse.execute(  # held to the end of the transaction: nobody else compares with the state that this changes
        connection, "SELECT pg_advisory_xact_lock(:lock, hashtext(:feed))", lock=warehouse.FEED_LOCK, feed=feed.feed
    )
    extract, held_back = sql.Identifier("extract"), sql.Identifier("held_back")
    target = sql.Identifier("reporting", feed.feed)
    cursor = warehouse.cursor(connection)
    for name, names, table in (
        (extract, ["row_number", *columns], let_in),
        (held_back, list(feed.key), quarantined),
    ):
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                name, _names(names), target
            )
        )
        _copy(connection, feed, int(entry["delivery_id"]), table, names, name)
        cursor.execute(sql.SQL("ANALYZE {}").format(name))
    warehouse.plan_for_states(connection)
    newest = newest_load(connection)
    key = _names(feed.key)
    first_key = sql.Identifier(feed.key[0])
    state = sql.SQL("{}({})").format(sql.Identifier("reporting", f"{feed.feed}_at"), sql.Literal(newest))
    changed = sql.SQL(
        "WITH inserted AS (INSERT INTO {target} (delivery_id, row_number, {columns})"
        " SELECT {delivery_id}, e.row_number, {extracted} FROM {extract} e LEFT JOIN {state} s USING ({key})"
        " WHERE s.{first_key} IS NULL OR ({new}) IS DISTINCT FROM ({old}) RETURNING {key})"
        " SELECT count(*), count(s.{first_key}) FROM inserted LEFT JOIN {state} s USING ({key})"
    ).format(
        target=target,
        columns=_names(columns),
        delivery_id=sql.Literal(entry["delivery_id"]),
        extracted=_names(columns, "e"),
        extract=extract,
        state=state,
        key=key,
        first_key=first_key,
        new=_names(values, "e"),
        old=_names(values, "s"),
    )
    try:
        inserted, known = _counts(cursor, changed)
    except UniqueViolation:  # a waiver can let rows in, and cannot say which of two is the state
        raise NeedsPerson(
            f"{feed.feed}, delivery {entry['delivery_id']}: two rows have the same {' and '.join(feed.key)}. "
            "Nothing of the delivery was loaded."
        ) from None
    gone = sql.SQL(
        "WITH inserted AS (INSERT INTO {target} (delivery_id, removed, {key})"
        " SELECT {delivery_id}, CASE WHEN h.{first_key} IS NULL THEN 'vanished' ELSE 'quarantined' END, {stated}"
        " FROM ({state}) s LEFT JOIN {extract} e USING ({key}) LEFT JOIN {held_back} h USING ({key})"
        " WHERE e.{first_key} IS NULL RETURNING 1) SELECT count(*), 0 FROM inserted"
    ).format(
        target=target,
        key=key,
        delivery_id=sql.Literal(entry["delivery_id"]),
        first_key=first_key,
        stated=_names(feed.key, "s"),
        state=_state_in_window(feed, newest, delivery["period"], delivery["area_code"]),
        extract=extract,
        held_back=held_back,
    )
    removed, _ = _counts(cursor, gone)
    rows = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(_names(columns), extract, key)
    digest, count = _hash(connection, feed.feed, int(entry["delivery_id"]), rows)
    cursor.execute(sql.SQL("DROP TABLE {}, {}").format(extract, held_back))
    return {
        "row_count": count,
        "rows_sha256": digest,
        "new_count": inserted - known,
        "changed_count": known,
        "gone_count": removed,
    }


def _counts(cursor: Cursor[Any], statement: sql.Composed) -> tuple[int, int]:
    row = cursor.execute(statement).fetchone()
    assert row is not None  # noqa: S101 - a count always gives a row
    return int(row[0]), int(row[1])


def column_names(feed: Feed) -> list[str]:
    """The columns of a feed's rows that are loaded, in the order in which they are hashed."""
    return [column.column for column in feed.columns if column.kept]


def _copy(
    connection: Connection,
    feed: Feed,
    delivery_id: int,
    table: pa.Table,
    names: Sequence[str],
    target: sql.Composable,
) -> None:
    payload = io.BytesIO()
    csv.write_csv(table.select(names), payload, csv.WriteOptions(include_header=False))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(target, _names(names))
    try:
        with warehouse.cursor(connection).copy(statement) as copy:
            copy.write(payload.getbuffer())
    except UniqueViolation:
        raise
    except DriverError as error:  # its own message can hold a row
        what = (
            "the suite let rows through that the warehouse's columns cannot hold"
            if isinstance(error, DataError | Misfit)
            else "its rows could not be copied"
        )
        raise NeedsPerson(
            f"{feed.feed}, delivery {delivery_id}: {what} ({type(error).__name__}). Nothing of the delivery was loaded."
        ) from None
