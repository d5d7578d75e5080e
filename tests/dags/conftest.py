"""Airflow for the tests: a metadata database and a warehouse on one embedded server, the real API, no scheduler.

The environment has to stand before Airflow is first imported, so it is set when this file is.
"""

import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hand_driven import ON, Airflow

ROOT = Path(__file__).parents[2]
PLACE = Path(tempfile.mkdtemp(prefix="mdags"))  # a short path: the server's socket lies in it
PASSWORDS = {"a.steward": "steward", "b.releaser": "releaser", "an.analyst": "analyst", "admin": "admin"}
atexit.register(shutil.rmtree, PLACE, ignore_errors=True)

sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins")]
os.environ.update(
    {
        "AIRFLOW_HOME": str(PLACE / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://postgres:@/airflow?host={PLACE}/database",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+psycopg://postgres:@/airflow?host={PLACE}/database",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": "xWGDJ7LIUfjwRsfwN7cOJgdAcpy7KhOSvQXcZPEnoVY=",
        "AIRFLOW__API__SECRET_KEY": "only for tests",
        "AIRFLOW__API_AUTH__JWT_SECRET": "only for tests, " * 5,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{user}:{'admin' if user == 'admin' else 'user'}" for user in PASSWORDS
        ),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)

MEETINGS = {"pdg": [date(2025, 5, 22)], "panel": [date(2025, 6, 9)]}  # they see April, frozen on 13 May


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """An embedded PostgreSQL with Airflow's metadata, and a warehouse `loaded` with two months of made-up extracts."""
    import psycopg
    from airflow.utils.db import initdb
    from sqlalchemy import make_url

    from monthend import load, receive, warehouse
    from monthend.office import open_office
    from monthend.sample import street
    from monthend.validate.validation import validate

    url = warehouse.embedded(PLACE)
    administrator = make_url(url).set(drivername="postgresql", username="postgres", database="postgres")
    with psycopg.connect(administrator.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airflow")
        initdb()
        inbox = PLACE / "inbox"
        street.write(inbox, "2025-02", months=2)
        office = open_office(PLACE, url)
        received = receive.receive(office, [inbox], ON)
        validate(office, received.delivery_ids, ON)
        load.load(office, received.delivery_ids)
        office.engine.dispose()
        yield url
    from airflow import settings

    settings.dispose_orm(do_log=False)


@pytest.fixture
def office(server: str, declarations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An office of one test: a copy of the loaded warehouse, the same landing store, packs and outbox of its own.

    It is the one that tasks find. Its boards meet when the tests need it, whatever the example calendar says.
    """
    import psycopg
    from sqlalchemy import make_url

    from monthend.office import open_office

    name = f"test_{time.monotonic_ns()}"
    administrator = make_url(server).set(drivername="postgresql", username="postgres", database="postgres")
    with psycopg.connect(administrator.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE monthend OWNER monthend_owner")
    for path in (declarations / "reports/boards").glob("*.yaml"):
        board = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(board | {"meetings": MEETINGS.get(path.stem, [])}), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    (home / "landing").symlink_to(PLACE / "landing")
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    for variable in [variable for variable in os.environ if variable.startswith(("MONTHEND_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("MONTHEND_HOME", str(home))
    monkeypatch.setenv("MONTHEND_DATABASE", url)
    monkeypatch.setenv("MONTHEND_DECLARATIONS", str(declarations))
    monkeypatch.setenv("MONTHEND_INBOX", str(PLACE / "inbox"))
    opened = open_office(home, url, declarations)
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="session")
def dag_bag(server: str) -> Any:
    """The DAGs, parsed once and stored as a DAG processor stores them."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    return bag


@pytest.fixture
def airflow(api: Airflow) -> Airflow:
    """Airflow with nothing left over from another test's assets."""
    api.runs_by_assets()
    return api


@pytest.fixture(scope="session")
def api(dag_bag: Any) -> Iterator[Airflow]:
    """The API with a token for each user."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    with TestClient(create_app(apps="core")) as client:
        tokens = {
            user: get_auth_manager().generate_jwt(
                SimpleAuthManagerUser(username=user, role="admin" if user == "admin" else "user")
            )
            for user in PASSWORDS
        }
        yield Airflow(dag_bag.dags, client, tokens)


@pytest.fixture
def rows(office: Any) -> Callable[..., list[dict[str, Any]]]:
    """A SELECT on the warehouse of the test."""
    from monthend import warehouse

    def select(statement: str, **parameters: Any) -> list[dict[str, Any]]:
        with office.engine.connect() as connection:
            return warehouse.query(connection, statement, **parameters)

    return select
