"""The connector `sql`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from connectors.sql.config import SqlConfig, SqlStream
from connectors.sql.database import Database
from connectors.sql.sink import SqlSink
from connectors.sql.source import SqlSource
from gateway.ports import Runtime
from gateway.types import Checked, Cursor, Outcome, Page, StreamSchema, Write


class SqlConnector:
    """A database that is read, written, or both."""

    name: ClassVar[str] = "sql"
    summary: ClassVar[str] = "Tables and views of a SQL database (PostgreSQL, SQLite, MySQL, …)"
    config: ClassVar[type[SqlConfig]] = SqlConfig
    stream_settings: ClassVar[type[SqlStream]] = SqlStream

    def __init__(self, source: SqlSource, sink: SqlSink) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: SqlConfig, streams: Mapping[str, SqlStream], runtime: Runtime
    ) -> AsyncIterator[SqlConnector]:
        """Make the pool; the first look at the database is the first pull, push or check."""
        database = Database.open(config, runtime.folder)
        try:
            yield cls(SqlSource(database, runtime.name, streams), SqlSink(database, streams))
        finally:
            await database.close()

    async def check(self) -> Sequence[Checked]:
        return await self._source.check()

    async def discover(self) -> Sequence[StreamSchema]:
        return await self._source.discover()

    def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        return self._source.pull(stream, since)

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        return await self._sink.push(stream, writes)
