"""The gateway is killed with -9 at twenty random moments; afterwards the count is all zeros.

A database whose rows keep changing, a gateway as a child process, an endpoint that writes down
what it gets. Nothing here asks the gateway how it did, but for the log that anyone can pull.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.count import (
    Appended,
    Entity,
    appended_twice,
    deliveries_repeated,
    instant,
    lost,
    out_of_order,
)
from gateway.demo.running import RunningGateway, stream
from gateway.demo.servers.process import free_port
from tests.scenarios.recording import Recorder, recorder

KILLS = 20
KEYS = 400
CHANGED = 250
"""Rows that change between two kills."""

PROJECT = """\
sources:
  shop:
    type: sql
    url: "sqlite:///{database}"
    streams:
      tickets:
        mapping: mappings/ticket.yaml
        cursor: updated_at
        page_rows: 20
        every_secs: 0.05
endpoints:
  desk:
    type: http
    url: "{url}"
    results: required
    timeout_secs: 5
routes:
  to-desk:
    from: ticket.v1
    to: desk
    batch: {{max_records: 10, max_wait_ms: 5}}
    retry: {{first_wait_secs: 0.1, max_wait_secs: 1}}
api: {{port: {port}}}
"""
MAPPING = """\
stream: tickets
contract: ticket.v1
key: id
version: {from: updated_at, as: utc_datetime}
at: {from: updated_at, as: utc_datetime}
fields:
  id: id
  subject: subject
  status: {value: open}
  updated_at: {from: updated_at, as: utc_datetime}
"""


class Desk:
    """The database: a clock of its own, so that every change has another stamp."""

    def __init__(self, path: Path, dice: random.Random) -> None:
        self._dice = dice
        self._clock = datetime.now(UTC) - timedelta(hours=1)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, updated_at DATETIME)"
        )
        self._database.execute("CREATE INDEX at ON tickets (updated_at, id)")

    def change(self, rows: int) -> None:
        """Change or add rows, some in each transaction."""
        keys = [self._dice.randrange(KEYS) for _ in range(rows)]
        while keys:
            some = [keys.pop() for _ in range(min(len(keys), self._dice.randrange(1, 40)))]
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT INTO tickets VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET subject = excluded.subject, updated_at = excluded.updated_at",
                [(key, f"change {self._stamp()}", self._stamp(tick=True)) for key in some],
            )
            self._database.execute("COMMIT")

    def versions(self) -> dict[Entity, datetime]:
        return {
            Entity("shop", "tickets", str(key)): instant(at)
            for key, at in self._database.execute("SELECT id, updated_at FROM tickets")
        }

    def close(self) -> None:
        self._database.close()

    def _stamp(self, *, tick: bool = False) -> str:
        if tick:
            self._clock += timedelta(microseconds=self._dice.randrange(1, 5_000))
        return self._clock.replace(tzinfo=None).isoformat(" ", "microseconds")


def project(folder: Path, database: Path, url: str) -> RunningGateway:
    port = free_port()
    (folder / "mappings").mkdir(parents=True)
    (folder / "headrace.yaml").write_text(PROJECT.format(database=database, url=url, port=port))
    (folder / "mappings" / "ticket.yaml").write_text(MAPPING)
    return RunningGateway(folder, port)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_twenty_kills_lose_nothing_repeat_nothing_and_keep_the_order(tmp_path: Path) -> None:
    dice = random.Random(20)
    desk = Desk(tmp_path / "desk.db", dice)
    in_the_middle = 0
    async with recorder(pause_secs=0.01) as witness:
        gateway = project(tmp_path / "project", tmp_path / "desk.db", witness.url)
        try:
            for _ in range(KILLS):
                desk.change(CHANGED)
                starting = asyncio.create_task(gateway.start())
                if dice.random() < 0.8:
                    await starting
                    await asyncio.sleep(dice.uniform(0.0, 0.5))
                    desk.change(CHANGED // 5)
                    await asyncio.sleep(dice.uniform(0.0, 0.2))
                else:
                    await asyncio.sleep(dice.uniform(0.3, 1.5))
                gateway.kill()
                await asyncio.gather(starting, return_exceptions=True)
                in_the_middle += bool(lost(desk.versions(), witness.received))
            await gateway.start()
            status = await settled(gateway, desk, witness)
            records = await gateway.records(contract="ticket.v1")
        finally:
            await gateway.close()
            truth = desk.versions()
            desk.close()
    assert lost(truth, witness.received) == []
    assert out_of_order(witness.received) == []
    assert appended_twice([appended(each) for each in records]) == []
    assert status["letters"].get("open", 0) == 0
    tally = stream(status, "shop/tickets")["tally"]
    assert tally["read"] == tally["appended"] + tally["already_seen"]
    assert tally["appended"] == len(records)
    # The twenty kills were worth something only if they met work in progress.
    assert in_the_middle >= KILLS // 3
    # At least once is what is promised; twice for each would be a gateway that forgets.
    assert deliveries_repeated(witness.received) < len(witness.received) / 3


async def settled(gateway: RunningGateway, desk: Desk, witness: Recorder) -> dict[str, Any]:
    """Wait until the route has nothing left, and the last version of each row was sent."""
    async with asyncio.timeout(120):
        while True:
            status = dict(await gateway.status())
            lag = sum(each["lag"] + each["parked_records"] for each in status["routes"])
            state = stream(status, "shop/tickets")["state"]
            if state == "caught_up" and not lag and not lost(desk.versions(), witness.received):
                return status
            await asyncio.sleep(0.2)


def appended(record: dict[str, Any]) -> Appended:
    source, _, name = record["source"].partition("/")
    return Appended(
        record["id"], Entity(source, name, record["subject"]), record["version"], "only one"
    )
