"""The window of a route, one rule at a time; `tests/properties/test_window.py` mixes them."""

from __future__ import annotations

from datetime import timedelta

from gateway.deliver.window import PARKED_KEYS, SUSPICIOUS_KEYS, Window
from gateway.store.port import ParkedDelivery, RouteLease
from gateway.types import Again, Delivery, LetterState, Position
from tests.unit.nouns import NOON, delivery, sent_letter

MIB = 1 << 20


def window(*keys: str, block_key: bool = False, supersedes: bool = True, **lease: object) -> Window:
    """A window with one waiting delivery a key, at the offsets 1, 2, …"""
    given: dict[str, object] = {"finished": (), "parked": (), "watched": {}, **lease}
    made = Window(
        RouteLease("score", 0, 1, 0, **given),  # type: ignore[arg-type]
        block_key=block_key,
        supersedes=lambda _: supersedes,
    )
    made.admit(len(keys), batch(*keys))
    return made


def batch(*keys: str) -> list[Delivery]:
    return [delivery(key, offset) for offset, key in enumerate(keys, 1)]


def offsets(deliveries: list[Delivery]) -> list[int]:
    return [each.offset for each in deliveries]


def later(of: Delivery, *, holds_route: bool = False, seconds: float = 5) -> Again:
    return Again(NOON + timedelta(seconds=seconds), holds_route, of, "server_error", "500")


def test_a_batch_holds_one_of_a_key() -> None:
    route = window("a", "b", "a", "c")
    assert offsets(route.take(NOON, 10, MIB)) == [1, 2, 4]
    assert route.take(NOON, 10, MIB) == []


def test_a_batch_is_bounded_by_records_and_by_bytes() -> None:
    assert offsets(window("a", "b", "c").take(NOON, 2, MIB)) == [1, 2]
    size = len('{"id":"a"}')
    assert offsets(window("a", "b", "c").take(NOON, 10, 2 * size)) == [1, 2]


def test_one_that_is_larger_than_a_batch_goes_alone() -> None:
    assert offsets(window("a", "b").take(NOON, 10, 1)) == [1]


def test_what_is_finished_above_an_unfinished_one_is_kept_as_a_stretch() -> None:
    route = window("a", "b", "c", "d")
    one, two, three, four = route.take(NOON, 10, MIB)
    for each in (two, three):
        route.done(each, None, degraded=False)
    step = route.take_step()
    assert step is not None
    assert (step.offset, list(step.finished)) == (0, [(2, 3)])
    route.done(one, None, degraded=False)
    route.done(four, None, degraded=False)
    step = route.take_step()
    assert step is not None
    assert (step.offset, list(step.finished)) == (4, [])


def test_a_failing_key_parks_and_the_others_go_on() -> None:
    route = window("a", "b", "a")
    one, two = route.take(NOON, 10, MIB)
    assert not route.again(one, later(one))
    route.done(two, None, degraded=False)
    assert route.take(NOON, 10, MIB) == []
    step = route.take_step()
    assert step is not None
    assert step.offset == 3
    assert offsets([each.delivery for each in step.parked]) == [1, 3]
    assert offsets(route.take(NOON + timedelta(seconds=5), 10, MIB)) == [1]


def test_a_hold_spends_nothing_and_keeps_the_order() -> None:
    route = window("a", "b")
    one, two = route.take(NOON, 10, MIB)
    assert route.again(two, later(two, holds_route=True))
    assert route.again(one, later(one, holds_route=True))
    assert route.parked_keys == 0
    assert offsets(route.take(NOON, 10, MIB)) == [1, 2]


def test_many_failing_keys_are_an_outage_and_probes_go_round() -> None:
    keys = [f"k{number}" for number in range(8)]
    route = window(*keys)
    held = []
    for _ in range(SUSPICIOUS_KEYS):
        (one,) = route.take(NOON, 1, MIB)
        held.append(route.again(one, later(one)))
    assert held == [False] * (SUSPICIOUS_KEYS - 1) + [True]
    # The one that made it an outage is not the only one to be tried: that could go on for ever.
    (next_one,) = route.take(NOON, 1, MIB)
    assert next_one.offset == SUSPICIOUS_KEYS + 1
    route.done(next_one, None, degraded=False)
    assert offsets(route.take(NOON, 1, MIB)) == [SUSPICIOUS_KEYS]


