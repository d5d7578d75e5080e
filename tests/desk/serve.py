"""Airflow's API with the desk, under one auth manager, driven by lines on standard input.

The environment says which auth manager, where, and on which databases. Each line is a command in JSON, answered by a
line of JSON: `["trigger", dag_id, month, on]` runs a DAG as far as it goes without a person and gives the run's id,
`["go_on", dag_id, run_id]` lets it go on and gives its state, `["routes"]` lists the desk's routes with their needs.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "tests/dags")]


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    import httpx
    import uvicorn
    from airflow.api_fastapi.app import create_app
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.utils.db import initdb
    from hand_driven import Airflow, Run

    users: dict[str, str] = json.loads(os.environ["DESK_USERS"])
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    address = urlsplit(os.environ["AIRFLOW__API__BASE_URL"])
    app = create_app(apps="core")
    tokens = _tokens(users)
    config = uvicorn.Config(app, host=address.hostname, port=address.port, log_level="warning")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.1)
    client = httpx.Client(base_url=address.geturl(), trust_env=False, timeout=60)
    airflow = Airflow(bag.dags, client, tokens)
    print(json.dumps(tokens), file=answers, flush=True)
    for line in sys.stdin:
        command, *rest = json.loads(line)
        if command == "trigger":
            dag_id, month, on = rest
            answer: Any = airflow.trigger(dag_id, month, on=on).run_id
        elif command == "go_on":
            run = Run(airflow, *rest)
            run.go_on()
            answer = run.state
        else:
            answer = _routes()
        print(json.dumps(answer), file=answers, flush=True)


def _tokens(users: dict[str, str]) -> dict[str, str]:
    """A token for each user, as either auth manager makes it; under FAB the users are made first."""
    from airflow.api_fastapi.app import get_auth_manager

    manager: Any = get_auth_manager()
    if "fab" not in os.environ["AIRFLOW__CORE__AUTH_MANAGER"]:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        return {
            user: manager.generate_jwt(SimpleAuthManagerUser(username=user, role=role or None))
            for user, role in users.items()
        }
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        builder.sm.sync_roles()
        tokens = {}
        for user, role in users.items():
            made = builder.sm.add_user(
                user, user, "Test", f"{user}@example.org", builder.sm.find_role(role.title() or "Public"), password=user
            )
            tokens[user] = manager.generate_jwt(made)
        return tokens


def _routes() -> list[tuple[str, str, list[str]]]:
    """Each route of the desk: method, path, and what it needs."""
    from monthend_airflow.desk.access import NEEDS
    from monthend_airflow.desk.app import app

    return [
        (
            method,
            route.path,
            [need for need, call in NEEDS.items() if call in [each.call for each in route.dependant.dependencies]],
        )
        for route in app.routes
        for method in sorted(route.methods)
    ]


if __name__ == "__main__":
    main()
