"""CSV records (RFC 4180) as rows of text, with the offset after each."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

import msgspec

from connectors.file.lines import Line
from gateway.errors import DriftError
from gateway.types import RawRow

MAX_RECORD_BYTES = 16 << 20
"""A record with quoted line breaks that is longer has an opening quote too many."""

ERROR, LINE = "csv_error", "csv_line"
"""The two members of a row that could not be read: no mapping finds its key in it, so it becomes
a dead letter that shows what was wrong and the whole record."""

csv.field_size_limit(MAX_RECORD_BYTES)


class CsvRecord(msgspec.Struct, frozen=True):
    """`cells` is None where the record cannot be read, which `fault` then explains."""

    cells: Sequence[str] | None
    data: bytes
    end: int
    whole: bool
    fault: str = ""


def records(source: Iterator[Line], encoding: str, delimiter: str) -> Iterator[CsvRecord]:
    """Every record. One that ends with the file inside a quote is not whole."""
    waiting: list[Line] = []
    while True:
        line = waiting.pop(0) if waiting else next(source, None)
        if line is None:
            return
        if line.length > len(line.data) + 2:
            fault = f"the line has {line.length:,} bytes; only its beginning is kept"
            yield CsvRecord(None, line.data, line.end, line.whole, fault)
            continue
        if b'"' not in line.data:
            yield _record([line], encoding, delimiter)
            continue
        taken = [line]
        quoted = _ends_quoted(line.data, delimiter, quoted=False)
        size = len(line.data)
        while quoted and taken[-1].whole and size <= MAX_RECORD_BYTES:
            more = waiting.pop(0) if waiting else next(source, None)
            if more is None:
                break
            taken.append(more)
            size += len(more.data) + 1
            quoted = _ends_quoted(more.data, delimiter, quoted=True)
        if not quoted:
            yield _record(taken, encoding, delimiter)
        elif size > MAX_RECORD_BYTES:
            # The lines that the quote swallowed are records of their own.
            fault = "a quote is opened and never closed"
            yield CsvRecord(None, line.data, line.end, line.whole, fault)
            waiting = taken[1:] + waiting
        else:
            yield CsvRecord(
                None, _joined(taken), taken[-1].end, whole=False,
                fault="the file ends within a quoted cell",
            )  # fmt: skip


def _record(taken: Sequence[Line], encoding: str, delimiter: str) -> CsvRecord:
    data, last = _joined(taken), taken[-1]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        fault = f"byte {error.start + 1} (0x{data[error.start]:02x}) is not {encoding}"
        return CsvRecord(None, data, last.end, last.whole, fault)
    try:
        cells = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        return CsvRecord(None, data, last.end, last.whole, str(error))
    return CsvRecord(cells, data, last.end, last.whole)


def _joined(taken: Sequence[Line]) -> bytes:
    return taken[0].data if len(taken) == 1 else b"\n".join(line.data for line in taken)


def _ends_quoted(data: bytes, delimiter: str, *, quoted: bool) -> bool:
    """Whether a line ends inside a quoted cell. A quote opens one only where a cell begins."""
    opening = re.compile(b"(?:^|" + re.escape(delimiter.encode()) + b')"')
    at = 0
    while True:
        if not quoted:
            found = opening.search(data, at)
            if found is None:
                return False
            at = found.end()
        while True:
            at = data.find(b'"', at)
            if at < 0:
                return True
            if data[at + 1 : at + 2] != b'"':
                break
            at += 2
        at += 1
        quoted = False


def header_of(record: CsvRecord, path: str) -> list[str]:
    """The column names. Raises DriftError where they cannot be used."""
    names = [name.strip() for name in record.cells or []]
    if not any(names):
        raise DriftError(
            f"{path} does not begin with column names: {record.fault or 'its first line is empty'}.",
            mend="Name the columns in `header`.",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        what = f"the column {twice[0]!r} twice" if twice else "a column without a name"
        raise DriftError(f"{path} has {what}.", mend="Name the columns in `header`.")
    return names


def row_of(record: CsvRecord, header: Sequence[str]) -> RawRow:
    """The row by column name, or what was wrong with it and the record as it came."""
    cells, fault = record.cells, record.fault
    if cells is not None and len(cells) == len(header):
        return RawRow(body=dict(zip(header, cells, strict=True)))
    if cells is not None:
        fault = f"the record has {len(cells)} cells, the header {len(header)}"
    try:
        line: str | bytes = record.data.decode()
    except UnicodeDecodeError:
        line = record.data
    return RawRow(body={ERROR: fault, LINE: line})
