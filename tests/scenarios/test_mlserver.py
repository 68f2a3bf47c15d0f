"""A real model server goes away in the middle of the work: the route waits, and nobody pays for it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.demo import model
from gateway.demo.count import Entity, lost, out_of_order
from gateway.demo.running import RunningGateway, route
from gateway.demo.servers.mlserver import MLServer
from gateway.demo.servers.process import ServerError, free_port
from tests.conftest import require
from tests.scenarios.project import gateway_on, until

pytestmark = [pytest.mark.mlserver, pytest.mark.slow, pytest.mark.timeout(600)]

PAYMENTS = 400


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[MLServer]:
    if (lacking := MLServer.unsupported()) is not None:
        require("mlserver", lacking)
    home = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve()
    made = MLServer(tmp_path / "models", free_port(), venv=home / "mlserver" / "venv")
    try:
        trained = await model.trained(made, home / "model")
    except ServerError as error:
        require("mlserver", str(error))
    model.serve(made, trained, tmp_path / "recordings")
    await made.start()
    yield made
    made.kill()


class Ledger:
    """Payments in SQLite."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(
            "CREATE TABLE payments (id INTEGER PRIMARY KEY, customer_id TEXT, order_id TEXT, "
            "amount TEXT, currency TEXT, method TEXT, paid_at TEXT, items INTEGER, "
            "purchases_before INTEGER, days_since_previous INTEGER, spent_before TEXT, "
            "updated_at TEXT)"
        )
        self._moments = 0

    def insert(self, keys: range) -> None:
        self._database.executemany(
            "INSERT INTO payments VALUES (?, 'c', NULL, '12.50', 'USD', 'card', "
            "'2026-01-01T00:00:00Z', 1, 2, NULL, '30.00', ?)",
            [(key, self._moment()) for key in keys],
        )

    def change(self, keys: range) -> None:
        self._database.executemany(
            "UPDATE payments SET items = items + 1, updated_at = ? WHERE id = ?",
            [(self._moment(), key) for key in keys],
        )

    def versions(self) -> dict[Entity, object]:
        rows = self._database.execute("SELECT id, updated_at FROM payments")
        return {Entity("shop", "payments", str(key)): model.instant(at) for key, at in rows}

    def _moment(self) -> str:
        self._moments += 1
        return f"2026-01-01T00:{self._moments // 60_000:02}:{self._moments % 60_000 / 1000:06.3f}Z"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "shop.db")


@pytest_asyncio.fixture
async def gateway(
    ledger: Ledger, server: MLServer, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    columns = ("items", "purchases_before", "spent_before")
    made = gateway_on(
        tmp_path / "project",
        {
            "sources": {
                "shop": {
                    "type": "sql",
                    "url": f"sqlite:///{tmp_path / 'shop.db'}",
                    "streams": {
                        "payments": {
                            "mapping": "mappings/payment.yaml",
                            "cursor": "updated_at",
                            "every_secs": 0.1,
                        }
                    },
                }
            },
            "endpoints": {
                "churn": {
                    "type": "open_inference",
                    "url": server.model_url("churn-payment"),
                    "timeout_secs": 5,
                    "inputs": [
                        *({"name": each} for each in columns),
                        {"name": "amount", "from": "amount.amount"},
                        {"name": "days_since_previous", "default": -1},
                    ],
                    "outputs": {"score": {"from": "churn"}, "label": {"from": "advice"}},
                }
            },
            "routes": {
                "score": {
                    "from": "payment.history.v1",
                    "to": "churn",
                    "batch": {"max_records": 16},
                }
            },
        },
    )
    await made.start()
    yield made
    await made.close()


async def test_an_outage_of_the_model_server_costs_nothing_and_keeps_the_order(
    gateway: RunningGateway, ledger: Ledger, server: MLServer, tmp_path: Path
) -> None:
    async def status() -> dict[str, int]:
        return route(await gateway.status(), "score")

    ledger.insert(range(PAYMENTS))
    await until(status, lambda now: now["predictions"] == PAYMENTS)

    await server.stop()
    ledger.change(range(100))
    await until(status, lambda now: now["lag"] >= 100)
    ledger.change(range(50, 150))
    held = await until(status, lambda now: now["lag"] >= 200)
    endpoints = (await gateway.status())["endpoints"]
    assert [each["state"] for each in endpoints] == ["held"]
    await asyncio.sleep(2)
    assert (await status())["delivered"] == held["delivered"] == PAYMENTS

    await server.start()
    after = await until(status, lambda now: now["predictions"] >= PAYMENTS + 200 and not now["lag"])
    assert (after["predictions"], after["letters"], after["parked"]) == (PAYMENTS + 200, 0, 0)
    got = model.received(tmp_path / "recordings", "churn-payment")
    assert lost(ledger.versions(), got) == []  # type: ignore[arg-type]
    assert out_of_order(got) == []
    predictions = await gateway.records(contract="prediction.churn.v1")
    assert {each["data"]["subject"]["key"] for each in predictions} == {
        str(key) for key in range(PAYMENTS)
    }
    assert all(0 <= each["data"]["score"] <= 1 for each in predictions)
    assert all("buy again" in each["data"]["label"] for each in predictions)
