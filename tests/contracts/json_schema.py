"""Validates JSON against the part of JSON Schema 2020-12 that our published schemas use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}
SAID = {"title", "description", "default", "format", "$schema", "$id", "$defs"}
SAID |= {"x-name", "x-version", "x-kind"}


def faults(schema: Any, value: Any, root: Any, at: str = "$") -> list[str]:
    """What is wrong with `value`. Raises AssertionError for a keyword that is not known here."""
    wanted = schema.get("type")
    if wanted is not None and not _is(wanted, value):
        return [f"{at}: {value!r} is no {wanted}"]
    return [
        fault
        for keyword, wanted in schema.items()
        if keyword not in SAID and keyword != "type"
        for fault in _found(keyword, wanted, value, root, at, schema)
    ]


def _found(keyword: str, wanted: Any, value: Any, root: Any, at: str, schema: Any) -> Iterator[str]:
    match keyword:
        case "$ref":
            yield from faults(root["$defs"][wanted.removeprefix("#/$defs/")], value, root, at)
        case "anyOf":
            tried = [faults(option, value, root, at) for option in wanted]
            if all(tried):
                yield f"{at}: {value!r} is none of the options"
        case "properties":
            for name in wanted.keys() & value.keys():
                yield from faults(wanted[name], value[name], root, f"{at}.{name}")
        case "additionalProperties":
            for name in value.keys() - schema.get("properties", {}).keys():
                yield from _other(name, wanted, value, root, at)
        case "items":
            for index, inner in enumerate(value):
                yield from faults(wanted, inner, root, f"{at}[{index}]")
        case _:
            if not _meets(keyword, wanted, value):
                yield f"{at}: {value!r} does not meet {keyword} {wanted!r}"


def _other(name: str, wanted: Any, value: Any, root: Any, at: str) -> list[str]:
    if isinstance(wanted, bool):
        return [] if wanted else [f"{at}: {name} is not allowed"]
    return faults(wanted, value[name], root, f"{at}.{name}")


def _is(wanted: str, value: Any) -> bool:
    as_number = isinstance(value, bool) and wanted in ("number", "integer")
    return isinstance(value, TYPES[wanted]) and not as_number


def _meets(keyword: str, wanted: Any, value: Any) -> bool:
    match keyword:
        case "required":
            return bool(set(wanted) <= value.keys())
        case "enum":
            return bool(value in wanted)
        case "const":
            return bool(value == wanted)
        case "pattern":
            return re.search(wanted, value) is not None
        case "minLength":
            return bool(len(value) >= wanted)
        case "maxLength":
            return bool(len(value) <= wanted)
        case "minimum":
            return bool(value >= wanted)
        case "maximum":
            return bool(value <= wanted)
    raise AssertionError(f"the schema keyword {keyword!r} is not known here")
