"""The connector `sql` reading a real PostgreSQL: what commits late, ties, drift, odd values."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest

from connectors.sql import SqlConnector
from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.servers.process import free_port
from gateway.errors import AuthError, ConfigError, DriftError, Outage
from gateway.types import Cursor, Operation
from tests.connectors.postgresql_server import (
    Shop,
    debian_binaries,
    postgres_server,
    shop,
)
from tests.connectors.pulling import bodies, end, opened, read

pytestmark = pytest.mark.postgresql
__all__ = ["postgres_server", "shop"]

TICKETS = """CREATE TABLE tickets (
    id bigserial PRIMARY KEY,
    title text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON tickets (updated_at, id)"""
BY_STAMP = {"tickets": {"cursor": "updated_at", "page_rows": 3}}
BY_ID = {"tickets": {"cursor": "id", "page_rows": 3}}


def titles(pages) -> list[str]:
    return [body["title"] for body in bodies(pages)]


async def insert(connection, *names: str) -> None:
    run = connection.run if isinstance(connection, Shop) else connection.execute
    for name in names:
        await run("INSERT INTO tickets (title) VALUES ($1)", name)


async def test_reads_once_then_only_what_changed(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, *"abcdefgh")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        first = await read(source, "tickets")
        assert titles(first) == list("abcdefgh")
        assert [len(page.rows) for page in first] == [3, 3, 2]
        assert first[0].fields == {
            "id": "bigint", "title": "text", "updated_at": "timestamp with time zone",
        }  # fmt: skip
        assert await read(source, "tickets", end(first)) == []
        await shop.run("UPDATE tickets SET title = 'B', updated_at = now() WHERE title = 'b'")
        second = await read(source, "tickets", end(first))
        assert titles(second) == ["B"]
        row = second[0].rows[0]
        assert row.at == row.body["updated_at"]
        assert row.version == row.at.isoformat()
        assert row.at.tzinfo is not None
        assert await read(source, "tickets", end(second)) == []


@pytest.mark.parametrize("settings", [BY_STAMP, BY_ID, {"tickets": {"page_rows": 3}}])
async def test_resumes_from_every_cursor(shop: Shop, tmp_path: Path, settings) -> None:
    await shop.run(TICKETS)
    await insert(shop, *"abcdefgh")
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        pages = await read(source, "tickets")
        for place, page in enumerate(pages):
            kept = msgspec.json.decode(msgspec.json.encode(page.cursor))
            async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as fresh:
                rest = await read(fresh, "tickets", kept)
            assert titles(rest) == titles(pages[place + 1 :])


async def test_rows_that_share_a_stamp(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await shop.run("INSERT INTO tickets (title) SELECT 't' || n FROM generate_series(1, 10) n")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        pages = await read(source, "tickets")
        assert sorted(titles(pages)) == sorted(f"t{n}" for n in range(1, 11))
        await shop.run(
            "INSERT INTO tickets (title, updated_at) SELECT 'late', max(updated_at) FROM tickets"
        )
        assert titles(await read(source, "tickets", end(pages))) == ["late"]


@pytest.mark.parametrize("settings", [BY_STAMP, BY_ID, {"tickets": {"page_rows": 3}}])
async def test_what_commits_late_is_read_and_nothing_waits(
    shop: Shop, tmp_path: Path, settings
) -> None:
    await shop.run(TICKETS)
    await insert(shop, "before")
    slow, nested = await shop.connect(), await shop.connect()
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        first = await read(source, "tickets")
        await slow.execute("BEGIN")
        await insert(slow, "slow")
        # A subtransaction has an id of its own, which no snapshot lists.
        await nested.execute("BEGIN; SAVEPOINT s")
        await insert(nested, "nested")
        await insert(shop, "fast 1", "fast 2", "fast 3", "fast 4")
        second = await read(source, "tickets", end(first))
        assert titles(second) == ["fast 1", "fast 2", "fast 3", "fast 4"]
        third = await read(source, "tickets", end(second))
        assert titles(third) == []
        await slow.execute("COMMIT")
        fourth = await read(source, "tickets", end(third, end(second)))
        assert titles(fourth) == ["slow"]
        await insert(shop, "fast 5")
        fifth = await read(source, "tickets", end(fourth))
        assert titles(fifth) == ["fast 5"]
        await nested.execute("RELEASE s; COMMIT")
        sixth = await read(source, "tickets", end(fifth))
        assert titles(sixth) == ["nested"]
        assert await read(source, "tickets", end(sixth)) == []
    await slow.close()
    await nested.close()


async def test_a_transaction_that_began_before_the_first_read(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    slow = await shop.connect()
    await slow.execute("BEGIN")
    assert await slow.fetchval("SELECT now()")  # a transaction, and no id yet
    await asyncio.sleep(0.05)
    await insert(shop, "a", "b")
    settings = {"tickets": {"cursor": "updated_at", "overlap_secs": 0}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        first = await read(source, "tickets")
        await insert(shop, "c")
        second = await read(source, "tickets", end(first))
        await insert(slow, "slow")
        await slow.execute("COMMIT")
        third = await read(source, "tickets", end(second))
        assert titles(first + second + third) == ["a", "b", "c", "slow"]
    await slow.close()


async def test_a_bulk_load_that_commits_behind_the_position(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    loading = await shop.connect()
    await loading.execute("BEGIN")
    await loading.execute("INSERT INTO tickets (title) SELECT 'l' FROM generate_series(1, 50)")
    await insert(shop, "x", "y")
    for settings in (BY_STAMP, BY_ID):
        async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
            first = await read(source, "tickets")
            assert titles(first) == ["x", "y"]
            if settings is BY_STAMP:
                by_stamp = end(first)
    await loading.execute("COMMIT")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        assert titles(await read(source, "tickets", by_stamp)) == ["l"] * 50
    async with opened(SqlConnector, {"url": shop.url}, BY_ID, tmp_path) as source:
        assert titles(await read(source, "tickets", end(first))) == ["l"] * 50
    await loading.close()


async def test_a_prepared_transaction_is_not_forgotten(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    other = await shop.connect()
    settings = {"tickets": {"cursor": "updated_at", "overlap_secs": 0}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        await insert(shop, "a")
        first = await read(source, "tickets")
        await other.execute("BEGIN")
        await insert(other, "prepared")
        await other.execute("PREPARE TRANSACTION 'p'")
        await insert(shop, "b")
        second = await read(source, "tickets", end(first))
        await insert(shop, "c")
        third = await read(source, "tickets", end(second))
        await other.execute("COMMIT PREPARED 'p'")
        fourth = await read(source, "tickets", end(third))
        assert titles(first + second + third + fourth) == ["a", "b", "c", "prepared"]
    await other.close()


async def test_changes_during_a_long_first_read(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await shop.run(
        "INSERT INTO tickets (title, updated_at)"
        " SELECT 't' || n, now() - make_interval(secs => 5000 - n) FROM generate_series(1, 12) n"
    )
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        seen: list[str] = []
        cursor = None
        steps = iter(
            [
                "UPDATE tickets SET title = 'T1', updated_at = now() WHERE title = 't1'",
                "UPDATE tickets SET title = 'T11', updated_at = now() WHERE title = 't11'",
                "UPDATE tickets SET title = 'T12' WHERE title = 't12'",
            ]
        )
        async for page in source.pull("tickets", None):
            seen += [row.body["title"] for row in page.rows]
            cursor = page.cursor
            if (step := next(steps, None)) is not None:
                await shop.run(step)
        seen += titles(await read(source, "tickets", cursor))
        last = {f"t{n}" for n in range(2, 11)} | {"t1", "T1", "T11", "T12"}
        # t12's change does not move its stamp: it is read once, as it was when its turn came.
        assert set(seen) == last
        assert len(seen) == len(set(seen))


async def test_rows_without_a_cursor_value(shop: Shop, tmp_path: Path) -> None:
    await shop.run("CREATE TABLE parties (id int PRIMARY KEY, name text, changed timestamp)")
    await shop.run("INSERT INTO parties SELECT n, 'p' || n, NULL FROM generate_series(1, 5) n")
    settings = {"parties": {"cursor": "changed", "page_rows": 2}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        first = await read(source, "parties")
        assert [body["id"] for body in bodies(first)] == [1, 2, 3, 4, 5]
        await shop.run("UPDATE parties SET changed = now() WHERE id = 3")
        await shop.run("INSERT INTO parties VALUES (6, 'p6', NULL)")
        second = await read(source, "parties", end(first))
        assert sorted(body["id"] for body in bodies(second)) == [3, 6]
        assert bodies(second)[0]["changed"].tzinfo is None
        assert second[0].rows[0].at is None
        assert await read(source, "parties", end(second)) == []


async def test_stamps_on_another_clock(shop: Shop, tmp_path: Path) -> None:
    """Local time without a zone, hours behind the server's: the window follows the stamps."""
    await shop.run("CREATE TABLE parties (id int PRIMARY KEY, changed timestamp NOT NULL)")
    stamp = "(now() AT TIME ZONE 'UTC') - interval '7 hours'"
    settings = {"parties": {"cursor": "changed"}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        pages = await read(source, "parties")
        for number in range(3):
            await shop.run(f"INSERT INTO parties VALUES ({number}, {stamp})")
            pages += await read(source, "parties", end(pages))
        assert [body["id"] for body in bodies(pages)] == [0, 1, 2]


async def test_a_stamp_in_the_future_hides_nothing(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        await shop.run("INSERT INTO tickets (title, updated_at) VALUES ('future', 'infinity')")
        pages = await read(source, "tickets")
        for name in "abc":
            await insert(shop, name)
            pages += await read(source, "tickets", end(pages))
        assert titles(pages) == ["future", "a", "b", "c"]
        assert bodies(pages)[0]["updated_at"] == "infinity"


async def test_deletes_are_swept(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, *"abcde")
    settings = {"tickets": {**BY_STAMP["tickets"], "deletes": "sweep", "sweep_every_secs": 0.001}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        pages = await read(source, "tickets")
        await shop.run("DELETE FROM tickets WHERE title IN ('b', 'd')")
        await insert(shop, "f")
        await asyncio.sleep(0.01)
        after = await read(source, "tickets", end(pages))
        deletes = [row for page in after for row in page.rows if row.operation == Operation.DELETE]
        assert sorted(row.body["id"] for row in deletes) == [2, 4]
        assert [row.body["title"] for page in after for row in page.rows
                if row.operation == Operation.UPSERT] == ["f"]  # fmt: skip
        await asyncio.sleep(0.01)
        assert await read(source, "tickets", end(after)) == []


async def test_a_renamed_column_is_noticed_at_once(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, *"abcde")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        pages = await read(source, "tickets")
        await shop.run("ALTER TABLE tickets RENAME title TO subject")
        noticed = await read(source, "tickets", end(pages))
        assert [len(page.rows) for page in noticed] == [0]
        assert list(noticed[0].fields or {}) == ["id", "subject", "updated_at"]
        await shop.run("UPDATE tickets SET updated_at = now() WHERE id = 1")
        with_rows = await read(source, "tickets", end(pages))
        assert bodies(with_rows)[0]["subject"] == "a"
        assert "subject" in (with_rows[0].fields or {})


async def test_a_rename_between_two_pages(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, *"abcdefg")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        names: list[list[str]] = []
        async for page in source.pull("tickets", None):
            names.append([next(iter({*row.body} & {"title", "subject"})) for row in page.rows])
            if len(names) == 1:
                await shop.run("ALTER TABLE tickets RENAME title TO subject")
        assert names[0] == ["title"] * 3
        assert [name for page in names[1:] for name in page] == ["subject"] * 4


async def test_a_renamed_cursor_or_key_is_drift(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, "a")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        pages = await read(source, "tickets")
        await shop.run("ALTER TABLE tickets RENAME updated_at TO changed_at")
        with pytest.raises(DriftError, match=r"no column updated_at .* changed_at"):
            await read(source, "tickets", end(pages))
        await shop.run("ALTER TABLE tickets RENAME TO cases")
        with pytest.raises(DriftError, match="no table or view tickets"):
            await read(source, "tickets", end(pages))


async def test_values_come_with_their_types(shop: Shop, tmp_path: Path) -> None:
    await shop.run("CREATE TYPE mood AS ENUM ('ok', 'bad')")
    await shop.run("CREATE TYPE pair AS (a int, b text)")
    await shop.run(
        """CREATE TABLE odd (
            id numeric(30,0) PRIMARY KEY, amount numeric(12,2), nan numeric, inf numeric,
            f float8, stamp timestamptz, late timestamptz, early timestamp, old date, day date,
            big bigint, doc jsonb, text_doc json, tags text[], grid int[], span int4range,
            nothing int4range, b bytea, u uuid, m mood, clock time, noon time, gap interval,
            pair pair, ip inet, bits bit(4), stamps timestamptz[], yes bool, fixed char(5))"""
    )
    await shop.run(
        """INSERT INTO odd VALUES (
            123456789012345678901234567890, 1.50, 'NaN', 'Infinity', 'NaN',
            '2026-01-31 09:15:30.123456+01', 'infinity', '-infinity', '0044-03-15 BC', '2026-02-03',
            9223372036854775807, '{"price": 1.10, "n": 12345678901234567890123, "l": [null]}',
            '{"a": 0.1}', '{a,NULL,"b c"}', '{{1,2},{3,4}}', '[1,5)', 'empty', '\\x00ff',
            'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'bad', '24:00', '12:00:00.5', '1 mon 2 days',
            ROW(1, 'x'), '10.0.0.1/8', B'0101', '{"2026-01-31 00:00+00",infinity}', true, 'ab')"""
    )
    async with opened(SqlConnector, {"url": shop.url}, {"odd": {}}, tmp_path) as source:
        row = bodies(await read(source, "odd"))[0]
    assert row["id"] == Decimal(123456789012345678901234567890)
    assert str(row["amount"]) == "1.50"
    assert row["nan"].is_nan()
    assert row["inf"] == Decimal("Infinity")
    assert row["f"] != row["f"]
    assert row["stamp"] == datetime(2026, 1, 31, 8, 15, 30, 123456, tzinfo=UTC)
    assert (row["late"], row["early"], row["old"]) == ("infinity", "-infinity", "0044-03-15 BC")
    assert row["day"] == date(2026, 2, 3)
    assert row["big"] == 9223372036854775807
    assert row["doc"] == {"price": Decimal("1.10"), "n": 12345678901234567890123, "l": [None]}
    assert str(row["text_doc"]["a"]) == "0.1"
    assert row["tags"] == ["a", None, "b c"]
    assert row["grid"] == [[1, 2], [3, 4]]
    assert row["span"] == [1, 5, "[)"]
    assert row["nothing"] == []
    assert row["b"] == b"\x00\xff"
    assert row["u"] == UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    assert type(row["u"]) is UUID
    assert row["m"] == "bad"
    assert row["clock"] == "24:00:00"
    assert row["noon"].isoformat() == "12:00:00.500000"
    assert row["gap"] == "P1M2D"
    assert row["pair"] == {"a": 1, "b": "x"}
    assert row["ip"] == "10.0.0.1/8"
    assert row["bits"] == "0101"
    assert row["stamps"] == [datetime(2026, 1, 31, tzinfo=UTC), "infinity"]
    assert row["yes"] is True
    assert row["fixed"] == "ab   "


@pytest.mark.parametrize(
    "kind", ["numeric", "float8", "timestamptz", "timestamp", "date", "text", "uuid", "smallint"]
)
async def test_any_ordered_column_is_a_cursor(shop: Shop, tmp_path: Path, kind: str) -> None:
    values = {
        "numeric": "n * 1.5", "float8": "n / 3.0", "timestamptz": "now() - make_interval(days => n)",
        "timestamp": "now()::timestamp - make_interval(days => n)", "date": "current_date - n",
        "text": "'v' || n", "uuid": "md5(n::text)::uuid", "smallint": "n",
    }  # fmt: skip
    await shop.run(f'CREATE TABLE "odd: name" (id int, sub text, c {kind}, PRIMARY KEY (id, sub))')
    insert = f"INSERT INTO \"odd: name\" SELECT n, 's', {values[kind]} FROM generate_series"
    await shop.run(f"{insert}(1, 10) n")
    settings = {"odd: name": {"cursor": "c", "page_rows": 4}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        first = await read(source, "odd: name")
        assert sorted(body["id"] for body in bodies(first)) == list(range(1, 11))
        if kind in {"numeric", "float8", "smallint"}:
            await shop.run(f"{insert}(11, 12) n")
        else:
            top = f'(SELECT max(c::text) FROM "odd: name")::{kind}'
            await shop.run(f'UPDATE "odd: name" SET c = {top} WHERE id = 1')
        second = await read(source, "odd: name", end(first))
        assert len(bodies(second)) in {1, 2}


async def test_a_view_is_read_with_an_overlap(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await shop.run("CREATE VIEW open_tickets AS SELECT * FROM tickets")
    await insert(shop, *"abcdefg")
    slow = await shop.connect()
    settings = {"open_tickets": {"cursor": "updated_at", "key": "id", "page_rows": 3}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        first = await read(source, "open_tickets")
        assert titles(first) == list("abcdefg")
        assert await read(source, "open_tickets", end(first)) == []
        await slow.execute("BEGIN")
        await insert(slow, "slow")
        await insert(shop, "fast")
        second = await read(source, "open_tickets", end(first))
        assert titles(second) == ["fast"]
        await slow.execute("COMMIT")
        third = await read(source, "open_tickets", end(second))
        assert titles(third) == ["slow"]
        assert await read(source, "open_tickets", end(third)) == []
    await slow.close()


async def test_partitions_and_another_schema(shop: Shop, tmp_path: Path) -> None:
    await shop.run("CREATE SCHEMA sales")
    await shop.run(
        "CREATE TABLE sales.orders (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at))"
        " PARTITION BY RANGE (at)"
    )
    await shop.run(
        "CREATE TABLE sales.o1 PARTITION OF sales.orders FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
    )
    await shop.run("INSERT INTO sales.orders SELECT n, now() FROM generate_series(1, 5) n")
    settings = {"sales.orders": {"cursor": "at"}}
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        assert len(bodies(await read(source, "sales.orders"))) == 5
        offered = {each.name: each for each in await source.discover()}
        assert "sales.orders" in offered
        assert "sales.o1" not in offered
        assert [f.name for f in offered["sales.orders"].fields if f.key] == ["id", "at"]


async def test_a_column_list_and_a_user_with_few_rights(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, "a", "b")
    await shop.run("CREATE ROLE reader LOGIN PASSWORD 'only-in-this-test'")
    url = shop.url.replace("headrace:", "reader:", 1)
    url = url.replace(url.split(":")[2].split("@")[0], "only-in-this-test")
    settings = {"tickets": {"cursor": "id", "columns": ["id"]}}
    try:
        async with opened(SqlConnector, {"url": url}, settings, tmp_path) as source:
            with pytest.raises(ConfigError, match="GRANT SELECT"):
                await read(source, "tickets")
            await shop.run("GRANT SELECT (id) ON tickets TO reader")
            pages = await read(source, "tickets")
            assert bodies(pages) == [{"id": 1}, {"id": 2}]
            await shop.run("GRANT SELECT ON tickets TO reader")
            said = await source.check()
            assert all(each.ok for each in said)
            assert "pg_read_all_stats" not in said[1].detail or "GRANT" in said[1].detail
    finally:
        await shop.run("DROP OWNED BY reader; DROP ROLE reader")


async def test_check_says_what_is_wrong(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await shop.run("CREATE TABLE bare (a int, b timestamptz)")
    settings = {
        **BY_STAMP,
        "bare": {"cursor": "b"},
        "gone": {"cursor": "b"},
        "unindexed": {"table": "bare", "cursor": "b", "key": "a"},
    }
    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:
        said = {each.subject: each for each in await source.check()}
    assert "PostgreSQL" in next(iter(said.values())).detail
    assert said["tickets"].ok
    assert "Warning" not in said["tickets"].detail
    assert not said["bare"].ok
    assert "`key`" in said["bare"].detail
    assert not said["gone"].ok
    assert "no table or view gone" in said["gone"].detail
    assert not said["unindexed"].ok
    assert "may be null" in said["unindexed"].detail


async def test_errors_name_the_place_and_never_the_password(shop: Shop, tmp_path: Path) -> None:
    password = shop.url.split(":")[2].split("@")[0]
    cases = [
        (shop.url.replace(password, "wrong-password"), AuthError),
        (shop.url.rsplit("/", 1)[0] + "/absent", ConfigError),
        (shop.url.replace(shop.url.split(":")[-1].split("/")[0], "1"), Outage),
    ]
    for url, kind in cases:
        async with opened(SqlConnector, {"url": url}, BY_STAMP, tmp_path) as source:
            with pytest.raises(kind) as raised:
                await read(source, "tickets")
            assert password not in str(raised.value)
            assert "wrong-password" not in str(raised.value)
            said = await source.check()
            assert [each.ok for each in said] == [False]
            assert password not in said[0].detail
            assert "wrong-password" not in said[0].detail


async def test_the_server_restarts_between_two_pages(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "own", free_port(), binaries=debian_binaries())
    await server.start()
    try:
        connection = await asyncpg.connect(server.url())
        await connection.execute(TICKETS)
        await insert(connection, *"abcdefgh")
        await connection.close()
        async with opened(SqlConnector, {"url": server.url()}, BY_STAMP, tmp_path) as source:
            seen = []
            pages = source.pull("tickets", None)
            seen.append(await anext(pages))
            cursor = seen[0].cursor
            await server.kill()
            with pytest.raises(Outage):
                await anext(pages)
            with pytest.raises(Outage):
                await read(source, "tickets", cursor)
            await server.start()
            seen += await read(source, "tickets", cursor)
            assert titles(seen) == list("abcdefgh")
    finally:
        await server.stop()


async def test_another_cluster_is_read_again_not_skipped(shop: Shop, tmp_path: Path) -> None:
    await shop.run(TICKETS)
    await insert(shop, "a")
    async with opened(SqlConnector, {"url": shop.url}, BY_STAMP, tmp_path) as source:
        pages = await read(source, "tickets")
        elsewhere = {**pages[-1].cursor, "horizon": 2**40}
        await insert(shop, "b")
        assert "b" in titles(await read(source, "tickets", elsewhere))


@pytest.mark.parametrize("by", ["updated_at", "id", None])
@pytest.mark.parametrize("seed", range(6))
async def test_any_interleaving_of_transactions_is_read_exactly(  # noqa: C901
    shop: Shop, tmp_path: Path, seed: int, by: str | None
) -> None:
    """Four writers with open transactions, savepoints and rollbacks; a reader that is dropped at
    any page. No version is read twice, and the last one of every row is read."""
    chance = random.Random(seed)
    await shop.run(TICKETS)
    await shop.run("INSERT INTO tickets (title) SELECT 'first' FROM generate_series(1, 7)")
    writers = [await shop.connect() for _ in range(4)]
    open_: set[int] = set()
    got: list[tuple[int, str]] = []
    cursor: Cursor | None = None
    number = 0
    settings = {"tickets": {"cursor": by, "page_rows": 3, "overlap_secs": 0.5}}

    async def write(writer: int) -> None:
        nonlocal number
        number += 1
        if by == "id" or chance.random() < 0.5:
            await writers[writer].execute("INSERT INTO tickets (title) VALUES ($1)", f"n{number}")
            return
        # Each writer updates rows of its own, or they would wait for one another.
        await writers[writer].execute(
            "UPDATE tickets SET title = $1, updated_at = now() WHERE id % 4 = $2 AND id ="
            " (SELECT id FROM tickets WHERE id % 4 = $2 ORDER BY md5(id::text || $1) LIMIT 1)",
            f"n{number}", writer,
        )  # fmt: skip

    async with opened(SqlConnector, {"url": shop.url}, settings, tmp_path) as source:

        async def pull() -> None:
            nonlocal cursor
            async for page in source.pull("tickets", cursor):
                if chance.random() < 0.2:
                    return
                got.extend((row.body["id"], row.body["title"]) for row in page.rows)
                cursor = page.cursor
                if chance.random() < 0.3:
                    await write(chance.choice([w for w in range(4) if w not in open_] or [0]))

        for _ in range(60):
            writer = chance.randrange(4)
            match chance.choice(["begin", "write", "write", "savepoint", "end", "pull"]):
                case "begin" if writer not in open_:
                    await writers[writer].execute("BEGIN")
                    open_.add(writer)
                case "write":
                    await write(writer)
                case "savepoint" if writer in open_:
                    await writers[writer].execute("SAVEPOINT s")
                    await write(writer)
                    if chance.random() < 0.3:
                        await writers[writer].execute("ROLLBACK TO s")
                case "end" if writer in open_:
                    await writers[writer].execute(chance.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
                    open_.discard(writer)
                case "pull":
                    await pull()
        for writer in open_:
            await writers[writer].execute("COMMIT")
        for _ in range(40):
            before = len(got)
            await pull()
            if len(got) == before and chance.random() < 0.5:
                break
        async for page in source.pull("tickets", cursor):
            got.extend((row.body["id"], row.body["title"]) for row in page.rows)
            cursor = page.cursor
        assert await read(source, "tickets", cursor) == []
    for connection in writers:
        await connection.close()
    rows = {(row["id"], row["title"]) for row in await shop.connection.fetch("TABLE tickets")}
    assert rows <= set(got)
    assert len(got) == len(set(got))
