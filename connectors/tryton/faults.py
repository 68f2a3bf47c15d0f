"""What Tryton's errors and statuses mean: pure, one table."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import httpx2

from connectors.tryton.config import TrytonConfig
from gateway.errors import (
    Ambiguous,
    AuthError,
    ConfigError,
    DriftError,
    HeadraceError,
    Outage,
    Refusal,
)
from gateway.http import host_of, status_error

_MISSING_NAME = re.compile(r"'(?P<name>[^']*)'")
"""The text of a Python KeyError: all that trytond says of a model or field it does not have."""

_BUSY = re.compile(
    r"OperationalError|locked|could not serialize|deadlock|too many connections|"
    r"connection.*(closed|lost|refused)|server closed",
    re.IGNORECASE,
)


class Conflict(HeadraceError):
    """A row was changed since it was read (`_timestamp`)."""

    code = "conflict"


class NameUnknown(DriftError):
    """Tryton has no model or field of this name (any more)."""

    code = "name_unknown"

    def __init__(self, name: str, method: str) -> None:
        super().__init__(
            f"Tryton does not know {name!r}, which {method} asked for.",
            mend="A module was removed or changed, or the name is misspelt.",
        )
        self.name = name


def error_of(error: Any, method: str) -> HeadraceError:
    """The error for the `error` member of an answer: an array whose first item is the class of
    Tryton's own exceptions, and for all others the text of the exception."""
    kind, rest = (str(error[0]), error[1:]) if isinstance(error, list) and error else ("", [])
    match kind:
        case "UserError":
            return Refusal(_sentences(rest), code="user_error")
        case "UserWarning":
            return Refusal(
                f"Tryton wants a confirmation: {_sentences([_items(rest)[1:]])}",
                mend="Confirm it once in the client as the gateway's user, with `always`.",
                code="user_warning",
            )
        case "ConcurrencyException":
            return Conflict(f"{method}: the row was changed in the meantime.")
        case "LoginException":
            return AuthError(
                f"Tryton asks for more than a password: {_sentences([_items(rest)[1:2]])}",
                mend="Use an account that signs in with a password alone.",
                code="factor_wanted",
            )
    if found := _MISSING_NAME.fullmatch(kind):
        return NameUnknown(found["name"], method)
    if _BUSY.search(kind):
        return Outage(f"Tryton's database is busy: {_short(kind)}", code="database_busy")
    return Ambiguous(f"Tryton failed in {method}: {_short(kind)}", code="server_error")


def status_fault(
    response: httpx2.Response, config: TrytonConfig, method: str, now: datetime
) -> HeadraceError:
    """The error for a status other than 200; bodies are HTML for people and are not looked at."""
    match response.status_code:
        case 401:
            return AuthError(
                f"Tryton at {config.url} refuses the session of {config.auth.username}.",
                mend="Sessions are bound to one address: several ways out to the network end them.",
            )
        case 403:
            return DriftError(
                f"Tryton does not offer {method}.",
                mend="A module was removed or changed, or the model has no such method.",
                code="method_unknown",
            )
        case 404:
            return ConfigError(
                f"Tryton at {config.url} has no database {config.database!r}.",
                mend="Look at `database`.",
                code="database_unknown",
            )
        case 405:
            return ConfigError(
                f"{config.url} does not take Tryton's calls.",
                mend="Look at `url`, and at the proxy before the server.",
            )
    host = host_of(config.url)
    error = status_error(response.status_code, response.headers, host=host, now=now)
    return error or Ambiguous(f"{host} answered {response.status_code} to {method}.")


def _items(rest: list[Any]) -> list[Any]:
    first = rest[0] if rest else []
    return list(first) if isinstance(first, list | tuple) else [first]


def _sentences(rest: list[Any]) -> str:
    """Message and description, as the client would show them, in one line."""
    texts = [item.strip() for item in _items(rest)[:2] if isinstance(item, str) and item.strip()]
    return _short(" ".join(texts)) or "it gives no reason"


def _short(text: str, limit: int = 500) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
