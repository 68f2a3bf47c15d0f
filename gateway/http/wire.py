"""aiohttp's connector with the guard in it."""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection

from gateway.errors import ConfigError
from gateway.http.fault import Phase
from gateway.http.guard import Guard, GuardedResolver

phase_of: ContextVar[Phase | None] = ContextVar("headrace_http_phase", default=None)
"""The request under way in this task: set by the faces, marked by the connector."""

DNS_TTL_SECS = 10
KEEPALIVE_SECS = 15.0


class GuardedConnector(aiohttp.TCPConnector):
    """Every socket is made by the guard, every name resolved through it.

    Answers of DNS are kept for ten seconds after they were filtered; what is dialled from them
    is judged once more at the socket.
    """

    def __init__(
        self, guard: Guard, resolver: AbstractResolver, context: ssl.SSLContext, limit: int
    ) -> None:
        super().__init__(
            resolver=GuardedResolver(resolver, guard),
            socket_factory=guard.socket,
            ssl=context,
            limit=limit,
            ttl_dns_cache=DNS_TTL_SECS,
            keepalive_timeout=KEEPALIVE_SECS,
        )

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Connection:  # noqa: ASYNC109 - aiohttp's signature
        connection = await super().connect(req, traces, timeout)
        if (phase := phase_of.get()) is not None:
            phase.connected = True
        return connection

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's signature
        if (phase := phase_of.get()) is not None:
            phase.reused = False
        return await super()._create_connection(req, traces, timeout)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verification with the system's authorities, and those of `ca_file` besides."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"The certificates in {ca_file} cannot be read: "
                f"{getattr(error, 'strerror', None) or type(error).__name__}.",
                mend="`ca_file` names a file of PEM certificates.",
            ) from None
    return context
