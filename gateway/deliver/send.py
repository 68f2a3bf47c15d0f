"""Send a batch and get one outcome each. A batch that is refused as a whole is bisected until
the offending record is alone; nobody else pays for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from gateway.errors import Ambiguous, HeadraceError, Outage, Refusal, Unanswered
from gateway.types import Delivery, Later, Outcome, Refused

Send: TypeAlias = Callable[[Sequence[Delivery]], Awaitable[Sequence[Outcome]]]

MAX_FAILURES = 8
"""So many pieces that failed with nothing getting through: not a record's fault but an outage."""


class _Trial:
    """What bisecting one batch has shown so far."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.passed = False
        self.failed = 0
        self.outage: Later | None = None

    def note(self, verdict: Later | Refused) -> None:
        """A piece failed as a whole."""
        if isinstance(verdict, Refused):
            self.passed = True  # It answered, and said whose fault it is.
        elif not verdict.costs_attempt:
            self.outage = verdict
        else:
            self.failed += 1
            if not self.passed and self.failed >= MAX_FAILURES:
                self.outage = _uncharged(verdict)


async def send(deliveries: Sequence[Delivery], to: Send) -> list[Outcome]:
    """One outcome each, in order. Raises nothing that an endpoint can cause.

    Later that costs an attempt is said of a record only when it was alone and, in a batch, others
    got through: where nothing gets through, the endpoint is at fault and nobody is charged.
    """
    trial = _Trial(to)
    outcomes = await _try(trial, deliveries)
    if len(deliveries) > 1 and not trial.passed:
        return [_uncharged(each) if isinstance(each, Later) else each for each in outcomes]
    return outcomes


async def _try(trial: _Trial, deliveries: Sequence[Delivery]) -> list[Outcome]:
    if trial.outage is not None:
        return [trial.outage] * len(deliveries)
    try:
        outcomes = list(await trial.send(deliveries))
        if len(outcomes) != len(deliveries):
            raise Ambiguous(
                f"The endpoint gave {len(outcomes)} outcomes for {len(deliveries)} deliveries.",
                code="outcomes_miscounted",
            )
    except Exception as error:  # noqa: BLE001 - an endpoint's bug must not stop the route's loop
        verdict = _verdict(error)
        trial.note(verdict)
        if trial.outage is not None:
            return [trial.outage] * len(deliveries)
        if len(deliveries) == 1:
            return [verdict]
    else:
        trial.passed = trial.passed or any(not isinstance(each, Later) for each in outcomes)
        return outcomes
    middle = len(deliveries) // 2
    first = await _try(trial, deliveries[:middle])
    return first + await _try(trial, deliveries[middle:])


def _verdict(error: Exception) -> Later | Refused:
    if isinstance(error, Refusal):
        return Refused(error.code, str(error))
    if isinstance(error, Ambiguous):
        unanswered = isinstance(error, Unanswered)
        return Later(error.code, str(error), error.after, costs_attempt=True, unanswered=unanswered)
    if isinstance(error, HeadraceError):
        return Later(error.code, str(error), error.after if isinstance(error, Outage) else None)
    # The message of a foreign error may hold payload or credentials; its type never does.
    detail = f"The endpoint raised {type(error).__name__}, which it should have made an outcome."
    return Later("endpoint_failed", detail, costs_attempt=True)


def _uncharged(later: Later) -> Later:
    return Later(later.code, later.detail, later.after)
