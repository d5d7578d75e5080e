"""Extracts fetched from where a feed says: a real sshd, PostgreSQL as the sender's warehouse, a store of objects."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tenacity
import yaml
from extracts import write
from hand_driven import Airflow
from sqlalchemy import make_url

from monthend_airflow import sources

Rows = Callable[..., list[dict[str, Any]]]
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
MONTH = "2016-05"
NAME = "2016-05-leicestershire-crime.csv"
UNTOLD = "not-to-be-told"


@pytest.fixture
def desk(server: str, declarations: Path, tmp_path: Path) -> Iterator[Any]:
    """An office that only looks at the warehouse: fetching writes nothing to it."""
    from monthend.office import open_office

    opened = open_office(tmp_path / "home", server, declarations)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the sender's, with May's extract, and what is none of the feed's."""
    folder = tmp_path / "outside"
    path = extract(folder / "2016-05", 3)
    write(folder / "2016-05", "police_outcome", MONTH, [{"crime_ref": "LEI-2016-0000001"}])
    for name in ("notes.txt", ".2016-04-leicestershire-crime.csv", f"{NAME}.part"):
        (folder / name).write_text("none of ours", encoding="utf-8")
    (folder / "2016-04-leicestershire-crime.csv").symlink_to(path)
    for each in (each for each in folder.rglob("*") if not each.is_symlink()):
        os.utime(each, (1_465_000_000, 1_465_000_000))
    return folder


