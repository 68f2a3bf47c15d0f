"""Tryton's JSON-RPC: finding the address, signing in, calling, and what the errors mean.

The protocol is JSON-RPC 1.0 with exactly `id`, `method` and `params`: any other member makes
trytond answer in HTTP statuses instead (trytond/protocols/jsonrpc.py). The last parameter is
always the context.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx2

from connectors.tryton.config import TrytonConfig
from connectors.tryton.faults import error_of, status_fault
from connectors.tryton.values import dumps, loads
from gateway.errors import (
    Ambiguous,
    AuthError,
    ConfigError,
    DriftError,
    HeadraceError,
    Outage,
    Refusal,
)

PREFERENCES = ("company", "company_filter", "employee", "language")
"""What of the user's preferences belongs into the context of a call, as the desktop client has it."""


_NOT_HERE = frozenset({400, 401, 403, 404, 405, 422, 501})


class TrytonClient:
    """One user in one database. Calls may run at the same time; signing in happens once."""

    def __init__(
        self, http: httpx2.AsyncClient, config: TrytonConfig, now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._config = config
        self._now = now
        self._door = asyncio.Lock()
        self._path: str | None = None
        self._token: str | None = None
        self._preferences: Mapping[str, Any] = {}
        self._calls = 0
        self.series: str | None = None
        """Such as `8.2` or, in older ones, `7.0.59`; None until the first call."""

    async def read(
        self, method: str, *params: Any, context: Mapping[str, Any] | None = None
    ) -> Any:
        """Call what changes nothing. A failure that says nothing more is an Outage: the same
        question may be asked again. Raises Outage, AuthError, ConfigError, DriftError."""
        try:
            return await self.call(method, *params, context=context)
        except Ambiguous as error:
            raise Outage(
                error.message, after=error.after, mend=error.mend, code=error.code
            ) from None
        except Refusal as error:
            raise ConfigError(
                f"Tryton refuses {method}: {error.message}",
                mend="Lower `page_rows`: the server limits how much may be asked for at once."
                if error.code == "too_large"
                else "Look at the user's access rights, and at the stream's domain and context.",
                code=error.code,
            ) from None

    async def close(self) -> None:
        """Sign out, so that no session stays behind; a server that is gone keeps it."""
        if self._token is not None and self._config.auth.type == "session":
            with contextlib.suppress(HeadraceError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._post(self._database_path(), "common.db.logout", [], self._token)
            self._token = None

    async def call(
        self, method: str, *params: Any, context: Mapping[str, Any] | None = None
    ) -> Any:
        """Call what may change rows, once; the context is added as the last parameter. Raises
        Refusal, Conflict, Outage, AuthError, Ambiguous (it may have happened), DriftError and
        ConfigError."""
        token = await self._enter(stale=None)
        response = await self._send(method, params, context, token)
        if response.status_code == 401:
            # The session has expired, or the server was restored without it.
            token = await self._enter(stale=token)
            response = await self._send(method, params, context, token)
        elif response.status_code == 405:
            # The server has moved to or from the series that has /rpc/.
            await self._find()
            response = await self._send(method, params, context, token)
        return self._result(response, method)

    async def _send(
        self,
        method: str,
        params: tuple[Any, ...],
        context: Mapping[str, Any] | None,
        token: str,
    ) -> httpx2.Response:
        merged = {**self._preferences, **self._config.context, **(context or {})}
        return await self._post(self._database_path(), method, [*params, merged], token)

    async def _enter(self, *, stale: str | None) -> str:
        """The Authorization header. `stale` is one that was refused: others waiting at the door
        find the new one when they come in."""
        if self._token is not None and self._token != stale:
            return self._token
        async with self._door:
            if self._token is not None and self._token != stale:
                return self._token
            self._token = None
            if self._path is None:
                await self._find()
            token = await self._sign_in()
            preferences = await self._post(
                self._database_path(), "model.res.user.get_preferences", [True, {}], token
            )
            if preferences.status_code == 401:
                raise self._refused()
            known = self._result(preferences, "model.res.user.get_preferences") or {}
            self._preferences = {name: known[name] for name in PREFERENCES if name in known}
            self._token = token
            return token

    async def _sign_in(self) -> str:
        auth = self._config.auth
        password = auth.password.reveal()
        if auth.type == "basic":
            return _header("Basic", f"{auth.username}:{password}")
        answer = await self._post(
            self._database_path(),
            "common.db.login",
            [auth.username, {"password": password, "device_cookie": None}, "en"],
            None,
        )
        if answer.status_code == 401:
            raise self._refused()
        if answer.status_code == 429:
            raise Outage(
                f"Tryton at {self._config.url} refuses further attempts to sign in for now.",
                after=60.0,
                mend="Look at the password: five wrong ones lock a user out for some minutes.",
                code="login_throttled",
            )
        # Two members in older series, three since the bus: user id, key, address of the bus.
        user, key, *_ = self._result(answer, "common.db.login")
        return _header("Session", f"{auth.username}:{user}:{key}")

    def _refused(self) -> AuthError:
        auth = self._config.auth
        return AuthError(
            f"Tryton at {self._config.url} refuses the user {auth.username} in the database "
            f"{self._config.database}.",
            mend=f"Look at `auth`: username, and the password behind {auth.password.reference}.",
        )

    async def _find(self) -> None:
        """Find out where the RPC is: below `/rpc/` since 8.0, at the root before."""
        last: httpx2.Response | None = None
        for path in ("rpc/", ""):
            last = await self._post(f"/{path}", "common.server.version", [], None)
            if last.status_code == 200 and "json" in last.headers.get("content-type", ""):
                self.series = str(self._result(last, "common.server.version"))
                self._path = path
                return
            # An older server takes `rpc` for a database, and wants a session for it.
            if last.status_code not in _NOT_HERE:
                break
        assert last is not None
        fault = status_fault(last, self._config, "common.server.version", self._now())
        if isinstance(fault, Outage | Ambiguous) and not isinstance(fault, AuthError):
            raise Outage(fault.message, after=fault.after, mend=fault.mend, code=fault.code)
        raise ConfigError(
            f"{self._config.url} is no Tryton server: it answered {last.status_code} to "
            "`common.server.version`.",
            mend="`url` is the server's address without the database.",
        )

    def _database_path(self) -> str:
        return f"/{self._config.database}/{self._path or ''}"

    async def _post(
        self, path: str, method: str, params: list[Any], token: str | None
    ) -> httpx2.Response:
        self._calls += 1
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = token
        body = dumps({"id": self._calls, "method": method, "params": params})
        return await self._http.post(f"{self._config.url}{path}", content=body, headers=headers)

    def _result(self, response: httpx2.Response, method: str) -> Any:
        if response.status_code != 200:
            raise status_fault(response, self._config, method, self._now())
        try:
            answer = loads(response.content)
        except (ValueError, RecursionError):
            raise Ambiguous(
                f"Tryton answered {method} with something that is not JSON.", code="answer_not_json"
            ) from None
        if not isinstance(answer, dict) or not {"result", "error"} & set(answer):
            raise DriftError(f"Tryton answered {method} without result and without error.")
        if answer.get("error") is not None:
            raise error_of(answer["error"], method)
        return answer.get("result")


def _header(scheme: str, credentials: str) -> str:
    return f"{scheme} {base64.b64encode(credentials.encode()).decode()}"
