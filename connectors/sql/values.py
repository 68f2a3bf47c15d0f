"""A database's values as the plain values that a raw row holds, and the fingerprint of a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

Decode = Callable[[Any], Any]

PLAIN = (str, int, float, bool, bytes, Decimal, datetime, date, time, timedelta)


def parsed_json(text: Any) -> Any:
    """JSON with exact numbers. What Python cannot hold (nested too deep, a number of thousands of
    digits) stays text, for the contract to judge."""
    if not isinstance(text, str | bytes):
        return text
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        return text


def temporal(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Decode a stamp's text. `infinity`, years before Christ or beyond 9999 and `24:00` have no
    Python value: they stay text, so that the contract says which stamp it would not take."""

    def decode(text: str) -> Any:
        try:
            return parse(text)
        except ValueError:
            return text

    return decode


TEXT_CODECS: Mapping[str, Callable[[str], Any]] = {
    "timestamptz": temporal(datetime.fromisoformat),
    "timestamp": temporal(datetime.fromisoformat),
    "date": temporal(date.fromisoformat),
    "time": temporal(time.fromisoformat),
    "timetz": temporal(time.fromisoformat),
    # An interval's months do not fit a timedelta; as ISO 8601 text nothing is made up.
    "interval": str,
    "uuid": UUID,
    "numeric": Decimal,
}
"""PostgreSQL types that are taken as text, since asyncpg's own decoding fails on or bends some."""


def decoder(declared: str, dialect: str) -> Decode | None:
    """How a column's values are made plain, or None where they come so."""
    base = declared.lower()
    if dialect == "postgresql":
        return None if base in POSTGRES_PLAIN else plain
    if base == "json":
        return parsed_json
    if base == "timestamp" and dialect in {"mysql", "mariadb"}:
        return _in_utc
    return None if dialect == "sqlite" else plain


def _in_utc(value: Any) -> Any:
    """MySQL keeps a TIMESTAMP in UTC and, in our sessions, shows it so; the driver drops the zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else plain(value)


POSTGRES_PLAIN = {
    "smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "text",
    "character varying", "character", "bytea", "json", "jsonb", "uuid", "date", "timestamp without time zone",
    "timestamp with time zone", "time without time zone", "time with time zone", "interval",
}  # fmt: skip


def plain(value: Any) -> Any:
    """A driver's value as a plain one: lists for arrays and ranges ([lower, upper, bounds], empty
    for the empty range), a mapping for a composite value, text for what else there is."""
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if hasattr(value, "lower_inc") and hasattr(value, "isempty"):
        if value.isempty:
            return []
        bounds = ("[" if value.lower_inc else "(") + ("]" if value.upper_inc else ")")
        return [plain(value.lower), plain(value.upper), bounds]
    if isinstance(value, UUID):
        return UUID(int=value.int)
    if hasattr(value, "as_string"):
        return value.as_string()
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if hasattr(value, "items"):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return str(value)


def fingerprint(values: Sequence[Any]) -> str:
    """Twelve bytes that tell one content from another."""
    digest = blake2b(repr(values).encode(errors="surrogatepass"), digest_size=12)
    return base64.b64encode(digest.digest()).decode()


def written(value: Any) -> str | None:
    """A value as the text PostgreSQL reads it from, to be cast to the column's type."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
    if isinstance(value, list | tuple | Mapping):
        return as_json(value)
    return str(value)


def array_literal(value: Sequence[Any]) -> str:
    """A list as PostgreSQL writes arrays: `{1,NULL,"a b"}`."""

    def element(inner: Any) -> str:
        if inner is None:
            return "NULL"
        if isinstance(inner, list | tuple):
            return array_literal(inner)
        text = (written(inner) or "").replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'

    return "{" + ",".join(element(inner) for inner in value) + "}"


def as_json(value: Any) -> str:
    """JSON text of a value, its decimals as numbers with every digit."""
    return _Numbers().encode(value)


class _Numbers(json.JSONEncoder):
    """Decimals are written as they are, which the standard encoder cannot."""

    def encode(self, value: Any) -> str:
        if isinstance(value, Decimal):
            return str(value) if value.is_finite() else json.dumps(str(value))
        if isinstance(value, Mapping):
            members = (f"{json.dumps(str(k))}: {self.encode(v)}" for k, v in value.items())
            return "{" + ", ".join(members) + "}"
        if isinstance(value, list | tuple):
            return "[" + ", ".join(self.encode(inner) for inner in value) + "]"
        if value is None or isinstance(value, bool | int | float | str):
            return json.dumps(value)
        return json.dumps(written(value))


def as_stamp(value: Any) -> datetime | None:
    """The instant a value stands for, where it names one with its zone."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
