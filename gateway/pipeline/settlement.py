"""What a route does with the outcomes of a batch: settle each, tell the window, tell the world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from gateway import events
from gateway.deliver.settle import Policy, settle
from gateway.deliver.window import Window
from gateway.errors import Refusal
from gateway.events import emit
from gateway.pipeline.gate import Gate
from gateway.pipeline.predictions import Predictions
from gateway.types import (
    Again,
    DeadLetter,
    Delivered,
    Delivery,
    Done,
    Outcome,
    Record,
    Refused,
)


class Settlement:
    """`predictions` is None for a route to a sink: what it answers is not a model's."""

    def __init__(
        self,
        route: str,
        gate: Gate,
        predictions: Predictions | None,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        ids: Callable[[], str],
    ) -> None:
        self._route = route
        self._gate = gate
        self._predictions = predictions
        self._clock = clock
        self._chance = chance
        self._ids = ids

    def settle(
        self,
        window: Window,
        deliveries: Sequence[Delivery],
        outcomes: Sequence[Outcome],
        seconds: float,
        policy: Policy,
    ) -> None:
        """Settle a batch that has come back. The window then holds what is to be committed."""
        now = self._clock()
        counts: Counter[str] = Counter()
        letters: list[DeadLetter] = []
        parked: Counter[str] = Counter()
        held: Again | None = None
        for delivery, answered in zip(deliveries, outcomes, strict=True):
            outcome, prediction = self._read(delivery, answered, now)
            settled = settle(
                delivery,
                outcome,
                now,
                policy,
                holds=self._gate.holds,
                chance=self._chance(),
                ids=self._ids,
            )
            match settled:
                case Done():
                    degraded = settled.outcome.degraded
                    window.done(delivery, prediction, degraded=degraded)
                    counts["delivered"] += 1
                    counts["degraded"] += degraded
                    counts["predictions"] += prediction is not None
                    counts["unchanged"] += settled.outcome.receipt == "unchanged"
                    counts["resolved"] += delivery.letter is not None
                case DeadLetter():
                    window.dead(delivery, settled)
                    letters.append(settled)
                case Again():
                    if window.again(delivery, settled):
                        held = settled
                    else:
                        parked[settled.code] += 1
                case _:
                    assert_never(settled)
        self._tell(counts, letters, parked, seconds)
        if held is not None:
            self._hold(held, now)
        elif counts["delivered"] or letters:
            self._open(now)

    def _read(
        self, delivery: Delivery, outcome: Outcome, now: datetime
    ) -> tuple[Outcome, Record | None]:
        if self._predictions is None or not isinstance(outcome, Delivered):
            return outcome, None
        try:
            return outcome, self._predictions.record(delivery, outcome, now)
        except Refusal as error:
            return Refused(error.code, str(error)), None

    def _hold(self, held: Again, now: datetime) -> None:
        # The settled wait grows with the probes that failed; the gate is told once a batch.
        if self._gate.hold(now, held.due_at, held.detail):
            emit(
                events.RouteHeld(self._route, self._gate.name, held.code, held.detail, held.due_at)
            )

    def _open(self, now: datetime) -> None:
        held_secs = self._gate.open(now)
        if held_secs is not None:
            emit(events.RouteResumed(self._route, self._gate.name, held_secs))

    def _tell(
        self,
        counts: Counter[str],
        letters: Sequence[DeadLetter],
        parked: Counter[str],
        seconds: float,
    ) -> None:
        route, endpoint = self._route, self._gate.name
        if counts["delivered"]:
            emit(
                events.BatchDelivered(
                    route,
                    endpoint,
                    counts["delivered"],
                    seconds,
                    counts["degraded"],
                    counts["predictions"],
                )
            )
        if counts["unchanged"]:
            emit(events.WritesUnchanged(route, endpoint, counts["unchanged"]))
        if counts["resolved"]:
            emit(events.LettersResolved(route, counts["resolved"]))
        for code, count in parked.items():
            emit(events.KeysParked(route, endpoint, code, count))
        tell_letters(route, letters)


def tell_letters(route: str, letters: Sequence[DeadLetter]) -> None:
    """One event a cause, not a letter."""
    for code, count in Counter(letter.code for letter in letters).items():
        emit(events.LettersOpened("deliver", route, code, count))
