"""The pages that only look: flow, streams, routes, events; and reading a stream again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gateway import events
from gateway.api.asked import Gateway
from gateway.api.streams import find_stream
from gateway.config.model import Project
from gateway.console.flow import (
    STREAM_TONES,
    RouteSum,
    endpoint_of,
    picture,
    sums,
    target_name,
)
from gateway.console.page import render
from gateway.console.visitor import Actor, Visitor
from gateway.control import EndpointStatus, Status
from gateway.logs import sentence
from gateway.store.port import LetterFilter, LetterGroup, StreamStatus, Tally
from gateway.types import StreamId

router = APIRouter()
PARKED_SHOWN = 20
CAUSES_SHOWN = 5


@dataclass(frozen=True)
class EventLine:
    at: datetime
    level: str
    code: str
    text: str


@dataclass(frozen=True)
class ParkedLine:
    """A key that waits on a route: how many of its records, until when, and why."""

    key: str
    records: int
    due_at: datetime | None
    attempts: int
    why: str


@dataclass(frozen=True)
class RouteLine:
    name: str
    contracts: Sequence[str]
    target: str
    when: str | None
    summed: RouteSum
    endpoint: EndpointStatus | None
    parked: Sequence[ParkedLine]


@router.get("/")
async def flow(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    """The picture, what needs a person, and what happened last."""
    status = await gateway.status()
    causes: Sequence[LetterGroup] = ()
    if status.letters.get("open"):
        causes = (await gateway.store.letters.groups(LetterFilter()))[:CAUSES_SHOWN]
    drifts = await gateway.store.drifts.list() if status.drifts else ()
    drifted = {drift.stream for drift in drifts}
    return await render(
        request,
        visitor,
        "flow.html",
        status=status,
        flow=picture(gateway.project, status),
        causes=causes,
        drifts=drifts,
        held=[
            stream
            for stream in status.streams
            if stream.state in ("held", "waiting") and stream.stream not in drifted
        ],
        down=[endpoint for endpoint in status.endpoints if endpoint.state == "held"],
        happened=lines(8),
    )


@router.get("/streams")
async def streams(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    status = await gateway.status()
    return await render(
        request,
        visitor,
        "streams.html",
        status=status,
        streams=_streams(gateway.project, status),
        project=gateway.project,
        tones=STREAM_TONES,
        cursors={
            str(one.stream): msgspec.json.format(msgspec.json.encode(one.cursor), indent=2).decode()
            for one in status.streams
            if one.cursor is not None
        },
    )


@router.post("/streams/{source}/{stream:path}/backfill")
async def backfill(source: str, stream: str, actor: Actor, gateway: Gateway) -> Response:
    """Read a stream again from the beginning."""
    wanted = find_stream(gateway, source, stream)
    await gateway.backfill(wanted, None)
    events.emit(events.CursorMoved(wanted, actor.name, backfill=True))
    return RedirectResponse("/streams", 303)


@router.get("/routes")
async def routes(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    status = await gateway.status()
    summed = sums(status.routes)
    parts: Mapping[str, list[int]] = {}
    for one in status.routes:
        if one.parked_keys:
            parts.setdefault(one.route, []).append(one.part)  # type: ignore[attr-defined]
    shown = []
    for name, route in gateway.project.routes.items():
        target = target_name(gateway.project, name)
        parked: list[ParkedLine] = []
        for part in parts.get(name, []):
            parked.extend(await _parked(gateway, name, part))
        shown.append(
            RouteLine(
                name,
                route.contracts,
                target,
                route.when,
                summed.get(name, RouteSum()),
                endpoint_of(status, target),
                parked[:PARKED_SHOWN],
            )
        )
    return await render(request, visitor, "routes.html", status=status, routes=shown)


@router.get("/events")
async def recent(request: Request, visitor: Visitor) -> Response:
    return await render(request, visitor, "events.html", happened=lines(200))


def lines(limit: int) -> Sequence[EventLine]:
    return [
        EventLine(one.at, one.event.level, one.event.code, sentence(one.event))
        for one in events.recent(limit)
    ]


def _streams(project: Project, status: Status) -> Mapping[str, Sequence[StreamStatus]]:
    known = {one.stream: one for one in status.streams}
    return {
        source: [
            known.get(StreamId(source, stream))
            or StreamStatus(StreamId(source, stream), 0, None, "new", None, Tally(), None)
            for stream in settings.streams
        ]
        for source, settings in project.sources.items()
    }


async def _parked(gateway: Gateway, route: str, part: int) -> Sequence[ParkedLine]:
    """The keys that wait, each with its first record's reason; the others wait behind it."""
    keys: dict[str, ParkedLine] = {}
    for parked in await gateway.store.routes.parked(route, part):
        record = parked.delivery.record
        first = keys.get(record.message_key)
        if first is not None:
            keys[record.message_key] = ParkedLine(
                first.key, first.records + 1, first.due_at, first.attempts, first.why
            )
            continue
        attempts = parked.delivery.attempts
        why = attempts[-1].detail if attempts else "it waits for a dead letter of its key"
        due = None if parked.blocked else parked.due_at
        shown = f"{record.stream}/{record.key}"
        keys[record.message_key] = ParkedLine(shown, 1, due, len(attempts), why)
    return list(keys.values())
