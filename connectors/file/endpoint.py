"""Appends records to a file, one JSON object a line, durably and each delivery once.

A batch is written and synced before it is delivered. What a crash left of a line is cut off when
the file is opened, and the ids in its tail are known, so a batch that is sent again after a crash
leaves out what is there.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.errors import ConfigError, Outage
from gateway.types import Checked, Delivered, Delivery, Operation, Outcome

MAX_KNOWN = 100_000


class _Written(msgspec.Struct):
    """What is read back of a line."""

    id: str


class FileEndpoint:
    """One file. `tail_bytes` bounds what is read of it at the start."""

    def __init__(self, path: Path, tail_bytes: int) -> None:
        self._path = path
        self._tail_bytes = tail_bytes
        self._file: int | None = None
        self._known: dict[str, None] = {}
        self._lock = asyncio.Lock()

    async def check(self) -> Sequence[Checked]:
        folder = self._path.parent
        if self._path.is_dir():
            return [Checked(str(self._path), False, "It is a folder; name a file in it.")]
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        there = self._path if self._path.exists() else nearest
        if not os.access(there, os.W_OK):
            return [Checked(str(self._path), False, f"{there} may not be written.")]
        return [Checked(str(self._path), True, "records are appended, one JSON object a line")]

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Append what is not there yet and sync. Raises Outage where the file does not take it;
        it is then as it was before."""
        async with self._lock:
            return await asyncio.to_thread(self._append, deliveries)

    async def close(self) -> None:
        async with self._lock:
            self._shut()

    def _append(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        try:
            file = self._opened()
            end = os.lseek(file, 0, os.SEEK_END)
        except OSError as error:
            raise self._outage(error) from None
        lines: list[bytes] = []
        fresh: dict[str, None] = {}
        outcomes: list[Outcome] = []
        at = end
        for delivery in deliveries:
            if delivery.id in self._known or delivery.id in fresh:
                outcomes.append(Delivered(receipt="already there"))
                continue
            fresh[delivery.id] = None
            outcomes.append(Delivered(receipt=f"{self._path.name}:{at}"))
            lines.append(line_of(delivery))
            at += len(lines[-1])
        try:
            _write_all(file, b"".join(lines))
            os.fsync(file)
        except OSError as error:
            # Half a batch must not stay: nobody would know which half.
            with suppress(OSError):
                os.ftruncate(file, end)
            self._shut()
            raise self._outage(error) from None
        self._known |= fresh
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return outcomes

    def _opened(self) -> int:
        """The file, opened anew where it was rotated away. Raises OSError, ConfigError."""
        if self._file is not None:
            if _same(self._file, self._path):
                return self._file
            self._shut()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if new:
                _sync_folder(self._path.parent)
            self._read_tail(file)
        except BlockingIOError:
            os.close(file)
            raise ConfigError(
                f"{self._path} is being written by another gateway.",
                mend="Give each its own file.",
            ) from None
        except OSError:
            os.close(file)
            raise
        self._file = file
        return file

    def _read_tail(self, file: int) -> None:
        """Know the ids of the tail, and cut off a last line that a crash left unfinished."""
        size = os.fstat(file).st_size
        start = max(0, size - self._tail_bytes)
        data = _read_all(file, start, size - start)
        while start and b"\n" not in data:
            start = max(0, start - max(len(data), 1 << 20))
            data = _read_all(file, start, size - start)
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(file, start + whole)
            os.fsync(file)
        lines = data[:whole].split(b"\n")
        if start:
            del lines[0]  # Its beginning lies before the tail.
        decode = msgspec.json.Decoder(_Written).decode
        for line in lines:
            if line:
                with suppress(msgspec.MsgspecError):
                    self._known[decode(line).id] = None

    def _shut(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _outage(self, error: OSError) -> Outage:
        return Outage(
            f"{self._path} cannot be written: {error.strerror or error}.",
            mend="Make room, or give the gateway the right to write there.",
            code="file_unwritable",
        )


def line_of(delivery: Delivery) -> bytes:
    """The delivery as a line: `id` is the idempotency key, `data` null for a delete."""
    record = delivery.record
    line = {
        "id": delivery.id,
        "source": record.stream.source,
        "stream": record.stream.stream,
        "key": record.key,
        "contract": record.contract,
        "operation": record.operation.value,
        "version": record.version,
        "event_at": record.event_at,
        "recorded_at": record.recorded_at,
        "data": None if record.operation is Operation.DELETE else record.data,
    }
    encoded = msgspec.json.encode(line)
    if b"\n" in encoded:  # Only between tokens, where a contract's JSON was written over lines.
        encoded = msgspec.json.format(encoded, indent=-1)
    return encoded + b"\n"


def _same(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    ours = os.fstat(file)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read_all(file: int, start: int, size: int) -> bytes:
    pieces = []
    while size > 0:
        piece = os.pread(file, min(size, 1 << 20), start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
        size -= len(piece)
    return b"".join(pieces)


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
