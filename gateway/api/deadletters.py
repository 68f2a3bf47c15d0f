"""Dead letters: found, understood, replayed, discarded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway import events
from gateway.api.asked import Discard, Gateway, LettersPage, Replay
from gateway.api.auth import Operator, Viewer
from gateway.api.problems import not_found
from gateway.api.reply import Json, answers
from gateway.api.views import LetterDetail, LetterView, letter_bytes, letter_detail, letter_view
from gateway.control import Control, ReplayReport
from gateway.store.port import LetterFilter, LetterGroup
from gateway.types import DeadLetter

router = APIRouter(prefix="/deadletters", tags=["dead letters"])
DISCARD_BATCH = 500


class LettersReply(msgspec.Struct, frozen=True):
    """A page of letters, newest first, or of their groups. `next` is the `after` of the page
    that follows; null at the end. `total` counts all that match."""

    letters: Sequence[LetterView]
    groups: Sequence[LetterGroup]
    total: int
    next: str | None


class DiscardReport(msgspec.Struct, frozen=True):
    """How many letters were (with `dry_run`: would be) discarded."""

    dry_run: bool
    discarded: int


@router.get("", responses=answers(LettersReply), response_class=Json)
async def letters(_: Viewer, gateway: Gateway, asked: Annotated[LettersPage, Query()]) -> Json:
    """Letters that match, newest first, or grouped by cause with `group=fingerprint`."""
    where = asked.where()
    total = await gateway.store.letters.count(where)
    if asked.group:
        return Json(LettersReply((), await gateway.store.letters.groups(where), total, None))
    found = await gateway.store.letters.list(where, asked.limit + 1, asked.after)
    page = found[: asked.limit]
    more = page[-1].id if len(found) > asked.limit else None
    return Json(LettersReply([letter_view(letter) for letter in page], (), total, more))


@router.post("/replay", responses=answers(ReplayReport), response_class=Json)
async def replay(asked: Replay, caller: Operator, gateway: Gateway) -> Json:
    """Put letters in again, or with `dry_run` forecast what that would do."""
    where = asked.where()
    report = await gateway.replay(where, dry_run=asked.dry_run, force=asked.force, by=caller.name)
    return Json(report)


@router.post("/discard", responses=answers(DiscardReport), response_class=Json)
async def discard(asked: Discard, caller: Operator, gateway: Gateway) -> Json:
    """Close letters for good. Their bytes stay until retention takes them."""
    where = asked.where()
    if asked.dry_run:
        return Json(DiscardReport(True, await gateway.store.letters.count(where)))
    return Json(DiscardReport(False, await discard_all(gateway, where, asked.reason, caller.name)))


@router.get("/{id}", responses=answers(LetterDetail), response_class=Json)
async def letter(id: str, _: Viewer, gateway: Gateway) -> Json:
    """One letter: its reason, its bytes, its attempts, and for a delivery its record."""
    return Json(letter_detail(await find_letter(gateway, id)))


@router.get(
    "/{id}/raw",
    response_class=Response,
    responses={200: {"description": "The bytes.", "content": {"application/octet-stream": {}}}},
)
async def raw(id: str, _: Viewer, gateway: Gateway) -> Response:
    """The bytes themselves, to be saved: never shown by a browser."""
    found = await find_letter(gateway, id)
    body, media_type = letter_bytes(found)
    suffix = "json" if "json" in media_type else "bin"
    name = re.sub(r"[^A-Za-z0-9-]", "_", found.id)[:80]
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{suffix}"',
        "Cache-Control": "no-store",
    }
    return Response(body, 200, headers, "application/octet-stream")


async def find_letter(gateway: Control, id: str) -> DeadLetter:
    """Raises ApiError where there is none."""
    if "\x00" not in id:
        found = await gateway.store.letters.whole([id], 0)
        if found:
            return found[0]
    raise not_found("dead letter", id[:80])


async def discard_all(gateway: Control, where: LetterFilter, reason: str, by: str) -> int:
    """Discard everything that matches, a bounded number at a time."""
    done = 0
    after: str | None = None
    while found := await gateway.store.letters.list(where, DISCARD_BATCH, after):
        after = found[-1].id
        ids = [letter.id for letter in found]
        done += await gateway.store.letters.discard(ids, f"{reason} (by {by})")
    if done:
        await gateway.discarded()
        events.emit(events.LettersDiscarded(by, reason, done))
    return done
