"""Bringing a store up to date, and refusing one that this version must not touch."""

from __future__ import annotations

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
        raise ConfigError(
            f"The file holds tables that are not Headrace's ({', '.join(sorted(tables)[:3])}).",
            mend="Set `storage` to a file of its own.",
        )
    return None


def _run_alembic(connection: Connection) -> None:
    # Imported on use: a store that is up to date, the common start, does without.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "gateway.store:migrations")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    command.upgrade(config, "head")
