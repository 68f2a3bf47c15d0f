"""Opening a project's systems, and making the workers that go with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import msgspec

from gateway.config.loaded import LoadedProject
from gateway.config.model import SinkTarget
from gateway.errors import ConfigError
from gateway.http import HttpSession
from gateway.pipeline.assembly import Assembly, RoutePlan, StreamPlan
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


class Opened(msgspec.Struct, frozen=True):
    """The systems of a project by name. A source may be a Source, a Sink or both."""

    sources: Mapping[str, Any]
    endpoints: Mapping[str, Endpoint]


async def open_systems(loaded: LoadedProject, stack: AsyncExitStack) -> Opened:
    """Open everything the project names; `stack` closes it. Raises ConfigError."""
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
    return Opened(sources, endpoints)


class Builder:
    """Makes workers. `clock` and `ids` are theirs too; `fenced` is told when another process has
    taken over."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        fenced: Callable[[BaseException], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._fenced = fenced
        self._chance = chance

    def workers(self, assembly: Assembly, opened: Opened) -> Workers:
        """One worker a stream and a route. Raises ConfigError where a system cannot do what it is
        used for."""
        project = assembly.loaded.project
        holds = Holds(self._store, self._clock)
        gates = {
            name: Gate(name, each.type, opened.endpoints[name].send, each.max_in_flight)
            for name, each in project.endpoints.items()
        }
        writebacks: dict[str, Writeback] = {}
        routes: dict[str, RouteWorker] = {}
        for name, plan in assembly.routes.items():
            target = plan.settings.to
            if isinstance(target, SinkTarget):
                writebacks[name] = _writeback(plan, target, opened.sources[target.sink])
                # One write at a time: two batches must not wait for each other's rows.
                place = f"{target.sink}/{target.stream}"
                gates[place] = gate = Gate(place, "sink", writebacks[name].send, 1)
                routes[name] = self._route(plan, gate, None, assembly)
            else:
                routes[name] = self._route(plan, gates[target], Predictions(target), assembly)
        streams = {
            id: self._stream(plan, opened.sources[id.source], holds, assembly)
            for id, plan in assembly.streams.items()
        }
        return Workers(streams, routes, gates, writebacks, holds, self._fenced)

    def _route(
        self, plan: RoutePlan, gate: Gate, predictions: Predictions | None, assembly: Assembly
    ) -> RouteWorker:
        return RouteWorker(
            plan,
            gate,
            Settlement(
                plan.name,
                gate,
                predictions,
                clock=self._clock,
                chance=self._chance,
                ids=self._ids,
            ),
            supersedes=lambda contract: assembly.kind(contract) == "state",
            store=self._store,
            clock=self._clock,
            ids=self._ids,
        )

    def _stream(
        self, plan: StreamPlan, source: Any, holds: Holds, assembly: Assembly
    ) -> StreamWorker:
        if not isinstance(source, Source):
            raise ConfigError(
                f"`sources.{plan.stream.source}` has streams, but its connector cannot be read.",
                mend="Take its streams away, or use another connector.",
            )
        return StreamWorker(
            plan,
            source,
            echoes=Echoes(self._store) if plan.written else None,
            holds=holds,
            limits=assembly.loaded.project.limits,
            store=self._store,
            clock=self._clock,
            chance=self._chance,
            ids=self._ids,
        )


def _writeback(plan: RoutePlan, target: SinkTarget, sink: Any) -> Writeback:
    if not isinstance(sink, Sink):
        raise ConfigError(
            f"`routes.{plan.name}.to` names {target.sink}, which cannot be written to.",
            mend="Name a source whose connector has a sink.",
        )
    assert plan.sink is not None
    return Writeback(sink, target.stream, plan.sink)
