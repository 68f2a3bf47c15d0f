"""Short ways to make nouns for tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from gateway.types import (
    DeadLetter,
    Delivery,
    DeliverySubject,
    LoggedRecord,
    Operation,
    Position,
    RawSubject,
    Record,
    StreamId,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CRM = StreamId("crm", "account")


def record(
    key: str = "a", page: int = 0, row: int = 0, *, data: str = '{"id":"a"}', **more: object
) -> Record:
    """A customer record of the CRM, first read at (page, row)."""
    given: dict[str, object] = {
        "position": Position(str(CRM), page, row),
        "generation": 0,
        "stream": CRM,
        "key": key,
        "contract": "customer.v1",
        "operation": Operation.UPSERT,
        "data": msgspec.Raw(data.encode()),
        "recorded_at": NOON,
    }
    return Record(**{**given, **more})  # type: ignore[arg-type]


def logged(*keys: str, first: int = 1) -> list[LoggedRecord]:
    """Records of these keys, at offsets from `first` on and in the positions of one page."""
    return [LoggedRecord(first + i, record(key, 0, first + i)) for i, key in enumerate(keys)]


def delivery(key: str = "a", offset: int = 1, route: str = "score", **more: object) -> Delivery:
    return Delivery(route, offset, record(key, 0, offset), **more)  # type: ignore[arg-type]


def raw_letter(id: str = "L1", key: str | None = "a", page: int = 0, row: int = 0) -> DeadLetter:
    """A letter of a row of the CRM that did not normalise."""
    return DeadLetter(
        id=id,
        code="contract_violated",
        detail="`name`: there was 7, expected text.",
        fingerprint="v1:0123456789abcdef",
        subject=RawSubject(
            Position(str(CRM), page, row),
            CRM,
            b'{"id":7}',
            "application/json",
            Operation.UPSERT,
            key,
        ),
        opened_at=NOON,
        contract="customer.v1",
        key=key,
    )


def sent_letter(id: str = "L1", of: Delivery | None = None) -> DeadLetter:
    """A letter of a delivery that was refused."""
    return DeadLetter(
        id=id,
        code="refused",
        detail="The model refused it.",
        fingerprint="v1:fedcba9876543210",
        subject=DeliverySubject(of or delivery()),
        opened_at=NOON,
        contract="customer.v1",
        key=(of or delivery()).record.key,
    )


def counting(prefix: str = "L") -> Callable[[], str]:
    """Ids that sort in the order they were made."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):06d}"


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
