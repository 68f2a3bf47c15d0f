"""Step 6: somebody renames a column. The stream holds, says what it saw, and goes on when told."""

from __future__ import annotations

from typing import Any

from gateway.demo.running import stream
from gateway.demo.tale import Tale

STREAM = "shop/payments"
ROWS = 20


async def tell(tale: Tale) -> None:
    letters = len(await tale.gateway.letters())
    shop = tale.world.shop
    await shop.run("ALTER TABLE payments RENAME COLUMN items TO quantity")
    await shop.run(
        "INSERT INTO payments (id, customer_id, amount, currency, method, paid_at, quantity, "
        "purchases_before, days_since_previous, spent_before) "
        "SELECT (SELECT max(id) FROM payments) + n, (SELECT min(id) FROM accounts), 10 + n, 'USD', "
        "'card', now(), 1 + n % 3, 1, 30, 20 FROM generate_series(1, $1) AS n",
        ROWS,
    )
    tale.screen.line(f"payments.items is now called quantity; {ROWS} more payments come in")
    found = await tale.until(
        lambda: tale.gateway.get("/v1/drifts"),
        lambda found: bool(found["drifts"]),
        waiting_for="until it is noticed",
    )
    drift = found["drifts"][0]
    status = await tale.gateway.status()
    held = stream(status, STREAM)
    shown = (await tale.gateway.command("drift", "show", drift["id"]))["drift"]
    for change in shown["changes"]:
        tale.screen.quote(f"{change.get('kind')}: {change.get('detail', change)}")
    for place, line in shown["proposal"].items():
        tale.screen.quote(f"proposed  {place}: {line}")
    tale.check(held["state"] == "held", "the stream holds at its cursor", f"it is {held['state']}")
    tale.check(
        len(await tale.gateway.letters()) == letters, "and not one dead letter was made of it"
    )
    tale.check(
        any("quantity" in str(value) for value in shown["proposal"].values()),
        "the proposal names the new column",
        f"the proposal is {shown['proposal']}",
    )
    await tale.gateway.command("drift", "accept", drift["id"])

    async def now() -> dict[str, Any]:
        return stream(await tale.gateway.status(), STREAM)

    await tale.until(
        now, lambda found: found["state"] == "caught_up", waiting_for="until the stream goes on"
    )
    await tale.quiet()
    there = await tale.versions(STREAM)
    known = {
        each["subject"] for each in await tale.gateway.records(status["log_end"])
        if each["source"] == STREAM and each["type"] == "payment.history.v1"
    }  # fmt: skip
    newest = set(sorted(there, key=int)[-ROWS:])
    tale.check(newest <= known, f"accepted without a restart; all {ROWS} payments have arrived",
               f"{len(newest - known)} of the payments have not arrived")  # fmt: skip
