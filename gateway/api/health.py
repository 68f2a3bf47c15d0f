"""Health for an orchestrator, metrics for Prometheus."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.asked import Gateway
from gateway.api.auth import Viewer
from gateway.api.problems import problem_response
from gateway.api.reply import Json, answers
from gateway.metrics import CONTENT_TYPE, Metrics

router = APIRouter(tags=["health"])


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


@router.get("/healthz", responses=answers(Health), response_class=Json)
async def healthz() -> Json:
    """Whether the process is alive. Says nothing of sources and endpoints: see /readyz."""
    return Json(Health("ok"))


@router.get("/readyz", responses=answers(Health), response_class=Json)
async def readyz(gateway: Gateway) -> Response:
    """Whether the gateway can work: 503 with the reason while it starts, drains, or cannot."""
    reason = gateway.unready()
    if reason is not None:
        return problem_response(503, "unready", reason)
    return Json(Health("ready"))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text format.", "content": {"text/plain": {}}}},
)
async def metrics(request: Request, _: Viewer, gateway: Gateway) -> Response:
    """Counters since the process started, and levels as they are now."""
    measured: Metrics = request.app.state.metrics
    measured.levels(await gateway.status())
    return Response(measured.text(), media_type=CONTENT_TYPE)
