"""Tryton (trytond 6.0 to 8.x) over its JSON-RPC: read and written.

Docs: docs/connectors/tryton.md.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ClassVar

from connectors.tryton.catalogue import check, discover
from connectors.tryton.client import TrytonClient
from connectors.tryton.config import TrytonAuth, TrytonConfig, TrytonStream, WriteSettings
from connectors.tryton.sink import Writer
from connectors.tryton.source import Reader
from gateway.ports import Runtime
from gateway.types import Checked, Cursor, Outcome, Page, StreamSchema, Write

__all__ = [
    "Tryton",
    "TrytonAuth",
    "TrytonConfig",
    "TrytonConnector",
    "TrytonStream",
    "WriteSettings",
]


class Tryton:
    """An open Tryton: a Source and a Sink."""

    def __init__(
        self,
        client: TrytonClient,
        config: TrytonConfig,
        streams: Mapping[str, TrytonStream],
        reader: Reader,
        writer: Writer,
    ) -> None:
        self._client = client
        self._config = config
        self._streams = streams
        self._reader = reader
        self._writer = writer

    async def check(self) -> Sequence[Checked]:
        return await check(self._client, self._config, self._streams)

    async def discover(self) -> Sequence[StreamSchema]:
        return await discover(self._client)

    def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        return self._reader.pull(stream, since)

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        return await self._writer.push(stream, writes)


class TrytonConnector:
    """Signs in at the first call, and out at the end."""

    name: ClassVar[str] = "tryton"
    summary: ClassVar[str] = "Tryton ERP: any model, read incrementally and written"
    config: ClassVar[type[TrytonConfig]] = TrytonConfig
    stream_settings: ClassVar[type[TrytonStream]] = TrytonStream

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: TrytonConfig,
        streams: Mapping[str, TrytonStream],
        runtime: Runtime,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> AsyncIterator[Tryton]:
        ca_file = None if config.ca_file is None else runtime.folder / config.ca_file
        pool = runtime.http.pool(runtime.name, ca_file=ca_file)
        async with pool.client(
            timeout_secs=config.timeout_secs, max_response_bytes=config.max_response_bytes
        ) as http:
            client = TrytonClient(http, config, now)
            try:
                yield Tryton(
                    client,
                    config,
                    streams,
                    Reader(runtime.name, client, streams, clock),
                    Writer(client, config.writes, clock),
                )
            finally:
                await client.close()
