"""The nouns. Frozen, small, and imported by everyone; they import nothing of the gateway.

Structs are msgspec's because a page makes hundreds of them: they cost a fifth of a frozen
dataclass, and encode to JSON without a detour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

RowValue: TypeAlias = Any
"""What a source may hand over in a decoded row: str, bytes, int, float, Decimal, bool, None,
date, time, datetime, timedelta, UUID, and lists and string-keyed mappings of these."""

Cursor: TypeAlias = Mapping[str, Any]
"""Where a stream is to be read from next. JSON-encodable; opaque to all but its connector."""


class Operation(StrEnum):
    UPSERT = "upsert"
    DELETE = "delete"


class StreamId(msgspec.Struct, frozen=True, order=True):
    """One kind of row in one configured system: (`erp`, `party.party`)."""

    source: str
    stream: str

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}"


class Position(msgspec.Struct, frozen=True, order=True):
    """Where a row was first read. Fixed then, never recomputed; totally ordered within a stream.

    `stream` is `source/stream` for rows of a source and `@route` for what a route produced.
    """

    stream: str
    page: int
    row: int

    def __str__(self) -> str:
        return f"{self.stream}/{self.page}/{self.row}"


def newer(one: Position | None, other: Position | None) -> bool:
    """Whether `one` was read after `other`. Positions are ordered within a stream only: elsewhere
    nothing is newer than anything. None stands for what was never read."""
    if one is None:
        return False
    return other is None or (one.stream == other.stream and one > other)


class RawRow(msgspec.Struct, frozen=True):
    """One row untouched.

    `body` is the bytes as they came, or the decoded row where the system speaks in values
    (a database driver). `key` is set only when the row itself cannot be asked for it through
    the mapping, as with a delete that names nothing but the key.
    """

    body: bytes | Mapping[str, RowValue]
    operation: Operation = Operation.UPSERT
    key: str | None = None
    version: str | None = None
    at: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """What a connector yields: rows, and the cursor after them. The unit of flow.

    `fields` is the shape the system itself declares for the page (column name to type name),
    where it declares one; drift is then seen before the first row of the new shape. A page
    without rows is not the end: it moves the cursor and the reading goes on.
    `read` counts the rows the system sent, `already_seen` those the connector dropped because
    an overlap window had shown them before: read = len(rows) + already_seen.
    """

    stream: StreamId
    rows: Sequence[RawRow]
    cursor: Cursor
    fields: Mapping[str, str] | None = None
    already_seen: int = 0


NO_DATA = msgspec.Raw(b"null")
"""The data of a delete."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One normalised event on the log: envelope and contract data.

    `data` is the contract's JSON, encoded once; NO_DATA for a delete. `stream` and `key` name the
    business entity (for a prediction: the entity it is about), `position` the first reading.
    `hops` counts the model answers in this record's lineage; deeper than five is a loop.
    """

    position: Position
    generation: int
    stream: StreamId
    key: str
    contract: str
    operation: Operation
    data: msgspec.Raw
    recorded_at: datetime
    version: str | None = None
    event_at: datetime | None = None
    caused_by: str | None = None
    hops: int = 0

    @property
    def id(self) -> str:
        return f"{self.position}.{self.generation}"

    @property
    def message_key(self) -> str:
        return message_key(self.stream, self.key)


class LoggedRecord(msgspec.Struct, frozen=True):
    """A record and its place on the log."""

    offset: int
    record: Record


class Attempt(msgspec.Struct, frozen=True):
    at: datetime
    code: str
    detail: str


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record on its way along a route. `id` is the idempotency key: it never changes."""

    route: str
    offset: int
    record: Record
    attempts: tuple[Attempt, ...] = ()
    letter: str | None = None
    """The dead letter this delivery was replayed from, if any."""
    spared: bool = False
    """It has failed without an answer before, and was not charged for it."""
    forced: bool = False
    """An operator wants it delivered even though its key has moved on."""

    @property
    def id(self) -> str:
        return f"{self.record.id}@{self.route}"


