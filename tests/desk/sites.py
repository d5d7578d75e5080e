"""An Airflow with the desk, in a process of its own, for the tests and the benchmark."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from offices import Server, Street, folder_for_server

from monthend import warehouse
from monthend.office import Office, open_office

__all__ = ["Server", "Site", "Street", "folder_for_server", "running"]
ROOT = Path(__file__).parents[2]
FROZEN, MONTH, ON = "2025-03", "2025-04", date(2025, 5, 13)
PREFIX = "/airflow"  # of an Airflow that is not at the root of its host
PERIOD = "2025-02"  # what is due at the end of MONTH
MANAGERS = {
    "simple": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "fab": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
}
USERS = {  # with their roles in Airflow
    "v.viewer": "viewer",
    "admin": "admin",
    "n.nothing": "",
    "A. Steward": "viewer",  # has the steward's display name as user name, and is nobody
    "a.steward": "user",
    "b.releaser": "user",
    "c.registrar": "user",
    "e.registrar": "user",
    "d.analyst": "viewer",
}


@dataclass
class Site:
    """One Airflow with its desk, and the office behind it."""

    url: str
    office: Office
    process: Any
    tokens: dict[str, str] = field(default_factory=dict)

    def visit(self, path: str, user: str | None = None, method: str = "GET", **arguments: Any) -> httpx.Response:
        """Ask for a page as somebody's browser does, or as nobody's; it follows no redirect."""
        headers = {"accept": "text/html"}
        if method == "POST":
            headers["origin"] = self.url.removesuffix(PREFIX)
        headers |= arguments.pop("headers", {})
        cookies = {"_token": self.tokens[user]} if user else {}
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60, cookies=cookies) as client:
            return client.request(method, f"/desk{path}", headers=headers, **arguments)

    def airflow(self, method: str, path: str, **body: Any) -> Any:
        """Call Airflow's own API as its administrator."""
        bearer = {"authorization": f"Bearer {self.tokens['admin']}"}
        with httpx.Client(base_url=f"{self.url}/api/v2", trust_env=False, timeout=60, headers=bearer) as client:
            return client.request(method, path, json=body).raise_for_status().json()

    def tell(self, *command: Any) -> Any:
        """Have Airflow do what a scheduler does; see serve.py."""
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """What a SELECT on the warehouse gives."""
        with self.office.engine.connect() as connection:
            return warehouse.query(connection, statement, **parameters)

    def delivery(self, verdict: str) -> int:
        """The newest delivery with a verdict."""
        of = "SELECT max(delivery_id) AS delivery_id FROM quality.validation WHERE verdict = :verdict"
        return int(self.rows(of, verdict=verdict)[0]["delivery_id"])


@contextmanager
def running(
    server: Server, stocked: tuple[Office, str], manager: str, declarations: Path, path: str = ""
) -> Iterator[Site]:
    """Airflow under one auth manager on a copy of the stocked office."""
    template, database = stocked
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="monthend-"))) / "home"
        shutil.copytree(template.home, home)
        copy = server.copy_of(database)
        metadata = f"airflow_{copy}"
        with server.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {metadata}".encode())
        office = open_office(home, server.url(copy), declarations)
        stack.callback(office.engine.dispose)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}{path}"
        address = server.administrator.set(username="postgres", database=metadata)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MONTHEND_"))} | {
            "AIRFLOW_HOME": str(home.parent / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address.set(drivername="postgresql+psycopg2").render_as_string(
                False
            ),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": address.set(drivername="postgresql+psycopg").render_as_string(
                False
            ),
            "AIRFLOW__CORE__AUTH_MANAGER": MANAGERS[manager],
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__FERNET_KEY": "xWGDJ7LIUfjwRsfwN7cOJgdAcpy7KhOSvQXcZPEnoVY=",
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__SECRET_KEY": "only for tests",
            "AIRFLOW__API_AUTH__JWT_SECRET": "only for tests, " * 5,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "MONTHEND_HOME": str(home),
            "MONTHEND_DATABASE": server.url(copy),
            "MONTHEND_DECLARATIONS": str(declarations),
            "DESK_USERS": json.dumps(USERS),
        }
        log = stack.enter_context((home.parent / "log").open("w+"))
        process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("serve.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True,
        )  # fmt: skip
        try:
            tokens = process.stdout.readline() if process.stdout else ""
            if not tokens:
                log.seek(0)
                raise AssertionError(f"Airflow did not come up:\n{log.read()[-3000:]}")
            yield Site(url, office, process, json.loads(tokens))
        finally:
            process.kill()
            process.wait()
