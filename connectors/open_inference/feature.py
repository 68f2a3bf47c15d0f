"""One feature of one record: found by its path, made fit for its datatype."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from connectors.open_inference.config import Input
from gateway.types import Record

Feature: TypeAlias = Callable[[Record, Any], Any]
"""(record, its decoded data) → the value to send. Raises Unfit."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ABSENT = object()

_ENVELOPE: Mapping[str, Callable[[Record], Any]] = {
    "@id": lambda record: record.id,
    "@key": lambda record: record.key,
    "@source": lambda record: record.stream.source,
    "@stream": lambda record: record.stream.stream,
    "@version": lambda record: record.version,
}


class Unfit(Exception):
    """A record that has no value for a feature; the text is a sentence."""


def feature(wanted: Input) -> Feature:
    """The function that takes this input out of a record."""
    convert = _CONVERTERS[wanted.datatype]
    envelope = _ENVELOPE.get(wanted.path)
    steps = tuple(wanted.path.split("."))
    default = wanted.default
    missing_as_null = isinstance(default, float) and math.isnan(default)

    def take(record: Record, data: Any) -> Any:
        value = _found(data, steps) if envelope is None else envelope(record)
        if value is None or value is _ABSENT:
            if missing_as_null and wanted.datatype.startswith("FP"):
                return None
            if default is None:
                what = "null" if value is None else "missing"
                raise Unfit(
                    f"The input {wanted.name} has no value: `{wanted.path}` is {what} in "
                    f"{record.contract} and no default is set."
                )
            value = default
        fit = convert(value)
        if fit is _ABSENT:
            raise Unfit(
                f"The input {wanted.name} is {wanted.datatype}, but `{wanted.path}` is "
                f"{_kind(value)} that cannot be one."
            )
        return fit

    return take


def _found(data: Any, steps: tuple[str, ...]) -> Any:
    """What the path leads to: None where it meets a null, `_ABSENT` where it ends nowhere."""
    for step in steps:
        if isinstance(data, dict):
            data = data.get(step, _ABSENT)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None if data is None else _ABSENT
    return data


def _float(limit: float) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        # Money and other decimals are strings in a contract's JSON.
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            return _ABSENT
        if not isinstance(value, int | float | str):
            return _ABSENT
        try:
            number = float(value)
        except OverflowError:
            return _ABSENT
        return number if abs(number) <= limit else _ABSENT

    return convert


def _integer(low: int, high: int) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}(\.0*)?", value):
            value = int(value.partition(".")[0])
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):
            return _ABSENT
        return int(value) if low <= value <= high else _ABSENT

    return convert


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else _ABSENT


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else _ABSENT


def _kind(value: Any) -> str:
    """What a value is, without the value: it may be personal."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "BOOL": _boolean,
    "BYTES": _text,
    "FP16": _float(65504.0),
    "FP32": _float(3.4028234663852886e38),
    "FP64": _float(1.7976931348623157e308),
    **{f"UINT{bits}": _integer(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": _integer(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
