"""The statements that write a batch of rows with the same columns, one way for each database.

A row that would not change is not touched, so no trigger fires and no stamp moves. PostgreSQL
gets one statement a batch; SQLite one and a look at which keys exist; other databases are written
row by row with what all of them have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, column, delete, insert, or_, select, table, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.config import SqlStream
from connectors.sql.database import Database
from connectors.sql.table import Column, Table
from connectors.sql.values import array_literal, as_json, as_stamp, written

Values = Mapping[str, Any]


class Effect(StrEnum):
    WRITTEN = "written"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    MISSING = "missing"


class Batch(msgspec.Struct, frozen=True):
    """Rows to write to one table: `key` and `columns` (the others) are the same for all."""

    database: Database
    table: Table
    settings: SqlStream
    key: Sequence[Column]
    columns: Sequence[Column]
    deletes: bool

    @property
    def updates(self) -> bool:
        return self.settings.write == "update"

    @property
    def version(self) -> Column | None:
        return next((c for c in self.columns if c.name == self.settings.version), None)

    @property
    def target(self) -> str:
        return self.database.quoted(self.table.schema, self.table.name)

    def name(self, column: Column) -> str:
        return self.database.quoted(column.name)

    def names(self, columns: Sequence[Column], prefix: str = "") -> str:
        return ", ".join(prefix + self.name(column) for column in columns)


async def write(
    connection: AsyncConnection, batch: Batch, rows: Sequence[Values]
) -> Sequence[Effect]:
    """What became of each row, in order. Raises the database's own errors."""
    if batch.database.dialect == "postgresql":
        return await _postgresql(connection, batch, rows)
    if batch.database.dialect == "sqlite":
        return await _sqlite(connection, batch, rows)
    return [await one_row(connection, batch, row) for row in rows]


async def _postgresql(
    connection: AsyncConnection, batch: Batch, rows: Sequence[Values]
) -> Sequence[Effect]:
    columns = [*batch.key, *([] if batch.deletes else batch.columns)]
    casts, bind = [], {}
    for index, each in enumerate(columns):
        bind[f"c{index}"] = [postgres_text(row.get(each.name), each) for row in rows]
        cast = each.full_type.replace(":", "\\:")
        casts.append(f"CAST(u.c{index} AS {cast}) AS {batch.name(each)}")
    arrays = ", ".join(f"CAST(:c{index} AS text[])" for index in range(len(columns)))
    aliases = ", ".join(f"c{index}" for index in range(len(columns)))
    same = " AND ".join(f"t.{batch.name(c)} = v.{batch.name(c)}" for c in batch.key)
    done = " AND ".join(f"w.{batch.name(c)} = v.{batch.name(c)}" for c in batch.key)
    statement = (
        f"WITH v AS (SELECT u.place, {', '.join(casts)}"
        f" FROM unnest({arrays}) WITH ORDINALITY AS u ({aliases}, place)),"
        f" w AS ({_postgres_change(batch, columns, same)} RETURNING {batch.names(batch.key, 't.')})"
        f" SELECT EXISTS (SELECT 1 FROM w WHERE {done}),"
        f" EXISTS (SELECT 1 FROM {batch.target} t WHERE {same}) FROM v ORDER BY v.place"
    )
    found = await connection.execute(text(statement), bind)
    return [_effect(batch, changed=changed, was_there=there) for changed, there in found]


def _postgres_change(batch: Batch, columns: Sequence[Column], same: str) -> str:
    if batch.deletes:
        return f"DELETE FROM {batch.target} t USING v WHERE {same}"
    sets = batch.columns or batch.key[:1]
    if batch.updates:
        changes = ", ".join(f"{batch.name(c)} = v.{batch.name(c)}" for c in sets)
        changed = _changed(batch, "v", "IS DISTINCT FROM")
        return f"UPDATE {batch.target} t SET {changes} FROM v WHERE {same} AND {changed}"
    changes = ", ".join(f"{batch.name(c)} = excluded.{batch.name(c)}" for c in sets)
    return (
        f"INSERT INTO {batch.target} AS t ({batch.names(columns)})"
        f" SELECT {batch.names(columns, 'v.')} FROM v"
        f" ON CONFLICT ({batch.names(batch.key)}) DO UPDATE SET {changes}"
        f" WHERE {_changed(batch, 'excluded', 'IS DISTINCT FROM')}"
    )


