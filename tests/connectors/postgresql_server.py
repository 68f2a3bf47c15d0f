"""A PostgreSQL server for tests, shared by all of a session: Debian's binaries, else the wheel's."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.servers.process import ServerError, free_port
from tests.conftest import require

_numbers = itertools.count(1)


def debian_binaries() -> Path | None:
    """Debian's newest server, unless HEADRACE_POSTGRESQL says `wheel`."""
    if os.environ.get("HEADRACE_POSTGRESQL") == "wheel":
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    return found[-1].parent if found else None


def server_for_session(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(
        folder, free_port(), binaries=debian_binaries(), settings={"fsync": "off"}
    )
    try:
        # In this thread: the server ends with the thread that started it.
        asyncio.run(server.start())
    except ServerError as error:
        asyncio.run(server.stop())
        require("postgresql", str(error))
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@asynccontextmanager
async def fresh_database(server: PostgresServer) -> AsyncIterator[str]:
    """A new, empty database: its URL."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


class Shop:
    """A database to test with: `run` and `value` on a connection of its own, `connect` for more."""

    def __init__(self, url: str, connection: Any) -> None:
        self.url = url
        self.connection = connection
        self.run = connection.execute
        self.value = connection.fetchval

    async def connect(self) -> Any:
        return await asyncpg.connect(self.url)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    yield from server_for_session(tmp_path_factory.mktemp("postgresql"))


@pytest.fixture
async def shop(postgres_server: PostgresServer) -> AsyncIterator[Shop]:
    async with fresh_database(postgres_server) as url:
        connection = await asyncpg.connect(url)
        try:
            yield Shop(url, connection)
        finally:
            await connection.close()
