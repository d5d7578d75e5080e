"""docker-compose.yaml, the Dockerfile and .env.example: to the specification, and to what the project really has."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import compose_file
import pytest
import yaml
from compose_file import ROOT
from jsonschema import Draft7Validator

SCHEMA = Path(__file__).parent / "fixtures/compose-spec/compose-spec.json"
COMPONENTS = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
KEYS = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
IN_IMAGE = "/opt/monthend"
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def file() -> dict[str, Any]:
    return compose_file.read()


def copied() -> set[str]:
    """What the Dockerfile copies into the image."""
    return {source for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()}


def test_it_keeps_to_the_compose_specification(file: dict[str, Any]) -> None:
    validator = Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(file)] == []
    file["services"]["worker"]["restarts"] = "always"
    assert [error.json_path for error in validator.iter_errors(file)] == ["$.services.worker"]


def test_the_services_are_airflow_s_and_what_they_need(file: dict[str, Any]) -> None:
    assert set(file["services"]) == COMPONENTS | {"set-up", "postgres", "redis", "mail-catcher"}
    for name in COMPONENTS:
        service = file["services"][name]
        assert service["healthcheck"]["test"][:3] == ["CMD", "python", "docker/health.py"]
        assert service["depends_on"]["set-up"] == {"condition": "service_completed_successfully"}
    assert file["services"]["mail-catcher"]["profiles"] == ["trial"]


def test_no_secret_is_written_down(file: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD|SECRET|FERNET|AUTH\b|CONN\b|BROKER|RESULT_BACKEND|_URL$|DATABASE")
    filled = dict.fromkeys(compose_file.variables(TEXT), "")
    for name, service in file["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if secret.search(variable):
                left = compose_file.fill_in(value, filled)
                assert not re.search(r"://[^/@]*:[^/@]+@", left), f"{name}: {variable}"
                assert "://" in left or left in ("", f"{IN_IMAGE}"), f"{name}: {variable} has a value of its own"


def test_a_secret_has_no_default_and_says_what_it_is() -> None:
    for match in compose_file.VARIABLE.finditer(TEXT):
        if re.search(r"PASSWORD$|KEY$|SECRET$", match["name"] or "") and match["name"] != "MONTHEND_SMTP_PASSWORD":
            assert match["kind"] == "?", match[0]
            assert len(match["words"].split()) > 2, match[0]


def test_all_components_share_one_environment_and_so_each_key(file: dict[str, Any]) -> None:
    environments = [file["services"][name]["environment"] for name in sorted(COMPONENTS)]
    assert all(environment == environments[0] for environment in environments)
    assert [len(compose_file.variables(environments[0][key])) for key in KEYS] == [1, 1, 1]
    assert len({environments[0][key] for key in KEYS}) == 3
    set_up = file["services"]["set-up"]["environment"]
    assert {name: set_up[name] for name in environments[0]} == environments[0]


def test_the_logins_are_those_of_roles_sql(file: dict[str, Any]) -> None:
    roles = (ROOT / "include/sql/roles.sql").read_text(encoding="utf-8")
    logins = {"airflow", *re.findall(r"'(monthend_\w+)'", roles)}
    assert len(logins) == 5
    only_there = file["services"]["set-up"]["environment"].keys() - file["services"]["worker"]["environment"].keys()
    assert only_there == {f"{login.upper()}_PASSWORD" for login in logins} | {"POSTGRES_URL"}
    assert set(re.findall(r"//(\w+):\$", " ".join(file["services"]["worker"]["environment"].values()))) == {
        "airflow",
        "monthend_pipeline",
    }


def test_each_path_is_there(file: dict[str, Any]) -> None:
    paths = {*re.findall(rf"{IN_IMAGE}/?([\w/.]*)", TEXT), *re.findall(r"\bdocker/\w+\.py", TEXT)}
    assert paths == {"", "dags", "plugins", "include", "docker/health.py", "docker/set_up.py"}
    for path in [*paths, *copied()]:
        assert (ROOT / path).exists(), path
    for path in paths:
        assert not path or path.split("/")[0] in copied(), f"{path} is not copied into the image"


def test_the_image_holds_what_the_dockerfile_copies_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied()
    assert copied() >= {"dags", "plugins", "include", "expectations", "reports", "docker"}


def test_versions_are_those_that_were_tested(file: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ours = {file["services"][name]["image"] for name in COMPONENTS | {"set-up", "mail-catcher"}}
    assert ours == {f"monthend:{project['project']['version']}"}
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == [
        f"python:{project['tool']['mypy']['python_version']}-slim-bookworm"
    ]
    assert re.findall(r"pip install --no-cache-dir (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE) == [
        "-r requirements.txt",
        "--no-deps -e .",
    ]
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"^apache-airflow==3\.3\.2$", locked, re.MULTILINE)
    assert (
        file["services"]["postgres"]["image"] == "postgres:18-bookworm"
    )  # as the embedded one; the stack's test looks


def test_celery_can_be_loaded_in_the_versions_locked() -> None:
    words = "import airflow.providers.celery.executors.celery_executor as module; print(module.CeleryExecutor.__name__)"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert loaded.stdout.splitlines()[-1:] == ["CeleryExecutor"], loaded.stderr


def test_only_the_api_server_is_published_and_on_loopback_only(file: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in file["services"].items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${MONTHEND_PORT:-8080}:8080"]}
    assert file["networks"]["inside"] == {"internal": True}
    outside = {name for name, service in file["services"].items() if service["networks"] != ["inside"]}
    assert outside == {"api-server", "worker"}
    for name in ("scheduler", "triggerer", "worker"):
        assert file["services"][name]["command"][-1] == "--skip-serve-logs"


def test_each_service_is_guarded(file: dict[str, Any]) -> None:
    for name, service in file["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name == "set-up" else "unless-stopped"), name
    assert re.search(r"^USER monthend$", DOCKERFILE, re.MULTILINE)
    assert [file["services"][name]["user"] for name in ("postgres", "redis")] == ["postgres", "redis"]


def test_one_home_and_an_inbox_that_cannot_be_written_to(file: dict[str, Any]) -> None:
    for name, may_write in (("api-server", ":ro"), ("worker", "")):
        logs, home, inbox = file["services"][name]["volumes"]
        assert (logs, home) == ("logs:/var/log/airflow", f"home:/var/lib/monthend{may_write}")
        assert (inbox["target"], inbox["read_only"]) == ("/inbox", True)
    environment = file["services"]["worker"]["environment"]
    assert (environment["MONTHEND_HOME"], environment["MONTHEND_INBOX"]) == ("/var/lib/monthend", "/inbox")


def test_no_mail_leaves_unless_it_is_told_to(file: dict[str, Any]) -> None:
    none_set = {name: "given" for name, default in compose_file.variables(TEXT).items() if default is None}
    environment = file["services"]["worker"]["environment"]
    assert compose_file.fill_in(environment["MONTHEND_MAIL_MODE"], none_set) == "outbox"
    assert compose_file.fill_in(environment["MONTHEND_SMTP_HOST"], none_set) == ""


def test_env_example_names_every_variable_and_gives_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    asked = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    offered = {line[1:].split("=")[0] for line in lines if re.match(r"#[A-Z_]+=", line)}
    variables = compose_file.variables(TEXT)
    assert asked == {name: "" for name, default in variables.items() if default is None}
    assert offered - {"COMPOSE_PROFILES"} == {name for name, default in variables.items() if default is not None}


def test_env_is_never_committed() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_yaml_is_written_once(file: dict[str, Any]) -> None:
    """No environment is written twice: everything that two services share comes from one anchor."""
    written = yaml.compose(TEXT, Loader=yaml.SafeLoader)
    names = [key.value for top, body in written.value for key, _ in body.value if top.value == "x-environment"]
    assert len(names) == len(set(names)) == len(file["services"]["worker"]["environment"])
