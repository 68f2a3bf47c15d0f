"""The PostgreSQL server that the demo and the tests start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.servers.process import ServerError, free_port
from tests.conftest import require
from tests.connectors.postgresql_server import debian_binaries

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    made = PostgresServer(tmp_path / "server", free_port(), binaries=debian_binaries())
    try:
        await made.start()
    except ServerError as error:
        require("postgresql", str(error))
    yield made
    await made.stop()


async def ask(server: PostgresServer, *statements: str) -> Any:
    connection = await asyncpg.connect(server.url())
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_survives_a_kill_and_is_never_root(server: PostgresServer) -> None:
    assert await ask(server, "SHOW wal_level") == "logical"
    assert await ask(server, "SHOW listen_addresses") == "127.0.0.1"
    status = Path(f"/proc/{server.pid}/status").read_text()
    uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert uid != "0"
    assert await ask(server, "CREATE TABLE t AS SELECT 1 AS n", "SELECT n FROM t") == 1
    pid = server.pid
    await server.kill()
    assert server.pid is None
    assert not Path(f"/proc/{pid}").exists()
    await server.start()
    assert await ask(server, "SELECT n FROM t") == 1
    await server.restart()
    assert await ask(server, "SELECT n FROM t") == 1


async def test_a_password_is_asked_for(server: PostgresServer) -> None:
    url = server.url().replace(server.password, "another")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)
    assert (server.folder / "password").stat().st_mode & 0o077 == 0


async def test_a_snapshot_comes_back(server: PostgresServer) -> None:
    await ask(server, "CREATE TABLE t AS SELECT 1 AS n", "SELECT 1")
    with pytest.raises(ServerError, match="Stop"):
        await server.snapshot("seeded")
    await server.stop(keep=True)
    await server.snapshot("seeded")
    await server.start()
    await ask(server, "UPDATE t SET n = 2", "SELECT 1")
    await server.stop()
    again = PostgresServer(server.folder, server.port, binaries=debian_binaries())
    assert not await again.restore("absent")
    assert await again.restore("seeded")
    await again.start()
    try:
        assert await ask(again, "SELECT n FROM t") == 1
    finally:
        await again.stop()


async def test_nothing_is_left_outside_the_folder(server: PostgresServer) -> None:
    note = server.folder / "place"
    place = Path(note.read_text()) if note.exists() else None
    await server.stop()
    assert not note.exists()
    assert place is None or not place.exists()
