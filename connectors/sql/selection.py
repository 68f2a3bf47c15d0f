"""Which columns of a table are read, in which order, and how rows come out of a result."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from connectors.sql.config import SqlStream
from connectors.sql.database import Database
from connectors.sql.table import Column, Table
from connectors.sql.values import as_stamp, decoder, fingerprint, written
from gateway.errors import ConfigError, DriftError
from gateway.types import RawRow, RowValue

Parameters = dict[str, Any]


class Row(msgspec.Struct, frozen=True):
    """A row read: its values, where it stands in the order, and (PostgreSQL) who wrote it."""

    body: Mapping[str, RowValue]
    cursor: Any
    key: Sequence[Any]
    xid: int = 0

    @property
    def mark(self) -> str:
        """Tells this version of this row from all others."""
        return fingerprint([list(self.key), self.xid or list(self.body.values())])

    def raw(self, cursor_column: str | None) -> RawRow:
        """With a cursor column its value is the version, without one the content is."""
        if cursor_column is None:
            return RawRow(body=self.body, version=fingerprint(list(self.body.values())))
        value = self.body.get(cursor_column, self.cursor)
        return RawRow(
            body=self.body,
            version=None if value is None else written(value),
            at=as_stamp(value),
        )


class Selection:
    """`cursor` is None for a table that has none; `key` is never empty."""

    def __init__(self, database: Database, table: Table, settings: SqlStream, stream: str) -> None:
        self.table = table
        self.settings = settings
        self.dialect = database.dialect
        self.source = database.quoted(table.schema, table.name)
        self._quoted = database.quoted
        self._stream = stream
        self.cursor = self._column(settings.cursor, "cursor") if settings.cursor else None
        self.key = [self._column(name, "key") for name in settings.key or table.primary_key]
        if not self.key:
            raise ConfigError(
                f"{stream} has no primary key, so its rows cannot be told apart.",
                mend="Name the columns that identify a row in `key`.",
            )
        for column in self.key:
            if column.nullable and not table.view and column.name not in table.primary_key:
                raise ConfigError(
                    f"{stream}: the key column {column.name} may be null.",
                    mend="Name key columns that are declared NOT NULL.",
                )
        self.columns = [self._column(name, "columns") for name in settings.columns] or list(
            table.columns.values()
        )
        self._decoders = [
            (index, decode)
            for index, column in enumerate(self.columns)
            if (decode := decoder(column.type, self.dialect)) is not None
        ]
        self._names = [column.name for column in self.columns]

    def _column(self, name: str, setting: str) -> Column:
        column = self.table.columns.get(name)
        if column is None:
            raise DriftError(
                f"{self._stream} has no column {name} any more, which `{setting}` names; "
                f"it now has {', '.join(self.table.columns)}.",
                mend=f"If it was renamed, correct `{setting}`.",
            )
        return column

    @property
    def fields(self) -> Mapping[str, str]:
        return {column.name: column.type for column in self.columns}

    @property
    def shape(self) -> str:
        return fingerprint(list(self.fields.items()))

    def name(self, column: Column) -> str:
        # With the alias, since a bare name in ORDER BY could mean a column of the result.
        return f"t.{self._quoted(column.name)}"

    def value(self, column: Column, parameter: str) -> str:
        """A parameter that stands for a value of the column: on PostgreSQL its text, cast by
        the server, which loses nothing (microseconds, infinity, NaN)."""
        if self.dialect != "postgresql":
            return f":{parameter}"
        cast = column.full_type.replace(":", "\\:")
        return f"CAST(CAST(:{parameter} AS text) AS {cast})"

    def select(
        self,
        where: Sequence[str],
        *,
        nulls: bool = False,
        only_key: bool = False,
        xid: str = "0",
    ) -> str:
        """A statement in the order (cursor, key), or the key alone among rows without a cursor."""
        marks = [] if self.cursor is None else [self.cursor]
        shown = [] if only_key else [self.name(column) for column in self.columns]
        for column in (*marks, *self.key):
            name = self.name(column)
            shown.append(f"CAST({name} AS text)" if self.dialect == "postgresql" else name)
        shown.append(xid)
        order = [self.name(column) for column in ([] if nulls or only_key else marks) + self.key]
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        return (
            f"SELECT {', '.join(shown)} FROM {self.source} t{condition}"
            f" ORDER BY {', '.join(order)} LIMIT :limit"
        )

    def after(self, columns: Sequence[Column], values: Sequence[Any], into: Parameters) -> str:
        """The condition that a row comes after `values` in the order of `columns`."""
        for index, value in enumerate(values):
            if value is None:
                raise ConfigError(
                    f"{self._stream}: the key column {columns[index].name} is null in a row.",
                    mend="Name key columns that are never null.",
                )
            into[f"after{index}"] = loaded(value)
        names = [self.name(column) for column in columns]
        marks = [self.value(column, f"after{index}") for index, column in enumerate(columns)]
        if len(names) == 1:
            return f"{names[0]} > {marks[0]}"
        if self.dialect in {"postgresql", "sqlite"}:
            return f"({', '.join(names)}) > ({', '.join(marks)})"
        # MySQL finds no index for a row comparison before 8.0.
        tie = " AND ".join(
            f"{names[0]} = {marks[0]}" if index == 0 else part
            for index, part in enumerate(["", self.after_rest(names[1:], marks[1:])])
        )
        return f"{names[0]} >= {marks[0]} AND ({names[0]} > {marks[0]} OR ({tie}))"

    def after_rest(self, names: Sequence[str], marks: Sequence[str]) -> str:
        if len(names) == 1:
            return f"{names[0]} > {marks[0]}"
        rest = self.after_rest(names[1:], marks[1:])
        return f"({names[0]} > {marks[0]} OR ({names[0]} = {marks[0]} AND {rest}))"

    def rows(self, result: Sequence[Sequence[Any]]) -> list[Row]:
        """The rows of `select`, their values plain."""
        wide = len(self._names)
        marks = 0 if self.cursor is None else 1
        made = []
        for values in result:
            shown = list(values[:wide])
            for index, decode in self._decoders:
                shown[index] = decode(shown[index])
            made.append(
                Row(
                    body=dict(zip(self._names, shown, strict=True)),
                    cursor=kept(values[wide]) if marks else None,
                    key=[kept(value) for value in values[wide + marks : -1]],
                    xid=values[-1],
                )
            )
        return made

    def keys(self, result: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The keys of `select(only_key=True)`."""
        marks = 0 if self.cursor is None else 1
        return [[kept(value) for value in values[marks:-1]] for values in result]

    def key_body(self, key: Sequence[Any]) -> Mapping[str, RowValue]:
        """A key as the row of a delete: the key columns with the values they would be read with."""
        return {
            column.name: read_again(column, value, self.dialect)
            for column, value in zip(self.key, key, strict=True)
        }


