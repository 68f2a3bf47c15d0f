"""Looks at some rows of a page: which columns they have, of which kinds, and a trace of values.

Values are never remembered: only 32 bits of a hash, and their form (`a@a.a`, `9-9`), enough to
recognise a column under another name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from gateway.types import Operation, Page, RawRow

MAX_SAMPLED = 32
MAX_ROW_BYTES = 1 << 20
MAX_TRACED = 16
"""Rows whose values are traced; that costs more than all the rest."""

MAX_TRACES = 32
MAX_TEXT = 200

_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    datetime: "instant",
    date: "date",
    time: "time",
    timedelta: "duration",
    UUID: "uuid",
    bytes: "bytes",
    dict: "object",
    list: "list",
    tuple: "list",
}

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")


class Seen(msgspec.Struct):
    """What the sampled rows say of one column. `rows` counts those that have it."""

    rows: int = 0
    kinds: set[str] = msgspec.field(default_factory=set)
    values: set[int] = msgspec.field(default_factory=set)
    forms: set[str] = msgspec.field(default_factory=set)

    def add(self, value: Any, *, trace: bool) -> None:
        self.rows += 1
        if value is None:
            return
        self.kinds.add(kind(value))
        if trace and not isinstance(value, list | tuple | dict):
            self.values.add(_trace(value))
            self.forms.add(_form(value))


def sampled(page: Page) -> tuple[int, dict[str, Seen]]:
    """How many rows could be looked at, and what they say of each column."""
    seen: dict[str, Seen] = {}
    count = 0
    for row in _spread(page.rows):
        values = readable(row)
        if values is None:
            continue
        count += 1
        for name, value in values.items():
            if isinstance(name, str) and (name.isascii() or _encodable(name)):
                seen.setdefault(name, Seen()).add(value, trace=count <= MAX_TRACED)
    return count, seen


def lacking(page: Page, columns: set[str]) -> tuple[set[str], int]:
    """Which of these columns no row of the page has, and how many rows could be looked at."""
    left = set(columns)
    count = 0
    for row in page.rows:
        values = readable(row)
        if values is not None:
            count += 1
            left.difference_update(values)
            if not left:
                break
    return left, count


def readable(row: RawRow) -> Mapping[Any, Any] | None:
    """The row's columns; None for what says nothing of the shape: deletes and bad rows."""
    body: Any = row.body
    if not isinstance(body, bytes):
        return body if isinstance(body, Mapping) and row.operation is Operation.UPSERT else None
    if row.operation is Operation.DELETE or len(body) > MAX_ROW_BYTES:
        return None
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def kind(value: Any) -> str:
    """The kind of a value, as JSON and SQL tell kinds apart."""
    found = _KINDS.get(type(value))
    if found is None:
        found = next((name for type_, name in _KINDS.items() if isinstance(value, type_)), "other")
    return found


def samples(page: Page, count: int) -> list[dict[str, Any]]:
    """Rows of the page as JSON can hold them, long text cut, for a person to look at."""
    found: list[dict[str, Any]] = []
    for row in page.rows:
        if len(found) == count:
            break
        values = readable(row)
        if values is not None:
            found.append({_plain(str(name)): _plain(value) for name, value in values.items()})
    return found


def _spread(rows: Sequence[RawRow]) -> Iterator[RawRow]:
    step = max(1, len(rows) // MAX_SAMPLED)
    return (rows[index] for index in range(0, len(rows), step))


def _encodable(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _text(value: Any) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except Exception:  # noqa: BLE001 — a huge integer, a foreign class: no trace, no harm
        return type(value).__name__


def _trace(value: Any) -> int:
    hashed = hashlib.blake2b(_text(value).encode(errors="replace"), digest_size=4)
    return int.from_bytes(hashed.digest())


def _form(value: Any) -> str:
    text = _LETTERS.sub("a", _text(value)[:40])
    return _DIGITS.sub("9", text)[:12]


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        cut = value.encode(errors="replace").decode()
        return cut if len(cut) <= MAX_TEXT else cut[: MAX_TEXT - 1] + "…"
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else _text(value)
    if depth < 4 and isinstance(value, Mapping):
        return {
            _plain(str(name)): _plain(each, depth + 1) for name, each in list(value.items())[:50]
        }
    if depth < 4 and isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value[:20]]
    return _text(value)
