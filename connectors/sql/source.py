"""The reading side: which way a stream is read, what is gone, what `check` and `discover` say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.compare import CompareReader, deletes, every_key
from connectors.sql.config import SqlStream
from connectors.sql.database import Database
from connectors.sql.indexes import advice
from connectors.sql.known import Known
from connectors.sql.overlap import OverlapReader
from connectors.sql.selection import Selection
from connectors.sql.snapshots import SnapshotReader
from connectors.sql.table import reflect, reflect_all
from gateway.errors import DriftError, HeadraceError, Outage
from gateway.types import Checked, Cursor, Page, StreamId, StreamSchema

Reader = SnapshotReader | OverlapReader | CompareReader
STALE_PLAN = "sql_0a000"


class SqlSource:
    """`clock` gives seconds since 1970; only the time between two sweeps depends on it."""

    def __init__(
        self,
        database: Database,
        source: str,
        streams: Mapping[str, SqlStream],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._source = source
        self._streams = streams
        self._clock = clock
        self._readers: dict[tuple[str, type], Reader] = {}
        # A sweep that finds nothing leaves the cursor alone, so only this process knows of it.
        self._swept_at: dict[str, float] = {}

    async def check(self) -> Sequence[Checked]:
        try:
            async with self._database.looking() as connection:
                version = await self._version(connection)
        except HeadraceError as error:
            return [Checked(self._database.title, False, str(error))]
        said = [Checked(self._database.title, True, version)]
        for name in self._streams:
            try:
                async with self._database.looking(name) as connection:
                    selection = await self._selection(name)(connection)
                    said.append(
                        Checked(name, True, await advice(self._database, connection, selection))
                    )
            except HeadraceError as error:
                said.append(Checked(name, False, str(error)))
        return said

    async def discover(self) -> Sequence[StreamSchema]:
        async with self._database.looking() as connection:
            tables = await reflect_all(self._database, connection)
        return [table.described(table.title) for table in tables]

    async def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        """Pages from the strategy the table allows. A shape that changed while it was being read
        is read once more before it is called drift."""
        tried = False
        while True:
            try:
                async for page in self._pages(stream, since):
                    yield page
                    since, tried = page.cursor, False
                return
            except (DriftError, Outage) as error:
                if tried or not (isinstance(error, DriftError) or error.code == STALE_PLAN):
                    raise
                tried = True

    async def _pages(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        settings = self._settings(stream)
        kind = None if since is None else since.get("kind")
        reader = await self._reader(stream, kind)
        if isinstance(reader, CompareReader):
            async for page in reader.pages(since):
                yield page
            return
        known = None
        if settings.deletes == "sweep":
            packed = None if since is None else since.get("known")
            known = Known(packed, settings.max_known_rows, f"{self._source}/{stream}")
        latest = since
        async for page in reader.pages(since, known):
            yield page
            latest = page.cursor
        if known is not None and latest is not None:
            page_of_deletes = await self._swept(stream, latest, known)
            if page_of_deletes is not None:
                yield page_of_deletes

    async def _swept(self, stream: str, cursor: Cursor, known: Known) -> Page | None:
        """What is gone since the last sweep, when one is due and no phase is under way."""
        settings = self._settings(stream)
        now = self._clock()
        last = cursor.get("swept_at")
        latest = max(self._swept_at.get(stream, 0.0), last or 0.0)
        if last is not None and now - latest < settings.sweep_every_secs:
            return None
        async with self._database.looking(stream) as connection:
            selection = await self._selection(stream)(connection)
        gone = known.missing(await every_key(self._database, stream, selection))
        self._swept_at[stream] = now
        if not gone and last is not None:
            return None
        known.forget(gone)
        return Page(
            stream=StreamId(self._source, stream),
            rows=deletes(selection, gone),
            cursor={**cursor, "known": known.packed(), "swept_at": now},
            fields=selection.fields,
        )

    async def _reader(self, stream: str, kind: str | None) -> Reader:
        """The strategy of the stream's cursor, or the best one for a stream that begins."""
        if kind is None:
            async with self._database.looking(stream) as connection:
                selection = await self._selection(stream)(connection)
            if selection.table.stamped:
                kind = "snapshots"
            else:
                kind = "compare" if selection.cursor is None else "overlap"
        made: dict[str, type[Reader]] = {
            "snapshots": SnapshotReader,
            "overlap": OverlapReader,
            "compare": CompareReader,
        }
        reader = made.get(kind)
        if reader is None:
            raise Outage(f"{self._source}/{stream}: its cursor is not one of this connector's.")
        place = (stream, reader)
        if place not in self._readers:
            self._readers[place] = reader(
                self._database, StreamId(self._source, stream), self._selection(stream)
            )
        return self._readers[place]

    def _settings(self, stream: str) -> SqlStream:
        return self._streams.get(stream) or SqlStream()

    def _selection(self, stream: str) -> Callable[[AsyncConnection], Awaitable[Selection]]:
        settings = self._settings(stream)

        async def select(connection: AsyncConnection) -> Selection:
            table = await reflect(self._database, connection, settings.table or stream)
            return Selection(self._database, table, settings, stream)

        return select

    async def _version(self, connection: AsyncConnection) -> str:
        statement = {"sqlite": "SELECT 'SQLite ' || sqlite_version()"}
        found = await connection.execute(
            text(statement.get(self._database.dialect, "SELECT version()"))
        )
        return str(found.scalar_one()).partition(" on ")[0]