def test_a_thousand_parked_keys_are_an_outage() -> None:
    parked = [
        ParkedDelivery(delivery(f"p{number}", number), NOON + timedelta(hours=1))
        for number in range(PARKED_KEYS)
    ]
    route = window(parked=parked)
    route.admit(PARKED_KEYS + 1, [delivery("new", PARKED_KEYS + 1)])
    (one,) = route.take(NOON, 10, MIB)
    assert route.again(one, later(one))
    assert route.parked_keys == PARKED_KEYS


def test_a_letter_lets_its_key_go_on() -> None:
    route = window("a", "a")
    (one,) = route.take(NOON, 10, MIB)
    route.dead(one, sent_letter(of=one))
    assert offsets(route.take(NOON, 10, MIB)) == [2]


def test_a_letter_blocks_its_key_where_that_is_asked_for() -> None:
    route = window("a", "b", "a", block_key=True)
    one, two = route.take(NOON, 10, MIB)
    route.dead(one, sent_letter(of=one))
    route.done(two, None, degraded=False)
    assert route.take(NOON, 10, MIB) == []
    step = route.take_step()
    assert step is not None
    assert [(each.delivery.offset, each.blocked) for each in step.parked] == [(3, True)]
    again = delivery("a", 1, letter="L1")
    route.returned([ParkedDelivery(again, NOON)])
    assert route.take(NOON, 10, MIB) == [again]
    route.done(again, None, degraded=False)
    assert offsets(route.take(NOON, 10, MIB)) == [3]


def test_a_key_is_blocked_after_a_restart_too() -> None:
    key = delivery("a").record.message_key
    route = window("a", block_key=True, watched={key: None})
    assert route.take(NOON, 10, MIB) == []
    route.watches({})
    assert offsets(route.take(NOON, 10, MIB)) == [1]


def test_a_replayed_letter_yields_to_newer_state_unless_forced() -> None:
    key = delivery("a").record.message_key
    newer = {key: Position("crm/account", 0, 9)}
    old = delivery("a", 1, letter="L1")
    route = window(watched=newer, parked=[ParkedDelivery(old, NOON)])
    assert route.take(NOON, 10, MIB) == []
    step = route.take_step()
    assert step is not None
    assert [(each.id, each.state) for each in step.closed] == [("L1", LetterState.SUPERSEDED)]
    forced = delivery("a", 1, letter="L1", forced=True)
    route = window(watched=newer, parked=[ParkedDelivery(forced, NOON)])
    assert route.take(NOON, 10, MIB) == [forced]


def test_an_event_never_yields() -> None:
    key = delivery("a").record.message_key
    old = delivery("a", 1, letter="L1")
    route = window(
        watched={key: Position("crm/account", 0, 9)},
        parked=[ParkedDelivery(old, NOON)],
        supersedes=False,
    )
    assert route.take(NOON, 10, MIB) == [old]


def test_a_success_on_a_watched_key_notes_its_position() -> None:
    key = delivery("a").record.message_key
    route = window("a", "b", watched={key: None})
    for each in route.take(NOON, 10, MIB):
        route.done(each, None, degraded=False)
    step = route.take_step()
    assert step is not None
    assert step.noted == {key: Position("crm/account", 0, 1)}


def test_nothing_happened_is_no_step() -> None:
    route = window()
    assert route.take_step() is None


def test_a_letter_that_is_settled_but_not_committed_does_not_come_back() -> None:
    parked = [ParkedDelivery(delivery("a", 1, letter="L1"), NOON)]
    route = window(parked=parked)
    (one,) = route.take(NOON, 10, MIB)
    route.done(one, None, degraded=False)
    route.returned(parked)  # The store has not heard of it yet.
    assert route.take(NOON, 10, MIB) == []
