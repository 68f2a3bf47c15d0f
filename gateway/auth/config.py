"""The `auth:` of a source or endpoint, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.secrets import Secret


class _Settings(BaseModel):
    # What was written is not shown in errors: it may be the secret itself.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NoAuth(_Settings):
    """Nothing is sent."""

    type: Literal["none"] = "none"


class BasicAuth(_Settings):
    """User name and password (RFC 7617), in UTF-8."""

    type: Literal["basic"] = "basic"
    username: str
    password: Secret


class ApiKeyAuth(_Settings):
    """A key in a header of its own. `prefix` stands before it where a system wants one."""

    type: Literal["api_key"] = "api_key"
    key: Secret
    header: str = Field(default="X-API-Key", pattern=r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
    prefix: str = ""


class BearerAuth(_Settings):
    """A token that was made elsewhere (RFC 6750)."""

    type: Literal["bearer"] = "bearer"
    token: Secret


class ClientCredentialsAuth(_Settings):
    """OAuth 2.0 client credentials (RFC 6749 4.4).

    `auth_method` says how the client proves itself to the token endpoint: `basic`
    (client_secret_basic), `post` (client_secret_post) or `private_key_jwt` (RFC 7523), which takes
    a PEM or JWK `private_key` instead of a secret, and `key_id` and `signing_algorithm` where the
    server wants them. `audience` is sent as such, as Auth0 and others expect; `resource` is RFC
    8707's.
    """

    type: Literal["oauth2_client_credentials"] = "oauth2_client_credentials"
    token_url: str = Field(pattern=r"^https?://")
    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    private_key: Secret | None = None
    key_id: str | None = None
    signing_algorithm: Literal["RS256", "PS256", "ES256", "RS384", "RS512", "ES384"] = "RS256"
    auth_method: Literal["basic", "post", "private_key_jwt"] = "basic"
    scope: str | None = None
    audience: str | None = None
    resource: str | None = None
    assertion_audience: str | None = None
    """The `aud` of the signed assertion; the token URL where not given."""
    timeout_secs: float = Field(default=15.0, gt=0)

    @model_validator(mode="after")
    def _proof(self) -> ClientCredentialsAuth:
        wanted, other = "client_secret", "private_key"
        if self.auth_method == "private_key_jwt":
            wanted, other = other, wanted
        if getattr(self, wanted) is None:
            raise ValueError(f"`auth_method: {self.auth_method}` needs `{wanted}`")
        if getattr(self, other) is not None:
            raise ValueError(f"`auth_method: {self.auth_method}` has no use for `{other}`")
        return self


Auth: TypeAlias = Annotated[
    NoAuth | BasicAuth | ApiKeyAuth | BearerAuth | ClientCredentialsAuth,
    Field(discriminator="type"),
]
"""As a field: `auth: Auth = NoAuth()`."""
