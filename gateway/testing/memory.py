"""A system that lives in this process: read it, write to it, send to it, break it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from gateway.errors import ConfigError
from gateway.plugins import Plugins
from gateway.ports import ConnectorConfig, Runtime, StreamSettings
from gateway.types import (
    Checked,
    Cursor,
    Delivered,
    Delivery,
    FieldSchema,
    Operation,
    Outcome,
    Page,
    RawRow,
    StreamId,
    StreamSchema,
    Write,
)


class MemoryConfig(ConnectorConfig):
    """`place` names the `Memory` that a test has prepared."""

    place: str
    page_rows: int = 100
    broken: bool = False


class Memory:
    """What a test sees and steers. Streams are lists that only grow; a cursor is how many of
    their rows were read."""

    def __init__(self) -> None:
        self.streams: dict[str, list[RawRow]] = {}
        self.fields: dict[str, dict[str, str]] = {}
        self.written: dict[str, dict[str, dict[str, Any]]] = {}
        self.sent: list[Delivery] = []
        self.batches: list[int] = []
        self.pulls = 0
        self.failing: Exception | None = None
        """Raised by whatever is asked, while it is set."""
        self.answer: Callable[[Delivery], Outcome] = lambda _: Delivered()
        self.refuses: Callable[[Sequence[Delivery]], Exception | None] = lambda _: None
        """An error for a whole batch, or None."""

    def add(self, stream: str, *rows: bytes | Mapping[str, Any]) -> None:
        """Append rows to a stream."""
        self.streams.setdefault(stream, []).extend(RawRow(row) for row in rows)

    def keys(self) -> list[str]:
        """The keys that were sent, in order."""
        return [each.record.key for each in self.sent]


_places: dict[str, Memory] = {}


def memory(place: str) -> Memory:
    """The system of this name, made when first asked for."""
    return _places.setdefault(place, Memory())


class MemoryConnector:
    """Type `memory`, for sources and endpoints."""

    name: ClassVar[str] = "memory"
    summary: ClassVar[str] = "A system in this process, for tests."
    config: ClassVar[type[ConnectorConfig]] = MemoryConfig
    stream_settings: ClassVar[type[StreamSettings]] = StreamSettings

    def __init__(self, name: str, config: MemoryConfig) -> None:
        self._name = name
        self._page_rows = config.page_rows
        self._memory = memory(config.place)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: MemoryConfig,
        streams: Mapping[str, Any],  # noqa: ARG003 - the port's
        runtime: Runtime,
    ) -> AsyncIterator[MemoryConnector]:
        if config.broken:
            raise ConfigError(f"{runtime.name} refuses to open, as it was told.")
        yield cls(runtime.name, config)

    async def check(self) -> Sequence[Checked]:
        return [Checked(self._name, self._memory.failing is None, "in this process")]

    async def discover(self) -> Sequence[StreamSchema]:
        return [
            StreamSchema(
                stream,
                tuple(
                    FieldSchema(name, type)
                    for name, type in self._memory.fields.get(stream, {}).items()
                ),
            )
            for stream in self._memory.streams
        ]

    async def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        self._memory.pulls += 1
        self._fail()
        done = int(since["read"]) if since else 0
        while True:
            self._fail()
            rows = self._memory.streams.get(stream, [])[done : done + self._page_rows]
            done += len(rows)
            yield Page(
                stream=StreamId(self._name, stream),
                rows=rows,
                cursor={"read": done},
                fields=self._memory.fields.get(stream),
            )
            if done >= len(self._memory.streams.get(stream, [])):
                return

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        self._fail()
        table = self._memory.written.setdefault(stream, {})
        outcomes: list[Outcome] = []
        for write in writes:
            key = repr(sorted(write.key.items()))
            if write.operation is Operation.DELETE:
                table.pop(key, None)
            elif table.get(key) == {**write.key, **write.fields}:
                outcomes.append(Delivered(receipt="unchanged"))
                continue
            else:
                table[key] = {**write.key, **write.fields}
            outcomes.append(Delivered())
        return outcomes

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._memory.batches.append(len(deliveries))
        self._fail()
        error = self._memory.refuses(deliveries)
        if error is not None:
            raise error
        outcomes = [self._memory.answer(each) for each in deliveries]
        self._memory.sent.extend(
            each
            for each, outcome in zip(deliveries, outcomes, strict=True)
            if isinstance(outcome, Delivered)
        )
        return outcomes

    def _fail(self) -> None:
        if self._memory.failing is not None:
            raise self._memory.failing


def memory_plugins() -> Plugins:
    """Plugins that know the type `memory` and nothing else."""
    return Plugins([], {MemoryConnector.name: MemoryConnector})
