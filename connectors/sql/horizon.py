"""PostgreSQL: which transactions a snapshot sees, and how far back a late row may still appear.

Every row version carries the id of the transaction that wrote it (xmin, a subtransaction's own id
included). What `txid_current_snapshot()` gives as its lower end is the oldest transaction still
running: every version with a smaller id is visible for good. That orders changes by commit where
no column does: `now()` is the transaction's start and a sequence's number is taken before the
commit. https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.selection import Selection
from connectors.sql.table import Column

XID = (
    "(CASE WHEN t.xmin::text::bigint < 3 THEN 0 ELSE"
    " CAST(:next AS bigint)"
    " - ((CAST(:next AS bigint) - t.xmin::text::bigint) & 4294967295) END)"
)
"""A version's transaction as 64 bits, of which xmin has the lower 32; `:next` is the snapshot's
upper end, which no visible version exceeds. Below 3 it is frozen, that is, old."""

WHOLE_NUMBERS = {"smallint", "integer", "bigint", "numeric"}
STAMPS = {"timestamp with time zone", "timestamp without time zone", "date"}


class Activity(msgspec.Struct, frozen=True):
    """Seen just before the snapshot. `oldest` is the start of the oldest transaction of this
    database (now, where none runs); `whole` says that we may see everybody's and that none is
    prepared, whose start nobody knows. `system` names the database cluster: on another one
    transaction ids mean something else."""

    oldest: str
    whole: bool
    system: str | None


class Snapshot(msgspec.Struct, frozen=True):
    """`below`: every transaction with a smaller id is finished; `next`: none has this one yet."""

    below: int
    next: int

    @property
    def quiet(self) -> bool:
        """Nobody who has written is still running."""
        return self.below >= self.next


async def activity(connection: AsyncConnection) -> Activity:
    """Ask before the snapshot is taken: whoever ends in between is then counted as running."""
    found = await connection.execute(
        text(
            "SELECT LEAST(now(), (SELECT min(xact_start) FROM pg_stat_activity"
            "   WHERE datid = d.oid AND pid <> pg_backend_pid()))::text,"
            " pg_has_role('pg_read_all_stats', 'USAGE')"
            "   AND NOT EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE database = d.datname)"
            " , has_function_privilege('pg_control_system()', 'EXECUTE')"
            " FROM pg_database d WHERE d.datname = current_database()"
        )
    )
    oldest, whole, may_ask = found.one()
    system = None
    if may_ask:
        named = await connection.execute(
            text("SELECT system_identifier::text FROM pg_control_system()")
        )
        system = named.scalar_one()
    return Activity(oldest, bool(whole), system)


async def snapshot(connection: AsyncConnection) -> Snapshot:
    found = await connection.execute(
        text("SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s) FROM txid_current_snapshot() s")
    )
    below, upper = found.one()
    return Snapshot(below, upper)


async def ends(
    connection: AsyncConnection, selection: Selection, seen: Activity
) -> tuple[str | None, str | None]:
    """The greatest cursor value now, and the value below which no row will appear that this
    snapshot does not see, as long as every transaction has been accounted for.

    A stamp set by now() is no older than its transaction. Where the stamps are on another clock
    (local time without a zone), the greatest one tells how far that clock is off, so the margin
    counts from there as well: the lower of the two holds.
    """
    column = selection.cursor
    assert column is not None
    name = selection.name(column)
    margin: dict[str, Any] = {}
    top = f"(SELECT {name} FROM {selection.source} t WHERE {name} IS NOT NULL ORDER BY {name} DESC LIMIT 1)"
    if column.type in WHOLE_NUMBERS:
        low = "GREATEST(CAST(top AS numeric) - CAST(CAST(:ids AS text) AS numeric), -9e18)"
        margin = {"ids": str(selection.settings.overlap_ids)}
    elif column.type in STAMPS:
        kind = (
            "timestamptz"
            if "with time" in column.type and "out" not in column.type
            else "timestamp"
        )
        start = "CAST(CAST(:oldest AS text) AS timestamptz)"
        local = start if kind == "timestamptz" else f"({start} AT TIME ZONE 'UTC')"
        overlap = "make_interval(secs => CAST(CAST(:secs AS text) AS double precision))"
        day = " - interval '1 day'" if column.type == "date" else ""
        low = (
            f"LEAST(CAST(top AS {kind}) - (clock_timestamp() - {start}), {local}) - {overlap}{day}"
        )
        if kind == "timestamp":
            # Without one stamp to compare with, nothing says how far its clock is from ours.
            low = f"CASE WHEN top IS NULL THEN NULL ELSE {low} END"
        margin = {"oldest": seen.oldest, "secs": str(selection.settings.overlap_secs)}
    else:
        low = "top"
    cast = low_type(column)
    found = await connection.execute(
        text(f"SELECT top::text, CAST({low} AS {cast})::text FROM (SELECT {top} AS top) q"), margin
    )
    row = found.one()
    return row[0], row[1]


def low_type(column: Column) -> str:
    """The type the lower end is compared as: wide enough for a margin, and one that the column's
    index can be searched with."""
    if column.type in WHOLE_NUMBERS:
        return "numeric" if column.type == "numeric" else "bigint"
    return column.full_type.replace(":", "\\:")
