"""Who looks at the console: as for the API, but whoever is unknown is sent to the login."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request

from gateway.api.auth import Caller, operator, viewer
from gateway.api.problems import ApiError


class LoginNeeded(Exception):
    """Answered with a redirect to the login."""


def visitor(request: Request) -> Caller:
    try:
        return viewer(request)
    except ApiError:
        raise LoginNeeded from None


def actor(request: Request) -> Caller:
    """A visitor who may change things. Raises ApiError (403) for a viewer."""
    visitor(request)
    return operator(request)


Visitor = Annotated[Caller, Depends(visitor)]
Actor = Annotated[Caller, Depends(actor)]


def login_path(request: Request) -> str:
    """The login, which leads back to the page that was asked for."""
    if request.method != "GET":
        return "/login"
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/login" if here == "/" else f"/login?next={quote(here, safe='')}"


def own_path(path: str) -> str:
    """`path` where it is one of ours, else `/`: no login leads to another site."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"
