"""One stream at work: read a page, judge its shape, normalise it, commit it with its cursor."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime

import msgspec

from gateway import drift, events
from gateway.config.model import Limits
from gateway.errors import ConfigError, DriftError, Fenced, HeadraceError, Outage
from gateway.events import emit
from gateway.extract import extract
from gateway.normalise import Flood, flood, normalise
from gateway.pipeline.assembly import StreamPlan
from gateway.pipeline.echoes import Echoes
from gateway.pipeline.holds import Hold, Holds
from gateway.pipeline.patience import Patience
from gateway.ports import Source
from gateway.retry import asked, backoff
from gateway.store.port import PageResult, Store, StreamLease, StreamState, Tally
from gateway.types import Page, Record, StreamId

OUTAGE_FIRST_SECS = 0.5
OUTAGE_MOST_SECS = 30.0

EMPTY_SECS = 1.0
"""Cursors of pages without rows are committed this often, not one by one."""

HELD_LOOK_SECS = 5.0
"""A held stream looks again this often: the source may have gone back to what it promised."""


class StreamWorker:
    """The only one that reads its stream. Its plan may be swapped between two pages. `state` is what `status` says of it; `caught_up` is set after each reading that came to
    its end."""

    def __init__(
        self,
        plan: StreamPlan,
        source: Source,
        *,
        echoes: Echoes | None,
        holds: Holds,
        limits: Limits,
        store: Store,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        ids: Callable[[], str],
    ) -> None:
        self.stream = plan.stream
        self._plan = plan
        self.state: StreamState = "new"
        self.caught_up = asyncio.Event()
        self.failures = 0
        """Readings in a row that could not be made: the source is unavailable."""
        self._source = source
        self._echoes = echoes
        self._holds = holds
        self._limits = limits
        self._store = store
        self._clock = clock
        self._chance = chance
        self._ids = ids
        self._patience = Patience(f"stream {plan.stream}")
        self._stopping = False
        self._nudged = asyncio.Event()
        self._committed_at = 0.0
        self._lease: StreamLease

    def swap(self, plan: StreamPlan, limits: Limits) -> None:
        """Go on with another mapping or other settings, from the next page, and at once."""
        self._plan = plan
        self._limits = limits
        self.nudge()

    @property
    def trouble(self) -> str | None:
        """Why the store does not take what is done here, None while it does."""
        return self._patience.trouble

    def nudge(self) -> None:
        """Look again now: a drift was accepted, the cursor was moved."""
        self.caught_up.clear()
        self._nudged.set()

    def stop(self) -> None:
        """Finish the page at hand, then `run` returns."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Work until stopped. An error never ends it: it waits, says why, and looks again."""
        await self._claim()
        while not self._stopping:
            self._nudged.clear()
            try:
                await self._read()
                await self._note("caught_up", None)
                self.failures = 0
                self.caught_up.set()
                wait = self._plan.settings.every_secs
            except Hold as hold:
                await self._held(hold)
                wait = max(HELD_LOOK_SECS, self._plan.settings.every_secs)
            except Fenced:
                await self._claim()  # The cursor was moved: read on from where it is now.
                continue
            except Outage as error:
                wait = await self._unavailable(error.code, str(error), error.after)
            except ConfigError as error:
                await self._held(Hold(error.code, str(error)))
                wait = max(HELD_LOOK_SECS, self._plan.settings.every_secs)
            except HeadraceError as error:
                wait = await self._unavailable(error.code, str(error), None)
            except Exception as error:  # noqa: BLE001 - a connector's bug must not end the stream
                wait = await self._unavailable(
                    "connector_failed",
                    f"The connector raised {type(error).__name__}, which it should have explained.",
                    None,
                )
                emit(events.StepFailed(f"stream {self.stream}", type(error).__name__, "", wait))
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), wait)

    async def _claim(self) -> None:
        self._lease = await self._patience.until(lambda: self._store.log.claim(self.stream))

    async def _read(self) -> None:
        """One reading, to its end."""
        if not await self._store.log.current(self._lease):
            raise Fenced(f"{self.stream} was given another cursor.")
        passed: Page | None = None
        try:
            reading = extract(self._source, self.stream.stream, self._lease.cursor)
            async with aclosing(reading) as pages:
                async for page in pages:
                    if page.rows or page.already_seen or self._is_due(page):
                        await self._ingest(page)
                        passed = None
                    else:
                        await self._judge(page)
                        passed = page
                    if self._stopping:
                        break
            await self._pass(passed)
        except DriftError as error:
            raise Hold(error.code, str(error)) from None
        except Outage:
            await self._pass(passed)
            raise

    def _is_due(self, empty: Page) -> bool:
        """Whether the cursor of a page without rows is committed at once. A source may send
        thousands in a row: what is read again after a crash is then a second's worth of nothing."""
        moved = empty.cursor != self._lease.cursor
        return moved and time.monotonic() - self._committed_at >= EMPTY_SECS

    async def _pass(self, page: Page | None) -> None:
        """Commit the cursor of the last of some pages without rows."""
        if page is not None and page.cursor != self._lease.cursor:
            await self._ingest(page)

    async def _judge(self, page: Page) -> drift.Observed:
        """Hold the stream where its shape is not what was promised."""
        observed = drift.observe(self._lease.shape, page, self._plan.program)
        if (
            observed.changes
            and drift.verdict(observed.changes, self._plan.settings.drift) == "hold"
        ):
            hold = await self._holds.drifted(self._plan, self._lease, page, observed)
            if hold is not None:
                raise hold
        else:
            await self._holds.reverted(self.stream)
        return observed

    async def _ingest(self, page: Page) -> None:
        began = time.perf_counter()
        observed = await self._judge(page)
        lease = self._lease
        normalised = normalise(
            page,
            self._plan.program,
            page_seq=lease.page,
            now=self._clock(),
            ids=self._ids,
            limits=self._limits,
        )
        found = flood(normalised)
        if found is not None and self._plan.settings.on_flood == "hold":
            raise _flooded(self.stream, found)
        await self._holds.too_many(self.stream, normalised.letters, self._limits)
        records: Sequence[Record] = normalised.records
        hashes: Mapping[str, bytes] = {}
        unchanged = 0
        if self._echoes is not None:
            records, hashes, unchanged = await self._echoes.strip(self._plan, records)
        tally = Tally(
            read=len(page.rows) + page.already_seen,
            appended=len(records),
            letters=len(normalised.letters),
            already_seen=page.already_seen,
            unchanged=unchanged,
        )
        result = PageResult(
            lease=lease,
            page=lease.page,
            cursor=page.cursor,
            shape=observed.shape,
            records=records,
            letters=normalised.letters,
            tally=tally,
            hashes=hashes,
        )
        await self._patience.until(lambda: self._store.log.ingested(result))
        self._committed_at = time.monotonic()
        self._lease = msgspec.structs.replace(
            lease, page=lease.page + 1, cursor=page.cursor, shape=observed.shape
        )
        self.state = "reading"
        if tally.read:
            seconds = time.perf_counter() - began
            emit(events.PageIngested(self.stream, **msgspec.structs.asdict(tally), seconds=seconds))
        for code, count in Counter(letter.code for letter in normalised.letters).items():
            emit(events.LettersOpened("normalise", str(self.stream), code, count))

    async def _note(self, state: StreamState, reason: str | None) -> None:
        """Put down where the stream stands, where that has changed."""
        if state == self.state and reason is None:
            return
        if self.state == "held" and state != "held":
            emit(events.StreamResumed(self.stream))
        if state == "caught_up":
            emit(events.StreamCaughtUp(self.stream))
        self.state = state
        lease = self._lease
        await self._patience.until(lambda: self._store.streams.noted(lease, state, reason))

    async def _held(self, hold: Hold) -> None:
        if self.state != "held":
            emit(events.StreamHeld(self.stream, hold.code, hold.message))
        self.failures = 0
        await self._note("held", str(hold))

    async def _unavailable(self, code: str, detail: str, after: float | None) -> float:
        self.failures += 1
        wait = backoff(self.failures, OUTAGE_FIRST_SECS, OUTAGE_MOST_SECS, self._chance())
        wait = max(wait, asked(after))
        emit(events.SourceWaiting(self.stream, code, detail, wait))
        await self._note("waiting", detail)
        return wait


def _flooded(stream: StreamId, found: Flood) -> Hold:
    samples = " / ".join(letter.detail for letter in found.samples)
    return Hold(
        "flood",
        f"{found.letters} of {found.rows} rows of a page of {stream} fail for one reason "
        f"({found.code}), so the page was not taken in: {samples}",
        mend="Mend the mapping and run `headrace apply`; or set `on_flood: letter` to make each "
        "row a dead letter.",
    )
