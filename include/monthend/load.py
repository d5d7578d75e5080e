"""Load: a validated delivery's rows, only ever inserted, sealed by a load number."""

import hashlib
import io
import logging
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import DataError, sql
from psycopg import Error as DriverError
from psycopg import IntegrityError as Misfit
from psycopg.errors import UniqueViolation
from pyarrow import csv
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.office import Office
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


def rows_sha256(connection: Connection, feed: str, columns: Sequence[str], delivery_id: int) -> tuple[str, int]:
    """SHA-256 of a delivery's rows as the warehouse holds them (COPY's text, in row order), and their number.

    It covers row numbers and the columns that are named, no ids: the same extract gives the same hash in any warehouse.
    """
    digest, rows = hashlib.sha256(), 0
    statement = sql.SQL("COPY (SELECT {} FROM {} WHERE delivery_id = {} ORDER BY row_number) TO STDOUT").format(
        sql.SQL(", ").join(sql.Identifier(name) for name in ("row_number", *columns)),
        sql.Identifier("reporting", feed),
        sql.Literal(delivery_id),
    )
    try:
        with warehouse.cursor(connection).copy(statement) as copy:
            for block in copy:
                digest.update(block)
                rows += bytes(block).count(b"\n")  # COPY's text writes a line end inside a value as \n
    except DriverError as error:  # its own message can hold a row
        raise NeedsPerson(
            f"{feed}, delivery {delivery_id}: its rows could not be read ({type(error).__name__})."
        ) from None
    return digest.hexdigest(), rows


def _load_one(office: Office, validation: Validation) -> None:
    with office.engine.begin() as connection:
        (delivery,) = warehouse.query(
            connection,
            "SELECT d.feed, d.sha256, l.load_number FROM landing.delivery d LEFT JOIN reporting.load l"
            " USING (delivery_id) WHERE d.delivery_id = :delivery_id",
            delivery_id=validation.delivery_id,
        )
        if delivery["load_number"] is not None:
            return
        _refuse_superseded(connection, validation.delivery_id)
        feed = office.declarations.feeds[delivery["feed"]]
        quarantined = warehouse.query(
            connection,
            "SELECT DISTINCT row_number FROM quality.quarantined_row WHERE validation_id = :validation_id",
            validation_id=validation.validation_id,
        )
        table = _rows(
            reader.read(stored_path(office, delivery["sha256"]), feed),
            validation.delivery_id,
            [row["row_number"] for row in quarantined],
        )
        _copy(connection, feed, table, validation.delivery_id)
        digest, rows = rows_sha256(connection, feed.feed, column_names(feed), validation.delivery_id)
        if rows != table.num_rows or rows + validation.quarantined_count != validation.row_count:
            raise NeedsPerson(
                f"{feed.feed}, delivery {validation.delivery_id}: {validation.row_count} rows came in, {rows} would be "
                f"loaded and {validation.quarantined_count} are quarantined. Nothing was loaded."
            )
        warehouse.lock(connection, warehouse.LOAD_LOCK)
        _refuse_superseded(connection, validation.delivery_id)  # by what another process loaded meanwhile
        numbers = warehouse.query(connection, "SELECT coalesce(max(load_number), 0) + 1 AS next FROM reporting.load")
        entry = {
            "load_number": numbers[0]["next"],
            "delivery_id": validation.delivery_id,
            "validation_id": validation.validation_id,
            "row_count": rows,
            "rows_sha256": digest,
        }
        warehouse.insert(connection, "reporting.load", [entry])
    logger.info("%s: delivery %s loaded, %s rows", feed.feed, validation.delivery_id, rows)


def _refuse_superseded(connection: Connection, delivery_id: int) -> None:
    later = warehouse.query(
        connection,
        "SELECT FROM landing.delivery d JOIN landing.delivery later USING (feed, period, area_code)"
        " JOIN reporting.load l ON l.delivery_id = later.delivery_id"
        " WHERE d.delivery_id = :delivery_id AND later.delivery_id > d.delivery_id LIMIT 1",
        delivery_id=delivery_id,
    )
    if later:
        raise _Superseded


def column_names(feed: Feed) -> list[str]:
    """The columns of a feed's rows, in the order in which they are hashed."""
    return [column.column for column in feed.columns]


def _rows(table: pa.Table, delivery_id: int, quarantined: list[int]) -> pa.Table:
    """The rows to load, with their delivery and their number in it."""
    numbers = pa.array(range(1, table.num_rows + 1), pa.int64())
    table = table.add_column(0, "row_number", numbers)
    table = table.add_column(0, "delivery_id", pa.repeat(pa.scalar(delivery_id, pa.int64()), table.num_rows))
    if quarantined:
        table = table.filter(pc.invert(pc.is_in(numbers, value_set=pa.array(quarantined, pa.int64()))))
    return table


def _copy(connection: Connection, feed: Feed, table: pa.Table, delivery_id: int) -> None:
    payload = io.BytesIO()
    csv.write_csv(table, payload, csv.WriteOptions(include_header=False))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier("reporting", feed.feed),
        sql.SQL(", ").join(sql.Identifier(name) for name in ("delivery_id", "row_number", *column_names(feed))),
    )
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
