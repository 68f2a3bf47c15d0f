"""The session: opened once, shared by everything that goes out."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx2
from aiohttp.abc import AbstractResolver

from gateway.http.answer import ACCEPT_ENCODING, MAX_RESPONSE_BYTES, Answer
from gateway.http.authorizer import Authorizer
from gateway.http.guard import Guard
from gateway.http.pool import USER_AGENT, Pool
from gateway.http.wire import GuardedConnector, tls_context

DEFAULT_POOL = "default"


class HttpSession:
    """Pools by name, all behind one guard.

    `client`, `post` and `request` use a pool that all share; an endpoint takes one of its own by
    `pool(runtime.name, limit=…)`, so that a slow one cannot take the others' connections.
    """

    def __init__(self, guard: Guard, resolver: AbstractResolver) -> None:
        self._guard = guard
        self._resolver = resolver
        self._pools: dict[str, Pool] = {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._contexts: dict[Path | None, ssl.SSLContext] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        allow: Sequence[str] = (),
        loopback: bool = True,
        resolver: AbstractResolver | None = None,
    ) -> AsyncIterator[HttpSession]:
        """`allow` holds the CIDR blocks that may be dialled besides public addresses and, unless
        `loopback` is off, this machine's own. `resolver` stands in for the system's in tests.

        Raises ConfigError for a block that is none.
        """
        guard = Guard(allow, loopback=loopback)
        own = aiohttp.ThreadedResolver() if resolver is None else resolver
        session = cls(guard, own)
        try:
            yield session
        finally:
            for each in session._sessions:
                await each.close()
            await own.close()

    def pool(self, name: str, *, limit: int = 100, ca_file: Path | None = None) -> Pool:
        """The pool of this name, with at most `limit` connections at once; made when first asked
        for. `ca_file` holds further authorities to trust (PEM). Raises ConfigError for a bad one.
        """
        if name not in self._pools:
            if ca_file not in self._contexts:
                self._contexts[ca_file] = tls_context(ca_file)
            context = self._contexts[ca_file]
            session = aiohttp.ClientSession(
                connector=GuardedConnector(self._guard, self._resolver, context, limit),
                # Neither cookies nor proxies of the environment: both would be shared by all.
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING},
                skip_auto_headers=["Content-Type"],
            )
            self._sessions.append(session)
            self._pools[name] = Pool(session, context)
        return self._pools[name]

    def client(
        self,
        *,
        base_url: str = "",
        auth: Authorizer | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_secs: float = 30.0,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> httpx2.AsyncClient:
        """`Pool.client` on the shared pool."""
        return self.pool(DEFAULT_POOL).client(
            base_url=base_url,
            auth=auth,
            headers=headers,
            timeout_secs=timeout_secs,
            max_response_bytes=max_response_bytes,
        )

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        auth: Authorizer | None = None,
        timeout_secs: float = 30.0,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Answer:
        """`Pool.post` on the shared pool."""
        return await self.pool(DEFAULT_POOL).post(
            url,
            body,
            headers=headers,
            auth=auth,
            timeout_secs=timeout_secs,
            max_response_bytes=max_response_bytes,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Authorizer | None = None,
        timeout_secs: float = 30.0,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Answer:
        """`Pool.request` on the shared pool."""
        return await self.pool(DEFAULT_POOL).request(
            method,
            url,
            body=body,
            headers=headers,
            auth=auth,
            timeout_secs=timeout_secs,
            max_response_bytes=max_response_bytes,
        )
