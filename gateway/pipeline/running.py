"""A gateway from start to drained stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import msgspec

from gateway import events
from gateway.config.loaded import LoadedProject
from gateway.events import emit
from gateway.ids import Ids
from gateway.pipeline.assembly import assemble
from gateway.pipeline.building import Builder
from gateway.pipeline.control import GatewayControl, remember
from gateway.pipeline.machinery import Machinery
from gateway.pipeline.route_worker import RouteWorker
from gateway.pipeline.stream_worker import StreamWorker
from gateway.store.port import Store
from gateway.store.sql import SqlStore

SETTLE_LOOK_SECS = 0.05

GIVE_UP_FAILURES = 3
"""`--once` does not wait for a source or an endpoint that failed so often in a row."""


def now() -> datetime:
    return datetime.now(UTC)


class Unsettled(msgspec.Struct, frozen=True):
    """What a run to the end has left undone, and why: a held stream, an endpoint that is down."""

    place: str
    state: str
    reason: str | None


class Running:
    """A gateway at work. `control` is what the HTTP surface asks."""

    def __init__(
        self,
        control: GatewayControl,
        machinery: Machinery,
        store: Store,
        lost: asyncio.Future[None],
    ) -> None:
        self.control = control
        self._machinery = machinery
        self._store = store
        self._lost = lost

    async def fenced(self) -> None:
        """Wait for ever, or raise Fenced when another process has taken over."""
        await asyncio.shield(self._lost)

    async def settled(self) -> list[Unsettled]:
        """Wait until every source is read and every route has caught up. Returns those that
        cannot: held streams, sources and endpoints that are down, keys that wait for a retry."""
        workers = self._machinery.workers
        while not all(_read(stream) for stream in workers.streams.values()):
            await asyncio.sleep(SETTLE_LOOK_SECS)
        while True:
            end = await self._store.log.end()
            if all(_delivered(route, end) for route in workers.routes.values()):
                break
            await asyncio.sleep(SETTLE_LOOK_SECS)
        return [
            Unsettled(str(each.stream), each.state, each.reason)
            for each in await self._store.streams.list()
            if each.stream in workers.streams and each.state in ("held", "waiting")
        ] + [
            Unsettled(name, "held", route.gate.reason)
            if route.gate.held_since
            else Unsettled(name, "parked", f"{route.parked_keys} keys wait to be tried again")
            for name, route in workers.routes.items()
            if route.gate.held_since or route.parked_keys
        ]


def _read(stream: StreamWorker) -> bool:
    return (
        stream.caught_up.is_set() or stream.state == "held" or stream.failures >= GIVE_UP_FAILURES
    )


def _delivered(route: RouteWorker, end: int) -> bool:
    if route.gate.holds >= GIVE_UP_FAILURES:
        return True
    return route.caught_up.is_set() and route.read_to >= end


@asynccontextmanager
async def running(loaded: LoadedProject, *, version: str) -> AsyncIterator[Running]:
    """Start the gateway; leaving the block drains it, within ten seconds.

    The caller holds the project's lock. Raises ConfigError where the project cannot be started:
    nothing has been read or sent then.
    """
    began = time.monotonic()
    assembly = assemble(loaded)
    async with AsyncExitStack() as stack:
        store = await _store(loaded, stack)
        await remember(store, loaded, "start", now())
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def fenced(error: BaseException) -> None:
            if not lost.done():
                lost.set_exception(error)

        ids = Ids()
        machinery = Machinery(Builder(store, clock=now, ids=ids, fenced=fenced))
        await machinery.start(assembly)
        control = GatewayControl(assembly, store, machinery, version=version, clock=now, ids=ids)
        control.ready()
        project = loaded.project
        emit(
            events.GatewayStarted(
                project.instance, version, None, len(project.sources), len(project.routes)
            )
        )
        try:
            yield Running(control, machinery, store, lost)
        finally:
            control.ready("draining")
            emit(events.GatewayDraining("stop"))
            await machinery.stop()
            emit(events.GatewayStopped(time.monotonic() - began))


@asynccontextmanager
async def open_control(loaded: LoadedProject, *, version: str) -> AsyncIterator[GatewayControl]:
    """The project's state, to be looked at and mended while no gateway runs."""
    assembly = assemble(loaded)
    async with AsyncExitStack() as stack:
        store = await _store(loaded, stack)
        yield GatewayControl(assembly, store, None, version=version, clock=now, ids=Ids())


async def _store(loaded: LoadedProject, stack: AsyncExitStack) -> SqlStore:
    store = await SqlStore.open(loaded.database, instance=loaded.project.instance, clock=now)
    stack.push_async_callback(store.close)
    return store
