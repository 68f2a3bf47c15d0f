"""Step 7: the gateway is killed with -9 in the middle of reading everything again."""

from __future__ import annotations

from gateway.demo.running import stream
from gateway.demo.tale import Mark, Tale

STREAM = "shop/payments"
TRIES = 3


async def tell(tale: Tale) -> None:
    rows = len(await tale.versions(STREAM))
    for number in range(1, TRIES + 1):
        if await _killed(tale, rows, number):
            break
        tale.screen.line("it was quicker than the kill; once more")
    else:
        tale.check(False, "the gateway was killed in the middle of a backfill")
    await tale.quiet()
    status = await tale.gateway.status()
    state = stream(status, STREAM)["state"]
    tale.check(state == "caught_up", f"it went on where it had been: {status['log_end']:,} records")


async def _killed(tale: Tale, rows: int, number: int) -> bool:
    """One backfill with a kill in it. False where the backfill was through before the kill."""
    status = await tale.gateway.status()
    before = stream(status, STREAM)
    tale.marks.append(Mark(STREAM, f"backfill {number}", page=before["page"]))
    await tale.gateway.command("backfill", STREAM)

    async def read() -> int:
        now = stream(await tale.gateway.status(), STREAM)
        return int(now["tally"]["read"] - before["tally"]["read"])

    done = await tale.until(
        read,
        lambda done: done >= rows * number // 5,
        waiting_for=f"reading {rows:,} rows again:",
        tell=lambda done: f"{done:,}",
        every_secs=0.005,
    )
    tale.gateway.kill()
    tale.figures.kills += 1
    await tale.gateway.start()
    tale.screen.line(f"killed with -9 after {done:,} of {rows:,} rows, and started again")
    return done < rows
