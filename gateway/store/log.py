"""The log, and the streams that are read into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Fenced
from gateway.store.database import Database
from gateway.store.letters import insert_letters
from gateway.store.port import LogPage, PageResult, StreamLease
from gateway.store.statements import BulkInsert
from gateway.store.tables import HASH, LOG, STREAM, HashRow, StreamRow
from gateway.store.wake import Wake
from gateway.types import LoggedRecord, Record, StreamId

SCAN_OFFSETS = 20_000
"""How much of the log one read looks through: bounds the time of a route that matches little."""

READ_BYTES = 8 << 20
"""How much of the log one read brings into memory, unless one record alone is larger."""

_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


class LogAppender:
    """Appends records inside somebody's transaction: ingest, predictions and mends share it."""

    def __init__(self, insert: BulkInsert, part_of: Callable[[str], int]) -> None:
        self._insert = insert
        self._part_of = part_of

    async def append(self, connection: AsyncConnection, records: Sequence[Record]) -> None:
        part_of = self._part_of
        rows = []
        for record in records:
            key = record.message_key
            rows.append((part_of(key), record.contract, key, _encode(record)))
        await self._insert.run(connection, rows)


async def log_end(connection: AsyncConnection) -> int:
    """The offset of the newest record, 0 on an empty log."""
    found: int | None = await connection.scalar(select(func.max(LOG.offset)))
    return found or 0


class SqlLog:
    """`gateway.store.port.Log` on SQL."""

    def __init__(
        self, database: Database, appender: LogAppender, wake: Wake, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._appender = appender
        self._wake = wake
        self._clock = clock

    async def claim(self, stream: StreamId) -> StreamLease:
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    upsert(StreamRow)
                    .values(
                        source=stream.source,
                        stream=stream.stream,
                        epoch=1,
                        page=0,
                        state="new",
                        updated_at=self._clock(),
                        **dict.fromkeys(_TALLY, 0),
                    )
                    .on_conflict_do_update(
                        index_elements=["source", "stream"], set_={"epoch": STREAM.epoch + 1}
                    )
                    .returning(STREAM.epoch, STREAM.page, STREAM.cursor, STREAM.shape)
                )
            ).one()
        return StreamLease(
            stream=stream,
            epoch=row.epoch,
            page=row.page,
            cursor=msgspec.json.decode(row.cursor) if row.cursor else None,
            shape=msgspec.json.decode(row.shape) if row.shape else None,
        )

    async def current(self, lease: StreamLease) -> bool:
        async with self._database.read() as connection:
            epoch = await connection.scalar(
                select(STREAM.epoch).where(
                    STREAM.source == lease.stream.source, STREAM.stream == lease.stream.stream
                )
            )
        return bool(epoch == lease.epoch)

    async def ingested(self, result: PageResult) -> None:
        lease, tally = result.lease, result.tally
        async with self._database.write() as connection:
            moved = await connection.execute(
                update(StreamRow)
                .where(
                    STREAM.source == lease.stream.source,
                    STREAM.stream == lease.stream.stream,
                    STREAM.epoch == lease.epoch,
                    STREAM.page == result.page,
                )
                .values(
                    page=result.page + 1,
                    cursor=_encode(result.cursor).decode(),
                    shape=_encode(result.shape).decode(),
                    state="reading",
                    reason=None,
                    updated_at=self._clock(),
                    **{name: STREAM[name] + getattr(tally, name) for name in _TALLY},
                )
            )
            if moved.rowcount != 1:
                raise Fenced(
                    f"Page {result.page} of {lease.stream} was not committed: the stream is "
                    "read by somebody else, or its cursor was moved."
                )
            if result.letters:
                await insert_letters(connection, result.letters, await log_end(connection))
            await self._appender.append(connection, result.records)
            if result.hashes:
                source, stream = lease.stream.source, lease.stream.stream
                await connection.execute(
                    upsert(HashRow).on_conflict_do_update(
                        index_elements=["source", "stream", "key"],
                        set_={"hash": upsert(HashRow).excluded.hash},
                    ),
                    [
                        {"source": source, "stream": stream, "key": key, "hash": value}
                        for key, value in result.hashes.items()
                    ],
                )
        self._wake.tell()

    async def read(
        self, part: int, after: int, limit: int, contracts: Sequence[str] = ()
    ) -> LogPage:
        async with self._database.read() as connection:
            upto = min(after + SCAN_OFFSETS, await log_end(connection))
            if upto <= after:
                return LogPage((), after)
            # Sizes first: they cost no reading of bodies, which may be megabytes each.
            matching = [LOG.offset > after, LOG.part == part]
            if contracts:
                matching.append(LOG.contract.in_(contracts))
            sizes = await connection.execute(
                select(LOG.offset, func.length(LOG.body))
                .where(LOG.offset <= upto, *matching)
                .order_by(LOG.offset)
                .limit(limit)
            )
            found = sizes.all()
            if not found:
                return LogPage((), upto)
            fitting = _fitting([size for _, size in found])
            last = found[fitting - 1].offset
            if fitting < len(found) or len(found) == limit:
                upto = last
            rows = await connection.execute(
                select(LOG.offset, LOG.body)
                .where(LOG.offset <= last, *matching)
                .order_by(LOG.offset)
            )
            return LogPage([LoggedRecord(row.offset, _decode(row.body)) for row in rows], upto)

    async def end(self) -> int:
        async with self._database.read() as connection:
            return await log_end(connection)

    async def offset_at(self, instant: datetime) -> int:
        # Offsets are in commit order, so recorded_at hardly ever goes back: halve the log.
        async with self._database.read() as connection:
            low, high = 0, await log_end(connection)
            while low < high:
                middle = (low + high) // 2
                body = await connection.scalar(
                    select(LOG.body).where(LOG.offset > middle).order_by(LOG.offset).limit(1)
                )
                if body is not None and _decode(body).recorded_at < instant:
                    low = middle + 1
                else:
                    high = middle
        return low

    async def hashes(self, stream: StreamId, keys: Sequence[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        async with self._database.read() as connection:
            for begin in range(0, len(keys), 500):
                rows = await connection.execute(
                    select(HASH.key, HASH.hash).where(
                        HASH.source == stream.source,
                        HASH.stream == stream.stream,
                        HASH.key.in_(keys[begin : begin + 500]),
                    )
                )
                found.update((row.key, row.hash) for row in rows)
        return found


def _fitting(sizes: Sequence[int]) -> int:
    """How many of the first fit into READ_BYTES; one at least."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > READ_BYTES:
            return max(count, 1)
    return len(sizes)


_TALLY = ("read", "appended", "letters", "filtered", "already_seen", "unchanged")
