"""Credentials: what the project file says (`Auth`), and what a request carries (`Authorizer`)."""

from gateway.auth.authorizer import authorizer
from gateway.auth.config import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    NoAuth,
)
from gateway.http.authorizer import Authorizer
from gateway.secrets import Secret

__all__ = [
    "ApiKeyAuth",
    "Auth",
    "Authorizer",
    "BasicAuth",
    "BearerAuth",
    "ClientCredentialsAuth",
    "NoAuth",
    "Secret",
    "authorizer",
]
