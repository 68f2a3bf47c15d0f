"""Records: pulled a page at a time, or followed as server-sent events.

Following keeps no state here: the id of an event is its offset on the log, and a client that
comes back with it as Last-Event-ID goes on behind it (WHATWG HTML, server-sent events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Protocol

import msgspec
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from gateway.api.asked import Gateway, RecordsPage
from gateway.api.auth import Viewer
from gateway.api.problems import ApiError
from gateway.api.reply import Json, answers
from gateway.api.views import RecordView, logged_view
from gateway.store.port import LogPage, Store

router = APIRouter(prefix="/records", tags=["records"])

PAGE_RECORDS = 200
HEARTBEAT_SECS = 15.0
MAX_LOOKS = 50
"""How many bounded stretches of the log one pull looks through for the contracts it wants."""


class RecordsReply(msgspec.Struct, frozen=True):
    """Records in the order of the log. `next` is the `after` of the page that follows; `end` is
    the newest offset: where `next` equals it, there is nothing more for now."""

    records: Sequence[RecordView]
    next: int
    end: int


class Closing(Protocol):
    """Set when the gateway stops serving."""

    def is_set(self) -> bool: ...


@router.get(
    "",
    response_class=Json,
    responses=answers(RecordsReply, text_event__stream="One event a record; its id is the offset."),
)
async def records(
    request: Request,
    _: Viewer,
    gateway: Gateway,
    asked: Annotated[RecordsPage, Query()],
    accept: Annotated[str, Header(include_in_schema=False)] = "",
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Records after an offset. With `follow=true` or `Accept: text/event-stream` the answer
    does not end: records come as they are committed."""
    if not asked.follow and "text/event-stream" not in accept:
        return Json(await pull(gateway.store, asked))
    after = asked.after
    if last_event_id is not None:
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
            raise ApiError(
                422,
                "offset_invalid",
                "Last-Event-ID is not an offset.",
                "Send the id of the last event that was received, or leave it out.",
            )
        after = int(last_event_id)
    stream = follow(gateway.store, after, asked.contract, request.app.state.closing)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, 200, headers, "text/event-stream")


async def pull(store: Store, asked: RecordsPage) -> RecordsReply:
    """One page. It may be short of `limit`, even empty, with more to come behind `next`."""
    after = asked.after
    page = LogPage((), after)
    end = await store.log.end()
    for _ in range(MAX_LOOKS):
        page = await store.log.read(0, after, asked.limit, asked.contract)
        if page.records or page.upto <= after:
            break
        after = page.upto
    return RecordsReply(
        [logged_view(logged) for logged in page.records], max(after, page.upto), max(end, page.upto)
    )


async def follow(
    store: Store,
    after: int,
    contracts: Sequence[str],
    closing: Closing,
    heartbeat_secs: float = HEARTBEAT_SECS,
) -> AsyncIterator[bytes]:
    """Server-sent events from behind an offset, until `closing` is set or nobody listens.

    Reads a page only when the client has taken the one before: a slow one costs no memory. A
    heartbeat is a comment, and moves the id over records that the client did not want.
    """
    encode = msgspec.json.encode
    loop = asyncio.get_running_loop()
    said = loop.time()
    yield b"retry: 1000\n: following\n\n"
    while not closing.is_set():
        seen = store.wake.count
        page = await store.log.read(0, after, PAGE_RECORDS, contracts)
        moved = page.upto > after
        after = max(after, page.upto)
        if page.records:
            yield b"".join(
                b"id: %d\nevent: record\ndata: %b\n\n"
                % (logged.offset, encode(logged_view(logged)))
                for logged in page.records
            )
            said = loop.time()
        elif loop.time() - said >= heartbeat_secs:
            yield b": heartbeat\nid: %d\n\n" % after
            said = loop.time()
        if not moved:
            await store.wake.wait(seen, min(1.0, heartbeat_secs))
    yield b"event: closing\ndata: {}\n\n"
