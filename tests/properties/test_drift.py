"""Whatever a page holds, its shape can be judged, stored and read back, and holds no values."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway import drift
from gateway.types import Page, RawRow, StreamId


class Reader(NamedTuple):
    columns: frozenset[str] = frozenset({"a", "b", "c"})


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=5),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=3),
    st.binary(max_size=5),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.just(10**4_000),
)
names = st.sampled_from(["a", "b", "c", "a2", "bb", "d", "\ud800"]) | st.text(max_size=3)
rows = st.dictionaries(names, values, max_size=5) | st.binary(max_size=9)
pages = st.tuples(
    st.lists(rows, max_size=15),
    st.none()
    | st.dictionaries(
        st.text("abc", max_size=2), st.sampled_from(["text", "integer", "varchar(5)", ""])
    ),
)


def page(given_rows, fields):
    return Page(StreamId("a", "b"), [RawRow(row) for row in given_rows], {}, fields)


@given(st.lists(pages, max_size=5))
def test_any_pages_can_be_judged_one_after_the_other(sent) -> None:
    shape = None
    for given_rows, fields in sent:
        seen = page(given_rows, fields)
        observed = drift.observe(shape, seen, Reader())
        shape = msgspec.json.decode(msgspec.json.encode(observed.shape))
        assert shape == observed.shape
        msgspec.json.encode(drift.marks(observed.changes))
        msgspec.json.encode(drift.samples(seen, 3))
        assert all(drift.sentence(change) for change in observed.changes)


@given(pages)
def test_a_page_is_never_a_drift_against_itself(sent) -> None:
    first = drift.observe(None, page(*sent), Reader())
    assert first.changes == ()
    assert drift.observe(first.shape, page(*sent), Reader()).changes == ()


@given(st.lists(pages, min_size=2, max_size=4))
def test_what_was_taken_in_is_no_drift_when_it_comes_again(sent) -> None:
    shape = None
    for given_rows, fields in sent:
        shape = drift.observe(shape, page(given_rows, fields), Reader()).shape
    again = drift.observe(shape, page(*sent[-1]), Reader())
    late = [change for change in again.changes if change.kind in ("removed", "renamed")]
    if sent[-1][1] is not None:
        assert late == []
