"""The dead letters, and what replay does to them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from gateway.store.port import (
    HEAD_BYTES,
    ClosedLetter,
    LetterFilter,
    Mend,
    PageResult,
    ParkedDelivery,
    RouteStep,
    Tally,
)
from gateway.store.sql import SqlStore
from gateway.types import Attempt, DeadLetter, LetterState, Position, Record
from tests.unit.nouns import CRM, NOON, delivery, raw_letter, record, sent_letter


async def ingest(
    store: SqlStore, records: Sequence[Record] = (), letters: Sequence[DeadLetter] = ()
) -> None:
    lease = await store.log.claim(CRM)
    await store.log.ingested(
        PageResult(lease, lease.page, {"at": lease.page}, {}, records, letters, Tally())
    )


async def deliver(store: SqlStore, **step: object) -> None:
    lease = await store.routes.claim("score", 0, 0)
    await store.routes.advanced(RouteStep(lease, 1, (), **step))  # type: ignore[arg-type]


def mend(letter: str, key: str = "a", page: int = 0, *, yields: bool = True) -> Mend:
    return Mend(letter, record(key, page, 0, generation=1, caused_by=letter), yields)


async def states(store: SqlStore) -> dict[str, int]:
    return {state: count for state, count in (await store.letters.counts()).items() if count}


async def test_a_letter_comes_back_as_it_was(store: SqlStore) -> None:
    attempts = (Attempt(NOON, "server_error", "500"),)
    letters = [
        raw_letter("L1"),
        msgspec.structs.replace(sent_letter("L2"), attempts=attempts),
    ]
    await ingest(store, letters=letters)
    assert list(await store.letters.list(LetterFilter())) == letters[::-1]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (LetterFilter(), ["L3", "L2", "L1"]),
        (LetterFilter(ids=["L1", "L3"]), ["L3", "L1"]),
        (LetterFilter(route="score"), ["L3"]),
        (LetterFilter(code="refused"), ["L3"]),
        (LetterFilter(source="crm", stream="account"), ["L3", "L2", "L1"]),
        (LetterFilter(key="b"), ["L2"]),
        (LetterFilter(key='["crm","account","b"]'), ["L2"]),
        (LetterFilter(text="there was 7"), ["L2", "L1"]),
        (LetterFilter(text="%"), []),
        (LetterFilter(state=LetterState.RESOLVED), []),
        (LetterFilter(since=NOON), ["L3", "L2", "L1"]),
        (LetterFilter(until=NOON), []),
        (LetterFilter(fingerprint="v1:fedcba9876543210"), ["L3"]),
        (LetterFilter(contract="order.v1"), []),
    ],
)
async def test_a_filter_finds(store: SqlStore, where: LetterFilter, found: list[str]) -> None:
    await ingest(store, letters=[raw_letter("L1"), raw_letter("L2", "b"), sent_letter("L3")])
    assert [each.id for each in await store.letters.list(where)] == found
    assert await store.letters.count(where) == len(found)


async def test_letters_are_paged_newest_first(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter(f"L{number}") for number in range(5)])
    first = await store.letters.list(LetterFilter(), limit=2)
    second = await store.letters.list(LetterFilter(), limit=2, after=first[-1].id)
    assert [each.id for each in [*first, *second]] == ["L4", "L3", "L2", "L1"]


async def test_groups_are_by_cause_largest_first(store: SqlStore) -> None:
    await ingest(store, letters=[sent_letter("L0"), raw_letter("L1"), raw_letter("L2")])
    groups = await store.letters.groups(LetterFilter())
    assert [(each.code, each.count) for each in groups] == [
        ("contract_violated", 2),
        ("refused", 1),
    ]
    assert groups[0].first_at == NOON


async def test_a_mended_row_is_appended_and_its_letter_resolved(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter("L1")])
    assert await store.letters.mended([mend("L1")]) == {"L1": LetterState.RESOLVED}
    page = await store.log.read(0, 0, 10)
    assert [each.record.id for each in page.records] == ["crm/account/0/0.1"]
    assert await states(store) == {"resolved": 1}


async def test_a_letter_is_mended_once(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter("L1")])
    await store.letters.mended([mend("L1")])
    assert await store.letters.mended([mend("L1")]) == {}
    assert await store.log.end() == 1


async def test_a_row_whose_key_has_moved_on_gives_way(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter("L1"), raw_letter("L2", "b")])
    await ingest(store, [record("a", 1, 0)])
    mends = [mend("L1"), mend("L2", "b")]
    assert await store.letters.overtaken(mends) == {"L1"}
    assert await store.letters.mended(mends) == {
        "L1": LetterState.SUPERSEDED,
        "L2": LetterState.RESOLVED,
    }
    assert await store.log.end() == 2


async def test_a_newer_row_of_the_same_page_overtakes_it_too(store: SqlStore) -> None:
    await ingest(store, [record("a", 0, 1)], [raw_letter("L1")])
    assert await store.letters.overtaken([mend("L1")]) == {"L1"}


async def test_an_older_row_and_a_prediction_do_not_overtake_it(store: SqlStore) -> None:
    about = record("a", 9, 9, position=Position("@score", 7, 0), contract="prediction.churn.v1")
    await ingest(store, [record("a", 0, 0)], [raw_letter("L1", page=0, row=1)])
    await ingest(store, [about])
    later = msgspec.structs.replace(
        mend("L1"), record=record("a", 0, 1, generation=1, caused_by="L1")
    )
    assert await store.letters.overtaken([later]) == frozenset()


async def test_a_row_that_does_not_yield_goes_in_all_the_same(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter("L1")])
    await ingest(store, [record("a", 1, 0)])
    assert await store.letters.mended([mend("L1", yields=False)]) == {"L1": LetterState.RESOLVED}
    assert await store.log.end() == 2


async def test_the_newest_of_two_letters_of_a_key_wins(store: SqlStore) -> None:
    await ingest(store, letters=[raw_letter("L1"), raw_letter("L2", page=0, row=1)])
    newer = msgspec.structs.replace(mend("L2"), record=record("a", 0, 1, generation=1))
    assert await store.letters.mended([mend("L1"), newer]) == {
        "L1": LetterState.SUPERSEDED,
        "L2": LetterState.RESOLVED,
    }


async def test_a_replay_that_failed_keeps_the_letter_open_with_its_new_reason(
    store: SqlStore,
) -> None:
    await ingest(store, letters=[raw_letter("L1")])
    await ingest(store, [record("a", 1, 0)])
    again = msgspec.structs.replace(
        raw_letter("L1"), detail="today's reason", attempts=(Attempt(NOON, "x", "today's reason"),)
    )
    await store.letters.failed([again])
    (letter,) = await store.letters.list(LetterFilter())
    assert (letter.detail, len(letter.attempts)) == ("today's reason", 1)
    # It is still known that its key has moved on since it was first opened.
    assert await store.letters.overtaken([mend("L1")]) == {"L1"}


async def test_a_returned_delivery_is_parked_first_of_its_key(store: SqlStore) -> None:
    waiting = ParkedDelivery(delivery("a", 5), NOON)
    await deliver(store, letters=[sent_letter("L1", delivery("a", 1))], parked=[waiting])
    assert await store.letters.returned(["L1"], NOON, False) == 1
    assert await store.letters.returned(["L1"], NOON, False) == 0
    parked = await store.routes.parked("score", 0)
    assert [(each.delivery.offset, each.delivery.letter) for each in parked] == [
        (1, "L1"),
        (5, None),
    ]
    assert await states(store) == {"replaying": 1}


async def test_a_watched_key_is_forgotten_with_its_last_letter(store: SqlStore) -> None:
    key = delivery().record.message_key
    await deliver(store, letters=[sent_letter("L1"), sent_letter("L2")])
    await deliver(store, noted={key: Position("crm/account", 3, 4)})
    assert await store.routes.watched("score") == {key: Position("crm/account", 3, 4)}
    await deliver(store, closed=[ClosedLetter("L1", LetterState.RESOLVED, "done")])
    assert key in await store.routes.watched("score")
    await store.letters.discard(["L2"], "test data")
    assert await store.routes.watched("score") == {}


async def test_discarding_frees_what_waited_for_the_letter(store: SqlStore) -> None:
    blocked = ParkedDelivery(delivery("a", 5), NOON, blocked=True)
    await deliver(store, letters=[sent_letter("L1")], parked=[blocked])
    assert await store.letters.discard(["L1"], "test data") == 1
    assert await store.letters.discard(["L1"], "again") == 0
    assert [each.blocked for each in await store.routes.parked("score", 0)] == [False]
    (letter,) = await store.letters.list(LetterFilter(state=LetterState.DISCARDED))
    assert (letter.resolution, letter.closed_at) == ("test data", NOON)


async def test_a_list_holds_the_head_of_a_large_row_and_whole_all_of_it(store: SqlStore) -> None:
    body = b"x" * (HEAD_BYTES + 1)
    large = raw_letter("L1")
    large = msgspec.structs.replace(
        large, subject=msgspec.structs.replace(large.subject, body=body)
    )
    await ingest(store, letters=[large, raw_letter("L2")])
    listed = {each.id: each for each in await store.letters.list(LetterFilter())}
    assert listed["L1"].subject.body == body[:HEAD_BYTES]  # type: ignore[union-attr]
    assert list(await store.letters.whole(["L1", "gone", "L2"], len(body))) == [large]
    assert list(await store.letters.whole(["L1", "gone", "L2"], 1 << 20)) == [
        large,
        raw_letter("L2"),
    ]
    assert list(await store.letters.whole(["gone"], 1)) == []
    assert await store.letters.ids(LetterFilter()) == ["L1", "L2"]
