"""The rows a stream has handed over, kept small enough to travel with its cursor.

A table without a cursor column shows its changes, and any table its deletions, only to one who
remembers. What is remembered must be committed with the cursor, or a kill between the two would
lose a change: so it is part of the cursor, and bounded by `max_known_rows`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.errors import ConfigError


class Known:
    """Key → fingerprint of the row (empty where only the key matters)."""

    def __init__(self, packed: str | None, limit: int, stream: str) -> None:
        self._limit = limit
        self._stream = stream
        self._rows: dict[str, str] = {}
        if packed:
            lines = zlib.decompress(base64.b64decode(packed)).decode().split("\n")
            self._rows = dict(line.rsplit("\t", 1) for line in lines)

    def __len__(self) -> int:
        return len(self._rows)

    def packed(self) -> str:
        lines = "\n".join(f"{key}\t{mark}" for key, mark in sorted(self._rows.items()))
        return base64.b64encode(zlib.compress(lines.encode(), 1)).decode() if lines else ""

    def note(self, key: Sequence[Any], mark: str = "") -> bool:
        """Remember a row. False where it is known with this very content.

        Raises ConfigError at the limit.
        """
        name = json.dumps(list(key))
        if self._rows.get(name) == mark:
            return False
        self._rows[name] = mark
        if len(self._rows) > self._limit:
            raise ConfigError(
                f"{self._stream} has more than {self._limit:,} rows, too many to remember.",
                mend="Give it a `cursor` column without `deletes: sweep`, or raise `max_known_rows`.",
            )
        return True

    def missing(self, keys: Iterable[Sequence[Any]]) -> list[list[Any]]:
        """The known keys that are not among `keys`, which are all there are."""
        there = {json.dumps(list(key)) for key in keys}
        return [json.loads(name) for name in self._rows if name not in there]

    def forget(self, keys: Iterable[Sequence[Any]]) -> None:
        for key in keys:
            self._rows.pop(json.dumps(list(key)), None)
