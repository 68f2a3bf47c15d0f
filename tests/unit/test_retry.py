"""The arithmetic of trying again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry import JITTER, MAX_ASKED_SECS, asked, backoff, fingerprint


@pytest.mark.parametrize(
    ("after", "secs"),
    [
        (None, 0.0), (0, 0.0), (-1, 0.0), (1.5, 1.5), (3_600, 3_600.0),
        (1e20, MAX_ASKED_SECS), (math.inf, MAX_ASKED_SECS), (math.nan, 0.0),
    ],
)  # fmt: skip
def test_a_wait_is_believed_up_to_a_month(after: float | None, secs: float) -> None:
    assert asked(after) == secs


def test_waits_double_up_to_the_most() -> None:
    assert [backoff(n, 1.0, 60.0, 0.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 10**9), st.floats(0.001, 60), st.floats(60, 1e6), st.floats(0, 1))
def test_chance_makes_a_wait_longer_and_never_shorter(
    failures: int, first: float, most: float, chance: float
) -> None:
    plain = backoff(failures, first, most, 0.0)
    assert plain <= backoff(failures, first, most, chance) <= plain * (1 + JITTER) + 1e-9


def test_a_fingerprint_is_versioned_and_tells_its_parts_apart() -> None:
    assert fingerprint("a", "b") == fingerprint("a", "b")
    assert len({fingerprint("a", "b"), fingerprint("ab", ""), fingerprint("b", "a")}) == 3
    assert fingerprint("\ud800").startswith("v1:")
    assert len(fingerprint("a")) == len("v1:") + 16
