"""Opening a store, and files that must not be touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from gateway.errors import ConfigError, StoreError
from gateway.store import migrate, migrations
from gateway.store.port import PageResult, Tally
from gateway.store.sql import SqlStore
from tests.unit.nouns import CRM, Clock, record


async def test_a_store_is_made_once_and_opened_again(file: Path, clock: Clock) -> None:
    for _ in range(2):
        store = await SqlStore.open(file, instance="default", clock=clock)
        assert await store.log.end() == 0
        await store.close()


async def test_the_store_of_another_instance_is_refused(
    file: Path, store: SqlStore, clock: Clock
) -> None:
    with pytest.raises(ConfigError, match=r"`default`, not `prod`"):
        await SqlStore.open(file, instance="prod", clock=clock)


async def test_a_newer_store_is_refused(file: Path, store: SqlStore, clock: Clock) -> None:
    await store.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="newer version"):
        await SqlStore.open(file, instance="default", clock=clock)


async def test_somebody_elses_database_is_refused(file: Path, clock: Clock) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(ConfigError, match="invoices"):
        await SqlStore.open(file, instance="default", clock=clock)


async def test_a_file_that_is_no_database_is_refused(file: Path, clock: Clock) -> None:
    file.write_text("a letter to my aunt, long enough to be taken for a header" * 20)
    with pytest.raises(ConfigError, match="not a SQLite database"):
        await SqlStore.open(file, instance="default", clock=clock)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        await SqlStore.open(tmp_path / "file" / "x.db", instance="default", clock=clock)


async def test_commits_reach_the_disk(store: SqlStore) -> None:
    async with store._database.write() as connection:
        (mode,) = (await connection.exec_driver_sql("PRAGMA journal_mode")).one()
        (sync,) = (await connection.exec_driver_sql("PRAGMA synchronous")).one()
    assert (mode, sync) == ("wal", 2)


async def test_a_full_disk_keeps_nothing_of_the_step_and_says_so(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    async with store._database.write() as connection:
        (pages,) = (await connection.exec_driver_sql("PRAGMA page_count")).one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    big = record("a", data='"' + "x" * 100_000 + '"')
    result = PageResult(lease, 0, {"at": 1}, {}, [big], (), Tally(read=1, appended=1))
    with pytest.raises(StoreError, match="disk of the store is full") as caught:
        await store.log.ingested(result)
    assert caught.value.code == "store_full"
    assert await store.log.end() == 0
    async with store._database.write() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    await store.log.ingested(result)
    assert await store.log.end() == 1


def test_the_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.begin() as connection:
        migrate._run_alembic(connection)
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, SQLModel.metadata) == []
        assert context.get_current_revision() == migrate.HEAD


def test_the_newest_migration_is_the_one_that_is_expected() -> None:
    (folder,) = migrations.__path__
    assert ScriptDirectory(folder).get_current_head() == migrate.HEAD
