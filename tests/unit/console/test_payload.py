from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.payload import show, visible


def text(shown):
    return "\n".join(
        "  " * line.depth + "".join(piece for _, piece in line.pieces) for line in shown.lines
    )


def marked(body, detail):
    return [
        "".join(piece for _, piece in line.pieces)
        for line in show(body, detail).lines
        if line.marked
    ]


def test_json_is_laid_out_faithfully():
    body = b'{"n": 1.10, "big": 12345678901234567890123, "a": 1, "a": 2, "e": {}, "l": [1e5, null], "x": NaN}'
    assert text(show(body)) == (
        '{\n  "n": 1.10,\n  "big": 12345678901234567890123,\n  "a": 1,\n  "a": 2,\n  "e": {},\n'
        '  "l": [\n    1e5,\n    null\n  ],\n  "x": NaN\n}'
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(st.lists(values, max_size=5))
def test_what_is_laid_out_still_says_the_same(value):
    body = json.dumps(value).encode()
    shown = show(body)
    assert shown.form == "json"
    said = text(shown)
    if all(char.isprintable() or char == "\n" for char in json.dumps(value, ensure_ascii=False)):
        assert json.loads(said) == value


@given(st.binary(max_size=400))
def test_any_bytes_can_be_shown_without_control_characters(body):
    for line in show(body, "anything `a` 'b'").lines:
        assert all(
            piece.isprintable() or set(piece) & set("\t\n") for _, piece in line.pieces if piece
        )


@pytest.mark.parametrize(
    ("detail", "found"),
    [
        ("customer.v1: `country`, read from `country`: there was 'XX'", ['"country": "XX",']),
        (
            "ticket.v1: `address.city`: it is absent; `zip`: there was 3",
            ['"city": "B",', '"zip": 3'],
        ),
        ("The field country is not one of DE, FR.", ['"country": "XX",']),
        ("the value is not valid", []),
        ("", []),
    ],
)
def test_the_fields_a_reason_names_are_marked(detail, found):
    body = b'{"id": 1, "country": "XX", "value": 2, "address": {"city": "B", "zip": 3}}'
    assert marked(body, detail) == found


def test_a_path_through_a_list_is_marked():
    body = b'{"lines": [{"price": 1}, {"price": "x"}]}'
    assert marked(body, "`lines.1.price`: there was 'x'") == ['"price": "x"']


def test_what_is_not_json_is_text_and_what_is_not_text_is_bytes():
    assert show(b"a,b\nc,d\x00").form == "text"
    assert text(show(b"a,b\nc,d\x00")) == "a,b\nc,d\\x00"
    shown = show(b"x" * 20 + b"\xff" + b"y" * 20)
    assert shown.form == "bytes"
    assert shown.first_marked == 2
    assert "ff" in text(shown)
    assert show(b"").form == "empty"


def test_deep_long_and_wide_rows_stay_bounded():
    deep = show(b"[" * 10_000 + b"]" * 10_000)
    assert deep.form in ("text", "json")
    assert sum(len(piece) for line in deep.lines for _, piece in line.pieces) < 30_000
    long = show(json.dumps(["x" * 10_000_000]).encode())
    assert sum(len(piece) for line in long.lines for _, piece in line.pieces) < 5_000
    assert long.cut
    wide = show(json.dumps(list(range(50_000))).encode())
    assert wide.form == "json"
    assert wide.cut
    assert len(wide.lines) == 2_000
    hundred = show(b'{"a":' * 100 + b"1" + b"}" * 100)
    assert "{…}" in text(hundred)


def test_direction_marks_cannot_lie():
    assert visible("abc\u202egnp.exe\u0007") == "abc\\u202egnp.exe\\x07"
