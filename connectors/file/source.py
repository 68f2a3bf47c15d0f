"""Follows files: what has grown is read, what was rotated is read to its end, what was rewritten
is read anew."""

from __future__ import annotations

import asyncio
import glob
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.file.config import FileStream
from connectors.file.place import Found, Place, located
from connectors.file.reader import Part, read_part
from gateway.errors import ConfigError, HeadraceError, Outage
from gateway.types import Checked, Cursor, FieldSchema, Page, RawRow, StreamId, StreamSchema

WAIT_SECS = 0.05
MAX_GONE = 1_000


class State(msgspec.Struct, frozen=True):
    """The cursor: every file that is there, by identity, in the order they were begun."""

    files: dict[str, Place] = {}


class FileSource:
    """`clock` gives seconds since 1970, as the files' own times do."""

    def __init__(
        self,
        source: str,
        folder: Path,
        streams: Mapping[str, FileStream],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._folder = folder
        self._streams = streams
        self._clock = clock

    async def check(self) -> Sequence[Checked]:
        said = []
        for name in self._streams:
            try:
                found = await asyncio.to_thread(located, self._paths(name), {})
                for each in found:
                    await asyncio.to_thread(self._part, name, each, rows=1)
                many = f"{len(found):,} files, {sum(each.size for each in found):,} bytes"
                said.append(Checked(name, True, many if found else "no file matches yet"))
            except HeadraceError as error:
                said.append(Checked(name, False, str(error)))
        return said

    async def discover(self) -> Sequence[StreamSchema]:
        """The streams of the project; a CSV file's columns come from its newest header."""
        return [await self._described(name) for name in self._streams]

    async def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        """Pages until every file is read to its end.

        A last line without a line break is waited for as long as its file is not quiet, so that
        reading once and following take the same rows.
        """
        state = State() if since is None else msgspec.convert(since, State)
        settings = self._settings(stream)
        waited = 0.0
        while True:
            found = await asyncio.to_thread(located, self._paths(stream), state.files)
            # Without a time of its own to trust, a file is quiet that has not grown meanwhile.
            quiet = waited >= settings.quiet_secs
            progress = torn = False
            async for rows, fields, after, torn_now in self._gather(stream, found, state, quiet):
                torn = torn or torn_now
                if after.files != state.files:
                    progress, state = True, after
                    yield Page(
                        stream=StreamId(self._source, stream),
                        rows=rows,
                        cursor=msgspec.to_builtins(state),
                        fields=fields,
                    )
            if not progress and not torn:
                return
            if progress:
                waited = 0.0
                continue
            await asyncio.sleep(WAIT_SECS)
            waited += WAIT_SECS

    async def _gather(
        self, stream: str, found: Sequence[Found], state: State, quiet: bool
    ) -> AsyncIterator[tuple[list[RawRow], Mapping[str, str] | None, State, bool]]:
        """One page after another: small files of the same columns share one."""
        settings = self._settings(stream)
        there = {each.id for each in found}
        gone = [name for name in state.files if name not in there]
        # A file may be back in a moment, or under another identity; a folder of files that come
        # and go must not make the cursor grow for ever.
        files = {name: state.files[name] for name in gone[-MAX_GONE:]}
        files |= {each.id: each.place for each in found}
        rows: list[RawRow] = []
        fields: Mapping[str, str] | None = None
        size = 0
        torn = False
        for each in found:
            current = each
            while True:
                part = await asyncio.to_thread(
                    self._part,
                    stream,
                    current,
                    quiet=quiet,
                    rows=max(1, settings.page_rows - len(rows)),
                    size=max(1, settings.page_bytes - size),
                )
                named = _fields(part.place)
                if (
                    rows
                    and part.rows
                    and (named != fields or size + part.size > settings.page_bytes)
                ):
                    # Another shape, or one row too large: what there is goes first.
                    yield rows, fields, State(dict(files)), torn
                    rows, size = [], 0
                if part.rows or fields is None:
                    fields = named
                files[each.id] = part.place
                rows += part.rows
                size += part.size
                torn = torn or part.torn
                if len(rows) >= settings.page_rows or size >= settings.page_bytes:
                    yield rows, fields, State(dict(files)), torn
                    rows, size = [], 0
                if not part.more:
                    break
                current = msgspec.structs.replace(each, place=part.place)
        yield rows, fields, State(files), torn

    def _part(
        self,
        stream: str,
        found: Found,
        *,
        quiet: bool = True,
        rows: int = 1_000,
        size: int = 1 << 20,
    ) -> Part:
        settings = self._settings(stream)
        if (
            settings.format_of(str(found.path)) is None
            and settings.format_of(settings.path or stream) is None
        ):
            raise ConfigError(
                f"{found.path}: its suffix does not say what it holds.",
                mend="Say `format: jsonl` or `format: csv`.",
            )
        quiet = quiet or self._clock() - found.modified >= settings.quiet_secs
        return read_part(found, settings, take_torn=quiet, rows=rows, size=size)

    def _paths(self, stream: str) -> list[Path]:
        """The files that match now. Raises Outage where a file named outright is not there."""
        pattern = str(self._folder / (self._settings(stream).path or stream))
        path = Path(pattern)
        if path.exists() or not any(each in pattern for each in "*?["):
            if path.is_dir():
                raise ConfigError(f"{path} is a folder.", mend=f"Write {path.name}/*.jsonl.")
            if not path.exists():
                raise Outage(
                    f"{path} is not there.", mend="Correct `path`, or wait.", code="file_missing"
                )
            return [path]
        matches = glob.glob(pattern, recursive=True)  # noqa: PTH207  the pattern may be absolute
        return [Path(each) for each in matches if Path(each).is_file()]

    def _settings(self, stream: str) -> FileStream:
        return self._streams.get(stream) or FileStream()

    async def _described(self, name: str) -> StreamSchema:
        fields: Mapping[str, str] = {}
        try:
            for each in await asyncio.to_thread(located, self._paths(name), {}):
                part = await asyncio.to_thread(self._part, name, each, rows=1)
                fields = _fields(part.place) or fields
        except HeadraceError as error:
            return StreamSchema(name=name, fields=(), description=str(error))
        return StreamSchema(
            name=name, fields=tuple(FieldSchema(name=each, type=fields[each]) for each in fields)
        )


def _fields(place: Place) -> Mapping[str, str] | None:
    return None if place.header is None else dict.fromkeys(place.header, "text")
