"""Rows that are no rows: each becomes a dead letter with its bytes and a reason, among good ones
that all flow."""

from __future__ import annotations

import msgspec
import pytest

from gateway.types import DeadLetter, RawSubject
from tests.bad_input.conftest import World, adds_up, letters, settled
from tests.bad_input.documented import documented


def row(**members: object) -> bytes:
    return msgspec.json.encode({"id": "bad", **members})


DEEP = b'{"id": "bad", "name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"

BAD = [
    ("a row that is not JSON", b'{"id": "bad", "name'),
    ("a row of other JSON than an object", b'["bad", 1]'),
    ("bytes that are not UTF-8", b'{"id": "bad", "name": "M\xfcller"}'),
    ("JSON nested 10,000 deep", DEEP),
    ("NaN or Infinity in JSON", b'{"id": "bad", "share": NaN}'),
    ("NaN or Infinity in JSON", b'{"id": "bad", "share": -Infinity}'),
    ("a member that stands twice", b'{"id": "bad", "name": "a", "name": "b"}'),
    ("a member that stands twice", b'{"id": "bad", "name": "a", "n\\u0061me": "b"}'),
    ("a row without its key", b'{"name": "nobody"}'),
    ("a key that is null", b'{"id": null, "name": "nobody"}'),
    ("a key that is empty", b'{"id": "", "name": "nobody"}'),
    ("a key of a wrong type", b'{"id": ["bad"], "name": "x"}'),
    ("a key of a wrong type", b'{"id": {"n": 1}, "name": "x"}'),
    ("a key of more than 1,024 characters", row(id="k" * 1_025)),
    ("a key that holds NUL", row(id="a\0b")),
    ("a date of the year 0", row(day="0000-01-01")),
    ("31 February", row(day="2024-02-31")),
    ("the year 10000", row(day="10000-01-01")),
    ("an instant of the year 0", row(at="0000-01-01T00:00:00Z")),
    ("an instant past the end of time", row(at="9999-12-31T23:59:59-01:00")),
    ("a number beyond 1E400", b'{"id": "bad", "amount": 1e401}'),
    ("a number beyond 1E400", b'{"id": "bad", "amount": 1e999999999}'),
    ("an integer of 10,000 digits", b'{"id": "bad", "count": ' + b"9" * 10_000 + b"}"),
    ("half of a surrogate pair", b'{"id": "bad", "name": "\\ud800"}'),
    ("half of a surrogate pair", b'{"id": "bad", "name": "\\udc00\\ud800"}'),
    ("a value of a wrong type", row(name={"first": "x"})),
    ("a value of a wrong type", row(name=7)),
]


@pytest.mark.parametrize(
    ("name", "body"), BAD, ids=[f"{number}-{name}" for number, (name, _) in enumerate(BAD)]
)
async def test_a_bad_row_is_a_letter_and_all_others_flow(
    world: World, name: str, body: bytes
) -> None:
    world.good("a", "b")
    world.crm.add("account", body)
    world.good("c")
    async with settled(world) as gateway:
        assert await adds_up(gateway) == {"read": 4, "appended": 3, "letters": 1, "delivered": 3}
        (letter,) = await letters(gateway)
    assert world.model.keys() == ["a", "b", "c"]
    assert raw(letter) == body
    assert len(letter.detail) < 500
    documented(name, seen=letter.detail, ends=letter.code)


async def test_one_page_of_every_bad_row_loses_none(world: World) -> None:
    for number, (_, body) in enumerate(BAD):
        world.crm.add("account", body)
        world.good(str(number))
    async with settled(world) as gateway:
        sums = await adds_up(gateway)
        found = await letters(gateway)
    assert sums["read"] == 2 * len(BAD)
    assert [raw(each) for each in found] == [body for _, body in BAD]
    assert world.model.keys() == [str(number) for number in range(len(BAD))]


async def test_what_looks_odd_and_is_valid_goes_through(world: World) -> None:
    odd = [
        {"id": "nul", "name": "a\0b"},
        {"id": "emoji", "name": "\U0001f469\u200d\U0001f52c"},
        {"id": "rtl", "name": "\u202egnp.exe"},
        {"id": "'; DROP TABLE letters; --", "name": "<script>alert(1)</script>"},
        {"id": "0001", "day": "0001-01-01", "at": "0001-01-01T00:00:00Z"},
        {"id": "9999", "day": "9999-12-31", "at": "9999-12-31T23:59:59Z"},
        {"id": "big", "count": 2**70, "amount": "1" + "0" * 300},
    ]
    world.crm.add("account", *odd, b'{"id": "pair", "name": "\\ud83d\\ude00"}')
    async with settled(world) as gateway:
        assert (await adds_up(gateway))["delivered"] == len(odd) + 1
    names = {each.record.key: msgspec.json.decode(each.record.data) for each in world.model.sent}
    for each in odd:
        assert names[str(each["id"])].get("name") == each.get("name")
    assert names["pair"]["name"] == "\U0001f600"


def raw(letter: DeadLetter) -> bytes:
    assert isinstance(letter.subject, RawSubject)
    return letter.subject.body
