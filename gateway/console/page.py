"""Rendering a page: the templates, their filters, and what every page shows.

Every value goes through autoescaping, so payload is text and nothing else. A missing value is an
error here, not an empty hole on the screen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway.api.auth import Caller
from gateway.console.words import (
    ago,
    compact,
    due,
    exact,
    number,
    plural,
    prose,
    sentence,
    size,
    span,
)
from gateway.control import Control, Status

HERE = Path(__file__).parent
STATIC = HERE / "static"
MAX_FORM_FIELDS = 200


@dataclass(frozen=True)
class Tab:
    """An entry of the navigation. `count` is shown as a badge when it is not zero."""

    path: str
    name: str
    icon: str
    count: int = 0


def tabs(status: Status) -> Sequence[Tab]:
    held = sum(stream.state == "held" for stream in status.streams)
    down = sum(endpoint.state == "held" for endpoint in status.endpoints)
    return (
        Tab("/", "Flow", "flow"),
        Tab("/streams", "Streams", "streams", held),
        Tab("/routes", "Routes", "routes", down),
        Tab("/letters", "Dead letters", "letters", status.letters.get("open", 0)),
        Tab("/drift", "Drift", "drift", status.drifts),
        Tab("/records", "Records", "records"),
        Tab("/events", "Events", "events"),
    )


async def render(
    request: Request, caller: Caller, template: str, status_code: int = 200, **values: Any
) -> HTMLResponse:
    """A whole page. htmx picks the part that changes out of it, so there are no fragments."""
    gateway: Control = request.app.state.control
    status = values.pop("status", None) or await gateway.status()
    context: dict[str, Any] = {
        "status": status,
        "visitor": caller,
        "tabs": tabs(status),
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "unready": gateway.unready(),
        "logged_in": bool(request.app.state.gatekeeper.keyring),
        "now": datetime.now(UTC),
        **values,
    }
    return html(template, status_code, **context)


def html(template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """A template without the frame's values, for the login and for errors."""
    text = ENVIRONMENT.get_template(template).render(**context)
    return HTMLResponse(text, status_code, {"Cache-Control": "no-store"})


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, without those left empty; of one given twice, the last."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return {}
    return {name: value.strip() for name, value in pairs if value.strip()}


def query(values: Mapping[str, Any], **changes: Any) -> str:
    """A query string with some values changed; None leaves one out."""
    merged = {**values, **changes}
    pairs = [(name, str(value)) for name, value in merged.items() if value not in (None, "")]
    return f"?{urlencode(pairs)}" if pairs else ""


def _assets() -> str:
    """A name for the version of the static files, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        compact=compact,
        size=size,
        span=span,
        exact=exact,
        plural=plural,
        prose=prose,
        sentence=sentence,
    )
    environment.globals.update(ago=ago, due=due, query=query, assets=_assets())
    return environment


ENVIRONMENT = _environment()
