"""The application: routes, errors, guards, and the console, over the operator's port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from gateway.api import (
    contracts as contracts_routes,
)
from gateway.api import deadletters, drifts, health, problems, records, reply, status, streams
from gateway.api.asked import known_query
from gateway.api.auth import Gatekeeper, Keyring
from gateway.api.contracts import Contracts
from gateway.api.guard import Guard
from gateway.console.app import install as install_console
from gateway.control import Control
from gateway.metrics import Metrics

DESCRIPTION = """Business systems' records for models, and models' answers for business systems.

Errors have one shape, `{"error": {"code", "message", "mend"}}`; `code` is stable. With `api.keys`
in the project file every call but `/healthz` and `/readyz` needs `Authorization: Bearer KEY`."""


def create_app(
    control: Control,
    *,
    version: str,
    keyring: Keyring | None = None,
    metrics: Metrics | None = None,
    contracts: Contracts | None = None,
    hosts: Iterable[str] = (),
) -> FastAPI:
    """The HTTP surface of one gateway.

    `keyring` holds the resolved keys of the project file; without keys the caller must see to it
    that the application is served on loopback only (`gateway.api.serve` does). `hosts` are names
    besides loopback's that it may be asked for. `metrics` is fed by events elsewhere.
    `app.state.closing` ends what follows the log: set it before the server stops.
    """
    keyring = keyring or Keyring()
    app = _App(
        title="Headrace",
        version=version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    app.state.control = control
    app.state.gatekeeper = Gatekeeper(keyring)
    app.state.metrics = metrics or Metrics()
    app.state.contracts = contracts or {}
    app.state.closing = asyncio.Event()
    problems.install(app)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(known_query)])
    for noun in (status, streams, deadletters, drifts, records, contracts_routes):
        v1.include_router(noun.router)
    app.include_router(v1)
    app.include_router(health.router)
    install_console(app)
    app.add_middleware(Guard, any_host=bool(keyring), hosts=tuple(hosts))
    return app


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        return reply.openapi(self)
