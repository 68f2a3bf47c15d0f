"""The httpx2 face: httpx-aiohttp's transport on the guarded session, with the same rules."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx2
from httpx_aiohttp.httpx2 import AiohttpTransport

from gateway.errors import ConfigError, HeadraceError, Outage
from gateway.http.answer import bounded
from gateway.http.fault import Phase, wire_error
from gateway.http.request import HOP_BY_HOP, check_headers, check_url, host_of, origin_of
from gateway.http.wire import phase_of

MAX_REDIRECTS = 5
_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Raises the gateway's errors (Outage, Ambiguous, ConfigError, Refusal), never httpx2's.

    The time-out of a request (`read` of httpx2's four) is one deadline over DNS, connecting,
    headers and body. Redirects are followed only on the same origin and only for GET and HEAD;
    any other is an Outage of code `redirected`.
    """

    def __init__(
        self, session: aiohttp.ClientSession, context: ssl.SSLContext, max_response_bytes: int
    ) -> None:
        self._inner = AiohttpTransport(client=session, verify=context, trust_env=False)
        self._limit = max_response_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        secs = request.extensions.get("timeout", {}).get("read")
        deadline = None if secs is None else asyncio.get_running_loop().time() + secs
        for _ in range(MAX_REDIRECTS):
            response = await self._once(request, _Way(secs or 0.0, deadline, self._limit))
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            await response.aclose()
            request = _followed(request, response)
        raise _redirected(request, "in a circle")

    async def _once(self, request: httpx2.Request, way: _Way) -> httpx2.Response:
        way.host = host_of(str(request.url))
        check_url(str(request.url))
        check_headers(
            {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        )
        token = phase_of.set(way.phase)
        try:
            async with asyncio.timeout_at(way.deadline):
                response = await self._inner.handle_async_request(_untimed(request))
        except Exception as error:  # noqa: BLE001 - wire_error raises again what it does not know
            raise way.error(error) from None
        finally:
            phase_of.reset(token)
        return httpx2.Response(
            response.status_code,
            headers=[
                (name, value)
                for name, value in response.headers.raw
                if name.lower() not in _FRAMING
            ],
            stream=_Body(response, way),
            request=request,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """The session is the pool's, which outlives its clients."""


@dataclass(slots=True)
class _Way:
    """How far one exchange may go, and how far it has come."""

    secs: float
    deadline: float | None
    limit: int
    host: str = "?"
    phase: Phase = field(default_factory=Phase)

    def error(self, error: Exception) -> HeadraceError:
        return wire_error(_original(error), self.host, self.phase, self.secs)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, way: _Way) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self._encoding = response.headers.get("content-encoding", "")
        self._way = way

    async def __aiter__(self) -> AsyncIterator[bytes]:
        way = self._way
        async for piece in bounded(self._chunks(), self._encoding, limit=way.limit, host=way.host):
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout_at(self._way.deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except Exception as error:  # noqa: BLE001 - wire_error raises again what it does not know
                raise self._way.error(error) from None
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _untimed(request: httpx2.Request) -> httpx2.Request:
    """The same request without httpx2's four time-outs: the one deadline is kept outside."""
    extensions = {**request.extensions, "timeout": {}}
    try:
        body: dict[str, Any] = {"content": request.content}
    except httpx2.RequestNotRead:
        body = {"stream": request.stream}
    return httpx2.Request(
        request.method, request.url, headers=request.headers, extensions=extensions, **body
    )


def _original(error: Exception) -> BaseException:
    """httpx-aiohttp renames aiohttp's errors; the first ones say more."""
    if isinstance(error, httpx2.TransportError) and error.__cause__ is not None:
        return error.__cause__
    if isinstance(error, httpx2.TransportError):
        return aiohttp.ClientConnectionError(type(error).__name__)
    return error


def _followed(request: httpx2.Request, response: httpx2.Response) -> httpx2.Request:
    location = response.headers.get("location", "")
    try:
        target = request.url.join(location)
        check_url(str(target))
        same = bool(location) and origin_of(str(target)) == origin_of(str(request.url))
    except (ConfigError, httpx2.InvalidURL, ValueError):
        raise _redirected(request, "to somewhere that cannot be read") from None
    if not same:
        raise _redirected(request, f"to {host_of(str(target))}" if location else "nowhere")
    if request.method not in ("GET", "HEAD"):
        raise _redirected(request, "elsewhere on the same host")
    return httpx2.Request(
        request.method, target, headers=request.headers, extensions=request.extensions
    )


def _redirected(request: httpx2.Request, where: str) -> HeadraceError:
    return Outage(
        f"{host_of(str(request.url))} redirects {where}; redirects are not followed there.",
        mend="Write the final address as the URL.",
        code="redirected",
    )
