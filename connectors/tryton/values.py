"""Tryton's typed JSON, both ways (trytond/protocols/jsonrpc.py).

What JSON has no word for is an object with `__class__`: Decimal, date, datetime, time, timedelta,
bytes. Instants are naive on the wire and mean UTC: trytond sets its own process to UTC.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

from gateway.errors import DriftError

CLASS = "__class__"


def loads(body: bytes) -> Any:
    """A body with its values decoded. Raises ValueError where it is no JSON, DriftError for a
    `__class__` that nobody has told us about."""
    try:
        raw = msgspec.json.decode(body)
    except msgspec.DecodeError:
        # Python's own encoder, which trytond uses, writes NaN and Infinity for such floats.
        raw = json.loads(body)
    return decode(raw)


def dumps(value: Any) -> bytes:
    """A body with its values tagged. Raises TypeError for a value that Tryton has no type for."""
    return msgspec.json.encode(encode(value))


def decode(value: Any) -> Any:
    """Tagged JSON as Python values; instants are aware, in UTC."""
    if isinstance(value, dict):
        if CLASS in value:
            return _untagged(value)
        return {name: decode(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    return value


def encode(value: Any) -> Any:
    """Python values as tagged JSON. A naive instant is taken for UTC."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return {CLASS: "Decimal", "decimal": str(value)}
        case datetime():
            at = value.astimezone(UTC) if value.tzinfo else value
            return {
                CLASS: "datetime", "year": at.year, "month": at.month, "day": at.day,
                "hour": at.hour, "minute": at.minute, "second": at.second,
                "microsecond": at.microsecond,
            }  # fmt: skip
        case date():
            return {CLASS: "date", "year": value.year, "month": value.month, "day": value.day}
        case time():
            return {
                CLASS: "time", "hour": value.hour, "minute": value.minute,
                "second": value.second, "microsecond": value.microsecond,
            }  # fmt: skip
        case timedelta():
            return {CLASS: "timedelta", "seconds": value.total_seconds()}
        case bytes() | bytearray() | memoryview():
            return {CLASS: "bytes", "base64": base64.b64encode(value).decode()}
        case UUID():
            return str(value)
        case Mapping():
            return {str(name): encode(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [encode(inner) for inner in value]
    raise TypeError(f"Tryton has no type for {type(value).__name__}")


def _untagged(value: dict[str, Any]) -> Any:
    try:
        match value[CLASS]:
            case "Decimal":
                return Decimal(value["decimal"])
            case "datetime":
                return datetime(**_fields(value), tzinfo=UTC)
            case "date":
                return date(**_fields(value))
            case "time":
                return time(**_fields(value))
            case "timedelta":
                return timedelta(seconds=value["seconds"])
            case "bytes":
                return base64.b64decode(value["base64"])
    except (TypeError, ValueError, KeyError, InvalidOperation, OverflowError, binascii.Error) as e:
        raise DriftError(
            f"Tryton sent a value of class {value[CLASS]!r} that cannot be read: {e!r}.",
            code="value_unreadable",
        ) from None
    raise DriftError(
        f"Tryton sent a value of class {value[CLASS]!r}, which this connector does not know.",
        mend="Leave that field out of `fields`, or update the connector.",
        code="value_class_unknown",
    )


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name != CLASS}
