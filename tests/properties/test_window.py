"""The window of a route under any order of results, restarts and replays."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.deliver.window import Window
from gateway.store.port import ParkedDelivery, RouteLease, RouteStep
from gateway.types import (
    Again,
    DeadLetter,
    Delivery,
    DeliverySubject,
    LetterState,
    Position,
)
from tests.unit.nouns import NOON, Clock, record

KEYS = st.sampled_from("abc")


class Remembered:
    """What a store remembers of a route: the steps that were committed, and nothing else."""

    def __init__(self) -> None:
        self.offset = 0
        self.finished: tuple[tuple[int, int], ...] = ()
        self.parked: dict[str, ParkedDelivery] = {}
        self.letters: dict[str, DeadLetter] = {}
        self.watched: dict[str, Position | None] = {}
        self.predicted: list[int] = []

    def commit(self, step: RouteStep) -> None:
        assert step.offset >= self.offset
        self.offset, self.finished = step.offset, tuple(step.finished)
        self.predicted += [each.position.page for each in step.predictions]
        for id in step.unparked:
            self.parked.pop(id, None)
        for parked in step.parked:
            self.parked[parked.delivery.id] = parked
        for letter in step.letters:
            assert isinstance(letter.subject, DeliverySubject)
            self.letters[letter.id] = letter
            self.watched.setdefault(letter.subject.delivery.record.message_key, None)
        for key, position in step.noted.items():
            if key in self.watched:
                self.watched[key] = position
        for closed in step.closed:
            self.letters[closed.id] = msgspec.structs.replace(
                self.letters[closed.id], state=closed.state
            )
        for key in list(self.watched):
            if not any(_open(letter, key) for letter in self.letters.values()):
                del self.watched[key]

    def lease(self) -> RouteLease:
        parked = sorted(self.parked.values(), key=lambda each: each.delivery.offset)
        return RouteLease("score", 0, 1, self.offset, self.finished, parked, dict(self.watched))


def _open(letter: DeadLetter, key: str) -> bool:
    assert isinstance(letter.subject, DeliverySubject)
    return (
        letter.state in (LetterState.OPEN, LetterState.REPLAYING)
        and letter.subject.delivery.record.message_key == key
    )


class Route(RuleBasedStateMachine):
    """A route that is fed, answered, killed and replayed at will."""

    block_key = False

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.store = Remembered()
        self.log: list[Delivery] = []
        self.flying: list[Delivery] = []
        self.sent: dict[str, list[tuple[int, bool]]] = {}
        self.start()

    def start(self) -> None:
        self.window = Window(
            self.store.lease(), block_key=self.block_key, supersedes=lambda _: True
        )
        self.flying = []
        self.resolved: set[str] = set()

    @rule(keys=st.lists(KEYS, min_size=1, max_size=6))
    def append(self, keys: list[str]) -> None:
        for key in keys:
            offset = len(self.log) + 1
            self.log.append(Delivery("score", offset, record(key, offset)))

    @rule(limit=st.integers(1, 8))
    def read(self, limit: int) -> None:
        upto = min(len(self.log), self.window.read_to + limit)
        fresh = [
            each
            for each in self.log[self.window.read_to : upto]
            if not self.window.already(each.offset)
        ]
        self.window.admit(upto, fresh)

    @rule(size=st.integers(1, 4))
    def take(self, size: int) -> None:
        batch = self.window.take(self.clock(), size, 1 << 20)
        busy = {each.record.key for each in self.flying}
        for each in batch:
            assert each.record.key not in busy, "two of a key in flight"
            assert self.may_go(each), "went before its key's letter"
            busy.add(each.record.key)
            self.flying.append(each)

    def may_go(self, delivery: Delivery) -> bool:
        return True

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), answer=st.sampled_from(["done", "dead", "park", "hold"]))
    def answer(self, data: st.DataObject, answer: str) -> None:
        one = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        key = one.record.key
        if answer == "done":
            before = self.sent.setdefault(key, [])
            if not one.letter:
                assert all(offset <= one.offset for offset, _ in before), "out of order"
            before.append((one.offset, bool(one.letter)))
            assert one.letter not in self.resolved, "a letter was delivered twice"
            if one.letter:
                self.resolved.add(one.letter)
            made = record(key, one.offset, position=Position("@score", one.offset, 0))
            self.window.done(one, made, degraded=False)
        elif answer == "dead":
            letter = DeadLetter(
                one.letter or f"L{one.offset:04d}",
                "refused",
                "no",
                "v1:0",
                DeliverySubject(msgspec.structs.replace(one, letter=None)),
                NOON,
            )
            self.window.dead(one, letter)
        else:
            due = self.clock() + timedelta(seconds=5)
            self.window.again(one, Again(due, answer == "hold", one, "later", "not now"))

    @rule()
    def commit(self) -> None:
        step = self.window.take_step()
        if step is not None:
            self.store.commit(step)

    @rule(commit=st.booleans())
    def killed(self, commit: bool) -> None:
        if commit:
            self.commit()
        self.start()

    @rule()
    def later(self) -> None:
        self.clock.on(6)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        # Not committed first: what the store says is older than what the window knows.
        letters = [each for each in self.store.letters.values() if each.state is LetterState.OPEN]
        if not letters:
            return
        letter = data.draw(st.sampled_from(letters))
        assert isinstance(letter.subject, DeliverySubject)
        again = msgspec.structs.replace(letter.subject.delivery, letter=letter.id)
        self.store.letters[letter.id] = msgspec.structs.replace(letter, state=LetterState.REPLAYING)
        self.store.parked[again.id] = ParkedDelivery(again, self.clock())
        self.window.returned(self.store.lease().parked)
        self.window.watches(self.store.watched)

    @invariant()
    def nothing_is_predicted_twice(self) -> None:
        made = self.store.predicted
        replayed = {
            each.subject.delivery.offset
            for each in self.store.letters.values()
            if isinstance(each.subject, DeliverySubject)
        }
        first = [offset for offset in made if offset not in replayed]
        assert len(first) == len(set(first))

    def teardown(self) -> None:
        """Everything comes to an end once all is answered well."""
        if not hasattr(self, "window"):
            return
        for _ in range(4 * len(self.log) + 20):
            self.read(8)
            self.take(4)
            for one in self.flying:
                self.window.done(one, None, degraded=False)
            self.flying = []
            self.commit()
            self.later()
            for letter in [e for e in self.store.letters.values() if e.state is LetterState.OPEN]:
                assert isinstance(letter.subject, DeliverySubject)
                again = msgspec.structs.replace(letter.subject.delivery, letter=letter.id)
                self.store.letters[letter.id] = msgspec.structs.replace(
                    letter, state=LetterState.REPLAYING
                )
                self.store.parked[again.id] = ParkedDelivery(again, self.clock())
            self.window.returned(self.store.lease().parked)
            self.window.watches(self.store.watched)
        assert self.store.offset == len(self.log)
        assert not self.store.finished
        assert not self.store.parked
        assert all(each.state is not LetterState.OPEN for each in self.store.letters.values())


class BlockingRoute(Route):
    """As above, and a key waits for its letters."""

    block_key = True

    def may_go(self, delivery: Delivery) -> bool:
        held = [
            each for each in self.store.letters.values() if _open(each, delivery.record.message_key)
        ]
        return delivery.letter is not None or not held


Route.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
BlockingRoute.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestRoute = Route.TestCase
TestBlockingRoute = BlockingRoute.TestCase


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=6),
    st.integers(1, 60),
)
def test_what_was_finished_before_a_restart_stays_finished(
    stretches: list[tuple[int, int]], offset: int
) -> None:
    ranges: list[tuple[int, int]] = []
    low = 1
    for gap, length in stretches:
        low += gap
        ranges.append((low, low + length))
        low += length + 1
    window = Window(
        RouteLease("score", 0, 1, 0, ranges, (), {}), block_key=False, supersedes=lambda _: True
    )
    assert window.already(offset) == any(one <= offset <= other for one, other in ranges)
    window.admit(0, ())
    step = window.take_step()
    assert step is None or list(step.finished) == ranges
