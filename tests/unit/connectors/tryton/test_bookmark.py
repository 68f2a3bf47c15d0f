"""The cursor: what it remembers, and how it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.tryton.bookmark import MAX_SEEN_BYTES, Bookmark, format_ids, parse_ids
from connectors.tryton.shape import instant
from gateway.errors import ConfigError

HIGH = datetime(2026, 1, 31, 12, tzinfo=UTC)


@given(st.sets(st.integers(min_value=1, max_value=10_000)))
def test_ids_as_ranges_are_the_same_ids(ids):
    assert set(parse_ids(format_ids(ids))) == ids


def test_neighbours_are_one_range():
    assert format_ids([5, 1, 2, 3, 9]) == "1-3,5,9"
    assert format_ids([]) == ""


instants = st.integers(min_value=0, max_value=2 * 10**15).map(
    lambda micros: HIGH + timedelta(microseconds=micros - 10**15)
)


@given(
    high=st.none() | instants,
    until=st.none() | instants,
    after=st.none() | st.integers(min_value=1),
    seen=st.dictionaries(st.integers(min_value=1, max_value=99), instants.map(instant)),
    known=st.none() | st.sets(st.integers(min_value=1, max_value=99)),
)
def test_a_cursor_comes_back_as_it_was(high, until, after, seen, known):
    bookmark = Bookmark(high=high, until=until, after=after)
    bookmark.seen.versions = seen
    if known is not None:
        bookmark.known = known
    again = Bookmark.read(msgspec.json.decode(msgspec.json.encode(bookmark.cursor())))
    assert (again.high, again.until, again.after) == (high, until, after)
    assert again.seen.versions == seen
    assert again.known == known
    assert again.cursor() == bookmark.cursor()


def test_a_version_is_seen_once():
    seen = Bookmark().seen
    floor = instant(HIGH)
    old, new = instant(HIGH - timedelta(1)), instant(HIGH + timedelta(1))
    assert [seen.add(1, new, floor), seen.add(1, new, floor)] == [False, True]
    assert [seen.add(2, old, floor), seen.add(2, old, floor)] == [False, False]
    assert seen.versions == {1: new}


def test_too_much_to_remember_shortens_the_overlap():
    bookmark = Bookmark(high=HIGH)
    at = [HIGH - timedelta(seconds=200) + timedelta(milliseconds=number) for number in range(9_000)]
    bookmark.seen.versions = {number: f"{instant(at[number])}.abc" for number in range(9_000)}
    cursor = bookmark.cursor()
    assert len(msgspec.json.encode(cursor)) < MAX_SEEN_BYTES
    again = Bookmark.read(cursor)
    floor = again.floor(timedelta(seconds=300))
    remembered = {number for number in range(9_000) if at[number] >= floor}
    assert remembered
    assert set(again.seen.versions) == remembered, "all that is looked for is remembered"
    assert again.floor(timedelta(seconds=1)) == HIGH - timedelta(seconds=1)


@pytest.mark.parametrize(
    "cursor",
    [{"high": "2026-01-31"}, {"high": "2026-01-31T00:00:00"}, {"seen": {"v": "a-b"}},
     {"known": 7},
        {"known": "1-a"},
        {"high": "0001-01-01T00:00:00Z"}, {"page": 1}],
)  # fmt: skip
def test_what_was_never_a_cursor_is_said(cursor):
    with pytest.raises(ConfigError, match="cannot be used"):
        Bookmark.read(cursor)
