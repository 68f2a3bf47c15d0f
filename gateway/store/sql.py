"""The store on SQL: one file, one object of small repositories."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.store.database import Database
from gateway.store.drifts import SqlDrifts, SqlRevisions
from gateway.store.log import LogAppender, SqlLog
from gateway.store.migrate import prepare, refuse_foreign
from gateway.store.replays import SqlReplays
from gateway.store.routes import SqlRoutes
from gateway.store.statements import BulkInsert
from gateway.store.streams import SqlStreams
from gateway.store.tables import LogRow
from gateway.store.wake import Wake


class SqlStore:
    """`gateway.store.port.Store` on one SQLite file."""

    def __init__(self, database: Database, parts: int, clock: Callable[[], datetime]) -> None:
        def part_of(key: str) -> int:
            # The hash must be the same in every process and for ever; Python's own is neither.
            return 0 if parts == 1 else zlib.crc32(key.encode()) % parts

        self.parts = parts
        self.wake = Wake()
        self._database = database
        appender = LogAppender(
            BulkInsert(LogRow.__table__, ("part", "contract", "key", "body"), database.dialect),  # type: ignore[attr-defined]
            part_of,
        )
        self.log = SqlLog(database, appender, self.wake, clock)
        self.streams = SqlStreams(database, self.wake, clock)
        self.routes = SqlRoutes(database, appender, self.wake, clock)
        self.letters = SqlReplays(database, appender, part_of, self.wake, clock)
        self.drifts = SqlDrifts(database, self.wake, clock)
        self.revisions = SqlRevisions(database)

    @classmethod
    async def open(cls, file: Path, *, instance: str, clock: Callable[[], datetime]) -> SqlStore:
        """Open the file, made or brought up to date first. Raises ConfigError when it cannot be
        used: not a store, made by a newer version, or of another instance."""
        await asyncio.to_thread(refuse_foreign, file)
        database = await Database.open(file)
        try:
            parts = await prepare(database, file, instance)
        except BaseException:
            await database.close()
            raise
        return cls(database, parts, clock)

    async def close(self) -> None:
        await self._database.close()
