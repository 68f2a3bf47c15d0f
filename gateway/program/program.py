"""The program: a mapping and a contract, ready to be run over rows.

The contract is the judge, and pydantic alone speaks for it. `accepted` is the one door: a faster
lane may stand before it as long as it accepts exactly the same, and sends here whatever it does
not accept.
"""

from __future__ import annotations

import hashlib
from asyncio import CancelledError
from collections.abc import Mapping as Row
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from pydantic import ValidationError

from contracts.base import Contract, Kind
from gateway.converters import ConversionError, Convert, scalar_text
from gateway.mapping import Mapping
from gateway.paths import MISSING
from gateway.program.fields import Field
from gateway.program.rejection import (
    FieldError,
    Rejected,
    contract_violated,
    not_convertible,
    shown,
)

MAX_KEY_LENGTH = 1_024


class Program:
    """Made by `compile_mapping`. Holds no state: any number of pages may use it at a time."""

    def __init__(
        self,
        *,
        mapping: Mapping,
        contract: type[Contract],
        fields: tuple[Field, ...],
        key: tuple[Field, ...],
        version: Field | None,
        at: Field | None,
        deleted: Field | None,
        truth: Convert,
    ) -> None:
        self.mapping = mapping
        self.contract = contract
        self.ref: str = contract.contract_ref
        self.kind: Kind = contract.contract_kind
        envelope = [field for field in (version, at, deleted) if field is not None]
        self.columns: frozenset[str] = frozenset().union(
            *(field.columns for field in (*fields, *key, *envelope))
        )
        """The top-level columns of a row that anything is read from."""
        self._stamps = frozenset().union(
            *(field.columns for field in (version, at) if field is not None)
        )
        self._fields = fields
        self._plain = [(field.name, field.column) for field in fields if field.column is not None]
        self._made = [(field.name, field.extract) for field in fields if field.column is None]
        self._key = key
        self._version = version
        self._at = at
        self._deleted = deleted
        self._truth = truth
        self._origins = dict(_origins(fields))
        self._validate = contract.__pydantic_validator__.validate_python
        self._encode = contract.__pydantic_serializer__.to_json
        self._without = lru_cache(maxsize=16)(self._excluded)

    def accepted(self, row: Row[str, Any]) -> bytes:
        """The contract data of a row, as JSON without what is absent. Raises Rejected."""
        data: dict[str, Any] = {}
        get = row.get
        for name, column in self._plain:
            value = get(column, MISSING)
            if value is not MISSING:
                data[name] = value
        errors: list[FieldError] | None = None
        for name, extract in self._made:
            try:
                value = extract(row)
            except FieldError as error:
                errors = [*(errors or ()), error]
                continue
            if value is not MISSING:
                data[name] = value
        if errors is not None:
            raise not_convertible(errors)
        try:
            return self._encode(self._validate(data), exclude_unset=True)
        except ValidationError as error:
            raise contract_violated(error, self.ref, self._origins) from None
        except (Exception, SystemExit, CancelledError) as error:
            # A contract's own validator, in the project's own code. None of it awaits, so that
            # nobody can have cancelled us here.
            raise Rejected(
                "contract_failed",
                f"the code of {self.ref} failed with {type(error).__name__}: {shown(str(error))}",
                kind=type(error).__name__,
            ) from error

    def key(self, row: Row[str, Any]) -> str:
        """The entity's key. Raises Rejected."""
        parts = self._key
        if len(parts) == 1:
            key = _key_part(parts[0], row)
        else:
            key = msgspec.json.encode([_key_part(part, row) for part in parts]).decode()
        if len(key) > MAX_KEY_LENGTH:
            raise Rejected("key_missing", f"the key has more than {MAX_KEY_LENGTH:,} characters")
        return key

    def version(self, row: Row[str, Any]) -> str | None:
        """What tells this version of the row from others, as text. Raises Rejected."""
        value = _extracted(self._version, row)
        if value is None:
            return None
        text = value if type(value) is str else scalar_text(value)
        if text is None or not _storable(text):
            raise _unfit(self._version, value, "text, a number, a date or a UUID")
        return text

    def at(self, row: Row[str, Any]) -> datetime | None:
        """When the row was changed, as an instant. Raises Rejected."""
        value = _extracted(self._at, row)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise _unfit(self._at, value, _AT) from None
        if value is None or (isinstance(value, datetime) and value.utcoffset() is not None):
            return value
        raise _unfit(self._at, value, _AT)

    def deleted(self, row: Row[str, Any]) -> bool:
        """Whether the row says that its entity is gone. Raises Rejected."""
        value = _extracted(self._deleted, row)
        if value is None or isinstance(value, bool):
            return value is True
        try:
            return bool(self._truth(value))
        except ConversionError as error:
            raise _unfit(self._deleted, value, error.expected) from None

    def content(self, data: msgspec.Raw | bytes, without: frozenset[str] = frozenset()) -> bytes:
        """A hash (16 bytes) of a record's data; the data of a delete hashes like no other.

        What was read from the columns `without`, or from those of version and time, is left out:
        two hashes are equal where nothing else has changed. So a stream that is also written to
        can tell the echo of a write from a change.
        """
        value = msgspec.json.decode(data)
        for path in self._without(without):
            _drop(value, path)
        kept = msgspec.json.encode(value, order="deterministic")
        return hashlib.blake2b(kept, digest_size=16).digest()

    def _excluded(self, without: frozenset[str]) -> tuple[tuple[str, ...], ...]:
        return tuple(_reading(self._fields, without | self._stamps))


