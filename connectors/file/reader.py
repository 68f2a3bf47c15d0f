"""One bounded page of one file: the blocking part of reading, run in a thread."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

import msgspec

from connectors.file.config import FileStream
from connectors.file.csv_rows import header_of, records, row_of
from connectors.file.lines import Line, lines
from connectors.file.place import Found, Place, fingerprints, opened
from gateway.errors import Outage
from gateway.types import RawRow


class Part(msgspec.Struct, frozen=True):
    """Rows of a file, where it stands after them, and whether there is more at the moment.

    `torn` says that the file ends in the middle of a line, which was not taken.
    """

    rows: Sequence[RawRow]
    place: Place
    size: int
    more: bool
    torn: bool


def read_part(found: Found, settings: FileStream, *, take_torn: bool, rows: int, size: int) -> Part:
    """Up to `rows` rows or `size` bytes from the file's place on; at least one row, however long.

    Raises Outage where the file cannot be read, DriftError where CSV has no usable header.
    """
    try:
        with opened(found.path) as file:
            return _read(file, found, settings, take_torn=take_torn, rows=rows, size=size)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Outage(
            f"{found.path} is not a complete gzip file.",
            mend="Wait until it is written, or write it again.",
            code="file_incomplete",
        ) from None
    except OSError as error:
        raise Outage(
            f"{found.path} cannot be read: {error.strerror or error}.", code="file_unreadable"
        ) from None


def _read(
    file: BinaryIO, found: Found, settings: FileStream, *, take_torn: bool, rows: int, size: int
) -> Part:
    place = found.place
    start = place.offset or _after_mark(file)
    made: list[RawRow] = []
    end, taken, header = start, 0, place.header
    more = torn = False
    for row, header_now, at, whole, weight in _rows(file, start, found, settings):
        if not whole and not take_torn:
            torn = True
            break
        if made and (len(made) >= rows or taken + weight > size):
            more = True
            break
        end, header = at, header_now
        if row is not None:
            made.append(row)
            taken += weight
    if end != place.offset or header != place.header:
        head, tail = fingerprints(file, end)
        modified = os.fstat(file.fileno()).st_mtime_ns
        place = Place(place.path, end, head, tail, modified, header)
    return Part(made, place, taken, more, torn)


def _rows(
    file: BinaryIO, start: int, found: Found, settings: FileStream
) -> Iterator[tuple[RawRow | None, Sequence[str] | None, int, bool, int]]:
    """(row or None for what is none, header, offset after it, whether it was whole, bytes)."""
    path = str(found.path)
    source = lines(file, start)
    if settings.format_of(path) != "csv":
        for line in source:
            row = _json_row(line, settings.encoding, path) if line.data.strip() else None
            yield row, None, line.end, line.whole, line.length
        return
    header = found.place.header or settings.header
    for record in records(source, settings.encoding, settings.delimiter_of(path)):
        row = None
        if header is None:
            if record.data.strip():
                header = header_of(record, path)
        elif record.data.strip() and list(record.cells or ()) != list(header):
            # A line that repeats the header comes of files put together: it is no row.
            row = row_of(record, header)
        yield row, header, record.end, record.whole, len(record.data) + 1


def _json_row(line: Line, encoding: str, path: str) -> RawRow:
    """The line's bytes untouched, unless they are in another encoding than JSON's."""
    data = line.data
    if line.length > len(data) + 1:
        note = f"… [{path}: a line of {line.length:,} bytes ends at {line.end:,}; cut here]"
        return RawRow(body=data + note.encode())
    if encoding != "utf-8":
        # What cannot be decoded goes on as it came: the reader of rows says what is wrong with it.
        with suppress(UnicodeDecodeError):
            data = data.decode(encoding).encode()
    return RawRow(body=data)


def _after_mark(file: BinaryIO) -> int:
    """Where the content begins: after a byte order mark, which some programs write."""
    file.seek(0)
    return len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
