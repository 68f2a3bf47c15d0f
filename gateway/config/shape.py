"""What a config model allows at a place, asked of its JSON Schema.

The schema, not the annotations: unions, tags and nested models all read alike there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from gateway.secrets import Secret

_SECRET_PATTERN = TypeAdapter(Secret).json_schema()["pattern"]
"""What tells a secret's schema from that of other text."""


@lru_cache(maxsize=256)
def schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True, mode="validation")


def names_at(model: type[BaseModel], place: Sequence[str | int], value: Any) -> Iterator[str]:
    """The names of the settings at a place. `value` is what stands at the model's own place: it
    decides which branch of a tagged union is meant."""
    root = schema_of(model)
    for schema in _at(root, root, place, value):
        yield from schema.get("properties", {})


def is_secret(model: type[BaseModel], place: Sequence[str | int], value: Any) -> bool:
    """Whether the setting at a place takes a reference to a secret."""
    root = schema_of(model)
    return any(schema.get("pattern") == _SECRET_PATTERN for schema in _at(root, root, place, value))


def _at(
    root: Mapping[str, Any], schema: Mapping[str, Any], place: Sequence[str | int], value: Any
) -> Iterator[Mapping[str, Any]]:
    for branch in _branches(root, schema, value):
        if not place:
            yield branch
            continue
        step, rest = place[0], place[1:]
        below = value.get(step) if isinstance(value, dict) else None
        if isinstance(step, int):
            below = value[step] if isinstance(value, list) and step < len(value) else None
            nexts = [branch.get("items"), *branch.get("prefixItems", [])[step : step + 1]]
        elif step in branch.get("properties", {}):
            nexts = [branch["properties"][step]]
        else:
            nexts = [branch.get("additionalProperties")]
            nexts += list(branch.get("patternProperties", {}).values())
        for each in nexts:
            if isinstance(each, Mapping):
                yield from _at(root, each, rest, below)


def _branches(
    root: Mapping[str, Any], schema: Mapping[str, Any], value: Any
) -> Iterator[Mapping[str, Any]]:
    if "$ref" in schema:
        target = root["$defs"][str(schema["$ref"]).rsplit("/", 1)[-1]]
        yield from _branches(root, target, value)
        return
    options = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]
    if not options:
        yield schema
        return
    tag = schema.get("discriminator", {})
    chosen = value.get(tag["propertyName"]) if tag and isinstance(value, dict) else None
    target = tag.get("mapping", {}).get(chosen) if isinstance(chosen, str) else None
    if target is not None:
        yield from _branches(root, {"$ref": target}, value)
        return
    for option in options:
        yield from _branches(root, option, value)
