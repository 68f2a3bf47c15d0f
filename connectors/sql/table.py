"""A table or view as the database describes it now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.sql.database import Database
from connectors.sql.values import fingerprint
from gateway.errors import DriftError
from gateway.types import FieldSchema, StreamSchema


class Column(msgspec.Struct, frozen=True):
    """`type` is the database's name for it without modifiers, `full_type` with them."""

    name: str
    type: str
    full_type: str
    nullable: bool
    comment: str | None = None


class Table(msgspec.Struct, frozen=True):
    """`stamped` says that every row version carries the transaction that wrote it (PostgreSQL's
    xmin) and that we may read it."""

    schema: str | None
    name: str
    view: bool
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    stamped: bool = False
    comment: str | None = None

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def fields(self) -> Mapping[str, str]:
        return {column.name: column.type for column in self.columns.values()}

    @property
    def shape(self) -> str:
        return fingerprint(list(self.fields.items()))

    def described(self, name: str) -> StreamSchema:
        return StreamSchema(
            name=name,
            fields=tuple(
                FieldSchema(
                    name=column.name,
                    type=column.full_type,
                    nullable=column.nullable,
                    key=column.name in self.primary_key,
                    description=column.comment,
                )
                for column in self.columns.values()
            ),
            description=self.comment or ("view" if self.view else None),
            writable=not self.view,
        )


POSTGRES_TABLES = """
SELECT n.nspname, c.relname, c.relkind::text, has_table_privilege(c.oid, 'SELECT'),
  obj_description(c.oid, 'pg_class'),
  (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, NULL),
       format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, col_description(c.oid, a.attnum))
     ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text,
  (SELECT json_agg(a.attname ORDER BY k.place)
   FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = c.oid AND i.indisprimary)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
"""
POSTGRES_KINDS = "c.relkind IN ('r', 'p', 'v', 'm', 'f')"


async def reflect(database: Database, connection: AsyncConnection, stream: str) -> Table:
    """The table behind a stream's name. Raises DriftError where there is none."""
    schema, name = split(stream)
    if database.dialect == "postgresql":
        found = await connection.execute(
            text(f"{POSTGRES_TABLES} WHERE c.oid = to_regclass(:name) AND {POSTGRES_KINDS}"),
            {"name": _postgres_name(schema, name)},
        )
        row = found.first()
        table = None if row is None else _postgres_table(row)
    else:
        table = await connection.run_sync(_inspected, schema, name)
    if table is None:
        raise DriftError(
            f"{database.title} has no table or view {stream}.",
            mend="If it was renamed, say its new name in `table`; `headrace discover` lists them.",
        )
    return table


async def reflect_all(database: Database, connection: AsyncConnection) -> Sequence[Table]:
    """Every table and view that is not the database's own."""
    if database.dialect == "postgresql":
        found = await connection.execute(
            text(
                f"{POSTGRES_TABLES} WHERE {POSTGRES_KINDS} AND NOT c.relispartition"
                " AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
                " ORDER BY n.nspname, c.relname"
            )
        )
        return [_postgres_table(row) for row in found]
    return await connection.run_sync(_inspected_all)


def split(stream: str) -> tuple[str | None, str]:
    """`schema.table` as its two names; a table alone is found as the database finds it."""
    schema, dot, name = stream.partition(".")
    return (schema, name) if dot else (None, stream)


def _postgres_name(schema: str | None, name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name) if part)


def _postgres_table(row: Sequence[Any]) -> Table:
    schema, name, kind, readable, comment, columns, key = row
    return Table(
        schema=schema,
        name=name,
        view=kind in "vm",
        columns={
            each[0]: Column(each[0], each[1], each[2], each[3], each[4])
            for each in json.loads(columns or "[]")
        },
        primary_key=tuple(json.loads(key or "[]")),
        # A foreign table's rows carry no transaction of this server, a view's none at all.
        stamped=kind in "rp" and bool(readable),
        comment=comment,
    )


def _inspected(connection: Connection, schema: str | None, name: str) -> Table | None:
    inspector = inspect(connection)
    try:
        columns = inspector.get_columns(name, schema)
    except NoSuchTableError:
        return None
    views = inspector.get_view_names(schema)
    return Table(
        schema=schema,
        name=name,
        view=name in views,
        columns={
            each["name"]: Column(
                name=each["name"],
                type=str(each["type"]).partition("(")[0].lower(),
                full_type=str(each["type"]).lower(),
                nullable=bool(each.get("nullable", True)),
                comment=each.get("comment"),
            )
            for each in columns
        },
        primary_key=tuple(inspector.get_pk_constraint(name, schema)["constrained_columns"]),
    )


def _inspected_all(connection: Connection) -> Sequence[Table]:
    inspector = inspect(connection)
    names = [*inspector.get_table_names(), *inspector.get_view_names()]
    found = (_inspected(connection, None, name) for name in sorted(names))
    return [table for table in found if table is not None]
