"""Reading: what changed since the cursor, in pages, without loss and without repetition.

There is no change feed in Tryton. A row's change stamp is its `write_date`, or its `create_date`
while that is null; both are the *start* of the transaction that wrote it. Hence three lanes:

1. *Ahead*: rows stamped after the highest stamp seen, swept by id. One small request when nothing
   changed. A stretch of several pages is swept below a mark taken before it began, so that what is
   changed meanwhile lies above the mark and comes again.
2. *Late commits*: now and then the stamps of the last `overlap_secs` are compared with what was
   handed over of them, and the difference is read.
3. *Deletes*, where asked for: the ids are compared with those handed over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.tryton.bookmark import Bookmark
from connectors.tryton.changes import Changes, ReadRow
from connectors.tryton.client import TrytonClient
from connectors.tryton.config import TrytonStream
from connectors.tryton.faults import NameUnknown
from connectors.tryton.shape import Shape, instant, read_shape
from gateway.errors import DriftError
from gateway.types import Cursor, Operation, Page, RawRow, StreamId

SHAPE_SECS = 60.0
"""How long what Tryton declared about its fields is believed."""

FEW_ROWS = 10
"""A sweep that misses fewer rows than this is never taken for a changed access rule."""


class _Due(msgspec.Struct):
    """What one stream has done lately, by the monotonic clock. Lost with the process: then
    everything is due at once, which is right."""

    shape: Shape | None = None
    shape_until: float = 0.0
    late_at: float = 0.0
    late_until: float = float("inf")
    sweep_at: float = 0.0


class Reader:
    """`clock` is monotonic, in seconds."""

    def __init__(
        self,
        source: str,
        client: TrytonClient,
        streams: Mapping[str, TrytonStream],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._client = client
        self._streams = streams
        self._clock = clock
        self._due: dict[str, _Due] = {}

    async def shape(self, stream: str) -> Shape:
        """What the stream asks for, as Tryton declares it now or did a minute ago at most."""
        due = self._due.setdefault(stream, _Due())
        if due.shape is None or self._clock() >= due.shape_until:
            due.shape = await read_shape(self._client, stream, self._settings(stream))
            due.shape_until = self._clock() + SHAPE_SECS
        return due.shape

    async def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        """See `gateway.ports.Source.pull`."""
        bookmark = Bookmark.read(since)
        try:
            pass_ = _Pass(
                StreamId(self._source, stream), self._client, await self.shape(stream),
                self._settings(stream), bookmark,
            )  # fmt: skip
            async for page in self._lanes(pass_, self._due[stream]):
                yield page
        except NameUnknown as error:
            # A field or the model has gone since we asked. Asking again names it.
            self._due.pop(stream, None)
            await self.shape(stream)
            raise DriftError(error.message, mend=error.mend, code=error.code) from None

    async def _lanes(self, pass_: _Pass, due: _Due) -> AsyncIterator[Page]:
        settings = pass_.settings
        moved = False
        async for page in pass_.ahead():
            moved = True
            yield page
        if pass_.bookmark.fresh:
            return
        now = self._clock()
        if moved:
            # A transaction that began before the newest stamp may commit for so long still.
            due.late_until = now + settings.overlap_secs + settings.overlap_every_secs
        if settings.overlap_secs and due.late_at <= now and due.late_at <= due.late_until:
            async for page in pass_.late():
                yield page
            due.late_at = now + settings.overlap_every_secs
            if due.late_until == float("inf"):
                due.late_until = now + settings.overlap_secs + settings.overlap_every_secs
        if settings.deletes == "sweep" and due.sweep_at <= now:
            async for page in pass_.deletes():
                yield page
            due.sweep_at = self._clock() + settings.sweep_every_secs

    def _settings(self, stream: str) -> TrytonStream:
        return self._streams.get(stream) or TrytonStream()


class _Pass:
    """One pull of one stream: moves the bookmark, yields a page for each move."""

    def __init__(
        self,
        stream: StreamId,
        client: TrytonClient,
        shape: Shape,
        settings: TrytonStream,
        bookmark: Bookmark,
    ) -> None:
        self.settings = settings
        self.bookmark = bookmark
        self._stream = stream
        self._shape = shape
        self._changes = Changes(client, shape, settings)
        self._overlap = timedelta(seconds=settings.overlap_secs)
        if settings.deletes == "sweep" and bookmark.fresh:
            bookmark.known = set()

    async def ahead(self) -> AsyncIterator[Page]:
        """Lane 1."""
        mark = self.bookmark
        while True:
            if mark.until is None and mark.high is not None:
                rows = await self._changes.page(above=mark.high, after=None)
                if not rows:
                    return
                if len(rows) < self.settings.page_rows:
                    mark.high = max(row.at for row in rows)
                    yield self._page(rows, floor=mark.floor(self._overlap))
                    return
            if mark.until is None:
                mark.until, mark.after = await self._changes.newest(), None
                if mark.until is None:
                    return
            async for page in self._sweep(mark.until):
                yield page

    async def _sweep(self, until: datetime) -> AsyncIterator[Page]:
        """All rows above the high mark, by id; then `until`, taken before, is the high mark."""
        mark = self.bookmark
        more = True
        while more:
            floor = mark.floor(self._overlap)
            rows = await self._changes.page(above=mark.high, after=mark.after)
            more = len(rows) == self.settings.page_rows
            if more:
                mark.after = rows[-1].id
            else:
                mark.high, mark.until, mark.after = until, None, None
                floor = mark.floor(self._overlap)
            yield self._page(rows, floor=floor)

    async def late(self) -> AsyncIterator[Page]:
        """Lane 2. Yields nothing where nothing came late."""
        floor = self.bookmark.floor(self._overlap)
        self.bookmark.seen.forget_before(instant(floor))
        versions = await self._changes.versions(floor)
        seen = self.bookmark.seen.versions
        late = sorted(id for id, version in versions.items() if seen.get(id) != version)
        for ids in _slices(late, self.settings.page_rows):
            yield self._page(await self._changes.rows(ids), floor=floor)

    async def deletes(self) -> AsyncIterator[Page]:
        """Lane 3. Raises DriftError where too much is missing at once."""
        known = self.bookmark.known
        present = await self._changes.ids()
        if known is None:
            # The setting is new: what is there now is where the comparing begins.
            self.bookmark.known = present
            yield self._page([], floor=None)
            return
        gone = sorted(known - present)
        if len(gone) >= FEW_ROWS and len(gone) > self.settings.sweep_max_share * len(known):
            raise DriftError(
                f"{len(gone)} of {len(known)} rows of {self._stream} are not there any more.",
                mend="A changed access rule hides rows in just this way. If they really were "
                "deleted, raise `sweep_max_share`.",
                code="rows_vanished",
            )
        for ids in _slices(gone, self.settings.page_rows):
            known.difference_update(ids)
            self.bookmark.known = known
            for id in ids:
                self.bookmark.seen.versions.pop(id, None)
            deletes = [
                RawRow(body={"id": id}, operation=Operation.DELETE, key=str(id)) for id in ids
            ]
            yield Page(self._stream, deletes, self.bookmark.cursor(), self._shape.fields)

    def _page(self, rows: Sequence[ReadRow], *, floor: datetime | None) -> Page:
        bookmark = self.bookmark
        fresh = []
        if floor is not None:
            oldest = instant(floor)
            for row in rows:
                if not bookmark.seen.add(row.id, row.version, oldest):
                    fresh.append(RawRow(body=row.values, version=row.version, at=row.at))
            bookmark.seen.forget_before(oldest)
        if fresh and (known := bookmark.known) is not None:
            known.update(row.id for row in rows)
        return Page(
            self._stream,
            fresh,
            bookmark.cursor(),
            self._shape.fields,
            already_seen=len(rows) - len(fresh),
        )


def _slices(ids: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
