"""The count must catch what it is there to catch: each fault is forged into a clean run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.count import (
    Appended,
    Entity,
    Received,
    appended_twice,
    deliveries_repeated,
    instant,
    lost,
    out_of_order,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def entity(key: int) -> Entity:
    return Entity("ledger", "payments", str(key))


def version(number: int) -> datetime:
    return START + timedelta(microseconds=number)


def clean(keys: int = 4, versions: int = 3) -> list[Received]:
    """Every version of every key, interleaved as a gateway would send them."""
    return [
        Received(step * keys + key, f"p/{step}/{key}.0", entity(key), version(step))
        for step in range(versions)
        for key in range(keys)
    ]


def truth(keys: int = 4, versions: int = 3) -> dict[Entity, datetime]:
    return {entity(key): version(versions - 1) for key in range(keys)}


def log(received: list[Received], contract: str = "payment.v1") -> list[Appended]:
    return [Appended(one.id, one.entity, one.version.isoformat(), contract) for one in received]


def test_a_clean_run_counts_zero() -> None:
    assert lost(truth(), clean()) == []
    assert out_of_order(clean()) == []
    assert appended_twice(log(clean())) == []


def test_a_lost_last_version_is_caught_though_earlier_ones_came() -> None:
    forged = [one for one in clean() if not (one.entity == entity(2) and one.version == version(2))]
    (found,) = lost(truth(), forged)
    assert (found.entity, found.version, found.received) == (entity(2), version(2), version(1))
    assert "ledger/payments 2" in str(found)


def test_an_entity_the_model_never_heard_of_is_lost() -> None:
    (found,) = lost(truth(keys=5), clean(keys=4))
    assert found.entity == entity(4)
    assert found.received is None
    assert "nothing" in str(found)


def test_an_overtaken_intermediate_version_is_not_lost() -> None:
    forged = [one for one in clean() if not (one.entity == entity(1) and one.version == version(1))]
    assert lost(truth(), forged) == []


def test_an_older_version_after_a_newer_one_is_caught() -> None:
    forged = clean()
    forged.append(Received(99, "p/9/9.0", entity(3), version(0)))
    (found,) = out_of_order(forged)
    assert (found.entity, found.sequence) == (entity(3), 99)
    assert (found.version, found.after) == (version(0), version(2))


def test_the_order_is_that_of_arrival_not_of_the_list() -> None:
    assert out_of_order(list(reversed(clean()))) == []


def test_a_second_delivery_of_the_same_record_is_not_disorder_but_is_counted() -> None:
    again = clean()[0]
    forged = [*clean(), Received(99, again.id, again.entity, again.version)]
    assert out_of_order(forged) == []
    assert deliveries_repeated(forged) == 1


def test_the_same_version_twice_on_the_log_is_caught() -> None:
    forged = [*log(clean()), Appended("p/77/0.0", entity(1), version(1).isoformat(), "payment.v1")]
    (found,) = appended_twice(forged)
    assert found.entity == entity(1)
    assert set(found.ids) == {"p/1/1.0", "p/77/0.0"}


def test_a_second_reading_is_no_excuse() -> None:
    again = [Appended(f"later/{one.id}", one.entity, one.version, one.contract)
             for one in log(clean())]  # fmt: skip
    assert len(appended_twice([*log(clean()), *again])) == len(clean())


def test_a_prediction_is_not_the_row_again_but_is_there_once() -> None:
    forged = log(clean()) + log(clean(), "prediction.churn.v1")
    assert appended_twice(forged) == []
    assert len(appended_twice([*forged, *log(clean()[:2], "prediction.churn.v1")])) == 2


@given(st.integers(1, 6), st.integers(1, 5), st.data())
def test_whatever_is_taken_out_or_swapped_is_found(
    keys: int, versions: int, data: st.DataObject
) -> None:
    received = clean(keys, versions)
    at = data.draw(st.integers(0, keys - 1))
    last = Received(10_000, "late", entity(at), version(versions - 1))
    without = [one for one in received if (one.entity, one.version) != (last.entity, last.version)]
    assert [one.entity for one in lost(truth(keys, versions), without)] == [entity(at)]
    assert lost(truth(keys, versions), [*without, last]) == []
    if versions > 1:
        late = Received(10_000, "late", entity(at), version(0))
        assert [one.entity for one in out_of_order([*received, late])] == [entity(at)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00.000001+00:00", version(1)),
        ("2026-01-01T01:00:00.000001+01:00", version(1)),
        ("2026-01-01 00:00:00.000001", version(1)),
        ("2026-01-01T00:00:00Z", version(0)),
        ("2026-01-01T00:00:00.000001Z.5f3a9c", version(1)),
    ],
)
def test_versions_of_both_systems_are_comparable(text: str, expected: datetime) -> None:
    assert instant(text) == expected


def test_a_version_that_is_no_instant_proves_nothing() -> None:
    with pytest.raises(ValueError, match="seven"):
        instant("seven")
