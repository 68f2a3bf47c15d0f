"""The log, and the streams that are read into it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from gateway.errors import Fenced
from gateway.store.log import READ_BYTES, SCAN_OFFSETS
from gateway.store.port import LetterFilter, PageResult, StreamLease, Tally
from gateway.store.sql import SqlStore
from gateway.types import DeadLetter, Record
from tests.unit.nouns import CRM, NOON, raw_letter, record


def page(
    lease: StreamLease, *records: Record, letters: tuple[DeadLetter, ...] = (), number: int = 0
) -> PageResult:
    tally = Tally(read=len(records) + len(letters), appended=len(records), letters=len(letters))
    return PageResult(lease, number, {"at": number}, {"s": number}, records, letters, tally)


async def test_a_page_its_letters_and_its_cursor_are_kept_together(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    assert (lease.page, lease.cursor) == (0, None)
    await store.log.ingested(page(lease, record("a"), record("b", 0, 1), letters=(raw_letter(),)))
    again = await store.log.claim(CRM)
    assert (again.page, again.cursor, again.shape) == (1, {"at": 0}, {"s": 0})
    found = await store.log.read(0, 0, 10)
    assert [each.record for each in found.records] == [record("a"), record("b", 0, 1)]
    assert await store.letters.count(LetterFilter()) == 1
    (status,) = await store.streams.list()
    assert status.tally == Tally(read=3, appended=2, letters=1)


async def test_a_page_is_never_taken_twice(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    await store.log.ingested(page(lease, record("a")))
    with pytest.raises(Fenced):
        await store.log.ingested(page(lease, record("a")))
    assert await store.log.end() == 1


async def test_an_owner_that_was_overtaken_writes_nothing(store: SqlStore) -> None:
    old = await store.log.claim(CRM)
    new = await store.log.claim(CRM)
    assert not await store.log.current(old)
    with pytest.raises(Fenced):
        await store.log.ingested(page(old, record("a"), letters=(raw_letter(),)))
    assert await store.log.end() == 0
    assert await store.letters.count(LetterFilter()) == 0
    await store.log.ingested(page(new, record("a")))
    assert await store.log.end() == 1


async def test_moving_the_cursor_takes_the_lease_away(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    await store.log.ingested(page(lease, record("a")))
    await store.streams.move(CRM, {"at": 42})
    assert not await store.log.current(lease)
    again = await store.log.claim(CRM)
    # The page sequence goes on: what is read again gets positions of its own.
    assert (again.cursor, again.page) == ({"at": 42}, 1)


async def test_reading_by_contract_looks_at_a_bounded_stretch(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    many = [record("a", 0, number) for number in range(SCAN_OFFSETS + 5)]
    await store.log.ingested(page(lease, *many, record("z", contract="order.v1")))
    first = await store.log.read(0, 0, 10, ["order.v1"])
    assert (list(first.records), first.upto) == ([], SCAN_OFFSETS)
    second = await store.log.read(0, first.upto, 10, ["order.v1"])
    assert [each.record.key for each in second.records] == ["z"]
    assert second.upto == await store.log.end()
    third = await store.log.read(0, second.upto, 10, ["order.v1"])
    assert (list(third.records), third.upto) == ([], second.upto)


async def test_a_limit_stops_at_the_last_record_given(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    await store.log.ingested(page(lease, *[record("a", 0, number) for number in range(5)]))
    found = await store.log.read(0, 1, 2)
    assert [each.offset for each in found.records] == [2, 3]
    assert found.upto == 3


async def test_an_instant_is_found_on_the_log(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    records = [
        record("a", 0, number, recorded_at=NOON + timedelta(seconds=number)) for number in range(9)
    ]
    await store.log.ingested(page(lease, *records))
    assert await store.log.offset_at(NOON) == 0
    assert await store.log.offset_at(NOON + timedelta(seconds=4)) == 4
    assert await store.log.offset_at(NOON + timedelta(days=1)) == 9


async def test_hashes_are_remembered_by_key(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    with_hashes = msgspec.structs.replace(page(lease), hashes={"a": b"1", "b": b"2"})
    await store.log.ingested(with_hashes)
    await store.log.ingested(msgspec.structs.replace(page(lease, number=1), hashes={"a": b"3"}))
    assert await store.log.hashes(CRM, ["a", "b", "c"]) == {"a": b"3", "b": b"2"}
    await store.log.ingested(page(lease, record("a"), number=2))


async def test_an_append_wakes_who_waits(store: SqlStore) -> None:
    seen = store.wake.count
    lease = await store.log.claim(CRM)
    await store.log.ingested(page(lease, record("a")))
    assert await store.wake.wait(seen, 0)
    assert not await store.wake.wait(store.wake.count, 0.001)


async def test_a_read_is_bounded_by_bytes_but_gives_one_at_least(store: SqlStore) -> None:
    lease = await store.log.claim(CRM)
    half = '"' + "x" * (READ_BYTES // 2 + 1) + '"'
    sizes = [half, half, '"small"', '"' + "x" * (READ_BYTES + 1) + '"']
    await store.log.ingested(
        page(lease, *[record("a", 0, row, data=data) for row, data in enumerate(sizes)])
    )
    read: list[list[int]] = []
    upto = 0
    while upto < 4:
        found = await store.log.read(0, upto, 10)
        read.append([each.offset for each in found.records])
        upto = found.upto
    assert read == [[1], [2, 3], [4]]