@pytest.fixture
def fetched(declarations: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declare where a feed is fetched from, and what Airflow's connection `the_force` is."""

    def declare(kind: str, connection: dict[str, Any] | None, feed: str = "police_crime", **where: str) -> None:
        path = declarations / f"include/feeds/{feed}.yaml"
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = "the_force" if connection else "nobody_declared"
        place = {"fetched_from": {"kind": kind, "connection": name, **where}}
        path.write_text(yaml.safe_dump(declared | place), encoding="utf-8")
        if connection:
            monkeypatch.setenv("AIRFLOW_CONN_THE_FORCE", json.dumps(connection))

    return declare


def extract(folder: Path, count: int) -> Path:
    """May's extract of so many crimes."""
    return write(folder, "police_crime", MONTH, [{"crime_ref": f"LEI-2016-{number:07}"} for number in range(count)])


def mirrored(office: Any) -> dict[str, tuple[bytes, int, int]]:
    """What was fetched for the feed: by its path there, the bytes, the time in nanoseconds, and the file itself."""
    folder = office.home / "incoming/police_crime"
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def words(faults: list[dict[str, Any]]) -> str:
    """Why the one feed could not be fetched."""
    (fault,) = faults
    assert (fault["feed"], fault["periods"]) == ("police_crime", [])
    before, after = "police_crime was not fetched over the connection ", " Then clear the task outstanding, or leave"
    assert fault["fault"].startswith(before)
    return str(fault["fault"]).removeprefix(before).partition(after)[0]


@dataclass
class Server:
    """A running sshd that lets this user in with a key."""

    port: int
    key: str
    host_key: str

    def connection(self, **extra: Any) -> dict[str, Any]:
        """The Airflow connection to it; `extra` over what a right one has."""
        right = {"key_file": self.key, "host_key": self.host_key, "look_for_keys": False}
        where = {"host": "127.0.0.1", "port": self.port, "login": getpass.getuser(), "password": UNTOLD}
        return {"conn_type": "sftp", **where, "extra": {k: v for k, v in (right | extra).items() if v is not None}}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An sshd on a free port of this machine, with keys of its own."""
    if SSHD is None:
        if os.environ.get("CI"):
            pytest.fail("there is no sshd, and CI is set: .ci/system-packages installs it")
        pytest.skip("there is no sshd on this machine (OpenSSH's server)")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it starts without its own only where it is not root's
    with subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE, text=True) as process:
        for _ in range(100):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.1)
        yield Server(port, str(folder / "user"), (folder / "host.pub").read_text(encoding="utf-8"))
        process.terminate()


def test_what_a_server_has_is_pulled_once_and_again_when_it_changed(
    office: Any,
    airflow: Airflow,
    sshd: Server,
    outside: Path,
    fetched: Callable[..., None],
    rows: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "inbox").mkdir()
    monkeypatch.setenv("MONTHEND_INBOX", str(tmp_path / "inbox"))
    path = outside / "2016-05" / NAME
    fetched("sftp", sshd.connection(), path=str(outside))
    fetched("sftp", None, feed="police_outcome", path="/anywhere")
    runs = []
    for day in (6, 7):
        run = airflow.trigger("pull_police_monthly", key=None, on=f"2016-06-0{day}")
        assert run.state == "failed"  # for the outcomes alone
        assert run.states["pull.receive[police_outcome from nobody_declared]"] == "failed"
        runs.append({name for name, state in run.states.items() if state == "success" and "crime" in name})
        assert {name: entry[0] for name, entry in mirrored(office).items()} == {f"2016-05/{NAME}": path.read_bytes()}
        extract(path.parent, 4)
    stations = {f"pull.{station}[2016-05 police_crime]" for station in ("receive", "validate", "load")}
    assert runs == [stations, stations]
    loaded = (
        "SELECT row_count FROM reporting.load JOIN landing.delivery USING (delivery_id) WHERE feed = 'police_crime'"
    )
    assert [row["row_count"] for row in rows(f"{loaded} ORDER BY load_number")] == [3, 4]
    said = capfd.readouterr().out
    assert (
        "police_outcome was not fetched over the connection nobody_declared: Airflow has no such connection. "
        "Add it under Admin, Connections. Then clear the task outstanding, or leave it to the next pull." in said
    )
    assert UNTOLD not in said


def a_store(sshd: Server, folder: Path) -> tuple[str, dict[str, Any], str]:
    return "object_store", {"conn_type": "generic"}, f"file://{folder}"


def a_server(sshd: Server, folder: Path) -> tuple[str, dict[str, Any], str]:
    return "sftp", sshd.connection(), f"{folder}/"


@pytest.mark.parametrize("source", [a_store, a_server])
def test_files_come_unchanged_and_a_second_time_none_is_copied(
    desk: Any,
    sshd: Server,
    outside: Path,
    fetched: Callable[..., None],
    source: Callable[[Server, Path], tuple[str, dict[str, Any], str]],
) -> None:
    control = outside / f"2016-05/{NAME.removesuffix('.csv')}.control.csv"
    control.write_bytes(b"figure,month,area,count\r\n")
    (outside / "all.zip").write_bytes(bytes(range(256)) * 1000)
    for each in (control, outside / "all.zip"):
        os.utime(each, (1_465_000_000, 1_465_000_000))
    kind, connection, path = source(sshd, outside)
    fetched(kind, connection, path=path)
    assert sources.fetch(desk, MONTH, "police") == []
    first = mirrored(desk)
    names = (f"2016-05/{control.name}", f"2016-05/{NAME}", "all.zip")
    assert {name: entry[:2] for name, entry in first.items()} == {
        name: ((outside / name).read_bytes(), 1_465_000_000 * 10**9) for name in names
    }
    assert sources.fetch(desk, MONTH, "police") == []
    assert mirrored(desk) == first  # the very same files

    changed = (outside / "2016-05" / NAME).read_bytes().replace(b"28A", b"28B")
    (outside / "2016-05" / NAME).write_bytes(changed)  # as long as before, and later
    assert sources.fetch(desk, MONTH, "police") == []
    assert mirrored(desk) == first | {f"2016-05/{NAME}": mirrored(desk)[f"2016-05/{NAME}"]}
    assert mirrored(desk)[f"2016-05/{NAME}"][0] == changed


@pytest.mark.parametrize("what", ["grows", "goes"])
def test_what_changes_while_it_is_copied_is_left_for_the_next_run(
    desk: Any,
    outside: Path,
    fetched: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    fetched("object_store", {"conn_type": "generic"}, path=f"file://{outside}")
    path, copy = outside / "2016-05" / NAME, shutil.copyfileobj

    def meanwhile(*arguments: Any) -> None:
        copy(*arguments)
        if what == "goes":
            path.unlink()
        else:
            with path.open("ab") as file:
                file.write(b"more\n")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", meanwhile)
        assert sources.fetch(desk, MONTH, "police") == []
    assert mirrored(desk) == {}
    assert "changed while it was copied; it is left for the next run" in caplog.text
    if what == "grows":
        assert sources.fetch(desk, MONTH, "police") == []
        assert mirrored(desk)[f"2016-05/{NAME}"][0] == path.read_bytes()


def no_key(server: Server) -> dict[str, Any]:
    return server.connection(host_key=None)


def another_key(server: Server) -> dict[str, Any]:
    return server.connection(host_key=Path(f"{server.key}.pub").read_text(encoding="utf-8"))


def no_login(server: Server) -> dict[str, Any]:
    return server.connection(key_file=None)


def no_server(server: Server) -> dict[str, Any]:
    return server.connection() | {"port": 1}


WRONG_KEY = "the server's key is not the one that is known, so it may not be the sender's server."


@pytest.mark.parametrize(
    ("connection", "path", "said"),
    [
        (no_key, "", WRONG_KEY),
        (another_key, "", WRONG_KEY),
        (no_login, "", "the server refuses the login."),
        (no_server, "", "NoValidConnectionsError. Look whether the server is up"),
        (Server.connection, "/nowhere", "the folder is not there."),
    ],
)
def test_a_server_that_is_not_the_one_known_or_refuses_gives_nothing(
    desk: Any,
    sshd: Server,
    outside: Path,
    fetched: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    connection: Callable[[Server], dict[str, Any]],
    path: str,
    said: str,
) -> None:
    for wait in ("wait_fixed", "wait_random"):  # between attempts
        monkeypatch.setattr(f"airflow.providers.ssh.hooks.ssh.{wait}", lambda *seconds: tenacity.wait_none())
    fetched("sftp", connection(sshd), path=f"{outside}{path}")
    assert words(sources.fetch(desk, MONTH, "police")).startswith(f"the_force: {said}")
    assert mirrored(desk) == {}
    assert UNTOLD not in caplog.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("file:///nowhere/at/all", "the folder is not there."),
        ("s3://bucket/extracts", "nothing is installed that opens s3://."),
    ],
)
def test_a_store_that_cannot_be_opened_is_said(desk: Any, fetched: Callable[..., None], path: str, said: str) -> None:
    fetched("object_store", {"conn_type": "generic"}, path=path)
    assert words(sources.fetch(desk, MONTH, "police")).startswith(f"the_force: {said}")


class Warehouse:
    """A database of the sender's with a table `crime`, in the types that such a table has, and what is asked of it."""

    def __init__(self, server: str, declarations: Path) -> None:
        self.query = declarations / "include/sql/extracts/crimes.sql"
        self.administrator = make_url(server).set(drivername="postgresql", username="postgres", database="postgres")
        self.execute("DROP TABLE IF EXISTS crime")

    def execute(self, statement: str, path: Path | None = None) -> None:
        """Run a statement, which may be a COPY of a file."""
        address = self.administrator.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
            if path is None:
                cursor.execute(statement.encode())
            else:
                with cursor.copy(statement.encode()) as copy:
                    copy.write(path.read_bytes())

    def holds(self, path: Path) -> None:
        """Take in the rows of an extract."""
        headings = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        kinds = {name: "timestamp" for name in headings if name.endswith("_at") or name.startswith("committed_")}
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in headings)
        self.execute(f"CREATE TABLE crime (number serial, {columns})")
        self.execute(f"COPY crime ({', '.join(headings)}) FROM STDIN (FORMAT csv, HEADER)", path)
        self.asks(", ".join(reversed(headings)))

    def asks(self, columns: str) -> None:
        """Write the query of the extract."""
        self.query.parent.mkdir(parents=True, exist_ok=True)
        self.query.write_text(
            f"SELECT {columns} FROM crime WHERE :area_code = 'E23000021'"
            " AND recorded_at < CAST(:period || '-01' AS date) + interval '1 month' ORDER BY number\n",
            encoding="utf-8",
        )

    def connection(self, **other: Any) -> dict[str, Any]:
        """The Airflow connection to it; `other` over what a right one has."""
        socket_folder = self.administrator.query["host"]
        where = {"host": socket_folder, "schema": "postgres", "login": "postgres", "password": UNTOLD}
        return {"conn_type": "postgres", **where, **other}


