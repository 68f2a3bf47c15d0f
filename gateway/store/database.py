"""One SQLite file: a single writer that commits to the disk, and readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from gateway.errors import ConfigError, StoreError

READERS = 4
BUSY_TIMEOUT_SECS = 10


class Database:
    """Transactions on one file. Writers queue here, so SQLite never has to refuse one."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, file: Path) -> Database:
        """Open or create the file. Raises ConfigError when it cannot be used."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder of the store, {file.parent}, cannot be made: {error.strerror}.",
                mend="Set `storage` to a place this user may write to.",
            ) from None
        database = cls(_engine(file, "BEGIN IMMEDIATE", 1), _engine(file, "BEGIN", READERS))
        try:
            async with database.write() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except StoreError as error:
            await database.close()
            raise ConfigError(
                f"The store {file} cannot be opened: {error.message}",
                mend=error.mend or "Set `storage` to a SQLite file of this gateway, or a new one.",
            ) from None
        return database

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is on the disk when it ends. Raises StoreError; nothing is kept then."""
        async with self._turn:
            try:
                async with self._writer.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise _store_error(error) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent look. Raises StoreError."""
        try:
            async with self._reader.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise _store_error(error) from error

    @property
    def dialect(self) -> Dialect:
        return self._writer.dialect

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


def _engine(file: Path, begin: str, size: int) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file}",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_SECS},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        # The driver's own transaction handling begins too late; the `begin` hook below does it.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _store_error(error: DBAPIError) -> StoreError:
    cause = error.orig
    text = str(cause)
    code = getattr(cause, "sqlite_errorcode", None) or getattr(
        getattr(cause, "__cause__", None), "sqlite_errorcode", None
    )
    primary = (code or 0) & 0xFF
    if primary == sqlite3.SQLITE_FULL or "disk is full" in text:
        return StoreError(
            "the disk of the store is full; nothing of this step was kept.",
            mend="Free some space: the gateway tries again by itself.",
            code="store_full",
        )
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreError("the file is not a SQLite database.", code="store_not_a_database")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"another process kept the store locked for {BUSY_TIMEOUT_SECS} s.", code="store_busy"
        )
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(f"{text}.", mend="Check the owner and mode of the file and its folder.")
    return StoreError(f"{text}.")
