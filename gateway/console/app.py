"""The console: pages at /, over the same port as the API."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.api.problems import Problem, wants_page
from gateway.console import drift, letters, login, overview, records
from gateway.console.page import STATIC, html
from gateway.console.visitor import LoginNeeded, login_path

KEEP = "public, max-age=31536000, immutable"


def install(app: FastAPI) -> None:
    """Add the pages, their static files, and pages for errors where a browser asks."""
    for pages in (overview, letters, drift, records, login):
        app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_exception_handler(LoginNeeded, _to_login)
    app.state.problem_page = problem_page


def problem_page(request: Request, status: int, problem: Problem) -> Response | None:
    """An error as a page, where the caller is a browser looking at the console."""
    if not wants_page(request):
        return None
    return html("problem.html", status, problem=problem, http_status=status)


async def _to_login(request: Request, _: Exception) -> Response:
    return RedirectResponse(login_path(request), 303)


class _Static(StaticFiles):
    """Files whose address carries their version (`?v=`) are kept by browsers."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = KEEP
        return response
