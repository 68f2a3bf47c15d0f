"""Streams: where they stand, their cursors, reading again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import APIRouter

from gateway import events
from gateway.api.asked import Backfill, CursorMove, Gateway
from gateway.api.auth import Operator, Viewer
from gateway.api.problems import not_found
from gateway.api.reply import Json, answers
from gateway.control import Control
from gateway.store.port import StreamStatus
from gateway.types import Cursor, StreamId

router = APIRouter(prefix="/streams", tags=["streams"])


class StreamsReply(msgspec.Struct, frozen=True):
    """Every stream of the project, and where it stands."""

    streams: Sequence[StreamStatus]


class CursorReply(msgspec.Struct, frozen=True):
    """Where the stream is to be read from next; null is the beginning."""

    source: str
    stream: str
    cursor: Cursor | None


class BackfillReply(msgspec.Struct, frozen=True):
    """The stream is read again from `since`; every row gets a new position."""

    source: str
    stream: str
    since: Cursor | None


@router.get("", responses=answers(StreamsReply), response_class=Json)
async def streams(_: Viewer, gateway: Gateway) -> Json:
    """Every stream, with its state, its counts and its cursor."""
    return Json(StreamsReply((await gateway.status()).streams))


@router.get("/{source}/{stream:path}/cursor", responses=answers(CursorReply), response_class=Json)
async def cursor(source: str, stream: str, _: Viewer, gateway: Gateway) -> Json:
    """The cursor as the connector wrote it. It is opaque to everyone else."""
    wanted = find_stream(gateway, source, stream)
    for status in await gateway.store.streams.list():
        if status.stream == wanted:
            return Json(CursorReply(source, stream, status.cursor))
    return Json(CursorReply(source, stream, None))


@router.post("/{source}/{stream:path}/cursor", responses=answers(CursorReply), response_class=Json)
async def move(
    source: str, stream: str, asked: CursorMove, caller: Operator, gateway: Gateway
) -> Json:
    """Set the cursor. Whoever reads the stream starts from there at its next page."""
    wanted = find_stream(gateway, source, stream)
    await gateway.store.streams.move(wanted, asked.cursor)
    events.emit(events.CursorMoved(wanted, caller.name))
    return Json(CursorReply(source, stream, asked.cursor))


@router.post(
    "/{source}/{stream:path}/backfill", responses=answers(BackfillReply), response_class=Json
)
async def backfill(
    source: str,
    stream: str,
    caller: Operator,
    gateway: Gateway,
    asked: Backfill = Backfill(),
) -> Json:
    """Read the stream again, from the beginning or from a cursor."""
    wanted = find_stream(gateway, source, stream)
    await gateway.backfill(wanted, asked.since)
    events.emit(events.CursorMoved(wanted, caller.name, backfill=True))
    return Json(BackfillReply(source, stream, asked.since))


def find_stream(gateway: Control, source: str, stream: str) -> StreamId:
    """Raises ApiError where the project has no such stream."""
    sources = gateway.project.sources
    if source not in sources:
        raise not_found("source", source[:80], sorted(sources))
    if stream not in sources[source].streams:
        raise not_found("stream", f"{source}/{stream[:80]}", sorted(sources[source].streams))
    return StreamId(source, stream)
