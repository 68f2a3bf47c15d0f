"""The hot statements: compiled once for the dialect, run as `executemany` on the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection


class BulkInsert:
    """`INSERT INTO table (columns) VALUES …` of tuples in the order of `columns`."""

    def __init__(self, table: Table, columns: Sequence[str], dialect: Dialect) -> None:
        statement: Insert = insert(table).values(dict.fromkeys(columns))
        compiled = statement.compile(dialect=dialect)
        order = list(compiled.positiontup or [])
        self._sql = str(compiled)
        self._places = [columns.index(name) for name in order]
        self._as_is = self._places == list(range(len(columns)))

    async def run(self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if not self._as_is:
            rows = [tuple(row[place] for place in self._places) for row in rows]
        await connection.exec_driver_sql(self._sql, list(rows))
