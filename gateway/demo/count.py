"""The independent count: what the sources hold against what the model got and the log keeps.

Nothing here asks the gateway how it is doing. The truth comes from the sources themselves, the
deliveries from the model server's own recording, the records from the log as anyone can pull it.
Pure functions; each returns what it found, so that a person can look at the offenders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec


class Entity(msgspec.Struct, frozen=True, order=True):
    """A row of a business system, wherever it is met."""

    source: str
    stream: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}/{self.stream} {self.key}"


class Received(msgspec.Struct, frozen=True):
    """One record in one request, as the model server wrote it down. `sequence` is its order of
    arrival, `id` the record's id: a second delivery of the same record carries it again."""

    sequence: int
    id: str
    entity: Entity
    version: datetime


class Appended(msgspec.Struct, frozen=True):
    """One record of the log. `contract` is what a mapping made of the row, or what a model said
    of it: of each, a source version may be there once. `version` is the whole text: two states of
    a row may carry the same instant."""

    id: str
    entity: Entity
    version: str
    contract: str


class Lost(msgspec.Struct, frozen=True):
    entity: Entity
    version: datetime
    """The last version in the source."""
    received: datetime | None
    """The newest version the model got, None where it never heard of the entity."""

    def __str__(self) -> str:
        got = self.received.isoformat() if self.received else "nothing"
        return f"{self.entity}: the source has {self.version.isoformat()}, the model got {got}"


class Disorder(msgspec.Struct, frozen=True):
    entity: Entity
    sequence: int
    version: datetime
    after: datetime
    """The newer version that the model had got before."""

    def __str__(self) -> str:
        return (
            f"{self.entity}: version {self.version.isoformat()} came as request {self.sequence}, "
            f"after version {self.after.isoformat()}"
        )


class Repeated(msgspec.Struct, frozen=True):
    entity: Entity
    version: str
    contract: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.entity}: version {self.version} is {len(self.ids)} times "
            f"on the log as {self.contract}: {', '.join(self.ids)}"
        )


def lost(truth: Mapping[Entity, datetime], received: Iterable[Received]) -> list[Lost]:
    """Entities whose last version in the source the model never got."""
    got: dict[Entity, set[datetime]] = {}
    for one in received:
        got.setdefault(one.entity, set()).add(one.version)
    return [
        Lost(entity, version, max(got.get(entity, ()), default=None))
        for entity, version in sorted(truth.items())
        if version not in got.get(entity, ())
    ]


def out_of_order(received: Iterable[Received]) -> list[Disorder]:
    """Per entity, a version that came after a newer one.

    A record that the model had before is no disorder when it comes again: at least once is what
    is promised, under an id that never changes.
    """
    newest: dict[Entity, datetime] = {}
    seen: set[str] = set()
    found = []
    for one in sorted(received, key=lambda each: each.sequence):
        if one.id in seen:
            continue
        seen.add(one.id)
        before = newest.get(one.entity)
        if before is not None and one.version < before:
            found.append(Disorder(one.entity, one.sequence, one.version, before))
        else:
            newest[one.entity] = one.version
    return found


def appended_twice(appended: Iterable[Appended]) -> list[Repeated]:
    """The same source version of an entity more than once under one mapping, wherever on the log:
    not even a mended mapping or a second reading excuses it."""
    places: dict[tuple[Entity, str, str], list[str]] = {}
    for one in appended:
        places.setdefault((one.entity, one.version, one.contract), []).append(one.id)
    return [
        Repeated(entity, version, contract, tuple(ids))
        for (entity, version, contract), ids in sorted(places.items())
        if len(ids) > 1
    ]


def deliveries_repeated(received: Sequence[Received]) -> int:
    """How many deliveries were second ones of the same record. Allowed, and worth knowing."""
    return sum(times - 1 for times in Counter(one.id for one in received).values())


def instant(version: str) -> datetime:
    """A source version that is an instant, comparable whoever wrote it. Naive means UTC.

    What a connector puts behind the instant, to tell apart two states of the same one
    (`2026-01-31T12:00:00Z.5f3a`), is left out. Raises ValueError for anything else: a version
    that cannot be compared proves nothing.
    """
    head, mark, _ = version.partition("Z.")
    parsed = datetime.fromisoformat(f"{head}Z" if mark else version)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
