"""Browsing the log: the newest records, or those from an offset on."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.asked import Gateway, RecordsPage
from gateway.api.records import RecordsReply, pull
from gateway.console.page import render
from gateway.console.payload import Shown, show
from gateway.console.visitor import Visitor

router = APIRouter()
PAGE_RECORDS = 50


@router.get("/records")
async def browse(request: Request, visitor: Visitor, gateway: Gateway) -> Response:
    """Records newest first; without `after`, the end of the log."""
    asked = request.query_params
    contract = asked.get("contract", "").strip()[:200]
    end = await gateway.store.log.end()
    given = asked.get("after", "").strip()
    live = not (given.isascii() and given.isdigit() and len(given) < 19)
    after = max(0, end - PAGE_RECORDS) if live else int(given)
    wanted = [contract] if contract else []
    page = await pull(gateway.store, RecordsPage(after=after, limit=PAGE_RECORDS, contract=wanted))
    if live and contract:
        page, after = await _newest(gateway, wanted, end)
    known = sorted({name for route in gateway.project.routes.values() for name in route.contracts})
    return await render(
        request,
        visitor,
        "records.html",
        records=[(record, _shown(bytes(record.data))) for record in reversed(page.records)],
        contract=contract,
        known=known,
        after=after,
        end=end,
        live=live,
        older=max(0, after - PAGE_RECORDS) if after else None,
        newer=page.next if page.next < end else None,
    )


def _shown(data: bytes) -> Shown:
    """Less than of a dead letter: there are fifty of them on a page that renews itself."""
    return show(data, max_bytes=32 << 10, max_lines=200)


async def _newest(gateway: Gateway, wanted: list[str], end: int) -> tuple[RecordsReply, int]:
    """The last page that has records of a contract, looking back in ever larger steps."""
    reach = PAGE_RECORDS
    while True:
        after = max(0, end - reach)
        page = await pull(gateway.store, RecordsPage(after=after, limit=1_000, contract=wanted))
        if len(page.records) >= PAGE_RECORDS or after == 0 or reach > 100_000:
            return page, after
        reach *= 8
