"""One dataclass for each thing that happens: it is the log line and the metric.

The parts of the gateway call `emit(event)` and know nothing of what becomes of it. Subscribers
are `gateway.logs` (lines for a person or for a machine), `gateway.metrics` (counters) and the ring
of recent events that the console shows. An event is about a page, a batch or a decision, never
about a single row; it carries names, codes and counts, never payload and never a secret. `code`
is the event's own name and never changes; a `reason` field holds the stable code of a cause.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypeAlias

from gateway.types import StreamId

Level: TypeAlias = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """The base. `code` names the event for ever, `level` is how much a person cares."""

    code: ClassVar[str] = "event"
    level: ClassVar[Level] = "info"

    def values(self) -> dict[str, Any]:
        """The fields as JSON can hold them; what is None is left out."""
        found: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, StreamId):
                value = str(value)
            elif isinstance(value, datetime):
                value = value.isoformat()
            elif isinstance(value, float):
                value = round(value, 6)
            found[field.name] = value
        return found


@dataclass(frozen=True, slots=True)
class GatewayStarted(Event):
    code = "gateway_started"
    instance: str
    version: str
    url: str | None = None
    sources: int = 0
    routes: int = 0


@dataclass(frozen=True, slots=True)
class Listening(Event):
    """The HTTP surface and the console can be reached."""

    code = "listening"
    url: str


@dataclass(frozen=True, slots=True)
class GatewayDraining(Event):
    code = "gateway_draining"
    why: str


@dataclass(frozen=True, slots=True)
class GatewayStopped(Event):
    code = "gateway_stopped"
    seconds: float


@dataclass(frozen=True, slots=True)
class PageIngested(Event):
    """One page committed. read = appended + letters + filtered + already_seen + unchanged."""

    code = "page_ingested"
    stream: StreamId
    read: int
    appended: int
    letters: int = 0
    filtered: int = 0
    already_seen: int = 0
    unchanged: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StreamCaughtUp(Event):
    code = "stream_caught_up"
    level = "debug"
    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamHeld(Event):
    """The stream stands at its cursor until a person acts: drift, a flood, a broken mapping."""

    code = "stream_held"
    level = "warning"
    stream: StreamId
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class StreamResumed(Event):
    code = "stream_resumed"
    stream: StreamId


@dataclass(frozen=True, slots=True)
class SourceWaiting(Event):
    """The source is unavailable; it is asked again by itself."""

    code = "source_waiting"
    level = "warning"
    stream: StreamId
    reason: str
    detail: str
    retry_after_secs: float


@dataclass(frozen=True, slots=True)
class CursorMoved(Event):
    code = "cursor_moved"
    stream: StreamId
    by: str
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class BatchDelivered(Event):
    code = "batch_delivered"
    route: str
    endpoint: str
    records: int
    seconds: float
    degraded: int = 0
    predictions: int = 0


@dataclass(frozen=True, slots=True)
class BatchSplit(Event):
    """One verdict for all and it was not good: halves are sent until the culprit is alone."""

    code = "batch_split"
    level = "debug"
    route: str
    endpoint: str
    records: int
    reason: str


@dataclass(frozen=True, slots=True)
class WritesUnchanged(Event):
    """A sink skipped writes that would have changed nothing."""

    code = "writes_unchanged"
    level = "debug"
    route: str
    endpoint: str
    records: int


@dataclass(frozen=True, slots=True)
class RouteHeld(Event):
    """The endpoint is unavailable: nobody is charged, the log is the buffer."""

    code = "route_held"
    level = "warning"
    route: str
    endpoint: str
    reason: str
    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RouteResumed(Event):
    code = "route_resumed"
    route: str
    endpoint: str
    held_secs: float | None = None


@dataclass(frozen=True, slots=True)
class RouteCaughtUp(Event):
    code = "route_caught_up"
    level = "debug"
    route: str


@dataclass(frozen=True, slots=True)
class KeysParked(Event):
    code = "keys_parked"
    route: str
    endpoint: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LettersOpened(Event):
    """Dead letters of one cause. `place` is `source/stream` (normalise) or the route (deliver)."""

    code = "letters_opened"
    level = "warning"
    stage: Literal["normalise", "deliver"]
    place: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LettersReplayed(Event):
    """A replay has been through: how many are resolved, back in their route, failed again."""

    code = "letters_replayed"
    by: str
    letters: int
    resolved: int = 0
    returned: int = 0
    superseded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class LettersResolved(Event):
    """A replayed delivery arrived after all."""

    code = "letters_resolved"
    place: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LettersSuperseded(Event):
    """The key has delivered newer state: the letter need not be replayed."""

    code = "letters_superseded"
    place: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class LettersDiscarded(Event):
    code = "letters_discarded"
    by: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class DriftOpened(Event):
    code = "drift_opened"
    level = "warning"
    stream: StreamId
    drift: str
    changes: int
    holds: bool = True


@dataclass(frozen=True, slots=True)
class DriftClosed(Event):
    code = "drift_closed"
    stream: StreamId
    drift: str
    outcome: Literal["accepted", "reverted"]
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ApplyDone(Event):
    code = "apply_done"
    by: str
    changes: int
    restart_needed: int = 0


@dataclass(frozen=True, slots=True)
class AccessDenied(Event):
    """Somebody asked for what they may not do: no key, a wrong key, a viewer's key."""

    code = "access_denied"
    level = "warning"
    reason: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class StepFailed(Event):
    """A part of the gateway met an error it did not expect; `error` is its type's name."""

    code = "step_failed"
    level = "error"
    part: str
    error: str
    detail: str
    retry_after_secs: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event and when it was emitted, as the ring keeps it."""

    at: datetime
    event: Event


Subscriber: TypeAlias = Callable[[Happened], None]

RING_EVENTS = 500
_subscribers: list[Subscriber] = []
_ring: deque[Happened] = deque(maxlen=RING_EVENTS)


def emit(event: Event) -> None:
    """Tell every subscriber. Never raises: a broken log pipe must not stop the flow."""
    happened = Happened(datetime.now(UTC), event)
    if event.level != "debug":
        _ring.append(happened)
    for subscriber in tuple(_subscribers):
        try:
            subscriber(happened)
        except Exception as error:  # noqa: BLE001 - the last place that can tell of it
            _complain(subscriber, error)


def subscribe(subscriber: Subscriber) -> None:
    if subscriber not in _subscribers:
        _subscribers.append(subscriber)


def unsubscribe(subscriber: Subscriber) -> None:
    if subscriber in _subscribers:
        _subscribers.remove(subscriber)


def recent(limit: int = 100) -> Sequence[Happened]:
    """The newest events above debug first, out of the last 500 of this process."""
    newest = list(_ring)[-limit:] if limit > 0 else []
    return newest[::-1]


@contextmanager
def capture() -> Iterator[list[Event]]:
    """Collect what is emitted within the block, for tests."""
    seen: list[Event] = []

    def keep(happened: Happened) -> None:
        seen.append(happened.event)

    _subscribers.append(keep)
    try:
        yield seen
    finally:
        _subscribers.remove(keep)


def _complain(subscriber: Subscriber, error: Exception) -> None:
    try:
        name = getattr(subscriber, "__qualname__", repr(subscriber))
        sys.__stderr__ and print(f"event subscriber {name}: {error!r}", file=sys.__stderr__)
    except (OSError, ValueError):
        return
