"""How mail leaves, as the environment and Airflow's connection say it."""

from typing import Any

import pytest

from monthend.deliver.settings import Settings, address, settings_from_environment
from monthend.errors import WrongCall


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAIL_MODE", "MAIL_REDIRECT_TO", "MAIL_FROM", "ENVIRONMENT"):
        monkeypatch.delenv(f"MONTHEND_{name}", raising=False)
    for name in ("HOST", "PORT", "USER", "PASSWORD", "SECURITY", "TIMEOUT"):
        monkeypatch.delenv(f"MONTHEND_SMTP_{name}", raising=False)


def test_nothing_set_is_the_outbox() -> None:
    assert settings_from_environment() == Settings()
    assert settings_from_environment().mode == "outbox"


def test_the_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MAIL_MODE": "redirect",
        "MAIL_REDIRECT_TO": "trial@opcc.example",
        "MAIL_FROM": "packs@opcc.example",
        "ENVIRONMENT": "staging",
        "SMTP_HOST": "mail.opcc.example",
        "SMTP_PORT": "2525",
        "SMTP_SECURITY": "starttls",
        "SMTP_USER": "packs",
        "SMTP_PASSWORD": "secret",
    }.items():
        monkeypatch.setenv(f"MONTHEND_{name}", value)
    settings = settings_from_environment()
    assert settings == Settings(
        "redirect",
        "staging",
        "trial@opcc.example",
        "packs@opcc.example",
        "mail.opcc.example",
        2525,
        "packs",
        "secret",
        "starttls",
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("extra", "security"),
    [
        ({}, "tls"),
        ({"disable_ssl": True}, "starttls"),
        ('{"disable_ssl": true, "disable_tls": "true"}', "none"),
        (None, "tls"),
    ],
)
def test_a_connection_says_how_to_encrypt(extra: Any, security: str) -> None:
    fields = {"host": "mail.opcc.example", "port": 587, "login": "packs", "password": "secret", "extra": extra}
    settings = settings_from_environment(fields)
    assert (settings.security, settings.host, settings.port, settings.username) == (
        security,
        "mail.opcc.example",
        587,
        "packs",
    )


def test_the_sender_of_the_connection_gives_way_to_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"host": "mail.opcc.example", "extra": {"from_email": "one@opcc.example", "timeout": 10}}
    assert settings_from_environment(connection).sender == "one@opcc.example"
    assert settings_from_environment(connection).timeout == 10
    monkeypatch.setenv("MONTHEND_MAIL_FROM", "two@opcc.example")
    assert settings_from_environment(connection).sender == "two@opcc.example"


@pytest.mark.parametrize(
    ("name", "value"), [("MAIL_MODE", "Live"), ("SMTP_SECURITY", "ssl"), ("SMTP_PORT", "smtp"), ("SMTP_TIMEOUT", "?")]
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MONTHEND_{name}", value)
    with pytest.raises(WrongCall, match=f"MONTHEND_{name}"):
        settings_from_environment()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chair",
        "chair@",
        "Chair <chair@opcc.example>",
        "chair@opcc.example, other@opcc.example",
        "chair@opcc.example\r\nBcc: other@opcc.example",
        "chair@opcc.example\n",
        "a/../b@opcc.example",
        "chäir@opcc.example",
        '"a b"@opcc.example',
    ],
)
def test_only_a_plain_address_is_an_address(text: str) -> None:
    with pytest.raises(WrongCall, match="not a plain e-mail address"):
        address(text, "here")


def test_a_plain_address_is_kept() -> None:
    assert address("o'neil.clerk+packs@council.example", "here").addr_spec == "o'neil.clerk+packs@council.example"
