from __future__ import annotations

import asyncio
import shutil

import httpx2
import pytest

from contracts import CustomerV1, TicketV1
from gateway.api.app import create_app
from gateway.metrics import Metrics
from tests.unit.api.world import World


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """The store's file with something of everything in it, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("filled")

    async def fill():
        world = await World.open(folder)
        await world.fill()
        await world.store.close()

    asyncio.run(fill())
    return folder / "headrace.db"


@pytest.fixture
async def world(filled, tmp_path):
    shutil.copy(filled, tmp_path)
    opened = await World.open(tmp_path)
    yield opened
    await opened.store.close()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def app(world, metrics):
    return create_app(
        world,
        version="1.2.3",
        metrics=metrics,
        contracts={"customer.v1": CustomerV1, "ticket.v1": TicketV1},
    )


@pytest.fixture
async def client(app):
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as opened:
        yield opened
