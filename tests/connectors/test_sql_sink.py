"""The connector `sql` as a sink: the same promises on PostgreSQL, on SQLite, and in plain SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event

from connectors.sql import SqlConnector, write
from connectors.sql.config import SqlConfig, SqlStream
from connectors.sql.database import Database
from connectors.sql.sink import SqlSink
from gateway.demo.servers.postgresql import PostgresServer
from gateway.errors import ConfigError, DriftError, Outage
from gateway.types import Delivered, Later, Operation, Refused, Write
from tests.connectors.postgresql_server import fresh_database, postgres_server
from tests.connectors.pulling import opened

__all__ = ["postgres_server"]


class Place:
    """A database with the test's tables, whichever it is."""

    def __init__(self, url: str, run: Any, rows: Any) -> None:
        self.url, self.run, self.rows = url, run, rows


TABLES = (
    "CREATE TABLE parents (id int PRIMARY KEY)",
    """CREATE TABLE scores (
        customer text NOT NULL PRIMARY KEY, score numeric(6,3) CHECK (score < 2), reason text,
        rank int, parent int REFERENCES parents (id), name text NOT NULL DEFAULT 'x',
        UNIQUE (rank))""",
    "CREATE TABLE bare (id int, a text)",
)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql), "plain"]
)
def kind(request: pytest.FixtureRequest) -> tuple[str, PostgresServer | None]:
    """Not async, so that the server is started outside of a test's loop."""
    needs = request.param == "postgresql"
    return request.param, request.getfixturevalue("postgres_server") if needs else None


