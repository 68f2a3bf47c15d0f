"""A decoded row as bytes, so that a dead letter can keep it and give it back with its types.

JSON in which what JSON has no word for is an object of one member, a tag that begins with `$`:

    {"id": 7, "paid": {"$decimal": "12.50"}, "at": {"$datetime": "2026-01-31T12:00:00+00:00"}}

Tags: $decimal $datetime $date $time $timedelta (days, seconds, microseconds) $uuid $bytes (base64)
$float (nan, inf, -inf) $int (hexadecimal, beyond 64 bits) $tuple. An object that could be taken
for a tag, or whose names are not all text, is {"$object": [[name, value], …]}. A value of another
type is kept as its text, {"$other": [type, text]}, and comes back as that text.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

ROW_MEDIA_TYPE = "application/vnd.headrace.row+json"

MAX_DEPTH = 10_000
"""Beyond this only the type is kept: such a value refers to itself."""


def encode(row: Any) -> bytes:
    """The row as tagged JSON, in ASCII. Never raises for a row made of values."""
    pieces: list[str] = []
    # Not recursive: a row that is too deep is the very one that must be kept.
    open_containers: list[Iterator[tuple[str, Any]]] = [iter((("", row),))]
    closing = [""]
    while open_containers:
        entry = next(open_containers[-1], None)
        if entry is None:
            open_containers.pop()
            pieces.append(closing.pop())
            continue
        prefix, value = entry
        pieces.append(prefix)
        leaf = _leaf(value)
        if leaf is not None:
            pieces.append(leaf)
        elif len(closing) > MAX_DEPTH:
            pieces.append(_other(type(value), "nested too deep"))
        else:
            start, entries, end = _container(value)
            pieces.append(start)
            open_containers.append(entries)
            closing.append(end)
    return "".join(pieces).encode("ascii")


def decode(body: bytes) -> Any:
    """The row that `encode` was given. Raises ValueError for anything else, RecursionError
    for one that is nested too deep to be read at all."""
    return json.loads(body, object_hook=_untagged, parse_constant=_no_constant)


def _container(value: Any) -> tuple[str, Iterator[tuple[str, Any]], str]:
    if isinstance(value, Mapping):
        if all(type(name) is str for name in value) and not _like_a_tag(value):
            return "{", _members(value), "}"
        return '{"$object":[', _separated([list(pair) for pair in value.items()]), "]}"
    if isinstance(value, tuple):
        return '{"$tuple":[', _separated(value), "]}"
    return "[", _separated(value), "]"


def _like_a_tag(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def _members(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    comma = ""
    for name, inner in value.items():
        yield f"{comma}{json.dumps(name)}:", inner
        comma = ","


def _separated(values: Any) -> Iterator[tuple[str, Any]]:
    comma = ""
    for inner in values:
        yield comma, inner
        comma = ","


def _tag(name: str, text: str) -> str:
    return f'{{"${name}":{json.dumps(text)}}}'


def _moment(name: str, value: datetime | time) -> str:
    # `fold` tells the two hours apart that clocks show when they go back (PEP 495).
    if value.fold:
        return f'{{"${name}":[{json.dumps(value.isoformat())},1]}}'
    return _tag(name, value.isoformat())


def _folded(kind: type[datetime | time], text: Any) -> datetime | time:
    if isinstance(text, list):
        return kind.fromisoformat(text[0]).replace(fold=text[1])
    return kind.fromisoformat(text)


def _other(kind: type, text: str) -> str:
    return f'{{"$other":[{json.dumps(kind.__qualname__)},{json.dumps(text)}]}}'


def _number(value: float) -> str:
    text = float.__repr__(value)  # a subclass may show itself otherwise
    return text if math.isfinite(value) else _tag("float", text)


def _integer(value: int) -> str:
    return int.__repr__(value) if -(2**63) <= value < 2**64 else _tag("int", hex(value))


_LEAVES: Mapping[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    str: json.dumps,
    int: _integer,
    float: _number,
    Decimal: lambda value: _tag("decimal", str(value)),
    datetime: lambda value: _moment("datetime", value),
    date: lambda value: _tag("date", value.isoformat()),
    time: lambda value: _moment("time", value),
    timedelta: lambda value: (
        f'{{"$timedelta":[{value.days},{value.seconds},{value.microseconds}]}}'
    ),
    UUID: lambda value: _tag("uuid", str(value)),
    bytes: lambda value: _tag("bytes", base64.b64encode(value).decode()),
    bytearray: lambda value: _tag("bytes", base64.b64encode(value).decode()),
    memoryview: lambda value: _tag("bytes", base64.b64encode(value).decode()),
}


def _leaf(value: Any) -> str | None:
    """The text of a value that is no container, None for one that is."""
    known = _LEAVES.get(type(value))
    if known is not None:
        return known(value)
    if isinstance(value, Mapping | list | tuple):
        return None
    for kind, write in _LEAVES.items():
        # A driver's own string or datetime: as good as the type it extends.
        if isinstance(value, kind):
            try:
                return write(value)
            except Exception:  # noqa: BLE001 — somebody else's class; its text will do
                break
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 — likewise
        text = "cannot be shown"
    return _other(type(value), text)


_TAGS: Mapping[str, Callable[[Any], Any]] = {
    "$decimal": Decimal,
    "$datetime": lambda text: _folded(datetime, text),
    "$date": date.fromisoformat,
    "$time": lambda text: _folded(time, text),
    "$timedelta": lambda parts: timedelta(*parts),
    "$uuid": UUID,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$float": float,
    "$int": lambda text: int(text, 16),
    "$tuple": tuple,
    "$object": lambda pairs: {name: value for name, value in pairs},  # noqa: C416 — must be pairs
    "$other": lambda parts: parts[1],
}


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((tag, inner),) = value.items()
    if not tag.startswith("$"):
        return value
    try:
        return _TAGS[tag](inner)
    except (KeyError, TypeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{tag} is not a tag with a value of its type") from error


def _no_constant(literal: str) -> Any:
    raise ValueError(f"{literal} is not JSON")
