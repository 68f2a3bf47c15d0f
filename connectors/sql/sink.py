"""The writing side: a push is one transaction of batches, and rows one by one where one is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.config import SqlStream
from connectors.sql.database import Database
from connectors.sql.failures import FOREIGN_KEY, NOT_NULL, RowRefusal, translated
from connectors.sql.table import Table, reflect
from connectors.sql.values import written
from connectors.sql.write import Batch, Effect, write
from gateway.types import Delivered, Later, Operation, Outcome, Refused, Write

Numbered = tuple[int, Write]
MAX_VARIABLES = 30_000
"""SQLite takes 32,766 parameters in a statement."""


class SqlSink:
    """Upserts and deletes by key."""

    def __init__(self, database: Database, streams: Mapping[str, SqlStream]) -> None:
        self._database = database
        self._streams = streams

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One outcome each, in order. Receipts are `written`, `deleted` and `unchanged`."""
        if not writes:
            return []
        settings = self._streams.get(stream) or SqlStream()
        outcomes: dict[int, Outcome] = {}
        async with self._database.writing(stream) as connection:
            table = await reflect(self._database, connection, settings.table or stream)
            for numbered in _rounds(writes):
                for group in self._groups(table, numbered, outcomes):
                    await self._write(connection, stream, settings, table, group, outcomes)
        return [outcomes[number] for number in range(len(writes))]

    def _groups(
        self, table: Table, numbered: Sequence[Numbered], outcomes: dict[int, Outcome]
    ) -> Iterator[Sequence[Numbered]]:
        """Writes of the same columns and operation together; unknown columns are refused here."""
        groups: dict[tuple[Operation, tuple[str, ...], tuple[str, ...]], list[Numbered]] = {}
        for number, each in numbered:
            unknown = [name for name in (*each.key, *each.fields) if name not in table.columns]
            if unknown or not each.key:
                known = ", ".join(table.columns)
                outcomes[number] = Refused(
                    "sql_unknown_column",
                    f"{table.title} has no column {', '.join(unknown)}; it has {known}."
                    if unknown
                    else f"The write names no key column of {table.title}.",
                )
                continue
            kind = (each.operation, tuple(sorted(each.key)), tuple(sorted(each.fields)))
            groups.setdefault(kind, []).append((number, each))
        for (_, keys, fields), group in groups.items():
            step = len(group)
            if self._database.dialect == "sqlite":
                step = MAX_VARIABLES // (len(keys) + len(fields))
            # In key order, so that two writers of the same rows never wait in a ring.
            group.sort(key=lambda each: _name(each[1]))
            for start in range(0, len(group), step):
                yield group[start : start + step]

    async def _write(
        self,
        connection: AsyncConnection,
        stream: str,
        settings: SqlStream,
        table: Table,
        group: Sequence[Numbered],
        outcomes: dict[int, Outcome],
    ) -> None:
        first = group[0][1]
        key = [table.columns[name] for name in sorted(first.key)]
        batch = Batch(
            database=self._database,
            table=table,
            settings=settings,
            key=key,
            columns=[table.columns[n] for n in sorted(first.fields) if n not in first.key],
            deletes=first.operation is Operation.DELETE,
        )
        rows = [{**each.fields, **each.key} for _, each in group]
        try:
            async with translated(self._database.title, stream), connection.begin_nested():
                effects = await write(connection, batch, rows)
        except RowRefusal as error:
            if len(group) == 1:
                outcomes[group[0][0]] = _refused(error, settings)
                return
            # Somebody in the batch is at fault: whoever is refused alone.
            for one in group:
                await self._write(connection, stream, settings, table, [one], outcomes)
            return
        for (number, each), effect in zip(group, effects, strict=True):
            outcomes[number] = _outcome(table, each, effect)


def _rounds(writes: Sequence[Write]) -> Iterator[Sequence[Numbered]]:
    """The writes in as many rounds as the most frequent key has writes: a statement cannot write
    a row twice, and the later of two must win."""
    rounds: list[list[Numbered]] = []
    met: dict[str, int] = {}
    for number, each in enumerate(writes):
        name = _name(each)
        place = met.get(name, 0)
        met[name] = place + 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append((number, each))
    yield from rounds


def _name(each: Write) -> str:
    return json.dumps([[name, written(each.key[name])] for name in sorted(each.key)])


def _outcome(table: Table, each: Write, effect: Effect) -> Outcome:
    if effect is Effect.MISSING:
        named = ", ".join(f"{name} = {written(value)}" for name, value in each.key.items())
        return Refused("sql_no_row", f"{table.title} has no row with {named} to update.")
    return Delivered(receipt=effect.value)


def _refused(error: RowRefusal, settings: SqlStream) -> Outcome:
    if error.state in FOREIGN_KEY or error.state.upper() == "FOREIGN_KEY":
        # The parent may not be written yet: worth another try, at this row's own expense.
        return Later(error.code, error.message, costs_attempt=True)
    detail = error.message
    if (error.state in NOT_NULL or error.state == "NOT_NULL") and settings.write == "upsert":
        detail = detail.rstrip(".") + (
            ". If the row is there already, say `write: update`, which inserts nothing."
        )
    return Refused(error.code, detail)
