"""Reads a PostgreSQL table by the transactions that wrote its rows.

A phase is everything one snapshot sees that earlier phases did not: the versions written by
transactions from `horizon` on, less those `seen` already, in the order (cursor, key). What commits
late has a transaction id that no phase has covered, so the next one finds it wherever its cursor
value lies, and nothing waits for it: a change is read at once, and no row version is read twice.

The cursor column keeps this cheap: rows below `low` need not be looked at, since no transaction
that could still write there is running (see `horizon.ends`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.database import Database
from connectors.sql.horizon import (
    STAMPS,
    XID,
    Activity,
    Snapshot,
    activity,
    ends,
    low_type,
    snapshot,
)
from connectors.sql.known import Known
from connectors.sql.selection import Parameters, Row, Selection
from gateway.errors import Outage
from gateway.types import Cursor, Page, RawRow, StreamId

MAX_IN_FLIGHT = 50_000
"""Transactions since the oldest running one that are kept apart, and early rows that are."""


class Phase(msgspec.Struct, frozen=True, omit_defaults=True):
    """`below`, `next`: the snapshot it began with. `more` are the transactions at or above
    `below` that were visible then. `top` is the greatest cursor value then, `low` the lower end
    once the phase is done. `after` is the position read last. `early` marks versions that came
    with a later page although their transactions were not visible at the beginning."""

    below: int
    next: int
    more: Sequence[int] = ()
    top: str | None = None
    low: str | None = None
    settled: bool = False
    nulls: bool = False
    after: Sequence[str] | None = None
    early: Sequence[str] = ()


class State(msgspec.Struct, frozen=True, omit_defaults=True, tag="snapshots", tag_field="kind"):
    """The cursor. `settle` holds a lower end that counts once transactions below a certain id
    are finished; `known` and `swept_at` belong to `deletes: sweep`."""

    shape: str = ""
    system: str | None = None
    horizon: int = 0
    seen: Sequence[int] = ()
    low: str | None = None
    settle: tuple[int, str | None] | None = None
    early: Sequence[str] = ()
    phase: Phase | None = None
    known: str | None = None
    swept_at: float | None = None


class Idle(msgspec.Struct, frozen=True):
    """What the last look found nothing with."""

    since: State
    next: int


class SnapshotReader:
    """One stream. `select` makes today's selection on a connection."""

    def __init__(self, database: Database, stream: StreamId, select: Any) -> None:
        self._database = database
        self._stream = stream
        self._select = select
        self._idle: Idle | None = None

    async def pages(self, since: Cursor | None, known: Known | None) -> AsyncIterator[Page]:
        """Pages until a phase that fits one page is done. `known` notes what is handed over."""
        state = State() if since is None else msgspec.convert(since, State)
        while True:
            began = state.phase is None
            made = await self._page(state, known)
            if made is None:
                return
            page, state = made
            yield page
            if began and state.phase is None:
                return

    async def _page(self, state: State, known: Known | None) -> tuple[Page, State] | None:
        seen = idle = None
        if state.phase is None:
            async with self._database.looking(self._stream.stream) as connection:
                selection = await self._select(connection)
                idle = Idle(state, (await snapshot(connection)).next)
                if idle == self._idle and selection.shape == state.shape:
                    return None
                seen = await activity(connection)
        async with self._database.reading(self._stream.stream) as connection:
            now = await snapshot(connection)
            selection = await self._select(connection)
            begun = state
            if seen is not None:
                begun = await self._begin(connection, selection, state, now, seen)
            rows, dropped, after = await self._read(
                connection, selection, begun, now, first=seen is not None
            )
        if idle is not None and after.phase is None and not rows:
            # Nothing new, so the cursor may stay, and as long as no transaction begins to write,
            # the next look is over after the snapshot.
            self._idle = idle if now.quiet and now.next == idle.next else None
            if selection.shape == state.shape:
                return None
        if known is not None:
            for row in rows:
                known.note(row.key)
            after = msgspec.structs.replace(after, known=known.packed())
        after = msgspec.structs.replace(after, shape=selection.shape)
        return self._made(selection, rows, dropped, after), after

    def _made(self, selection: Selection, rows: Sequence[Row], dropped: int, state: State) -> Page:
        column = selection.cursor.name if selection.cursor else None
        raw: list[RawRow] = [row.raw(column) for row in rows]
        return Page(
            stream=self._stream,
            rows=raw,
            cursor=msgspec.to_builtins(state),
            fields=selection.fields,
            already_seen=dropped,
        )

    async def _begin(
        self,
        connection: AsyncConnection,
        selection: Selection,
        state: State,
        now: Snapshot,
        seen: Activity,
    ) -> State:
        """The state with a phase that covers what `now` sees and no phase before it did."""
        if state.horizon > now.next or (state.system and seen.system not in {None, state.system}):
            # Another cluster, or one put back in time: its transaction ids are not those we
            # noted. Everything from the lower end on is read again rather than missed.
            state = State(low=state.low, shape=state.shape, known=state.known)
        top = low = None
        if selection.cursor is not None:
            top, low = await ends(connection, selection, seen)
        more: Sequence[int] = ()
        if not now.quiet:
            more = await self._visible(connection, selection, state, now)
        settled = now.quiet or (
            seen.whole and selection.cursor is not None and selection.cursor.type in STAMPS
        )
        phase = Phase(now.below, now.next, more, top, low, settled, nulls=top is None)
        return msgspec.structs.replace(state, phase=phase, system=seen.system or state.system)

    async def _visible(
        self, connection: AsyncConnection, selection: Selection, state: State, now: Snapshot
    ) -> Sequence[int]:
        """Transactions at or above the horizon whose rows are visible and were not read."""
        bind: Parameters = {"next": now.next, "below": now.below, "seen": list(state.seen)}
        where = self._from_low(selection, state, bind, nulls=True)
        found = await connection.execute(
            text(
                f"SELECT DISTINCT xid FROM (SELECT {XID} AS xid FROM {selection.source} t{where}) q"
                " WHERE xid >= CAST(:below AS bigint) AND xid <> ALL(CAST(:seen AS bigint[]))"
                f" LIMIT {MAX_IN_FLIGHT + 1}"
            ),
            bind,
        )
        more = sorted(row[0] for row in found)
        if len(more) + len(state.seen) > MAX_IN_FLIGHT:
            raise Outage(
                f"{self._stream} waits for a transaction that has been open on the server while "
                f"{MAX_IN_FLIGHT:,} others changed this table: what it wrote may still appear.",
                mend="End it: it is the oldest in pg_stat_activity or pg_prepared_xacts.",
                code="transaction_open",
            )
        return more

    async def _read(
        self,
        connection: AsyncConnection,
        selection: Selection,
        state: State,
        now: Snapshot,
        *,
        first: bool,
    ) -> tuple[Sequence[Row], int, State]:
        """The next rows of the phase, how many were read before, and the state after them."""
        phase = state.phase
        assert phase is not None
        limit = selection.settings.page_rows
        rows: list[Row] = []
        nulls, after = phase.nulls, phase.after
        while True:
            found = await self._part(connection, selection, state, now, nulls, after, limit)
            rows += found
            done = len(found) < limit
            if not done:
                last = found[-1]
                after = list(last.key) if nulls or last.cursor is None else [last.cursor, *last.key]
                break
            if nulls or selection.cursor is None or not selection.cursor.nullable:
                break
            nulls, after = True, None
        early = list(phase.early)
        if selection.cursor is not None and not first:
            more = set(phase.more)
            early += [row.mark for row in rows if row.xid >= phase.below and row.xid not in more]
        kept = [row for row in rows if row.mark not in state.early] if state.early else rows
        phase = msgspec.structs.replace(
            phase, nulls=nulls, after=after, early=early[:MAX_IN_FLIGHT]
        )
        after_these = (
            self._finished(state, phase) if done else msgspec.structs.replace(state, phase=phase)
        )
        return kept, len(rows) - len(kept), after_these

    async def _part(
        self,
        connection: AsyncConnection,
        selection: Selection,
        state: State,
        now: Snapshot,
        nulls: bool,
        after: Sequence[Any] | None,
        limit: int,
    ) -> list[Row]:
        """Rows with a cursor value, or (`nulls`) those without, or all of a table without one."""
        phase, column = state.phase, selection.cursor
        assert phase is not None
        bind: Parameters = {"next": now.next, "limit": limit}
        where: list[str] = []
        order = list(selection.key)
        if column is not None and nulls:
            where.append(f"{selection.name(column)} IS NULL")
        elif column is not None:
            order.insert(0, column)
            bind["top"] = phase.top
            where.append(f"{selection.name(column)} <= {selection.value(column, 'top')}")
            if state.low is not None:
                where.append(self._at_least_low(selection, state, bind))
        if state.horizon or column is None:
            where.append(self._unread(state, phase, bind, strict=column is None))
        if after is not None:
            where.append(selection.after(order, after, bind))
        statement = selection.select(where, nulls=nulls, xid=XID)
        found = await connection.execute(text(statement), bind)
        return selection.rows(found.all())

    def _unread(self, state: State, phase: Phase, bind: Parameters, *, strict: bool) -> str:
        """The condition that no earlier phase covered a version's transaction.

        Without a cursor column (`strict`) a phase keeps to the transactions it began with, and
        the next one finds the rest, as it looks at every row. With one, a version that has come
        since is taken along where it stands: the next phase might not look there.
        """
        bind |= {"horizon": state.horizon, "seen": list(state.seen)}
        new = f"{XID} >= CAST(:horizon AS bigint) AND {XID} <> ALL(CAST(:seen AS bigint[]))"
        if not strict:
            return new
        bind |= {"below": phase.below, "more": list(phase.more)}
        return (
            f"(({new} AND {XID} < CAST(:below AS bigint)) OR {XID} = ANY(CAST(:more AS bigint[])))"
        )

    def _from_low(
        self, selection: Selection, state: State, bind: Parameters, *, nulls: bool
    ) -> str:
        if state.low is None or selection.cursor is None:
            return ""
        condition = self._at_least_low(selection, state, bind)
        if nulls and selection.cursor.nullable:
            condition += f" OR {selection.name(selection.cursor)} IS NULL"
        return f" WHERE {condition}"

    def _at_least_low(self, selection: Selection, state: State, bind: Parameters) -> str:
        assert selection.cursor is not None
        bind["low"] = state.low
        kind = low_type(selection.cursor)
        return f"{selection.name(selection.cursor)} >= CAST(CAST(:low AS text) AS {kind})"

    def _finished(self, state: State, phase: Phase) -> State:
        """What is known once all of the phase has been read."""
        low, settle = state.low, state.settle
        if phase.settled:
            low, settle = phase.low, None
        elif settle is not None and phase.below >= settle[0]:
            low, settle = settle[1], (phase.next, phase.low)
        elif settle is None:
            settle = (phase.next, phase.low)
        covered: Mapping[int, None] = dict.fromkeys([*state.seen, *phase.more])
        return msgspec.structs.replace(
            state,
            horizon=phase.below,
            seen=sorted(xid for xid in covered if xid >= phase.below),
            low=low,
            settle=settle,
            early=phase.early,
            phase=None,
        )