class RawSubject(msgspec.Struct, frozen=True, tag="raw_row"):
    """The subject of a letter of ingest: re-enters at normalise.

    `body` is the row's bytes as they came; where the system handed over values, their tagged
    JSON (`gateway.rows`), so that the row comes back with its types.
    """

    position: Position
    stream: StreamId
    body: bytes
    media_type: str
    operation: Operation
    key: str | None = None
    version: str | None = None
    at: datetime | None = None


class DeliverySubject(msgspec.Struct, frozen=True, tag="delivery"):
    """The subject of a letter of delivery: re-enters its own route."""

    delivery: Delivery


Subject: TypeAlias = RawSubject | DeliverySubject


class LetterState(StrEnum):
    OPEN = "open"
    REPLAYING = "replaying"
    RESOLVED = "resolved"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class DeadLetter(msgspec.Struct, frozen=True):
    """What cannot go on: its subject and a reason a person can act on.

    `code` is stable and of low cardinality, `detail` a sentence that says what, where and how
    to mend, `fingerprint` groups letters of one cause (`v1:` and 16 hex digits).
    """

    id: str
    code: str
    detail: str
    fingerprint: str
    subject: Subject
    opened_at: datetime
    attempts: tuple[Attempt, ...] = ()
    state: LetterState = LetterState.OPEN
    closed_at: datetime | None = None
    resolution: str | None = None
    contract: str | None = None
    key: str | None = None
    """The entity's key, where it is known: operators look for it."""

    @property
    def stage(self) -> Literal["normalise", "deliver"]:
        return "normalise" if isinstance(self.subject, RawSubject) else "deliver"


class Delivered(msgspec.Struct, frozen=True):
    """The endpoint has it. `answer` is what a model said, to become a prediction record."""

    receipt: str | None = None
    answer: Mapping[str, Any] | None = None
    degraded: bool = False


class Later(msgspec.Struct, frozen=True):
    """Not now. `after` is the least wait in seconds that the other side asked for.

    With `costs_attempt` the failure is this record's and it parks; without, the endpoint is
    unavailable, the whole route holds, and nothing is spent. `unanswered` says that no answer
    came, so that nobody knows whose fault it was: the first time costs nothing.
    """

    code: str
    detail: str
    after: float | None = None
    costs_attempt: bool = False
    unanswered: bool = False


class Refused(msgspec.Struct, frozen=True):
    """Never: the same input will always get the same answer."""

    code: str
    detail: str


Outcome: TypeAlias = Delivered | Later | Refused


class Done(msgspec.Struct, frozen=True):
    outcome: Delivered


class Again(msgspec.Struct, frozen=True):
    """Try at `due_at`. `holds_route` says that everybody waits, not only this key."""

    due_at: datetime
    holds_route: bool
    delivery: Delivery
    code: str
    detail: str


Settled: TypeAlias = Done | Again | DeadLetter


class Write(msgspec.Struct, frozen=True):
    """One row for a sink: the fields to set on the row that `key` names in its stream.

    `delivery_id` is the idempotency key. `operation` delete asks for the row's removal.
    """

    delivery_id: str
    key: Mapping[str, RowValue]
    fields: Mapping[str, RowValue]
    operation: Operation = Operation.UPSERT


class FieldSchema(msgspec.Struct, frozen=True):
    """A column as the system declares it. `type` is the system's own name for it."""

    name: str
    type: str
    nullable: bool = True
    key: bool = False
    description: str | None = None


class StreamSchema(msgspec.Struct, frozen=True):
    """What `discover` offers for one stream."""

    name: str
    fields: tuple[FieldSchema, ...]
    description: str | None = None
    writable: bool = False


class Checked(msgspec.Struct, frozen=True):
    """One thing that `check` looked at, and what it found, for a person to read."""

    subject: str
    ok: bool
    detail: str


def message_key(stream: StreamId, key: str) -> str:
    """The canonical JSON of [source, stream, key]: the ordering key, and Kafka's message key."""
    return msgspec.json.encode([stream.source, stream.stream, key]).decode()
