"""The tables of log and state.

The log has one index, its offset: a unique index on ids would cost most of the append rate, and
duplicates are prevented by the page sequence that is committed with the cursor. `body` holds a
noun of `gateway.types` as JSON; the columns beside it are those that SQL must look at.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
)
from sqlmodel import Field, SQLModel

# SQLite counts rows by `INTEGER PRIMARY KEY` alone; elsewhere an offset needs 64 bits.
OFFSET = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC (SQLite has no zones: the text there is UTC too)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert isinstance(value, datetime)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class LogRow(SQLModel, table=True):
    """One record. `key` is its message key."""

    __tablename__ = "log"
    __table_args__ = {"sqlite_autoincrement": True}

    offset: int | None = Field(default=None, sa_column=Column(OFFSET, primary_key=True))
    part: int
    contract: str
    key: str
    body: bytes = Field(sa_type=LargeBinary)


class StreamRow(SQLModel, table=True):
    """Where a stream is to be read from next, and what became of its rows so far."""

    __tablename__ = "stream"

    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    epoch: int = 0
    page: int = 0
    cursor: str | None = Field(default=None, sa_type=Text)
    shape: str | None = Field(default=None, sa_type=Text)
    state: str = "new"
    reason: str | None = Field(default=None, sa_type=Text)
    read: int = Field(default=0, sa_type=BigInteger)
    appended: int = Field(default=0, sa_type=BigInteger)
    letters: int = Field(default=0, sa_type=BigInteger)
    filtered: int = Field(default=0, sa_type=BigInteger)
    already_seen: int = Field(default=0, sa_type=BigInteger)
    unchanged: int = Field(default=0, sa_type=BigInteger)
    updated_at: datetime | None = Field(default=None, sa_type=Instant)


class HashRow(SQLModel, table=True):
    """The content hash of a key, in a stream that is also written to."""

    __tablename__ = "content_hash"

    source: str = Field(primary_key=True)
    stream: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    hash: bytes = Field(sa_type=LargeBinary)


class RouteRow(SQLModel, table=True):
    """A part of a route: everything up to `offset` is finished, and so are `ranges` above it."""

    __tablename__ = "route"

    route: str = Field(primary_key=True)
    part: int = Field(primary_key=True)
    epoch: int = 0
    offset: int = Field(sa_type=BigInteger)
    ranges: str = Field(default="[]", sa_type=Text)
    routed: int = Field(default=0, sa_type=BigInteger)
    delivered: int = Field(default=0, sa_type=BigInteger)
    degraded: int = Field(default=0, sa_type=BigInteger)
    letters: int = Field(default=0, sa_type=BigInteger)
    superseded: int = Field(default=0, sa_type=BigInteger)
    skipped: int = Field(default=0, sa_type=BigInteger)
    predictions: int = Field(default=0, sa_type=BigInteger)
    replayed: int = Field(default=0, sa_type=BigInteger)


class ParkedRow(SQLModel, table=True):
    """A delivery that waits. Those of a key go in the order of their offsets."""

    __tablename__ = "parked"
    __table_args__ = (Index("parked_in_order", "route", "part", "offset"),)

    route: str = Field(primary_key=True)
    delivery: str = Field(primary_key=True)
    part: int
    key: str
    offset: int = Field(sa_type=BigInteger)
    due_at: datetime = Field(sa_type=Instant)
    blocked: bool = False
    body: bytes = Field(sa_type=LargeBinary)


class LetterRow(SQLModel, table=True):
    """A dead letter. `log_end` is where the log ended when it was opened: what came after may
    have overtaken it. `raw` is a raw row's body, which may be large: lists read its head only."""

    __tablename__ = "letter"
    __table_args__ = (
        Index("letter_by_state", "state", "id"),
        Index("letter_by_cause", "fingerprint", "state"),
        Index("letter_by_key", "route", "key", "state"),
    )

    id: str = Field(primary_key=True)
    code: str
    detail: str = Field(sa_type=Text)
    fingerprint: str
    stage: str
    source: str
    stream: str
    route: str | None = None
    contract: str | None = None
    key: str | None = None
    state: str
    opened_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    resolution: str | None = Field(default=None, sa_type=Text)
    log_end: int = Field(sa_type=BigInteger)
    body: bytes = Field(sa_type=LargeBinary)
    raw: bytes | None = Field(default=None, sa_type=LargeBinary)


class WatchRow(SQLModel, table=True):
    """A key with an open letter of a route, and the newest position delivered on it since."""

    __tablename__ = "watch"

    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    position: str | None = Field(default=None, sa_type=Text)


class DriftRow(SQLModel, table=True):
    """A drift, open or closed."""

    __tablename__ = "drift"

    id: str = Field(primary_key=True)
    source: str
    stream: str
    state: str = Field(index=True)
    body: bytes = Field(sa_type=LargeBinary)


class RevisionRow(SQLModel, table=True):
    """A text of the project that was taken in."""

    __tablename__ = "revision"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    by: str
    place: str
    text: str = Field(sa_type=Text)


class MetaRow(SQLModel, table=True):
    """What is fixed when a log is made: `instance`, `parts`."""

    __tablename__ = "meta"

    name: str = Field(primary_key=True)
    value: str


def _columns(table: type[SQLModel]) -> Any:
    return table.__table__.c  # type: ignore[attr-defined]


# The columns, for statements: SQLModel's own attributes are typed as their values.
LOG = _columns(LogRow)
STREAM = _columns(StreamRow)
HASH = _columns(HashRow)
ROUTE = _columns(RouteRow)
PARKED = _columns(ParkedRow)
LETTER = _columns(LetterRow)
WATCH = _columns(WatchRow)
DRIFT = _columns(DriftRow)
REVISION = _columns(RevisionRow)
META = _columns(MetaRow)
