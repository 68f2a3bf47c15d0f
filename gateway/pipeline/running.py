"""A gateway from start to drained stop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway import events
from gateway.config.loaded import LoadedProject
from gateway.config.model import SinkTarget
from gateway.deliver.settle import Policy
from gateway.errors import ConfigError
from gateway.events import emit
from gateway.http import HttpSession
from gateway.ids import Ids
from gateway.pipeline.assembly import Assembly, RoutePlan, StreamPlan, assemble
from gateway.pipeline.control import GatewayControl, remember
from gateway.pipeline.echoes import Echoes
from gateway.pipeline.gate import Gate
from gateway.pipeline.holds import Holds
from gateway.pipeline.predictions import Predictions
from gateway.pipeline.route_worker import RouteWorker
from gateway.pipeline.settlement import Settlement
from gateway.pipeline.stream_worker import StreamWorker
from gateway.pipeline.workers import Workers
from gateway.pipeline.writeback import Writeback
from gateway.ports import Endpoint, Runtime, Sink, Source
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

    def __init__(self, control: GatewayControl, workers: Workers, store: Store) -> None:
        self.control = control
        self._workers = workers
        self._store = store

    async def fenced(self) -> None:
        """Wait for ever, or raise Fenced when another process has taken over."""
        await self._workers.fenced()

    async def settled(self) -> list[Unsettled]:
        """Wait until every source is read and every route has caught up. Returns those that
        cannot: held streams, sources and endpoints that are down, keys that wait for a retry."""
        while not all(_read(stream) for stream in self._workers.streams.values()):
            await asyncio.sleep(SETTLE_LOOK_SECS)
        while True:
            end = await self._store.log.end()
            if all(_delivered(route, end) for route in self._workers.routes.values()):
                break
            await asyncio.sleep(SETTLE_LOOK_SECS)
        return [
            Unsettled(str(each.stream), each.state, each.reason)
            for each in await self._store.streams.list()
            if each.stream in self._workers.streams and each.state in ("held", "waiting")
        ] + [
            Unsettled(name, "held", route.gate.reason)
            if route.gate.held_since
            else Unsettled(name, "parked", f"{route.parked_keys} keys wait to be tried again")
            for name, route in self._workers.routes.items()
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
        opened = await _open_all(loaded, stack)
        workers = _workers(assembly, store, opened)
        control = GatewayControl(
            assembly,
            store,
            workers,
            version=version,
            clock=now,
            ids=_ids(),
        )
        workers.start()
        control.ready()
        project = loaded.project
        emit(
            events.GatewayStarted(
                project.instance, version, None, len(project.sources), len(project.routes)
            )
        )
        try:
            yield Running(control, workers, store)
        finally:
            control.ready("draining")
            emit(events.GatewayDraining("stop"))
            await workers.drain()
            emit(events.GatewayStopped(time.monotonic() - began))


@asynccontextmanager
async def open_control(loaded: LoadedProject, *, version: str) -> AsyncIterator[GatewayControl]:
    """The project's state, to be looked at and mended while no gateway runs."""
    assembly = assemble(loaded)
    async with AsyncExitStack() as stack:
        store = await _store(loaded, stack)
        yield GatewayControl(assembly, store, None, version=version, clock=now, ids=_ids())


async def _store(loaded: LoadedProject, stack: AsyncExitStack) -> SqlStore:
    store = await SqlStore.open(loaded.database, instance=loaded.project.instance, clock=now)
    stack.push_async_callback(store.close)
    return store


class _Opened(msgspec.Struct, frozen=True):
    sources: Mapping[str, Any]
    endpoints: Mapping[str, Endpoint]


async def _open_all(loaded: LoadedProject, stack: AsyncExitStack) -> _Opened:
    http = await stack.enter_async_context(HttpSession.open(allow=loaded.project.network.allow))

    def runtime(name: str) -> Runtime:
        return Runtime(name=name, http=http, folder=loaded.folder, state=loaded.state)

    sources = {
        name: await stack.enter_async_context(
            each.connector.open(each.config, each.streams, runtime(name))
        )
        for name, each in loaded.sources.items()
    }
    endpoints = {
        name: await stack.enter_async_context(each.connector.open(each.config, {}, runtime(name)))
        for name, each in loaded.endpoints.items()
    }
    return _Opened(sources, endpoints)


def _workers(assembly: Assembly, store: Store, opened: _Opened) -> Workers:
    project = assembly.loaded.project
    ids = _ids()
    chance = random.random
    holds = Holds(store, now)
    gates: dict[str, Gate] = {
        name: Gate(name, each.type, opened.endpoints[name].send, each.max_in_flight)
        for name, each in project.endpoints.items()
    }
    writebacks: dict[str, Writeback] = {}
    routes: dict[str, RouteWorker] = {}
    for name, plan in assembly.routes.items():
        target = plan.settings.to
        predictions: Predictions | None = None
        if isinstance(target, SinkTarget):
            gate = _sink_gate(plan, target, opened.sources[target.sink], writebacks)
            gates[gate.name] = gate
        else:
            gate = gates[target]
            predictions = Predictions(target)
        routes[name] = RouteWorker(
            name,
            plan.settings,
            plan.rule,
            gate,
            Settlement(
                name,
                gate,
                predictions,
                Policy(1, 1.0, 1.0),
                clock=now,
                chance=chance,
                ids=ids,
            ),
            supersedes=lambda contract: assembly.kind(contract) == "state",
            store=store,
            clock=now,
            ids=ids,
        )
    streams = {
        id: StreamWorker(
            plan,
            _source(plan, opened.sources[id.source]),
            echoes=_echoes(plan, store),
            holds=holds,
            limits=project.limits,
            store=store,
            clock=now,
            chance=chance,
            ids=ids,
        )
        for id, plan in assembly.streams.items()
    }
    return Workers(streams, routes, gates, writebacks, holds)


def _sink_gate(
    plan: RoutePlan, target: SinkTarget, sink: Any, writebacks: dict[str, Writeback]
) -> Gate:
    if not isinstance(sink, Sink):
        raise ConfigError(
            f"`routes.{plan.name}.to` names {target.sink}, which cannot be written to.",
            mend="Name a source whose connector has a sink.",
        )
    assert plan.sink is not None
    writebacks[plan.name] = Writeback(sink, target.stream, plan.sink)
    # One write at a time and route: two batches must not wait for each other's rows.
    return Gate(f"{target.sink}/{target.stream}", "sink", writebacks[plan.name].send, 1)


def _source(plan: StreamPlan, source: Any) -> Source:
    if not isinstance(source, Source):
        raise ConfigError(
            f"`sources.{plan.stream.source}` has streams, but its connector cannot be read.",
            mend="Take its streams away, or use another connector.",
        )
    return source


def _echoes(plan: StreamPlan, store: Store) -> Echoes | None:
    return Echoes(store) if plan.written else None


def _ids() -> Callable[[], str]:
    return Ids()
