"""What can change about a stream's shape, and what the policy says to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

Kind: TypeAlias = Literal["added", "removed", "renamed", "retyped"]
Verdict: TypeAlias = Literal["accept", "hold"]


class Change(msgspec.Struct, frozen=True):
    """One change of one column. `new` is the new name of a renamed column, `before` and `after`
    are its types or kinds of value; `evidence` says why we think so, `detail` all of it."""

    kind: Kind
    column: str
    detail: str
    new: str | None = None
    before: str | None = None
    after: str | None = None
    evidence: tuple[str, ...] = ()


class Policy(Protocol):
    """What to do about each kind of change; the `drift` of a stream's settings is one."""

    @property
    def added(self) -> Verdict: ...
    @property
    def removed(self) -> Verdict: ...
    @property
    def renamed(self) -> Verdict: ...
    @property
    def retyped(self) -> Verdict: ...


def verdict(changes: Sequence[Change], policy: Policy) -> Verdict:
    """`hold` where the policy says so for any of the changes."""
    held: dict[Kind, Verdict] = {
        "added": policy.added,
        "removed": policy.removed,
        "renamed": policy.renamed,
        "retyped": policy.retyped,
    }
    return "hold" if any(held[change.kind] == "hold" for change in changes) else "accept"


def marks(changes: Sequence[Change]) -> list[list[str | None]]:
    """What makes a set of changes the same one when it is seen again: no counts, no evidence."""
    return sorted(
        (
            [change.kind, change.column, change.new, change.before, change.after]
            for change in changes
        ),
        key=lambda mark: [part or "" for part in mark],
    )


def sentence(change: Change) -> str:
    """The change in words, with its evidence."""
    return change.detail
