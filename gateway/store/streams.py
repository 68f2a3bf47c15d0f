"""Where the streams stand, and the operator's hand on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from gateway.errors import ConfigError
from gateway.store.database import Database
from gateway.store.port import StreamLease, StreamState, StreamStatus, Tally
from gateway.store.tables import HASH, STREAM, HashRow, StreamRow
from gateway.store.wake import Wake
from gateway.types import Cursor, StreamId


class SqlStreams:
    """`gateway.store.port.Streams` on SQL."""

    def __init__(self, database: Database, wake: Wake, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._wake = wake
        self._clock = clock

    async def list(self) -> Sequence[StreamStatus]:
        query = select(StreamRow.__table__).order_by(STREAM.source, STREAM.stream)  # type: ignore[attr-defined]
        async with self._database.read() as connection:
            return [
                StreamStatus(
                    stream=StreamId(row.source, row.stream),
                    page=row.page,
                    cursor=msgspec.json.decode(row.cursor) if row.cursor else None,
                    state=row.state,
                    reason=row.reason,
                    tally=Tally(**{name: getattr(row, name) for name in Tally.__struct_fields__}),
                    updated_at=row.updated_at,
                )
                for row in await connection.execute(query)
            ]

    async def noted(self, lease: StreamLease, state: StreamState, reason: str | None) -> None:
        async with self._database.write() as connection:
            await connection.execute(
                update(StreamRow)
                .where(
                    STREAM.source == lease.stream.source,
                    STREAM.stream == lease.stream.stream,
                    STREAM.epoch == lease.epoch,
                )
                .values(state=state, reason=reason, updated_at=self._clock())
            )

    async def move(self, stream: StreamId, cursor: Cursor | None) -> None:
        async with self._database.write() as connection:
            moved = await connection.execute(
                update(StreamRow)
                .where(STREAM.source == stream.source, STREAM.stream == stream.stream)
                .values(
                    cursor=None if cursor is None else msgspec.json.encode(cursor).decode(),
                    epoch=STREAM.epoch + 1,
                    state="reading",
                    reason=None,
                    updated_at=self._clock(),
                )
            )
            if moved.rowcount != 1:
                raise ConfigError(
                    f"The stream {stream} has not been read yet, so it has no cursor.",
                    mend="`headrace status` lists the streams that were read.",
                )
            # What is read again on purpose is news, also where it says what it said before.
            await connection.execute(
                delete(HashRow).where(HASH.source == stream.source, HASH.stream == stream.stream)
            )
        self._wake.tell()
