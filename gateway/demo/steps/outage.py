"""Step 4: the model server is away for some seconds. The route waits; nobody is charged for it."""

from __future__ import annotations

import asyncio

from gateway.demo.count import out_of_order
from gateway.demo.model import received
from gateway.demo.running import route
from gateway.demo.tale import Tale

SECONDS = 3
ROWS = 120
ROUTE = "score-payments"


async def tell(tale: Tale) -> None:
    before = route(await tale.gateway.status(), ROUTE)
    await tale.world.models.stop()
    tale.screen.line(
        f"{tale.world.models.name} is stopped; meanwhile {ROWS} payments change, twice"
    )
    most, states = 0, set()
    for second in range(SECONDS):
        if second < 2:
            await tale.world.shop.run(
                "UPDATE payments SET spent_before = spent_before + 0.01 "
                "WHERE id IN (SELECT id FROM payments ORDER BY id LIMIT $1)",
                ROWS,
            )
        await asyncio.sleep(1)
        status = await tale.gateway.status()
        here = route(status, ROUTE)
        most = max(most, here["lag"])
        states |= {each["state"] for each in status["endpoints"] if each["name"] == "churn-payment"}
        tale.screen.line(
            f"after {second + 1} s: {here['lag']:,} behind, {here['parked']} parked, "
            f"{here['letters'] - before['letters']} dead letters"
        )
    tale.check("held" in states, "the endpoint is held, and says so", f"the endpoint was {states}")
    tale.check(most >= ROWS, f"the log is the buffer: {most:,} records waited on it")
    await tale.world.models.start()
    await tale.quiet()
    after = route(await tale.gateway.status(), ROUTE)
    tale.check(
        after["letters"] == before["letters"] and not after["parked"],
        "it caught up by itself, and not one attempt was spent: nothing parked, no dead letter",
        f"{after['letters'] - before['letters']} dead letters, {after['parked']} parked",
    )
    disorder = out_of_order(received(tale.world.recordings, "churn-payment"))
    tale.check(
        not disorder,
        "in order: the model never got an older version of a payment after a newer one",
        f"out of order: {'; '.join(str(each) for each in disorder[:3])}",
    )
