"""Reads all rows of a table, or those of a condition, and keeps what is new or changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from connectors.sql.database import Database
from connectors.sql.known import Known
from connectors.sql.selection import Parameters, Row, Selection
from connectors.sql.values import fingerprint
from gateway.types import Cursor, Operation, Page, RawRow, StreamId


async def compared(
    database: Database,
    stream: str,
    selection: Selection,
    where: Sequence[str],
    known: Known,
) -> AsyncIterator[tuple[list[Row], int]]:
    """The changed rows of each page that has some, and how many were read. `known` is brought up
    to date with them, and at the end forgets rows of the condition that are no longer there."""
    after: Sequence[Any] | None = None
    there: list[Sequence[Any]] = []
    while True:
        bind: Parameters = {"limit": selection.settings.page_rows}
        conditions = list(where)
        if after is not None:
            conditions.append(selection.after(selection.key, after, bind))
        async with database.reading(stream) as connection:
            result = await connection.execute(text(selection.select(conditions, nulls=True)), bind)
            rows = selection.rows(result.all())
        there += [row.key for row in rows]
        new = [row for row in rows if known.note(row.key, fingerprint(list(row.body.values())))]
        if len(rows) < selection.settings.page_rows and where:
            known.forget(known.missing(there))
        if new:
            yield new, len(rows)
        if len(rows) < selection.settings.page_rows:
            return
        after = rows[-1].key


class State(msgspec.Struct, frozen=True, omit_defaults=True, tag="compare", tag_field="kind"):
    """The cursor: what is known of every row."""

    shape: str = ""
    known: str | None = None


class CompareReader:
    """One stream without a cursor column: every reading compares the whole table. What is gone
    is told with `deletes: sweep`, at each reading, since all keys are at hand anyway."""

    def __init__(self, database: Database, stream: StreamId, select: Any) -> None:
        self._database = database
        self._stream = stream
        self._select = select

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        state = State() if since is None else msgspec.convert(since, State)
        async with self._database.reading(self._stream.stream) as connection:
            selection = await self._select(connection)
        known = Known(state.known, selection.settings.max_known_rows, str(self._stream))
        if selection.shape != state.shape:
            yield self._page(selection, [], State(shape=selection.shape, known=state.known))
        before = Known(state.known, selection.settings.max_known_rows, str(self._stream))
        async for rows, read in compared(self._database, self._stream.stream, selection, [], known):
            after = State(shape=selection.shape, known=known.packed())
            yield self._page(
                selection, [row.raw(None) for row in rows], after, already_seen=read - len(rows)
            )
        if selection.settings.deletes == "sweep" and len(before):
            keys = await every_key(self._database, self._stream.stream, selection)
            gone = known.missing(keys)
            if gone:
                known.forget(gone)
                after = State(shape=selection.shape, known=known.packed())
                yield self._page(selection, deletes(selection, gone), after)

    def _page(
        self, selection: Selection, rows: Sequence[RawRow], state: State, already_seen: int = 0
    ) -> Page:
        return Page(
            stream=self._stream,
            rows=rows,
            cursor=msgspec.to_builtins(state),
            fields=selection.fields,
            already_seen=already_seen,
        )


async def every_key(database: Database, stream: str, selection: Selection) -> list[Sequence[Any]]:
    """All keys of the table as one transaction sees them, read in pages."""
    keys: list[Sequence[Any]] = []
    async with database.reading(stream) as connection:
        while True:
            bind: Parameters = {"limit": 10_000}
            where = [selection.after(selection.key, keys[-1], bind)] if keys else []
            found = await connection.execute(text(selection.select(where, only_key=True)), bind)
            page = selection.keys(found.all())
            keys += page
            if len(page) < bind["limit"]:
                return keys


def deletes(selection: Selection, keys: Sequence[Sequence[Any]]) -> list[RawRow]:
    """Rows that say that these keys are gone. The body holds the key columns and nothing else."""
    return [RawRow(body=selection.key_body(key), operation=Operation.DELETE) for key in keys]
