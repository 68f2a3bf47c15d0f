"""Who asks, and what they may do.

With keys in the project file a caller presents one as `Authorization: Bearer …`, or, in a browser,
as an opaque session cookie that a login with the key has set. Without keys the gateway only
listens on loopback (see `gateway.api.serve`) and whoever reaches it there is an operator.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Request

from gateway import events
from gateway.api.problems import ApiError
from gateway.config.model import MIN_KEY_CHARS, ApiKey
from gateway.errors import ConfigError
from gateway.secrets import Secret

Role: TypeAlias = Literal["viewer", "operator"]

COOKIE = "headrace_session"
SESSION_SECS = 12 * 3600.0
MAX_SESSIONS = 1_000
MAX_KEY_CHARS = 4_096
REREAD_SECS = 5.0


@dataclass(frozen=True)
class Caller:
    """`name` is the key's name in the project file, `local` where there are no keys."""

    name: str
    role: Role

    @property
    def operates(self) -> bool:
        return self.role == "operator"


LOCAL = Caller("local", "operator")


class Keyring:
    """The keys of the project file, as digests. Looking one up takes the same time whichever
    matches, or none. The secrets are read again every few seconds, so that they can rotate; one
    that cannot be read any more opens nothing."""

    def __init__(
        self,
        keys: Sequence[ApiKey] = (),
        clock: Callable[[], float] = time.monotonic,
        *,
        token: str | None = None,
    ) -> None:
        """`token` is what this machine's own command line presents; it makes no keyring by
        itself. Raises ConfigError for a key whose reference leads nowhere, or that is too short.
        """
        self._clock = clock
        self._own = (_digest(token), LOCAL) if token else None
        self._sources = [(Caller(key.name, key.role), key.key) for key in keys]
        self._keys = [(_strong(caller, secret), caller) for caller, secret in self._sources]
        self._read_at = clock()

    def __bool__(self) -> bool:
        return bool(self._sources)

    def __repr__(self) -> str:
        return f"Keyring({[caller.name for caller, _ in self._sources]})"

    def find(self, presented: str) -> Caller | None:
        self._read_again()
        digest = _digest(presented[:MAX_KEY_CHARS])
        found: Caller | None = None
        for known, caller in [*self._keys, self._own] if self._own else self._keys:
            if hmac.compare_digest(known, digest):
                found = caller
        return found

    def _read_again(self) -> None:
        now = self._clock()
        if now - self._read_at < REREAD_SECS:
            return
        self._read_at = now
        self._keys = []
        for caller, secret in self._sources:
            with contextlib.suppress(ConfigError):
                self._keys.append((_strong(caller, secret), caller))


class Sessions:
    """Logins of browsers: an opaque token each, in memory, so a restart logs everybody out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[bytes, tuple[Caller, float]] = {}

    def open(self, caller: Caller) -> str:
        now = self._clock()
        self._open = {key: value for key, value in self._open.items() if value[1] > now}
        while len(self._open) >= MAX_SESSIONS:
            self._open.pop(next(iter(self._open)))
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = (caller, now + SESSION_SECS)
        return token

    def find(self, token: str) -> Caller | None:
        found = self._open.get(_digest(token))
        return found[0] if found is not None and found[1] > self._clock() else None

    def close(self, token: str) -> None:
        self._open.pop(_digest(token), None)


class Gatekeeper:
    """Says who a request is from. Kept at `app.state.gatekeeper`."""

    def __init__(self, keyring: Keyring, sessions: Sessions | None = None) -> None:
        self.keyring = keyring
        self.sessions = sessions or Sessions()

    def caller(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller | None:
        """Whoever the key or the session stands for, None for nobody we know."""
        if not self.keyring:
            return LOCAL
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        if presented:
            return self.keyring.find(presented.strip()) if scheme.lower() == "bearer" else None
        token = cookies.get(COOKIE)
        return self.sessions.find(token) if token else None


def viewer(request: Request) -> Caller:
    """The caller, who may look. Raises 401 where keys exist and none that we know was given."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    caller = gatekeeper.caller(request.headers, request.cookies)
    if caller is None:
        given = "authorization" in request.headers or COOKIE in request.cookies
        code = "key_unknown" if given else "key_missing"
        events.emit(events.AccessDenied(code, request.method, _template(request)))
        raise ApiError(
            401,
            code,
            "The key is not one of this gateway's." if given else "This gateway asks for a key.",
            "Send `Authorization: Bearer KEY` with a key of `api.keys` in the project file.",
            {"WWW-Authenticate": "Bearer"},
        )
    return caller


def operator(request: Request) -> Caller:
    """The caller, who may change things. Raises 403 for a viewer."""
    caller = viewer(request)
    if not caller.operates:
        events.emit(events.AccessDenied("role_missing", request.method, _template(request)))
        raise ApiError(
            403,
            "role_missing",
            f"The key {caller.name} may look but not change anything.",
            "Use a key whose role is operator.",
        )
    return caller


Viewer = Annotated[Caller, Depends(viewer)]
Operator = Annotated[Caller, Depends(operator)]


def _template(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", "unknown"))


def _strong(caller: Caller, secret: Secret) -> bytes:
    value = secret.reveal()
    if len(value) < MIN_KEY_CHARS:
        raise ConfigError(
            f"The API key {caller.name} has fewer than {MIN_KEY_CHARS} characters.",
            mend="Take a long random one, for instance from `openssl rand -hex 24`.",
        )
    return _digest(value)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
