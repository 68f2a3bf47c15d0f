"""Step 1: everything is read once, and becomes records on the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from gateway.demo.running import stream
from gateway.demo.tale import Tale

STREAMS = {
    "erp/party.party": "customer.v1",
    "erp/sale.opportunity": "opportunity.v1",
    "erp/sale.sale": "order.v1",
    "shop/accounts": "customer.v1",
    "shop/payments": "payment.history.v1",
    "shop/tickets": "ticket.v1",
}


async def tell(tale: Tale) -> None:
    rows = {name: len(await tale.versions(name)) for name in STREAMS}
    total = sum(rows.values())
    # Side by side: a check contacts everything, and so does the first reading.
    checked, _ = await asyncio.gather(tale.gateway.command("check"), tale.gateway.start())
    faults = [each for each in checked["checks"] if not each["ok"]]
    tale.check(not faults, f"headrace check: {len(checked['checks'])} things looked at, all well",
               f"headrace check found {faults}")  # fmt: skip

    def read(status: dict[str, Any]) -> int:
        return sum(stream(status, name)["tally"]["read"] for name in STREAMS)

    status = await tale.until(
        lambda: _status(tale),
        lambda status: (
            read(status) >= total
            and all(each["state"] == "caught_up" for each in status["streams"])
        ),
        waiting_for=f"reading {total:,} rows:",
        tell=lambda status: f"{read(status):,}",
    )
    records = await tale.gateway.records()
    contracts = Counter((each["source"], each["type"]) for each in records)
    tale.screen.table(
        ("stream", "rows there", "read", "records", "contract"),
        [
            (
                name,
                rows[name],
                stream(status, name)["tally"]["read"],
                contracts[name, contract],
                contract,
            )
            for name, contract in STREAMS.items()
        ],
    )
    lines = sum(
        len(each["data"].get("lines", ())) for each in records if each["type"] == "order.v1"
    )
    for name, contract in STREAMS.items():
        if contracts[name, contract] != rows[name]:
            tale.check(False, f"{name}: {rows[name]} rows are {contracts[name, contract]} records")
    tale.check(
        sum(contracts[name, contract] for name, contract in STREAMS.items()) == total,
        f"every row is one record; the orders have {lines:,} lines",
    )


async def _status(tale: Tale) -> dict[str, Any]:
    return dict(await tale.gateway.status())
