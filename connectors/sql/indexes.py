"""What `check` says about a stream: how it is read, and what would make that better."""

from __future__ import annotations

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.database import Database
from connectors.sql.selection import Selection


async def advice(database: Database, connection: AsyncConnection, selection: Selection) -> str:
    """One or more sentences; warnings begin with `Warning:`."""
    said = [_how(selection)]
    column = selection.cursor
    if column is not None and not selection.table.view:
        indexed = await connection.run_sync(
            lambda sync: [
                index["column_names"][0]
                for index in inspect(sync).get_indexes(selection.table.name, selection.table.schema)
                if index["column_names"]
            ]
        )
        if column.name not in indexed and column.name != (selection.table.primary_key or ("",))[0]:
            keys = ", ".join(each.name for each in selection.key)
            said.append(
                f"Warning: no index begins with {column.name}, so every poll reads the whole table;"
                f" create one on ({column.name}, {keys})."
            )
    if column is not None and column.nullable:
        said.append(
            f"Rows whose {column.name} is null are looked at in every poll; best have none."
        )
    if database.dialect == "postgresql" and selection.table.stamped and column is not None:
        allowed = await connection.execute(text("SELECT pg_has_role('pg_read_all_stats', 'USAGE')"))
        if not allowed.scalar_one():
            said.append(
                "Warning: the user is not a member of pg_read_all_stats, so a transaction that was"
                f" open for more than {selection.settings.overlap_secs:g} s before its first write"
                " may be missed; GRANT pg_read_all_stats to it."
            )
    return " ".join(said)


def _how(selection: Selection) -> str:
    title = selection.table.title
    if selection.table.stamped:
        by = f"by {selection.cursor.name}" if selection.cursor else "whole at every poll"
        return f"{title} is read {by}, with late commits found by their transaction."
    if selection.cursor is None:
        return f"{title} is compared whole at every poll."
    return f"{title} is read by {selection.cursor.name} with an overlap for late commits."
