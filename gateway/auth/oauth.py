"""OAuth 2.0 client credentials, by Authlib, through the guarded session."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote_plus

import httpx2
import msgspec
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.auth.config import ClientCredentialsAuth
from gateway.errors import AuthError, Outage, SecretError
from gateway.http import Pool, host_of, status_error
from gateway.http.outcome import excerpt

REFRESH_SHARE = 0.1
REFRESH_SECS = 60.0
"""A token is renewed this long before its end, or a tenth of its life where that is shorter."""

MAX_TOKEN_BYTES = 1 << 20


class Token(msgspec.Struct, frozen=True):
    """`renew_at` is on the monotonic clock; None for a token without an end."""

    value: str
    renew_at: float | None


class _Clock(Protocol):
    def __call__(self) -> float: ...


class ClientCredentials:
    """Keeps one token, and fetches the next one once however many requests want it.

    `clock` is monotonic, in seconds. A token that the server does not date is used until it is
    refused.
    """

    def __init__(
        self, config: ClientCredentialsAuth, pool: Pool, *, clock: _Clock = time.monotonic
    ) -> None:
        self._config = config
        self._pool = pool
        self._clock = clock
        self._token: Token | None = None
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        token = self._token
        if token is None or self._stale(token):
            async with self._fetching:
                token = self._token
                if token is None or self._stale(token):
                    token = self._token = await self._fetch()
        return _bearer(token)

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Drop the token that was refused, unless another request has done so already."""
        if self._token is not None and dict(_bearer(self._token)) == dict(refused):
            self._token = None
        return True

    def _stale(self, token: Token) -> bool:
        return token.renew_at is not None and self._clock() >= token.renew_at

    async def _fetch(self) -> Token:
        config = self._config
        host = host_of(config.token_url)
        asked_at = self._clock()
        extra = {
            name: value
            for name in ("audience", "resource")
            if (value := getattr(config, name)) is not None
        }
        async with self._client() as client:
            try:
                token = await client.fetch_token(
                    config.token_url, grant_type="client_credentials", **extra
                )
            except OAuthError as error:
                raise _refused(error, host) from None
            except (httpx2.HTTPError, ValueError, KeyError, TypeError):
                raise Outage(
                    f"The token endpoint {host} did not answer with a token.",
                    mend="Look at `token_url`.",
                    code="token_malformed",
                ) from None
        return _token(token, asked_at, host)

    def _client(self) -> Any:
        """One Authlib client a fetch: its secret is read again each time."""
        config = self._config
        client = AsyncOAuth2Client(
            client_id=config.client_id,
            client_secret=_proof(config),
            token_endpoint_auth_method={
                "basic": "client_secret_basic",
                "post": "client_secret_post",
                "private_key_jwt": "private_key_jwt",
            }[config.auth_method],
            scope=config.scope,
            transport=self._pool.transport(max_response_bytes=MAX_TOKEN_BYTES),
            timeout=config.timeout_secs,
            trust_env=False,
            follow_redirects=False,
        )
        if config.auth_method == "basic":
            client.register_client_auth_method(("client_secret_basic", _basic))
        if config.auth_method == "private_key_jwt":
            client.register_client_auth_method(
                PrivateKeyJWT(
                    config.assertion_audience or config.token_url,
                    headers={"kid": config.key_id} if config.key_id else None,
                    alg=config.signing_algorithm,
                )
            )
        client.register_compliance_hook("access_token_response", _judged(host_of(config.token_url)))
        return client


def _basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[Any, Any, Any]:
    """RFC 6749 2.3.1 has both parts form-encoded first, so that a `+` or `%` in a secret arrives;
    Authlib leaves that out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return uri, headers, body


def _judged(host: str) -> Callable[[httpx2.Response], httpx2.Response]:
    """RFC 6749 5.2 answers errors with 400 or 401 and JSON: those are Authlib's to read."""

    def hook(response: httpx2.Response) -> httpx2.Response:
        media_type = response.headers.get("content-type", "").partition(";")[0].strip()
        if response.is_success or (response.status_code in (400, 401) and "json" in media_type):
            return response
        error = status_error(
            response.status_code,
            dict(response.headers),
            host=f"The token endpoint {host}",
            now=datetime.now(UTC),
        )
        if isinstance(error, Outage):
            raise error
        raise Outage(str(error), after=getattr(error, "after", None), code="token_endpoint_failed")

    return hook


def _token(answer: Mapping[str, Any], asked_at: float, host: str) -> Token:
    value = answer.get("access_token")
    if not isinstance(value, str) or not value.isprintable() or not value.isascii() or not value:
        raise Outage(
            f"The token endpoint {host} answered without a usable `access_token`.",
            code="token_malformed",
        )
    if str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise AuthError(
            f"The token endpoint {host} gives tokens of type "
            f"{excerpt(str(answer['token_type']), 40)}, not bearer tokens.",
            code="token_type",
        )
    try:
        life = float(answer["expires_in"])
    except (KeyError, TypeError, ValueError):
        return Token(value, None)
    return Token(value, asked_at + life - min(REFRESH_SECS, life * REFRESH_SHARE))


def _refused(error: Any, host: str) -> AuthError:
    reason = excerpt(str(error.error or "error"), 60)
    description = excerpt(str(error.description or ""), 160)
    return AuthError(
        f"The token endpoint {host} refused: {reason}"
        + (f" ({description})." if description else "."),
        mend="Look at client, secret and scope in `auth`.",
        code="token_refused",
    )


def _bearer(token: Token) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token.value}"}


def _proof(config: ClientCredentialsAuth) -> Any:
    """The client's secret, or its private key from PEM or JWK text, as it is now."""
    if config.private_key is None:
        assert config.client_secret is not None
        return config.client_secret.reveal()
    text = config.private_key.reveal()
    kind = ECKey if config.signing_algorithm.startswith("ES") else RSAKey
    try:
        key = kind.import_key(json.loads(text) if text.lstrip().startswith("{") else text)
        if key.is_private:
            return key
    except (ValueError, TypeError, KeyError, JoseError):
        pass  # said below, without what was read
    raise SecretError(
        f"The secret {config.private_key} is not a private key for "
        f"{config.signing_algorithm} in PEM or JWK."
    )
