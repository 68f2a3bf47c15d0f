"""The connector `sql` on SQLite: the overlap window, whole-table comparison, and its own traps."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql import SqlConnector
from connectors.sql.config import SqlConfig, SqlStream
from connectors.sql.database import Database, database_url
from connectors.sql.source import SqlSource
from gateway.errors import ConfigError, DriftError, Outage
from gateway.types import Operation
from tests.connectors.pulling import bodies, end, opened, read


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    connection.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, changed TIMESTAMP, doc JSON)"
    )
    yield connection
    connection.close()


CONFIG = {"url": "sqlite:///shop.db"}
BY_STAMP = {"items": {"cursor": "changed", "page_rows": 3}}
BY_ID = {"items": {"cursor": "id", "page_rows": 3}}
WHOLE: dict[str, Any] = {"items": {"page_rows": 3, "deletes": "sweep"}}


def add(shop: sqlite3.Connection, *names: str, at: str | None = "2026-01-31 08:15:30") -> None:
    shop.executemany("INSERT INTO items (name, changed) VALUES (?, ?)", [(n, at) for n in names])


def names(pages: Any) -> list[str]:
    return [body["name"] for body in bodies(pages)]


@pytest.mark.parametrize("settings", [BY_STAMP, BY_ID, WHOLE])
async def test_reads_once_resumes_anywhere_and_sees_changes(
    shop: sqlite3.Connection, tmp_path: Path, settings: Any
) -> None:
    add(shop, *"abcdefgh")
    async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
        pages = await read(source, "items")
        assert names(pages) == list("abcdefgh")
        assert all(page.fields == pages[0].fields for page in pages)
        assert await read(source, "items", end(pages)) == []
        for place, page in enumerate(pages):
            kept = msgspec.json.decode(msgspec.json.encode(page.cursor))
            assert names(await read(source, "items", kept)) == names(pages[place + 1 :])
        add(shop, "late", at="2026-01-31 08:15:00")
        late = await read(source, "items", end(pages))
        assert names(late) == ["late"]
        assert await read(source, "items", end(late)) == []


async def test_a_row_further_back_than_the_overlap_is_not_read(
    shop: sqlite3.Connection, tmp_path: Path
) -> None:
    add(shop, "old", at="2026-01-31 07:00:00")
    add(shop, *"abc")
    settings = {"items": {"cursor": "changed", "overlap_secs": 60}}
    async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
        pages = await read(source, "items")
        add(shop, "too late", at="2026-01-31 07:30:00")
        add(shop, "in time", at="2026-01-31 08:14:45")
        # `old` left the window; what lies between it and the window's first row is still looked at.
        assert set(names(await read(source, "items", end(pages)))) == {"too late", "in time"}
        assert len(end(pages)["window"]) == 3  # type: ignore[index]


async def test_rows_without_a_cursor_value(shop: sqlite3.Connection, tmp_path: Path) -> None:
    add(shop, *"abcde", at=None)
    add(shop, "f")
    async with opened(SqlConnector, CONFIG, BY_STAMP, tmp_path) as source:
        pages = await read(source, "items")
        assert sorted(names(pages)) == list("abcdef")
        assert await read(source, "items", end(pages)) == []
        shop.execute("UPDATE items SET name = 'B' WHERE name = 'b'")
        shop.execute("UPDATE items SET changed = '2026-02-01 00:00:00' WHERE name = 'c'")
        changed = await read(source, "items", end(pages))
        assert sorted(names(changed)) == ["B", "c"]
        assert await read(source, "items", end(changed)) == []


async def test_deletes(shop: sqlite3.Connection, tmp_path: Path) -> None:
    add(shop, *"abcde")
    swept = {"items": {**BY_STAMP["items"], "deletes": "sweep", "sweep_every_secs": 1e-6}}
    for settings in (WHOLE, swept):
        async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
            pages = await read(source, "items")
            shop.execute("DELETE FROM items WHERE name = (SELECT min(name) FROM items)")
            after = await read(source, "items", end(pages))
            rows = [row for page in after for row in page.rows]
            assert [row.operation for row in rows] == [Operation.DELETE]
            assert list(rows[0].body) == ["id"]
            assert await read(source, "items", end(after)) == []


async def test_the_time_between_two_sweeps(shop: sqlite3.Connection, tmp_path: Path) -> None:
    add(shop, "a", "b")
    now = [1_000.0]
    database = Database.open(SqlConfig(url="sqlite:///shop.db"), tmp_path)
    settings = SqlStream(cursor="id", deletes="sweep", sweep_every_secs=60)
    source = SqlSource(database, "shop", {"items": settings}, clock=lambda: now[0])
    pages = await read(source, "items")
    shop.execute("DELETE FROM items WHERE name = 'a'")
    now[0] += 59
    assert await read(source, "items", end(pages)) == []
    now[0] += 2
    after = await read(source, "items", end(pages))
    assert [dict(row.body) for row in after[0].rows] == [{"id": 1}]
    await database.close()


async def test_a_table_too_large_to_remember(shop: sqlite3.Connection, tmp_path: Path) -> None:
    add(shop, *"abcde")
    settings = {"items": {"max_known_rows": 4}}
    async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
        with pytest.raises(ConfigError, match="max_known_rows"):
            await read(source, "items")


async def test_odd_rows_of_a_column_without_a_type(
    shop: sqlite3.Connection, tmp_path: Path
) -> None:
    """SQLite lets every value into every column: nothing may stop the page."""
    for value in (1, 2.5, "x", b"\x00\xff", "2026-01-31 08:00:00", "not a date"):
        shop.execute("INSERT INTO items (name, changed) VALUES ('n', ?)", (value,))
    shop.execute("""UPDATE items SET doc = '{"a": 1.10}' WHERE id = 1""")
    shop.execute("UPDATE items SET doc = '{broken' WHERE id = 2")
    for settings in (BY_STAMP, BY_ID, WHOLE):
        async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
            pages = await read(source, "items")
            assert len(bodies(pages)) == 6
            assert await read(source, "items", end(pages)) == []
            by_id = {body["id"]: body for body in bodies(pages)}
            assert str(by_id[1]["doc"]["a"]) == "1.10"
            assert by_id[2]["doc"] == "{broken"
            assert by_id[4]["changed"] == b"\x00\xff"


async def test_drift(shop: sqlite3.Connection, tmp_path: Path) -> None:
    add(shop, *"abcde")
    async with opened(SqlConnector, CONFIG, BY_STAMP, tmp_path) as source:
        pages = await read(source, "items")
        shop.execute("ALTER TABLE items RENAME name TO title")
        noticed = await read(source, "items", end(pages))
        assert {tuple(page.fields or {}) for page in noticed} == {("id", "title", "changed", "doc")}
        assert bodies(noticed) == []
        shop.execute("ALTER TABLE items RENAME changed TO altered")
        with pytest.raises(DriftError, match="no column changed"):
            await read(source, "items", end(pages))


async def test_discover_and_check(shop: sqlite3.Connection, tmp_path: Path) -> None:
    shop.execute("CREATE VIEW v AS SELECT id, name FROM items")
    settings: Any = {**BY_STAMP, "v": {"key": "id"}, "none": {}}
    async with opened(SqlConnector, CONFIG, settings, tmp_path) as source:
        offered = {each.name: each for each in await source.discover()}
        assert {name: each.writable for name, each in offered.items()} == {
            "items": True,
            "v": False,
        }
        assert [each.name for each in offered["items"].fields if each.key] == ["id"]
        said = {each.subject: each for each in await source.check()}
    assert "no index begins with changed" in said["items"].detail
    assert said["v"].ok
    assert not said["none"].ok


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    async with opened(SqlConnector, {"url": "sqlite:///absent.db"}, {}, tmp_path) as source:
        with pytest.raises(Outage, match="not there"):
            await read(source, "items")
        assert [each.ok for each in await source.check()] == [False]
    assert not (tmp_path / "absent.db").exists()
    (tmp_path / "text.db").write_text("this is no database " * 100)
    async with opened(SqlConnector, {"url": "sqlite:///text.db"}, {}, tmp_path) as source:
        with pytest.raises(ConfigError, match="not an SQLite database"):
            await read(source, "items")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url at all", "not a database URL"),
        ("sqlite://", "in memory"),
        ("postgresql+psycopg2://h/d", "asyncpg"),
        ("oracle://h/d", "No async driver"),
        ("mysql+nosuchdriver://h/d", "pip install nosuchdriver"),
    ],
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Database.open(SqlConfig(url=url), tmp_path)


def test_the_password_is_put_in_by_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "p@ss/word")
    config = SqlConfig.model_validate(
        {"url": "postgresql://u@h/d", "password": "${env:SHOP_PASSWORD}"}
    )
    assert "p@ss" not in repr(config)
    url = database_url(config, tmp_path)
    assert url.password == "p@ss/word"
    assert url.drivername == "postgresql+asyncpg"
    assert "p@ss" not in Database.open(config, tmp_path).title


Change = tuple[str, int, int]


@given(
    steps=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["insert", "update"]), st.integers(0, 12), st.integers(0, 50)
            ),
            max_size=6,
        ),
        min_size=1,
        max_size=6,
    ),
    page_rows=st.integers(1, 5),
    seed=st.integers(0, 1_000),
)
async def test_every_version_is_read_once_however_reading_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[list[Change]],
    page_rows: int,
    seed: int,
) -> None:
    """Changes whose stamps lie anywhere within the overlap, and a reader that is dropped at any
    page and begins again at the last cursor it kept."""
    folder = tmp_path_factory.mktemp("cut")
    connection = sqlite3.connect(folder / "shop.db", isolation_level=None)
    connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, n INT, changed TEXT NOT NULL)")
    start = datetime(2026, 1, 31)  # noqa: DTZ001  SQLite's stamps have no zone
    written: list[tuple[int, int]] = []
    got: list[tuple[int, int]] = []
    cursor = None
    number = 0
    stop = random.Random(seed)
    settings = {"items": {"cursor": "changed", "page_rows": page_rows, "overlap_secs": 100}}
    async with opened(SqlConnector, CONFIG, settings, folder) as source:
        for changes in steps:
            for kind, place, back in changes:
                row = place
                number += 1
                stamp = (start + timedelta(seconds=number) - timedelta(seconds=back)).isoformat(" ")
                if kind == "insert":
                    connection.execute(
                        "INSERT INTO items (n, changed) VALUES (?, ?)", (number, stamp)
                    )
                    row = connection.execute("SELECT max(id) FROM items").fetchone()[0]
                else:
                    found = connection.execute(
                        "UPDATE items SET n = ?, changed = ? WHERE id = ?", (number, stamp, row)
                    )
                    if not found.rowcount:
                        continue
                written = [each for each in written if each[0] != row or each in got]
                written.append((row, number))
            done = False
            while not done:
                done = True
                async for page in source.pull("items", cursor):
                    if stop.random() < 0.3:
                        done = False
                        break
                    got += [(row.body["id"], row.body["n"]) for row in page.rows]
                    cursor = page.cursor
    connection.close()
    assert sorted(got) == sorted(written)
