r"""Paths into a row: `email`, `address.city`, `lines.0.sku`.

A part is a member of an object, or the index of a list. A dot or backslash that belongs to a
name is written `\.` or `\\`. Null on the way is null at the end; what else leads nowhere is
MISSING.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gateway.errors import ConfigError

Reach: TypeAlias = Callable[[Mapping[str, Any]], Any]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""What a path gives that leads nowhere. Absent is not null."""


def parse(path: str, place: str) -> tuple[str, ...]:
    """The parts of a path. Raises ConfigError, naming `place`, for an empty part."""
    parts = [""]
    escaped = False
    for character in path:
        if escaped:
            parts[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ".":
            parts.append("")
        else:
            parts[-1] += character
    if escaped or not all(parts):
        raise ConfigError(
            f"`{place}`: the path {path!r} has an empty part.",
            mend="Write `\\.` for a dot that belongs to a name.",
        )
    return tuple(parts)


def escaped(name: str) -> str:
    """A column's name as a path has to write it."""
    return name.replace("\\", "\\\\").replace(".", "\\.")


def reach(parts: tuple[str, ...]) -> Reach:
    """The function that follows a path."""
    name, rest = parts[0], parts[1:]
    if not rest:
        return lambda row: row.get(name, MISSING)

    def follow(row: Mapping[str, Any]) -> Any:
        value = row.get(name, MISSING)
        for part in rest:
            if value is None:
                return None
            if isinstance(value, Mapping):
                value = value.get(part, MISSING)
            elif isinstance(value, list | tuple) and part.isdecimal():
                index = int(part) if len(part) < 10 else len(value)
                value = value[index] if index < len(value) else MISSING
            else:
                return MISSING
        return value

    return follow
