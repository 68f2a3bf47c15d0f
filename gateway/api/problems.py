"""Errors of the HTTP surface, in one shape: `{"error": {"code", "message", "mend"}}`.

`code` is stable and what a program looks at; `message` says what was wrong, `mend` what to do.
No answer ever carries a traceback or the text of an error nobody foresaw.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.errors import (
    Ambiguous,
    AuthError,
    ConfigError,
    DriftError,
    HeadraceError,
    Outage,
    Refusal,
    StoreError,
)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, for a program (`code`) and for a person (`message`, `mend`)."""

    code: str
    message: str
    mend: str | None = None


BODY_INVALID = Problem("body_invalid", "The body is not JSON that can be read.")


class ProblemReply(msgspec.Struct, frozen=True):
    error: Problem


class ApiError(Exception):
    """Raised by a route to answer with an error of this shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        mend: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(code, message, mend)
        self.headers = headers


def problem_response(
    status: int,
    code: str,
    message: str,
    mend: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body = msgspec.json.encode(ProblemReply(Problem(code, message, mend)))
    return Response(body, status, headers, "application/json")


def wants_page(request: Request) -> bool:
    """Whether a person looks at the console, rather than a program at the API."""
    path = request.url.path
    if path.startswith(("/v1/", "/static/")) or path in ("/healthz", "/readyz", "/metrics"):
        return False
    return "text/html" in request.headers.get("accept", "")


def respond(
    request: Request, status: int, problem: Problem, headers: dict[str, str] | None = None
) -> Response:
    """The problem as a page where the console has one for it, else as JSON."""
    make_page = getattr(request.app.state, "problem_page", None)
    page: Response | None = make_page(request, status, problem) if make_page else None
    return page or problem_response(status, problem.code, problem.message, problem.mend, headers)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A mend for a name that is not known."""
    if meant := nearest(name, known):
        return f"Did you mean {meant}?"
    return f"Known are: {', '.join(known)}." if known else "There are none."


def not_found(kind: str, name: str, known: Sequence[str] = ()) -> ApiError:
    mend = did_you_mean(name, known) if known else None
    return ApiError(404, f"{kind.replace(' ', '_')}_unknown", f"There is no {kind} {name}.", mend)


def status_of(error: HeadraceError) -> int:
    """The HTTP status that says whose turn it is: 4xx the caller's, 503 try again."""
    match error:
        case ConfigError():
            return 422
        case AuthError():
            return 502
        case Outage() | StoreError():
            return 503
        case DriftError():
            return 409
        case Refusal():
            return 422
        case Ambiguous():
            return 502
        case _:
            return 500


def install(app: FastAPI) -> None:
    """Have every error that a route raises answered in the one shape."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HeadraceError, _on_headrace_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return respond(request, error.status, error.problem, error.headers)


async def _on_headrace_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HeadraceError)
    message = error.message
    if isinstance(error, ConfigError) and error.file:
        where = ":".join(str(part) for part in (error.file, error.line) if part is not None)
        message = f"{where}: {message}"
    return respond(request, status_of(error), Problem(error.code, message, error.mend))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(one.get("type") == "json_invalid" for one in error.errors()):
        return respond(request, 400, BODY_INVALID)
    faults = [_fault(one) for one in error.errors()[:5]]
    mend = "See /v1/openapi.json for what is accepted."
    return respond(request, 422, Problem("request_invalid", "; ".join(faults), mend))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    match error.status_code:
        case 404:
            problem = Problem("not_found", f"There is nothing at {path}.")
        case 405:
            problem = Problem("method_not_allowed", f"{request.method} is not possible at {path}.")
        case 400:
            problem = BODY_INVALID
        case status:
            problem = Problem(HTTPStatus(status).name.lower(), HTTPStatus(status).phrase)
    headers = dict(error.headers) if error.headers else None
    return respond(request, error.status_code, problem, headers)


def _fault(one: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in one.get("loc", ())) or "request"
    text = str(one.get("msg", "is invalid")).removeprefix("Value error, ")
    given = one.get("input")
    if isinstance(given, (str, int, float, bool)):
        shown = str(given)
        text += f" (given: {shown if len(shown) <= 80 else shown[:80] + '…'})"
    return f"{where}: {text}"
