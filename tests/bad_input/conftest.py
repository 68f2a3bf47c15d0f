"""What every bad input must leave behind: numbers that add up, no traceback, no secret."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import events
from gateway.config.load import load
from gateway.pipeline import Running, running
from gateway.plugins import Plugins
from gateway.store.port import LetterFilter
from gateway.testing.memory import MemoryConnector
from gateway.types import DeadLetter
from tests.unit.cli.projects import make_project
from tests.unit.pipeline.conftest import Bench, until

SECRET = "hunter2-hunter2-hunter2"
"""What a test hides in an environment variable or a file, and nobody may ever see."""

EVENT = '''
from datetime import date, datetime
from decimal import Decimal

from contracts.base import Contract


class Event(Contract, name="event", version=1, kind="state"):
    """Something of every type."""

    id: str
    name: str | None = None
    day: date | None = None
    at: datetime | None = None
    amount: Decimal | None = None
    count: int | None = None
    share: float | None = None
'''

FIELDS = {
    "id": "id",
    "name": "name",
    "day": {"from": "day", "as": "date"},
    "at": {"from": "at", "as": "utc_datetime"},
    "amount": {"from": "amount", "as": "decimal"},
    "count": {"from": "count", "as": "integer"},
    "share": {"from": "share", "as": "number"},
}


@pytest.fixture(autouse=True)
def nothing_leaks(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Whatever a test did: nobody saw a traceback or a secret, nowhere."""
    with events.capture() as happened:
        yield
    out, err = capfd.readouterr()
    told = "\n".join([out, err, *(str(event.values()) for event in happened)])
    assert "Traceback" not in told
    assert SECRET not in told
    for record in caplog.records:
        if record.levelno >= logging.WARNING and record.name != "pytest":
            assert record.exc_info is None, record.getMessage()
            assert "never retrieved" not in record.getMessage()
        assert SECRET not in record.getMessage()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project for the command line: its own connector reads and appends JSON lines."""
    return make_project(tmp_path / "project")


class World(Bench):
    """A whole gateway in this process, whose rows may hold values of every type."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "contracts" / "event.py").write_text(EVENT)
        self.project["routes"]["score"]["from"] = "event.v1"
        self.mapping = {"contract": "event.v1", "key": "id", "fields": FIELDS}

    def good(self, *keys: str) -> None:
        self.crm.add("account", *({"id": key, "name": f"Good {key}"} for key in keys))

    @asynccontextmanager
    async def gateway(self, *others: type[Any]) -> AsyncIterator[Running]:
        """`others` are connectors that the project may name besides `memory`."""
        self.write()
        known = {each.name: each for each in (MemoryConnector, *others)}
        loaded = load(self.folder, plugins=Plugins([], known))
        async with running(loaded, version="test") as gateway:
            yield gateway


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@asynccontextmanager
async def settled(world: Bench) -> AsyncIterator[Running]:
    """The gateway, once it has nothing left to do. Its numbers add up then."""
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        await adds_up(gateway)
        yield gateway


async def adds_up(gateway: Running) -> dict[str, int]:
    """Every row read and every record routed is accounted for, once nothing is in flight. Returns
    the sums."""

    async def landed() -> bool:
        return all(
            each.lag == 0
            and each.tally.routed == each.tally.delivered + each.parked_records + each.tally.letters
            for each in await gateway.control.store.routes.list()
        )

    await until(landed)
    status = await gateway.control.status()
    sums = {"read": 0, "appended": 0, "letters": 0, "delivered": 0}
    for stream in status.streams:
        tally = stream.tally
        assert tally.read == (
            tally.appended + tally.letters + tally.filtered + tally.already_seen + tally.unchanged
        )
        sums["read"] += tally.read
        sums["appended"] += tally.appended
        sums["letters"] += tally.letters
    for route in status.routes:
        sums["delivered"] += route.tally.delivered
    return sums


async def letters(gateway: Running, **where: Any) -> list[DeadLetter]:
    """Open letters, oldest first, with all their bytes."""
    store = gateway.control.store
    ids = await store.letters.ids(LetterFilter(**where))
    return [(await store.letters.whole([each], 1 << 30))[0] for each in ids]


__all__ = ["SECRET", "World", "adds_up", "letters", "settled", "until"]
