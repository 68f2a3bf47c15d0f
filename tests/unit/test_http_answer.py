from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Ambiguous
from gateway.http.answer import Answer, bounded


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZip": gzip.compress,
    "deflate": zlib.compress,
}


async def unfolded(chunks, encoding, limit=1 << 20):
    async def feed():
        for chunk in chunks:
            yield chunk

    return b"".join([piece async for piece in bounded(feed(), encoding, limit=limit, host="h")])


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@given(st.binary(max_size=3000), st.sampled_from(sorted(ENCODERS)), st.integers(1, 700))
async def test_what_was_folded_comes_out_however_it_was_cut(data, encoding, size):
    assert await unfolded(cut(ENCODERS[encoding](data), size), encoding) == data


@pytest.mark.parametrize("size", [1, 2, 50])
async def test_deflate_without_its_wrapping_is_understood(size):
    data = b"hello " * 100
    assert await unfolded(cut(raw_deflate(data), size), "deflate") == data


async def test_a_gzip_body_may_have_several_members():
    assert await unfolded([gzip.compress(b"one") + gzip.compress(b"two")], "gzip") == b"onetwo"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_cut_off_at_the_limit(encoding):
    pieces = []

    async def feed():
        yield ENCODERS[encoding](b"\0" * (50 << 20))

    async def read():
        async for piece in bounded(feed(), encoding, limit=1 << 20, host="h"):
            pieces.append(len(piece))

    with pytest.raises(Ambiguous) as caught:
        await read()
    assert caught.value.code == "answer_too_large"
    assert sum(pieces) <= 1 << 20


async def test_the_limit_holds_for_plain_bodies_and_is_exact():
    assert len(await unfolded([b"x" * 100], "", limit=100)) == 100
    assert len(await unfolded([gzip.compress(b"x" * 100)], "gzip", limit=100)) == 100
    with pytest.raises(Ambiguous):
        await unfolded([b"x" * 101], "", limit=100)
    with pytest.raises(Ambiguous):
        await unfolded([gzip.compress(b"x" * 101)], "gzip", limit=100)


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (b"plain", "gzip", "encoding_invalid"),
        (gzip.compress(b"x" * 500, mtime=0)[:-9], "gzip", "body_cut_short"),
        (b"x", "br", "encoding_unknown"),
        (b"x", "gzip, gzip", "encoding_unknown"),
    ],
)
async def test_what_cannot_be_unfolded_is_said(body, encoding, code):
    with pytest.raises(Ambiguous) as caught:
        await unfolded([body], encoding)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"content-type": "text/html; charset=utf-8"}, b"{}", "html_answer"),
        ({"content-type": "application/json"}, b"\n <!DOCTYPE html><p>Sign in", "html_answer"),
        ({"content-type": "application/json"}, b'{"a": ', "answer_not_json"),
        ({}, b"", "answer_not_json"),
        ({}, b"\xff\xfe", "answer_not_json"),
        ({}, b"[" * 100_000, "answer_not_json"),
        ({}, b'{"a": NaN}', "answer_not_json"),
    ],
)
def test_what_is_not_json_is_no_answer(headers, body, code):
    with pytest.raises(Ambiguous) as caught:
        Answer(200, headers, body).json()
    assert caught.value.code == code
