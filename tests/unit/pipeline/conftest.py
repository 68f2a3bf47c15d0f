"""A gateway in this process, between a system and a model in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from gateway.config.load import load
from gateway.pipeline import Running, running
from gateway.testing import Memory, memory, memory_plugins

WAIT_SECS = 20.0


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Wait until something holds; fails the test after a while."""
    async with asyncio.timeout(WAIT_SECS):
        while True:
            answer = holds()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.01)


class Bench:
    """A project in a folder: a source `crm` with one stream `account`, an endpoint `churn`, a
    route `score` between them, and a route `write` from its predictions back to `crm/score`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        place = uuid.uuid4().hex
        self.crm: Memory = memory(f"crm-{place}")
        self.model: Memory = memory(f"model-{place}")
        self.project: dict[str, Any] = {
            "sources": {
                "crm": {
                    "type": "memory",
                    "place": f"crm-{place}",
                    "streams": {"account": {"mapping": "account.yaml", "every_secs": 0.05}},
                }
            },
            "endpoints": {"churn": {"type": "memory", "place": f"model-{place}"}},
            "routes": {
                "score": {
                    "from": "person.v1",
                    "to": "churn",
                    "retry": {"first_wait_secs": 0.05, "max_attempts": 3},
                    "batch": {"max_records": 8, "max_wait_ms": 0},
                }
            },
        }
        self.mapping: dict[str, Any] = {
            "contract": "person.v1",
            "key": "id",
            "version": "version",
            "fields": {"id": "id", "name": "name", "age": "age"},
        }
        (folder / "contracts").mkdir()
        (folder / "contracts" / "person.py").write_text(
            "from contracts.base import Contract\n\n\n"
            'class Person(Contract, name="person", version=1, kind="state"):\n'
            '    """A person."""\n\n'
            "    id: str\n    name: str\n    age: int | None = None\n"
        )

    def write(self) -> None:
        yaml = YAML()
        yaml.dump(self.project, self.folder / "headrace.yaml")
        yaml.dump(self.mapping, self.folder / "account.yaml")

    def add(self, *keys: str, **more: Any) -> None:
        """Rows of persons, one a key."""
        for key in keys:
            row = {"id": key, "name": f"Person {key}", "age": 40, "version": "1", **more}
            self.crm.add("account", msgspec.json.encode(row))

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Running]:
        self.write()
        loaded = load(self.folder, plugins=memory_plugins())
        async with running(loaded, version="test") as gateway:
            yield gateway


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
