"""How credentials reach a request, on both faces of the session."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

import httpx2


class Authorizer(Protocol):
    """Gives the headers that prove who asks. `gateway.auth` makes them from configuration."""

    async def headers(self) -> Mapping[str, str]:
        """Read again for every request; never kept by the caller, never logged.

        Raises SecretError where a reference leads nowhere, AuthError where a token was refused,
        Outage where it could not be fetched.
        """
        ...

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """After a 401 to these headers: whether another try with new ones is worth it.

        Many requests may be refused at once: only the first of them fetches anything.
        """
        ...


class HttpxAuth(httpx2.Auth):
    """An Authorizer on the httpx2 face."""

    requires_request_body = False

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        headers = await self._authorizer.headers()
        request.headers.update(headers)
        response = yield request
        if response.status_code == 401 and await self._authorizer.renew(headers):
            request.headers.update(await self._authorizer.headers())
            yield request
