"""One installation on loopback: embedded PostgreSQL, Airflow's four components, and a mail server that keeps e-mails.

Everything lives in one home directory and ends with the process that started it.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from sqlalchemy import make_url

from monthend import warehouse
from monthend.demo.processes import Processes, undisturbed
from monthend.errors import NeedsPerson, WrongCall
from monthend.plan.declarations import ROOT

ENVIRONMENT = "demo"  # the name that the warehouse is armed for
SENDER = "month-end@opcc.example"
ADMIN = "admin"
USERS = {
    ADMIN: "admin",
    "a.steward": "user",
    "b.releaser": "user",
    "c.registrar": "user",
    "d.analyst": "user",
    "viewer": "viewer",
}
COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),  # those two would serve their logs on every interface
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
HEALTHY = ("metadatabase", "scheduler", "triggerer", "dag_processor")
START_UP = 300.0  # seconds
POLL = 1.5
SETTLED = 15.0  # seconds: on a loaded machine a turn of the scheduler takes more than five
PREFERRED_PORT = 8080
FINISHED = ("success", "failed")

Progress = Callable[[str], None]
Json = dict[str, Any]
Watch = Callable[[list[Json]], None]


@dataclass(frozen=True)
class Airflow:
    """Airflow as it runs here, over its REST API, with the logins of this home."""

    url: str
    home: Path
    database: str
    passwords: Mapping[str, str]
    processes: Processes
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def caught(self) -> Path:
        """Where the mail server keeps what was sent, one .eml a recipient."""
        return self.home / "caught"

    def token(self, user: str) -> str:
        """The user's token for the REST API."""
        if user not in self._tokens:
            answer = (
                _http()
                .post(f"{self.url}/auth/token", json={"username": user, "password": self.passwords[user]})
                .raise_for_status()
            )
            self._tokens[user] = str(answer.json()["access_token"])
        return self._tokens[user]

    def call(self, method: str, path: str, body: Json | None = None, user: str = ADMIN) -> Json:
        """Call `/api/v2<path>` as `user` with a JSON body. Raises NeedsPerson when Airflow refuses it."""
        answer = _http().request(
            method,
            f"{self.url}/api/v2{path}",
            headers={"Authorization": f"Bearer {self.token(user)}"},
            json=body,
        )
        if answer.is_error:
            raise NeedsPerson(f"Airflow refused {method} {path} ({answer.status_code}): {answer.text[:500]}")
        return dict(answer.json()) if answer.content else {}

    def poll(self, seconds: float | None = None) -> Iterator[None]:
        """Beat slowly while something is waited for, and make sure that all components are there.

        Raises NeedsPerson when one has ended or `seconds` have passed.
        """
        deadline = time.monotonic() + (seconds or float("inf"))
        while True:
            self.processes.check()
            yield
            if time.monotonic() > deadline:
                raise NeedsPerson(f"Waited for more than {seconds:.0f} s; see {self.home / 'logs'} and {self.url}.")
            time.sleep(POLL)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, as soon as Airflow has read it. Raises NeedsPerson when a DAG file cannot be read."""
        for _ in self.poll(START_UP):
            if errors := self.call("GET", "/importErrors")["import_errors"]:
                raise NeedsPerson("\n".join(f"{error['filename']}: {error['stack_trace']}" for error in errors))
            with contextlib.suppress(NeedsPerson):
                dag = self.call("GET", f"/dags/{dag_id}")
                break
        if dag["is_paused"]:
            self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, key: str | None = None, conf: Json | None = None) -> str:
        """Start a run of a DAG, for a partition where there is a `key`, and return the run's id.

        It goes before the run that the schedule makes up for once the DAG is no longer paused, which has today for its
        business date and would take what lies in the inbox.
        """
        body: Json = {"logical_date": None, "conf": conf or {}} | ({"partition_key": key} if key else {})
        body["run_after"] = (datetime.now(UTC) - timedelta(days=7)).isoformat()
        run_id = str(self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])
        self.unpause(dag_id)
        return run_id

    def runs(self, dag_id: str, key: str | None = None) -> list[Json]:
        """A DAG's runs, newest first; those of one partition where there is a `key`."""
        runs = self.call("GET", f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")["dag_runs"]
        return [run for run in runs if key is None or run["partition_key"] == key]

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        return str(self.call("GET", _run(dag_id, run_id))["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[Json]:
        """The task instances of a run, of which the API gives a hundred at a time."""
        found: list[Json] = []
        while page := self.call("GET", f"{_run(dag_id, run_id)}/taskInstances?limit=100&offset={len(found)}")[
            "task_instances"
        ]:
            found += page
        return found

    def wait(self, dag_id: str, run_id: str, seconds: float | None = None, watch: Watch = lambda _: None) -> str:
        """Wait until a run has ended and return its state; `watch` is shown its tasks in the meantime."""
        for _ in self.poll(seconds):
            watch(self.tasks(dag_id, run_id))
            if (state := self.state(dag_id, run_id)) in FINISHED:
                return state
        raise AssertionError("a poll ends by its deadline only")

    def question(
        self, dag_id: str, run_id: str, task_id: str, seconds: float | None = None, watch: Watch = lambda _: None
    ) -> Json | None:
        """Wait until a task asks and return its question; None when the run ended and nothing was asked.

        A question counts once it has stood for some seconds: Airflow fails a task that is answered before the scheduler
        has taken note of its waiting.
        """
        asked_at = None
        for _ in self.poll(seconds):
            watch(self.tasks(dag_id, run_id))
            ended = self.state(dag_id, run_id) in FINISHED
            asked = self.call("GET", f"{_run(dag_id, run_id)}/hitlDetails?response_received=false")["hitl_details"]
            for question in asked:
                waiting = question["task_instance"]
                if (waiting["task_id"], waiting["state"]) == (task_id, "awaiting_input"):
                    asked_at = asked_at or time.monotonic()
                    if time.monotonic() - asked_at > SETTLED:
                        return dict(question)
            if ended:
                break
        return None

    def answer(
        self, dag_id: str, run_id: str, task_id: str, user: str, options: list[str], params: Json | None = None
    ) -> None:
        """Answer a task's question as `user`."""
        self.call(
            "PATCH",
            f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}/-1/hitlDetails",
            {"chosen_options": options, "params_input": params or {}},
            user,
        )

    def log(self, task: Json) -> Path:
        """Where the logs of a task instance are."""
        where = f"dag_id={task['dag_id']}/run_id={task['dag_run_id']}/task_id={task['task_id']}"
        return self.home / "airflow/logs" / where


@contextlib.contextmanager
def running(
    home: Path,
    inbox: Path,
    *,
    declarations: Path = ROOT,
    dags: Path = ROOT / "dags",
    plugins: Path = ROOT / "plugins",
    mail_mode: str = "live",
    port: int = PREFERRED_PORT,
    progress: Progress = lambda _: None,
) -> Iterator[Airflow]:
    """Run a whole installation in `home` for as long as the context lasts.

    `inbox` is where the feeds' files come in, `declarations` a directory laid out as the project is. Every component
    listens on 127.0.0.1 only, PostgreSQL on a Unix socket only. DAGs are paused until they are triggered. On leaving,
    no process of it is left.

    Raises WrongCall when one runs in `home` already, NeedsPerson when a component does not come up or ends.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    processes = Processes(home)
    with _only_one(home), contextlib.ExitStack() as stack:
        stack.callback(_stop, home, processes, progress)
        try:
            database = warehouse.embedded(home)
        except subprocess.SubprocessError as error:
            raise NeedsPerson(f"PostgreSQL did not come up; see {home / 'database/log'}. ({error})") from None
        metadata = _metadata_database(database)
        progress("PostgreSQL is up, on a Unix socket only")
        keys = _keys(home)
        port, mail_port = _free_port(port), _free_port()
        environment = _environment(home, metadata, port, keys) | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(plugins)]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(
                {
                    "conn_type": "smtp",
                    "host": "127.0.0.1",
                    "port": mail_port,
                    "extra": {"disable_ssl": True, "disable_tls": True, "from_email": SENDER, "timeout": 10},
                }
            ),
            "MONTHEND_HOME": str(home),
            "MONTHEND_DATABASE": database,
            "MONTHEND_URL": f"http://127.0.0.1:{port}",
            "MONTHEND_INBOX": str(inbox.resolve()),
            "MONTHEND_DECLARATIONS": str(declarations),
            "MONTHEND_MAIL_MODE": mail_mode,
            "MONTHEND_MAIL_FROM": SENDER,
            "MONTHEND_ENVIRONMENT": ENVIRONMENT,
        }
        airflow = Airflow(f"http://127.0.0.1:{port}", home, database, keys["passwords"], processes)
        catcher = [sys.executable, "-m", "monthend.demo.catcher", str(mail_port), str(airflow.caught)]
        processes.start("mail-catcher", catcher, environment)
        processes.start("db-migrate", _airflow("db", "migrate"), environment)
        processes.finish("db-migrate", START_UP)
        progress("Airflow's metadata database is up to date")
        for component, options in COMPONENTS.items():
            processes.start(component, _airflow(component, *options), environment)
        _wait_until_healthy(airflow, mail_port)
        progress(f"Airflow is up at {airflow.url}")
        yield airflow


def _environment(home: Path, metadata: str, port: int, keys: Json) -> dict[str, str]:
    """What Airflow's components need to know; nothing that this shell says of Airflow or of monthend goes through."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MONTHEND_"))}
    url = f"http://127.0.0.1:{port}"
    return inherited | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_private(home / "passwords.json", keys["passwords"])),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata.replace("+psycopg2", "+psycopg", 1),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": keys["api"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"])),
        "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"])),
        "PYTHONUNBUFFERED": "1",
    }


