"""A proposed change of a mapping, as a diff of its text."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Literal, NamedTuple


class DiffLine(NamedTuple):
    """`mark` is `+` for a new line, `-` for one that goes, ` ` for one that stays."""

    mark: Literal["+", "-", " "]
    text: str


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
