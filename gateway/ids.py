"""Identifiers that sort by when they were made."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS = 80


class Ids:
    """ULIDs (github.com/ulid/spec): 26 characters, 48 bits of milliseconds and 80 of chance.

    Those of one process never go back, also within a millisecond and when the clock does.
    """

    def __init__(
        self,
        milliseconds: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        chance: Callable[[], int] = lambda: secrets.randbits(RANDOM_BITS),
    ) -> None:
        self._milliseconds = milliseconds
        self._chance = chance
        self._last = 0

    def __call__(self) -> str:
        number = (self._milliseconds() << RANDOM_BITS) | self._chance()
        if number <= self._last:
            number = self._last + 1
        self._last = number
        return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
