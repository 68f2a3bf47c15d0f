"""Values as a field of Tryton takes them, from what a mapping made of a record.

Tryton refuses a float for a Numeric and a text for a Date; a record's JSON has neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any


class NotTaken(ValueError):
    """The field does not take this value; the text says what it takes."""


def coerce(value: Any, definition: Mapping[str, Any], reference: str | None = None) -> Any:
    """The value for a field of this definition. `reference` is the model that an id alone means,
    in a reference field. Raises NotTaken."""
    if value is None:
        return None
    kind = definition["type"]
    convert = _CONVERTERS.get(kind)
    if convert is None:
        raise NotTaken(f"a {kind}, which cannot be written from a record")
    try:
        return _reference(value, reference) if kind == "reference" else convert(value, definition)
    except (TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, NotTaken):
            raise
        raise NotTaken(_TAKES.get(kind, kind)) from None


def same(value: Any, stored: Any, definition: Mapping[str, Any]) -> bool:
    """Whether writing `value` would change nothing."""
    match definition["type"]:
        case "boolean":
            return bool(value) == bool(stored)
        case "char" | "text" | "fulltext":
            # An empty text and none look alike to people, and some fields store one for the other.
            return (value or "") == (stored or "")
        case "many2many" | "multiselection":
            return set(value or ()) == set(stored or ())
    return bool(value == stored)


def command(value: Any, stored: Any, definition: Mapping[str, Any]) -> Any:
    """The value as `create` and `write` want it: lists of rows are changed by commands."""
    if definition["type"] != "many2many":
        return value
    wanted, there = set(value or ()), set(stored or ())
    changes = [["add", sorted(wanted - there)], ["remove", sorted(there - wanted)]]
    return [change for change in changes if change[1]]


def _text(value: Any, definition: Mapping[str, Any]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | date):
        raise NotTaken("text")
    text = value.isoformat() if isinstance(value, date) else str(value)
    match definition.get("strip"):
        case True:
            return text.strip()
        case "leading":
            return text.lstrip()
        case "trailing":
            return text.rstrip()
    return text


def _integer(value: Any, _: Mapping[str, Any]) -> int:
    if isinstance(value, bool) or int(value) != Decimal(str(value)):
        raise NotTaken("a whole number")
    return int(value)


def _numeric(value: Any, _: Mapping[str, Any]) -> Decimal:
    if isinstance(value, bool):
        raise NotTaken("a decimal number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise NotTaken("a decimal number") from None
    if not number.is_finite():
        raise NotTaken("a decimal number")
    return number


def _float(value: Any, definition: Mapping[str, Any]) -> float:
    return float(_numeric(value, definition))


def _boolean(value: Any, _: Mapping[str, Any]) -> bool:
    if value not in (True, False):
        raise NotTaken("true or false")
    return bool(value)


def _date(value: Any, _: Mapping[str, Any]) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _timestamp(value: Any, _: Mapping[str, Any]) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _datetime(value: Any, definition: Mapping[str, Any]) -> datetime:
    # Such a column holds whole seconds.
    return _timestamp(value, definition).replace(microsecond=0)


def _time(value: Any, _: Mapping[str, Any]) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)


def _timedelta(value: Any, definition: Mapping[str, Any]) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=_float(value, definition))


def _bytes(value: Any, _: Mapping[str, Any]) -> bytes:
    if not isinstance(value, bytes | bytearray):
        raise NotTaken("bytes")
    return bytes(value)


def _id(value: Any, definition: Mapping[str, Any]) -> int:
    """An id, as a number, as digits, or behind its model's name: `party.party,41`."""
    if isinstance(value, str) and "," in value:
        model, _, value = value.partition(",")
        if model != definition.get("relation"):
            raise NotTaken(f"a row of {definition.get('relation')}")
    return _integer(value, definition)


def _reference(value: Any, model: str | None) -> str:
    if isinstance(value, str) and "," in value:
        named, _, id = value.partition(",")
        return f"{named},{int(id)}"
    if model is None:
        raise NotTaken("a reference such as `party.party,41` (or set `writes.….references`)")
    return f"{model},{_integer(value, {})}"


def _ids(value: Any, definition: Mapping[str, Any]) -> list[int]:
    if not isinstance(value, list | tuple | set):
        raise NotTaken("a list of ids")
    return [_id(each, definition) for each in value]


def _texts(value: Any, _: Mapping[str, Any]) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise NotTaken("a list of texts")
    return list(value)


def _dict(value: Any, _: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise NotTaken("an object")
    return dict(value)


_CONVERTERS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "char": _text, "text": _text, "fulltext": _text, "selection": _text,
    "integer": _integer, "biginteger": _integer, "numeric": _numeric, "float": _float,
    "boolean": _boolean, "date": _date, "datetime": _datetime, "timestamp": _timestamp,
    "time": _time, "timedelta": _timedelta, "binary": _bytes, "many2one": _id, "one2one": _id,
    "many2many": _ids, "multiselection": _texts, "dict": _dict, "reference": lambda v, _: v,
}  # fmt: skip

_TAKES = {
    "integer": "a whole number", "biginteger": "a whole number", "numeric": "a decimal number",
    "float": "a number", "date": "a day (2026-01-31)", "datetime": "an instant",
    "timestamp": "an instant", "time": "a time of day (08:30)", "timedelta": "seconds",
    "many2one": "a row's id", "one2one": "a row's id", "many2many": "a list of ids",
    "reference": "a reference such as `party.party,41`",
}  # fmt: skip
