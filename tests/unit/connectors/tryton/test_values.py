"""Tryton's typed JSON, both ways."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.tryton.values import decode, dumps, encode, loads
from gateway.errors import DriftError

text = st.text().filter(lambda value: value != "__class__")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    st.binary(),
    # Beyond some years the float that Tryton sends has no microseconds left.
    st.timedeltas(min_value=timedelta(days=-3_650), max_value=timedelta(days=3_650)),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20
)


@given(values)
def test_what_is_sent_comes_back_with_its_types(value):
    assert loads(dumps(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_digits(value):
    assert str(loads(dumps(value))) == str(value)


def test_an_instant_is_sent_in_utc_whatever_its_zone():
    at = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert encode(at) == {
        "__class__": "datetime", "year": 2026, "month": 1, "day": 30, "hour": 23, "minute": 30,
        "second": 0, "microsecond": 0,
    }  # fmt: skip
    assert decode(encode(at)) == at


def test_the_documented_forms_are_read():
    sent = b"""{"a": {"__class__": "Decimal", "decimal": "1.50"},
        "b": {"__class__": "date", "year": 2026, "month": 1, "day": 31},
        "c": {"__class__": "timedelta", "seconds": 5400.0},
        "d": {"__class__": "bytes", "base64": "aGVs\\nbG8=\\n"},
        "e": {"__class__": "time", "hour": 8, "minute": 15, "second": 0, "microsecond": 7}}"""
    assert loads(sent) == {
        "a": Decimal("1.50"),
        "b": date(2026, 1, 31),
        "c": timedelta(hours=1, minutes=30),
        "d": b"hello",
        "e": time(8, 15, 0, 7),
    }


def test_other_values_of_ours_are_sent_as_what_tryton_has():
    assert encode(UUID(int=1)) == "00000000-0000-0000-0000-000000000001"
    assert encode((1, frozenset({2}))) == [1, [2]]
    with pytest.raises(TypeError, match="no type for object"):
        encode(object())


def test_nan_is_read_as_trytond_writes_it():
    assert math.isnan(loads(b'{"x": NaN}')["x"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b'{"__class__": "Money"}', "value_class_unknown"),
        (b'{"__class__": "date", "year": 0, "month": 1, "day": 1}', "value_unreadable"),
        (b'{"__class__": "Decimal", "decimal": "lots"}', "value_unreadable"),
        (b'{"__class__": "Decimal"}', "value_unreadable"),
        (b'{"__class__": "timedelta", "seconds": 1e300}', "value_unreadable"),
        (b'{"__class__": "datetime", "year": 2026, "tzinfo": "x"}', "value_unreadable"),
    ],
)
def test_what_cannot_be_read_is_drift(sent, code):
    with pytest.raises(DriftError) as caught:
        loads(sent)
    assert caught.value.code == code
