"""The log's append: pages of 1,000 customers, each committed to the disk with its cursor.

The peer is what the file itself can take: sqlite3's executemany with the same settings and the
same rows, made beforehand. What ours does on top is encoding each record, the guarded cursor in
the same transaction, and the hop to the writer's thread.
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.customers import STREAM, records
from benchmarks.measure import Contender, Result, Work, compare
from gateway.store.port import PageResult, Tally
from gateway.store.sql import SqlStore

ROWS = 100_000
PAGE = 1_000


async def run() -> list[Result]:
    every = records(ROWS)
    pages = [every[start : start + PAGE] for start in range(0, ROWS, PAGE)]

    async def store() -> Work:
        folder = tempfile.TemporaryDirectory()
        opened = await SqlStore.open(
            Path(folder.name, "log.db"), instance="bench", clock=lambda: datetime.now(UTC)
        )

        async def append() -> int:
            lease = await opened.log.claim(STREAM)
            for number, page in enumerate(pages):
                await opened.log.ingested(
                    PageResult(
                        lease=lease,
                        page=number,
                        cursor={"page": number},
                        shape={},
                        records=page,
                        letters=(),
                        tally=Tally(read=PAGE, appended=PAGE),
                    )
                )
            await opened.close()
            folder.cleanup()
            return ROWS

        return append

    rows = [
        [(0, each.contract, each.message_key, msgspec.json.encode(each)) for each in page]
        for page in pages
    ]

    async def bare() -> Work:
        folder = tempfile.TemporaryDirectory()
        file = sqlite3.connect(Path(folder.name, "log.db"), isolation_level=None)
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        file.execute(
            'CREATE TABLE log ("offset" INTEGER PRIMARY KEY AUTOINCREMENT, part INTEGER NOT NULL,'
            " contract TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL)"
        )

        async def append() -> int:
            for page in rows:
                file.execute("BEGIN IMMEDIATE")
                file.executemany(
                    "INSERT INTO log (part, contract, key, body) VALUES (?, ?, ?, ?)", page
                )
                file.execute("COMMIT")
            file.close()
            folder.cleanup()
            return ROWS

        return append

    size = sum(len(row[3]) for page in rows for row in page) // ROWS
    compared = await compare(
        "append",
        "rows",
        f"{ROWS:,} customer records of {size} bytes, {PAGE:,} a commit, synchronous=FULL",
        [Contender("headrace's store", store), Contender("bare sqlite3 executemany", bare)],
    )
    return [compared]
