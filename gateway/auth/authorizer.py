"""From what the project file says to what a request carries."""

from __future__ import annotations

from typing import assert_never

from gateway.auth.config import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    NoAuth,
)
from gateway.auth.oauth import ClientCredentials
from gateway.auth.static import Static
from gateway.http import Pool
from gateway.http.authorizer import Authorizer


def authorizer(
    config: NoAuth | BasicAuth | ApiKeyAuth | BearerAuth | ClientCredentialsAuth, pool: Pool
) -> Authorizer | None:
    """What to hand to `Pool.request` or `Pool.client` as `auth`; None where nothing is sent.

    `pool` is where tokens are fetched through. Nothing is contacted and no secret read yet.
    """
    match config:
        case NoAuth():
            return None
        case BasicAuth() | ApiKeyAuth() | BearerAuth():
            return Static(config)
        case ClientCredentialsAuth():
            return ClientCredentials(config, pool)
        case _:
            assert_never(config)
