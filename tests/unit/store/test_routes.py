"""Where the routes stand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.errors import Fenced
from gateway.store.port import (
    LetterFilter,
    PageResult,
    ParkedDelivery,
    RouteStep,
    RouteTally,
    Tally,
)
from gateway.store.sql import SqlStore
from gateway.types import Position
from tests.unit.nouns import CRM, NOON, delivery, record, sent_letter


async def test_a_new_route_begins_where_it_is_told(store: SqlStore) -> None:
    assert (await store.routes.claim("score", 0, 7)).offset == 7
    assert (await store.routes.claim("score", 0, 99)).offset == 7


async def test_a_step_is_kept_whole(store: SqlStore) -> None:
    lease = await store.routes.claim("score", 0, 0)
    parked = ParkedDelivery(delivery("b", 2), NOON + timedelta(seconds=5))
    prediction = record("a", position=Position("@score", 1, 0), contract="prediction.churn.v1")
    await store.routes.advanced(
        RouteStep(
            lease,
            3,
            [(5, 6)],
            predictions=[prediction],
            parked=[parked],
            letters=[sent_letter("L1", delivery("c", 3))],
            tally=RouteTally(routed=3, delivered=1, letters=1, predictions=1),
        )
    )
    again = await store.routes.claim("score", 0, 0)
    assert (again.offset, list(again.finished)) == (3, [(5, 6)])
    assert list(again.parked) == [parked]
    assert again.watched == {delivery("c").record.message_key: None}
    assert [each.record for each in (await store.log.read(0, 0, 9)).records] == [prediction]
    (status,) = await store.routes.list()
    assert (status.lag, status.parked_keys, status.parked_records) == (-2, 1, 1)
    assert status.tally == RouteTally(routed=3, delivered=1, letters=1, predictions=1)


async def test_an_owner_that_was_overtaken_writes_nothing(store: SqlStore) -> None:
    old = await store.routes.claim("score", 0, 0)
    await store.routes.claim("score", 0, 0)
    with pytest.raises(Fenced):
        await store.routes.advanced(
            RouteStep(old, 5, (), predictions=[record("a")], letters=[sent_letter()])
        )
    assert await store.log.end() == 0
    assert await store.letters.count(LetterFilter()) == 0
    assert (await store.routes.claim("score", 0, 0)).offset == 0


async def test_parked_ones_come_back_in_the_order_of_the_log(store: SqlStore) -> None:
    lease = await store.routes.claim("score", 0, 0)
    parked = [ParkedDelivery(delivery("a", offset), NOON) for offset in (9, 2, 5)]
    await store.routes.advanced(RouteStep(lease, 9, (), parked=parked))
    found = await store.routes.parked("score", 0)
    assert [each.delivery.offset for each in found] == [2, 5, 9]
    ids = [each.delivery.id for each in found]
    await store.routes.advanced(RouteStep(lease, 9, (), unparked=ids[:2]))
    assert [each.delivery.offset for each in await store.routes.parked("score", 0)] == [9]


async def test_the_oldest_undelivered_record_has_an_age(store: SqlStore) -> None:
    stream = await store.log.claim(CRM)
    await store.log.ingested(PageResult(stream, 0, {}, {}, [record("a"), record("b")], (), Tally()))
    await store.routes.claim("score", 0, 0)
    (status,) = await store.routes.list()
    assert (status.lag, status.oldest_undelivered_at) == (2, NOON)
