"""Converters that make numbers and money."""

from __future__ import annotations

import math
import re
from decimal import Decimal, DecimalException
from typing import Annotated

from pydantic import Field

from contracts.codes import CURRENCIES, MINOR_UNITS, WITHDRAWN_CURRENCIES
from gateway.converters.registration import ConversionError, Convert, converter
from gateway.types import RowValue

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@converter("integer")
def integer(*, grouping: Annotated[str, Field(max_length=1)] = "") -> Convert:
    """A whole number, from a number or from text; `grouping` is the sign between thousands."""
    number = decimal(point="," if grouping == "." else ".", grouping=grouping)

    def convert(value: RowValue) -> RowValue:
        if type(value) is int:
            return value
        try:
            found = number(value)
        except ConversionError:
            raise ConversionError("a whole number") from None
        if found is None:
            return None
        if found != found.to_integral_value():
            raise ConversionError("a whole number")
        return int(found)

    return convert


@converter("decimal")
def decimal(
    *,
    point: Annotated[str, Field(min_length=1, max_length=1)] = ".",
    grouping: Annotated[str, Field(max_length=1)] = "",
) -> Convert:
    """An exact number, from a number or from text; empty text is null.

    `point` is the decimal sign, `grouping` the sign between thousands: for `1.234,56` they are
    `,` and `.`.
    """
    if point == grouping:
        raise ValueError("`point` and `grouping` must differ")

    def convert(value: RowValue) -> RowValue:
        if type(value) is Decimal:
            found = value
        elif type(value) is str:
            if not value.strip():
                return None
            found = _parsed(value.strip(), point, grouping)
        elif isinstance(value, float):
            # The shortest text that means this very double, not its 50 binary digits.
            found = Decimal(repr(float(value)))
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            found = Decimal(value)
        else:
            raise ConversionError("a number")
        if not found.is_finite():
            raise ConversionError("a finite number")
        return found

    return convert


@converter("number")
def number() -> Convert:
    """A number as models take it: a double. For money use `decimal`."""
    exact = decimal()

    def convert(value: RowValue) -> RowValue:
        found = exact(value)
        if found is None:
            return None
        double = float(found)
        if not math.isfinite(double):
            raise ConversionError("a number within the range of a double")
        return double

    return convert


@converter("scale")
def scale(by: Decimal) -> Convert:
    """A number multiplied by another one: `by: 0.01` makes a share of a percentage."""
    exact = decimal()
    if not by.is_finite():
        raise ValueError("`by` must be finite")

    def convert(value: RowValue) -> RowValue:
        found = exact(value)
        try:
            return None if found is None else found * by
        except DecimalException:
            raise ConversionError("a number within range") from None

    return convert


@converter("minor_units")
def minor_units(currency: str) -> Convert:
    """An amount counted in the minor unit (cents), as payment processors send it: 1250 is 12.50."""
    digits = MINOR_UNITS.get(_currency(currency), 2)
    whole = integer()

    def convert(value: RowValue) -> RowValue:
        found = whole(value)
        return None if found is None else Decimal(found).scaleb(-digits)

    return convert


@converter("money")
def money(currency: str, point: str = ".", grouping: str = "") -> Convert:
    """An amount with the currency that the whole column is in. Takes what `decimal` takes.

    Where the currency is in another column, use `object: true` with `amount` and `currency`.
    """
    exact = decimal(point=point, grouping=grouping)
    _currency(currency)

    def convert(value: RowValue) -> RowValue:
        found = exact(value)
        return None if found is None else {"amount": found, "currency": currency}

    return convert


def _parsed(literal: str, point: str, grouping: str) -> Decimal:
    if grouping and grouping in literal:
        # `1.5` is not fifteen: the last group must have three digits.
        last = literal.rpartition(grouping)[2].partition(point)[0]
        if len(last) != 3 or not last.isdecimal():
            raise ConversionError(f"a number with {grouping!r} between its thousands")
        literal = literal.replace(grouping, "")
    if point != ".":
        if "." in literal:
            raise ConversionError(f"a number with {point!r} as its decimal sign")
        literal = literal.replace(point, ".")
    if _PLAIN.fullmatch(literal) is None:
        raise ConversionError("a number")
    return Decimal(literal)


def _currency(code: str) -> str:
    if code not in CURRENCIES and code not in WITHDRAWN_CURRENCIES:
        raise ValueError(f"{code!r} is no ISO 4217 currency code")
    return code
