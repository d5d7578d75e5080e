"""Makes the stack's databases ready, each time it comes up and before anything else starts. Safe to run again.

The administrator's part: the logins of include/sql/roles.sql and Airflow's own, with the passwords of the environment,
and a database for each of the two. Then both schemas, each by its owner, and Airflow's permission to see the desk.
"""

import os
import re
import subprocess
import sys

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from monthend import warehouse
from monthend.errors import WrongCall

AIRFLOW = "airflow"  # its login and its database
NEEDS_THE_MENU = ("User", "Viewer")  # FAB's roles that do not see plugins' pages by themselves


def password(login: str) -> str:
    """The password of a login, from the environment. Raises WrongCall where there is none, or none fit for a URL."""
    name = f"{login.upper()}_PASSWORD"
    value = os.environ.get(name, "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", value):
        raise WrongCall(f"{name}: set it to 16 or more of letters, digits, - and _; it stands in a URL.")
    return value


def make_logins(connection: psycopg.Connection) -> None:
    """Make the login roles that are missing, and give all of them their passwords."""
    roles = (warehouse.SQL / "roles.sql").read_text(encoding="utf-8")
    connection.execute(roles.encode())
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (AIRFLOW,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(AIRFLOW)))
    for login in (AIRFLOW, *re.findall(r"'(monthend_\w+)'", roles)):
        connection.pgconn.change_password(login.encode(), password(login).encode())  # sent as its hash


def make_database(connection: psycopg.Connection, name: str, owner: str, logins: tuple[str, ...] = ()) -> None:
    """Make a database where it is missing, open to its owner and `logins` only."""
    database, to = sql.Identifier(name), sql.Identifier(owner)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        statement = "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
        connection.execute(sql.SQL(statement).format(database, to))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    for login in logins:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(login)))


def airflow(*arguments: str) -> None:
    """Run Airflow's command line."""
    subprocess.run([sys.executable, "-m", "airflow", *arguments], check=True)  # noqa: S603 - the arguments are ours


def main() -> None:
    """Do all of it."""
    administrator = make_url(os.environ["POSTGRES_URL"])
    with psycopg.connect(administrator.render_as_string(hide_password=False), autocommit=True) as connection:
        make_logins(connection)
        make_database(connection, AIRFLOW, AIRFLOW)
        logins = ("monthend_pipeline", "monthend_reader", "monthend_retention")
        make_database(connection, warehouse.DATABASE, warehouse.OWNER, logins)
    owner = administrator.set(username=warehouse.OWNER, password=password(warehouse.OWNER), database=warehouse.DATABASE)
    warehouse.migrate(owner.render_as_string(hide_password=False))
    airflow("db", "migrate")
    airflow("roles", "add-perms", *NEEDS_THE_MENU, "--resource", "Plugins", "--action", "can_read")


if __name__ == "__main__":
    try:
        main()
    except WrongCall as error:
        sys.exit(str(error))
    except psycopg.OperationalError as error:
        sys.exit(f"PostgreSQL does not let the administrator in: {str(error).splitlines()[0]}")
