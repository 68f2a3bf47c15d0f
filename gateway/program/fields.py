"""Compiles the fields of a mapping into functions of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from gateway.converters import ConversionError, Convert, Converter, bind
from gateway.errors import ConfigError
from gateway.mapping import FieldSource
from gateway.paths import MISSING, Reach, parse, reach
from gateway.program.rejection import FieldError, Loc

Extract: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Makes a field's value from a row, MISSING where it is absent. Raises FieldError."""


class Field(msgspec.Struct, frozen=True):
    """One field, compiled. `columns` are the row's columns that it reads; `column` is set where
    it is one of them, unchanged. `parts` are the fields of an object, for its lineage."""

    name: str
    extract: Extract
    columns: frozenset[str]
    origin: str
    column: str | None = None
    constant: bool = False
    parts: tuple[Field, ...] = ()


def compile_fields(
    fields: Mapping[str, str | FieldSource], place: str, loc: Loc = ()
) -> tuple[Field, ...]:
    """The fields below `place` in the mapping. Raises ConfigError that names the place."""
    return tuple(
        compile_field(name, source, f"{place}.{name}", (*loc, name))
        for name, source in fields.items()
    )


def compile_field(name: str, source: str | FieldSource, place: str, loc: Loc) -> Field:
    """One field. `loc` is its path in what the mapping makes."""
    if isinstance(source, str):
        source = FieldSource(from_=source)
    field = _origin_of(name, source, place, loc)
    if source.as_ is None:
        if source.with_:
            raise ConfigError(
                f"`{place}.with` has arguments, but no converter to take them.",
                mend=f"Name it in `{place}.as`.",
            )
        return field
    converter, convert = bind(source.as_, source.with_, place)
    return msgspec.structs.replace(
        field,
        extract=_converted(field, converter, convert, loc),
        column=None,
        parts=(),
    )


def _origin_of(name: str, source: FieldSource, place: str, loc: Loc) -> Field:
    if source.from_ is not None:
        parts = parse(source.from_, f"{place}.from")
        return Field(
            name=name,
            extract=reach(parts),
            columns=frozenset({parts[0]}),
            origin=f"read from `{source.from_}`",
            column=parts[0] if len(parts) == 1 else None,
        )
    if source.first is not None:
        paths = [parse(path, f"{place}.first") for path in source.first]
        return Field(
            name=name,
            extract=_first([reach(path) for path in paths]),
            columns=frozenset(path[0] for path in paths),
            origin="read from the first of " + ", ".join(f"`{path}`" for path in source.first),
        )
    if source.each is not None:
        return _each(name, source.each, source.fields or {}, place, loc)
    if source.object:
        parts_ = compile_fields(source.fields or {}, f"{place}.fields", loc)
        return Field(
            name=name,
            extract=_object(parts_),
            columns=frozenset().union(*(part.columns for part in parts_)),
            origin="made of " + ", ".join(f"`{column}`" for column in _columns(parts_)),
            parts=parts_,
        )
    constant = source.value
    return Field(
        name=name,
        extract=lambda row: constant,  # noqa: ARG005 — the same for every row
        columns=frozenset(),
        origin="a value that the mapping gives",
        constant=True,
    )


def _columns(fields: tuple[Field, ...]) -> list[str]:
    return sorted(frozenset().union(*(field.columns for field in fields)))


def _first(paths: list[Reach]) -> Extract:
    def extract(row: Mapping[str, Any]) -> Any:
        found: Any = MISSING
        for path in paths:
            value = path(row)
            if value is None:
                found = None
            elif value is not MISSING:
                return value
        return found

    return extract


def _object(parts: tuple[Field, ...]) -> Extract:
    """Null where all that is read is null or absent, absent where it is all absent: a constant
    part (the currency of an amount that is not there) makes no object by itself."""

    def extract(row: Mapping[str, Any]) -> Any:
        made = {}
        empty: Any = MISSING
        something = False
        for part in parts:
            value = part.extract(row)
            if value is MISSING:
                continue
            made[part.name] = value
            if value is None:
                empty = None
            elif not part.constant:
                something = True
        return made if something else empty

    return extract


def _each(
    name: str, path: str, fields: Mapping[str, str | FieldSource], place: str, loc: Loc
) -> Field:
    parts = parse(path, f"{place}.each")
    children = reach(parts)
    inner = compile_fields(fields, f"{place}.fields", loc)
    origin = f"read from `{path}`"

    def extract(row: Mapping[str, Any]) -> Any:
        found = children(row)
        if found is None or found is MISSING:
            return found
        if not isinstance(found, list | tuple):
            raise FieldError(loc, origin, found, "a list")
        made = []
        for index, child in enumerate(found):
            if not isinstance(child, Mapping):
                raise FieldError((*loc, index), origin, child, "an object")
            item = {}
            for field in inner:
                try:
                    value = field.extract(child)
                except FieldError as error:
                    error.loc = (*loc, index, *error.loc[len(loc) :])
                    raise
                if value is not MISSING:
                    item[field.name] = value
            made.append(item)
        return made

    return Field(
        name=name,
        extract=extract,
        columns=frozenset({parts[0]}),
        origin=origin,
        parts=tuple(
            msgspec.structs.replace(
                field, columns=frozenset({parts[0]}), origin=f"{field.origin} in `{path}`"
            )
            for field in inner
        ),
    )


def _converted(field: Field, converter: Converter, convert: Convert, loc: Loc) -> Extract:
    read, origin = field.extract, field.origin
    takes_null, takes_absent = converter.takes_null, converter.takes_absent

    def extract(row: Mapping[str, Any]) -> Any:
        value = read(row)
        if value is None:
            if not takes_null:
                return None
        elif value is MISSING:
            if not takes_absent:
                return MISSING
            value = None
        try:
            return convert(value)
        except ConversionError as error:
            raise FieldError(loc, origin, value, error.expected) from None
        except Exception as error:
            expected = f"what the converter `{converter.name}` takes ({type(error).__name__})"
            raise FieldError(loc, origin, value, expected) from error

    return extract
