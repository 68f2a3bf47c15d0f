"""Why a row cannot go on, in words a person can act on."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Loc: TypeAlias = tuple[str | int, ...]

MAX_SHOWN = 80
MAX_NAMED = 5

_EXPECTED = re.compile(
    r"^(?:Value error, |Assertion failed, )?(?:.*? )?should (be )?(.*)$", re.DOTALL
)

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = MAX_SHOWN
_short.maxlevel = 3


class Rejected(Exception):
    """The row cannot become a record.

    `code` and `detail` are the letter's; `path` (the contract's field, without list indexes) and
    `kind` (the kind of error) go into its fingerprint.
    """

    def __init__(self, code: str, detail: str, path: str = "", kind: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.path = path
        self.kind = kind


class FieldError(Exception):
    """One field cannot be made: `origin` says where it was read, `expected` what a value must be."""

    def __init__(self, loc: Loc, origin: str, value: Any, expected: str) -> None:
        super().__init__(expected)
        self.loc = loc
        self.origin = origin
        self.value = value
        self.expected = expected

    def sentence(self) -> str:
        return (
            f"`{dotted(self.loc)}`, {self.origin}: there was {shown(self.value)}, "
            f"expected {self.expected}"
        )


def not_convertible(errors: Sequence[FieldError]) -> Rejected:
    """The rejection of a row whose values the mapping's converters do not take."""
    return Rejected(
        "value_not_convertible",
        _joined([error.sentence() for error in errors]),
        plain(errors[0].loc),
        errors[0].expected,
    )


def contract_violated(
    error: ValidationError, ref: str, origins: Mapping[tuple[str, ...], str]
) -> Rejected:
    """The rejection of a row that is not what the contract asks for."""
    found = error.errors(include_url=False, include_context=False)
    return Rejected(
        "contract_violated",
        f"{ref}: {_joined([_sentence(detail, origins) for detail in found])}",
        plain(found[0]["loc"]),
        found[0]["type"],
    )


def shown(value: Any) -> str:
    """What was there, cut to MAX_SHOWN characters. Never raises."""
    if value is None:
        return "null"
    try:
        # A string is cut before it is quoted: it may have a hundred megabytes.
        text = repr(value[: MAX_SHOWN + 1]) if isinstance(value, str) else _short.repr(value)
    except Exception:  # noqa: BLE001 — a value that cannot be shown must not hide the reason
        text = f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def dotted(loc: Loc) -> str:
    """A field's path in words. Its parts may be a row's own names: cut, and always encodable."""
    text = ".".join(str(part)[:MAX_SHOWN] for part in loc)
    return text.encode(errors="backslashreplace").decode()


def plain(loc: Loc) -> str:
    """A field's path without the indexes of lists: the same for all items."""
    return ".".join(part for part in loc if isinstance(part, str))


def _joined(sentences: Sequence[str]) -> str:
    more = len(sentences) - MAX_NAMED
    end = f"; and {more} more" if more > 0 else ""
    return "; ".join(sentences[:MAX_NAMED]) + end


def _sentence(detail: ErrorDetails, origins: Mapping[tuple[str, ...], str]) -> str:
    loc = detail["loc"]
    origin = _origin(loc, origins)
    subject = f"`{dotted(loc)}`" if loc else "the row"
    if origin:
        subject += f", {origin}"
    if detail["type"] == "missing":
        return f"{subject}: it is absent, and the contract requires it"
    return f"{subject}: there was {shown(detail['input'])}, {_expectation(detail['msg'])}"


def _expectation(message: str) -> str:
    found = _EXPECTED.match(message)
    if found is None:
        return f"but {message[:1].lower()}{message[1:]}"
    return f"expected {found[2]}" if found[1] else f"it should {found[2]}"


def _origin(loc: Loc, origins: Mapping[tuple[str, ...], str]) -> str:
    names = tuple(part for part in loc if isinstance(part, str))
    while names:
        if names in origins:
            return origins[names]
        names = names[:-1]
    return ""
