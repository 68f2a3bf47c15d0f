"""What the HTTP surface shows of the nouns: flat, stable, with raw bytes as text where they are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from gateway.types import (
    Attempt,
    DeadLetter,
    LetterState,
    LoggedRecord,
    Operation,
    RawSubject,
    Record,
)

MAX_SHOWN_BYTES = 256 << 10


class LetterView(msgspec.Struct, frozen=True):
    """A dead letter without its bytes, as lists show it."""

    id: str
    state: LetterState
    stage: Literal["normalise", "deliver"]
    code: str
    detail: str
    fingerprint: str
    source: str
    stream: str
    route: str | None
    key: str | None
    contract: str | None
    position: str
    attempts: int
    opened_at: datetime
    closed_at: datetime | None
    resolution: str | None


class Raw(msgspec.Struct, frozen=True):
    """Bytes as they came: `text` where they are UTF-8, else `base64`. Cut above 256 KiB, where
    `…/raw` still has them whole."""

    media_type: str
    size_bytes: int
    truncated: bool
    text: str | None = None
    base64: str | None = None


class RecordView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record as a CloudEvents 1.0 JSON event: `type` is the contract, `source` the stream,
    `subject` the key. The extensions carry its place on the log and its lineage."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    offset: int | None
    operation: Operation
    position: str
    generation: int
    hops: int
    data: msgspec.Raw
    specversion: str = msgspec.field(default_factory=lambda: "1.0")
    datacontenttype: str = msgspec.field(default_factory=lambda: "application/json")
    version: str | None = None
    eventtime: datetime | None = None
    causedby: str | None = None


class LetterDetail(msgspec.Struct, frozen=True):
    """A dead letter with everything that is known of it."""

    letter: LetterView
    raw: Raw
    attempts: Sequence[Attempt]
    record: RecordView | None
    """The record of a letter of delivery."""


def letter_view(letter: DeadLetter) -> LetterView:
    subject = letter.subject
    if isinstance(subject, RawSubject):
        stream, position, route = subject.stream, subject.position, None
    else:
        record = subject.delivery.record
        stream, position = record.stream, record.position
        route = subject.delivery.route
    return LetterView(
        id=letter.id,
        state=letter.state,
        stage=letter.stage,
        code=letter.code,
        detail=letter.detail,
        fingerprint=letter.fingerprint,
        source=stream.source,
        stream=stream.stream,
        route=route,
        key=letter.key,
        contract=letter.contract,
        position=str(position),
        attempts=len(letter.attempts),
        opened_at=letter.opened_at,
        closed_at=letter.closed_at,
        resolution=letter.resolution,
    )


def letter_detail(letter: DeadLetter) -> LetterDetail:
    body, media_type = letter_bytes(letter)
    subject = letter.subject
    record = None
    if not isinstance(subject, RawSubject):
        record = record_view(subject.delivery.record, subject.delivery.offset)
    return LetterDetail(letter_view(letter), raw(body, media_type), letter.attempts, record)


def letter_bytes(letter: DeadLetter) -> tuple[bytes, str]:
    """What the letter is about, and its media type: the raw row, or the record's data."""
    if isinstance(letter.subject, RawSubject):
        return letter.subject.body, letter.subject.media_type
    return bytes(letter.subject.delivery.record.data), "application/json"


def raw(body: bytes, media_type: str) -> Raw:
    cut = body[:MAX_SHOWN_BYTES]
    truncated = len(body) > len(cut)
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        # A cut may fall within a character; anything else is not text.
        if not truncated or error.start < len(cut) - 4:
            encoded = base64.b64encode(cut).decode()
            return Raw(media_type, len(body), truncated, base64=encoded)
        text = cut[: error.start].decode()
    return Raw(media_type, len(body), truncated, text=text)


def record_view(record: Record, offset: int | None) -> RecordView:
    return RecordView(
        id=record.id,
        source=str(record.stream),
        type=record.contract,
        subject=record.key,
        time=record.recorded_at,
        offset=offset,
        operation=record.operation,
        position=str(record.position),
        generation=record.generation,
        hops=record.hops,
        data=record.data,
        version=record.version,
        eventtime=record.event_at,
        causedby=record.caused_by,
    )


def logged_view(logged: LoggedRecord) -> RecordView:
    return record_view(logged.record, logged.offset)
