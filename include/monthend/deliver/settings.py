"""How mail leaves: the mode, the environment's name, the sender and the mail server."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from typing import Any, Literal, cast, get_args

from monthend.errors import WrongCall

Mode = Literal["outbox", "redirect", "live"]
Security = Literal["tls", "starttls", "none"]
PORTS = {"tls": 465, "starttls": 587, "none": 25}


@dataclass(frozen=True)
class Settings:
    """How mail leaves. Without any setting it leaves as files in the outbox only.

    `environment` is the name that the warehouse is armed for; `sender` is the plan's contact where it is empty.
    `security` is TLS from the start, STARTTLS, or none; the port follows from it where it is 0.
    """

    mode: Mode = "outbox"
    environment: str = ""
    redirect_to: str | None = None
    sender: str = ""
    host: str = ""
    port: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    security: Security = "tls"
    timeout: float = 30.0


def settings_from_environment(smtp: Mapping[str, Any] | None = None) -> Settings:
    """Read MONTHEND_MAIL_MODE, MONTHEND_ENVIRONMENT, MONTHEND_MAIL_REDIRECT_TO, MONTHEND_MAIL_FROM and the server.

    `smtp` holds the fields of an Airflow connection (host, port, login, password, extra) as they are; without one
    MONTHEND_SMTP_HOST, _PORT, _USER, _PASSWORD, _SECURITY (tls, starttls or none) and _TIMEOUT tell the server.
    """
    server = _from_variables() if smtp is None else _from_connection(smtp)
    sender = os.environ.get("MONTHEND_MAIL_FROM", "").strip() or server.pop("sender", "")
    return Settings(
        mode=cast("Mode", _one_of(Mode, "MONTHEND_MAIL_MODE", os.environ.get("MONTHEND_MAIL_MODE") or "outbox")),
        environment=os.environ.get("MONTHEND_ENVIRONMENT", "").strip(),
        redirect_to=os.environ.get("MONTHEND_MAIL_REDIRECT_TO", "").strip() or None,
        **{**server, "sender": sender},
    )


def check(settings: Settings) -> None:
    """Refuse settings that do not fit together, before anything is queued. Raises WrongCall."""
    if settings.mode == "outbox":
        return
    if settings.mode == "live" and not settings.environment:
        raise WrongCall("Live mail needs the environment's name: set MONTHEND_ENVIRONMENT to the one that is armed.")
    if settings.mode == "redirect":
        address(settings.redirect_to or "", "MONTHEND_MAIL_REDIRECT_TO")
    if not settings.host:
        raise WrongCall(f"Mode {settings.mode} needs a mail server: set MONTHEND_SMTP_HOST, or Airflow's connection.")
    if settings.username and settings.security == "none":
        raise WrongCall("A password is not sent over an unencrypted connection: use TLS or STARTTLS, or no user name.")


def address(text: str, where: str) -> Address:
    """The one plain address in `text`; anything else, a name, a list or a line break included, is a wrong call."""
    try:
        parsed = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        parsed = Address()
    # Narrower than the standard: the address also stands in a file's name, and no mail server reads it differently.
    if parsed.addr_spec != text or not re.fullmatch(r"[A-Za-z0-9._%+'&=-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text):
        raise WrongCall(f"{where}: {text!r} is not a plain e-mail address such as name@council.example.")
    return parsed


def _from_variables() -> dict[str, Any]:
    def variable(name: str) -> str:
        return os.environ.get(f"MONTHEND_SMTP_{name}", "")

    return {
        "host": variable("HOST").strip(),
        "port": int(_number("MONTHEND_SMTP_PORT", variable("PORT") or 0)),
        "username": variable("USER") or None,
        "password": variable("PASSWORD") or None,
        "security": _one_of(Security, "MONTHEND_SMTP_SECURITY", variable("SECURITY") or "tls"),
        "timeout": _number("MONTHEND_SMTP_TIMEOUT", variable("TIMEOUT") or Settings.timeout),
    }


def _from_connection(smtp: Mapping[str, Any]) -> dict[str, Any]:
    extra = smtp.get("extra") or {}
    try:
        extra = dict(json.loads(extra) if isinstance(extra, str) else extra)
    except ValueError:
        raise WrongCall("The SMTP connection's extra is not JSON: correct it in Airflow's connection.") from None

    def is_set(name: str) -> bool:
        return str(extra.get(name, "")).strip().lower() in ("true", "1", "yes")

    return {
        "host": str(smtp.get("host") or ""),
        "port": int(_number("The SMTP connection's port", smtp.get("port") or 0)),
        "username": smtp.get("login") or None,
        "password": smtp.get("password") or None,
        "security": "tls" if not is_set("disable_ssl") else "starttls" if not is_set("disable_tls") else "none",
        "timeout": _number("The SMTP connection's timeout", extra.get("timeout") or Settings.timeout),
        "sender": str(extra.get("from_email") or ""),
    }


def _number(where: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise WrongCall(f"{where}: is not a number.") from None


def _one_of(choices: Any, where: str, value: str) -> str:
    if value not in get_args(choices):
        raise WrongCall(f"{where}: {value!r} is none of {', '.join(get_args(choices))}.")
    return value
