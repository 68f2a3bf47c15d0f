"""A store in a file of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.sql import SqlStore
from tests.unit.nouns import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "headrace.db"


@pytest.fixture
async def store(file: Path, clock: Clock) -> AsyncIterator[SqlStore]:
    opened = await SqlStore.open(file, instance="default", clock=clock)
    yield opened
    await opened.close()
