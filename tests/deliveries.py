"""Deliveries made for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.types import NO_DATA, Delivery, Operation, Position, Record, StreamId

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def delivery(
    row: int, data: Any = None, *, key: str | None = None, stream: str = "party.party"
) -> Delivery:
    """One upsert of `data`, or a delete where there is none."""
    name = StreamId("erp", stream)
    record = Record(
        position=Position(str(name), 3, row),
        generation=0,
        stream=name,
        key=str(row) if key is None else key,
        contract="customer.v1",
        operation=Operation.DELETE if data is None else Operation.UPSERT,
        data=NO_DATA if data is None else msgspec.Raw(msgspec.json.encode(data)),
        recorded_at=AT,
        version=f"v{row}",
        event_at=AT,
    )
    return Delivery(route="score", offset=row, record=record)
