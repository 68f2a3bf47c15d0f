"""Bringing a store up to date, and refusing one that this version must not touch."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import ConfigError
from gateway.store.database import Database
from gateway.store.tables import META, MetaRow

HEAD = "0001"
"""The newest revision in `migrations/versions`; a test holds it to that."""

PARTS = 1
"""Parts of the log of an embedded store."""


def refuse_foreign(file: Path) -> None:
    """Raises ConfigError for a database that is somebody else's, before a byte of it is changed."""
    if not file.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = [name for (name,) in found]
    except sqlite3.Error:
        return  # Opening it in earnest says what is wrong.
    if tables and "alembic_version" not in tables:
        raise _foreign(tables)


async def prepare(database: Database, file: Path, instance: str) -> int:
    """Make or upgrade the tables, and check whose store this is. Returns the number of parts."""
    async with database.write() as connection:
        found = await connection.run_sync(_revision)
        if found != HEAD:
            await _upgrade(connection, file, found)
        meta = {row.name: row.value for row in await connection.execute(select(META))}
        if not meta:
            meta = {"instance": instance, "parts": str(PARTS)}
            await connection.execute(
                insert(MetaRow), [{"name": name, "value": meta[name]} for name in meta]
            )
    if meta["instance"] != instance:
        raise ConfigError(
            f"The store {file} belongs to the instance `{meta['instance']}`, not `{instance}`.",
            mend="Set `instance` or `storage` so that they fit.",
        )
    return int(meta["parts"])


async def _upgrade(connection: AsyncConnection, file: Path, found: str | None) -> None:
    if found is not None and found > HEAD:
        raise ConfigError(
            f"The store {file} was made by a newer version of Headrace (schema {found}, this "
            f"version knows {HEAD}).",
            mend="Install that version or a newer one.",
        )
    await connection.run_sync(_run_alembic)


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return version
    if tables:
        raise _foreign(tables)
    return None


def _foreign(tables: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"The file holds tables that are not Headrace's ({', '.join(sorted(tables)[:3])}).",
        mend="Set `storage` to a file of its own.",
    )


def _run_alembic(connection: Connection) -> None:
    # Imported on use: a store that is up to date, the common start, does without.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "gateway.store:migrations")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    command.upgrade(config, "head")
