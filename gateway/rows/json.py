"""Reads one row of JSON (RFC 8259), and says exactly what is wrong with a bad one.

An ordinary row pays for one decode and a few scans of its bytes. Everything that explains, and
everything that must look twice, happens only once something is odd. Numbers with a point become
Decimal, so that money keeps every digit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

import msgspec

JSON_MEDIA_TYPE = "application/json"

MAX_EXPONENT = 400
"""No double goes further; turning 1E+999999999 into an integer would take minutes."""

MAX_INTEGER_BITS = 14_000
"""Python refuses to print integers of more than 4,300 digits."""

_NOT_A_NUMBER = re.compile(rb"[:\[,\s](-?Infinity|NaN|nan)\s*[,\]}]")
_LONG_INTEGER = re.compile(rb"[0-9]{4301}")
_SPACED_COLON = re.compile(rb"\s:")


class RowError(Exception):
    """A row that cannot be read. `code` is the letter's, `detail` its sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _NumberError(ArithmeticError):
    """Not a ValueError: the decoder would dress that up as its own."""


def _decimal(literal: str) -> Decimal:
    try:
        value = Decimal(literal)
    except DecimalException:
        raise _NumberError(literal) from None
    if value and not -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT:
        raise _NumberError(literal)
    return value


_decode = msgspec.json.Decoder(float_hook=_decimal).decode


def read(body: bytes, *, max_bytes: int, max_depth: int) -> dict[str, Any]:
    """The row's object.

    Raises RowError with one of the codes row_too_large, row_not_utf8, row_not_json, row_number_out_of_range, row_not_object,
    row_too_deep, row_duplicate_member.
    """
    if len(body) > max_bytes:
        raise RowError(
            "row_too_large",
            f"the row has {len(body):,} bytes; the limit `max_row_bytes` is {max_bytes:,}",
        )
    try:
        row = _decode(body)
    except RecursionError:
        raise _too_deep(max_depth) from None
    except _NumberError as error:
        raise RowError(
            "row_number_out_of_range",
            f"the number {_cut(str(error))} is beyond 1E{MAX_EXPONENT}",
        ) from None
    except ValueError as error:
        _explain(body, error)
    if type(row) is not dict:
        raise RowError("row_not_object", f"the row is {_kind(row)}, not a JSON object")
    if body.count(b"[") + body.count(b"{") > max_depth and _deeper(row, max_depth):
        raise _too_deep(max_depth)
    # A quote and a colon for each member and no more: no name can have come twice. Text that
    # holds the same two bytes only costs the second reading.
    if body.count(b'":') != len(row) or (
        b" :" in body or b"\t:" in body or b"\n:" in body or b"\r:" in body
    ):
        _look_for_duplicates(body, row)
    return row


def check_values(row: Mapping[str, Any], max_depth: int) -> None:
    """Refuse a decoded row that would hang or break what comes after. Raises RowError."""
    for value in row.values():
        kind = type(value)
        if kind is Decimal or kind is int:
            _check_number(value)
        elif kind in (list, dict, tuple):
            if _deeper(value, max_depth - 1):
                raise _too_deep(max_depth)
            for leaf in _leaves(value):
                if isinstance(leaf, Decimal | int):
                    _check_number(leaf)


def _check_number(value: Decimal | int) -> None:
    if isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise RowError(
                "row_number_out_of_range",
                f"an integer of {value.bit_length():,} bits is beyond {MAX_INTEGER_BITS:,}",
            )
    elif value.is_finite() and value and abs(value.adjusted()) > MAX_EXPONENT:
        raise RowError(
            "row_number_out_of_range",
            f"the number {_cut(str(value))} is beyond 1E{MAX_EXPONENT}",
        )


def _look_for_duplicates(body: bytes, row: dict[str, Any]) -> None:
    members = sum(len(inner) for inner in _objects(row))
    if body.count(b'":') == members and not _SPACED_COLON.search(body):
        return

    def once(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise RowError(
                    "row_duplicate_member", f"the member {_cut(repr(name))} occurs more than once"
                )
            seen.add(name)

    json.loads(
        body,
        object_pairs_hook=once,
        parse_int=_ignored,
        parse_float=_ignored,
    )


def _ignored(_literal: str) -> None:
    return None


def _objects(row: dict[str, Any]) -> list[dict[str, Any]]:
    found = [row]
    waiting: list[Any] = [row]
    while waiting:
        value = waiting.pop()
        for inner in value.values() if type(value) is dict else value:
            if type(inner) is dict:
                found.append(inner)
                waiting.append(inner)
            elif type(inner) is list:
                waiting.append(inner)
    return found


def _leaves(value: Any) -> list[Any]:
    found: list[Any] = []
    waiting: list[Any] = [value]
    while waiting:
        for inner in _children(waiting.pop()):
            (waiting if isinstance(inner, list | tuple | Mapping) else found).append(inner)
    return found


def _deeper(value: Any, limit: int) -> bool:
    """Whether containers are nested more than `limit` deep. Looks at level after level."""
    level = [value]
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            return True
        level = [
            inner
            for outer in level
            for inner in _children(outer)
            if isinstance(inner, list | tuple | Mapping)
        ]
    return False


def _children(value: Any) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, Mapping) else value


def _too_deep(max_depth: int) -> RowError:
    return RowError(
        "row_too_deep", f"the row is nested deeper than the limit `max_depth` of {max_depth}"
    )


def _explain(body: bytes, error: ValueError) -> NoReturn:
    """Say why these bytes are no JSON, in words that help more than the decoder's."""
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        raise RowError(
            "row_not_utf8",
            f"byte 0x{body[wrong.start]:02x} at offset {wrong.start:,} is not UTF-8",
        ) from None
    if not body.strip():
        reason = "the row is empty"
    elif body.startswith(b"\xef\xbb\xbf"):
        reason = "it begins with a byte order mark"
    elif found := _NOT_A_NUMBER.search(body):
        reason = f"it holds {found[1].decode()}, which JSON does not have"
    elif "out of range" in str(error):
        long = _LONG_INTEGER.search(body)
        where = f" at offset {long.start():,}" if long else ""
        raise RowError(
            "row_number_out_of_range", f"an integer{where} has more than 4,300 digits"
        ) from None
    else:
        reason = str(error).removeprefix("JSON is malformed: ")
        try:
            json.loads(body, parse_int=_ignored)
        except json.JSONDecodeError as wrong:
            what = wrong.msg.lower().rstrip(": ").removesuffix(" at")
            reason = f"{what} at offset {wrong.pos:,}"
        except (ValueError, RecursionError):
            pass
        else:
            # The one thing the standard library lets pass besides NaN.
            reason = "it holds half of a surrogate pair (\\ud800 to \\udfff)"
    raise RowError("row_not_json", f"the row is not JSON: {reason}") from None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "a string", list: "an array"}
    return names.get(type(value), "a number")


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
