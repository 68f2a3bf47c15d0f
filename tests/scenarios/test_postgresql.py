"""A shop on a real PostgreSQL: broken rows are mended and replayed, a renamed column is taken in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from gateway.demo.count import Entity, appended_twice, lost, out_of_order
from gateway.demo.running import RunningGateway, stream
from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.shop import DATABASE, GATEWAY, Purchase, Shop
from tests.connectors.postgresql_server import postgres_server
from tests.scenarios.project import gateway_on, until
from tests.scenarios.recording import Recorder, recorder
from tests.scenarios.test_kill import appended

__all__ = ["postgres_server"]
pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

ROWS = 300
INSERT = (
    "INSERT INTO payments (id, customer_id, amount, currency, method, paid_at, {items}, "
    "purchases_before, days_since_previous, spent_before) "
    "VALUES ($1, 'cd-1', 12.5, $2, 'card', now(), 1, 0, NULL, 0)"
)


@pytest_asyncio.fixture
async def shop(postgres_server: PostgresServer) -> AsyncIterator[Shop]:
    admin = await asyncpg.connect(postgres_server.url())
    await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await admin.execute(f"DROP ROLE IF EXISTS {GATEWAY}")
    await admin.close()
    made = Shop(postgres_server.url("").rstrip("/"))
    await made.create("a password with 'quotes'")
    bought = [
        Purchase(1 + n % 7, date(1998, 6, 1), 1 + n % 3, 10.0 + n, n % 5, -1.0, 0.0)
        for n in range(ROWS)
    ]
    await made.seed(bought, {})
    yield made
    await made.close()


@pytest_asyncio.fixture
async def witness() -> AsyncIterator[Recorder]:
    async with recorder() as made:
        yield made


@pytest_asyncio.fixture
async def gateway(
    shop: Shop, witness: Recorder, postgres_server: PostgresServer, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    made = gateway_on(
        tmp_path / "project",
        {
            "sources": {
                "shop": {
                    "type": "sql",
                    "url": f"postgresql://{GATEWAY}@127.0.0.1:{postgres_server.port}/{DATABASE}",
                    "password": "${file:secrets/shop}",
                    "streams": {
                        "payments": {
                            "mapping": "mappings/payment.yaml",
                            "cursor": "updated_at",
                            "every_secs": 0.1,
                        }
                    },
                }
            },
            "endpoints": {"desk": {"type": "http", "url": witness.url, "results": "required"}},
            "routes": {"to-desk": {"from": "payment.history.v1", "to": "desk"}},
        },
        {"shop": "a password with 'quotes'"},
    )
    await made.start()
    yield made
    await made.close()


async def everything_arrives(gateway: RunningGateway, shop: Shop, witness: Recorder) -> None:
    async def missing() -> object:
        truth = {
            Entity("shop", "payments", key): at
            for key, at in (await shop.versions("payments")).items()
        }
        return lost(truth, witness.received)

    await until(missing, lambda left: not left)
    assert out_of_order(witness.received) == []


async def test_broken_rows_are_understood_mended_and_replayed(
    gateway: RunningGateway, shop: Shop, witness: Recorder
) -> None:
    await everything_arrives(gateway, shop, witness)
    for key, currency in ((1001, "USD"), (1002, "US$"), (1003, "USD"), (1004, "US$")):
        await shop.run(INSERT.format(items="items"), key, currency)
    letters = await until(gateway.letters, lambda found: len(found) == 2)
    for each in letters:
        assert "currency" in each["detail"]
        assert "'US$'" in each["detail"]
        assert "ISO 4217" in each["detail"]
    detail = await gateway.get(f"/v1/deadletters/{letters[0]['id']}")
    assert '"US$"' in detail["raw"]["text"]

    # One is corrected at the source: its letter is then overtaken.
    await shop.run("UPDATE payments SET currency = 'USD' WHERE id = 1002")
    await until(
        lambda: gateway.records(contract="payment.history.v1"),
        lambda records: any(each["subject"] == "1002" for each in records),
    )
    mapping = gateway.folder / "mappings" / "payment.yaml"
    mapping.write_text(
        mapping.read_text().replace(
            "currency: currency\n",
            "currency: {from: currency, as: lookup, with: {table: {USD: USD, US$: USD}}}\n",
        )
    )
    applied = await gateway.command("apply")
    assert applied["changes"]
    forecast = await gateway.command("dlq", "replay", "--source", "shop", "--dry-run")
    assert (forecast["resolved"], forecast["superseded"], forecast["failed"]) == (1, 1, 0)
    assert len(await gateway.letters()) == 2
    report = await gateway.command("dlq", "replay", "--source", "shop")
    assert (report["resolved"], report["superseded"], report["failed"]) == (1, 1, 0)
    assert await gateway.letters() == []
    await everything_arrives(gateway, shop, witness)
    records = await gateway.records(contract="payment.history.v1")
    assert appended_twice([appended(each) for each in records]) == []


async def test_a_renamed_column_holds_the_stream_until_it_is_accepted(
    gateway: RunningGateway, shop: Shop, witness: Recorder
) -> None:
    await everything_arrives(gateway, shop, witness)
    await shop.run("ALTER TABLE payments RENAME COLUMN items TO quantity")
    for key in range(2001, 2011):
        await shop.run(INSERT.format(items="quantity"), key, "USD")
    listed = await until(lambda: gateway.command("drift", "list"), lambda found: found["drifts"])
    held = stream(await gateway.status(), "shop/payments")
    assert held["state"] == "held"
    assert "quantity" in held["reason"]
    assert await gateway.letters() == []
    drift = listed["drifts"][0]
    assert drift["proposal"] == {"fields.items": "quantity"}
    await gateway.command("drift", "accept", drift["id"])
    await everything_arrives(gateway, shop, witness)
    assert "items: quantity" in (gateway.folder / "mappings" / "payment.yaml").read_text()
    records = await gateway.records(contract="payment.history.v1")
    assert appended_twice([appended(each) for each in records]) == []


async def test_the_gateways_role_may_not_write_what_it_should_not(shop: Shop) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.run(f"SET ROLE {GATEWAY}; UPDATE payments SET amount = 0")
