"""What the pipeline's login can do, and which logins the software refuses to work with."""

import psycopg
import pytest
from offices import Desk, monthend

from monthend.errors import WrongCall
from monthend.warehouse import DATABASE, OWNER, PIPELINE, connect, migrate

SCHEMAS = ["landing", "quality", "reporting", "snapshot", "pack", "delivery"]


@pytest.fixture
def tables(desk: Desk) -> list[tuple[str, str]]:
    """Each table of the six stations with one of its columns."""
    return desk.rows(
        "SELECT table_schema || '.' || table_name, (array_agg(column_name::text ORDER BY ordinal_position)"
        "  FILTER (WHERE is_identity = 'NO'))[1]"
        " FROM information_schema.tables JOIN information_schema.columns USING (table_schema, table_name)"
        " WHERE table_type = 'BASE TABLE' AND table_schema = ANY(%s) GROUP BY 1 ORDER BY 1",
        SCHEMAS,
    )


def test_the_pipeline_changes_and_removes_nothing(desk: Desk, tables: list[tuple[str, str]]) -> None:
    assert {table.split(".")[0] for table, _ in tables} == set(SCHEMAS)
    assert len(tables) >= 23
    with desk.server.connect(desk.database, PIPELINE) as connection:
        for table, column in tables:
            for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
            connection.execute(f"SELECT count(*) FROM {table}".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE snapshot.fact DISABLE TRIGGER ALL",
        "DROP TABLE snapshot.fact",
        "CREATE OR REPLACE FUNCTION snapshot.fact_at(bigint) RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE snapshot.more (a int)",
        "CREATE TABLE public.more (a int)",
        f"SET ROLE {OWNER}",
        "SET SESSION AUTHORIZATION postgres",
        f"GRANT {OWNER} TO {PIPELINE}",
        "SELECT * FROM snapshot.fact FOR UPDATE",
        "BEGIN; LOCK TABLE snapshot.fact IN EXCLUSIVE MODE",
    ],
)
def test_the_pipeline_cannot_make_itself_more(desk: Desk, statement: str) -> None:
    with (
        desk.server.connect(desk.database, PIPELINE) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_the_command_line_refuses_the_owner_in_words(desk: Desk) -> None:
    url = desk.server.url(desk.database, OWNER)
    home = desk.office.home
    done = monthend("status", "--month", "2025-03", "--home", home, "--database", url, folder=home.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        f"/{desk.database} can act as {OWNER} and so could change what is frozen. Use the login {PIPELINE}.\n"
    )


@pytest.mark.parametrize(
    ("making", "can_act_as"),
    [
        ("", "monthend_owner, postgres"),  # the superuser itself
        ("CREATE ROLE {0} LOGIN IN ROLE monthend_owner", "monthend_owner"),
        ("CREATE ROLE {0} LOGIN NOINHERIT IN ROLE monthend_owner", "monthend_owner"),
        ("CREATE ROLE {0} LOGIN IN ROLE postgres", "postgres"),
        ("CREATE ROLE {0}_between NOLOGIN IN ROLE monthend_owner; CREATE ROLE {0} LOGIN IN ROLE {0}_between",
         "monthend_owner"),
    ],
)  # fmt: skip
def test_a_login_that_could_do_more_is_refused(
    desk: Desk, making: str, can_act_as: str, request: pytest.FixtureRequest
) -> None:
    login = f"login_{desk.database}" if making else "postgres"
    if making:
        with desk.server.connect("postgres") as connection:
            connection.execute(making.format(login).encode())
    with pytest.raises(WrongCall) as refusal:
        connect(desk.server.url(desk.database, login))
    named = str(refusal.value).partition(" can act as ")[2].partition(" and so ")[0]
    assert set(can_act_as.split(", ")) <= set(named.split(", "))
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("granting", "table"),
    [
        ("ALTER TABLE snapshot.fact OWNER TO {0}", "snapshot.fact"),  # the owner under another name
        ("GRANT UPDATE ON delivery.event TO {0}", "delivery.event"),
        ("GRANT UPDATE (digest) ON snapshot.snapshot TO {0}", "snapshot.snapshot"),
        ("GRANT DELETE ON landing.receipt TO {0}", "landing.receipt"),
        ("GRANT TRUNCATE ON pack.build TO {0}", "pack.build"),
        ("GRANT DELETE ON quality.validation TO PUBLIC", "quality.validation"),
        ("ALTER ROLE {0} NOINHERIT; GRANT monthend_retention TO {0}", "reporting.csp_return"),
    ],
)
def test_a_login_that_may_change_a_table_is_refused_and_the_table_named(desk: Desk, granting: str, table: str) -> None:
    login = f"changing_{desk.database}"
    with desk.server.connect(desk.database) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {PIPELINE}".encode())
        connect(desk.server.url(desk.database, login)).dispose()
        connection.execute(granting.format(login).encode())
    with pytest.raises(WrongCall, match=rf" may change or remove rows of {table}, and .*Use the login {PIPELINE}\.$"):
        connect(desk.server.url(desk.database, login))


@pytest.mark.parametrize("login", ["postgres", PIPELINE])
def test_only_the_owner_migrates(desk: Desk, login: str) -> None:
    with pytest.raises(
        WrongCall, match=f"^The database is migrated by {OWNER} and no other; this is the login {login}"
    ):
        migrate(desk.server.url(DATABASE, login))


def test_another_version_of_the_schema_is_refused_and_names_the_remedy(desk: Desk) -> None:
    desk.behind_its_back("UPDATE public.alembic_version SET version_num = '0000'")
    done = desk.ask("status", "--month", "2025-03")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is at version 0000, this software needs 0008. Run `make migrate` as the owner." in done.stderr


def test_a_database_without_a_schema_is_refused_likewise(desk: Desk) -> None:
    with pytest.raises(WrongCall, match=r"is at version none, this software needs 0008\. Run `make migrate`"):
        connect(desk.server.url("postgres"))


def test_a_database_that_is_not_there_is_a_sentence(desk: Desk) -> None:
    with pytest.raises(
        WrongCall, match=r"^The database .*/nowhere does not answer as expected \(OperationalError\)\.$"
    ):
        connect(desk.server.url("nowhere"))
    with pytest.raises(WrongCall, match=r"^--database: sqlite is not PostgreSQL, the only database monthend uses\.$"):
        connect("sqlite:///monthend.db")


def test_the_reader_sees_the_newest_facts_and_no_rows(frozen: Desk) -> None:
    with frozen.server.connect(frozen.database, "monthend_reader") as connection:
        (facts,) = connection.execute("SELECT count(*) FROM snapshot.current_fact").fetchone()
        assert facts == frozen.rows("SELECT count(*) FROM snapshot.fact")[0][0]
        for table in ("reporting.police_uk_street", "quality.quarantined_row", "landing.receipt", "snapshot.fact"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT count(*) FROM {table}".encode())
