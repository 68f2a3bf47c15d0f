"""Sets a page against the remembered shape.

Where the system declares its columns (`page.fields`), that is judged, even on an empty page. Where
it does not (JSON, CSV), the rows are, and one odd row says nothing: a mapped column that nearly
every row had so far must be gone from ten rows in a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from gateway.drift.changes import Change
from gateway.drift.renames import family, renames
from gateway.drift.sampling import Seen, lacking, sampled
from gateway.drift.shape import MAX_COLUMNS, MAX_FORMS, Column, Shape, remembered, stored
from gateway.types import Page

MIN_RUN = 10
"""Rows in a run that must lack a column, or show another kind in it."""


class Observed(msgspec.Struct, frozen=True):
    """`shape` is what to commit with the page, `changes` what is new against the shape before."""

    shape: Mapping[str, Any]
    changes: tuple[Change, ...]


class Reader(Protocol):
    """Who reads the stream: a program. `columns` are those that it needs."""

    @property
    def columns(self) -> frozenset[str]: ...


def observe(shape: Mapping[str, Any] | None, page: Page, program: Reader) -> Observed:
    """Judge a page. Added columns are reported whoever reads them; removed, renamed and retyped
    ones only where the program reads them."""
    known = remembered(shape)
    count, seen = sampled(page)
    fields = page.fields
    if known is None:
        return Observed(stored(_first(fields, count, seen)), ())
    if not count and fields is None:
        return Observed(stored(known), ())
    changes = _changes(known, page, count, seen, program.columns)
    known.declared = fields is not None or known.declared
    _forget(known, changes, fields, seen)
    _learn(known, fields, count, seen)
    return Observed(stored(known), tuple(changes))


def _first(fields: Mapping[str, str] | None, count: int, seen: Mapping[str, Seen]) -> Shape:
    shape = Shape(declared=fields is not None, columns={})
    _learn(shape, fields, count, seen)
    return shape


def _changes(
    known: Shape, page: Page, count: int, seen: Mapping[str, Seen], mapped: frozenset[str]
) -> list[Change]:
    fields = page.fields
    new = {
        name: _column(name, fields, seen)
        for name in {**(fields or {}), **seen}
        if name not in known.columns and len(known.columns) < MAX_COLUMNS
    }
    lost = {
        name: known.columns[name]
        for name in _lost(known, page, count, seen, mapped & known.columns.keys())
    }
    # In small pages the new name came a while before the old one counts as lost.
    recent = {
        name: column
        for name, column in known.columns.items()
        if name not in mapped and 0 < column.rows <= max((c.gone for c in lost.values()), default=0)
    }
    guesses = renames(lost, {**recent, **new})
    found = []
    for name in sorted(lost):
        guess = guesses.get(name)
        if guess is None:
            found.append(_removed(name, lost[name], declared=fields is not None))
            continue
        why = "; ".join(guess.evidence)
        found.append(
            Change(
                kind="renamed",
                column=name,
                new=guess.found,
                before=lost[name].told(),
                after=(new.get(guess.found) or recent[guess.found]).told(),
                evidence=guess.evidence,
                detail=f"the column `{name}` is gone and `{guess.found}` is new: {why}",
            )
        )
    found += _retyped(known, fields, seen, mapped)
    renamed = {guess.found for guess in guesses.values()}
    found += [
        Change(
            kind="added",
            column=name,
            after=column.told(),
            detail=f"the column `{name}` is new ({column.told()})",
        )
        for name, column in sorted(new.items())
        if name not in renamed
    ]
    return found


def _lost(
    known: Shape, page: Page, count: int, seen: Mapping[str, Seen], mapped: frozenset[str]
) -> set[str]:
    """The mapped columns that are no longer there; counts the runs of those that may be lost."""
    absent = {name for name in mapped if name not in seen and name not in (page.fields or {})}
    if page.fields is not None:
        return absent
    candidates = {name for name in absent if known.columns[name].steady}
    if not candidates or not count:
        return set()
    # The sample has none of them; now every row is asked.
    gone, rows = lacking(page, candidates)
    for name in gone:
        known.columns[name].gone += rows
    return {name for name in gone if known.columns[name].gone >= MIN_RUN}


def _retyped(
    known: Shape,
    fields: Mapping[str, str] | None,
    seen: Mapping[str, Seen],
    mapped: frozenset[str],
) -> list[Change]:
    found = []
    for name in sorted(mapped & known.columns.keys()):
        column = known.columns[name]
        before, after = column.told(), None
        type = (fields or {}).get(name)
        if type is not None and column.type is not None:
            if family(type) != family(column.type):
                after = type
        elif type is None and name in seen and seen[name].kinds and column.kinds:
            kinds = seen[name].kinds
            if kinds & {*column.kinds}:
                column.odd = 0
            else:
                column.odd += seen[name].rows
                if column.odd >= MIN_RUN:
                    before = " or ".join(column.kinds)
                    after = " or ".join(sorted(kinds))
        if after is not None:
            found.append(
                Change(
                    kind="retyped",
                    column=name,
                    before=before,
                    after=after,
                    detail=f"the column `{name}` was {before} and is now {after}",
                )
            )
    return found


def _removed(name: str, column: Column, *, declared: bool) -> Change:
    how = "the system no longer declares it" if declared else f"{column.gone} rows in a run lack it"
    return Change(
        kind="removed",
        column=name,
        before=column.told(),
        evidence=(how,),
        detail=f"the column `{name}` is gone: {how}",
    )


def _forget(
    known: Shape,
    changes: list[Change],
    fields: Mapping[str, str] | None,
    seen: Mapping[str, Seen],
) -> None:
    """Drop from the promise what has changed, and what nobody declares any more."""
    for change in changes:
        if change.kind in ("removed", "renamed"):
            del known.columns[change.column]
        elif change.kind == "retyped":
            known.columns[change.column] = Column()
    if fields is not None:
        for name in [each for each in known.columns if each not in fields and each not in seen]:
            del known.columns[name]


def _learn(
    shape: Shape, fields: Mapping[str, str] | None, count: int, seen: Mapping[str, Seen]
) -> None:
    for name in {**(fields or {}), **seen}:
        if name not in shape.columns:
            if len(shape.columns) >= MAX_COLUMNS:
                continue
            shape.columns[name] = Column()
        shape.columns[name].type = (fields or {}).get(name)
    for name, column in shape.columns.items():
        if name in seen:
            # A kind that is odd is not learned before it is sure to be no accident.
            kinds = set(column.kinds)
            column.learn(seen[name], count)
            if column.odd:
                column.kinds = sorted(kinds)
        elif count and not column.steady:
            column.absent += count


def _column(name: str, fields: Mapping[str, str] | None, seen: Mapping[str, Seen]) -> Column:
    there = seen.get(name, Seen())
    return Column(
        type=(fields or {}).get(name),
        kinds=sorted(there.kinds),
        values=sorted(there.values),
        forms=sorted(there.forms)[:MAX_FORMS],
    )
