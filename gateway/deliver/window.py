"""A part of a route at work: which deliveries wait, fly or are parked, and what is finished.

Pure: no clock, no I/O. It promises three things, whatever order results come in: at most one
delivery of a key is in flight; deliveries of a key go in the order of their offsets; an offset
counts as finished only when what follows from it is in a step (`take_step`) to be committed.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.store.port import (
    ClosedLetter,
    ParkedDelivery,
    RouteLease,
    RouteStep,
    RouteTally,
)
from gateway.types import (
    Again,
    DeadLetter,
    Delivery,
    DeliverySubject,
    LetterState,
    Position,
    Record,
)

RECENT = 100
"""How many of the last results tell an outage from a few bad records."""

SUSPICIOUS_KEYS = 5
PARKED_KEYS = 1_000


class Draft:
    """What has happened since the last step."""

    def __init__(self) -> None:
        self.predictions: list[Record] = []
        self.parked: dict[str, ParkedDelivery] = {}
        self.unparked: set[str] = set()
        self.letters: list[DeadLetter] = []
        self.closed: list[ClosedLetter] = []
        self.noted: dict[str, Position] = {}
        self.counts: dict[str, int] = {}

    def count(self, name: str, by: int = 1) -> None:
        if by:
            self.counts[name] = self.counts.get(name, 0) + by

    def empty(self) -> bool:
        return not (
            self.predictions or self.parked or self.unparked or self.letters or self.closed
            or self.noted or self.counts
        )  # fmt: skip


class Window:
    """The working state of a (route, part), begun from what the store remembers of it."""

    def __init__(
        self,
        lease: RouteLease,
        *,
        block_key: bool,
        supersedes: Callable[[str], bool],
    ) -> None:
        """`block_key` keeps a key waiting for its letter; `supersedes` says of a contract whether
        newer state makes older state pointless (`kind: state`)."""
        self.lease = lease
        self.read_to = lease.offset
        self._finished_before = list(lease.finished)
        self._block_key = block_key
        self._supersedes = supersedes
        self._waiting: list[Delivery] = []
        self._flying: dict[str, Delivery] = {}
        self._busy: set[str] = set()
        self._parked: dict[str, list[ParkedDelivery]] = {}
        self._watched = dict(lease.watched)
        self._blocked = set(lease.watched) if block_key else set()
        self._recent: deque[tuple[str, bool]] = deque(maxlen=RECENT)
        self._suspects: set[str] = set()
        self._draft = Draft()
        self._committed = (lease.offset, tuple(lease.finished))
        self.returned(lease.parked)

    # What comes in

    def already(self, offset: int) -> bool:
        """Whether a record was finished before the last restart."""
        place = bisect.bisect_right(self._finished_before, (offset, float("inf")))
        return place > 0 and self._finished_before[place - 1][1] >= offset

    def admit(
        self,
        read_to: int,
        deliveries: Iterable[Delivery],
        letters: Sequence[DeadLetter] = (),
        skipped: int = 0,
    ) -> None:
        """Take in what was routed of the log up to `read_to`."""
        admitted = list(deliveries)
        self._waiting.extend(admitted)
        for letter in letters:
            self._open(letter)
        self._draft.count("letters", len(letters))
        self._draft.count("routed", len(admitted) + len(letters))
        self._draft.count("skipped", skipped)
        self.read_to = read_to

    def returned(self, parked: Iterable[ParkedDelivery]) -> None:
        """Take in deliveries that the store has parked: from before a restart, or replayed ones."""
        known = {each.delivery.id for queue in self._parked.values() for each in queue}
        for each in parked:
            if each.delivery.id not in known and each.delivery.id not in self._flying:
                queue = self._parked.setdefault(each.delivery.record.message_key, [])
                bisect.insort(queue, each, key=lambda parked: parked.delivery.offset)

    def watches(self, watched: Mapping[str, Position | None]) -> None:
        """Take in which keys have open letters: those that have none any more are free."""
        for key in [key for key in self._watched if key not in watched]:
            del self._watched[key]
            self._freed(key)
        for key, position in watched.items():
            self._watched.setdefault(key, position)

    # What goes out

    def take(self, now: datetime, max_records: int, max_bytes: int) -> list[Delivery]:
        """The next batch: parked deliveries that are due, then the log's, one a key."""
        batch: list[Delivery] = []
        size = 0
        for key in [key for key, queue in self._parked.items() if self._due(key, queue, now)]:
            delivery = self._parked[key][0].delivery
            if self._overtaken(key, delivery):
                self._supersede(key, delivery)
                continue
            if batch and (len(batch) >= max_records or size + _size(delivery) > max_bytes):
                return self._send(batch)
            batch.append(delivery)
            size += _size(delivery)
        taken: set[str] = {delivery.record.message_key for delivery in batch}
        left: list[Delivery] = []
        for place, delivery in enumerate(self._waiting):
            if len(batch) >= max_records or (batch and size + _size(delivery) > max_bytes):
                left.extend(self._waiting[place:])
                break
            key = delivery.record.message_key
            if key in self._parked or key in self._blocked:
                self._park(ParkedDelivery(delivery, now, blocked=key in self._blocked))
            elif key in self._busy or key in taken or key in self._suspects:
                # Later ones of the key must not slip past this one in the same look.
                taken.add(key)
                left.append(delivery)
            else:
                taken.add(key)
                batch.append(delivery)
                size += _size(delivery)
        self._waiting = left
        if not batch and self._suspects and not self._flying:
            self._suspects.clear()  # All were tried: begin anew with the first.
        return self._send(batch)

    def _due(self, key: str, queue: list[ParkedDelivery], now: datetime) -> bool:
        head = queue[0]
        return (
            key not in self._busy
            and key not in self._suspects
            and not head.blocked
            and head.due_at <= now
        )

    def _send(self, batch: list[Delivery]) -> list[Delivery]:
        for delivery in batch:
            self._flying[delivery.id] = delivery
            self._busy.add(delivery.record.message_key)
        return batch

    # What comes back

    def done(self, delivery: Delivery, prediction: Record | None, *, degraded: bool) -> None:
        """It was delivered."""
        key = self._land(delivery)
        self._draft.count("replayed" if delivery.letter else "delivered")
        self._draft.count("degraded", int(degraded))
        if prediction is not None:
            self._draft.predictions.append(prediction)
            self._draft.count("predictions")
        if delivery.letter:
            self._draft.closed.append(
                ClosedLetter(delivery.letter, LetterState.RESOLVED, "replayed: delivered")
            )
        if key in self._watched and _newer(delivery.record.position, self._watched[key]):
            self._watched[key] = delivery.record.position
            self._draft.noted[key] = delivery.record.position
        self._unpark(key, delivery)
        if delivery.letter:
            self._freed(key)
        self._recent.append((key, True))
        self._suspects.clear()

    def dead(self, delivery: Delivery, letter: DeadLetter) -> None:
        """It cannot be delivered."""
        key = self._land(delivery)
        self._unpark(key, delivery)
        self._open(letter)
        self._draft.count("letters", int(delivery.letter is None))
        if self._block_key:
            self._block(key)
        self._recent.append((key, True))
        self._suspects.clear()

    def again(self, delivery: Delivery, verdict: Again) -> bool:
        """It is to be tried again. Returns whether the whole route must hold: because the
        endpoint is unavailable, or because so many keys fail that it must be."""
        key = self._land(delivery)
        if verdict.holds_route:
            self._put_back(delivery)
            return True
        self._recent.append((key, False))
        if self._flood(key):
            self._suspects.add(key)
            self._put_back(delivery)
            return True
        self._park(ParkedDelivery(verdict.delivery, verdict.due_at))
        return False

    def _flood(self, key: str) -> bool:
        if key in self._suspects:
            return True
        failing = {each for each, passed in self._recent if not passed}
        failures = sum(not passed for _, passed in self._recent)
        many = len(failing) >= SUSPICIOUS_KEYS and 2 * failures >= len(self._recent)
        return many or len(self._parked) >= PARKED_KEYS

    def _land(self, delivery: Delivery) -> str:
        del self._flying[delivery.id]
        key = delivery.record.message_key
        self._busy.discard(key)
        return key

    def _put_back(self, delivery: Delivery) -> None:
        queue = self._parked.get(delivery.record.message_key)
        if not (queue and queue[0].delivery.id == delivery.id):
            bisect.insort(self._waiting, delivery, key=lambda waiting: waiting.offset)

    # Parking

    def _park(self, parked: ParkedDelivery) -> None:
        """One that was tried goes back to its place, a new one behind those of its key."""
        queue = self._parked.setdefault(parked.delivery.record.message_key, [])
        if queue and queue[0].delivery.id == parked.delivery.id:
            queue[0] = parked
        else:
            bisect.insort(queue, parked, key=lambda each: each.delivery.offset)
        self._draft.parked[parked.delivery.id] = parked
        self._draft.unparked.discard(parked.delivery.id)

    def _unpark(self, key: str, delivery: Delivery) -> None:
        queue = self._parked.get(key)
        if queue and queue[0].delivery.id == delivery.id:
            del queue[0]
            self._draft.unparked.add(delivery.id)
            self._draft.parked.pop(delivery.id, None)
            if not queue:
                del self._parked[key]

    def _overtaken(self, key: str, delivery: Delivery) -> bool:
        return (
            delivery.letter is not None
            and not delivery.forced
            and self._supersedes(delivery.record.contract)
            and _newer(self._watched.get(key), delivery.record.position)
        )

    def _supersede(self, key: str, delivery: Delivery) -> None:
        assert delivery.letter is not None
        self._unpark(key, delivery)
        self._freed(key)
        self._draft.count("superseded")
        self._draft.closed.append(
            ClosedLetter(
                delivery.letter,
                LetterState.SUPERSEDED,
                "a newer version of the same key has been delivered since",
            )
        )

    def _open(self, letter: DeadLetter) -> None:
        assert isinstance(letter.subject, DeliverySubject)
        self._watched.setdefault(letter.subject.delivery.record.message_key, None)
        self._draft.letters.append(letter)

    def _block(self, key: str) -> None:
        """Its later records wait for the letter."""
        self._blocked.add(key)
        queue = self._parked.get(key)
        if queue and not queue[0].blocked:
            queue[0] = msgspec.structs.replace(queue[0], blocked=True)
            self._draft.parked[queue[0].delivery.id] = queue[0]

    def _freed(self, key: str) -> None:
        """No letter holds it back any more."""
        self._blocked.discard(key)
        queue = self._parked.get(key, [])
        for place, parked in enumerate(queue):
            if parked.blocked:
                queue[place] = msgspec.structs.replace(parked, blocked=False)
                self._draft.parked[parked.delivery.id] = queue[place]

    # What is to be committed

    def take_step(self) -> RouteStep | None:
        """Everything since the last step, to be committed at once; None when nothing happened.
        The caller commits it before it takes another."""
        offset, finished = self._low()
        draft = self._draft
        if draft.empty() and (offset, finished) == self._committed:
            return None
        self._draft = Draft()
        self._committed = (offset, finished)
        return RouteStep(
            lease=self.lease,
            offset=offset,
            finished=finished,
            predictions=draft.predictions,
            parked=list(draft.parked.values()),
            unparked=sorted(draft.unparked),
            letters=draft.letters,
            closed=draft.closed,
            noted=draft.noted,
            tally=RouteTally(**draft.counts),
        )

    def _low(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        """The offset up to which all is finished, and the finished stretches above it."""
        held = {queue[0].delivery.id for queue in self._parked.values()}
        flying = (each.offset for each in self._flying.values() if each.id not in held)
        unfinished = sorted([*(each.offset for each in self._waiting), *flying])
        # What was finished before a restart and is not read again yet is still finished.
        ahead = tuple(
            (max(low, self.read_to + 1), high)
            for low, high in self._finished_before
            if high > self.read_to
        )
        if not unfinished:
            return self.read_to, ahead
        stretches = []
        for one, other in zip(unfinished, [*unfinished[1:], self.read_to + 1], strict=True):
            if other > one + 1:
                stretches.append((one + 1, other - 1))
        return unfinished[0] - 1, (*stretches, *ahead)

    # How it stands

    @property
    def draft_is_empty(self) -> bool:
        return self._draft.empty()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        return sum(map(_size, self._waiting))

    @property
    def flying(self) -> int:
        return len(self._flying)

    @property
    def parked_keys(self) -> int:
        return len(self._parked)

    def next_due(self) -> datetime | None:
        """When the first parked key is to be tried again."""
        dues = [
            queue[0].due_at
            for key, queue in self._parked.items()
            if not queue[0].blocked and key not in self._busy
        ]
        return min(dues, default=None)


def _size(delivery: Delivery) -> int:
    return len(memoryview(delivery.record.data))


def _newer(one: Position | None, other: Position | None) -> bool:
    if one is None:
        return False
    return other is None or (one.stream == other.stream and one > other)
