"""One part of one route at work: read the log, send, settle, commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from gateway.deliver.send import send
from gateway.deliver.settle import Policy
from gateway.deliver.window import Window
from gateway.pipeline.assembly import RoutePlan
from gateway.pipeline.gate import Gate
from gateway.pipeline.patience import Patience
from gateway.pipeline.settlement import Settlement, tell_letters
from gateway.route import route
from gateway.store.port import Store
from gateway.types import Delivery

READ_RECORDS = 2_000
WAITING_BYTES = 32 << 20
"""How much a route keeps in memory before it is sent; the log is the buffer for the rest."""

IDLE_SECS = 1.0
DRAIN_SECS = 8.0

FLUSH_SECS = 1.0
"""Progress over records that are not the route's is committed this often, not at every look."""


class RouteWorker:
    """The only one that touches its (route, part). `caught_up` is set while nothing is left to
    do but wait: for records, or for parked keys that are not due."""

    def __init__(
        self,
        plan: RoutePlan,
        gate: Gate,
        settlement: Settlement,
        *,
        supersedes: Callable[[str], bool],
        store: Store,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        part: int = 0,
    ) -> None:
        self.name = plan.name
        self.gate = gate
        self.part = part
        self.caught_up = asyncio.Event()
        self._settlement = settlement
        self._supersedes = supersedes
        self._store = store
        self._clock = clock
        self._ids = ids
        self._patience = Patience(f"route {plan.name}")
        self._sends: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._stopping = False
        self._changed = asyncio.Event()
        self._refresh = False
        self._flushed_at = 0.0
        self._waiting_since = 0.0
        self._window: Window
        self._claimed: Window | None = None
        self.swap(plan)

    def swap(self, plan: RoutePlan) -> None:
        """Go on with other settings, from the next look at the log."""
        self.settings = plan.settings
        self._rule = plan.rule
        retry = plan.settings.retry
        self._policy = Policy(retry.max_attempts, retry.first_wait_secs, retry.max_wait_secs)

    def refresh(self) -> None:
        """Somebody replayed or discarded letters: look at what the store has parked."""
        self._refresh = True
        self.caught_up.clear()
        self._changed.set()

    @property
    def trouble(self) -> str | None:
        """Why the store does not take what is done here, None while it does."""
        return self._patience.trouble

    @property
    def read_to(self) -> int:
        """The offset up to which the log was looked through, -1 before the first look."""
        return self._claimed.read_to if self._claimed else -1

    @property
    def parked_keys(self) -> int:
        return self._claimed.parked_keys if self._claimed else 0

    def stop(self) -> None:
        """Take nothing new; what is in flight is settled and committed, then `run` returns."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Work until stopped. Raises Fenced when somebody else has taken the route over."""
        self._window = self._claimed = await self._patience.until(self._claim)
        try:
            while not self._stopping:
                seen = self._store.wake.count
                self._changed.clear()
                if self._broken is not None:
                    # What was in flight is in nobody's hands: begin again with what is stored.
                    broken, self._broken = self._broken, None
                    raise broken
                at_end = await self._patience.until(self._read)
                # Committed before more is sent: what a kill would send again stays one round.
                await self._commit()
                self._start_sends()
                self._note_progress(at_end)
                if self._window.draft_is_empty:
                    await self._wait(seen)
        finally:
            await self._drain()

    async def _claim(self) -> Window:
        start = 0
        if self.settings.start == "latest":
            start = await self._store.log.end()
        elif isinstance(self.settings.start, datetime):
            start = await self._store.log.offset_at(self.settings.start)
        return Window(
            await self._store.routes.claim(self.name, self.part, start),
            block_key=self.settings.on_dead_letter == "block_key",
            supersedes=self._supersedes,
        )

    async def _read(self) -> bool:
        """Fill the window. Returns whether the end of the log was seen."""
        window = self._window
        if self._refresh:
            self._refresh = False
            window.returned(await self._store.routes.parked(self.name, self.part))
            window.watches(await self._store.routes.watched(self.name))
        room = 2 * self.gate.max_in_flight * self.settings.batch.max_records
        while window.waiting < room and window.waiting_bytes < WAITING_BYTES:
            page = await self._store.log.read(
                self.part,
                window.read_to,
                min(READ_RECORDS, room - window.waiting),
                self._rule.contracts,
            )
            if page.upto == window.read_to:
                return True
            fresh = [logged for logged in page.records if not window.already(logged.offset)]
            routed = route(fresh, self._rule, now=self._clock(), ids=self._ids)
            self.caught_up.clear()
            if not window.waiting:
                self._waiting_since = time.monotonic()
            window.admit(page.upto, routed.deliveries, routed.letters, routed.skipped)
            tell_letters(self.name, routed.letters)
        return False

    def _start_sends(self) -> None:
        if self._gathering() > 0:
            return
        now = self._clock()
        batch = self.settings.batch
        while len(self._sends) < self.gate.width() and not self.gate.shut(now):
            taken = self._window.take(now, batch.max_records, batch.max_bytes)
            if not taken:
                return
            task = asyncio.create_task(self._send(taken), name=f"send {self.name}")
            self._sends.add(task)
            task.add_done_callback(self._landed)

    def _gathering(self) -> float:
        """For how many more seconds a batch that is not full yet waits for company."""
        batch = self.settings.batch
        if not 0 < self._window.waiting < batch.max_records:
            return 0.0
        return self._waiting_since + batch.max_wait_ms / 1_000 - time.monotonic()

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
        self._changed.set()

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        async with self.gate.turn():
            began = time.perf_counter()
            outcomes = await send(deliveries, self.gate.send)
            seconds = time.perf_counter() - began
        self._settlement.settle(self._window, deliveries, outcomes, seconds, self._policy)

    async def _commit(self, *, now_or_never: bool = False) -> None:
        """Put down what has happened. Nothing goes on before the step is on the disk."""
        now = time.monotonic()
        due = now_or_never or now - self._flushed_at >= FLUSH_SECS
        if self._window.draft_is_empty and not due:
            return
        self._flushed_at = now
        step = self._window.take_step()
        if step is not None:
            await self._patience.until(lambda: self._store.routes.advanced(step))

    def _note_progress(self, at_end: bool) -> None:
        window = self._window
        due = window.next_due()
        if (
            at_end
            and not self._sends
            and not window.waiting
            and window.draft_is_empty
            and not self._refresh
            and (due is None or due > self._clock())
        ):
            self.caught_up.set()
        else:
            self.caught_up.clear()

    async def _wait(self, seen: int) -> None:
        """Until a batch lands, something is appended, a parked key or the probe is due."""
        timeout = IDLE_SECS
        gathering = self._gathering()
        if gathering > 0:
            timeout = min(timeout, gathering)
        now = self._clock()
        for due in (self._window.next_due(), self.gate.held_until):
            if due is not None and due > now:
                timeout = min(timeout, (due - now).total_seconds())
        if self._changed.is_set():
            return
        wake = asyncio.create_task(self._store.wake.wait(seen, timeout))
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait(
                (wake, changed), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            wake.cancel()
            changed.cancel()

    async def _drain(self) -> None:
        if self._sends:
            await asyncio.wait(self._sends, timeout=DRAIN_SECS)
        for task in self._sends:
            task.cancel()  # It is sent again after the next start, with the same idempotency key.
        with suppress(asyncio.CancelledError):
            await self._commit(now_or_never=True)