_AT = "an instant with its offset; `as: utc_datetime` makes one"


def _key_part(field: Field, row: Row[str, Any]) -> str:
    try:
        value = field.extract(row)
    except FieldError as error:
        raise Rejected("key_missing", error.sentence()) from None
    if type(value) is not str:
        if value is MISSING:
            raise Rejected("key_missing", f"the key, {field.origin}, is absent from the row")
        if value is None:
            raise Rejected("key_missing", f"the key, {field.origin}, is null")
        text = scalar_text(value)
        if text is None:
            raise Rejected(
                "key_missing",
                f"the key, {field.origin}: there was {shown(value)}, "
                "expected text, a whole number, a date or a UUID",
            )
        value = text
    if not value:
        raise Rejected("key_missing", f"the key, {field.origin}, is empty text")
    if not _storable(value):
        raise Rejected(
            "key_missing", f"the key, {field.origin}: {shown(value)} holds what is no character"
        )
    return value


def _storable(text: str) -> bool:
    # Half of a surrogate pair has no UTF-8; NUL ends a string in too many places.
    return text.isprintable() or not any(
        character == "\0" or "\ud800" <= character <= "\udfff" for character in text
    )


def _extracted(field: Field | None, row: Row[str, Any]) -> Any:
    if field is None:
        return None
    try:
        value = field.extract(row)
    except FieldError as error:
        raise not_convertible([error]) from None
    return None if value is MISSING else value


def _unfit(field: Field | None, value: Any, expected: str) -> Rejected:
    assert field is not None
    return not_convertible([FieldError((field.name,), field.origin, value, expected)])


def _origins(
    fields: tuple[Field, ...], loc: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], str]]:
    found = []
    for field in fields:
        found.append(((*loc, field.name), field.origin))
        found.extend(_origins(field.parts, (*loc, field.name)))
    return found


def _reading(
    fields: tuple[Field, ...], columns: frozenset[str], loc: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    """The paths of the smallest parts that read any of these columns."""
    found: list[tuple[str, ...]] = []
    for field in fields:
        if not field.columns & columns:
            continue
        path = (*loc, field.name)
        if field.parts and not field.columns <= columns:
            found.extend(_reading(field.parts, columns, path))
        else:
            found.append(path)
    return found


def _drop(value: Any, path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(path[-1], None)
