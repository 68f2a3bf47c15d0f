"""A YAML file read as plain values, with the line of every place in it.

YAML 1.2, core schema (yaml.org/spec/1.2.2 section 10.3): `yes` and `on` are strings. Built from
the parser's events, so that depth, aliases and repeated keys are judged before anything is made:
a file of a few lines can expand to more than a memory holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gateway.config.problems import Problem, ProjectError

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000
"""Scalars, lists and mappings after aliases are followed."""

MAX_ALIASES = 200

Place: TypeAlias = tuple[str | int, ...]

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OCT = re.compile(r"0o[0-7]{1,400}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")


class Mark(msgspec.Struct, frozen=True):
    file: str
    line: int


class Document(msgspec.Struct, frozen=True):
    """`value` is a mapping of plain values. `marks` has the file and line of every place."""

    file: str
    value: dict[str, Any]
    marks: Mapping[Place, Mark]
    text: str

    def mark(self, place: Place) -> Mark:
        """Where a place is, or the nearest place around it that is written."""
        for length in range(len(place), -1, -1):
            found = self.marks.get(place[:length])
            if found is not None:
                return found
        return Mark(self.file, 1)

    def at(self, place: Place) -> Any:
        """The value at a place. Raises KeyError where there is none."""
        value: Any = self.value
        for step in place:
            known = dict(enumerate(value)) if isinstance(value, list) else value
            if not isinstance(known, dict) or step not in known:
                raise KeyError(dotted(place))
            value = known[step]
        return value


def dotted(place: Place) -> str:
    """`routes.score.to`; a name that holds a dot is quoted, an index is in brackets."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = f'"{step}"' if "." in step else step
            text += f".{name}" if text else name
    return text