def _metadata_database(warehouse_url: str) -> str:
    """The URL of Airflow's own database, on the same server under a login of its own; made where it is missing."""
    address = make_url(warehouse_url)
    administrator = address.set(drivername="postgresql", username="postgres", database="postgres")
    with psycopg.connect(administrator.render_as_string(hide_password=False), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'airflow'").fetchone():
            connection.execute("CREATE ROLE airflow LOGIN")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'airflow'").fetchone():
            connection.execute("CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0")
    metadata = address.set(drivername="postgresql+psycopg2", username="airflow", database="airflow")
    return metadata.render_as_string(hide_password=False)


def _keys(home: Path) -> Json:
    """The keys and passwords of this home: made once, readable by their owner only."""
    path = home / "keys.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    new = {name: secrets.token_hex(32) for name in ("api", "jwt")}
    new["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    known = kept.get("passwords", {})
    keys: Json = new | kept | {"passwords": {user: known.get(user) or secrets.token_urlsafe(9) for user in USERS}}
    if keys != kept:
        _private(path, keys)
    return keys


def _private(path: Path, content: Json) -> Path:
    """Write JSON that nobody but its owner can read, as a whole or not at all."""
    unfinished = path.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(unfinished, path)
    return path


def _wait_until_healthy(airflow: Airflow, mail_port: int) -> None:
    for _ in airflow.poll(START_UP):
        with contextlib.suppress(httpx.HTTPError, OSError, KeyError):
            health = _http().get(f"{airflow.url}/api/v2/monitor/health").raise_for_status().json()
            socket.create_connection(("127.0.0.1", mail_port), timeout=5).close()
            if all(health[part]["status"] == "healthy" for part in HEALTHY):
                return


def _stop(home: Path, processes: Processes, progress: Progress) -> None:
    """Take everything down, PostgreSQL last."""
    with undisturbed():
        progress("Stopping")
        processes.stop()
        warehouse.stop(home)
        progress("Stopped; no process is left")


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock, so that no two sets of components share its databases."""
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongCall(f"{home}: an installation runs here already. Stop it, or name another home.") from None
        yield


def _free_port(preferred: int = 0) -> int:
    """A port that nobody listens on: the preferred one, or else any."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise NeedsPerson("No port is free on 127.0.0.1.")


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


@cache
def _http() -> httpx.Client:
    """A client that goes straight to loopback, whatever proxy the environment names."""
    return httpx.Client(trust_env=False, timeout=60.0)
