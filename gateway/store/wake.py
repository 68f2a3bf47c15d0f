"""Telling the next stage that something was committed."""

from __future__ import annotations

import asyncio


class Wake:
    """Many waiters, no message: whoever wakes looks for itself.

    A waiter remembers the count it saw before it looked, so a commit between the look and the
    wait is not missed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seen: int, timeout_secs: float) -> bool:
        """Return at once if something was told since `seen`, else when it is or time is up."""
        if self.count != seen:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_secs)
        except TimeoutError:
            return False
        return True
