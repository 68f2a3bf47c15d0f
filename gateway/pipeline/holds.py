"""Why a stream stands still, and what is put down so that a person can let it go on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from gateway import drift, events
from gateway.config.model import Limits
from gateway.errors import HeadraceError
from gateway.events import emit
from gateway.pipeline.assembly import StreamPlan
from gateway.store.port import Drift, LetterFilter, Store, StreamLease
from gateway.types import DeadLetter, Page, StreamId

SAMPLES = 3


class Hold(HeadraceError):
    """The stream stands at its cursor until a person acts; nothing of the page was kept."""

    code = "held"

    def __init__(self, code: str, message: str, *, mend: str | None = None) -> None:
        super().__init__(message, mend=mend, code=code)


class Holds:
    """Opens and closes drifts, and refuses floods that come in small pages."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._open: dict[StreamId, str] = {}
        self._accepted: set[str] = set()
        self._loaded = False

    async def drifted(
        self, plan: StreamPlan, lease: StreamLease, page: Page, observed: drift.Observed
    ) -> Hold | None:
        """Put the drift down, once however often it is seen. Returns the hold to raise, None
        where a person has accepted this very drift."""
        await self._load()
        stream = plan.stream
        id = _identity(lease, observed)
        if id in self._accepted:
            return None
        if self._open.get(stream) != id:
            await self._close(stream)
            await self._store.drifts.open(
                Drift(
                    id=id,
                    stream=stream,
                    changes=[msgspec.to_builtins(change) for change in observed.changes],
                    proposal=drift.proposal(observed.changes, plan.mapping),
                    samples=drift.samples(page, SAMPLES),
                    opened_at=self._clock(),
                )
            )
            self._open[stream] = id
            emit(events.DriftOpened(stream, id, len(observed.changes)))
        return Hold(
            "drift",
            f"{stream} no longer has the shape it promised: "
            + "; ".join(drift.sentence(change) for change in observed.changes),
            mend=f"`headrace drift show {id}` has the proposal, `headrace drift accept {id}` "
            "takes it in.",
        )

    async def reverted(self, stream: StreamId) -> None:
        """The stream has its promised shape: a drift that is still open is over."""
        await self._load()
        if stream in self._open:
            await self._close(stream)

    def accepted(self, stream: StreamId, id: str) -> None:
        """A person has closed it."""
        self._open.pop(stream, None)
        self._accepted.add(id)

    async def _close(self, stream: StreamId) -> None:
        id = self._open.pop(stream, None)
        if id is not None:
            await self._store.drifts.close(id, "reverted", None)
            emit(events.DriftClosed(stream, id, "reverted"))

    async def _load(self) -> None:
        if not self._loaded:
            for each in await self._store.drifts.list(include_closed=True):
                if each.state == "open":
                    self._open[each.stream] = each.id
                elif each.state == "accepted":
                    self._accepted.add(each.id)
            self._loaded = True

    async def too_many(
        self, stream: StreamId, letters: Sequence[DeadLetter], limits: Limits
    ) -> None:
        """Raises Hold where a stream has too many open letters of one cause already."""
        for fingerprint, more in Counter(letter.fingerprint for letter in letters).items():
            count = await self._store.letters.count(
                LetterFilter(source=stream.source, stream=stream.stream, fingerprint=fingerprint)
            )
            if count + more > limits.max_open_letters:
                raise Hold(
                    "flood",
                    f"{stream} has {count} open dead letters of one cause ({fingerprint}), and "
                    f"{more} more were about to be opened.",
                    mend="Mend the cause and replay them, discard them, or raise "
                    "`limits.max_open_letters`.",
                )


def _identity(lease: StreamLease, observed: drift.Observed) -> str:
    """The same for the same changes at the same page, however often they are seen. A change that
    comes again later is another drift: an old consent does not cover it."""
    marks = msgspec.json.encode([str(lease.stream), lease.page, drift.marks(observed.changes)])
    return "D" + hashlib.sha256(marks).hexdigest()[:12].upper()
