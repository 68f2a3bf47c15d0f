"""Keys that wait, each with its deliveries in the order of the log, and the keys that letters watch.

Pure. A key parks when its record failed; what comes later of it waits behind. What changes here
is collected (`take_changes`) to be committed with everything else of the step.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from gateway.store.port import ParkedDelivery
from gateway.types import Delivery, Position, newer


class ParkingChanges(msgspec.Struct):
    """What is to be committed: deliveries added or put back, ids of those that are done with, and
    the newest delivered positions of watched keys."""

    parked: dict[str, ParkedDelivery] = {}
    unparked: set[str] = set()
    noted: dict[str, Position] = {}

    def __bool__(self) -> bool:
        return bool(self.parked or self.unparked or self.noted)


class Parking:
    """The parked keys of a (route, part)."""

    def __init__(
        self,
        parked: Iterable[ParkedDelivery],
        watched: Mapping[str, Position | None],
        *,
        block_key: bool,
        supersedes: Callable[[str], bool],
    ) -> None:
        """`block_key` keeps a key waiting for its letters; `supersedes` says of a contract whether
        newer state makes older state pointless (`kind: state`)."""
        self._block_key = block_key
        self._supersedes = supersedes
        self._queues: dict[str, list[ParkedDelivery]] = {}
        self._watched = dict(watched)
        self._blocked = set(watched) if block_key else set()
        self._changes = ParkingChanges()
        self._looked: datetime | None = None
        for each in parked:
            self.put(each, stored=True)

    def __len__(self) -> int:
        """How many keys are parked."""
        return len(self._queues)

    def __contains__(self, key: str) -> bool:
        """Whether a delivery of this key that comes now must wait."""
        return key in self._queues or key in self._blocked

    def has(self, delivery: Delivery) -> bool:
        """Whether it is parked, at any place of its key."""
        queue = self._queues.get(delivery.record.message_key, ())
        return any(each.delivery.id == delivery.id for each in queue)

    def left(self, delivery: Delivery) -> bool:
        """Whether it is settled, and the store does not know yet."""
        return delivery.id in self._changes.unparked

    def leads(self, delivery: Delivery) -> bool:
        """Whether it is the first of its key."""
        queue = self._queues.get(delivery.record.message_key)
        return bool(queue) and queue[0].delivery.id == delivery.id  # type: ignore[index]

    def due(self, now: datetime) -> list[Delivery]:
        """The first of each key that may be tried now. Where the clock went back since the last
        look, so do the times they wait for."""
        if self._looked is not None and now < self._looked:
            back = self._looked - now
            for queue in self._queues.values():
                queue[:] = [
                    msgspec.structs.replace(each, due_at=each.due_at - back) for each in queue
                ]
        self._looked = now
        heads = [queue[0] for queue in self._queues.values()]
        return [each.delivery for each in heads if not each.blocked and each.due_at <= now]

    def dues(self) -> Iterable[tuple[str, datetime]]:
        """When each key is to be tried again, of those that wait for nothing but time."""
        for key, queue in self._queues.items():
            if not queue[0].blocked:
                yield key, queue[0].due_at

    def ids(self) -> set[str]:
        """The first ones: those that may be in flight while they are parked."""
        return {queue[0].delivery.id for queue in self._queues.values()}

    # What comes and goes

    def wait(self, delivery: Delivery, due_at: datetime) -> None:
        """A delivery joins those of its key, or goes back to its place among them."""
        blocked = delivery.record.message_key in self._blocked and delivery.letter is None
        self.put(ParkedDelivery(delivery, due_at, blocked=blocked))

    def put(self, parked: ParkedDelivery, *, stored: bool = False) -> None:
        """`stored` ones are known to the store as they are."""
        queue = self._queues.setdefault(parked.delivery.record.message_key, [])
        if queue and queue[0].delivery.id == parked.delivery.id:
            queue[0] = parked
        else:
            bisect.insort(queue, parked, key=lambda each: each.delivery.offset)
        if not stored:
            self._changes.parked[parked.delivery.id] = parked
            self._changes.unparked.discard(parked.delivery.id)

    def leave(self, delivery: Delivery) -> None:
        """It is settled."""
        key = delivery.record.message_key
        if self.leads(delivery):
            queue = self._queues[key]
            del queue[0]
            self._changes.unparked.add(delivery.id)
            self._changes.parked.pop(delivery.id, None)
            if not queue:
                del self._queues[key]

    # What letters do to keys

    def watch(self, key: str) -> None:
        """A letter of this key was opened."""
        self._watched.setdefault(key, None)

    def note(self, delivery: Delivery) -> None:
        """It was delivered: the position counts where a letter of the key is open."""
        key, position = delivery.record.message_key, delivery.record.position
        if key in self._watched and newer(position, self._watched[key]):
            self._watched[key] = self._changes.noted[key] = position

    def overtaken(self, delivery: Delivery) -> bool:
        """Whether it comes from a letter and newer state of its key was delivered since."""
        record = delivery.record
        return (
            delivery.letter is not None
            and not delivery.forced
            and self._supersedes(record.contract)
            and newer(self._watched.get(record.message_key), record.position)
        )

    def block(self, key: str) -> None:
        """Where it is asked for, what comes later of a key waits for its letter."""
        if not self._block_key:
            return
        self._blocked.add(key)
        queue = self._queues.get(key)
        if queue and not queue[0].blocked:
            self._change(queue, 0, blocked=True)

    def free(self, key: str) -> None:
        """No letter holds the key back any more."""
        self._blocked.discard(key)
        queue = self._queues.get(key, [])
        for place, parked in enumerate(queue):
            if parked.blocked:
                self._change(queue, place, blocked=False)

    def watches(self, watched: Mapping[str, Position | None]) -> None:
        """Take in which keys have open letters: those that have none any more are free."""
        for key in [key for key in self._watched if key not in watched]:
            del self._watched[key]
            self.free(key)
        for key, position in watched.items():
            self._watched.setdefault(key, position)

    def _change(self, queue: list[ParkedDelivery], place: int, *, blocked: bool) -> None:
        queue[place] = msgspec.structs.replace(queue[place], blocked=blocked)
        self._changes.parked[queue[place].delivery.id] = queue[place]

    # What is to be committed

    @property
    def changed(self) -> bool:
        return bool(self._changes)

    def take_changes(self) -> ParkingChanges:
        changes, self._changes = self._changes, ParkingChanges()
        return changes
