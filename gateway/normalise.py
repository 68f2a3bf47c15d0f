"""Normalise: a page of raw rows becomes records and dead letters. Pure.

Every row becomes exactly one of the two, in the rows' order, whatever it holds: nothing a source
sends makes this raise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.config.model import Limits
from gateway.program import Program, Rejected
from gateway.retry import fingerprint
from gateway.rows import (
    JSON_MEDIA_TYPE,
    ROW_MEDIA_TYPE,
    RowError,
    check_values,
    decode,
    encode,
    read,
)
from gateway.types import (
    NO_DATA,
    Attempt,
    DeadLetter,
    Operation,
    Page,
    Position,
    RawRow,
    RawSubject,
    Record,
    StreamId,
)

FLOOD_MIN_ROWS = 100
FLOOD_SAMPLES = 5


class Normalised(msgspec.Struct, frozen=True):
    """What became of a page: len(records) + len(letters) = rows."""

    records: list[Record]
    letters: list[DeadLetter]


class Flood(msgspec.Struct, frozen=True):
    """At least half of a page fails for one cause: the source or the mapping is at fault, not the
    rows. The caller holds the stream at its cursor and shows the samples."""

    fingerprint: str
    code: str
    detail: str
    letters: int
    rows: int
    samples: tuple[DeadLetter, ...]


def normalise(
    page: Page,
    program: Program,
    *,
    page_seq: int,
    generation: int = 0,
    now: datetime,
    ids: Callable[[], str],
    limits: Limits,
) -> Normalised:
    """Run the program over a page. `page_seq` is the page's sequence number in its stream, `ids`
    makes the letters' ids, `generation` is above 0 where positions are normalised anew."""
    records: list[Record] = []
    letters: list[DeadLetter] = []
    stream = str(page.stream)
    for index, row in enumerate(page.rows):
        position = Position(stream, page_seq, index)
        try:
            records.append(_record(row, position, page.stream, program, generation, now, limits))
        except Rejected as reason:
            letter = _letter(ids(), _subject(row, position, page.stream), reason, program, now)
            letters.append(msgspec.structs.replace(letter, key=_key(row, program, limits)))
    return Normalised(records, letters)


def normalise_row(
    subject: RawSubject,
    program: Program,
    *,
    generation: int,
    caused_by: str | None,
    now: datetime,
    limits: Limits,
) -> Record:
    """One kept row again, as a replay needs it. Raises Rejected where it still cannot go on."""
    body: Any = subject.body
    if subject.media_type == ROW_MEDIA_TYPE:
        try:
            body = decode(subject.body) if subject.body else {}
        except RecursionError:
            raise Rejected("row_too_deep", "the kept row is nested too deep to be read") from None
        except ValueError as error:
            raise Rejected("row_not_json", f"the kept row cannot be read: {error}") from None
    row = RawRow(body, subject.operation, subject.key, subject.version, subject.at)
    record = _record(row, subject.position, subject.stream, program, generation, now, limits)
    return msgspec.structs.replace(record, caused_by=caused_by)


def renormalise(
    letter: DeadLetter, program: Program, *, generation: int = 1, now: datetime, limits: Limits
) -> Record | DeadLetter:
    """A letter of ingest through today's program: its record, or the letter with today's reason.

    The record keeps the row's position and is linked to the letter by `caused_by`.
    """
    subject = letter.subject
    if not isinstance(subject, RawSubject):
        raise TypeError(f"letter {letter.id} is no letter of a raw row")
    try:
        return normalise_row(
            subject, program, generation=generation, caused_by=letter.id, now=now, limits=limits
        )
    except Rejected as reason:
        again = _letter(letter.id, subject, reason, program, now)
        return msgspec.structs.replace(
            again,
            key=letter.key,
            opened_at=letter.opened_at,
            attempts=(*letter.attempts, *again.attempts),
        )


def flood(normalised: Normalised) -> Flood | None:
    """Whether one cause fails half of a page of a hundred rows or more."""
    rows = len(normalised.records) + len(normalised.letters)
    if rows < FLOOD_MIN_ROWS or len(normalised.letters) * 2 < rows:
        return None
    counted = Counter(letter.fingerprint for letter in normalised.letters)
    fingerprint, count = counted.most_common(1)[0]
    if count * 2 < rows:
        return None
    alike = [letter for letter in normalised.letters if letter.fingerprint == fingerprint]
    return Flood(
        fingerprint=fingerprint,
        code=alike[0].code,
        detail=alike[0].detail,
        letters=count,
        rows=rows,
        samples=tuple(alike[:FLOOD_SAMPLES]),
    )


def _record(
    row: RawRow,
    position: Position,
    stream: StreamId,
    program: Program,
    generation: int,
    now: datetime,
    limits: Limits,
) -> Record:
    data = NO_DATA
    operation = row.operation
    key, version, at = row.key, row.version, row.at
    if key is None or operation is Operation.UPSERT:
        values = _values(row.body, limits)
        try:
            if key is None:
                key = program.key(values)
            if version is None:
                version = program.version(values)
            if at is None:
                at = program.at(values)
            if operation is Operation.UPSERT:
                if program.deleted(values):
                    operation = Operation.DELETE
                else:
                    data = msgspec.Raw(program.accepted(values))
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            # A value of a kind that no driver should hand over; the row must not stop the page.
            raise Rejected(
                "row_unusable",
                f"a value of the row breaks its mapping ({type(error).__name__})",
                kind=type(error).__name__,
            ) from error
    return Record(
        position,
        generation,
        stream,
        key,
        program.ref,
        operation,
        data,
        now,
        version,
        at,
    )


def _values(body: Any, limits: Limits) -> Mapping[str, Any]:
    try:
        if isinstance(body, bytes):
            return read(body, max_bytes=limits.max_row_bytes, max_depth=limits.max_depth)
        if not isinstance(body, Mapping):
            raise RowError("row_not_object", f"the row is a {type(body).__name__}, not a mapping")
        check_values(body, limits.max_depth)
        return body
    except RowError as error:
        raise Rejected(error.code, error.detail) from None


def _key(row: RawRow, program: Program, limits: Limits) -> str | None:
    """The key of a row that cannot go on, where it can be had: operators look for it."""
    if row.key is not None:
        return row.key
    try:
        return program.key(_values(row.body, limits))
    except (Rejected, ArithmeticError, RecursionError, TypeError, ValueError):
        return None


def _subject(row: RawRow, position: Position, stream: StreamId) -> RawSubject:
    raw = isinstance(row.body, bytes)
    return RawSubject(
        position=position,
        stream=stream,
        body=row.body if isinstance(row.body, bytes) else encode(row.body),
        media_type=JSON_MEDIA_TYPE if raw else ROW_MEDIA_TYPE,
        operation=row.operation,
        key=row.key,
        version=row.version,
        at=row.at,
    )


def _letter(
    id: str, subject: RawSubject, reason: Rejected, program: Program, now: datetime
) -> DeadLetter:
    return DeadLetter(
        id=id,
        code=reason.code,
        detail=reason.detail,
        fingerprint=fingerprint(
            reason.code, str(subject.stream), program.ref, reason.path, reason.kind
        ),
        subject=subject,
        opened_at=now,
        attempts=(Attempt(now, reason.code, reason.detail),),
        contract=program.ref,
    )
