"""Identifiers that sort by when they were made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import ALPHABET, RANDOM_BITS, Ids


@given(
    st.lists(st.tuples(st.integers(0, 2**48 - 1), st.integers(0, 2**RANDOM_BITS - 2)), min_size=1)
)
def test_they_never_go_back_whatever_the_clock_does(moments: list[tuple[int, int]]) -> None:
    clock, chance = iter([at for at, _ in moments]), iter([number for _, number in moments])
    ids = Ids(lambda: next(clock), lambda: next(chance))
    made = [ids() for _ in moments]
    assert made == sorted(set(made))


def test_they_are_ulids() -> None:
    # The timestamp of the specification's example, 1469918176385, reads 01ARYZ6S41.
    made = Ids(lambda: 1_469_918_176_385, lambda: 0)()
    assert made == "01ARYZ6S41" + "0" * 16
    assert len(Ids()()) == 26
    assert set(Ids()()) <= set(ALPHABET)
