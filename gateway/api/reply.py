"""Answers as msgspec structs: encoded once, and described in the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from gateway.api.problems import ProblemReply

REFS = "#/components/schemas/{name}"
_kinds: dict[str, type[msgspec.Struct]] = {ProblemReply.__name__: ProblemReply}


class Json(Response):
    """A struct as JSON. Never cached: what it says is true now."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(content, status_code, {"Cache-Control": "no-store"})

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


def answers(kind: type[msgspec.Struct], **also: str) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for its OpenAPI entry. `also` are further media types of a 200."""
    _kinds[kind.__name__] = kind
    content: dict[str, Any] = {"application/json": {"schema": _ref(kind.__name__)}}
    for media, text in also.items():
        content[media.replace("_", "/", 1).replace("_", "-")] = {
            "schema": {"type": "string", "description": text}
        }
    return {
        200: {"description": (kind.__doc__ or "Done.").strip(), "content": content},
        "4XX": {
            "description": "The request cannot be done as it is.",
            "content": {"application/json": {"schema": _ref(ProblemReply.__name__)}},
        },
    }


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the structs among its components."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        _, components = msgspec.json.schema_components(list(_kinds.values()), ref_template=REFS)
        parts = document.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        schemas.update(components)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REFS.format(name=name)}
