"""A delivery as a Kafka message: CloudEvents 1.0 in binary mode.

The attributes travel in headers with the prefix `ce_`, the contract's JSON is the value, the
message key keeps an entity in one partition and so in order. A delete is a tombstone: no value,
so that a compacted topic forgets the entity.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from gateway.types import Delivery, Operation

CORRELATION_ID = "correlation_id"
REPLY_TOPIC = "reply_topic"
ERROR = "error"
"""A reply with this header refuses the record; its value is the reason."""


class Message(msgspec.Struct, frozen=True):
    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def message(delivery: Delivery, topic: str, reply_topic: str | None) -> Message:
    """Attributes: `type` is the contract with its version, `source` and `subject` name the
    entity, `id` is the record's. Extensions: `contract`, `idempotencykey`, `operation`,
    `sourceversion` and the standard `partitionkey`."""
    record = delivery.record
    attributes = {
        "specversion": "1.0",
        "id": record.id,
        "source": f"/{quote(record.stream.source)}/{quote(record.stream.stream)}",
        "type": record.contract,
        "subject": record.key,
        "time": _rfc3339(record.event_at or record.recorded_at),
        "contract": record.contract,
        "idempotencykey": delivery.id,
        "operation": record.operation.value,
        "partitionkey": record.message_key,
        "sourceversion": record.version,
    }
    headers = [(f"ce_{name}", value) for name, value in attributes.items() if value is not None]
    headers.append(("content-type", "application/json"))
    if reply_topic is not None:
        headers.append((CORRELATION_ID, delivery.id))
        headers.append((REPLY_TOPIC, reply_topic))
    return Message(
        topic=topic,
        key=record.message_key.encode(),
        value=None if record.operation is Operation.DELETE else bytes(record.data),
        headers=[(name, value.encode()) for name, value in headers],
    )


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
