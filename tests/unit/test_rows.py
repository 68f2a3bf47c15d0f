"""Raw rows: exact reasons for bad JSON, and decoded rows that come back with their types."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address
from uuid import UUID

import pytest

from gateway.rows import RowError, check_values, decode, encode, read


def fault(body: bytes) -> RowError:
    with pytest.raises(RowError) as caught:
        read(body, max_bytes=1_000_000, max_depth=64)
    return caught.value


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "row_not_json", "empty"),
        (b" \n", "row_not_json", "empty"),
        (b"hello", "row_not_json", "offset 0"),
        (b'{"a": 1,}', "row_not_json", "offset "),  # Which one depends on Python's version.
        (b'{"a": 1', "row_not_json", "offset 7"),
        (b'{"a": 1} {"a": 2}', "row_not_json", "extra data at offset 9"),
        (b"{'a': 1}", "row_not_json", "offset 1"),
        (b'{"a": 01}', "row_not_json", "offset 7"),
        (b'{"a": NaN}', "row_not_json", "NaN"),
        (b'{"a": [1, -Infinity]}', "row_not_json", "-Infinity"),
        (b'\xef\xbb\xbf{"a": 1}', "row_not_json", "byte order mark"),
        (b'{"a": "\\ud800"}', "row_not_json", "surrogate"),
        (b'{"a": "x\x01"}', "row_not_json", "control character"),
        (b"<html></html>", "row_not_json", "offset 0"),
        (b'{"a": "\xff"}', "row_not_utf8", "0xff at offset 7"),
        ('{"a": "ü"}'.encode("latin-1"), "row_not_utf8", "0xfc"),
        (b"[1]", "row_not_object", "an array"),
        (b"null", "row_not_object", "null"),
        (b'"x"', "row_not_object", "a string"),
        (b"1.5", "row_not_object", "a number"),
        (b"true", "row_not_object", "a boolean"),
        (b'{"a": ' * 10_000 + b"1" + b"}" * 10_000, "row_too_deep", "64"),
        (b'{"a": ' * 65 + b"1" + b"}" * 65, "row_too_deep", "64"),
        (b"[" * 100_000, "row_too_deep", "64"),
        (b'{"a": 1, "a": 2}', "row_duplicate_member", "'a'"),
        (b'{"a": 1, "a" : 2}', "row_duplicate_member", "'a'"),
        (b'{"a": 1, "a"\t: 2}', "row_duplicate_member", "'a'"),
        (b'{"a": 1, "\\u0061": 2}', "row_duplicate_member", "'a'"),
        (b'{"x": [{"a": 1, "a": 1}]}', "row_duplicate_member", "'a'"),
        (b'{"x": "\\":\\":", "a": 1, "a": 2}', "row_duplicate_member", "'a'"),
        (b'{"a": 1e999999999}', "row_number_out_of_range", "1e999999999"),
        (b'{"a": 1e-999999999999999999999}', "row_number_out_of_range", "1E400"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "row_number_out_of_range", "4,300"),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', "row_too_large", "1,000,009 bytes"),
    ],
)
def test_bad_json_is_named(body, code, words) -> None:
    found = fault(body)
    assert found.code == code
    assert words in found.detail


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (b"{}", {}),
        (b' {"a" : "b : c", "d": "e\\":"} ', {"a": "b : c", "d": 'e":'}),
        (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
        (b'{"a": [{"b": 1}, {"b": 1}]}', {"a": [{"b": 1}, {"b": 1}]}),
        (b'{"a": "[[[[{{{{"}', {"a": "[[[[{{{{"}),
        (b'{"a": 12.50, "b": 1e5}', {"a": Decimal("12.50"), "b": Decimal("1E+5")}),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a": 0.1234567890123456789}', {"a": Decimal("0.1234567890123456789")}),
        (b'{"a": 0e-999}', {"a": Decimal("0e-999")}),
        (b'{"a": "NaN", "b": "Infinity"}', {"a": "NaN", "b": "Infinity"}),
        (b'{"a": ' * 64 + b"1" + b"}" * 64, None),
    ],
)
def test_good_json_is_read_with_all_its_digits(body, row) -> None:
    found = read(body, max_bytes=1_000_000, max_depth=64)
    if row is not None:
        assert found == row
        assert {name: type(value) for name, value in found.items()} == {
            name: type(value) for name, value in row.items()
        }


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Odd(Enum):
    ONE = object()


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


ROW = {
    "text": 'ü "quoted" \\ \n \ud800 \x00',
    "none": None,
    "flags": [True, False],
    "int": 5,
    "big": 2**200,
    "negative": -(2**70),
    "float": 0.1,
    "tiny": 5e-324,
    "inf": [math.inf, -math.inf],
    "minus zero": -0.0,
    "decimal": Decimal("12.500"),
    "special": [Decimal("Infinity"), Decimal("-0.00")],
    "bytes": b"\x00\xff",
    "date": date(1, 1, 1),
    "time": time(23, 59, 59, 999999, tzinfo=UTC),
    "naive": datetime(2026, 1, 31, 12),  # noqa: DTZ001
    "aware": datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    "delta": timedelta(days=-1, seconds=5, microseconds=7),
    "uuid": UUID(int=7),
    "nested": [{"a": [{"b": Decimal(1)}]}, [], {}],
    "tuple": (1, (2,)),
    "like a tag": {"$decimal": "1"},
    "unknown tag": {"$x": 1},
    "not text": {1: 2, None: 3, (1, 2): 4},
    "": "",
}


def test_a_decoded_row_comes_back_with_its_types() -> None:
    again = decode(encode(ROW))
    assert again == ROW
    assert repr(again) == repr(ROW)


def test_nan_comes_back() -> None:
    again = decode(encode({"a": math.nan, "b": Decimal("NaN"), "c": Decimal("sNaN")}))
    assert math.isnan(again["a"])
    assert [str(again["b"]), str(again["c"])] == ["NaN", "sNaN"]


def test_other_types_are_kept_as_text() -> None:
    row = {"ip": IPv4Address("127.0.0.1"), "colour": Colour.RED, "level": Level.LOW, "rude": Rude()}
    assert decode(encode(row)) == {
        "ip": "127.0.0.1",
        "colour": "red",
        "level": 1,
        "rude": "cannot be shown",
    }
    assert decode(encode({"odd": Odd.ONE})) == {"odd": "Odd.ONE"}


def test_a_row_that_is_far_too_deep_is_kept_all_the_same() -> None:
    deep: list = []
    for _ in range(5_000):
        deep = [deep]
    assert encode({"a": deep}).count(b"[") == 5_001


def test_a_row_that_contains_itself_ends() -> None:
    row: dict = {}
    row["self"] = row
    assert b"nested too deep" in encode(row)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"$decimal": "x"}',
        b'{"$nope": 1}',
        b'{"$date": 5}',
        b'{"$timedelta": "x"}',
        b'{"$object": 5}',
        b'{"$object": [[{}, 1]]}',
        b'{"a": NaN}',
        b'{"$bytes": "*"}',
        b"\xff",
    ],
)
def test_what_encode_never_wrote_is_an_error(body) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(body)


@pytest.mark.parametrize(
    "value",
    [Decimal("1E+1000000"), 10**100_000, [Decimal("1E-500")], {"a": (Decimal("1E+500"),)}],
    ids=["decimal", "integer", "in a list", "in a tuple"],
)
def test_decoded_numbers_that_would_hang_are_refused(value) -> None:
    with pytest.raises(RowError) as caught:
        check_values({"a": value}, 64)
    assert caught.value.code == "row_number_out_of_range"


def test_decoded_rows_that_are_too_deep_are_refused() -> None:
    deep: list = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(RowError, match="64"):
        check_values({"a": deep}, 64)
