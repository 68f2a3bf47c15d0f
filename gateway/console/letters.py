"""Dead letters: by cause, one by one, and what a replay would do or has done."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from gateway.api.asked import Gateway, Letters
from gateway.api.deadletters import discard_all, find_letter
from gateway.api.problems import ApiError, not_found
from gateway.api.views import letter_bytes, letter_view, record_view
from gateway.console.page import form, render
from gateway.console.payload import show
from gateway.console.visitor import Actor, Visitor
from gateway.control import ReplayReport
from gateway.store.port import LetterFilter
from gateway.types import DeliverySubject, LetterState

router = APIRouter()
PAGE_LETTERS = 50
REPORTS_KEPT = 50
FIELDS = ("text", "source", "stream", "route", "contract", "code", "key", "fingerprint", "ids")
AGES = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}


@dataclass(frozen=True)
class KeptReport:
    """What a replay said, and which letters it was about, so that a forecast can be acted on."""

    report: ReplayReport
    chosen: Mapping[str, str]
    back: str
    at: datetime


class Reports:
    """The last few reports, in memory: a reload of the page must not replay again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, KeptReport] = OrderedDict()
        self._numbers = itertools.count(1)

    def keep(self, report: KeptReport) -> str:
        number = str(next(self._numbers))
        self._kept[number] = report
        while len(self._kept) > REPORTS_KEPT:
            self._kept.popitem(last=False)
        return number

    def find(self, number: str) -> KeptReport | None:
        return self._kept.get(number)


def reports(request: Request) -> Reports:
    state = request.app.state
    if not hasattr(state, "reports"):
        state.reports = Reports()
    found: Reports = state.reports
    return found


@router.get("/letters")
async def listed(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    """A filter, the causes of what matches, and the letters themselves."""
    asked = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    chosen = {name: value for name, value in asked.items() if name in (*FIELDS, "state", "age")}
    where = choice(chosen)
    after = asked.get("after")
    letters = gateway.store.letters
    found = await letters.list(where, PAGE_LETTERS + 1, after)
    return await render(
        request,
        visitor,
        "letters.html",
        project=gateway.project,
        chosen=chosen,
        narrowed=bool(set(chosen) - {"state"}),
        groups=() if after else await letters.groups(where),
        letters=[letter_view(letter) for letter in found[:PAGE_LETTERS]],
        total=await letters.count(where),
        after=after,
        older=found[PAGE_LETTERS - 1].id if len(found) > PAGE_LETTERS else None,
        ages=AGES,
    )


@router.get("/letters/{id}")
async def one(id: str, request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    letter = await find_letter(gateway, id)
    body, media_type = letter_bytes(letter)
    record = None
    if isinstance(letter.subject, DeliverySubject):
        record = record_view(letter.subject.delivery.record, letter.subject.delivery.offset)
    return await render(
        request,
        visitor,
        "letter.html",
        letter=letter_view(letter),
        attempts=letter.attempts,
        shown=show(body, letter.detail),
        size_bytes=len(body),
        media_type=media_type,
        record=record,
    )


@router.post("/letters/replay")
async def replay(request: Request, actor: Actor, gateway: Gateway) -> Response:
    """Replay, or forecast with `dry_run`; then show the report."""
    fields = await form(request)
    where = _open(choice(fields, all_said="all" in fields))
    report = await gateway.replay(
        where, dry_run="dry_run" in fields, force="force" in fields, by=actor.name
    )
    chosen = {name: fields[name] for name in (*FIELDS, "state", "age", "all") if name in fields}
    back = f"/letters/{fields['ids']}" if "ids" in fields else "/letters"
    number = reports(request).keep(KeptReport(report, chosen, back, datetime.now(UTC)))
    return RedirectResponse(f"/replays/{number}", 303)


@router.get("/replays/{number}")
async def replayed(number: str, request: Request, visitor: Visitor) -> Response:
    kept = reports(request).find(number)
    if kept is None:
        raise not_found("replay report", number[:20])
    return await render(request, visitor, "replay.html", kept=kept, report=kept.report)


@router.post("/letters/discard")
async def discard(request: Request, actor: Actor, gateway: Gateway) -> Response:
    fields = await form(request)
    reason = fields.get("reason")
    if not reason:
        raise ApiError(
            422, "reason_missing", "A discard needs a reason.", "Say why nobody will need these."
        )
    where = _open(choice(fields, all_said="all" in fields))
    await discard_all(gateway, where, reason, actor.name)
    return RedirectResponse(f"/letters/{fields['ids']}" if "ids" in fields else "/letters", 303)


def _open(where: LetterFilter) -> LetterFilter:
    """Only what is open can be acted on, whatever the page showed when its button was made."""
    return msgspec.structs.replace(where, state=LetterState.OPEN)


def choice(fields: Mapping[str, str], *, all_said: bool = True) -> LetterFilter:
    """The letters that a form or an address names. Raises ApiError where it cannot be read."""
    given: dict[str, object] = {name: fields[name] for name in FIELDS if name in fields}
    if "ids" in given:
        given["ids"] = [given["ids"]]
        given["state"] = "any"
    if "state" in fields:
        given["state"] = fields["state"]
    if age := AGES.get(fields.get("age", "")):
        given["since"] = datetime.now(UTC) - age
    try:
        asked = Letters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ApiError(
            422, "filter_invalid", f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    if asked.everything and not all_said:
        raise ApiError(422, "filter_empty", "The filter names no letters.")
    return asked.where()
