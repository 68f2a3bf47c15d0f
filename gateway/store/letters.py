"""The dead letters, and what replay does to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.port import HEAD_BYTES, LetterFilter, LetterGroup
from gateway.store.tables import LETTER, LetterRow, WatchRow
from gateway.types import (
    Attempt,
    DeadLetter,
    DeliverySubject,
    LetterState,
    Position,
    RawSubject,
    message_key,
)

CHUNK = 500
"""How many values go into one `IN`: SQLite takes 32,766, its planner likes fewer."""

CLOSED = (LetterState.RESOLVED, LetterState.SUPERSEDED, LetterState.DISCARDED)


class LetterBody(msgspec.Struct, omit_defaults=True):
    """What of a letter SQL need not look at."""

    subject: RawSubject | DeliverySubject
    attempts: tuple[Attempt, ...] = ()


encode_body = msgspec.json.Encoder().encode
decode_body = msgspec.json.Decoder(LetterBody).decode


def letter_key(letter: DeadLetter) -> str | None:
    """The message key a letter is about, where it is known."""
    subject = letter.subject
    if isinstance(subject, DeliverySubject):
        return subject.delivery.record.message_key
    key = letter.key if subject.key is None else subject.key
    return None if key is None else message_key(subject.stream, key)


def _values(letter: DeadLetter, log_end: int) -> dict[str, Any]:
    subject = letter.subject
    raw = subject.body if isinstance(subject, RawSubject) else None
    kept = subject if raw is None else msgspec.structs.replace(subject, body=b"")
    record = subject.delivery.record if isinstance(subject, DeliverySubject) else None
    stream = record.stream if record else subject.stream  # type: ignore[union-attr]
    return {
        "id": letter.id,
        "code": letter.code,
        "detail": letter.detail,
        "fingerprint": letter.fingerprint,
        "stage": letter.stage,
        "source": stream.source,
        "stream": stream.stream,
        "route": subject.delivery.route if isinstance(subject, DeliverySubject) else None,
        "contract": letter.contract or (record.contract if record else None),
        "key": letter_key(letter),
        "state": letter.state.value,
        "opened_at": letter.opened_at,
        "closed_at": letter.closed_at,
        "resolution": letter.resolution,
        "log_end": log_end,
        "body": encode_body(LetterBody(kept, letter.attempts)),
        "raw": raw,
    }


def _letter_of(row: Row[Any]) -> DeadLetter:
    body = decode_body(row.body)
    subject = body.subject
    if isinstance(subject, RawSubject):
        subject = msgspec.structs.replace(subject, body=row.raw)
    return DeadLetter(
        id=row.id,
        code=row.code,
        detail=row.detail,
        fingerprint=row.fingerprint,
        subject=subject,
        opened_at=row.opened_at,
        attempts=body.attempts,
        state=LetterState(row.state),
        closed_at=row.closed_at,
        resolution=row.resolution,
        contract=row.contract,
        key=None if row.key is None else msgspec.json.decode(row.key)[2],
    )


async def insert_letters(
    connection: AsyncConnection, letters: Sequence[DeadLetter], log_end: int
) -> None:
    """Open letters, or put back ones that were replayed, inside somebody's transaction.

    Those of a route begin to watch their key.
    """
    insert = upsert(LetterRow)
    again = (
        "code",
        "detail",
        "fingerprint",
        "contract",
        "state",
        "closed_at",
        "resolution",
        "body",
    )
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=["id"], set_={name: insert.excluded[name] for name in again}
        ),
        [_values(letter, log_end) for letter in letters],
    )
    watches = [
        {"route": letter.subject.delivery.route, "key": letter_key(letter)}
        for letter in letters
        if isinstance(letter.subject, DeliverySubject)
    ]
    if watches:
        await connection.execute(upsert(WatchRow).on_conflict_do_nothing(), watches)


async def close_letters(
    connection: AsyncConnection,
    ids: Sequence[str],
    state: LetterState,
    resolution: str,
    now: datetime,
    *,
    among: Sequence[LetterState],
) -> list[str]:
    """Close letters that are in one of the states `among`, and drop watches nobody needs.

    Returns the ids that were closed.
    """
    closed: list[str] = []
    for begin in range(0, len(ids), CHUNK):
        rows = await connection.execute(
            update(LetterRow)
            .where(LETTER.id.in_(ids[begin : begin + CHUNK]), LETTER.state.in_(among))
            .values(state=state.value, resolution=resolution, closed_at=now)
            .returning(LETTER.id)
        )
        closed.extend(row.id for row in rows)
    if closed:
        await drop_watches(connection)
    return closed


async def drop_watches(connection: AsyncConnection) -> None:
    """Forget the keys that no open letter watches any more."""
    await connection.exec_driver_sql(
        "DELETE FROM watch WHERE NOT EXISTS (SELECT 1 FROM letter WHERE letter.route = watch.route"
        " AND letter.key = watch.key AND letter.state IN ('open', 'replaying'))"
    )


def conditions(where: LetterFilter) -> list[ColumnElement[bool]]:
    """The filter as SQL. Text is looked for as it stands: `%` and `_` mean themselves."""
    found: list[ColumnElement[bool]] = []
    if where.ids:
        found.append(LETTER.id.in_(list(where.ids)))
    if where.state is not None:
        found.append(LETTER.state == where.state.value)
    for name in ("source", "stream", "route", "contract", "code", "fingerprint"):
        value = getattr(where, name)
        if value is not None:
            found.append(LETTER[name] == value)
    if where.key is not None:
        # A person gives the entity's key; the column has the message key, which ends with it.
        tail = msgspec.json.encode(where.key).decode() + "]"
        found.append(or_(LETTER.key == where.key, LETTER.key.endswith(tail, autoescape=True)))
    if where.text:
        found.append(
            or_(
                LETTER.code.contains(where.text, autoescape=True),
                LETTER.detail.contains(where.text, autoescape=True),
            )
        )
    if where.since is not None:
        found.append(LETTER.opened_at >= where.since)
    if where.until is not None:
        found.append(LETTER.opened_at < where.until)
    return found


class SqlLetters:
    """The looking half of `gateway.store.port.Letters`; `gateway.store.replays` adds the doing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, where: LetterFilter, limit: int = 100, after: str | None = None
    ) -> Sequence[DeadLetter]:
        head = func.substr(LETTER.raw, 1, HEAD_BYTES, type_=LETTER.raw.type).label("raw")
        query: Select[Any] = select(*(each for each in LETTER if each.name != "raw"), head)
        query = query.where(*conditions(where)).order_by(LETTER.id.desc()).limit(limit)
        if after is not None:
            query = query.where(LETTER.id < after)
        async with self._database.read() as connection:
            return [_letter_of(row) for row in await connection.execute(query)]

    async def ids(self, where: LetterFilter) -> Sequence[str]:
        query = select(LETTER.id).where(*conditions(where)).order_by(LETTER.id)
        async with self._database.read() as connection:
            return list(await connection.scalars(query))

    async def whole(self, ids: Sequence[str], max_bytes: int) -> Sequence[DeadLetter]:
        if not ids:
            return ()
        sizes = select(LETTER.id, func.coalesce(func.length(LETTER.raw), 0)).where(
            LETTER.id.in_(ids[:CHUNK])
        )
        async with self._database.read() as connection:
            size = {row[0]: row[1] for row in await connection.execute(sizes)}
            wanted: list[str] = []
            for id in ids[:CHUNK]:
                max_bytes -= size.get(id, 0)
                if wanted and max_bytes < 0:
                    break
                if id in size:
                    wanted.append(id)
            rows = await connection.execute(select(*LETTER).where(LETTER.id.in_(wanted)))
            found = {row.id: _letter_of(row) for row in rows}
        return [found[id] for id in wanted]

    async def count(self, where: LetterFilter) -> int:
        query = select(func.count()).select_from(LetterRow).where(*conditions(where))
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def counts(self) -> Mapping[str, int]:
        query = select(LETTER.state, func.count()).group_by(LETTER.state)
        async with self._database.read() as connection:
            counted = {row[0]: row[1] for row in await connection.execute(query)}
        return {state.value: counted.get(state.value, 0) for state in LetterState}

    async def groups(self, where: LetterFilter) -> Sequence[LetterGroup]:
        query = (
            select(
                LETTER.fingerprint,
                func.min(LETTER.code),
                func.min(LETTER.detail),
                func.count(),
                func.min(LETTER.opened_at, type_=LETTER.opened_at.type),
                func.max(LETTER.opened_at, type_=LETTER.opened_at.type),
            )
            .where(*conditions(where))
            .group_by(LETTER.fingerprint)
            .order_by(func.count().desc())
        )
        async with self._database.read() as connection:
            return [LetterGroup(*row) for row in await connection.execute(query)]


def decode_position(text: str | None) -> Position | None:
    return None if text is None else msgspec.json.decode(text, type=Position)
