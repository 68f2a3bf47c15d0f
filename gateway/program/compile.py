"""Compiles a mapping against its contract, and refuses what could never work."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from contracts.base import Contract
from gateway.converters import bind
from gateway.converters.registration import nearest
from gateway.errors import ConfigError
from gateway.mapping import FieldSource, Mapping
from gateway.program.fields import Field, compile_field, compile_fields
from gateway.program.program import Program


def compile_mapping(
    mapping: Mapping, contract: type[Contract], *, file: str | None = None
) -> Program:
    """The program of a stream. Raises ConfigError that names the place in the mapping.

    Refused are unknown converters and arguments, fields that the contract does not have, and a
    contract's required field that no mapping field makes.
    """
    try:
        if mapping.contract not in (None, contract.contract_ref):
            raise ConfigError(
                f"`contract` says {mapping.contract!r}, but {contract.contract_ref!r} was given."
            )
        check_fields(mapping.fields, contract, contract.contract_ref, "fields")
        _, truth = bind("boolean", {}, "deleted")
        return Program(
            mapping=mapping,
            contract=contract,
            fields=compile_fields(mapping.fields, "fields"),
            key=key_fields(mapping),
            version=_envelope("version", mapping.version),
            at=_envelope("at", mapping.at),
            deleted=_envelope("deleted", mapping.deleted),
            truth=truth,
        )
    except ConfigError as error:
        if file is None or error.file is not None:
            raise
        raise ConfigError(error.message, file=file, mend=error.mend, code=error.code) from None


def key_fields(mapping: Mapping) -> tuple[Field, ...]:
    """The parts of the key, each a path."""
    paths = [mapping.key] if isinstance(mapping.key, str) else mapping.key
    if not paths:
        raise ConfigError("`key` is an empty list.", mend="Name the path of the entity's key.")
    return tuple(compile_field("key", path, "key", ("key",)) for path in paths)


def check_fields(
    fields: MappingType[str, str | FieldSource],
    model: type[BaseModel],
    ref: str,
    place: str,
) -> None:
    """Set the mapping's fields against the contract's. Raises ConfigError."""
    known = model.model_fields
    for name, source in fields.items():
        info = known.get(name)
        if info is None:
            if model.model_config.get("extra") == "allow":
                continue
            raise ConfigError(
                f"`{place}.{name}`: {ref} has no field {name!r}.",
                mend=nearest(name, list(known)) or f"It has {', '.join(known)}.",
            )
        if isinstance(source, FieldSource) and source.fields is not None and source.as_ is None:
            inner = _model_of(info, many=source.each is not None)
            if inner is not None:
                check_fields(source.fields, inner, f"{ref} `{name}`", f"{place}.{name}.fields")
    for name, info in known.items():
        if info.is_required() and name not in fields:
            raise ConfigError(
                f"`{place}`: {ref} requires {name!r}, and nothing in the mapping makes it.",
                mend=f"Add a line `{name}: …` below `{place}`.",
            )


def _envelope(name: str, source: str | FieldSource | None) -> Field | None:
    return None if source is None else compile_field(name, source, name, (name,))


def _model_of(info: FieldInfo, *, many: bool) -> type[BaseModel] | None:
    """The model that a nested field holds (or holds many of), where it is just one."""
    found = [option for option in _options(info.annotation) if option is not type(None)]
    if many:
        found = [
            argument
            for option in found
            if isinstance(typing.get_origin(option), type)
            and issubclass(typing.get_origin(option) or object, Sequence)
            for argument in typing.get_args(option)
            if argument is not Ellipsis
        ]
    if len(found) == 1 and isinstance(found[0], type) and issubclass(found[0], BaseModel):
        return found[0]
    return None


def _options(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for option in typing.get_args(annotation) for part in _options(option)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    return [annotation]
