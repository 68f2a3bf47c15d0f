from __future__ import annotations

import asyncio
import json

import pytest

from gateway.api.records import follow
from tests.unit.api.world import TICKETS, record


async def test_pull_pages_through_the_log(client):
    seen, after = [], 0
    while True:
        said = (await client.get("/v1/records", params={"after": after, "limit": 10})).json()
        seen.extend(said["records"])
        after = said["next"]
        if after == said["end"]:
            break
    assert len(seen) == 25
    assert [one["offset"] for one in seen] == sorted({one["offset"] for one in seen})
    assert seen[0]["source"] == "erp/party.party"
    assert seen[0]["type"] == "customer.v1"
    assert seen[0]["subject"] == "0"
    assert seen[0]["data"]["name"] == "Aurora Mills"
    assert seen[0]["position"] == "erp/party.party/0/0"


async def test_pull_of_some_contracts_only(client):
    said = (await client.get("/v1/records", params={"contract": "ticket.v1"})).json()
    assert {one["type"] for one in said["records"]} == {"ticket.v1"}
    assert len(said["records"]) == 20
    both = {"contract": ["ticket.v1", "customer.v1"]}
    assert len((await client.get("/v1/records", params=both)).json()["records"]) == 25


async def test_pull_beyond_the_end_is_empty_and_stays_there(client):
    said = (await client.get("/v1/records", params={"after": 900})).json()
    assert said["records"] == []
    assert said["next"] >= 900


def parse(chunk: bytes) -> list[dict[str, str]]:
    found = []
    for block in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            found.append(fields)
    return found


async def test_follow_gives_what_is_there_then_what_comes(world):
    closing = asyncio.Event()
    stream = follow(world.store, 20, (), closing)
    await anext(stream)
    first = parse(await anext(stream))
    assert [one["id"] for one in first] == ["21", "22", "23", "24", "25"]
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    await world.ingest(TICKETS, [record(TICKETS, 1, 0, "new", subject="More")])
    fresh = parse(await asyncio.wait_for(waiting, 10))
    assert [one["id"] for one in fresh] == ["26"]
    assert json.loads(fresh[0]["data"])["data"]["subject"] == "More"
    closing.set()
    world.store.wake.tell()
    assert parse(await asyncio.wait_for(anext(stream), 10))[0]["event"] == "closing"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_follow_of_one_contract_moves_the_id_over_the_others(world):
    stream = follow(world.store, 0, ("nothing.v1",), asyncio.Event(), heartbeat_secs=0.0)
    await anext(stream)
    for _ in range(10):
        beat = await asyncio.wait_for(anext(stream), 10)
        if b"id: 25" in beat:
            break
    assert beat == b": heartbeat\nid: 25\n\n"


async def test_follow_reads_no_further_than_the_client_takes(world, monkeypatch):
    from gateway.api import records

    monkeypatch.setattr(records, "PAGE_RECORDS", 3)
    reads = []
    real = world.store.log.read

    async def counted(*args):
        reads.append(args)
        return await real(*args)

    monkeypatch.setattr(world.store.log, "read", counted)
    stream = follow(world.store, 0, (), asyncio.Event())
    await anext(stream)
    assert len(parse(await anext(stream))) == 3
    assert len(reads) == 1


async def test_a_record_cannot_forge_an_event(world):
    await world.ingest(
        TICKETS, [record(TICKETS, 1, 0, "x\n\nid: 999\ndata: forged", subject="\n\n")]
    )
    stream = follow(world.store, 25, (), asyncio.Event())
    await anext(stream)
    found = parse(await anext(stream))
    assert [one["id"] for one in found] == ["26"]


@pytest.mark.parametrize("bad", ["", "-1", "1e3", "٣", "9" * 30, "x"])
async def test_last_event_id_must_be_an_offset(client, bad):
    headers = {"Accept": "text/event-stream", "Last-Event-ID": bad.encode()}
    said = await client.get("/v1/records", headers=headers)
    assert said.status_code == 422
    assert said.json()["error"]["code"] == "offset_invalid"
