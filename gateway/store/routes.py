"""Where the routes stand: offsets, finished ranges, parked deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Fenced
from gateway.store.database import Database
from gateway.store.letters import close_letters, decode_position, insert_letters
from gateway.store.log import LogAppender, log_end
from gateway.store.port import (
    ParkedDelivery,
    RouteLease,
    RouteStatus,
    RouteStep,
    RouteTally,
)
from gateway.store.tables import LOG, PARKED, ROUTE, WATCH, ParkedRow, RouteRow, WatchRow
from gateway.store.wake import Wake
from gateway.types import Delivery, LetterState, Position, Record

_encode = msgspec.json.Encoder().encode
_delivery = msgspec.json.Decoder(Delivery).decode
_record = msgspec.json.Decoder(Record).decode
_TALLY = RouteTally.__struct_fields__


async def park(
    connection: AsyncConnection, part: int, deliveries: Sequence[ParkedDelivery]
) -> None:
    """Add deliveries to those that wait, or put them back with a new due time."""
    insert = upsert(ParkedRow)
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=["route", "delivery"],
            set_={name: insert.excluded[name] for name in ("due_at", "blocked", "body")},
        ),
        [
            {
                "route": parked.delivery.route,
                "delivery": parked.delivery.id,
                "part": part,
                "key": parked.delivery.record.message_key,
                "offset": parked.delivery.offset,
                "due_at": parked.due_at,
                "blocked": parked.blocked,
                "body": _encode(parked.delivery),
            }
            for parked in deliveries
        ],
    )


class SqlRoutes:
    """`gateway.store.port.Routes` on SQL."""

    def __init__(
        self, database: Database, appender: LogAppender, wake: Wake, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._appender = appender
        self._wake = wake
        self._clock = clock

    async def claim(self, route: str, part: int, start: int) -> RouteLease:
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    upsert(RouteRow)
                    .values(
                        route=route,
                        part=part,
                        epoch=1,
                        offset=start,
                        ranges="[]",
                        **dict.fromkeys(_TALLY, 0),
                    )
                    .on_conflict_do_update(
                        index_elements=["route", "part"], set_={"epoch": ROUTE.epoch + 1}
                    )
                    .returning(ROUTE.epoch, ROUTE.offset, ROUTE.ranges)
                )
            ).one()
            return RouteLease(
                route=route,
                part=part,
                epoch=row.epoch,
                offset=row.offset,
                finished=[(low, high) for low, high in msgspec.json.decode(row.ranges)],
                parked=await _parked(connection, route, part),
                watched=await _watched(connection, route),
            )

    async def advanced(self, step: RouteStep) -> None:
        lease = step.lease
        async with self._database.write() as connection:
            moved = await connection.execute(
                update(RouteRow)
                .where(
                    ROUTE.route == lease.route,
                    ROUTE.part == lease.part,
                    ROUTE.epoch == lease.epoch,
                )
                .values(
                    offset=step.offset,
                    ranges=_encode(step.finished).decode(),
                    **{
                        name: ROUTE[name] + added
                        for name in _TALLY
                        if (added := getattr(step.tally, name))
                    },
                )
            )
            if moved.rowcount != 1:
                raise Fenced(f"Route {lease.route} is worked by somebody else now.")
            await self._appender.append(connection, step.predictions)
            if step.unparked:
                await connection.execute(
                    delete(ParkedRow).where(
                        PARKED.route == lease.route, PARKED.delivery.in_(list(step.unparked))
                    )
                )
            if step.parked:
                await park(connection, lease.part, step.parked)
            if step.letters:
                await insert_letters(connection, step.letters, await log_end(connection))
            if step.noted:
                await connection.execute(
                    update(WatchRow.__table__)  # type: ignore[attr-defined]
                    .where(WATCH.route == lease.route, WATCH.key == bindparam("at_key"))
                    .values(position=bindparam("to")),
                    [
                        {"at_key": key, "to": _encode(position).decode()}
                        for key, position in step.noted.items()
                    ],
                )
            for closed in step.closed:
                await close_letters(
                    connection,
                    [closed.id],
                    closed.state,
                    closed.resolution,
                    self._clock(),
                    among=(LetterState.OPEN, LetterState.REPLAYING),
                )
        if step.predictions:
            self._wake.tell()

    async def parked(self, route: str, part: int) -> Sequence[ParkedDelivery]:
        async with self._database.read() as connection:
            return await _parked(connection, route, part)

    async def watched(self, route: str) -> Mapping[str, Position | None]:
        async with self._database.read() as connection:
            return await _watched(connection, route)

    async def list(self) -> Sequence[RouteStatus]:
        async with self._database.read() as connection:
            end = await log_end(connection)
            rows = (await connection.execute(select(RouteRow.__table__))).all()  # type: ignore[attr-defined]
            counted = await connection.execute(
                select(
                    PARKED.route, PARKED.part, func.count(PARKED.key.distinct()), func.count()
                ).group_by(PARKED.route, PARKED.part)
            )
            parked = {(row[0], row[1]): (row[2], row[3]) for row in counted}
            return [
                RouteStatus(
                    route=row.route,
                    part=row.part,
                    offset=row.offset,
                    lag=end - row.offset,
                    oldest_undelivered_at=await _recorded_after(connection, row),
                    parked_keys=parked.get((row.route, row.part), (0, 0))[0],
                    parked_records=parked.get((row.route, row.part), (0, 0))[1],
                    tally=RouteTally(**{name: getattr(row, name) for name in _TALLY}),
                )
                for row in rows
            ]


async def _parked(connection: AsyncConnection, route: str, part: int) -> Sequence[ParkedDelivery]:
    rows = await connection.execute(
        select(PARKED.body, PARKED.due_at, PARKED.blocked)
        .where(PARKED.route == route, PARKED.part == part)
        .order_by(PARKED.offset)
    )
    return [ParkedDelivery(_delivery(row.body), row.due_at, row.blocked) for row in rows]


async def _watched(connection: AsyncConnection, route: str) -> dict[str, Position | None]:
    rows = await connection.execute(select(WATCH.key, WATCH.position).where(WATCH.route == route))
    return {row.key: decode_position(row.position) for row in rows}


async def _recorded_after(connection: AsyncConnection, row: Any) -> datetime | None:
    body = await connection.scalar(
        select(LOG.body)
        .where(LOG.offset > row.offset, LOG.part == row.part)
        .order_by(LOG.offset)
        .limit(1)
    )
    return None if body is None else _record(body).recorded_at
