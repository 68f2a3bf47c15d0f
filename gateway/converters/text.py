"""Converters that make text, or take it apart."""

from __future__ import annotations

import string
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import Field

from gateway.converters.registration import ConversionError, Convert, converter, scalar_text
from gateway.types import RowValue


@converter("text")
def text(
    *,
    strip: bool = True,
    empty_as_null: bool = True,
    case: Literal["lower", "upper"] | None = None,
) -> Convert:
    """Text, numbers, booleans, dates and UUIDs as text.

    `strip` takes blanks off both ends, `empty_as_null` makes null of what is then empty.
    """

    def convert(value: RowValue) -> RowValue:
        if type(value) is not str:
            value = _text(value)
        if strip:
            value = value.strip()
        if case is not None:
            value = value.lower() if case == "lower" else value.upper()
        return value if value or not empty_as_null else None

    return convert


@converter("lower")
def lower() -> Convert:
    """Text in small letters, without blanks at its ends; null where nothing is left."""
    return text(case="lower")


@converter("upper")
def upper() -> Convert:
    """Text in capitals, without blanks at its ends; null where nothing is left."""
    return text(case="upper")


@converter("email_address")
def email_address() -> Convert:
    """The address alone, of `Jane Doe <jane@example.org>` or `mailto:jane@example.org`."""

    def convert(value: RowValue) -> RowValue:
        value = _text(value).strip().removeprefix("mailto:")
        if "<" in value:
            value = parseaddr(value)[1]
            if not value:
                raise ConversionError("an email address")
        return value or None

    return convert


@converter("format")
def format_(
    pattern: Annotated[str, Field(min_length=1)], missing: Literal["null", "empty"] = "null"
) -> Convert:
    """Text made by a pattern, with `{name}` where a part goes.

    The parts come from `object: true` and its `fields`; a single value is called `{value}`.
    Where a part is absent or null the result is null, or the part is left empty with
    `missing: empty`. A brace is written twice.
    """
    pieces = _pieces(pattern)

    def convert(value: RowValue) -> RowValue:
        parts: Mapping[str, RowValue] = value if isinstance(value, dict) else {"value": value}
        made = []
        for literal, name in pieces:
            made.append(literal)
            if name is None:
                continue
            part = parts.get(name)
            if part is not None:
                made.append(_text(part))
            elif missing == "null":
                return None
        return "".join(made)

    return convert


@converter("join")
def join(separator: str = " ") -> Convert:
    """The parts of a list, or of `object: true` and its `fields`, with a separator between them.

    Absent, null and empty parts are left out; null where none is left.
    """

    def convert(value: RowValue) -> RowValue:
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, list | tuple):
            raise ConversionError("a list, or an object of parts")
        parts = [_text(part).strip() for part in value if part is not None]
        return separator.join(part for part in parts if part) or None

    return convert


@converter("split")
def split(separator: Annotated[str, Field(min_length=1)] = ",") -> Convert:
    """Text taken apart at a separator: a list of its parts, stripped, empty ones left out."""

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, str):
            raise ConversionError("text")
        return [part.strip() for part in value.split(separator) if part.strip()]

    return convert


def _text(value: RowValue) -> str:
    made = scalar_text(value)
    if made is None:
        raise ConversionError("text, a number, a boolean, a date or a UUID")
    return made


def _pieces(pattern: str) -> list[tuple[str, str | None]]:
    pieces = []
    for literal, name, spec, conversion in string.Formatter().parse(pattern):
        if name is not None and (not name.isidentifier() or spec or conversion):
            raise ValueError(f"in the pattern {pattern!r} a placeholder must be a plain `{{name}}`")
        pieces.append((literal, name))
    return pieces
