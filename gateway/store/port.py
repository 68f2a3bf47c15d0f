"""The store's port: what the gateway asks of the place where log and state live.

One object of small repositories over one store. Every method that writes is one transaction;
the two that carry the flow, `Log.ingested` and `Routes.advanced`, are guarded by the epoch their
owner got when it claimed the stream or route: a process that was overtaken gets `Fenced`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from gateway.types import (
    Cursor,
    DeadLetter,
    Delivery,
    LetterState,
    LoggedRecord,
    Position,
    Record,
    StreamId,
)


class Tally(msgspec.Struct, frozen=True):
    """What became of the rows read. read = appended + letters + filtered + already_seen + unchanged."""

    read: int = 0
    appended: int = 0
    letters: int = 0
    filtered: int = 0
    already_seen: int = 0
    unchanged: int = 0


class StreamLease(msgspec.Struct, frozen=True):
    """The right to ingest a stream: the epoch that guards it, and where it stands."""

    stream: StreamId
    epoch: int
    page: int
    """The sequence number of the next page."""
    cursor: Cursor | None
    shape: Mapping[str, Any] | None
    """What `gateway.drift` remembers of the stream's shape."""


class StreamStatus(msgspec.Struct, frozen=True):
    stream: StreamId
    page: int
    cursor: Cursor | None
    state: Literal["new", "reading", "caught_up", "held", "waiting"]
    reason: str | None
    """Why it is held or waiting, for a person."""
    tally: Tally
    updated_at: datetime | None


class PageResult(msgspec.Struct, frozen=True):
    """An ingest step: everything one page leads to, committed together."""

    lease: StreamLease
    page: int
    cursor: Cursor
    shape: Mapping[str, Any]
    records: Sequence[Record]
    letters: Sequence[DeadLetter]
    tally: Tally
    hashes: Mapping[str, bytes] = {}
    """New content hashes by key, of a stream that is also written to."""


class LogPage(msgspec.Struct, frozen=True):
    """Records found, and the offset up to which the log was looked through."""

    records: Sequence[LoggedRecord]
    upto: int


class RouteLease(msgspec.Struct, frozen=True):
    """The right to work a part of a route: its offset, the finished ranges above it, its parked
    deliveries by message key in order, and the keys that open letters watch."""

    route: str
    part: int
    epoch: int
    offset: int
    finished: Sequence[tuple[int, int]]
    parked: Mapping[str, Sequence[ParkedDelivery]]
    watched: frozenset[str]


class ParkedDelivery(msgspec.Struct, frozen=True):
    """A delivery waiting. `due_at` counts for the first of its key only; `blocked` waits for a letter."""

    delivery: Delivery
    due_at: datetime
    blocked: bool = False


class RouteTally(msgspec.Struct, frozen=True):
    """routed = delivered + in flight + parked + letters + superseded; skipped did not meet `when`."""

    routed: int = 0
    delivered: int = 0
    degraded: int = 0
    letters: int = 0
    superseded: int = 0
    skipped: int = 0
    predictions: int = 0
    replayed: int = 0


class RouteStep(msgspec.Struct, frozen=True):
    """A delivery step: everything one finished batch leads to, committed together.

    `offset` is the new low offset, `finished` the ranges above it; `parked` holds deliveries to
    add or put back with a new due time, `unparked` the ids of those that are done with;
    `letters` are opened or replaced; `resolved` are letters whose replay was delivered;
    `noted` the newest delivered position of watched keys.
    """

    lease: RouteLease
    offset: int
    finished: Sequence[tuple[int, int]]
    predictions: Sequence[Record] = ()
    parked: Sequence[ParkedDelivery] = ()
    unparked: Sequence[str] = ()
    letters: Sequence[DeadLetter] = ()
    resolved: Sequence[tuple[str, str]] = ()
    """(letter id, resolution)"""
    noted: Mapping[str, Position] = {}
    tally: RouteTally = RouteTally()


class RouteStatus(msgspec.Struct, frozen=True):
    route: str
    part: int
    offset: int
    lag: int
    """Offsets between the end of the log and the route's low offset."""
    oldest_undelivered_at: datetime | None
    parked_keys: int
    parked_records: int
    tally: RouteTally


