"""What streams did against their promise, and the texts of the project that were taken in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from gateway.store.database import Database
from gateway.store.port import Drift, Revision
from gateway.store.tables import DRIFT, REVISION, DriftRow, RevisionRow
from gateway.store.wake import Wake

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Drift).decode


class SqlDrifts:
    """`gateway.store.port.Drifts` on SQL."""

    def __init__(self, database: Database, wake: Wake, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._wake = wake
        self._clock = clock

    async def open(self, drift: Drift) -> None:
        row = upsert(DriftRow).values(
            id=drift.id,
            source=drift.stream.source,
            stream=drift.stream.stream,
            state=drift.state,
            body=_encode(drift),
        )
        async with self._database.write() as connection:
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=["id"],
                    set_={"state": row.excluded.state, "body": row.excluded.body},
                )
            )
        self._wake.tell()

    async def close(self, id: str, state: Literal["accepted", "reverted"], by: str | None) -> None:
        async with self._database.write() as connection:
            body = await connection.scalar(
                select(DRIFT.body).where(DRIFT.id == id, DRIFT.state == "open")
            )
            if body is None:
                return
            drift = msgspec.structs.replace(
                _decode(body), state=state, closed_at=self._clock(), closed_by=by
            )
            await connection.execute(
                update(DriftRow).where(DRIFT.id == id).values(state=state, body=_encode(drift))
            )
        self._wake.tell()

    async def list(self, include_closed: bool = False) -> Sequence[Drift]:
        query = select(DRIFT.body).order_by(DRIFT.id.desc())
        if not include_closed:
            query = query.where(DRIFT.state == "open")
        async with self._database.read() as connection:
            return [_decode(row.body) for row in await connection.execute(query)]


class SqlRevisions:
    """`gateway.store.port.Revisions` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, place: str, text: str, by: str, at: datetime) -> None:
        async with self._database.write() as connection:
            last = await connection.scalar(
                select(REVISION.text)
                .where(REVISION.place == place)
                .order_by(REVISION.id.desc())
                .limit(1)
            )
            if last != text:
                await connection.execute(
                    insert(RevisionRow).values(place=place, text=text, by=by, at=at)
                )

    async def list(self, place: str | None = None) -> Sequence[Revision]:
        query = select(RevisionRow.__table__).order_by(REVISION.id.desc())  # type: ignore[attr-defined]
        if place is not None:
            query = query.where(REVISION.place == place)
        async with self._database.read() as connection:
            return [
                Revision(row.id, row.at, row.by, row.place, row.text)
                for row in await connection.execute(query)
            ]
