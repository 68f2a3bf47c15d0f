"""Which records a route carries."""

from __future__ import annotations

from gateway.conditions import compile_condition
from gateway.route import Routed, Rule, route
from gateway.types import NO_DATA, LoggedRecord, Operation, Record
from tests.unit.nouns import NOON, counting, record


def routed(*records: Record, when: str | None = None) -> Routed:
    condition = None if when is None else compile_condition(when)
    rule = Rule("score", ("customer.v1", "order.v1"), condition, max_hops=5)
    logged = [LoggedRecord(offset, each) for offset, each in enumerate(records, 1)]
    return route(logged, rule, now=NOON, ids=counting())


def test_it_carries_its_contracts_in_order_and_ignores_others() -> None:
    found = routed(record("a"), record("b", contract="ticket.v1"), record("c", contract="order.v1"))
    assert [each.offset for each in found.deliveries] == [1, 3]
    assert (list(found.letters), found.skipped) == ([], 0)


def test_what_does_not_meet_the_condition_is_skipped_and_counted() -> None:
    found = routed(
        record("a", data='{"country":"DE"}'),
        record("b", data='{"country":"FR"}'),
        when="data.country == 'DE'",
    )
    assert [each.record.key for each in found.deliveries] == ["a"]
    assert found.skipped == 1


def test_a_condition_that_cannot_be_answered_is_a_letter_of_that_record_alone() -> None:
    found = routed(
        record("a", data='{"other":1}'),
        record("b", data='{"country":"DE"}'),
        when="data.country == 'DE'",
    )
    assert [each.record.key for each in found.deliveries] == ["b"]
    (letter,) = found.letters
    assert (letter.code, letter.key, letter.contract) == ("condition_failed", "a", "customer.v1")
    assert "country" in letter.detail


def test_a_delete_may_be_asked_for_by_its_envelope() -> None:
    gone = record("a", operation=Operation.DELETE, data="null")
    assert bytes(gone.data) == bytes(NO_DATA)
    assert len(routed(gone, when="operation == 'delete'").deliveries) == 1
    assert routed(gone, when="operation == 'upsert'").skipped == 1


def test_a_lineage_that_is_too_long_is_a_loop() -> None:
    found = routed(record("a", hops=5), record("b", hops=6))
    assert [each.record.key for each in found.deliveries] == ["a"]
    (letter,) = found.letters
    assert letter.code == "loop"
    assert "6 model answers" in letter.detail
