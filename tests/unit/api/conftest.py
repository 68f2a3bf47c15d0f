from __future__ import annotations

import httpx2
import pytest

from gateway.api.app import create_app
from gateway.metrics import Metrics
from tests.unit.api.world import World


@pytest.fixture
async def world(tmp_path):
    opened = await World.open(tmp_path)
    await opened.fill()
    yield opened
    await opened.store.close()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def app(world, metrics):
    from contracts import CustomerV1, TicketV1

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
