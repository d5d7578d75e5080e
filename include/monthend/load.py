"""Load: a validated delivery's rows, only ever inserted, sealed by a load number."""

import hashlib
import io
import logging

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import DataError, sql
from psycopg import IntegrityError as Misfit
from psycopg.errors import UniqueViolation
from pyarrow import csv
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from monthend import warehouse
from monthend.errors import NeedsPerson
from monthend.office import Office
from monthend.plan.declarations import Feed
from monthend.receive import stored_path
from monthend.validate import reader
from monthend.validate.validation import Validation, latest_validations

logger = logging.getLogger(__name__)


def load(office: Office, delivery_ids: list[int]) -> list[int]:
    """Load each delivery that passed, was warned or has rows quarantined, in this order; the last one is current.

    Gives the ids that are loaded now. Blocked deliveries are passed over. One transaction each: a delivery is loaded
    whole or not at all, and loading again changes nothing.
    """
    loaded = []
    for validation in latest_validations(office, delivery_ids):
        if validation.verdict != "blocked":
            try:
                _load_one(office, validation)
            except (UniqueViolation, IntegrityError):
                _load_one(office, validation)  # another process loaded it meanwhile: this finds it and is done
            loaded.append(validation.delivery_id)
    return loaded


def rows_sha256(connection: Connection, feed: Feed, delivery_id: int) -> tuple[str, int]:
    """SHA-256 of a delivery's rows as the warehouse holds them (COPY's text, in row order), and their number.

    It covers row numbers and the feed's columns, no ids: the same extract gives the same hash in any warehouse.
    """
    digest, rows = hashlib.sha256(), 0
    statement = sql.SQL("COPY (SELECT {} FROM {} WHERE delivery_id = {} ORDER BY row_number) TO STDOUT").format(
        sql.SQL(", ").join(sql.Identifier(name) for name in _names(feed)[1:]),
        sql.Identifier("reporting", feed.feed),
        sql.Literal(delivery_id),
    )
    with warehouse.cursor(connection).copy(statement) as copy:
        for block in copy:
            digest.update(block)
            rows += bytes(block).count(b"\n")  # COPY's text writes a line end inside a value as \n
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
        _copy(connection, feed, table)
        digest, rows = rows_sha256(connection, feed, validation.delivery_id)
        if rows != table.num_rows or rows + validation.quarantined_count != validation.row_count:
            raise NeedsPerson(
                f"{feed.feed}, delivery {validation.delivery_id}: {validation.row_count} rows came in, {rows} would be "
                f"loaded and {validation.quarantined_count} are quarantined. Nothing was loaded."
            )
        warehouse.lock(connection, warehouse.LOAD_LOCK)
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


def _names(feed: Feed) -> list[str]:
    return ["delivery_id", "row_number", *(column.column for column in feed.columns)]


def _rows(table: pa.Table, delivery_id: int, quarantined: list[int]) -> pa.Table:
    """The rows to load, with their delivery and their number in it."""
    numbers = pa.array(range(1, table.num_rows + 1), pa.int64())
    table = table.add_column(0, "row_number", numbers)
    table = table.add_column(0, "delivery_id", pa.repeat(pa.scalar(delivery_id, pa.int64()), table.num_rows))
    if quarantined:
        table = table.filter(pc.invert(pc.is_in(numbers, value_set=pa.array(quarantined, pa.int64()))))
    return table


def _copy(connection: Connection, feed: Feed, table: pa.Table) -> None:
    payload = io.BytesIO()
    csv.write_csv(table, payload, csv.WriteOptions(include_header=False))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier("reporting", feed.feed), sql.SQL(", ").join(sql.Identifier(name) for name in _names(feed))
    )
    try:
        with warehouse.cursor(connection).copy(statement) as copy:
            copy.write(payload.getbuffer())
    except UniqueViolation:
        raise
    except (DataError, Misfit) as error:  # its own message holds the row
        raise NeedsPerson(
            f"{feed.feed}: the suite let rows through that the warehouse's columns cannot hold "
            f"({type(error).__name__}). Nothing of the delivery was loaded."
        ) from None
