"""Waiting out a store that cannot take it just now: a full disk, a lock, a lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.errors import Fenced, StoreError
from gateway.events import StepFailed, emit

FIRST_SECS = 0.2
MOST_SECS = 5.0

Result = TypeVar("Result")


class Patience:
    """`part` names who waits, for the log line. `trouble` is why it waits, None while it does not."""

    def __init__(self, part: str) -> None:
        self.trouble: str | None = None
        self._part = part

    async def until(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `act`, tried again for as long as the store fails. Nothing is dropped and
        nothing goes on meanwhile. Fenced and all that is not the store's fault is raised."""
        wait = FIRST_SECS
        try:
            while True:
                try:
                    return await act()
                except Fenced:
                    raise
                except StoreError as error:
                    self.trouble = str(error)
                    emit(StepFailed(self._part, error.code, self.trouble, wait))
                    await asyncio.sleep(wait)
                    wait = min(MOST_SECS, 2 * wait)
        finally:
            self.trouble = None
