"""Logging in with a key, and out again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gateway import events
from gateway.api.auth import COOKIE, SESSION_SECS, Gatekeeper
from gateway.console.page import form, html
from gateway.console.visitor import own_path

router = APIRouter()


@router.get("/login")
async def page(request: Request, next: str = "/") -> Response:
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    if gatekeeper.caller(request.headers, request.cookies) is not None:
        return RedirectResponse(own_path(next), 303)
    return html("login.html", next=own_path(next), wrong=False)


@router.post("/login")
async def enter(request: Request) -> Response:
    """Trade a key for a session. The cookie says nothing; scripts and other sites cannot use it."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    fields = await form(request)
    target = own_path(fields.get("next", "/"))
    caller = gatekeeper.keyring.find(fields.get("key", "")) if gatekeeper.keyring else None
    if caller is None:
        if not gatekeeper.keyring:
            return RedirectResponse(target, 303)
        events.emit(events.AccessDenied("key_unknown", "POST", "/login"))
        return html("login.html", 403, next=target, wrong=True)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        gatekeeper.sessions.open(caller),
        max_age=int(SESSION_SECS),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/logout")
async def leave(request: Request) -> Response:
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    if token := request.cookies.get(COOKIE):
        gatekeeper.sessions.close(token)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
