"""Proposes the lines of a mapping that follow a change, and writes them into its text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gateway.drift.changes import Change
from gateway.errors import ConfigError
from gateway.mapping import FieldSource
from gateway.mapping import Mapping as StreamMapping
from gateway.paths import escaped, parse


def proposal(changes: Sequence[Change], mapping: StreamMapping) -> dict[str, Any]:
    """The patch that follows renamed columns: dotted place in the mapping → its new value.

    `{"fields.email": "mail", "fields.country.from": "land.code", "key": "number"}`. Empty where no
    change is one that a line could follow.
    """
    renamed = {
        change.column: change.new
        for change in changes
        if change.kind == "renamed" and change.new is not None
    }
    if not renamed:
        return {}
    return dict(_followed(mapping, renamed))


def patched(text: str, patch: Mapping[str, Any]) -> str:
    """A mapping's YAML with the patch in it; comments, order and quotes stay as they are.

    A place whose value is None is taken out. Raises ConfigError where the text is no mapping, or
    a place leads through something that has no parts.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4_096
    try:
        document = yaml.load(text)
    except YAMLError as error:
        raise ConfigError(f"the mapping is not YAML: {error}.") from None
    if not isinstance(document, MutableMapping):
        raise ConfigError("the mapping is no YAML mapping.")
    for place, value in patch.items():
        _put(document, place, value)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _put(document: MutableMapping[str, Any], place: str, value: Any) -> None:
    *outer, last = parse(place, place)
    node: Any = document
    for part in outer:
        if part not in node or not isinstance(node[part], MutableMapping):
            raise ConfigError(f"the mapping has nothing at `{place}` that could be changed.")
        node = node[part]
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _followed(mapping: StreamMapping, renamed: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if isinstance(mapping.key, str):
        yield from _path("key", mapping.key, renamed)
    else:
        yield from _paths("key", mapping.key, renamed)
    for name in ("version", "at", "deleted"):
        source: str | FieldSource | None = getattr(mapping, name)
        if source is not None:
            yield from _source(name, source, renamed)
    for name, source in mapping.fields.items():
        yield from _source(f"fields.{escaped(name)}", source, renamed)


def _source(
    place: str, source: str | FieldSource, renamed: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    if isinstance(source, str):
        yield from _path(place, source, renamed)
        return
    if source.from_ is not None:
        yield from _path(f"{place}.from", source.from_, renamed)
    if source.first is not None:
        yield from _paths(f"{place}.first", source.first, renamed)
    if source.each is not None:
        # What is below `each` reads the children, whose columns are others.
        yield from _path(f"{place}.each", source.each, renamed)
    elif source.fields is not None:
        for name, part in source.fields.items():
            yield from _source(f"{place}.fields.{escaped(name)}", part, renamed)


def _path(place: str, path: str, renamed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    moved = _moved(path, place, renamed)
    if moved != path:
        yield place, moved


def _paths(
    place: str, paths: Sequence[str], renamed: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    moved = [_moved(path, place, renamed) for path in paths]
    if moved != list(paths):
        yield place, moved


def _moved(path: str, place: str, renamed: Mapping[str, str]) -> str:
    column, *rest = parse(path, place)
    if column not in renamed:
        return path
    return ".".join(escaped(part) for part in (renamed[column], *rest))
