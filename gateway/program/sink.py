"""The program of a sink: records into rows.

A sink's mapping sees the record's contract data at the top, and the envelope below `record`:
`record.key`, `.id`, `.source`, `.stream`, `.contract`, `.version`, `.generation`, `.event_at`,
`.recorded_at` (instants as text). For a prediction `record.stream` and `record.key` are those of
the entity it is about, and `subject.…` and `model.…` say the rest. Of a delete there is only the
envelope.

`fields` are the columns to write; `key` names those among them that say which row is meant:

    key: party_id
    fields:
      party_id: record.key
      churn_score: score
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from decimal import Decimal
from typing import Any

import msgspec

from gateway.converters import ConversionError, Convert, bind
from gateway.converters.registration import nearest
from gateway.errors import ConfigError, Refusal
from gateway.mapping import Mapping
from gateway.paths import MISSING
from gateway.program.fields import Field, compile_field, compile_fields
from gateway.program.rejection import FieldError, not_convertible
from gateway.types import Delivery, Operation, Record, Write

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class SinkProgram:
    """Made by `compile_sink`. `columns` are what it writes, keys included."""

    def __init__(
        self,
        *,
        mapping: Mapping,
        key: tuple[Field, ...],
        fields: tuple[Field, ...],
        deleted: Field | None,
        truth: Convert,
    ) -> None:
        self.mapping = mapping
        self.key = tuple(field.name for field in key)
        self.columns = frozenset(field.name for field in (*key, *fields))
        self._key = key
        self._fields = fields
        self._deleted = deleted
        self._truth = truth

    def write(self, delivery: Delivery) -> Write:
        """The row to write. Raises Refusal where the record does not give what it needs."""
        record = delivery.record
        row = view(record)
        gone = record.operation is Operation.DELETE or self._gone(row)
        key = _made(self._key, row)
        for name in self.key:
            if key.get(name) is None:
                raise Refusal(
                    f"`{name}`, a key of the sink's row, is "
                    f"{'null' if name in key else 'absent'} in the record {record.id}.",
                    code="key_missing",
                )
        return Write(
            delivery_id=delivery.id,
            key=key,
            fields={} if gone else _made(self._fields, row),
            operation=Operation.DELETE if gone else Operation.UPSERT,
        )

    def _gone(self, row: MappingType[str, Any]) -> bool:
        if self._deleted is None:
            return False
        value = _made((self._deleted,), row).get("deleted")
        try:
            return value is not None and bool(self._truth(value))
        except ConversionError as error:
            raise _refusal(
                FieldError(("deleted",), self._deleted.origin, value, error.expected)
            ) from None


def compile_sink(mapping: Mapping, *, file: str | None = None) -> SinkProgram:
    """The program of a sink's mapping. Raises ConfigError that names the place in it."""
    try:
        for name in ("contract", "version", "at"):
            if getattr(mapping, name) is not None:
                raise ConfigError(
                    f"`{name}` has no meaning in the mapping of a sink.", mend="Take it out."
                )
        names = [mapping.key] if isinstance(mapping.key, str) else mapping.key
        for name in names:
            if name not in mapping.fields:
                raise ConfigError(
                    f"`key` names {name!r}, which is not among `fields`.",
                    mend=nearest(name, list(mapping.fields))
                    or f"Add a line `{name}: record.key` below `fields`.",
                )
        if not names:
            raise ConfigError("`key` is an empty list.", mend="Name the columns of the row's key.")
        made = compile_fields(mapping.fields, "fields")
        _, truth = bind("boolean", {}, "deleted")
        return SinkProgram(
            mapping=mapping,
            key=tuple(field for field in made if field.name in names),
            fields=tuple(field for field in made if field.name not in names),
            deleted=None
            if mapping.deleted is None
            else compile_field("deleted", mapping.deleted, "deleted", ("deleted",)),
            truth=truth,
        )
    except ConfigError as error:
        if file is None or error.file is not None:
            raise
        raise ConfigError(error.message, file=file, mend=error.mend, code=error.code) from None


def view(record: Record) -> dict[str, Any]:
    """A record as the paths of a sink's mapping see it."""
    data: dict[str, Any] = _decode(record.data) or {}
    data["record"] = {
        "key": record.key,
        "id": record.id,
        "source": record.stream.source,
        "stream": record.stream.stream,
        "contract": record.contract,
        "version": record.version,
        "generation": record.generation,
        "event_at": None if record.event_at is None else record.event_at.isoformat(),
        "recorded_at": record.recorded_at.isoformat(),
    }
    return data


def _made(fields: tuple[Field, ...], row: MappingType[str, Any]) -> dict[str, Any]:
    made = {}
    for field in fields:
        try:
            value = field.extract(row)
        except FieldError as error:
            raise _refusal(error) from None
        if value is not MISSING:
            made[field.name] = value
    return made


def _refusal(error: FieldError) -> Refusal:
    rejected = not_convertible([error])
    return Refusal(rejected.detail, code=rejected.code)
