"""One endpoint's connections, and the two ways to use them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx2

from gateway.errors import Ambiguous, ConfigError
from gateway.http.answer import ACCEPT_ENCODING, MAX_RESPONSE_BYTES, Answer, bounded
from gateway.http.authorizer import Authorizer, HttpxAuth
from gateway.http.fault import Phase, wire_error
from gateway.http.request import check_headers, check_url, host_of
from gateway.http.transport import GuardedTransport
from gateway.http.wire import phase_of

USER_AGENT = "headrace"


class Pool:
    """Made by `HttpSession.pool`, which also closes it."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext) -> None:
        self._session = session
        self._context = context

    def transport(self, *, max_response_bytes: int = MAX_RESPONSE_BYTES) -> GuardedTransport:
        """For a library that makes httpx2 clients of its own, as Authlib does."""
        return GuardedTransport(self._session, self._context, max_response_bytes)

    def client(
        self,
        *,
        base_url: str = "",
        auth: Authorizer | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_secs: float = 30.0,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> httpx2.AsyncClient:
        """An httpx2 client on this pool. Cookies are the client's own; proxies and .netrc of the
        environment are not read. Closing it leaves the pool open.

        Its requests raise Outage, Ambiguous, Refusal (a header that cannot be sent) and
        ConfigError (a URL that cannot be used); statuses are the caller's to judge with
        `status_error`.
        """
        if base_url:
            check_url(base_url)
        return _Client(
            transport=self.transport(max_response_bytes=max_response_bytes),
            base_url=base_url,
            auth=HttpxAuth(auth) if auth is not None else None,
            headers={
                "user-agent": USER_AGENT, "accept-encoding": ACCEPT_ENCODING, **(headers or {})
            },
            timeout=timeout_secs,
            follow_redirects=False,
            trust_env=False,
        )  # fmt: skip

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
        """`request` with a body."""
        return await self.request(
            "POST",
            url,
            body=body,
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
        """The direct lane: send, and read the answer whole, whatever its status.

        `timeout_secs` is one deadline over credentials, DNS, connecting, headers and body. A 401
        is tried once more where `auth` has newer credentials. Redirects are never followed: they
        come back as the answer. Raises Outage, Ambiguous, Refusal or ConfigError as `client` does.
        """
        check_url(url)
        out = _Outgoing(method, url, body, host_of(url), max_response_bytes)
        try:
            async with asyncio.timeout(timeout_secs):
                credentials = await auth.headers() if auth is not None else {}
                answer = await self._sent(out, {**(headers or {}), **credentials})
                if answer.status == 401 and auth is not None and await auth.renew(credentials):
                    credentials = await auth.headers()
                    answer = await self._sent(out, {**(headers or {}), **credentials})
                return _unechoed(answer, credentials)
        except TimeoutError as error:
            raise wire_error(error, out.host, out.phase, timeout_secs) from None

    async def _sent(self, out: _Outgoing, headers: Mapping[str, str]) -> Answer:
        check_headers(headers)
        try:
            return await self._exchange(out, headers)
        except Ambiguous as error:
            # A server may close an idle connection in the moment it is used again (RFC 9112
            # 9.3.1). That says nothing about what was sent, so it is sent once more, on a new
            # connection; deliveries carry an idempotency key for exactly this.
            if error.code != "connection_lost" or not out.phase.reused:
                raise
        return await self._exchange(out, headers)

    async def _exchange(self, out: _Outgoing, headers: Mapping[str, str]) -> Answer:
        out.phase = Phase()
        token = phase_of.set(out.phase)
        try:
            async with self._session.request(
                out.method,
                out.url,
                data=out.body,
                headers=headers,
                allow_redirects=False,
                auto_decompress=False,
            ) as response:
                encoding = response.headers.get("Content-Encoding", "")
                chunks = bounded(_chunks(response), encoding, limit=out.limit, host=out.host)
                body = b"".join([piece async for piece in chunks])
                names = {
                    name.lower(): ", ".join(response.headers.getall(name))
                    for name in response.headers
                }
                return Answer(response.status, names, body)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - wire_error raises again what it does not know
            raise wire_error(error, out.host, out.phase, 0.0) from None
        finally:
            phase_of.reset(token)


class _Client(httpx2.AsyncClient):
    """httpx2 reads a URL before the transport sees it, and has an error of its own for that."""

    def build_request(self, method: str, url: httpx2.URL | str, **more: Any) -> httpx2.Request:
        try:
            return super().build_request(method, url, **more)
        except httpx2.InvalidURL:
            raise ConfigError(
                f"The URL of {host_of(str(url))} cannot be used.", code="url_invalid"
            ) from None


@dataclass(slots=True)
class _Outgoing:
    method: str
    url: str
    body: bytes | None
    host: str
    limit: int
    phase: Phase = field(default_factory=Phase)


def _unechoed(answer: Answer, credentials: Mapping[str, str]) -> Answer:
    """An error that repeats our credentials would carry them into letters and logs."""
    if answer.status < 400 or not credentials:
        return answer
    body = answer.body
    for value in credentials.values():
        for secret in (value, value.rpartition(" ")[2]):
            body = body.replace(secret.encode(), b"***")
    return Answer(answer.status, answer.headers, body)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for chunk in response.content.iter_any():
        yield chunk
