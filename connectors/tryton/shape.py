"""What a stream asks for, what Tryton declares about it, and how an answer becomes a row."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.tryton.client import TrytonClient
from connectors.tryton.config import TrytonStream
from gateway.errors import ConfigError, DriftError

STAMPS = ("create_date", "write_date")
LISTS = frozenset({"one2many", "many2many"})
RELATIONS = LISTS | {"many2one", "one2one"}

Definitions = Mapping[str, Mapping[str, Any]]


class Shape(msgspec.Struct, frozen=True):
    """`wanted` are the names to ask for; `fields` the declared shape of a page: name → type, with
    dotted names for what lies behind relations; `booleans` the places that are booleans, which
    SQLite sends as 0 and 1; `coalesced` says that the server has `last_modified_at` (8.0)."""

    model: str
    wanted: tuple[str, ...]
    fields: Mapping[str, str]
    children: tuple[str, ...]
    nested: frozenset[str]
    booleans: frozenset[str]
    coalesced: bool

    def row(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The row as mappings see it: what was asked for below a relation lies in an object (or a
        list of them) under the relation's own name, together with its id."""
        return self._folded(sent, "")

    def _folded(self, sent: Mapping[str, Any], place: str) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for name, value in sent.items():
            if name.endswith("."):
                inner = f"{place}{name}"
                if isinstance(value, list):
                    row[name[:-1]] = [self._folded(each, inner) for each in value]
                else:
                    row[name[:-1]] = None if value is None else self._folded(value, inner)
            elif f"{place}{name}" in self.nested:
                continue
            elif value is not None and f"{place}{name}" in self.booleans:
                row[name] = bool(value)
            else:
                row[name] = value
        return row

    def relation(self, name: str) -> str:
        """The model behind a field."""
        return self.fields[name].partition("(")[2].removesuffix(")")

    def changed_at(self, row: Mapping[str, Any]) -> datetime | None:
        """When the row or one of its children was changed last."""
        stamps = [_stamp(row), *(_stamp(child) for child in self._children_of(row))]
        return max((stamp for stamp in stamps if stamp is not None), default=None)

    def version(self, row: Mapping[str, Any]) -> str | None:
        """Tells two states of a row apart: the instant of its last change and, with children, a
        digest of all their stamps, since a late change of one need not move the last instant."""
        at = self.changed_at(row)
        if at is None:
            return None
        if not self.children:
            return instant(at)
        stamps = [str(_stamp(row))]
        for name in self.children:
            for child in row.get(name) or ():
                stamps.append(f"{name} {child['id']} {_stamp(child)}")
        stamps[1:] = sorted(stamps[1:])
        digest = hashlib.blake2s("\n".join(stamps).encode(), digest_size=6).hexdigest()
        return f"{instant(at)}.{digest}"

    def _children_of(self, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [child for name in self.children for child in row.get(name) or ()]


def instant(at: datetime) -> str:
    """An instant as text of one length, so that texts sort as instants do."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _stamp(row: Mapping[str, Any]) -> datetime | None:
    # `write_date` is null until the first change.
    stamp: datetime | None = row.get("write_date") or row.get("create_date")
    return stamp


async def read_shape(client: TrytonClient, model: str, settings: TrytonStream) -> Shape:
    """Ask Tryton for the fields of the model and of what the stream reaches through relations.

    Raises DriftError where a field that the stream names is not there, ConfigError where the
    model keeps no change stamps or a field is used as what it is not.
    """
    reader = _Reader(client)
    own = await reader.of(model)
    if not set(STAMPS) <= set(own):
        raise ConfigError(
            f"{model} keeps no change stamps: it is computed, not stored.",
            mend="Read the models it is computed from.",
        )
    names = list(settings.fields) if settings.fields is not None else stored(own)
    names += [
        f"{name}.{field}" for name, child in settings.children.items() for field in child.fields
    ]
    technical = ["id", *STAMPS]
    for child in settings.children:
        if own.get(child, {}).get("type") not in {*LISTS, None}:
            raise ConfigError(
                f"`children.{child}` of {model} is a {own[child]['type']}, not a list of rows.",
                mend=f"Read it with dotted `fields`: `{child}.name`.",
            )
        technical += [f"{child}.id", *(f"{child}.{stamp}" for stamp in STAMPS)]
    wanted = sorted({*names, *technical})
    fields: dict[str, str] = {}
    booleans: set[str] = set()
    nested: set[str] = set()
    for name in wanted:
        definitions, place = own, ""
        *through, last = name.split(".")
        for step in through:
            definition = _definition(definitions, step, model, name)
            fields.setdefault(f"{place}{step}", _type(definition))
            nested.add(f"{place}{step}")
            definitions, place = await reader.behind(definition, model, name), f"{place}{step}."
        definition = _definition(definitions, last, model, name)
        fields[f"{place}{last}"] = _type(definition)
        if definition["type"] == "boolean":
            booleans.add(f"{place}{last}")
    modified = own.get("last_modified_at", {})
    return Shape(
        model=model,
        wanted=tuple(name for name in wanted if name not in nested),
        fields=fields,
        children=tuple(settings.children),
        nested=frozenset(nested),
        booleans=frozenset(booleans),
        coalesced=bool(modified.get("searchable") and modified.get("sortable")),
    )


def stored(definitions: Definitions) -> list[str]:
    """The names of a model's stored fields but binaries: what can be searched and sorted by is
    a column; computed fields and lists are read when they are asked for by name."""
    return sorted(
        name
        for name, definition in definitions.items()
        if definition.get("searchable") and definition.get("sortable")
        and definition["type"] != "binary"
    )  # fmt: skip


def field_type(definition: Mapping[str, Any]) -> str:
    """The system's own name for a field's type, with the model it leads to."""
    return _type(definition)


def _type(definition: Mapping[str, Any]) -> str:
    relation = definition.get("relation")
    return f"{definition['type']}({relation})" if relation else str(definition["type"])


def _definition(definitions: Definitions, name: str, model: str, asked: str) -> Mapping[str, Any]:
    if name in definitions:
        return definitions[name]
    near = difflib.get_close_matches(name, definitions, n=3)
    raise DriftError(
        f"{model} has no field {asked!r} (any more).",
        mend=f"Nearest by name: {', '.join(near)}." if near else "Look at `headrace discover`.",
        code="field_removed",
    )


class _Reader:
    """fields_get of several models, each asked once."""

    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._known: dict[str, Definitions] = {}

    async def of(self, model: str) -> Definitions:
        if model not in self._known:
            self._known[model] = await self._client.read(f"model.{model}.fields_get", [])
        return self._known[model]

    async def behind(self, definition: Mapping[str, Any], model: str, asked: str) -> Definitions:
        relation = definition.get("relation")
        if definition["type"] in RELATIONS and relation:
            return await self.of(relation)
        if definition["type"] == "reference":
            # It may lead to any of several models; what all rows have can be asked for.
            return _ANY_ROW
        raise ConfigError(
            f"{asked!r} of {model} reaches through a {definition['type']}, which leads nowhere.",
            mend="Dotted names go through relations only.",
        )


_ANY_ROW: Definitions = {
    "id": {"type": "integer"}, "rec_name": {"type": "char"},
    "create_date": {"type": "timestamp"}, "write_date": {"type": "timestamp"},
}  # fmt: skip


def names_of(fields: Sequence[str]) -> list[str]:
    return [name for name in fields if "." not in name]
