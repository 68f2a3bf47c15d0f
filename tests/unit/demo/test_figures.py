"""Small sums that the demo does with the gateway's answers."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.count import Entity
from gateway.demo.model import Evaluation, received
from gateway.demo.running import route, stream
from gateway.demo.steps.change import percentile


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_lie_between_the_extremes_and_grow(values: list[float]) -> None:
    ordered = sorted(values)
    found = [percentile(ordered, share / 10) for share in range(11)]
    assert found[0] == ordered[0]
    assert found[-1] == pytest.approx(ordered[-1])
    assert all(low <= high + 1e-6 for low, high in pairwise(found))


def test_a_percentile_between_two_values_is_interpolated() -> None:
    assert percentile([10.0, 20.0], 0.5) == 15.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.95) == pytest.approx(3.85)


def test_a_route_is_the_sum_of_its_parts() -> None:
    tally = dict.fromkeys(
        ("routed", "delivered", "letters", "predictions", "skipped", "superseded"), 2
    )
    part = {"route": "score", "lag": 3, "parked_records": 1, "tally": tally}
    other = {**part, "route": "other", "lag": 100}
    found = route({"routes": [part, part, other]}, "score")
    assert (found["lag"], found["parked"], found["delivered"]) == (6, 2, 4)


def test_a_stream_that_was_never_read_has_zeros() -> None:
    assert stream({"streams": []}, "shop/payments")["tally"]["read"] == 0


def test_a_model_must_be_better_in_both_measures() -> None:
    better = Evaluation(1, 1, accuracy=0.6, base_accuracy=0.5, brier=0.2, base_brier=0.25, auc=0.6)
    assert better.beats_base_rate
    for worse in ({"accuracy": 0.5}, {"brier": 0.25}):
        fields = {name: getattr(better, name) for name in better.__struct_fields__}
        assert not Evaluation(**{**fields, **worse}).beats_base_rate


def test_a_recording_is_read_in_its_order_and_skips_nothing(tmp_path: Path) -> None:
    def line(sequence: int, *keys: str) -> str:
        records = [
            {"id": f"{key}@r", "key": key, "version": "2026-01-01T00:00:00Z.ab12",
             "source": "erp", "stream": "sale.sale"}
            for key in keys
        ]  # fmt: skip
        return json.dumps({"sequence": sequence, "request": "r", "records": records})

    lines = [line(1, "1", "2"), json.dumps({"sequence": 2, "records": None}), line(3, "1")]
    (tmp_path / "churn-order.jsonl").write_text("\n".join(lines) + "\n")
    found = received(tmp_path, "churn-order")
    assert [(each.sequence, each.entity.key) for each in found] == [(1, "1"), (1, "2"), (3, "1")]
    assert found[0].entity == Entity("erp", "sale.sale", "1")
    assert received(tmp_path, "never-asked") == []
