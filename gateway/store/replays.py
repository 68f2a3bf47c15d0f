"""The doing half of the dead letters: mend, give way, return to the route, discard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database
from gateway.store.letters import (
    CHUNK,
    SqlLetters,
    close_letters,
    decode_body,
    insert_letters,
)
from gateway.store.log import LogAppender, log_end
from gateway.store.port import Mend, ParkedDelivery
from gateway.store.routes import park
from gateway.store.tables import LETTER, LOG, PARKED, LetterRow, ParkedRow
from gateway.store.wake import Wake
from gateway.types import (
    DeadLetter,
    Delivery,
    DeliverySubject,
    LetterState,
    Position,
    Record,
    newer,
)

_record = msgspec.json.Decoder(Record).decode


class SqlReplays(SqlLetters):
    """`gateway.store.port.Letters` on SQL, whole."""

    def __init__(
        self,
        database: Database,
        appender: LogAppender,
        part_of: Callable[[str], int],
        wake: Wake,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(database)
        self._appender = appender
        self._part_of = part_of
        self._wake = wake
        self._clock = clock

    async def discard(self, ids: Sequence[str], reason: str) -> int:
        """What was parked for a discarded letter's sake is free again with the next look."""
        async with self._database.write() as connection:
            closed = await close_letters(
                connection,
                ids,
                LetterState.DISCARDED,
                reason,
                self._clock(),
                among=(LetterState.OPEN,),
            )
            await _unblock(connection, closed)
        self._wake.tell()
        return len(closed)

    async def failed(self, letters: Sequence[DeadLetter]) -> None:
        async with self._database.write() as connection:
            still = await _open(connection, [letter.id for letter in letters])
            kept = [letter for letter in letters if letter.id in still]
            if kept:
                # Reopening keeps the row's log_end: what has overtaken it since stays known.
                await insert_letters(connection, kept, 0)

    async def mended(self, mends: Sequence[Mend]) -> Mapping[str, LetterState]:
        async with self._database.write() as connection:
            still = await _open(connection, [mend.letter for mend in mends])
            mends = [mend for mend in mends if mend.letter in still]
            late = await _overtaken(connection, mends, still)
            good = [mend for mend in mends if mend.letter not in late]
            await self._appender.append(connection, [mend.record for mend in good])
            now, both = self._clock(), (LetterState.OPEN,)
            await close_letters(
                connection,
                [mend.letter for mend in good],
                LetterState.RESOLVED,
                "replayed: the row normalises now and is on the log",
                now,
                among=both,
            )
            await close_letters(
                connection,
                sorted(late),
                LetterState.SUPERSEDED,
                "a newer version of the same key is already on the log",
                now,
                among=both,
            )
        self._wake.tell()
        return {
            mend.letter: LetterState.SUPERSEDED if mend.letter in late else LetterState.RESOLVED
            for mend in mends
        }

    async def overtaken(self, mends: Sequence[Mend]) -> frozenset[str]:
        async with self._database.read() as connection:
            still = await _open(connection, [mend.letter for mend in mends])
            return await _overtaken(connection, mends, still)

    async def returned(self, ids: Sequence[str], now: datetime, forced: bool) -> int:
        count = 0
        async with self._database.write() as connection:
            for begin in range(0, len(ids), CHUNK):
                rows = await connection.execute(
                    update(LetterRow)
                    .where(
                        LETTER.id.in_(ids[begin : begin + CHUNK]),
                        LETTER.state == LetterState.OPEN.value,
                        LETTER.route.is_not(None),
                    )
                    .values(state=LetterState.REPLAYING.value)
                    .returning(LETTER.id, LETTER.body)
                )
                for row in rows.all():
                    delivery = _again(decode_body(row.body).subject, row.id, forced)
                    part = self._part_of(delivery.record.message_key)
                    await park(connection, part, [ParkedDelivery(delivery, now)])
                    count += 1
        self._wake.tell()
        return count


def _again(subject: object, letter: str, forced: bool) -> Delivery:
    assert isinstance(subject, DeliverySubject)
    return msgspec.structs.replace(subject.delivery, attempts=(), letter=letter, forced=forced)


async def _open(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    """Of these letters the open ones, and where the log ended when each was opened."""
    found: dict[str, int] = {}
    for begin in range(0, len(ids), CHUNK):
        rows = await connection.execute(
            select(LETTER.id, LETTER.log_end).where(
                LETTER.id.in_(ids[begin : begin + CHUNK]),
                LETTER.state == LetterState.OPEN.value,
            )
        )
        found.update((row.id, row.log_end) for row in rows)
    return found


async def _overtaken(
    connection: AsyncConnection, mends: Sequence[Mend], opened: Mapping[str, int]
) -> frozenset[str]:
    """Which of these give way: their key has a newer position on the log, or among themselves.

    There is no index on keys, so the log is scanned from where the oldest letter was opened.
    """
    yielding = [mend for mend in mends if mend.yields and mend.letter in opened]
    if not yielding:
        return frozenset()
    after = min(opened[mend.letter] for mend in yielding)
    newest: dict[str, Position] = {}
    for mend in mends:
        _note(newest, mend.record)
    keys = sorted(newest)
    upto = await log_end(connection)
    for begin in range(0, len(keys), CHUNK):
        rows = await connection.execute(
            select(LOG.body).where(
                LOG.offset > after, LOG.offset <= upto, LOG.key.in_(keys[begin : begin + CHUNK])
            )
        )
        for row in rows:
            _note(newest, _record(row.body))
    return frozenset(
        mend.letter
        for mend in yielding
        if newer(newest.get(mend.record.message_key), mend.record.position)
    )


def _note(newest: dict[str, Position], record: Record) -> None:
    key, position = record.message_key, record.position
    if not position.stream.startswith("@") and newer(position, newest.get(key)):
        newest[key] = position


async def _unblock(connection: AsyncConnection, closed: Sequence[str]) -> None:
    """A key that waited for a letter need not wait for one that was discarded."""
    for begin in range(0, len(closed), CHUNK):
        keys = (
            select(LETTER.route, LETTER.key)
            .where(LETTER.id.in_(closed[begin : begin + CHUNK]), LETTER.route.is_not(None))
            .distinct()
        )
        for row in (await connection.execute(keys)).all():
            await connection.execute(
                update(ParkedRow)
                .where(PARKED.route == row.route, PARKED.key == row.key)
                .values(blocked=False)
            )