@pytest.fixture
def theirs(server: str, declarations: Path) -> Warehouse:
    """A database of the sender's."""
    return Warehouse(server, declarations)


def test_a_warehouse_is_asked_for_what_is_due_until_it_is_in(
    office: Any,
    theirs: Warehouse,
    fetched: Callable[..., None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from monthend.load import load
    from monthend.receive import receive
    from monthend.validate.validation import validate

    path = extract(tmp_path / "theirs", 3)
    theirs.holds(path)
    fetched("sql", theirs.connection(), query="crimes")
    assert sources.fetch(office, "2016-03", "police") == []  # before the first crime was recorded
    assert mirrored(office) == {}
    assert "police_crime: the query gives no row for 2016-03-leicestershire-crime.csv, so no file" in caplog.text

    assert sources.fetch(office, MONTH, "police") == []
    first = mirrored(office)
    assert {name: entry[0] for name, entry in first.items()} == {NAME: path.read_bytes()}
    assert sources.fetch(office, MONTH, "police") == []
    assert mirrored(office) == first  # the same answer again is no new file

    received = receive(office, sources.incoming(office), date(2016, 6, 6), "police_crime", [MONTH])
    validate(office, received.delivery_ids, date(2016, 6, 6))
    assert received.delivery_ids[-1] in load(office, received.delivery_ids)
    theirs.execute("DROP TABLE crime")
    assert sources.fetch(office, MONTH, "police") == []  # it is in, and so are the months before, which its rows are of
    assert sources.fetch(office, "2016-04", "police") == []
    assert UNTOLD not in caplog.text


@pytest.mark.parametrize(
    ("columns", "connection", "said"),
    [
        (
            "crime_ref, beat_code AS beat",
            {},
            "the query's columns differ from the feed's (missing: incident_ref, ",
        ),
        ("crime_ref, ho_code, ho_code, beat_code AS beat", {}, "not in the feed: beat; twice: ho_code). Correct"),
        ("nothing_of_it", {}, "the query fails (UndefinedColumn). Correct it, or ask the sender"),
        ("CAST(ho_code AS int)", {}, "the query fails (InvalidTextRepresentation)."),
        ("1", {"schema": "nothing_there"}, "OperationalError. Look whether the server is up, and correct"),
        ("1", {"conn_type": "oracle"}, "the driver that the connection names is not installed."),
    ],
)
def test_a_query_that_does_not_give_the_feed_s_columns_is_said(
    desk: Any,
    theirs: Warehouse,
    fetched: Callable[..., None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    columns: str,
    connection: dict[str, Any],
    said: str,
) -> None:
    theirs.holds(extract(tmp_path / "theirs", 3))
    theirs.asks(columns)
    fetched("sql", theirs.connection(**connection), query="crimes")
    told = words(sources.fetch(desk, MONTH, "police"))
    assert said in told
    assert mirrored(desk) == {}
    assert not [secret for secret in (UNTOLD, "28A") if secret in told + caplog.text]


def test_a_query_that_is_not_there_is_named(desk: Any, theirs: Warehouse, fetched: Callable[..., None]) -> None:
    fetched("sql", theirs.connection(), query="crimes")
    assert words(sources.fetch(desk, MONTH, "police")) == (
        f"the_force: there is no {theirs.query}. Write that query, or correct `query` in the feed's declaration."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (datetime(2016, 5, 31, 23, 15, tzinfo=UTC), "2016-06-01T00:15:00"),
        (datetime(2016, 1, 31, 23, 15, tzinfo=UTC), "2016-01-31T23:15:00"),
        (date(2016, 5, 31), "2016-05-31"),
        (Decimal("1E+3"), "1000"),
        (7, "7"),
        (' Ab,"c', ' Ab,"c'),
    ],
)
def test_a_value_is_written_as_an_extract_has_it(value: Any, text: str) -> None:
    assert sources._text(value) == text
