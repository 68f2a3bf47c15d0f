"""Converters that make dates and instants. None of them guesses a zone: the mapping says it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from gateway.converters.numbers import decimal
from gateway.converters.registration import ConversionError, Convert, converter
from gateway.types import RowValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = "a date and time such as 2026-01-31T12:00:00Z"
_DAY = "a date such as 2026-01-31"


@converter("utc_datetime")
def utc_datetime(timezone: str = "UTC", format: str | None = None) -> Convert:
    """An instant in UTC, from a date and time or from its ISO 8601 text.

    What comes with an offset keeps its instant. What comes without one is taken to be local time
    of `timezone` (an IANA name), by default UTC: naming this converter says so. Where clocks go
    back, the earlier of the two instants is taken. `format` is a strptime pattern for other text.
    """
    zone = _zone(timezone)
    parse = _parser(format)

    def convert(value: RowValue) -> RowValue:
        if type(value) is str:
            value = parse(value, _INSTANT)
            if value is None:
                return None
        if not isinstance(value, datetime):
            raise ConversionError(_INSTANT)
        try:
            if value.tzinfo is None:
                value = value.replace(tzinfo=zone)
            return value if value.tzinfo is UTC else value.astimezone(UTC)
        except (OverflowError, ValueError):
            raise ConversionError("an instant between the years 1 and 9999") from None

    return convert


@converter("date")
def date_(timezone: str | None = None, format: str | None = None) -> Convert:
    """A day, from a date or its ISO 8601 text, or from a date and time.

    An instant is another day in other zones: with `timezone` the day there is taken; without it a
    time must be midnight. `format` is a strptime pattern for other text.
    """
    zone = None if timezone is None else _zone(timezone)
    parse = _parser(format)

    def convert(value: RowValue) -> RowValue:
        if type(value) is str:
            literal = value.strip()
            if format is None and len(literal) == 10:
                try:
                    return date.fromisoformat(literal)
                except ValueError:
                    raise ConversionError(_DAY) from None
            value = parse(literal, _DAY)
            if value is None:
                return None
        if isinstance(value, datetime):
            if zone is not None and value.tzinfo is not None:
                try:
                    return value.astimezone(zone).date()
                except (OverflowError, ValueError):
                    raise ConversionError("a date between the years 1 and 9999") from None
            if zone is None and (value.hour or value.minute or value.second or value.microsecond):
                raise ConversionError("a date without a time, or the argument `timezone`")
            return value.date()
        if isinstance(value, date):
            return value
        raise ConversionError(_DAY)

    return convert


@converter("instant_from_epoch")
def instant_from_epoch(
    unit: Literal["seconds", "milliseconds", "microseconds"] = "seconds",
) -> Convert:
    """An instant, from a count of seconds, milliseconds or microseconds since 1970 in UTC."""
    exact = decimal()
    micros = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}[unit]

    def convert(value: RowValue) -> RowValue:
        count: Decimal | None = exact(value)
        if count is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=round(count * micros))
        except (OverflowError, ArithmeticError):
            raise ConversionError(f"{unit} since 1970, within the years 1 to 9999") from None

    return convert


def _parser(format: str | None) -> Callable[[str, str], datetime | None]:
    def parse(literal: str, expected: str) -> datetime | None:
        literal = literal.strip()
        if not literal:
            return None
        try:
            if format is not None:
                return datetime.strptime(literal, format)  # noqa: DTZ007 — the caller adds the zone
            if len(literal) <= 10:
                raise ValueError(literal)
            return datetime.fromisoformat(literal)
        except ValueError:
            shown = expected if format is None else f"a date or time in the format {format!r}"
            raise ConversionError(shown) from None

    return parse


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(
            f"{name!r} is no time zone; use an IANA name such as 'Europe/Berlin'"
        ) from None