async def _sqlite(
    connection: AsyncConnection, batch: Batch, rows: Sequence[Values]
) -> Sequence[Effect]:
    columns = [*batch.key, *([] if batch.deletes else batch.columns)]
    bind: dict[str, Any] = {}
    lines = []
    for number, row in enumerate(rows):
        for index, each in enumerate(columns):
            bind[f"r{number}c{index}"] = sqlite_value(row.get(each.name))
        marks = ", ".join(f":r{number}c{index}" for index in range(len(columns)))
        lines.append(f"({number}, {marks})")
    head = f"WITH v (place, {batch.names(columns)}) AS (VALUES {', '.join(lines)})"
    same = " AND ".join(f"t.{batch.name(c)} = v.{batch.name(c)}" for c in batch.key)
    # SQLite has no statement that both writes and says which of several rows it changed: first
    # the places of those that will change are asked for, in the same transaction.
    changed = "true" if batch.deletes else _changed(batch, "v", "IS NOT")
    looked = await connection.execute(
        text(
            f"{head} SELECT v.place, max(t.rowid_ IS NOT NULL), max({changed}) FROM v LEFT JOIN"
            f" (SELECT 1 AS rowid_, * FROM {batch.target}) t ON {same} GROUP BY v.place"
        ),
        bind,
    )
    seen = {place: (bool(there), bool(differs)) for place, there, differs in looked}
    there = "EXISTS" if batch.deletes or batch.updates else None
    inside = f"{there} (SELECT 1 FROM v WHERE {same})" if there else ""
    if batch.deletes:
        statement = f"{head} DELETE FROM {batch.target} AS t WHERE {inside}"
    elif batch.updates:
        sets = batch.columns or batch.key[:1]
        changes = ", ".join(f"{batch.name(c)} = v.{batch.name(c)}" for c in sets)
        statement = (
            f"{head} UPDATE {batch.target} AS t SET {changes} FROM v WHERE {same} AND {changed}"
        )
    else:
        sets = batch.columns or batch.key[:1]
        changes = ", ".join(f"{batch.name(c)} = excluded.{batch.name(c)}" for c in sets)
        statement = (
            f"{head} INSERT INTO {batch.target} AS t ({batch.names(columns)})"
            f" SELECT {batch.names(columns)} FROM v WHERE true"
            f" ON CONFLICT ({batch.names(batch.key)}) DO UPDATE SET {changes}"
            f" WHERE {_changed(batch, 'excluded', 'IS NOT')}"
        )
    await connection.execute(text(statement), bind)
    effects = []
    for number in range(len(rows)):
        was_there, differs = seen[number]
        inserted = not was_there and not batch.updates and not batch.deletes
        effects.append(
            _effect(batch, changed=inserted or (was_there and differs), was_there=was_there)
        )
    return effects


def _changed(batch: Batch, new: str, differs: str) -> str:
    """The condition that a row would change, and with a version column, that it is newer."""

    def comparable(value: str, each: Column) -> str:
        if batch.database.dialect == "sqlite":
            return f"{value} COLLATE BINARY"
        # json has no equality; its text has, and there a mere reformatting is a change.
        return f"{value}::text" if each.type.rpartition(".")[2] in TEXTUAL else value

    changed = " OR ".join(
        f"{comparable(f't.{batch.name(c)}', c)} {differs} {comparable(f'{new}.{batch.name(c)}', c)}"
        for c in batch.columns
    )
    if batch.version is None:
        return f"({changed or 'false'})"
    version = batch.name(batch.version)
    return f"({changed}) AND (t.{version} IS NULL OR t.{version} < {new}.{version})"


SPELLED = {"char", "varchar", "text", "nchar", "nvarchar", "tinytext", "mediumtext", "longtext"}
TEXTUAL = {"json", "xml", "point", "polygon", "box", "circle", "path", "line", "lseg", "citext"}
"""PostgreSQL's types whose equality, if they have one, does not compare contents."""


def _effect(batch: Batch, *, changed: bool, was_there: bool) -> Effect:
    if changed:
        return Effect.DELETED if batch.deletes else Effect.WRITTEN
    if batch.updates and not batch.deletes and not was_there:
        return Effect.MISSING
    return Effect.UNCHANGED


async def one_row(connection: AsyncConnection, batch: Batch, row: Values) -> Effect:
    """One row, in words that every database knows."""
    target = table(
        batch.table.name,
        *(column(c.name) for c in (*batch.key, *batch.columns)),
        schema=batch.table.schema,
    )
    values = {name: sqlite_value(value) for name, value in row.items()}
    same = and_(*(target.c[c.name] == values.get(c.name) for c in batch.key))
    if batch.deletes:
        gone = await connection.execute(delete(target).where(same))
        return Effect.DELETED if gone.rowcount else Effect.UNCHANGED
    held = (await connection.execute(select(target).where(same))).mappings().first()
    if held is None:
        if batch.updates:
            return Effect.MISSING
        await connection.execute(insert(target).values(values))
        return Effect.WRITTEN
    if not batch.columns:
        return Effect.UNCHANGED
    differs = or_(*(target.c[c.name].is_distinct_from(values.get(c.name)) for c in batch.columns))
    # Many collations call texts equal that differ in case or accents.
    respelled = any(
        isinstance(held[c.name], str)
        and isinstance(values.get(c.name), str)
        and c.type in SPELLED
        and held[c.name] != values[c.name]
        for c in batch.columns
    )
    conditions = [same] if respelled else [same, differs]
    if batch.version is not None:
        version = target.c[batch.version.name]
        conditions.append(or_(version.is_(None), version < values.get(batch.version.name)))
    sets = {c.name: values.get(c.name) for c in batch.columns}
    changed = await connection.execute(update(target).where(*conditions).values(sets))
    return Effect.WRITTEN if changed.rowcount else Effect.UNCHANGED


def postgres_text(value: Any, into: Column) -> str | None:
    """A value as the text that is cast to the column's type."""
    if value is None:
        return None
    if into.type in {"json", "jsonb"}:
        return as_json(value)
    if into.type.endswith("[]") and isinstance(value, list | tuple):
        return array_literal(value)
    if into.type == "timestamp without time zone":
        # Its cast would drop an offset without a word.
        stamp = as_stamp(value)
        if stamp is not None:
            return stamp.astimezone(UTC).replace(tzinfo=None).isoformat()
    return written(value)


def sqlite_value(value: Any) -> Any:
    """A value as SQLite stores it: what it has no type for as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, list | tuple | Mapping):
        return as_json(value)
    return value
