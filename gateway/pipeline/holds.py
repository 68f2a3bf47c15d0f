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
from gateway.program import Program
from gateway.store.port import Drift, LetterFilter, Store
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
        self._open: dict[StreamId, str] | None = None

    async def drifted(
        self, stream: StreamId, page: Page, observed: drift.Observed, program: Program
    ) -> Hold:
        """Put the drift down, once however often it is seen. Returns the hold to raise."""
        changes = [msgspec.to_builtins(change) for change in observed.changes]
        known = await self._known()
        marks = msgspec.json.encode([str(stream), drift.marks(observed.changes)])
        id = "D" + hashlib.sha256(marks).hexdigest()[:12].upper()
        if known.get(stream) != id:
            if stream in known:
                await self._store.drifts.close(known[stream], "reverted", None)
            await self._store.drifts.open(
                Drift(
                    id=id,
                    stream=stream,
                    changes=changes,
                    proposal=drift.proposal(observed.changes, program.mapping),
                    samples=drift.samples(page, SAMPLES),
                    opened_at=self._clock(),
                )
            )
            known[stream] = id
            emit(events.DriftOpened(stream, id, len(changes)))
        return Hold(
            "drift",
            f"{stream} no longer has the shape it promised: "
            + "; ".join(drift.sentence(change) for change in observed.changes),
            mend=f"`headrace drift show {id}` has the proposal, `headrace drift accept {id}` "
            "takes it in.",
        )

    async def reverted(self, stream: StreamId) -> None:
        """The stream has its promised shape: a drift that is still open is over."""
        known = await self._known()
        id = known.pop(stream, None)
        if id is not None:
            await self._store.drifts.close(id, "reverted", None)
            emit(events.DriftClosed(stream, id, "reverted"))

    def accepted(self, stream: StreamId) -> None:
        """A person has closed it."""
        if self._open is not None:
            self._open.pop(stream, None)

    async def _known(self) -> dict[StreamId, str]:
        if self._open is None:
            self._open = {each.stream: each.id for each in await self._store.drifts.list()}
        return self._open

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
