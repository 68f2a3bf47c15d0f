"""Drifts: what changed in a stream, the proposed mend, and taking it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from gateway.api.asked import Acceptance, DriftsPage, Gateway
from gateway.api.auth import Operator, Viewer
from gateway.api.problems import ApiError, not_found
from gateway.api.reply import Json, answers
from gateway.control import Control
from gateway.store.port import Drift

router = APIRouter(prefix="/drifts", tags=["drift"])


class DriftsReply(msgspec.Struct, frozen=True):
    """Drifts, open ones unless `closed` asks for all."""

    drifts: Sequence[Drift]


class DriftReply(msgspec.Struct, frozen=True):
    """A drift with the text of the mapping that it would change."""

    drift: Drift
    mapping: str


@router.get("", responses=answers(DriftsReply), response_class=Json)
async def drifts(_: Viewer, gateway: Gateway, asked: Annotated[DriftsPage, Query()]) -> Json:
    """Differences between what streams promised and what they send."""
    return Json(DriftsReply(await gateway.store.drifts.list(include_closed=asked.closed)))


@router.get("/{id}", responses=answers(DriftReply), response_class=Json)
async def drift(id: str, _: Viewer, gateway: Gateway) -> Json:
    """One drift: the changes with their evidence, the proposal, samples, today's mapping."""
    found = await find_drift(gateway, id)
    return Json(DriftReply(found, gateway.mapping_text(found.stream)))


@router.post("/{id}/accept", responses=answers(Drift), response_class=Json)
async def accept(
    id: str, caller: Operator, gateway: Gateway, asked: Acceptance = Acceptance()
) -> Json:
    """Write the proposal (or `patch`) into the mapping, swap it in, let the stream go on."""
    await open_drift(gateway, id)
    return Json(await gateway.accept(id, by=caller.name, patch=asked.patch))


async def find_drift(gateway: Control, id: str) -> Drift:
    """Raises ApiError where there is none."""
    known = await gateway.store.drifts.list(include_closed=True)
    for one in known:
        if one.id == id:
            return one
    raise not_found("drift", id[:80], [one.id for one in known if one.state == "open"])


async def open_drift(gateway: Control, id: str) -> Drift:
    """Raises ApiError where there is none, or where somebody has closed it already."""
    found = await find_drift(gateway, id)
    if found.state != "open":
        raise ApiError(
            409,
            "drift_closed",
            f"The drift {found.id} is {found.state} already.",
            "Nothing is left to do.",
        )
    return found
