"""Send a batch and get one outcome each. A batch that is refused as a whole is bisected until
the offending record is alone; nobody else pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from gateway.errors import Ambiguous, HeadraceError, Outage, Refusal, Unanswered
from gateway.types import Delivered, Delivery, Later, Outcome, Refused

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
        outcomes = _outcomes(await trial.send(deliveries), len(deliveries))
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _cancelled():
            raise
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


def _outcomes(given: Any, count: int) -> list[Outcome]:
    """What an endpoint gave, if it is what it must be. Raises Ambiguous."""
    if not isinstance(given, Sequence):
        raise Ambiguous(
            f"The endpoint gave a {type(given).__name__}, no list of outcomes.",
            code="outcomes_miscounted",
        )
    if len(given) != count:
        raise Ambiguous(
            f"The endpoint gave {len(given)} outcomes for {count} deliveries.",
            code="outcomes_miscounted",
        )
    for each in given:
        match each:
            case Delivered(answer=answer) if answer is None or isinstance(answer, Mapping):
                pass
            case Later(code=str(), detail=str(), after=None | int() | float()):
                pass
            case Refused(code=str(), detail=str()):
                pass
            case _:
                raise Ambiguous(
                    f"The endpoint gave a {type(each).__name__} that is no outcome as "
                    "gateway.types has them.",
                    code="outcome_invalid",
                )
    return list(given)


def _cancelled() -> bool:
    """Whether we are, and not just something inside the endpoint."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _verdict(error: BaseException) -> Later | Refused:
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
