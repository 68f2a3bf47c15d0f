"""A part of a route at work: which deliveries wait, fly or are parked, and what is finished.

Pure: no clock, no I/O. It promises three things, whatever order results come in: at most one
delivery of a key is in flight; deliveries of a key go in the order of their offsets; an offset
counts as finished only when what follows from it is in a step (`take_step`) to be committed.
"""

from __future__ import annotations

import bisect
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from gateway.deliver.parking import Parking
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
    """What has happened since the last step, besides what changed about parked keys."""

    def __init__(self) -> None:
        self.predictions: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.closed: list[ClosedLetter] = []
        self.counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self.predictions or self.letters or self.closed or self.counts.total())


class Window:
    """The working state of a (route, part), begun from what the store remembers of it."""

    def __init__(
        self,
        lease: RouteLease,
        *,
        block_key: bool,
        supersedes: Callable[[str], bool],
    ) -> None:
        """`block_key` and `supersedes` as in Parking."""
        self.lease = lease
        self.read_to = lease.offset
        self._finished_before = list(lease.finished)
        self._waiting: list[Delivery] = []
        self._flying: dict[str, Delivery] = {}
        self._busy: set[str] = set()
        self._parking = Parking(
            lease.parked, lease.watched, block_key=block_key, supersedes=supersedes
        )
        self._recent: deque[tuple[str, bool]] = deque(maxlen=RECENT)
        self._suspects: set[str] = set()
        self._draft = Draft()
        self._committed = (lease.offset, tuple(lease.finished))

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
        self._draft.counts.update(
            letters=len(letters), routed=len(admitted) + len(letters), skipped=skipped
        )
        self.read_to = read_to

    def returned(self, parked: Iterable[ParkedDelivery]) -> None:
        """Take in deliveries that were parked from outside: letters that are replayed. What the
        store says may be older than what is known here."""
        for each in parked:
            known = (
                each.delivery.id in self._flying
                or self._parking.has(each.delivery)
                or self._parking.left(each.delivery)
            )
            if not known:
                self._parking.put(each, stored=True)

    def watches(self, watched: Mapping[str, Position | None]) -> None:
        """Take in which keys have open letters: those that have none any more are free."""
        self._parking.watches(watched)

    # What goes out

    def take(self, now: datetime, max_records: int, max_bytes: int) -> list[Delivery]:
        """The next batch: parked deliveries that are due, then the log's, one a key."""
        batch: list[Delivery] = []
        size = 0
        taken = self._busy | self._suspects
        for delivery in self._parking.due(now):
            if delivery.record.message_key in taken:
                continue
            if self._parking.overtaken(delivery):
                self._supersede(delivery)
                continue
            if _full(batch, size, delivery, max_records, max_bytes):
                return self._send(batch)
            taken.add(delivery.record.message_key)
            batch.append(delivery)
            size += _size(delivery)
        left: list[Delivery] = []
        for place, delivery in enumerate(self._waiting):
            if _full(batch, size, delivery, max_records, max_bytes):
                left.extend(self._waiting[place:])
                break
            key = delivery.record.message_key
            if key in self._parking:
                self._parking.wait(delivery, now)
            elif key in taken:
                left.append(delivery)
            else:
                # Later ones of the key must not slip past this one in the same look.
                taken.add(key)
                batch.append(delivery)
                size += _size(delivery)
        self._waiting = left
        if not batch and self._suspects and not self._flying:
            self._suspects.clear()  # All were tried: begin anew with the first.
        return self._send(batch)

    def _send(self, batch: list[Delivery]) -> list[Delivery]:
        for delivery in batch:
            self._flying[delivery.id] = delivery
            self._busy.add(delivery.record.message_key)
        return batch

    def _supersede(self, delivery: Delivery) -> None:
        self._parking.leave(delivery)
        self._draft.counts["superseded"] += 1
        self._close(
            delivery,
            LetterState.SUPERSEDED,
            "a newer version of the same key has been delivered since",
        )

    # What comes back

    def done(self, delivery: Delivery, prediction: Record | None, *, degraded: bool) -> None:
        """It was delivered."""
        self._land(delivery, passed=True)
        counts = self._draft.counts
        counts["replayed" if delivery.letter else "delivered"] += 1
        counts["degraded"] += degraded
        if prediction is not None:
            self._draft.predictions.append(prediction)
            counts["predictions"] += 1
        self._parking.note(delivery)
        self._parking.leave(delivery)
        if delivery.letter:
            self._close(delivery, LetterState.RESOLVED, "replayed: delivered")

    def dead(self, delivery: Delivery, letter: DeadLetter) -> None:
        """It cannot be delivered."""
        key = self._land(delivery, passed=True)
        self._draft.counts["letters"] += delivery.letter is None
        self._parking.leave(delivery)
        self._open(letter)
        self._parking.block(key)

    def again(self, delivery: Delivery, verdict: Again) -> bool:
        """It is to be tried again. Returns whether the whole route must hold: because the
        endpoint is unavailable, or because so many keys fail that it must be."""
        if verdict.holds_route:
            self._land(delivery)
            self._put_back(delivery)
            return True
        key = self._land(delivery, passed=False)
        if self._flood(key):
            self._suspects.add(key)
            self._put_back(delivery)
            return True
        self._parking.wait(verdict.delivery, verdict.due_at)
        return False

    def _land(self, delivery: Delivery, *, passed: bool | None = None) -> str:
        del self._flying[delivery.id]
        key = delivery.record.message_key
        self._busy.discard(key)
        if passed is not None:
            self._recent.append((key, passed))
        if passed:
            self._suspects.clear()
        return key

    def _flood(self, key: str) -> bool:
        if key in self._suspects:
            return True
        failing = [each for each, passed in self._recent if not passed]
        many = len(set(failing)) >= SUSPICIOUS_KEYS and 2 * len(failing) >= len(self._recent)
        return many or len(self._parking) >= PARKED_KEYS

    def _put_back(self, delivery: Delivery) -> None:
        if not self._parking.leads(delivery):
            bisect.insort(self._waiting, delivery, key=lambda waiting: waiting.offset)

    def _open(self, letter: DeadLetter) -> None:
        assert isinstance(letter.subject, DeliverySubject)
        self._parking.watch(letter.subject.delivery.record.message_key)
        self._draft.letters.append(letter)

    def _close(self, delivery: Delivery, state: LetterState, resolution: str) -> None:
        assert delivery.letter is not None
        self._draft.closed.append(ClosedLetter(delivery.letter, state, resolution))
        self._parking.free(delivery.record.message_key)

    # What is to be committed

    def take_step(self) -> RouteStep | None:
        """Everything since the last step, to be committed at once; None when nothing happened.
        The caller commits it before it takes another."""
        offset, finished = self._low()
        if self.draft_is_empty and (offset, finished) == self._committed:
            return None
        draft, self._draft = self._draft, Draft()
        parking = self._parking.take_changes()
        self._committed = (offset, finished)
        return RouteStep(
            lease=self.lease,
            offset=offset,
            finished=finished,
            predictions=draft.predictions,
            parked=list(parking.parked.values()),
            unparked=sorted(parking.unparked),
            letters=draft.letters,
            closed=draft.closed,
            noted=parking.noted,
            tally=RouteTally(**draft.counts),
        )

    def _low(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        """The offset up to which all is finished, and the finished stretches above it."""
        parked = self._parking.ids()
        flying = (each.offset for each in self._flying.values() if each.id not in parked)
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
        return not self._draft and not self._parking.changed

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        return sum(map(_size, self._waiting))

    @property
    def parked_keys(self) -> int:
        return len(self._parking)

    def next_due(self) -> datetime | None:
        """When the first parked key is to be tried again."""
        dues = [due for key, due in self._parking.dues() if key not in self._busy]
        return min(dues, default=None)


def _full(
    batch: list[Delivery], size: int, delivery: Delivery, max_records: int, max_bytes: int
) -> bool:
    """One that is larger than a batch goes alone."""
    return bool(batch) and (len(batch) >= max_records or size + _size(delivery) > max_bytes)


def _size(delivery: Delivery) -> int:
    return len(memoryview(delivery.record.data))
