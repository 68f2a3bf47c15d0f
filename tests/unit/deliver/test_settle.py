"""What follows from an outcome."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.deliver.settle import Policy, settle
from gateway.types import (
    Again,
    Attempt,
    DeadLetter,
    Delivered,
    Delivery,
    DeliverySubject,
    Done,
    Later,
    Outcome,
    Refused,
    Settled,
)
from tests.unit.nouns import NOON, counting, delivery

POLICY = Policy(max_attempts=3, first_wait=1.0, max_wait=60.0)


def settled(
    outcome: Outcome, of: Delivery | None = None, *, holds: int = 0, chance: float = 0.0
) -> Settled:
    return settle(
        of or delivery(), outcome, NOON, POLICY, holds=holds, chance=chance, ids=counting()
    )


def test_delivered_is_done() -> None:
    outcome = Delivered("receipt")
    assert settled(outcome) == Done(outcome)


def test_not_now_holds_the_route_and_spends_nothing() -> None:
    verdict = settled(Later("unavailable", "down"))
    assert isinstance(verdict, Again)
    assert verdict.holds_route
    assert verdict.delivery == delivery()


def test_a_failure_of_its_own_costs_an_attempt() -> None:
    verdict = settled(Later("server_error", "500", costs_attempt=True))
    assert isinstance(verdict, Again)
    assert not verdict.holds_route
    assert verdict.delivery.attempts == (Attempt(NOON, "server_error", "500"),)
    assert verdict.due_at == NOON + timedelta(seconds=1)


def test_a_failure_without_an_answer_is_believed_to_be_a_stop_once() -> None:
    stopped = Later("connection_lost", "gone", costs_attempt=True, unanswered=True)
    first = settled(stopped)
    assert isinstance(first, Again)
    assert not first.holds_route
    assert first.delivery == delivery(spared=True)
    second = settled(stopped, first.delivery)
    assert isinstance(second, Again)
    assert [attempt.code for attempt in second.delivery.attempts] == ["connection_lost"]


def test_the_last_attempt_makes_a_letter_with_all_of_them() -> None:
    before = (Attempt(NOON, "server_error", "first"), Attempt(NOON, "server_error", "second"))
    letter = settled(Later("server_error", "third", costs_attempt=True), delivery(attempts=before))
    assert isinstance(letter, DeadLetter)
    assert [attempt.detail for attempt in letter.attempts] == ["first", "second", "third"]
    assert "3 attempts" in letter.detail
    assert letter.stage == "deliver"


def test_a_refusal_is_a_letter_at_once() -> None:
    letter = settled(Refused("bad_request", "No such feature."))
    assert isinstance(letter, DeadLetter)
    assert (letter.code, letter.detail) == ("bad_request", "No such feature.")
    assert letter.subject == DeliverySubject(
        delivery(attempts=(Attempt(NOON, "bad_request", "No such feature."),))
    )


def test_a_replay_that_fails_is_the_same_letter() -> None:
    letter = settled(Refused("bad_request", "no"), delivery(letter="L42", forced=True))
    assert isinstance(letter, DeadLetter)
    assert letter.id == "L42"
    assert isinstance(letter.subject, DeliverySubject)
    assert letter.subject.delivery.letter is None
    assert not letter.subject.delivery.forced


@given(
    after=st.floats(0, 1e6),
    holds=st.integers(0, 10_000),
    chance=st.floats(0, 1),
    costs=st.booleans(),
)
def test_nobody_comes_back_before_the_other_side_asked(
    after: float, holds: int, chance: float, costs: bool
) -> None:
    verdict = settled(Later("busy", "429", after, costs_attempt=costs), holds=holds, chance=chance)
    assert isinstance(verdict, Again)
    assert verdict.due_at >= NOON + timedelta(seconds=after)


@given(holds=st.integers(0, 10_000), chance=st.floats(0, 1))
def test_probes_of_an_endpoint_that_is_down_stay_close(holds: int, chance: float) -> None:
    verdict = settled(Later("unavailable", "down"), holds=holds, chance=chance)
    assert isinstance(verdict, Again)
    assert verdict.due_at <= NOON + timedelta(seconds=POLICY.hold_most * 1.2)
