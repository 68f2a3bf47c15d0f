"""A real Tryton for the tests of its connector.

The environment and a seeded database are kept below `.cache/tryton` in the checkout, so only the
first run installs anything. Each module of tests has a server of its own on a copy of that
database; a test that stops or breaks a server asks for `lone_server`.
"""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from connectors.tryton import Tryton, TrytonConfig, TrytonConnector, TrytonStream
from gateway.demo.erp import Erp
from gateway.demo.servers.process import ServerError, free_port
from gateway.demo.servers.tryton import ADMIN, DATABASE, GATEWAY, SeedSizes, TrytonServer
from gateway.http import HttpSession
from gateway.ports import Runtime
from gateway.types import Page
from tests.conftest import require

CACHE = Path(__file__).resolve().parents[3] / ".cache" / "tryton"
SIZES = SeedSizes(parties=60, sales=40, opportunities=40)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.tryton)


@pytest.fixture(scope="session")
def tryton_cache() -> Path:
    """The folder with the installed environment and a snapshot of a seeded database."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = TrytonServer(CACHE / "making", free_port(), venv=CACHE / "venv")
        try:
            asyncio.run(server.prepare(SIZES, CACHE / "seeded-small"))
        except ServerError as error:
            require("tryton", str(error))
    return CACHE


def _started(cache: Path, folder: Path) -> TrytonServer:
    server = TrytonServer(folder, free_port(), venv=cache / "venv")
    server.restore(cache / "seeded-small")
    asyncio.run(server.start())
    return server


@pytest.fixture(scope="module")
def server(tryton_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    server = _started(tryton_cache, tmp_path_factory.mktemp("tryton"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def older_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """Tryton 7.0 with parties only, and nobody in them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    server = TrytonServer(
        tmp_path_factory.mktemp("tryton-7.0"),
        free_port(),
        venv=CACHE / "venv-7.0",
        requirements=Path(__file__).with_name("requirements-7.0.txt"),
        modules=("ir", "res", "party"),
    )
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            asyncio.run(server.install())
            if (CACHE / "empty-7.0").exists():
                server.restore(CACHE / "empty-7.0")
            else:
                asyncio.run(server.create())
                server.snapshot(CACHE / "empty-7.0")
        except ServerError as error:
            require("tryton", str(error))
    asyncio.run(server.start())
    yield server
    server.kill()


@pytest.fixture
def lone_server(tryton_cache: Path, tmp_path: Path) -> Iterator[TrytonServer]:
    server = _started(tryton_cache, tmp_path / "tryton")
    yield server
    server.kill()


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.secs = 1_000.0

    def __call__(self) -> float:
        return self.secs


class Opened:
    """Opens connectors to a server, with the clock that they share."""

    def __init__(self, stack: AsyncExitStack, http: HttpSession, folder: Path) -> None:
        self._stack = stack
        self._http = http
        self._folder = folder
        self.clock = Clock()

    async def __call__(
        self,
        server: TrytonServer,
        streams: dict[str, dict[str, Any]] | None = None,
        *,
        user: str = GATEWAY,
        **settings: Any,
    ) -> Tryton:
        config = TrytonConfig.model_validate(
            {
                "url": server.url,
                "database": DATABASE,
                "auth": {
                    "username": user,
                    "password": f"${{file:{server.folder / f'{user}.password'}}}",
                },
                **settings,
            }
        )
        parsed = {name: TrytonStream.model_validate(each) for name, each in (streams or {}).items()}
        runtime = Runtime(name="erp", http=self._http, folder=self._folder, state=self._folder)
        return await self._stack.enter_async_context(
            TrytonConnector.open(config, parsed, runtime, clock=self.clock)
        )


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpSession.open())
        yield Opened(stack, http, tmp_path)


@asynccontextmanager
async def administrator(server: TrytonServer) -> AsyncIterator[Erp]:
    erp = Erp(server.url, ADMIN, server.password(ADMIN))
    await erp.open()
    try:
        yield erp
    finally:
        await erp.close()


@pytest.fixture
async def erp(server: TrytonServer) -> AsyncIterator[Erp]:
    """The ERP as its administrator works in it, on a client that is not ours."""
    async with administrator(server) as erp:
        yield erp


class Replica:
    """What a gateway would know: the last state of each row, and every version ever handed over."""

    def __init__(self, tryton: Tryton, stream: str) -> None:
        self.tryton = tryton
        self.stream = stream
        self.rows: dict[int, dict[str, Any]] = {}
        self.handed: list[tuple[int, str | None]] = []
        self.cursors: list[Any] = [None]
        self.already_seen = 0

    async def pull(self) -> list[Page]:
        """Read until caught up, and say what came."""
        pages = []
        async for page in self.tryton.pull(self.stream, self.cursors[-1]):
            self.take(page)
            pages.append(page)
        return pages

    def take(self, page: Page) -> None:
        self.cursors.append(page.cursor)
        self.already_seen += page.already_seen
        for row in page.rows:
            assert isinstance(row.body, dict)
            if row.operation == "delete":
                assert row.key == str(row.body["id"])
                del self.rows[row.body["id"]]
            else:
                self.rows[row.body["id"]] = row.body
                self.handed.append((row.body["id"], row.version))

    def repeated(self) -> list[tuple[int, str | None]]:
        return [each for each in set(self.handed) if self.handed.count(each) > 1]


def rows_of(pages: list[Page]) -> list[dict[str, Any]]:
    return [dict(row.body) for page in pages for row in page.rows]  # type: ignore[arg-type]


def execute(server: TrytonServer, statement: str, *values: Any) -> int:
    """SQL behind Tryton's back; returns the rows changed."""
    with closing(sqlite3.connect(server.database_file, timeout=20)) as database, database:
        return database.execute(statement, values).rowcount
