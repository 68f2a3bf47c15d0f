"""Status, recent events and `apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query

from gateway import events
from gateway.api.asked import Apply, EventsPage, Gateway
from gateway.api.auth import Operator, Viewer
from gateway.api.reply import Json, answers
from gateway.control import ApplyReport, Status

router = APIRouter(tags=["gateway"])


class EventView(msgspec.Struct, frozen=True):
    at: datetime
    level: str
    code: str
    values: Mapping[str, Any]


class EventsReply(msgspec.Struct, frozen=True):
    """Recent events of this process, newest first."""

    events: Sequence[EventView]


@router.get("/status", responses=answers(Status), response_class=Json)
async def status(_: Viewer, gateway: Gateway) -> Json:
    """Where every stream, route and endpoint stands."""
    return Json(await gateway.status())


@router.get("/events", responses=answers(EventsReply), response_class=Json)
async def recent(_: Viewer, asked: Annotated[EventsPage, Query()]) -> Json:
    """What happened lately. Kept in memory: the log lines are the lasting ones."""
    return Json(EventsReply([event_view(happened) for happened in events.recent(asked.limit)]))


@router.post("/apply", responses=answers(ApplyReport), response_class=Json)
async def apply(caller: Operator, gateway: Gateway, asked: Apply = Apply()) -> Json:
    """Read the project again and swap in what changed between two pages."""
    return Json(await gateway.apply(dry_run=asked.dry_run, by=caller.name))


def event_view(happened: events.Happened) -> EventView:
    event = happened.event
    return EventView(happened.at, event.level, event.code, event.values())
