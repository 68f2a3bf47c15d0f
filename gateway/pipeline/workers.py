"""All the workers of a running gateway, and what they share."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import PurePath

from gateway import events
from gateway.errors import Fenced, HeadraceError
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

    def trouble(self) -> str | None:
        """Why the store does not take what is done, None while it does."""
        everybody: list[StreamWorker | RouteWorker] = [
            *self.streams.values(),
            *self.routes.values(),
        ]
        return next((each.trouble for each in everybody if each.trouble), None)

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
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _cancelled():
                    raise
                emit(events.StepFailed(name, type(error).__name__, _told(error), RESTART_SECS))
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(RESTART_SECS)


def _told(error: BaseException) -> str:
    """Our own errors in their words; of others only where: their words may hold payload."""
    if isinstance(error, HeadraceError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    return f"at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _cancelled() -> bool:
    """Whether we are, and not just something that a connector waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
