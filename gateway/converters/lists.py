"""Converters for lists, and for JSON that a column holds as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from gateway.converters.registration import ConversionError, Convert, converter
from gateway.types import RowValue


@converter("count")
def count() -> Convert:
    """How many items a list has."""

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, list | tuple):
            raise ConversionError("a list")
        return len(value)

    return convert


@converter("list")
def list_() -> Convert:
    """A list, from a list or from a single value; null and empty items are left out."""

    def convert(value: RowValue) -> RowValue:
        items: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
        return [item for item in items if item is not None and item != ""]

    return convert


@converter("json")
def json() -> Convert:
    """The value of JSON text, as a column of type JSON holds it; what is no text stays as it is."""
    decode = msgspec.json.Decoder(float_hook=_number).decode

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, str | bytes):
            return value
        try:
            return decode(value)
        except (ValueError, ArithmeticError, RecursionError):
            raise ConversionError("JSON") from None

    return convert


def _number(literal: str) -> Decimal:
    found = Decimal(literal)
    if found and abs(found.adjusted()) > 400:
        raise ArithmeticError(literal)
    return found
