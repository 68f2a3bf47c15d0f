"""Values that a database holds and JSON, Python or the calendar does not."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.sql import SqlConnector
from gateway.types import RawSubject
from tests.bad_input.conftest import World, adds_up, letters
from tests.bad_input.documented import documented
from tests.connectors.postgresql_server import Shop, postgres_server, shop

__all__ = ["postgres_server", "shop"]

PLAIN = {
    "id": {"from": "id", "as": "text"}, "name": "name", "day": "day", "at": "at", "amount": "amount", "count": "count",
    "share": "share",
}  # fmt: skip


def of_sql(world: World, url: str, stream: str) -> None:
    world.project["sources"]["crm"] = {
        "type": "sql",
        "url": url,
        "streams": {stream: {"mapping": "account.yaml", "every_secs": 60, "cursor": "id"}},
    }
    world.mapping["fields"] = {name: column for name, column in PLAIN.items() if name != "at"}


SQLITE = [
    ("Infinity in a column", "share", float("inf")),
    ("Infinity in a column", "amount", float("-inf")),
    ("a date of the year 0 in a column", "day", "0000-01-01"),
    ("31 February in a column", "day", "2024-02-31"),
    ("text in a column of numbers", "count", "many"),
    ("bytes in a column of text", "name", b"\xff\xfe"),
    ("text in SQLite that is not UTF-8", "name", None),
]


@pytest.mark.parametrize(
    ("name", "column", "value"), SQLITE, ids=[f"{n}-{name}" for n, (name, *_) in enumerate(SQLITE)]
)
async def test_odd_values_of_sqlite_are_letters_that_keep_them(
    world: World, tmp_path: Path, name: str, column: str, value: Any
) -> None:
    database = sqlite3.connect(tmp_path / "crm.db", isolation_level=None)
    database.execute(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT, day DATE, amount NUMERIC,"
        " count INTEGER, share REAL)"
    )
    database.execute("INSERT INTO account (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    if value is None:
        database.execute("UPDATE account SET name = CAST(X'4DFC6C6C6572' AS TEXT) WHERE id = 2")
    else:
        database.execute(f"UPDATE account SET {column} = ? WHERE id = 2", (value,))
    database.close()
    of_sql(world, "sqlite:///crm.db", "account")
    async with world.gateway(SqlConnector) as gateway:
        assert await gateway.settled() == []
        sums = await adds_up(gateway)
        (letter,) = await letters(gateway)
    assert (sums["read"], sums["appended"], sums["letters"]) == (3, 2, 1)
    assert world.model.keys() == ["1", "3"]
    assert isinstance(letter.subject, RawSubject)
    assert letter.key == "2"
    kept = msgspec.json.decode(letter.subject.body)
    assert kept["id"] == 2
    assert column in kept
    documented(name, seen=letter.detail, ends=letter.code)


async def test_nul_in_text_of_sqlite_goes_through(world: World, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "crm.db", isolation_level=None)
    database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT)")
    database.execute("INSERT INTO account VALUES (1, ?)", ("a\0b",))
    database.close()
    of_sql(world, "sqlite:///crm.db", "account")
    world.mapping["fields"] = {"id": {"from": "id", "as": "text"}, "name": "name"}
    async with world.gateway(SqlConnector) as gateway:
        assert await gateway.settled() == []
        assert (await adds_up(gateway))["delivered"] == 1
    assert msgspec.json.decode(world.model.sent[0].record.data)["name"] == "a\0b"


async def test_a_database_that_is_garbage_is_waited_for_or_held_and_said(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "crm.db").write_bytes(b"no database at all" * 100)
    of_sql(world, "sqlite:///crm.db", "account")
    async with world.gateway(SqlConnector) as gateway:
        (unsettled,) = await gateway.settled()
    documented("a database file that is garbage", seen=str(unsettled.reason), ends=unsettled.state)


POSTGRESQL = [
    ("NaN in a column", "share", "'NaN'"),
    ("Infinity in a column", "share", "'Infinity'"),
    ("NaN in a column", "amount", "'NaN'"),
    ("a date of infinity", "day", "'infinity'"),
    ("a date before Christ", "day", "'0044-03-15 BC'"),
    ("a date beyond the year 9999", "day", "'10000-01-01'"),
    ("a number with too many digits", "amount", "1e500::numeric"),
]


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("name", "column", "value"),
    POSTGRESQL,
    ids=[f"{n}-{name}" for n, (name, *_) in enumerate(POSTGRESQL)],
)
async def test_odd_values_of_postgresql_are_letters_that_keep_them(
    world: World, shop: Shop, name: str, column: str, value: str
) -> None:
    await shop.run(
        "CREATE TABLE account (id int PRIMARY KEY, name text, day date, amount numeric,"
        " count int, share double precision)"
    )
    await shop.run("INSERT INTO account (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    await shop.run(f"UPDATE account SET {column} = {value} WHERE id = 2")
    of_sql(world, shop.url, "account")
    async with world.gateway(SqlConnector) as gateway:
        assert await gateway.settled() == []
        sums = await adds_up(gateway)
        (letter,) = await letters(gateway)
    assert (sums["read"], sums["appended"], sums["letters"]) == (3, 2, 1)
    assert sorted(world.model.keys()) == ["1", "3"]
    assert isinstance(letter.subject, RawSubject)
    assert column in msgspec.json.decode(letter.subject.body)
    documented(name, seen=letter.detail, ends=letter.code)


@pytest.mark.postgresql
async def test_nul_cannot_be_written_into_postgresql_and_costs_only_its_record(
    world: World, shop: Shop
) -> None:
    await shop.run("CREATE TABLE scores (id text PRIMARY KEY, name text)")
    world.good("a", "b")
    world.crm.add("account", {"id": "nul", "name": "a\0b"})
    world.good("c")
    world.project["sources"]["db"] = {"type": "sql", "url": shop.url, "streams": {}}
    world.project["routes"] = {
        "write": {
            "from": "event.v1",
            "to": {"sink": "db", "stream": "scores", "mapping": "scores.yaml"},
            "start": "earliest",
        }
    }
    world.mapping["fields"] = {"id": "id", "name": "name"}
    (world.folder / "scores.yaml").write_text("key: id\nfields: {id: id, name: name}\n")
    async with world.gateway(SqlConnector) as gateway:
        assert await gateway.settled() == []
        sums = await adds_up(gateway)
        (letter,) = await letters(gateway)
    assert (sums["appended"], sums["delivered"]) == (4, 3)
    assert letter.key == "nul"
    assert await shop.value("SELECT string_agg(id, '' ORDER BY id) FROM scores") == "abc"
    documented("NUL in text, written into PostgreSQL", seen=letter.detail, ends=letter.code)
