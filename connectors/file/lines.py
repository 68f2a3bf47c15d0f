"""Lines of a file from an offset on, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 256 << 20
KEPT_BYTES = 64 << 10


class Line(msgspec.Struct, frozen=True):
    """A line without its line break. `end` is the offset after it; `whole` says that it had one.

    Of a line beyond `MAX_LINE_BYTES` only the first `KEPT_BYTES` are kept, and `length` says how
    long it was.
    """

    data: bytes
    end: int
    whole: bool
    length: int


def lines(file: BinaryIO, offset: int) -> Iterator[Line]:
    """Every line from `offset` on, the last one also where it has no line break."""
    file.seek(offset)
    held = bytearray()
    searched = 0
    length = 0
    """Bytes of the line under way that were thrown away."""
    while True:
        chunk = file.read(CHUNK_BYTES)
        held += chunk
        start = 0
        while (at := held.find(b"\n", max(start, searched))) >= 0:
            offset += at + 1 - start + length
            yield _line(held, start, at, offset, length, whole=True)
            start, length = at + 1, 0
            searched = start
        del held[:start]
        searched = len(held)
        if not chunk:
            if held or length:
                offset += len(held) + length
                yield _line(held, 0, len(held), offset, length, whole=False)
            return
        if len(held) + length > MAX_LINE_BYTES and len(held) > KEPT_BYTES:
            length += len(held) - KEPT_BYTES
            del held[KEPT_BYTES:]
            searched = KEPT_BYTES


def _line(held: bytearray, start: int, stop: int, end: int, thrown: int, *, whole: bool) -> Line:
    # One copy, not two: a line may be as large as memory allows.
    with memoryview(held) as view:
        data = bytes(view[start : min(stop, start + KEPT_BYTES)] if thrown else view[start:stop])
    if not thrown:
        data = data.removesuffix(b"\r")
    return Line(data, end, whole, stop - start + thrown)
