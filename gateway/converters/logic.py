"""Converters that decide: truth, equality, tables, defaults."""

from __future__ import annotations

from typing import Any

from gateway.converters.registration import ConversionError, Convert, converter, scalar_text
from gateway.types import RowValue

_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")
_UNSAID = object()


@converter("boolean")
def boolean(true: list[str] = list(_TRUE), false: list[str] = list(_FALSE)) -> Convert:  # noqa: B006 — never changed
    """A boolean, from a boolean, from 1 or 0, or from one of the words `true` and `false` list.

    Empty text is null. Case and blanks at the ends do not matter.
    """
    yes = frozenset(word.lower() for word in true)
    no = frozenset(word.lower() for word in false)
    if both := yes & no:
        raise ValueError(f"{min(both)!r} cannot mean true and false")

    def convert(value: RowValue) -> RowValue:
        if isinstance(value, bool):
            return value
        word = scalar_text(value)
        if word is None:
            raise ConversionError("a boolean")
        word = word.strip().lower()
        if not word:
            return None
        if word in yes:
            return True
        if word in no:
            return False
        raise ConversionError(f"a boolean: {', '.join(true)} or {', '.join(false)}")

    return convert


@converter("not")
def not_() -> Convert:
    """The opposite of what `boolean` makes of the value."""
    truth = boolean()

    def convert(value: RowValue) -> RowValue:
        found = truth(value)
        return None if found is None else not found

    return convert


@converter("equals", takes_null=True)
def equals(value: Any) -> Convert:
    """Whether the value is `value`, as text: 1 and "1" are equal. Null equals only null."""
    wanted = value if value is None else scalar_text(value)
    if value is not None and wanted is None:
        raise ValueError("`value` must be text, a number, a boolean, a date or null")

    def convert(given: RowValue) -> RowValue:
        return given is None if wanted is None else scalar_text(given) == wanted

    return convert


@converter("one_of", takes_null=True)
def one_of(values: list[Any]) -> Convert:
    """Whether the value is one of `values`, compared as `equals` compares."""
    tests = [equals(value) for value in values]

    def convert(given: RowValue) -> RowValue:
        return any(test(given) for test in tests)

    return convert


@converter("present", takes_null=True)
def present() -> Convert:
    """Whether there is a value: null and empty text are none."""

    def convert(value: RowValue) -> RowValue:
        return value is not None and value != ""

    return convert


@converter("default", takes_absent=True)
def default(value: Any) -> Convert:
    """The value, or `value` where the row has none: absent, null or empty text."""

    def convert(given: RowValue) -> RowValue:
        return value if given is None or given == "" else given

    return convert


@converter("lookup")
def lookup(table: dict[str, Any], otherwise: Any = _UNSAID) -> Convert:
    """What `table` has for the value, taken as text.

    What is not in the table becomes `otherwise` (which may be null), and is an error without it.
    """
    if not table:
        raise ValueError("`table` is empty")
    names = list(table)
    shown = ", ".join(repr(name) for name in names[:8]) + (", …" if len(names) > 8 else "")

    def convert(value: RowValue) -> RowValue:
        word = scalar_text(value)
        if word is not None:
            if word in table:
                return table[word]
            word = word.strip()
            if word in table:
                return table[word]
        if otherwise is _UNSAID:
            raise ConversionError(f"one of {shown}")
        return otherwise

    return convert


@converter("complete")
def complete(parts: list[str] | None = None) -> Convert:
    """The object that `object: true` makes, or null where one of its parts is null.

    `parts` names those that must also not be absent. For money whose amount may be missing beside
    a currency that is always there.
    """
    needed = parts or []

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, dict):
            raise ConversionError("an object of parts")
        there = all(part is not None for part in value.values())
        return value if there and all(name in value for name in needed) else None

    return convert
