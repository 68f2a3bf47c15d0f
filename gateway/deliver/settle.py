"""What follows from an outcome. Pure: this is the only place that decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from gateway.retry import asked, backoff, fingerprint
from gateway.types import (
    Again,
    Attempt,
    DeadLetter,
    Delivered,
    Delivery,
    DeliverySubject,
    Done,
    Later,
    Outcome,
    Refused,
    Settled,
)


class Policy(msgspec.Struct, frozen=True):
    """How long and how often to try. Waits in seconds.

    `hold_*` is for an endpoint that is unavailable: it is probed, for ever and at no cost.
    """

    max_attempts: int
    first_wait: float
    max_wait: float
    hold_first: float = 0.5
    hold_most: float = 10.0


def settle(
    delivery: Delivery,
    outcome: Outcome,
    now: datetime,
    policy: Policy,
    *,
    holds: int,
    chance: float,
    ids: Callable[[], str],
) -> Settled:
    """`holds` counts the probes that failed in a row, `chance` (0 to 1) spreads the waits."""
    match outcome:
        case Delivered():
            return Done(outcome)
        case Later(costs_attempt=False):
            wait = backoff(holds + 1, policy.hold_first, policy.hold_most, chance)
            return Again(
                due_at=now + timedelta(seconds=max(wait, asked(outcome.after))),
                holds_route=True,
                delivery=delivery,
                code=outcome.code,
                detail=outcome.detail,
            )
        case Later(unanswered=True) if not delivery.spared:
            # A server that was stopped looks like one that this record has killed. Believe the
            # first once: a stop never costs an attempt, and a killer is found all the same.
            wait = backoff(1, policy.first_wait, policy.max_wait, chance)
            return Again(
                due_at=now + timedelta(seconds=max(wait, asked(outcome.after))),
                holds_route=False,
                delivery=msgspec.structs.replace(delivery, spared=True),
                code=outcome.code,
                detail=outcome.detail,
            )
        case Later():
            tried = _tried(delivery, outcome, now)
            if len(tried.attempts) >= policy.max_attempts:
                detail = f"Given up after {len(tried.attempts)} attempts: {outcome.detail}"
                return _letter(tried, outcome.code, detail, now, ids)
            wait = backoff(len(tried.attempts), policy.first_wait, policy.max_wait, chance)
            return Again(
                due_at=now + timedelta(seconds=max(wait, asked(outcome.after))),
                holds_route=False,
                delivery=tried,
                code=outcome.code,
                detail=outcome.detail,
            )
        case Refused():
            tried = _tried(delivery, outcome, now)
            return _letter(tried, outcome.code, outcome.detail, now, ids)
    assert_never(outcome)


def _tried(delivery: Delivery, outcome: Later | Refused, now: datetime) -> Delivery:
    attempt = Attempt(now, outcome.code, outcome.detail)
    return msgspec.structs.replace(delivery, attempts=(*delivery.attempts, attempt))


def _letter(
    delivery: Delivery, code: str, detail: str, now: datetime, ids: Callable[[], str]
) -> DeadLetter:
    return DeadLetter(
        # A replay that failed is the same letter with a longer history, not another one.
        id=delivery.letter or ids(),
        code=code,
        detail=detail,
        fingerprint=fingerprint(code, delivery.route, delivery.record.contract),
        subject=DeliverySubject(msgspec.structs.replace(delivery, letter=None, forced=False)),
        opened_at=now,
        attempts=delivery.attempts,
        contract=delivery.record.contract,
        key=delivery.record.key,
    )
