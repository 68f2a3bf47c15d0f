"""A real Tryton: parties become customers, a model's answers become notes that its users read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.demo.count import Entity, lost, out_of_order
from gateway.demo.erp import Erp
from gateway.demo.running import RunningGateway, route
from gateway.demo.servers.tryton import ADMIN, GATEWAY, TrytonServer
from tests.connectors.tryton.conftest import server, tryton_cache
from tests.scenarios.project import gateway_on, until
from tests.scenarios.recording import Recorder, recorder

__all__ = ["server", "tryton_cache"]
pytestmark = [pytest.mark.tryton, pytest.mark.slow, pytest.mark.timeout(600)]

NOTE_MAPPING = """\
key: resource
fields:
  resource: {from: record.key, as: integer}
  message: label
"""


def judged(record: dict[str, Any]) -> dict[str, Any]:
    name = record["data"]["name"]
    return {"score": len(name) / 100, "label": f"{len(name)}: {name}"}


@pytest_asyncio.fixture
async def erp(server: TrytonServer) -> AsyncIterator[Erp]:
    made = Erp(server.url, ADMIN, server.password(ADMIN))
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def witness() -> AsyncIterator[Recorder]:
    async with recorder(answer=judged) as made:
        yield made


@pytest_asyncio.fixture
async def gateway(
    server: TrytonServer, witness: Recorder, tmp_path: Path
) -> AsyncIterator[RunningGateway]:
    made = gateway_on(
        tmp_path / "project",
        {
            "sources": {
                "erp": {
                    "type": "tryton",
                    "url": server.url,
                    "database": "demo",
                    "auth": {"username": GATEWAY, "password": "${file:secrets/erp}"},
                    "writes": {
                        "note": {
                            "model": "ir.note",
                            "references": {"resource": "party.party"},
                            "prefix": {"message": "Length "},
                            "on_change": "replace",
                        }
                    },
                    "streams": {
                        "party.party": {
                            "mapping": "mappings/customer.yaml",
                            "every_secs": 0.2,
                            "context": {"active_test": False},
                            "fields": [
                                "name", "code", "active", "addresses", "addresses.country.code",
                                "lang.code",
                            ],
                        }
                    },
                }
            },
            "endpoints": {"desk": {"type": "http", "url": witness.url, "results": "required"}},
            "routes": {
                "judge": {"from": "customer.v1", "to": "desk"},
                "note": {
                    "from": "prediction.desk.v1",
                    "to": {"sink": "erp", "stream": "note", "mapping": "mappings/note.yaml"},
                    "start": "earliest",
                },
            },
        },
        {"erp": server.password(GATEWAY)},
    )  # fmt: skip
    (made.folder / "mappings" / "note.yaml").write_text(NOTE_MAPPING)
    await made.start()
    yield made
    await made.close()


async def notes(erp: Erp) -> dict[str, list[str]]:
    """Party → the texts of our notes about it."""
    found: dict[str, list[str]] = {}
    rows = await erp.read("ir.note", ["resource", "message"], [["message", "like", "Length %"]])
    for each in rows:
        found.setdefault(each["resource"].removeprefix("party.party,"), []).append(each["message"])
    return found


async def test_answers_become_notes_and_nothing_goes_round(
    gateway: RunningGateway, erp: Erp, witness: Recorder
) -> None:
    parties = await erp.versions("party.party")

    async def noted() -> dict[str, int]:
        return route(await gateway.status(), "note")

    done = await until(noted, lambda now: now["delivered"] >= len(parties) and not now["lag"])
    assert done["letters"] == 0
    names = {str(row["id"]): row["name"] for row in await erp.read("party.party", ["name"])}
    assert await notes(erp) == {key: [f"Length {len(n)}: {n}"] for key, n in names.items()}

    key = min(names, key=int)
    await erp.call("party.party.write", [int(key)], {"name": "Łódź & Söhne <GmbH>"})
    await until(
        lambda: notes(erp),
        lambda found: found[key] == ["Length 19: Łódź & Söhne <GmbH>"],
    )
    await until(noted, lambda now: not now["lag"])
    # A note is no change of its party: each version was judged once, and once only.
    assert len(witness.received) == len(parties) + 1
    truth = {
        Entity("erp", "party.party", party): at
        for party, at in (await erp.versions("party.party")).items()
    }
    assert lost(truth, witness.received) == []
    assert out_of_order(witness.received) == []
