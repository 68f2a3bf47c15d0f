"""A loaded project, compiled: programs for its streams, rules for its routes. No I/O; `apply`
makes a new one and the workers swap theirs for its."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.conditions import Condition
from gateway.config.loaded import LoadedProject
from gateway.config.model import Route as RouteSettings
from gateway.config.model import SinkTarget
from gateway.config.model import Stream as StreamSettings
from gateway.mapping import Mapping as StreamMapping
from gateway.program import Program, SinkProgram, compile_mapping, compile_sink
from gateway.route import Rule
from gateway.types import Record, StreamId


class StreamPlan(msgspec.Struct, frozen=True):
    """What reading a stream takes. `written` are the columns that a route writes back to it."""

    stream: StreamId
    settings: StreamSettings
    mapping: StreamMapping
    program: Program
    written: frozenset[str]


class RoutePlan(msgspec.Struct, frozen=True):
    """What working a route takes. `sink` is the program of a route that writes back."""

    name: str
    settings: RouteSettings
    rule: Rule
    sink: SinkProgram | None


class Assembly(msgspec.Struct, frozen=True):
    loaded: LoadedProject
    streams: Mapping[StreamId, StreamPlan]
    routes: Mapping[str, RoutePlan]

    def kind(self, contract: str) -> Literal["state", "event"]:
        """Whether newer records of a contract make older ones pointless. What the project does
        not know any more is taken for events: those are never superseded."""
        found = self.loaded.registry.find(contract)
        return "event" if found is None else found.contract_kind


def assemble(loaded: LoadedProject) -> Assembly:
    """Compile everything. Raises ConfigError that names the file."""
    project = loaded.project
    written = _written(loaded)
    streams: dict[StreamId, StreamPlan] = {}
    for source, each in project.sources.items():
        for stream, settings in each.streams.items():
            id = StreamId(source, stream)
            mapping = loaded.mappings[settings.mapping].mapping
            program = compile_mapping(
                mapping, loaded.registry.get(mapping.contract or ""), file=settings.mapping
            )
            streams[id] = StreamPlan(id, settings, mapping, program, written.get(id, frozenset()))
    routes: dict[str, RoutePlan] = {}
    for name, route in project.routes.items():
        condition: Condition | None = loaded.conditions.get(name)
        rule = Rule(name, route.contracts, condition, project.limits.max_hops)
        sink = None
        if isinstance(route.to, SinkTarget):
            sink = compile_sink(loaded.mappings[route.to.mapping].mapping, file=route.to.mapping)
        routes[name] = RoutePlan(name, route, rule, sink)
    return Assembly(loaded, streams, routes)


def content(plan: StreamPlan, record: Record) -> bytes:
    """A hash of what a record says, leaving out what we write back and what merely changes with
    every write."""
    return plan.program.content(record.data, plan.written)


def _written(loaded: LoadedProject) -> Mapping[StreamId, frozenset[str]]:
    found: dict[StreamId, frozenset[str]] = {}
    for route in loaded.project.routes.values():
        if isinstance(route.to, SinkTarget):
            columns = compile_sink(loaded.mappings[route.to.mapping].mapping).columns
            id = StreamId(route.to.sink, route.to.stream)
            found[id] = found.get(id, frozenset()) | columns
    return found
