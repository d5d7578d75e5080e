"""The reference: the same files unpacked, copied into a table without keys, and counted with one GROUP BY."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from monthend import warehouse
from monthend.office import Office

STREET = """
    CREATE TABLE bare.street (crime_id text, month text, reported_by text, falls_within text, longitude numeric,
        latitude numeric, location text, lsoa_code text, lsoa_name text, crime_type text, last_outcome_category text,
        context text)
"""


@contextmanager
def table(office: Office) -> Iterator[psycopg.Connection]:
    """A connection to the office's own server with an empty table `bare.street`."""
    url = office.engine.url.set(drivername="postgresql", username=warehouse.OWNER)
    with psycopg.connect(url.render_as_string(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
        connection.execute("CREATE SCHEMA bare")
        connection.execute(STREET)
        yield connection


def unzip(zips: Iterable[Path], folder: Path) -> list[Path]:
    """Unpack the zips and give their street files."""
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    return sorted(folder.rglob("*-street.csv"))


def copy(connection: psycopg.Connection, paths: Iterable[Path]) -> None:
    """COPY the files as they are, in one transaction."""
    statement = "COPY bare.street FROM STDIN (FORMAT csv, HEADER)"
    with connection.transaction(), connection.cursor() as cursor:
        for path in paths:
            with cursor.copy(statement) as target, path.open("rb") as source:
                while block := source.read(1 << 20):
                    target.write(block)


def count(connection: psycopg.Connection) -> int:
    """Count by force, month and crime type; gives the number of rows."""
    counts = connection.execute(
        "SELECT falls_within, month, crime_type, count(*) FROM bare.street GROUP BY falls_within, month, crime_type"
    )
    return sum(row[3] for row in counts)
