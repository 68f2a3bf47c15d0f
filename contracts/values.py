"""The plain types that contracts are built from: text, identifiers, numbers, codes, times.

Each takes what a source may reasonably hand over and refuses what would be a guess: a number is
no instant, a naive time has no place on the time line, NaN is no amount.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from contracts.codes import COUNTRIES, CURRENCIES, WITHDRAWN_CURRENCIES

_DIGITS = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]{1,63}(\.[^\s@.]{1,63})+")
_PHONE = re.compile(r"\+?[0-9(][0-9 ()./-]*( ?(x|ext\.?) ?[0-9]+)?")


def _identifier(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return value
    if kind is int or kind is UUID:
        return str(value)
    if kind is Decimal and value.is_finite() and value == value.to_integral_value():
        return format(value, "f").partition(".")[0]
    return value


def _no_number_as_time(value: Any) -> Any:
    # pydantic would take 20260131 for a count of seconds since 1970.
    if type(value) is datetime:
        return value
    if isinstance(value, int | float | Decimal) or (
        isinstance(value, str) and _DIGITS.fullmatch(value)
    ):
        raise ValueError("should be an ISO 8601 date or time, not a bare number")
    return value


def _utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("should be between the years 1 and 9999 in UTC") from None


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError("should be an ISO 3166-1 alpha-2 country code such as 'DE'")
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES and value not in WITHDRAWN_CURRENCIES:
        raise ValueError("should be an ISO 4217 currency code such as 'EUR'")
    return value


def _email(value: str) -> str:
    if len(value) > 254 or _EMAIL.fullmatch(value) is None:
        raise ValueError("should be an email address such as 'jane@example.org'")
    return value


def _phone(value: str) -> str:
    if not 3 <= len(value) <= 40 or _PHONE.fullmatch(value) is None:
        raise ValueError("should be a telephone number such as '+49 30 1234-567'")
    return value


Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500)]
"""A line of text. Never empty: what is empty is absent or null."""

LongText: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
"""Text of any length that a person writes."""

SourceId: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=255), BeforeValidator(_identifier)
]
"""An identifier as its source gave it. Whole numbers and UUIDs become text."""

Amount: TypeAlias = Annotated[
    Decimal,
    Field(max_digits=38),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""A decimal of up to 38 digits; text in JSON, because JSON's numbers lose digits."""

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A share or probability between 0 and 1."""

Instant: TypeAlias = Annotated[
    AwareDatetime, BeforeValidator(_no_number_as_time), AfterValidator(_utc)
]
"""A point in time. It must come with an offset (RFC 3339) and is kept in UTC."""

CalendarDate: TypeAlias = Annotated[date, BeforeValidator(_no_number_as_time)]
"""A day in the calendar, without a time or a zone."""

CountryCode: TypeAlias = Annotated[
    str,
    AfterValidator(_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"}),
]
"""ISO 3166-1 alpha-2, in capitals."""

CurrencyCode: TypeAlias = Annotated[
    str,
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
]
"""ISO 4217, in capitals."""

LanguageTag: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", max_length=35)
]
"""BCP 47, such as `de` or `pt-BR`."""

EmailAddress: TypeAlias = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
"""One address, without a display name (RFC 5321 limits)."""

PhoneNumber: TypeAlias = Annotated[
    str,
    AfterValidator(_phone),
    WithJsonSchema({"type": "string", "minLength": 3, "maxLength": 40}),
]
"""A telephone number as people write it; digits, and what separates them."""
