"""What is remembered of a stream's shape: bounded, JSON-encodable, without values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.drift.sampling import MAX_TRACES, Seen

MAX_COLUMNS = 500
MAX_FORMS = 8


class Column(msgspec.Struct, omit_defaults=True):
    """One column. `type` is the system's own name for its type, where it declares one.

    `rows` and `absent` count the sampled rows with and without it. `gone` and `odd` count the rows
    since it was last there, or last of a kind known; they begin anew when it is.
    """

    type: str | None = None
    kinds: list[str] = []
    rows: int = 0
    absent: int = 0
    gone: int = 0
    odd: int = 0
    values: list[int] = []
    forms: list[str] = []

    @property
    def steady(self) -> bool:
        """Whether (nearly) every row so far had it: only then its absence means something."""
        return self.rows > 0 and self.absent * 20 <= self.rows

    def told(self) -> str:
        """Its type or kinds, in words."""
        return self.type or " or ".join(sorted(self.kinds)) or "unknown"

    def learn(self, seen: Seen, sampled: int) -> None:
        """Take in what the sampled rows say of it."""
        self.rows += seen.rows
        self.absent += sampled - seen.rows + self.gone
        self.gone = 0
        self.kinds = sorted({*self.kinds, *seen.kinds})
        # The newest traces: those that a renamed column will most likely show again.
        kept = [value for value in self.values if value not in seen.values]
        self.values = [*kept, *sorted(seen.values)][-MAX_TRACES:]
        self.forms = sorted({*self.forms, *seen.forms})[:MAX_FORMS]


class Shape(msgspec.Struct, omit_defaults=True):
    """A stream's shape. `declared` says that the system declares its columns."""

    version: int = 1
    declared: bool = False
    columns: dict[str, Column] = {}


def remembered(shape: Mapping[str, Any] | None) -> Shape | None:
    """The shape as it was committed; None where there is none, or one that we do not know."""
    if not shape or shape.get("version", 1) != 1:
        return None
    try:
        return msgspec.convert(shape, Shape)
    except msgspec.ValidationError:
        return None


def stored(shape: Shape) -> dict[str, Any]:
    """The shape as it is committed."""
    found: dict[str, Any] = msgspec.to_builtins(shape)
    return {"version": 1, **found}