@pytest.fixture
async def place(
    kind: tuple[str, PostgresServer | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    name, server = kind
    if server is not None:
        async with fresh_database(server) as url:
            connection = await asyncpg.connect(url)
            for each in TABLES:
                await connection.execute(each)

            async def rows(statement: str) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in await connection.fetch(statement)]

            yield Place(url, connection.execute, rows)
            await connection.close()
        return
    if name == "plain":
        # What a database gets that we know no statement of our own for.
        async def row_by_row(connection: Any, batch: write.Batch, rows: Any) -> list[write.Effect]:
            return [await write.one_row(connection, batch, row) for row in rows]

        monkeypatch.setattr(write, "_sqlite", row_by_row)
    file = tmp_path / "scores.db"
    kept = sqlite3.connect(file, isolation_level=None)
    for each in TABLES:
        kept.execute(each)

    async def run(statement: str) -> None:
        kept.execute(statement)

    async def all_rows(statement: str) -> list[tuple[Any, ...]]:
        return kept.execute(statement).fetchall()

    yield Place(f"sqlite:///{file}", run, all_rows)
    kept.close()


def write_of(customer: str, **fields: Any) -> Write:
    return Write(delivery_id=f"d-{customer}", key={"customer": customer}, fields=fields)


def receipts(outcomes: Any) -> list[str | None]:
    assert all(isinstance(each, Delivered) for each in outcomes), outcomes
    return [each.receipt for each in outcomes]


async def push(place: Place, writes: list[Write], tmp_path: Path, **settings: Any) -> Any:
    streams = {"scores": settings, "bare": settings}
    async with opened(SqlConnector, {"url": place.url}, streams, tmp_path) as sink:
        return await sink.push("scores", writes)


async def test_inserts_updates_and_leaves_alone(place: Place, tmp_path: Path) -> None:
    first = [write_of(name, score=Decimal("0.5"), reason=None) for name in "abc"]
    assert receipts(await push(place, first, tmp_path)) == ["written"] * 3
    assert receipts(await push(place, first, tmp_path)) == ["unchanged"] * 3
    second = [
        write_of("b", score=Decimal("0.500"), reason=None),
        write_of("c", score=Decimal("0.25"), reason="late"),
        write_of("d", score=None, reason=None),
    ]
    assert receipts(await push(place, second, tmp_path)) == ["unchanged", "written", "written"]
    found = await place.rows("SELECT customer, score, reason FROM scores ORDER BY customer")
    assert [(c, None if s is None else float(s), r) for c, s, r in found] == [
        ("a", 0.5, None), ("b", 0.5, None), ("c", 0.25, "late"), ("d", None, None),
    ]  # fmt: skip


async def test_a_change_of_case_is_a_change(place: Place, tmp_path: Path) -> None:
    await place.run("DROP TABLE scores")
    collation = "" if place.url.startswith("postgresql") else "COLLATE NOCASE"
    await place.run(
        f"CREATE TABLE scores (customer text PRIMARY KEY, reason text {collation}, rank real)"
    )
    assert receipts(await push(place, [write_of("a", reason="x", rank=1)], tmp_path)) == ["written"]
    for reason, rank, receipt in [("X", 1, "written"), ("X", Decimal("1.0"), "unchanged")]:
        again = [write_of("a", reason=reason, rank=rank)]
        assert receipts(await push(place, again, tmp_path)) == [receipt]


async def test_deletes(place: Place, tmp_path: Path) -> None:
    await push(place, [write_of(name, rank=None) for name in "ab"], tmp_path)
    gone = [
        Write(delivery_id="x", key={"customer": name}, fields={}, operation=Operation.DELETE)
        for name in "az"
    ]
    assert receipts(await push(place, gone, tmp_path)) == ["deleted", "unchanged"]
    assert await place.rows("SELECT customer FROM scores") == [("b",)]


async def test_one_bad_row_costs_only_itself(place: Place, tmp_path: Path) -> None:
    writes = [
        write_of("a", score=Decimal("0.1")),
        write_of("b", score=Decimal(5)),
        write_of("c", score=Decimal("0.3")),
        write_of("d", rank=1),
        write_of("e", rank=1),
        write_of("f", nonsense=1),
        write_of("g", name=None),
        write_of("h", score=Decimal("0.8")),
    ]
    outcomes = await push(place, writes, tmp_path)
    good = [0, 2, 3, 7]
    assert receipts([outcomes[n] for n in good]) == ["written"] * 4
    check, unique, unknown, null = (outcomes[n] for n in (1, 4, 5, 6))
    assert isinstance(check, Refused)
    assert check.code in {"sql_23514", "sql_check"}
    assert isinstance(unique, Refused)
    assert "rank" in unique.detail
    assert isinstance(unknown, Refused)
    assert unknown.code == "sql_unknown_column"
    assert "nonsense" in unknown.detail
    assert isinstance(null, Refused)
    assert "name" in null.detail
    found = await place.rows("SELECT customer FROM scores ORDER BY customer")
    assert [row[0] for row in found] == ["a", "c", "d", "h"]


async def test_two_writes_of_one_key_end_with_the_later(place: Place, tmp_path: Path) -> None:
    writes = [write_of("a", rank=1), write_of("b", rank=9), write_of("a", rank=2)]
    assert receipts(await push(place, writes, tmp_path)) == ["written"] * 3
    assert await place.rows("SELECT rank FROM scores WHERE customer = 'a'") == [(2,)]


async def test_update_inserts_nothing(place: Place, tmp_path: Path) -> None:
    await place.run("INSERT INTO scores (customer, name) VALUES ('a', 'A')")
    writes = [write_of("a", reason="known"), write_of("z", reason="unknown")]
    known, unknown = await push(place, writes, tmp_path, write="update")
    assert known == Delivered(receipt="written")
    assert isinstance(unknown, Refused)
    assert "customer = z" in unknown.detail
    again = await push(place, writes[:1], tmp_path, write="update")
    assert receipts(again) == ["unchanged"]
    assert await place.rows("SELECT customer, name, reason FROM scores") == [("a", "A", "known")]


async def test_a_partial_upsert_says_that_update_would_do(place: Place, tmp_path: Path) -> None:
    await place.run("DROP TABLE scores")
    await place.run(
        "CREATE TABLE scores (customer text PRIMARY KEY, name text NOT NULL, reason text)"
    )
    (outcome,) = await push(place, [write_of("a", reason="r")], tmp_path)
    assert isinstance(outcome, Refused)
    assert "write: update" in outcome.detail


async def test_an_older_version_never_wins(place: Place, tmp_path: Path) -> None:
    for rank, reason, receipt in [
        (2, "second", "written"),
        (1, "first", "unchanged"),
        (3, "third", "written"),
        (3, "other", "unchanged"),
    ]:
        (outcome,) = await push(
            place, [write_of("a", rank=rank, reason=reason)], tmp_path, version="rank"
        )
        assert outcome == Delivered(receipt=receipt)
    assert await place.rows("SELECT reason FROM scores") == [("third",)]


async def test_a_missing_table_and_a_missing_file(place: Place, tmp_path: Path) -> None:
    async with opened(SqlConnector, {"url": place.url}, {}, tmp_path) as sink:
        assert await sink.push("scores", []) == []
        with pytest.raises(DriftError, match="no table or view absent"):
            await sink.push("absent", [write_of("a", rank=1)])
    absent = {"url": "sqlite:///nowhere/absent.db"}
    async with opened(SqlConnector, absent, {}, tmp_path) as sink:
        with pytest.raises(Outage):
            await sink.push("scores", [write_of("a", rank=1)])


@pytest.mark.parametrize(
    "kind",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
    indirect=True,
)
async def test_a_key_without_a_unique_index(place: Place, tmp_path: Path) -> None:
    async with opened(SqlConnector, {"url": place.url}, {}, tmp_path) as sink:
        with pytest.raises(ConfigError, match="unique index"):
            await sink.push("bare", [Write(delivery_id="d", key={"id": 1}, fields={"a": "x"})])


@pytest.mark.postgresql
async def test_postgresql_types_and_a_parent_not_yet_there(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    async with fresh_database(postgres_server) as url:
        connection = await asyncpg.connect(url)
        await connection.execute(
            """CREATE TABLE parents (id int PRIMARY KEY);
            CREATE TABLE odd (id uuid PRIMARY KEY, amount numeric(10,2), stamp timestamptz,
              naive timestamp, day date, doc jsonb, plain json, tags text[], b bytea, yes bool,
              big bigint, gap interval, parent int REFERENCES parents (id));
            CREATE TABLE log (n int);
            CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
              'BEGIN INSERT INTO log VALUES (1); RETURN NEW; END';
            CREATE TRIGGER t BEFORE UPDATE ON odd FOR EACH ROW EXECUTE FUNCTION logged()"""
        )
        fields = {
            "amount": "12.5", "stamp": "2026-01-31T10:00:00+02:00",
            "naive": datetime(2026, 1, 31, 8, tzinfo=UTC), "day": "2026-02-03",
            "doc": {"price": Decimal("1.10"), "l": [1, None]}, "plain": [True], "b": b"\x00\xff",
            "tags": ["a", None, 'q"\\'], "yes": True, "big": 2**62, "gap": "P1DT2H",
        }  # fmt: skip
        key = {"id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}
        one = Write(delivery_id="d", key=key, fields=fields)
        async with opened(SqlConnector, {"url": url}, {}, tmp_path) as sink:
            assert receipts(await sink.push("odd", [one])) == ["written"]
            assert receipts(await sink.push("odd", [one])) == ["unchanged"]
            assert await connection.fetchval("SELECT count(*) FROM log") == 0
            row = await connection.fetchrow("SELECT *, doc::text AS d FROM odd")
            assert row["id"] == UUID(key["id"])
            assert str(row["amount"]) == "12.50"
            assert row["stamp"] == datetime(2026, 1, 31, 8, tzinfo=UTC)
            assert row["naive"] == datetime(2026, 1, 31, 8)  # noqa: DTZ001  the column has no zone
            assert '"price": 1.10' in row["d"]
            assert row["tags"] == ["a", None, 'q"\\']
            assert row["b"] == b"\x00\xff"
            orphan = Write(delivery_id="o", key=key, fields={"parent": 7})
            bad = Write(delivery_id="b", key={"id": "no uuid"}, fields={"parent": None})
            later, refused = await sink.push("odd", [orphan, bad])
            assert isinstance(later, Later)
            assert later.costs_attempt
            assert isinstance(refused, Refused)
            assert refused.code == "sql_22p02"
            await connection.execute("INSERT INTO parents VALUES (7)")
            assert receipts(await sink.push("odd", [orphan])) == ["written"]
        await connection.close()


@pytest.mark.postgresql
async def test_a_batch_is_one_statement(postgres_server: PostgresServer, tmp_path: Path) -> None:
    async with fresh_database(postgres_server) as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE scores (customer text PRIMARY KEY, score int)")
        database = Database.open(SqlConfig(url=url), tmp_path)
        said: list[str] = []
        event.listen(
            database.engine.sync_engine,
            "before_cursor_execute",
            lambda *told: said.append(told[2]),
        )
        sink = SqlSink(database, {"scores": SqlStream()})
        writes = [write_of(f"c{n}", score=n) for n in range(5_000)]
        assert receipts(await sink.push("scores", writes)) == ["written"] * 5_000
        assert sum("INSERT" in statement for statement in said) == 1
        assert await connection.fetchval("SELECT sum(score) FROM scores") == sum(range(5_000))
        await database.close()
        await connection.close()