def read_document(path: Path, name: str) -> Document:
    """Read one file; `name` is how errors call it.

    Raises ProjectError where it cannot be read, is no YAML or not one mapping.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _wrong(name, None, "there is no such file.", None) from None
    except OSError as error:
        cause = f"it cannot be read: {error.strerror or error}."
        raise _wrong(name, None, cause, None) from None
    if len(raw) > MAX_BYTES:
        raise _wrong(name, None, f"it is larger than {MAX_BYTES >> 10} KiB.", "Split it up.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        cause = f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8."
        raise _wrong(name, line, cause, "Save the file as UTF-8.") from None
    return parse_document(text, name)


def parse_document(text: str, name: str) -> Document:
    """As read_document, of a text."""
    builder = _Builder(name, text)
    value = builder.document()
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise _wrong(name, 1, "it must hold settings as `name: value`.", None)
    return Document(name, value, builder.marks, text)


def _wrong(file: str, line: int | None, cause: str, mend: str | None) -> ProjectError:
    return ProjectError([Problem(file, line, "", cause, mend)])


class _Builder:
    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.marks: dict[Place, Mark] = {(): Mark(name, 1)}
        self.problems: list[Problem] = []
        self.nodes = 0
        self.aliases = 0
        self.anchors: dict[str, tuple[Any, Place, int]] = {}
        self.open: set[str] = set()
        self.events = self._events()

    def document(self) -> Any:
        value = None
        seen = False
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                if seen:
                    raise self._stop(event, "a second document begins here (`---`).", "Remove it.")
                seen = True
                value = self._node(next(self.events), (), 0)
        if self.problems:
            raise ProjectError(self.problems)
        return value

    def _events(self) -> Iterator[Event]:
        try:
            yield from YAML(typ="safe", pure=True).parse(self.text)
        except MarkedYAMLError as error:
            raise self._explained(error) from None
        except YAMLError as error:
            raise self._control_character(error) from None
        except RecursionError:
            raise _wrong(self.name, None, "it is nested too deep.", None) from None
        except (ValueError, IndexError, AttributeError, NotImplementedError, TypeError) as error:
            # The parser answers some malformed directives with these.
            cause = f"it is not YAML: {error}."
            raise _wrong(self.name, None, cause, None) from None

    def _node(self, event: Event, place: Place, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            cause = f"it has more than {MAX_NODES} values, aliases followed."
            raise self._stop(event, cause, "Split it up, or write the values out.")
        if depth > MAX_DEPTH:
            raise self._stop(event, f"it is nested deeper than {MAX_DEPTH} levels.", None)
        if isinstance(event, AliasEvent):
            return self._alias(event, place)
        anchor = getattr(event, "anchor", None)
        start = self.nodes
        if anchor is not None:
            self.open.add(anchor)
        if isinstance(event, ScalarEvent):
            value: Any = self._scalar(event, place)
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(event, place, depth)
        else:
            assert isinstance(event, SequenceStartEvent)
            value = self._sequence(event, place, depth)
        if anchor is not None:
            self.open.discard(anchor)
            self.anchors[anchor] = (value, place, self.nodes - start + 1)
        return value

    def _sequence(self, event: Event, place: Place, depth: int) -> list[Any]:
        self._tag(event, place, ("!!seq",))
        items: list[Any] = []
        for each in self.events:
            if isinstance(each, SequenceEndEvent):
                break
            below = (*place, len(items))
            self.marks[below] = Mark(self.name, each.start_mark.line + 1)
            items.append(self._node(each, below, depth + 1))
        return items

    def _mapping(self, event: Event, place: Place, depth: int) -> dict[str, Any]:
        self._tag(event, place, ("!!map",))
        made: dict[str, Any] = {}
        for each in self.events:
            if isinstance(each, MappingEndEvent):
                break
            line = each.start_mark.line + 1
            if not isinstance(each, ScalarEvent):
                raise self._stop(each, "a name here is not plain text.", "Write `name: value`.")
            key = str(each.value)
            below = (*place, key)
            if key in made:
                first = self.marks[below].line
                self._problem(
                    line,
                    dotted(below),
                    f"`{key}` stands twice, first on line {first}.",
                    "Keep one of the two.",
                )
                below = (*place, f"{key} (line {line})")
                self._node(next(self.events), below, depth + 1)
                continue
            self.marks[below] = Mark(self.name, line)
            if key == "<<":
                self._problem(line, dotted(place), "merge keys (`<<`) are not supported.", None)
            made[key] = self._node(next(self.events), below, depth + 1)
        return made

    def _scalar(self, event: ScalarEvent, place: Place) -> Any:
        text = str(event.value)
        plain, _ = event.implicit
        tag = self._tag(event, place, ("!!str", "!!int", "!!float", "!!bool", "!!null"))
        if tag == "!!str" or (tag is None and not plain):
            return text
        return _plain(text)

    def _tag(self, event: Event, place: Place, known: tuple[str, ...]) -> str | None:
        tag = getattr(event, "tag", None)
        if tag is None or str(tag) in ("!", ""):
            return "!!str" if tag is not None and isinstance(event, ScalarEvent) else None
        short = str(tag).replace("tag:yaml.org,2002:", "!!")
        if short not in known:
            cause = f"the YAML tag `{short}` is not allowed."
            self._problem(event.start_mark.line + 1, dotted(place), cause, "Remove it.")
        return short

    def _alias(self, event: AliasEvent, place: Place) -> Any:
        name = str(event.anchor)
        if name in self.open:
            raise self._stop(event, f"`*{name}` stands inside what it stands for.", None)
        if name not in self.anchors:
            raise self._stop(event, f"`*{name}` names no anchor above it.", None)
        value, origin, size = self.anchors[name]
        self.nodes += size
        self.aliases += 1
        if self.nodes > MAX_NODES or self.aliases > MAX_ALIASES:
            cause = (
                f"it has more than {MAX_ALIASES} aliases, "
                f"or they expand to more than {MAX_NODES} values."
            )
            raise self._stop(event, cause, "Write the values out.")
        mark = Mark(self.name, event.start_mark.line + 1)
        for known in [each for each in self.marks if each[: len(origin)] == origin]:
            self.marks[place + known[len(origin) :]] = mark
        return value

    def _problem(self, line: int, place: str, cause: str, mend: str | None) -> None:
        self.problems.append(Problem(self.name, line, place, cause, mend))

    def _stop(self, event: Event, cause: str, mend: str | None) -> ProjectError:
        here = Problem(self.name, event.start_mark.line + 1, "", cause, mend)
        return ProjectError([*self.problems, here])

    def _explained(self, error: MarkedYAMLError) -> ProjectError:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        written = self.text.splitlines()[mark.line : mark.line + 1] if mark is not None else []
        indent = re.match(r"[ \t]*", written[0]) if written else None
        what = str(error.problem or error.context or "it cannot be parsed")
        cause, mend = f"it is not YAML: {what}.", None
        if "'\\t'" in what or (indent is not None and "\t" in indent[0]):
            cause = "a tab stands where YAML allows only spaces."
            mend = "Indent with spaces."
        elif "mapping values are not allowed" in what:
            mend = "Check the indentation, and quote a value that holds `: `."
        elif "${" in (written[0] if written else ""):
            mend = 'Inside braces or brackets quote a reference: "${env:NAME}".'
        elif error.context_mark is not None and error.context_mark is not mark:
            mend = f"What is not closed begins on line {error.context_mark.line + 1}."
        return ProjectError([*self.problems, Problem(self.name, line, "", cause, mend)])

    def _control_character(self, error: YAMLError) -> ProjectError:
        position = getattr(error, "position", None)
        if not isinstance(position, int):
            return _wrong(self.name, None, "it is not YAML.", None)
        character = self.text[position : position + 1]
        cause = f"a control character ({character!a}) stands at character {position}."
        return _wrong(self.name, self.text.count("\n", 0, position) + 1, cause, "Remove it.")


def _plain(text: str) -> Any:
    """What a plain scalar means in the core schema. Dates stay text: the settings say what they are."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text)
    if _OCT.fullmatch(text):
        return int(text, 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INF.fullmatch(text):
        return float("-inf") if text.startswith("-") else float("inf")
    if _NAN.fullmatch(text):
        return float("nan")
    return text
