"""Showing what a system sent: JSON laid out with the field at fault marked, else the bytes.

The layout is faithful: numbers keep their digits, members their order, and a name given twice
is there twice. What is not JSON is shown as text with control characters made visible, and what
is not text as a dump of its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["name", "text", "number", "word", "punct", "plain"]

MAX_BYTES = 512 << 10
"""Of a larger body the beginning is shown as text: laying all of it out would hold up the gateway."""

MAX_LINES = 2_000
MAX_DEPTH = 60
MAX_LINE_CHARS = 4_000
DUMP_BYTES = 4_096
QUOTED = re.compile(r"`([^`]{1,200})`|'([^']{1,200})'|\"([^\"]{1,200})\"")
WORD = re.compile(r"[A-Za-z_][\w.]*\w")
COMMON_WORDS = frozenset(
    (
        "the", "and", "not", "but", "for", "was", "were", "has", "have", "with", "from", "into",
        "that", "this", "then", "than", "are", "is", "it", "its", "or", "of", "to", "in", "on",
        "at", "by", "as", "be", "no", "an", "must", "should", "expected", "found", "given", "got",
        "row", "field", "value", "type", "string", "number", "integer", "text", "missing", "null",
        "true", "false", "input", "valid",
    )
)  # fmt: skip
"""Words of a reason's own sentence; a field of such a name is marked where it is in quotes."""


@dataclass(frozen=True)
class ShownLine:
    """A line: how far in, its coloured pieces, and whether it is what the reason speaks of."""

    number: int
    depth: int
    pieces: Sequence[tuple[Kind, str]]
    marked: bool = False


@dataclass(frozen=True)
class Shown:
    """Bytes laid out. `form` says how; `cut` that there is more than is shown."""

    form: Literal["json", "text", "bytes", "empty"]
    lines: Sequence[ShownLine]
    cut: bool

    @property
    def first_marked(self) -> int | None:
        return next((line.number for line in self.lines if line.marked), None)


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """An object's members in their order, twice where they were given twice."""


def show(
    body: bytes, detail: str = "", *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES
) -> Shown:
    """Lay out a body. `detail` is the reason: fields that it names are marked."""
    if not body:
        return Shown("empty", (), cut=False)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return _dump(body, error.start)
    if len(body) > max_bytes:
        return _plain(text[:max_bytes], max_lines, cut=True)
    try:
        value = json.loads(
            text,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_Number,
            object_pairs_hook=_Members,
        )
    except (ValueError, RecursionError):
        return _plain(text, max_lines)
    if not isinstance(value, (_Members, list)):
        return _plain(text, max_lines)
    paths = set(_paths(value))
    marked = named(detail, paths)
    lines: list[ShownLine] = []
    for depth, path, pieces in _layout(value):
        if len(lines) >= max_lines:
            return Shown("json", lines, cut=True)
        hit = bool(path) and (path in marked or path.rpartition(".")[2] in marked)
        lines.append(ShownLine(len(lines) + 1, depth, pieces, hit))
    return Shown("json", lines, cut=False)


def named(detail: str, paths: set[str]) -> set[str]:
    """The fields of the body that a reason names: those in quotes, else those it mentions."""
    known = paths | {path.rpartition(".")[2] for path in paths}
    quoted = {part for match in QUOTED.findall(detail) for part in match if part}
    if found := quoted & known:
        return found
    words = {word for word in WORD.findall(detail) if word.lower() not in COMMON_WORDS}
    return words & known


def _paths(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, _Members):
        for name, inner in value:
            below = f"{path}.{name}" if path else name
            yield below
            yield from _paths(inner, below, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            below = f"{path}.{index}" if path else str(index)
            yield from _paths(inner, below, depth + 1)


_Layout: TypeAlias = Iterator[tuple[int, str, list[tuple[Kind, str]]]]


def _layout(
    value: Any, depth: int = 0, path: str = "", name: str | None = None, comma: str = ""
) -> _Layout:
    head: list[tuple[Kind, str]] = []
    if name is not None:
        head = [("name", _quoted(name)), ("punct", ": ")]
    if not isinstance(value, list):
        yield depth, path, [*head, _leaf(value), ("punct", comma)]
        return
    is_object = isinstance(value, _Members)
    opening, closing = "{}" if is_object else "[]"
    if not value or depth >= MAX_DEPTH:
        inside = "…" if value else ""
        yield depth, path, [*head, ("punct", f"{opening}{inside}{closing}{comma}")]
        return
    yield depth, path, [*head, ("punct", opening)]
    last = len(value) - 1
    for index, item in enumerate(value):
        label, inner = item if is_object else (None, item)
        part = label if label is not None else str(index)
        below = f"{path}.{part}" if path else part
        yield from _layout(inner, depth + 1, below, label, "," if index < last else "")
    yield depth, "", [("punct", f"{closing}{comma}")]


def _leaf(value: Any) -> tuple[Kind, str]:
    if isinstance(value, _Number):
        return "number", _short(str(value))
    if isinstance(value, str):
        return "text", _quoted(value)
    return "word", json.dumps(value)


def _quoted(text: str) -> str:
    return visible(_short(json.dumps(text, ensure_ascii=False)))


def _short(text: str) -> str:
    return text if len(text) <= MAX_LINE_CHARS else text[:MAX_LINE_CHARS] + "…"


def visible(text: str) -> str:
    """Control and direction characters as their escapes, so that nothing on the screen lies."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def _plain(text: str, max_lines: int, *, cut: bool = False) -> Shown:
    rows = text.split("\n", max_lines)
    lines = [
        ShownLine(index + 1, 0, (("plain", visible(_short(row))),))
        for index, row in enumerate(rows[:max_lines])
    ]
    return Shown("text", lines, cut=cut or len(rows) > max_lines)


def _dump(body: bytes, fault: int) -> Shown:
    """Sixteen bytes a line, the one where text ends marked."""
    begin = max(0, (fault - DUMP_BYTES // 2) // 16 * 16)
    lines: list[ShownLine] = []
    for offset in range(begin, min(len(body), begin + DUMP_BYTES), 16):
        chunk = body[offset : offset + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in chunk)
        pieces: list[tuple[Kind, str]] = [
            ("punct", f"{offset:08x}  "),
            ("number", f"{chunk.hex(' '):<47}  "),
            ("text", letters),
        ]
        marked = offset <= fault < offset + 16
        lines.append(ShownLine(len(lines) + 1, 0, pieces, marked))
    return Shown("bytes", lines, cut=begin > 0 or len(body) > begin + DUMP_BYTES)
