"""What a failure of the wire means: an outage, or a failure that does not say whose it is."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp

from gateway.errors import Ambiguous, ConfigError, HeadraceError, Outage, Unanswered
from gateway.http.guard import ForbiddenAddress


class Phase:
    """How far one request has come. `reused` says that its connection had served others."""

    __slots__ = ("connected", "reused")

    def __init__(self) -> None:
        self.connected = False
        self.reused = True


def wire_error(error: BaseException, host: str, phase: Phase, timeout_secs: float) -> HeadraceError:
    """The gateway's error for one of aiohttp's.

    Before the request was sent nothing can have happened on the other side: Outage. After that
    the other side may have worked on it, and what was sent may be what brought it down:
    Ambiguous. Messages name host and cause, never path, query or headers. What is no failure of
    the wire is raised as it is.
    """
    if isinstance(error, HeadraceError):
        return error
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigError(f"The URL of {host} cannot be used.", code="url_invalid")
    if not isinstance(error, _WIRE):
        raise error
    return (
        _after(error, host, timeout_secs) if phase.connected else _before(error, host, timeout_secs)
    )


_MALFORMED = (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError)
_WIRE = (aiohttp.ClientError, OSError, asyncio.TimeoutError, *_MALFORMED)


def _before(error: BaseException, host: str, timeout_secs: float) -> Outage:
    forbidden = _cause(error, ForbiddenAddress)
    if forbidden is not None:
        leads = f"{host} leads to {forbidden.address}" if forbidden.host else forbidden.address
        return Outage(
            f"{leads}, which may not be dialled ({forbidden.reason}).",
            mend="If it should be reached, list its CIDR block in `network.allow`.",
            code="address_forbidden",
        )
    if isinstance(error, asyncio.TimeoutError):
        return Outage(f"No connection to {host} within {timeout_secs:g} s.", code="connect_timeout")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Outage(f"The name of {host} cannot be resolved.", code="dns_failed")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "it does not fit")
        return Outage(
            f"The certificate of {host} is not trusted: {why}.",
            mend="Give the authority's certificate as `ca_file`; verification is never turned off.",
            code="tls_untrusted",
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return Outage(f"TLS with {host} failed: {_words(error)}.", code="tls_failed")
    return Outage(f"{host} cannot be reached: {_words(error)}.", code="unreachable")


def _after(error: BaseException, host: str, timeout_secs: float) -> Ambiguous:
    if isinstance(error, asyncio.TimeoutError):
        return Unanswered(
            f"{host} did not answer within {timeout_secs:g} s.", code="answer_timeout"
        )
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unanswered(f"The answer of {host} was cut short.", code="body_cut_short")
    if isinstance(error, _MALFORMED):
        return Ambiguous(f"{host} did not answer in HTTP that can be read.", code="http_malformed")
    return Unanswered(
        f"{host} closed the connection before it had answered.", code="connection_lost"
    )


def _cause(error: BaseException | None, kind: type[Any]) -> Any:
    seen = 0
    while error is not None and seen < 8:
        if isinstance(error, kind):
            return error
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
        seen += 1
    return None


def _words(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    # asyncio's own text repeats the address; the system's word for the number is enough.
    number = getattr(inner, "errno", None)
    return os.strerror(number) if number and number > 0 else type(inner).__name__
