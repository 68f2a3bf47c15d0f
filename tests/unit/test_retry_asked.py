"""The wait that the other side asks for."""

import math

import pytest

from gateway.retry import MAX_ASKED_SECS, asked


@pytest.mark.parametrize(
    ("after", "secs"),
    [
        (None, 0.0), (0, 0.0), (-1, 0.0), (1.5, 1.5), (3_600, 3_600.0),
        (1e20, MAX_ASKED_SECS), (math.inf, MAX_ASKED_SECS), (math.nan, 0.0),
    ],
)  # fmt: skip
def test_a_wait_is_believed_up_to_a_month(after: float | None, secs: float) -> None:
    assert asked(after) == secs
