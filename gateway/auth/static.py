"""Credentials that are read, not fetched."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from gateway.auth.config import ApiKeyAuth, BasicAuth, BearerAuth
from gateway.errors import SecretError
from gateway.secrets import Secret


class Static:
    """Basic, API key and bearer. Each request reads the secret anew, so that one that was
    rotated is used at once."""

    def __init__(self, config: BasicAuth | ApiKeyAuth | BearerAuth) -> None:
        self._config = config

    async def headers(self) -> Mapping[str, str]:
        match self._config:
            case BasicAuth(username=username, password=password):
                pair = f"{username}:{password.reveal()}".encode()
                return {"authorization": "Basic " + base64.b64encode(pair).decode()}
            case ApiKeyAuth(header=header, prefix=prefix, key=key):
                return {header.lower(): prefix + _one_line(key)}
            case BearerAuth(token=token):
                return {"authorization": "Bearer " + _one_line(token)}

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Worth it only where the secret has changed since the refused headers were made."""
        return dict(await self.headers()) != dict(refused)


def _one_line(secret: Secret) -> str:
    value = secret.reveal()
    if not value.isprintable() or not value.isascii():
        raise SecretError(
            f"The secret {secret} holds characters that no header can carry.",
            mend="Look for a line break or a byte order mark in it.",
        )
    return value