def kept(value: Any) -> Any:
    """A position's value for the cursor, which is JSON."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, timedelta):
        return {"seconds": value.total_seconds()}
    for kind in KINDS:
        if isinstance(value, KINDS[kind]):
            return {kind: str(value) if kind in {"decimal", "uuid"} else value.isoformat()}
    return str(value)


def loaded(value: Any) -> Any:
    """The value that `kept` was given."""
    if not isinstance(value, Mapping):
        return value
    kind, inner = next(iter(value.items()))
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind == "seconds":
        return timedelta(seconds=inner)
    make = KINDS[kind]
    return make(inner) if kind in {"decimal", "uuid"} else make.fromisoformat(inner)


KINDS: Mapping[str, Any] = {
    "decimal": Decimal, "uuid": UUID, "datetime": datetime, "date": date, "time": time,
}  # fmt: skip


def read_again(column: Column, value: Any, dialect: str) -> RowValue:
    """A key's value with the type its column gives: PostgreSQL's positions are all text."""
    if dialect != "postgresql" or not isinstance(value, str):
        return loaded(value)
    if column.type in {"smallint", "integer", "bigint"}:
        return int(value)
    if column.type == "uuid":
        return UUID(value)
    if column.type == "numeric":
        return Decimal(value)
    if column.type.startswith("timestamp"):
        return as_stamp(value) or value
    return value
