"""Putting letters back in at their own stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from gateway import events
from gateway.control import ReplayReport
from gateway.events import emit
from gateway.normalise import renormalise
from gateway.pipeline.assembly import Assembly
from gateway.replay import Verdict, report
from gateway.route import route
from gateway.store.port import LetterFilter, Mend, Store
from gateway.types import (
    Attempt,
    DeadLetter,
    DeliverySubject,
    LetterState,
    LoggedRecord,
    RawSubject,
    Record,
    newer,
)

CHUNK_BYTES = 32 << 20
"""How much of raw rows is in memory at a time."""


class Replaying:
    """`returned` is told which routes have deliveries back."""

    def __init__(
        self,
        store: Store,
        assembly: Callable[[], Assembly],
        *,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        returned: Callable[[str], None],
    ) -> None:
        self._store = store
        self._assembly = assembly
        self._clock = clock
        self._ids = ids
        self._returned = returned

    async def run(
        self, where: LetterFilter, *, dry_run: bool, force: bool, by: str
    ) -> ReplayReport:
        """See `Control.replay`. The set is frozen first: what is opened meanwhile is not in it."""
        where = msgspec.structs.replace(where, state=LetterState.OPEN)
        verdicts: list[Verdict] = []
        ids = list(await self._store.letters.ids(where))
        while letters := await self._store.letters.whole(ids, CHUNK_BYTES):
            ids = ids[ids.index(letters[-1].id) + 1 :]
            raw = [each for each in letters if isinstance(each.subject, RawSubject)]
            sent = [each for each in letters if isinstance(each.subject, DeliverySubject)]
            verdicts += await self._normalise(raw, dry_run=dry_run, force=force)
            verdicts += await self._deliver(sent, dry_run=dry_run, force=force)
        told = report(verdicts, dry_run=dry_run)
        if not dry_run and told.letters:
            emit(
                events.LettersReplayed(
                    by, told.letters, told.resolved, told.returned, told.superseded, told.failed
                )
            )
        return told

    async def _normalise(
        self, letters: Sequence[DeadLetter], *, dry_run: bool, force: bool
    ) -> list[Verdict]:
        mends: list[Mend] = []
        verdicts: list[Verdict] = []
        failed: list[DeadLetter] = []
        by_id = {letter.id: letter for letter in letters}
        for letter in letters:
            result = self._again(letter)
            if isinstance(result, DeadLetter):
                failed.append(result)
                verdicts.append(Verdict(letter, "fails", result.detail))
            else:
                kind = self._assembly().kind(result.contract)
                mends.append(Mend(letter.id, result, yields=kind == "state" and not force))
        if dry_run:
            late = await self._store.letters.overtaken(mends)
            return verdicts + [
                Verdict(by_id[mend.letter], "superseded" if mend.letter in late else "resolves")
                for mend in mends
            ]
        await self._store.letters.failed(failed)
        for id, state in (await self._store.letters.mended(mends)).items():
            late_one = state is LetterState.SUPERSEDED
            verdicts.append(Verdict(by_id[id], "superseded" if late_one else "resolves"))
        return verdicts

    def _again(self, letter: DeadLetter) -> Record | DeadLetter:
        subject = letter.subject
        assert isinstance(subject, RawSubject)
        assembly = self._assembly()
        plan = assembly.streams.get(subject.stream)
        if plan is None:
            return self._still(
                letter,
                "stream_unknown",
                f"The project has no stream {subject.stream} any more. Configure it, or discard.",
            )
        limits = assembly.loaded.project.limits
        return renormalise(letter, plan.program, now=self._clock(), limits=limits)

    def _still(self, letter: DeadLetter, code: str, detail: str) -> DeadLetter:
        attempt = Attempt(self._clock(), code, detail)
        return msgspec.structs.replace(
            letter, code=code, detail=detail, attempts=(*letter.attempts, attempt)
        )

    async def _deliver(
        self, letters: Sequence[DeadLetter], *, dry_run: bool, force: bool
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        good: list[DeadLetter] = []
        for letter in letters:
            reason = self._not_routed(letter)
            if reason:
                verdicts.append(Verdict(letter, "fails", reason))
            else:
                good.append(letter)
        late = set() if force else await self._overtaken(good)
        for letter in good:
            # The route looks again when its turn comes: it alone knows what is in flight.
            verdicts.append(Verdict(letter, "superseded" if letter.id in late else "returns"))
        if not dry_run and good:
            await self._store.letters.returned([letter.id for letter in good], self._clock(), force)
            for name in {_route_of(letter) for letter in good}:
                self._returned(name)
        return verdicts

    def _not_routed(self, letter: DeadLetter) -> str:
        assert isinstance(letter.subject, DeliverySubject)
        delivery = letter.subject.delivery
        plan = self._assembly().routes.get(delivery.route)
        if plan is None:
            return f"The project has no route {delivery.route} any more."
        logged = LoggedRecord(delivery.offset, delivery.record)
        routed = route([logged], plan.rule, now=self._clock(), ids=self._ids)
        if routed.letters:
            return routed.letters[0].detail
        return "" if routed.deliveries else "The route's condition does not want it any more."

    async def _overtaken(self, letters: Sequence[DeadLetter]) -> set[str]:
        late: set[str] = set()
        for name in {_route_of(letter) for letter in letters}:
            watched = await self._store.routes.watched(name)
            for letter in letters:
                assert isinstance(letter.subject, DeliverySubject)
                record = letter.subject.delivery.record
                newest = watched.get(record.message_key)
                if (
                    _route_of(letter) == name
                    and self._assembly().kind(record.contract) == "state"
                    and newer(newest, record.position)
                ):
                    late.add(letter.id)
        return late


def _route_of(letter: DeadLetter) -> str:
    assert isinstance(letter.subject, DeliverySubject)
    return letter.subject.delivery.route
