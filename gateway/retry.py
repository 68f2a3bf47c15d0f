"""The arithmetic of trying again, and the fingerprint that groups failures of one cause. Pure."""

from __future__ import annotations

import hashlib
from functools import lru_cache

FINGERPRINT = "v1"
"""Part of every fingerprint: groups of an older algorithm stay what they were."""

JITTER = 0.2
"""Waits grow by up to this share. Upward only: a wait that was asked for is never cut short."""

MAX_DOUBLINGS = 32
"""Beyond it every cap is long reached, and a float must not overflow."""


MAX_ASKED_SECS = 30 * 86_400.0
"""The longest wait that is believed: no quota is longer than a month, and a date must hold it."""


def asked(after: float | None) -> float:
    """The least wait in seconds that the other side asked for; 0 where it asked for none, or for
    what is no wait."""
    if after is None or not after > 0:
        return 0.0
    return min(float(after), MAX_ASKED_SECS)


def backoff(failures: int, first: float, most: float, chance: float) -> float:
    """Seconds to wait after this many failures (1 is the first): doubling from `first` up to
    `most`, and then up to a fifth longer as `chance` (0 to 1) has it."""
    wait = min(most, first * 2.0 ** min(failures - 1, MAX_DOUBLINGS))
    return wait * (1.0 + JITTER * chance)


@lru_cache(maxsize=4_096)
def fingerprint(*parts: str) -> str:
    """`v1:` and 16 hex digits of what the failures of one cause have in common."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{FINGERPRINT}:{digest[:16]}"
