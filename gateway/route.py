"""Which records a route carries. Pure: records in, deliveries and dead letters out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.conditions import Condition, ConditionError
from gateway.retry import fingerprint
from gateway.types import (
    DeadLetter,
    Delivery,
    DeliverySubject,
    LoggedRecord,
    Record,
)


class Rule(msgspec.Struct, frozen=True):
    """What a route asks of a record. `max_hops` bounds how many model answers a lineage may hold."""

    route: str
    contracts: tuple[str, ...]
    condition: Condition | None
    max_hops: int


class Routed(msgspec.Struct, frozen=True):
    """Of the records looked at: those to deliver, in order, those that cannot be, and how many
    did not meet the condition."""

    deliveries: Sequence[Delivery]
    letters: Sequence[DeadLetter]
    skipped: int


def route(
    records: Sequence[LoggedRecord], rule: Rule, *, now: datetime, ids: Callable[[], str]
) -> Routed:
    """Choose the records that a route carries. Records of other contracts are not the route's
    business: they are neither delivered nor counted."""
    deliveries: list[Delivery] = []
    letters: list[DeadLetter] = []
    skipped = 0
    for logged in records:
        record = logged.record
        if record.contract not in rule.contracts:
            continue
        delivery = Delivery(rule.route, logged.offset, record)
        if record.hops > rule.max_hops:
            letters.append(_loop(delivery, rule, now, ids()))
            continue
        if rule.condition is not None:
            try:
                if not rule.condition.matches(fields(record, rule.condition)):
                    skipped += 1
                    continue
            except ConditionError as error:
                letters.append(_unanswered(delivery, error, now, ids()))
                continue
        deliveries.append(delivery)
    return Routed(deliveries, letters, skipped)


def fields(record: Record, condition: Condition) -> dict[str, Any]:
    """What a condition may name; the data is decoded only for one that asks for it."""
    found: dict[str, Any] = {
        "key": record.key,
        "source": record.stream.source,
        "stream": record.stream.stream,
        "contract": record.contract,
        "operation": record.operation.value,
        "version": record.version,
        "event_at": record.event_at,
        "recorded_at": record.recorded_at,
        "hops": record.hops,
    }
    if "data" in condition.variables:
        found["data"] = msgspec.json.decode(record.data)
    return found


def _loop(delivery: Delivery, rule: Rule, now: datetime, id: str) -> DeadLetter:
    hops = delivery.record.hops
    return DeadLetter(
        id=id,
        code="loop",
        detail=(
            f"The record comes from {hops} model answers in a row, more than the {rule.max_hops} "
            "allowed: routes seem to feed one another. Break the circle, or raise `limits.max_hops`."
        ),
        fingerprint=fingerprint("loop", rule.route),
        subject=DeliverySubject(delivery),
        opened_at=now,
        contract=delivery.record.contract,
        key=delivery.record.key,
    )


def _unanswered(delivery: Delivery, error: ConditionError, now: datetime, id: str) -> DeadLetter:
    return DeadLetter(
        id=id,
        code=error.code,
        detail=str(error),
        fingerprint=fingerprint(error.code, delivery.route, error.message),
        subject=DeliverySubject(delivery),
        opened_at=now,
        contract=delivery.record.contract,
        key=delivery.record.key,
    )
