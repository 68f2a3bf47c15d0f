"""Guesses which new column is a lost one under another name, and says why."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import msgspec

from gateway.drift.shape import Column

SIMILAR = 0.6
MIN_SHARED_VALUES = 3

_TEXTUAL = re.compile(r"(var)?char|character|text|string|clob|citext|selection|fulltext")
_INTEGRAL = re.compile(r"(small|big|tiny|medium)?(int|integer|serial)\d?")


class Guess(msgspec.Struct, frozen=True):
    lost: str
    found: str
    score: float
    evidence: tuple[str, ...]


def renames(lost: Mapping[str, Column], new: Mapping[str, Column]) -> dict[str, Guess]:
    """For lost columns, the new one that each most likely is. No new column is taken twice."""
    guesses = [
        guess
        for name, column in lost.items()
        for other, candidate in new.items()
        if (guess := _guess(name, column, other, candidate, _rivals(column, lost, new))) is not None
    ]
    chosen: dict[str, Guess] = {}
    taken: set[str] = set()
    for guess in sorted(guesses, key=lambda each: -each.score):
        if guess.lost not in chosen and guess.found not in taken:
            chosen[guess.lost] = guess
            taken.add(guess.found)
    return chosen


def family(type: str) -> str:
    """A declared type without its sizes; types that hold the same values are one family."""
    plain = re.sub(r"\s*\(.*?\)", "", type).strip().lower()
    first = plain.split(" ", maxsplit=1)[0]
    if _TEXTUAL.fullmatch(first):
        return "text"
    if _INTEGRAL.fullmatch(first):
        return "integer"
    return plain


def alike(one: Column, other: Column) -> bool:
    """Whether two columns can hold the same values, as far as is known."""
    if one.type is not None and other.type is not None:
        return family(one.type) == family(other.type)
    return not one.kinds or not other.kinds or bool({*one.kinds} & {*other.kinds})


def _guess(
    name: str, column: Column, other: str, candidate: Column, rivals: tuple[int, int]
) -> Guess | None:
    if not alike(column, candidate):
        return None
    evidence = []
    score = 0.0
    similar = _similarity(name, other)
    if similar >= SIMILAR:
        score += similar
        evidence.append(f"the names are {similar:.0%} alike")
    shared = len({*column.values} & {*candidate.values})
    if shared >= MIN_SHARED_VALUES:
        score += min(1.0, shared / len(candidate.values))
        evidence.append(
            f"{shared} of {len(candidate.values)} sampled values were in `{name}` before"
        )
    forms = {*column.forms} & {*candidate.forms}
    if rivals == (1, 1) and (column.type is not None or forms):
        score += 0.5
        evidence.append("it is the only new column of that type, and the only one that is lost")
    if not evidence:
        return None
    if forms:
        score += 0.25
        evidence.append(f"the values have the same form, such as {min(forms)!r}")
    if column.type is not None and candidate.type is not None:
        evidence.append(f"both hold {family(candidate.type)}")
    return Guess(name, other, score, tuple(evidence))


def _rivals(
    column: Column, lost: Mapping[str, Column], new: Mapping[str, Column]
) -> tuple[int, int]:
    return (
        sum(alike(column, other) for other in lost.values()),
        sum(alike(column, other) for other in new.values()),
    )


def _similarity(one: str, other: str) -> float:
    plain, other_plain = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (one, other))
    ratio = difflib.SequenceMatcher(None, plain, other_plain).ratio()
    words, other_words = _words(one), _words(other)
    if words and other_words and (words <= other_words or other_words <= words):
        ratio = max(ratio, 0.8)
    return ratio


def _words(name: str) -> frozenset[str]:
    parts: Iterable[str] = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", name)
    return frozenset(part.lower() for part in parts)
