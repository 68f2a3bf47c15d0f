"""What pydantic found wrong, said in the words of the file: line, place, cause, mend.

Values are shown only where they cannot be a secret somebody typed into the wrong place: numbers,
truth values, and short words where one of a few words was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.document import Document, Place, dotted
from gateway.config.problems import Problem, did_you_mean
from gateway.config.shape import names_at

_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "settings (`name: value`)",
    "model_type": "settings (`name: value`)",
    "model_attributes_type": "settings (`name: value`)",
    "mapping_type": "settings (`name: value`)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "datetime_type": "an instant like 2026-01-31T08:00:00Z",
    "datetime_parsing": "an instant like 2026-01-31T08:00:00Z",
    "datetime_from_date_parsing": "an instant like 2026-01-31T08:00:00Z",
    "finite_number": "a finite number",
}
_SHOWN = {"literal_error", "enum", "string_pattern_mismatch", "union_tag_invalid"}


def explained(
    error: ValidationError,
    model: type[BaseModel],
    document: Document,
    base: Place = (),
    also_known: Iterable[str] = (),
) -> list[Problem]:
    """The problems in `error`, raised by `model` on what `document` has at `base`.

    `also_known` are settings beside the model's own that are legal at `base`.
    """
    value = document.at(base)
    found = [_Fault(each, value) for each in error.errors(include_url=False)]
    return [_problem(fault, model, document, base, also_known) for fault in _without_rivals(found)]


class _Fault:
    """One of pydantic's errors: the place in the file, and which branches of unions it is about."""

    def __init__(self, details: Mapping[str, Any], value: Any) -> None:
        self.kind = str(details["type"])
        self.message = str(details["msg"])
        self.input = details.get("input")
        self.context: Mapping[str, Any] = details.get("ctx", {})
        located = _locate(details["loc"], value, self.kind == "missing")
        self.place, self.branches = located if located is not None else ((), ())
        self.expected: str | None = _EXPECTED.get(self.kind)


def _locate(
    loc: Sequence[str | int], value: Any, missing: bool
) -> tuple[Place, tuple[tuple[Place, str], ...]] | None:
    """The place in the file of pydantic's location, which also holds the names of union branches."""
    if not loc:
        return (), ()
    first, rest = loc[0], loc[1:]
    exists = (isinstance(value, dict) and first in value) or (
        isinstance(value, list) and isinstance(first, int) and first < len(value)
    )
    if exists:
        below = _locate(rest, value[first], missing)
        if below is not None:
            place, branches = below
            return (first, *place), tuple(((first, *at), tag) for at, tag in branches)
    if missing and not rest and isinstance(value, dict):
        return (first,), ()
    below = _locate(rest, value, missing)
    if below is None or (missing and not below[0]):
        return None
    return below[0], (((), str(first)), *below[1])


def _without_rivals(faults: Sequence[_Fault]) -> list[_Fault]:
    """Of a union's branches, only those that fit the kind of value that is there."""
    refused: dict[Place, set[str]] = {}
    tags: dict[Place, set[str]] = {}
    for fault in faults:
        for place, tag in fault.branches:
            tags.setdefault(place, set()).add(tag)
            if fault.place == place and fault.expected is not None:
                refused.setdefault(place, set()).add(tag)
    kept: list[_Fault] = []
    merged: dict[Place, _Fault] = {}
    for fault in faults:
        at, tag = fault.branches[-1] if fault.branches else ((), "")
        if fault.branches and len(tags[at]) > 1 and tag in refused.get(at, set()):
            if refused[at] != tags[at]:
                continue
            if at in merged:
                other = merged[at]
                names = [*(other.expected or "").split(" or "), fault.expected or ""]
                other.expected = " or ".join(dict.fromkeys(name for name in names if name))
                continue
            merged[at] = fault
        kept.append(fault)
    return kept


def _problem(
    fault: _Fault,
    model: type[BaseModel],
    document: Document,
    base: Place,
    also_known: Iterable[str],
) -> Problem:
    place = (*base, *fault.place)
    cause, mend = _cause(fault), None
    if fault.kind == "extra_forbidden":
        known = set(names_at(model, fault.place[:-1], document.at(base)))
        if len(fault.place) == 1:
            known |= set(also_known)
        cause = f"there is no setting `{fault.place[-1]}` here."
        mend = did_you_mean(str(fault.place[-1]), known, otherwise="The settings here are")
    elif fault.kind == "missing":
        cause = f"`{fault.place[-1]}` is missing."
    elif fault.kind == "union_tag_not_found":
        tag = str(fault.context.get("discriminator", "type")).strip("'")
        cause = f"`{tag}` is missing: it says which kind of settings these are."
    elif fault.kind == "union_tag_invalid":
        known = {tag.strip(" '") for tag in str(fault.context["expected_tags"]).split(",")}
        tag = str(fault.context.get("discriminator", "type")).strip("'")
        given = str(fault.context["tag"])
        cause = f"`{tag}` is `{given}`." if len(given) <= 40 else f"`{tag}` is unknown."
        mend = did_you_mean(given, known, otherwise="It may be")
        if (*place, tag) in document.marks:
            place = (*place, tag)
    elif fault.kind == "literal_error":
        known = {word.strip(" '") for word in str(fault.context["expected"]).split(",")}
        known = {each.strip("' ") for word in known for each in word.split(" or ")}
        mend = did_you_mean(str(fault.input), known, otherwise="It may be")
    mark = document.mark(place)
    return Problem(mark.file, mark.line, dotted(place), cause, mend)


def _cause(fault: _Fault) -> str:
    if fault.kind in ("value_error", "assertion_error"):
        return _sentence(fault.message.removeprefix("Value error, "))
    if fault.expected is not None:
        shown = _shown(fault)
        return f"it is {shown or _kind(fault.input)}, but must be {fault.expected}."
    if fault.kind == "string_pattern_mismatch":
        shown = _shown(fault)
        subject = shown if shown is not None else "the text"
        return f"{subject} does not match the pattern {fault.context['pattern']}."
    said = fault.message.removeprefix("Input should be ").removeprefix("Value should have ")
    said = said if said != fault.message else fault.message[0].lower() + fault.message[1:]
    shown = _shown(fault)
    if fault.message.startswith("Input should be"):
        return _sentence(f"it is {shown}, but must be {said}" if shown else f"it must be {said}")
    return _sentence(said)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _shown(fault: _Fault) -> str | None:
    value = fault.input
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if len(str(value)) <= 40 else "a very large number"
    if isinstance(value, str) and fault.kind in _SHOWN and len(value) <= 40:
        return None if "@" in value or "://" in value else f"`{value}`"
    return None


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "settings" if isinstance(value, dict) else "something else"
