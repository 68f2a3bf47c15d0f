"""Reads any table or view by a column that grows, with a window for what commits late.

Each pass begins somewhat before the greatest value of the last one and drops the rows that were
seen there. The window is `overlap_secs` or `overlap_ids` wide, measured on the column's own values,
so that no clock of ours matters, and holds `MAX_WINDOW` rows at most: a late row that lies further
back is missed. Where PostgreSQL shows a row's transaction, `snapshots` reads without that limit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from sqlalchemy import text

from connectors.sql.compare import compared
from connectors.sql.config import SqlStream
from connectors.sql.database import Database
from connectors.sql.known import Known
from connectors.sql.selection import Parameters, Row, Selection, loaded
from gateway.types import Cursor, Page, StreamId

MAX_WINDOW = 5_000


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A row of the window: its place in the order, and its content's mark."""

    place: Sequence[Any]
    mark: str


class State(msgspec.Struct, frozen=True, omit_defaults=True, tag="overlap", tag_field="kind"):
    """The cursor. A pass begins after `low`; `after` is where the one under way stands. `nulls`
    holds the rows without a cursor value."""

    shape: str = ""
    low: Sequence[Any] | None = None
    after: Sequence[Any] | None = None
    window: Sequence[Seen] = ()
    nulls: str | None = None
    known: str | None = None
    swept_at: float | None = None


class OverlapReader:
    """One stream. `select` makes today's selection on a connection."""

    def __init__(self, database: Database, stream: StreamId, select: Any) -> None:
        self._database = database
        self._stream = stream
        self._select = select

    async def pages(self, since: Cursor | None, known: Known | None) -> AsyncIterator[Page]:
        """Pages of one pass over the window and what follows it, then the rows without a value."""
        state = State() if since is None else msgspec.convert(since, State)
        told = state
        at = state.after if state.after is not None else state.low
        while True:
            async with self._database.reading(self._stream.stream) as connection:
                selection = await self._select(connection)
                found = await self._after(connection, selection, at)
            done = len(found) < selection.settings.page_rows
            at = None if not found else [found[-1].cursor, *found[-1].key]
            marks = {each.mark for each in state.window}
            new = [row for row in found if row.mark not in marks]
            low, window = _slid(state, new, selection)
            state = msgspec.structs.replace(
                state, low=low, window=window, after=None if done else at, shape=selection.shape
            )
            # A page of nothing but the window is worth telling only where it ends a pass that an
            # earlier cursor stands in the middle of.
            if new or told.shape != state.shape or (done and told.after is not None):
                if known is not None:
                    for row in new:
                        known.note(row.key)
                    state = msgspec.structs.replace(state, known=known.packed())
                yield self._made(selection, new, len(found) - len(new), state)
                told = state
            if done:
                break
        if selection.cursor is not None and selection.cursor.nullable:
            async for page in self._nulls(selection, state, known):
                yield page

    async def _after(
        self, connection: Any, selection: Selection, at: Sequence[Any] | None
    ) -> list[Row]:
        assert selection.cursor is not None
        bind: Parameters = {"limit": selection.settings.page_rows}
        where = [f"{selection.name(selection.cursor)} IS NOT NULL"]
        if at is not None:
            where.append(selection.after([selection.cursor, *selection.key], at, bind))
        found = await connection.execute(text(selection.select(where)), bind)
        return selection.rows(found.all())

    async def _nulls(
        self, selection: Selection, state: State, known: Known | None
    ) -> AsyncIterator[Page]:
        assert selection.cursor is not None
        nulls = Known(state.nulls, selection.settings.max_known_rows, str(self._stream))
        where = [f"{selection.name(selection.cursor)} IS NULL"]
        async for rows, read in compared(
            self._database, self._stream.stream, selection, where, nulls
        ):
            if known is not None:
                for row in rows:
                    known.note(row.key)
                state = msgspec.structs.replace(state, known=known.packed())
            state = msgspec.structs.replace(state, nulls=nulls.packed())
            yield self._made(selection, rows, read - len(rows), state)

    def _made(self, selection: Selection, rows: Sequence[Row], dropped: int, state: State) -> Page:
        assert selection.cursor is not None
        return Page(
            stream=self._stream,
            rows=[row.raw(selection.cursor.name) for row in rows],
            cursor=msgspec.to_builtins(state),
            fields=selection.fields,
            already_seen=dropped,
        )


def _slid(
    state: State, rows: Sequence[Row], selection: Selection
) -> tuple[Sequence[Any] | None, Sequence[Seen]]:
    """The window after `rows`, in order, and the last place that has left it."""
    if not rows:
        return state.low, state.window
    kind = selection.cursor.type if selection.cursor else ""
    seen = [*state.window, *(Seen([row.cursor, *row.key], row.mark) for row in rows)]
    seen.sort(key=lambda each: sortable(each.place[0], kind))
    floor = margin(sortable(seen[-1].place[0], kind), selection.settings)
    first = next(
        (i for i, each in enumerate(seen) if sortable(each.place[0], kind) >= floor), len(seen) - 1
    )
    first = max(first, len(seen) - MAX_WINDOW)
    return (seen[first - 1].place if first else state.low), seen[first:]


def sortable(value: Any, kind: str) -> tuple[int, Any]:
    """A cursor value to compare in Python: its rank among kinds first, since SQLite has columns of
    mixed kinds, then a number, an instant or the text."""
    value = loaded(value)
    if isinstance(value, str) and kind in {"smallint", "integer", "bigint", "numeric"}:
        try:
            value = Decimal(value)
        except InvalidOperation:
            return (4, value)
    if isinstance(value, Decimal) and not value.is_finite():
        return (4, str(value))
    if isinstance(value, int | float | Decimal):
        return (0, value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return (2, value)
    if isinstance(value, datetime):
        return (1, value.timestamp() if value.tzinfo else (value - EPOCH).total_seconds())
    return (3, str(value))


EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a stamp without a zone is compared with its like


def margin(top: tuple[int, Any], settings: SqlStream) -> tuple[int, Any]:
    """The lower end of the window below the greatest value."""
    rank, value = top
    if rank == 0:
        return (0, value - settings.overlap_ids)
    if rank == 1:
        return (1, value - timedelta(seconds=settings.overlap_secs).total_seconds())
    return top
