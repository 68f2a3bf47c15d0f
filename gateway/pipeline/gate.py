"""The door to one endpoint, shared by all routes to it: how many go through at once, and whether
it is open. An endpoint that is down holds every route to it; nothing is spent meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from gateway.control import EndpointStatus
from gateway.deliver.send import Send


class Gate:
    """`send` is the endpoint's, or the sink's behind one."""

    def __init__(self, name: str, type: str, send: Send, max_in_flight: int) -> None:
        self.name = name
        self.type = type
        self.send = send
        self.max_in_flight = max_in_flight
        self.held_until: datetime | None = None
        self.held_since: datetime | None = None
        self.reason: str | None = None
        self.holds = 0
        """Probes that failed in a row."""
        self._asked = False
        self._in_flight = 0
        self._turns = asyncio.Semaphore(max_in_flight)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place among the requests in flight."""
        async with self._turns:
            self._in_flight += 1
            try:
                yield
            finally:
                self._in_flight -= 1

    def hold(self, now: datetime, until: datetime, reason: str) -> bool:
        """The endpoint is unavailable. Returns whether it was open before."""
        self._asked = True
        first = self.held_since is None
        if first:
            self.held_since = now
        self.holds += 1
        self.held_until = until if self.held_until is None else max(until, self.held_until)
        self.reason = reason
        return first

    def open(self, now: datetime) -> float | None:
        """Something got through. Returns for how many seconds it had been held, if it was."""
        self._asked = True
        since, self.held_since = self.held_since, None
        self.held_until = self.reason = None
        self.holds = 0
        return None if since is None else (now - since).total_seconds()

    def shut(self, now: datetime) -> bool:
        """Whether nobody may try before `held_until`."""
        if self.held_since is not None and now < self.held_since:
            # The clock went back: nobody waits for a time that was taken back.
            self.held_since = self.held_until = now
        return self.held_until is not None and now < self.held_until

    def width(self) -> int:
        """How many requests may be in flight: one probe while it has not answered again."""
        return 1 if self.held_since is not None else self.max_in_flight

    def status(self) -> EndpointStatus:
        state = "held" if self.held_since else "up" if self._asked else "unknown"
        return EndpointStatus(
            self.name, self.type, state, self.reason, self.held_until, self._in_flight
        )
