"""Step 7: a stream is added to the running gateway, which is killed with -9 while it reads it."""

from __future__ import annotations

from collections import Counter

from gateway.demo.project import add_archive
from gateway.demo.running import stream
from gateway.demo.tale import ARCHIVE, Tale

CONTRACT = "payment.history.v1"
PREDICTION = "prediction.churn-payment.v1"
SHARE = 0.3
"""How much of the archive is read before the kill."""
TRIES = 3


async def tell(tale: Tale) -> None:
    start = (await tale.gateway.status())["log_end"]
    await _added(tale, len(await tale.versions(ARCHIVE)))
    for number in range(1, TRIES + 1):
        if await _killed(tale):
            break
        if number < TRIES:
            await _more(tale, number)
    else:
        tale.check(False, "the gateway was killed in the middle of the archive")
    await tale.quiet()
    await _complete(tale, start)


async def _added(tale: Tale, rows: int) -> None:
    """Extend the project file, and have the running gateway take it in."""
    before = await tale.gateway.status()
    add_archive(tale.gateway.folder)
    report = await tale.gateway.command("apply")
    for change in report["changes"]:
        tale.screen.quote(f"{change['place']}: {change['kind']}")
    after = await tale.gateway.status()
    tale.check(
        bool(report["changes"])
        and not report["restart_needed"]
        and after["started_at"] == before["started_at"],
        f"{ARCHIVE}, {rows:,} older payments, is added by `headrace apply`; the gateway goes on",
        f"apply said {report}",
    )


async def _killed(tale: Tale) -> bool:
    """Kill the gateway once it has read some of the archive, and start it again. False where it
    had read everything by then: asked of what it left behind, not of what was seen before."""
    rows = len(await tale.versions(ARCHIVE))

    async def read() -> int:
        return int(stream(await tale.gateway.status(), ARCHIVE)["tally"]["read"])

    already = await read()
    await tale.until(
        read,
        lambda done: done >= already + (rows - already) * SHARE,
        waiting_for=f"reading {rows:,} archived payments:",
        tell=lambda done: f"{done:,}",
        every_secs=0.005,
    )
    tale.gateway.kill()
    tale.figures.kills += 1
    left = stream(await tale.gateway.command("status"), ARCHIVE)["tally"]["read"]
    await tale.gateway.start()
    tale.screen.line(f"killed with -9 after {left:,} of {rows:,} rows, and started again")
    return int(left) < rows


async def _more(tale: Tale, number: int) -> None:
    """The same payments again under other numbers, so that there is something left to read."""
    tale.screen.line("it was quicker than the kill; more payments are archived, and once more")
    await tale.world.shop.run(
        "INSERT INTO payments_archive (id, customer_id, order_id, amount, currency, method, "
        "paid_at, items, purchases_before, days_since_previous, spent_before) "
        "SELECT id + 1000000 * $1::bigint, customer_id, order_id, amount, currency, method, "
        "paid_at, items, purchases_before, days_since_previous, spent_before "
        "FROM payments_archive WHERE id < 1000000",
        number,
    )


async def _complete(tale: Tale, start: int) -> None:
    """Every archived payment is on the log once, and once scored; so is every account by now."""
    there = Counter(dict.fromkeys(await tale.versions(ARCHIVE), 1))
    records = [each for each in await tale.gateway.records(start) if each["source"] == ARCHIVE]
    for contract, said in ((CONTRACT, "on the log"), (PREDICTION, "scored")):
        found = Counter(each["subject"] for each in records if each["type"] == contract)
        tale.check(
            found == there,
            f"each of {len(there):,} archived payments is {said} exactly once",
            f"of {len(there):,} archived payments {len(there - found):,} are not {said}, and "
            f"{sum((found - there).values()):,} are there too often",
        )
    accounts = await tale.world.shop.row(
        "SELECT count(*) AS rows, count(churn) AS marked FROM accounts"
    )
    tale.check(
        accounts["rows"] == accounts["marked"],
        f"all {accounts['rows']:,} accounts carry a score now",
        f"{accounts['rows'] - accounts['marked']} accounts carry no score",
    )
