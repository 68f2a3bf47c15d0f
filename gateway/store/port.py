"""The store's port: what the gateway asks of the place where log and state live.

One object of small repositories over one store. Every method that writes is one transaction;
the two that carry the flow, `Log.ingested` and `Routes.advanced`, are guarded by the epoch their
owner got when it claimed the stream or route: a process that was overtaken gets `Fenced`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from gateway.store.wake import Wake
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


HEAD_BYTES = 64 << 10
"""How much of a raw row a list of letters holds."""

StreamState: TypeAlias = Literal["new", "reading", "caught_up", "held", "waiting"]


class StreamStatus(msgspec.Struct, frozen=True):
    stream: StreamId
    page: int
    cursor: Cursor | None
    state: StreamState
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
    parked: Sequence[ParkedDelivery]
    watched: Mapping[str, Position | None]
    """Message key → newest position delivered since a letter of it was opened."""


class ParkedDelivery(msgspec.Struct, frozen=True):
    """A delivery waiting. `due_at` counts for the first of its key only; `blocked` waits for a letter."""

    delivery: Delivery
    due_at: datetime
    blocked: bool = False


class RouteTally(msgspec.Struct, frozen=True):
    """routed = delivered + in flight + parked + letters. Counted apart: `skipped` did not meet the
    condition; `replayed` and `superseded` are what became of letters that were replayed;
    `predictions` were appended; `degraded` of the delivered came from a fallback."""

    routed: int = 0
    delivered: int = 0
    degraded: int = 0
    letters: int = 0
    superseded: int = 0
    skipped: int = 0
    predictions: int = 0
    replayed: int = 0


class ClosedLetter(msgspec.Struct, frozen=True):
    """A letter that a replay has settled: resolved or superseded, and how."""

    id: str
    state: LetterState
    resolution: str


class Mend(msgspec.Struct, frozen=True):
    """A raw row that normalises now: the record to append for its letter. `yields` says that it
    gives way when its key has moved on since."""

    letter: str
    record: Record
    yields: bool


class RouteStep(msgspec.Struct, frozen=True):
    """A delivery step: everything one finished batch leads to, committed together.

    `offset` is the new low offset, `finished` the ranges above it; `parked` holds deliveries to
    add or put back with a new due time, `unparked` the ids of those that are done with;
    `letters` are opened or replaced; `closed` are letters whose replay was settled; `noted` the newest delivered position of watched keys.
    """

    lease: RouteLease
    offset: int
    finished: Sequence[tuple[int, int]]
    predictions: Sequence[Record] = ()
    parked: Sequence[ParkedDelivery] = ()
    unparked: Sequence[str] = ()
    letters: Sequence[DeadLetter] = ()
    closed: Sequence[ClosedLetter] = ()
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
    async def current(self, lease: StreamLease) -> bool:
        """Whether the lease still holds: nobody has moved the cursor or taken the stream over."""
        ...

    async def ingested(self, result: PageResult) -> None: ...
    async def read(
        self, part: int, after: int, limit: int, contracts: Sequence[str] = ()
    ) -> LogPage:
        """Records after an offset, of these contracts or all. Looks at a bounded stretch of the
        log a call: an empty page whose `upto` has moved on is not the end."""
        ...

    async def end(self) -> int: ...
    async def offset_at(self, instant: datetime) -> int:
        """The offset after which the records recorded at or after `instant` begin."""
        ...

    async def hashes(self, stream: StreamId, keys: Sequence[str]) -> Mapping[str, bytes]: ...


class Streams(Protocol):
    """Where the streams stand, and the operator's hand on them."""

    async def list(self) -> Sequence[StreamStatus]: ...
    async def noted(self, lease: StreamLease, state: StreamState, reason: str | None) -> None: ...
    async def move(self, stream: StreamId, cursor: Cursor | None) -> None:
        """Set the cursor. The epoch goes up: whoever reads the stream claims it again."""
        ...


class Routes(Protocol):
    """Where the routes stand."""

    async def claim(self, route: str, part: int, start: int) -> RouteLease:
        """`start` is the offset of a route that is new."""
        ...

    async def advanced(self, step: RouteStep) -> None: ...
    async def parked(self, route: str, part: int) -> Sequence[ParkedDelivery]:
        """The parked deliveries as they are stored: after a replay or a discard from outside."""
        ...

    async def watched(self, route: str) -> Mapping[str, Position | None]:
        """Message keys with open letters of the route, as in its lease."""
        ...

    async def list(self) -> Sequence[RouteStatus]: ...


class Letters(Protocol):
    """The dead letters, and what replay does to them."""

    async def list(
        self, where: LetterFilter, limit: int = 100, after: str | None = None
    ) -> Sequence[DeadLetter]:
        """Newest first; `after` is the id of the last one seen. Of a large raw row there is only
        the head (HEAD_BYTES): `whole` has all of it."""
        ...

    async def ids(self, where: LetterFilter) -> Sequence[str]:
        """All ids, oldest first: the order in which they would have gone."""
        ...

    async def whole(self, ids: Sequence[str], max_bytes: int) -> Sequence[DeadLetter]:
        """The letters of the first of these ids that there are, with whole bodies: at least one,
        and no more than fit into `max_bytes`. The caller asks again for the rest."""
        ...

    async def count(self, where: LetterFilter) -> int: ...
    async def counts(self) -> Mapping[str, int]:
        """Letters by state."""
        ...

    async def groups(self, where: LetterFilter) -> Sequence[LetterGroup]: ...
    async def discard(self, ids: Sequence[str], reason: str) -> int: ...
    async def failed(self, letters: Sequence[DeadLetter]) -> None:
        """A replay that failed at normalise: the letters stay open with their new reason."""
        ...

    async def mended(self, mends: Sequence[Mend]) -> Mapping[str, LetterState]:
        """Append the records and resolve their letters; those overtaken become superseded.
        Letters that are no longer open are left out of the answer: somebody else had them."""
        ...

    async def overtaken(self, mends: Sequence[Mend]) -> frozenset[str]:
        """Which of these letters `mended` would mark superseded."""
        ...

    async def returned(self, ids: Sequence[str], now: datetime, forced: bool) -> int:
        """Deliveries that go into their route again: park them as the first of their key, mark
        them replaying. The route settles them. Counts those that were still open."""
        ...


class Drifts(Protocol):
    """What streams did against their promise."""

    async def open(self, drift: Drift) -> None: ...
    async def close(
        self, id: str, state: Literal["accepted", "reverted"], by: str | None
    ) -> None: ...
    async def list(self, include_closed: bool = False) -> Sequence[Drift]: ...


class Revision(msgspec.Struct, frozen=True):
    """A text of the project that was taken in: which file, by whom, and what it said."""

    id: int
    at: datetime
    by: str
    place: str
    text: str


class Revisions(Protocol):
    """Every text that was ever taken in, so that it can be put back."""

    async def add(self, place: str, text: str, by: str, at: datetime) -> None:
        """Remember it, unless it is the last one remembered of its place."""
        ...

    async def list(self, place: str | None = None) -> Sequence[Revision]: ...


class Store(Protocol):
    """`wake` is told after every commit that another stage may wait for."""

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
    @property
    def revisions(self) -> Revisions: ...
    @property
    def wake(self) -> Wake: ...
    async def close(self) -> None: ...
