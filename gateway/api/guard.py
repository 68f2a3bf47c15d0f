"""What stands before every route: whose name the request uses, where it comes from, its size.

- A gateway without keys trusts whoever reaches it on loopback. A page of the web reaches it too,
  through a name that an attacker points at 127.0.0.1 (DNS rebinding): the Host header must
  therefore be a loopback name or the bound host.
- A page of another site can make a browser send its cookie (CSRF): an unsafe request must come
  from our own origin, as Sec-Fetch-Site or Origin says (Fetch Metadata, OWASP CSRF cheat sheet),
  unless it carries a bearer key, which no browser adds by itself.
- Bodies are read whole, up to a size and within a time, before a route sees them.
- An error that nobody foresaw becomes a 500 in our shape and an event, never a traceback.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import events
from gateway.api.problems import problem_response

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1 << 20
BODY_SECS = 30.0
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware. `any_host` is for a gateway with keys, which may stand behind any name."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        any_host: bool,
        hosts: Iterable[str] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
        body_secs: float = BODY_SECS,
    ) -> None:
        self.app = app
        self.any_host = any_host
        self.hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self.max_body_bytes = max_body_bytes
        self.body_secs = body_secs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope)
        if refused is None and scope["method"] not in SAFE:
            taken = await self._body(scope, receive)
            if isinstance(taken, Response):
                refused = taken
            else:
                receive = _replay(taken, receive)
        if refused is not None:
            await refused(scope, receive, guarded_send)
            return
        try:
            await self.app(scope, receive, guarded_send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets one shape
            name = type(error).__name__
            events.emit(events.StepFailed("api", name, _where(error)))
            if started:
                raise ConnectionAbortedError(name) from None
            answer = problem_response(
                500,
                "unforeseen",
                f"The gateway met an error it did not foresee ({name}).",
                "Its log has a step_failed event; please report it.",
            )
            await answer(scope, receive, guarded_send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self.any_host and not self._own_name(host):
            return problem_response(
                421,
                "host_unknown",
                f"This gateway is not {_short(host) or 'without a name'}.",
                "Ask for it as localhost or 127.0.0.1, or add `api.keys` to the project file.",
            )
        if scope["method"] in SAFE or headers.get("authorization", "").lower().startswith("bearer"):
            return None
        if not _same_origin(headers, host):
            return problem_response(
                403,
                "cross_site",
                "The request comes from another site.",
                "Use the console's own pages, or send a key as `Authorization: Bearer …`.",
            )
        return None

    def _own_name(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        return name in self.hosts or is_loopback(name)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Response:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self.max_body_bytes:
            return self._too_large()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.body_secs):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        break
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self.max_body_bytes:
                        return self._too_large()
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            return problem_response(
                408, "body_slow", f"The body did not arrive within {self.body_secs:.0f} s."
            )
        body = b"".join(chunks)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and scope["path"].startswith("/v1/") and kind != "application/json":
            return problem_response(
                415,
                "media_type_unknown",
                f"The body is {_short(kind) or 'of no media type'}.",
                "Send JSON with `Content-Type: application/json`.",
            )
        return body

    def _too_large(self) -> Response:
        return problem_response(
            413, "body_too_large", f"The body has more than {self.max_body_bytes:,} bytes."
        )


def is_loopback(host: str) -> bool:
    """Whether a host names this machine itself: localhost, 127.0.0.0/8, ::1."""
    name = host.lower().strip("[]").rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _same_origin(headers: Headers, host: str) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True  # not a browser: those say one or the other on every unsafe request
    return urlsplit(origin).netloc.lower() == host.lower()


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _where(error: Exception) -> str:
    """Where an error was raised, without its text: that may quote payload."""
    trace = error.__traceback__
    last = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/gateway/" in code.co_filename:
            last = f"{code.co_filename.rpartition('/gateway/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"at gateway/{last}" if last else "in a library"


def _short(text: str) -> str:
    clean = "".join(c for c in text if c.isprintable())
    return clean if len(clean) <= 80 else clean[:80] + "…"
