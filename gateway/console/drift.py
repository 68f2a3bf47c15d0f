"""Drift: what a stream does differently, the proposed mend as a diff, and accepting it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gateway.api.asked import Gateway
from gateway.api.drifts import open_drift
from gateway.console.diff import DiffLine, diff
from gateway.console.page import render
from gateway.console.payload import show
from gateway.console.visitor import Actor, Visitor
from gateway.drift import patched
from gateway.errors import HeadraceError
from gateway.store.port import Drift

router = APIRouter()
SAMPLES_SHOWN = 3


@router.get("/drift")
async def listed(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    drifts = await gateway.store.drifts.list(include_closed=True)
    opened = [_Shown(gateway, one) for one in drifts if one.state == "open"]
    closed = [one for one in drifts if one.state != "open"][:20]
    return await render(request, visitor, "drift.html", opened=opened, closed=closed)


@router.post("/drift/{id}/accept")
async def accept(id: str, actor: Actor, gateway: Gateway) -> Response:
    """Take the proposal into the mapping."""
    await open_drift(gateway, id)
    await gateway.accept(id, by=actor.name, patch=None)
    return RedirectResponse("/drift", 303)


class _Shown:
    """A drift with its proposal as a diff of the mapping, and samples laid out.

    `fault` says why the proposal cannot be set into the mapping as it is now.
    """

    def __init__(self, gateway: Gateway, drift: Drift) -> None:
        self.drift = drift
        self.lines: Sequence[DiffLine] = ()
        self.fault: str | None = None
        try:
            text = gateway.mapping_text(drift.stream)
            self.lines = diff(text, patched(text, drift.proposal))
        except (HeadraceError, OSError) as error:
            self.fault = str(error)
        self.samples = [
            show(msgspec.json.encode(sample, enc_hook=str))
            for sample in drift.samples[:SAMPLES_SHOWN]
        ]
