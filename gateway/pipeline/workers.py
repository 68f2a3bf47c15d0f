"""All the workers of a running gateway, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from gateway import events
from gateway.errors import Fenced
from gateway.events import emit
from gateway.pipeline.assembly import Assembly
from gateway.pipeline.gate import Gate
from gateway.pipeline.holds import Holds
from gateway.pipeline.route_worker import RouteWorker
from gateway.pipeline.stream_worker import StreamWorker
from gateway.pipeline.writeback import Writeback
from gateway.types import StreamId

RESTART_SECS = 1.0
DRAIN_SECS = 9.0


class Workers:
    """One task a stream and one a route. `fenced` is told when another process has taken over."""

    def __init__(
        self,
        streams: Mapping[StreamId, StreamWorker],
        routes: Mapping[str, RouteWorker],
        gates: Mapping[str, Gate],
        writebacks: Mapping[str, Writeback],
        holds: Holds,
        fenced: Callable[[BaseException], None],
    ) -> None:
        self.streams = streams
        self.routes = routes
        self.gates = gates
        self.holds = holds
        self._writebacks = writebacks
        self._fenced = fenced
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for stream in self.streams.values():
            self._begin(f"stream {stream.stream}", stream.run)
        for route in self.routes.values():
            self._begin(f"route {route.name}", route.run)

    def swap(self, assembly: Assembly) -> None:
        """Everybody goes on with the new programs and settings, from their next page or batch."""
        for id, stream in self.streams.items():
            stream.swap(assembly.streams[id], assembly.loaded.project.limits)
        for name, route in self.routes.items():
            plan = assembly.routes[name]
            route.swap(plan)
            if plan.sink is not None:
                self._writebacks[name].program = plan.sink

    async def drain(self) -> None:
        """Streams finish their page first, then routes what is in flight; what takes longer than
        `DRAIN_SECS` is cut off, and done again after the next start."""
        self._stopping = True
        for stream in self.streams.values():
            stream.stop()
        for route in self.routes.values():
            route.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=DRAIN_SECS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._supervise(name, work), name=name))

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """A worker's bug ends one round of its work, not the gateway."""
        while not self._stopping:
            try:
                await work()
            except Fenced as error:
                self._fenced(error)
                return
            except Exception as error:  # noqa: BLE001 - told, and begun again from the store
                emit(events.StepFailed(name, type(error).__name__, str(error)[:500], RESTART_SECS))
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(RESTART_SECS)
