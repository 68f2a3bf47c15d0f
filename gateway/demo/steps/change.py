"""Step 3: a change in Tryton and one in PostgreSQL, and how long until its prediction is stored."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

from gateway.demo.count import instant
from gateway.demo.tale import Tale

CHANGES = 6
"""Of each system."""
WANTED_MS = 2_000


async def tell(tale: Tale) -> None:
    orders = await tale.world.erp.read("sale.sale", ["lines"], [["state", "=", "draft"]])
    payments = await tale.world.shop.rows(
        "SELECT id FROM payments ORDER BY paid_at DESC LIMIT $1", CHANGES
    )
    took: dict[str, list[float]] = {"Tryton": [], "PostgreSQL": []}
    for number in range(CHANGES):
        order, payment = orders[number % len(orders)], payments[number]["id"]
        change = tale.world.erp.call(
            "sale.sale.write",
            [order["id"]],
            {"lines": [["write", [order["lines"][0]], {"quantity": 3.0 + number}]]},
        )
        took["Tryton"].append(await _seen(tale, "erp/sale.sale", str(order["id"]), change))
        change = tale.world.shop.run("UPDATE payments SET items = items + 1 WHERE id = $1", payment)
        took["PostgreSQL"].append(await _seen(tale, "shop/payments", str(payment), change))
    for system, each in took.items():
        ordered = sorted(each)
        middle = percentile(ordered, 0.5)
        tale.check(
            middle <= WANTED_MS,
            f"{system}: {len(each)} changes, from commit to stored prediction "
            f"{ordered[0]:,.0f} to {ordered[-1]:,.0f} ms, half of them within {middle:,.0f} ms",
            f"{system}: half of {len(each)} changes took longer than {middle:,.0f} ms to become "
            f"a stored prediction; {WANTED_MS:,} ms are wanted",
        )
    everything = sorted(took["Tryton"] + took["PostgreSQL"])
    tale.figures.p50_ms = round(percentile(everything, 0.5), 1)
    tale.figures.p95_ms = round(percentile(everything, 0.95), 1)
    slow = sum(each > WANTED_MS for each in everything)
    # One that was slow on a busy machine is said, and not held against the run.
    tale.screen.line(
        f"p50 {tale.figures.p50_ms:,.0f} ms, p95 {tale.figures.p95_ms:,.0f} ms; "
        f"{len(everything) - slow} of {len(everything)} within {WANTED_MS:,} ms"
    )


async def _seen(tale: Tale, stream: str, key: str, change: Awaitable[Any]) -> float:
    """Make a change, and wait until the prediction about it is on the log, as a client that pulls
    it sees it. Milliseconds since the system had confirmed the commit."""
    after = (await tale.gateway.status())["log_end"]
    await change
    committed = time.monotonic()

    async def look() -> float | None:
        for each in await tale.gateway.records(after):
            if (each["source"], each["subject"]) == (stream, key) and each["type"].startswith(
                "prediction."
            ):
                seen = time.monotonic()
                # Only the system itself can say that this is about what was just committed.
                if instant(each["version"]) >= (await tale.versions(stream))[key]:
                    return (seen - committed) * 1_000
        return None

    took = await tale.until(
        look,
        lambda found: found is not None,
        waiting_for=f"until the change of {stream} {key} is a prediction",
        within_secs=30,
        every_secs=0.02,
    )
    assert took is not None
    return took


def percentile(ordered: list[float], share: float) -> float:
    """By linear interpolation between the two nearest of the ordered values."""
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
