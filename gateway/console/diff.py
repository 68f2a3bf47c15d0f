"""A proposed change of a mapping, as a diff of its text."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Literal, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class DiffLine(NamedTuple):
    """`mark` is `+` for a new line, `-` for one that goes, ` ` for one that stays."""

    mark: Literal["+", "-", " "]
    text: str


def patched(text: str, patch: Mapping[str, Any]) -> str:
    """The mapping's text with each dotted place set to its new value (None takes it out).

    Comments and order stay. A text that is not a mapping comes back as it is.
    """
    yaml = YAML()
    yaml.width = 4096
    try:
        document = yaml.load(text)
    except YAMLError:
        return text
    if not isinstance(document, MutableMapping):
        return text
    for place, value in patch.items():
        _set(document, place.split("."), value)
    output = io.StringIO()
    yaml.dump(document, output)
    return output.getvalue()


def diff(before: str, after: str) -> Sequence[DiffLine]:
    """The lines that differ, with three around them."""
    found: list[DiffLine] = []
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    for line in lines:
        if line.startswith(("---", "+++", "@@")):
            continue
        mark: Literal["+", "-", " "] = "+" if line[0] == "+" else "-" if line[0] == "-" else " "
        found.append(DiffLine(mark, line[1:]))
    return found


def _set(document: MutableMapping[str, Any], parts: Sequence[str], value: Any) -> None:
    """Names may hold dots themselves: the longest name that is there is taken."""
    for length in range(len(parts) - 1, 0, -1):
        inner = document.get(".".join(parts[:length]))
        if isinstance(inner, MutableMapping):
            _set(inner, parts[length:], value)
            return
    name = ".".join(parts)
    if len(parts) > 1 and name not in document and isinstance(document.get(parts[0]), str):
        # `country: country_id` becomes `country: {from: …}` when a part of it is set.
        document[parts[0]] = {"from": document[parts[0]], ".".join(parts[1:]): value}
    elif value is None:
        document.pop(name, None)
    else:
        document[name] = value
