"""What the steps of the story share: the world, the screen, the figures, and how to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from gateway.demo.running import RunningGateway, route
from gateway.demo.screen import Screen
from gateway.demo.servers.process import ServerError
from gateway.demo.world import World

T = TypeVar("T")
SCORING = ("score-payments", "score-orders")
WRITING = ("store-scores", "mark-accounts", "note-parties")
ARCHIVE = "shop/payments_archive"
"""The stream that is added in the middle of the story."""
MODELLED = {
    "shop/payments": "churn-payment",
    ARCHIVE: "churn-payment",
    "erp/sale.sale": "churn-order",
}
"""The streams whose rows a model gets, and which model."""


class Figures(msgspec.Struct):
    """The demo's result: its last line with --json."""

    rows_read: int = 0
    records_appended: int = 0
    dead_letters: int = 0
    resolved: int = 0
    superseded: int = 0
    delivered: int = 0
    delivered_again: int = 0
    predictions: int = 0
    written_back: int = 0
    lost: int = -1
    appended_twice: int = -1
    out_of_order: int = -1
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    kills: int = 0
    peak_mb: float = 0.0
    seconds: float = 0.0
    failed: list[str] = []
    """What was not as the story says."""


class Tale:
    def __init__(self, world: World, screen: Screen) -> None:
        self.world = world
        self.screen = screen
        self.figures = Figures()

    @property
    def gateway(self) -> RunningGateway:
        return self.world.gateway

    def check(self, holds: bool, what: str, otherwise: str | None = None) -> None:
        """Put down whether something is as the story says; a failure fails the demo at its end."""
        if holds:
            self.screen.good(what)
        else:
            self.screen.bad(otherwise or f"not so: {what}")
            self.figures.failed.append(otherwise or what)

    async def until(
        self,
        look: Callable[[], Awaitable[T]],
        holds: Callable[[T], bool],
        *,
        waiting_for: str,
        tell: Callable[[T], str] = lambda _: "",
        within_secs: float = 120.0,
        every_secs: float = 0.1,
    ) -> T:
        """Look again and again, telling what is seen, until it is as wanted.

        Raises ServerError with what was seen last when the time is up.
        """
        end = time.monotonic() + within_secs
        with self.screen.waiting(waiting_for) as waiting:
            while True:
                seen = await look()
                if holds(seen):
                    return seen
                waiting.tell(f"{waiting_for} {tell(seen)}")
                if time.monotonic() > end:
                    raise ServerError(
                        f"{waiting_for}: not within {within_secs:.0f} s. {tell(seen)}",
                        mend=f"The gateway's log is {self.gateway.log}.",
                    )
                await asyncio.sleep(every_secs)

    async def quiet(self, within_secs: float = 180.0) -> dict[str, Any]:
        """Wait until every stream is read to its end and every route has caught up, twice in a
        row: a write-back's echo would be between the two."""
        before = -1

        async def look() -> dict[str, Any]:
            return dict(await self.gateway.status())

        def still(status: dict[str, Any]) -> bool:
            nonlocal before
            same = before == status["log_end"]
            before = status["log_end"]
            caught_up = all(each["state"] == "caught_up" for each in status["streams"])
            return same and caught_up and not sum(lags(status).values())

        return await self.until(
            look,
            still,
            waiting_for="until all is read and delivered",
            tell=lambda status: ", ".join(
                f"{n} {lag} behind" for n, lag in lags(status).items() if lag
            ),
            within_secs=within_secs,
            every_secs=0.8,
        )

    async def versions(self, name: str) -> dict[str, Any]:
        """Key → last version of a stream's rows, asked of the system itself."""
        source, _, table = name.partition("/")
        if source == "shop":
            return dict(await self.world.shop.versions(table))
        children = "lines" if table == "sale.sale" else None
        return dict(await self.world.erp.versions(table, children))


def lags(status: dict[str, Any]) -> dict[str, int]:
    """What each route has still to do: what lies before it on the log, and what is parked."""
    found = {}
    for name in (*SCORING, *WRITING):
        counts = route(status, name)
        found[name] = counts["lag"] + counts["parked"]
    return found
