"""The cursor of a stream: where the reading stands, and what was seen near its edge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from connectors.tryton.shape import instant
from gateway.errors import ConfigError
from gateway.types import Cursor

MAX_SEEN_BYTES = 256 << 10
"""How much a cursor may remember. Beyond it the oldest is forgotten and the overlap is shorter."""


_IDS = re.compile(r"(\d+(-\d+)?(,\d+(-\d+)?)*)?")
INSTANT_CHARS = len("2026-01-31T12:00:00.000000Z")


class Seen:
    """Which version of which row was handed over lately: id → version.

    Versions begin with the instant of the change, so that what is old can be told by its text.
    Encoded by version, with ranges of ids, since an import stamps thousands of rows alike.
    """

    def __init__(self, versions: Mapping[int, str] | None = None) -> None:
        self.versions: dict[int, str] = dict(versions or {})

    @classmethod
    def read(cls, encoded: Mapping[str, str]) -> Seen:
        return cls({row: version for version, ids in encoded.items() for row in parse_ids(ids)})

    def encoded(self) -> dict[str, str]:
        by_version: dict[str, list[int]] = {}
        for row, version in self.versions.items():
            by_version.setdefault(version, []).append(row)
        return {version: format_ids(by_version[version]) for version in sorted(by_version)}

    def add(self, id: int, version: str, floor: str) -> bool:
        """Note a row; returns whether this version of it was noted already. What was changed
        before `floor` is not kept."""
        known = self.versions.get(id) == version
        if version >= floor:
            self.versions[id] = version
        else:
            self.versions.pop(id, None)
        return known

    def forget_before(self, floor: str) -> None:
        self.versions = {row: version for row, version in self.versions.items() if version >= floor}


class Bookmark:
    """`high`: every change up to it has been looked at, late commits apart. While a stretch is
    swept in pages, `until` is the mark that was taken before, and `after` the last id of it.
    `known` are the ids handed over and not deleted, where deletes are looked for. `forgotten` is
    set where there was too much to remember: late commits are looked for after it only."""

    def __init__(
        self,
        *,
        high: datetime | None = None,
        until: datetime | None = None,
        after: int | None = None,
        seen: Seen | None = None,
        known: str | None = None,
        forgotten: datetime | None = None,
    ) -> None:
        self.high = high
        self.until = until
        self.after = after
        self.seen = seen or Seen()
        self.forgotten = forgotten
        self._known_text = known
        self._known: set[int] | None = None

    @classmethod
    def read(cls, cursor: Cursor | None) -> Bookmark:
        """Raises ConfigError for what was never a cursor of this connector."""
        if cursor is None:
            return cls()
        try:
            parsed = msgspec.convert(dict(cursor), _Cursor)
            if not _IDS.fullmatch(parsed.known or ""):
                raise ValueError("`known` holds ids as ranges, `1-25,30`")
            if any(at is not None and at.year < 1970 for at in (parsed.high, parsed.until)):
                raise ValueError("its instants are before 1970")
            return cls(
                high=parsed.high,
                until=parsed.until,
                after=parsed.after,
                seen=Seen.read(parsed.seen),
                known=parsed.known,
                forgotten=parsed.forgotten,
            )
        except (msgspec.ValidationError, ValueError) as error:
            raise ConfigError(
                f"This cursor cannot be used: {error}.",
                mend='Set `{"high": "2026-01-31T00:00:00Z"}` to read what was changed since, or '
                "none to read everything.",
                code="cursor_invalid",
            ) from None

    def cursor(self) -> dict[str, Any]:
        """JSON. Where too much was seen, forgets the oldest."""
        cursor: dict[str, Any] = {"seen": self._bounded()}
        if self.forgotten is not None:
            cursor["forgotten"] = instant(self.forgotten)
        if self.high is not None:
            cursor["high"] = instant(self.high)
        if self.until is not None:
            cursor["until"] = instant(self.until)
        if self.after is not None:
            cursor["after"] = self.after
        if self._known is not None:
            cursor["known"] = format_ids(self._known)
        elif self._known_text is not None:
            cursor["known"] = self._known_text
        return cursor

    def _bounded(self) -> dict[str, str]:
        seen = self.seen.encoded()
        size = sum(len(version) + len(ids) for version, ids in seen.items())
        if size <= MAX_SEEN_BYTES:
            return seen
        newest = ""
        while size > MAX_SEEN_BYTES // 2 and seen:
            newest = next(iter(seen))
            size -= len(newest) + len(seen.pop(newest))
        self.forgotten = datetime.fromisoformat(newest[:INSTANT_CHARS])
        self.seen.forget_before(instant(self.forgotten + timedelta(microseconds=1)))
        return self.seen.encoded()

    @property
    def fresh(self) -> bool:
        """Whether nothing has ever been read."""
        return self.high is None and self.until is None

    def floor(self, overlap: timedelta) -> datetime:
        """The instant from which late commits are looked for."""
        edge = self.high or self.until
        assert edge is not None
        floor = edge - overlap
        if self.forgotten is not None and self.forgotten >= floor:
            return self.forgotten + timedelta(microseconds=1)
        return floor

    @property
    def known(self) -> set[int] | None:
        """Made from its text when it is first asked for: most polls never need it."""
        if self._known is None and self._known_text is not None:
            self._known = set(parse_ids(self._known_text))
        return self._known

    @known.setter
    def known(self, ids: set[int]) -> None:
        self._known = ids


_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class _Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seen: dict[str, str] = {}
    high: _Aware | None = None
    until: _Aware | None = None
    after: int | None = None
    known: str | None = None
    forgotten: _Aware | None = None


def format_ids(ids: Iterable[int]) -> str:
    """Ids as ranges: `1-25,30`."""
    ranges: list[str] = []
    first = last = None
    for row in sorted(ids):
        if first is None or last is None or row != last + 1:
            if first is not None:
                ranges.append(f"{first}-{last}" if first != last else f"{first}")
            first = row
        last = row
    if first is not None:
        ranges.append(f"{first}-{last}" if first != last else f"{first}")
    return ",".join(ranges)


def parse_ids(text: str) -> Iterator[int]:
    """The ids of `format_ids`. Raises ValueError for anything else."""
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