class LetterFilter(msgspec.Struct, frozen=True):
    """Which letters. All that is given must hold; `text` is looked for in code and detail."""

    ids: Sequence[str] = ()
    state: LetterState | None = LetterState.OPEN
    source: str | None = None
    stream: str | None = None
    route: str | None = None
    contract: str | None = None
    code: str | None = None
    fingerprint: str | None = None
    key: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class LetterGroup(msgspec.Struct, frozen=True):
    """Letters of one cause."""

    fingerprint: str
    code: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime


class Drift(msgspec.Struct, frozen=True):
    """A difference between what a stream promised and what it sends now.

    `changes` is what `gateway.drift` found, with evidence; `proposal` the mapping patch: dotted
    place in the mapping → new value. `samples` are rows of the new shape.
    """

    id: str
    stream: StreamId
    changes: Sequence[Mapping[str, Any]]
    proposal: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]
    opened_at: datetime
    state: Literal["open", "accepted", "reverted"] = "open"
    closed_at: datetime | None = None
    closed_by: str | None = None


class Log(Protocol):
    """The log and the streams that are read into it."""

    async def claim(self, stream: StreamId) -> StreamLease: ...
    async def ingested(self, result: PageResult) -> None: ...
    async def read(
        self, part: int, after: int, limit: int, contracts: Sequence[str] = ()
    ) -> LogPage:
        """Records after an offset, of these contracts or all. Looks at a bounded stretch of the
        log per call: an empty page with `upto` moved on is not the end."""
        ...

    async def end(self) -> int: ...
    async def newest(self, keys: Sequence[str], after: int) -> Mapping[str, Position]:
        """The newest position of each message key on the log after an offset."""
        ...

    async def hashes(self, stream: StreamId, keys: Sequence[str]) -> Mapping[str, bytes]: ...


class Streams(Protocol):
    """Where the streams stand, and the operator's hand on them."""

    async def list(self) -> Sequence[StreamStatus]: ...
    async def noted(self, stream: StreamId, state: str, reason: str | None) -> None: ...
    async def move(self, stream: StreamId, cursor: Cursor | None) -> None:
        """Set the cursor. The epoch goes up: whoever reads the stream claims it again."""
        ...


class Routes(Protocol):
    async def claim(self, route: str, part: int, start: int) -> RouteLease: ...
    async def advanced(self, step: RouteStep) -> None: ...
    async def list(self) -> Sequence[RouteStatus]: ...


class Letters(Protocol):
    async def list(
        self, where: LetterFilter, limit: int = 100, after: str | None = None
    ) -> Sequence[DeadLetter]: ...
    async def count(self, where: LetterFilter) -> int: ...
    async def groups(self, where: LetterFilter) -> Sequence[LetterGroup]: ...
    async def discard(self, ids: Sequence[str], reason: str) -> int: ...
    async def superseded(self, ids: Sequence[str], reason: str) -> int: ...
    async def reopened(self, letters: Sequence[DeadLetter]) -> None:
        """A replay that failed at normalise: the letter stays open with its new reason."""
        ...

    async def mended(self, records: Mapping[str, Record]) -> None:
        """Raw rows that normalise now, by letter id: append the records, resolve the letters."""
        ...

    async def returned(self, letters: Sequence[DeadLetter]) -> None:
        """Deliveries that go into their route again: park them first of their key, mark replaying."""
        ...


class Drifts(Protocol):
    async def open(self, drift: Drift) -> None: ...
    async def close(
        self, id: str, state: Literal["accepted", "reverted"], by: str | None
    ) -> None: ...
    async def list(self, include_closed: bool = False) -> Sequence[Drift]: ...


class Store(Protocol):
    """`wake` is set after every commit that another stage may wait for."""

    @property
    def log(self) -> Log: ...
    @property
    def streams(self) -> Streams: ...
    @property
    def routes(self) -> Routes: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def drifts(self) -> Drifts: ...
    async def close(self) -> None: ...
