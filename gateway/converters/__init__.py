"""The converters a mapping may name with `as`: typed, argument-checked, each says what it takes.

There is no language in a mapping: what these cannot do belongs into a connector or a contract.
"""

from __future__ import annotations

from gateway.converters import codes, lists, logic, numbers, text, times
from gateway.converters.registration import (
    CONVERTERS,
    ConversionError,
    Convert,
    Converter,
    bind,
    scalar_text,
)

__all__ = [
    "CONVERTERS",
    "ConversionError",
    "Convert",
    "Converter",
    "bind",
    "codes",
    "lists",
    "logic",
    "numbers",
    "scalar_text",
    "text",
    "times",
]
