"""Sending a batch: who pays for a failure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.deliver.send import MAX_FAILURES, send
from gateway.errors import Ambiguous, AuthError, Outage, Refusal
from gateway.types import Delivered, Delivery, Later, Outcome, Refused
from tests.unit.nouns import delivery


class Model:
    """An endpoint with one verdict a request: `wrong` keys make it fail as it is told."""

    def __init__(self, wrong: dict[str, Exception], down: Exception | None = None) -> None:
        self.wrong = wrong
        self.down = down
        self.requests: list[list[str]] = []

    async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        keys = [each.record.key for each in deliveries]
        self.requests.append(keys)
        if self.down is not None:
            raise self.down
        for key in keys:
            if key in self.wrong:
                raise self.wrong[key]
        return [Delivered(receipt=key) for key in keys]


def batch(*keys: str) -> list[Delivery]:
    return [delivery(key, offset) for offset, key in enumerate(keys, 1)]


async def test_a_good_batch_is_one_request() -> None:
    model = Model({})
    assert await send(batch("a", "b"), model) == [Delivered("a"), Delivered("b")]
    assert model.requests == [["a", "b"]]


async def test_a_refused_batch_is_bisected_until_the_offender_is_alone() -> None:
    model = Model({"c": Refusal("No such feature.", code="bad_request")})
    outcomes = await send(batch(*"abcdefgh"), model)
    assert [type(each) for each in outcomes] == [Delivered, Delivered, Refused, *[Delivered] * 5]
    assert outcomes[2] == Refused("bad_request", "No such feature.")
    # log2(8) halvings, two requests each, besides the first.
    assert len(model.requests) == 7


async def test_a_server_error_is_charged_to_the_record_that_causes_it_alone() -> None:
    model = Model({"b": Ambiguous("500")})
    outcomes = await send(batch(*"abcd"), model)
    assert outcomes[1] == Later("server_error", "500", None, costs_attempt=True)
    assert [type(each) for each in outcomes] == [Delivered, Later, Delivered, Delivered]


@pytest.mark.parametrize("size", [2, 3, 64])
async def test_where_nothing_gets_through_nobody_is_charged(size: int) -> None:
    model = Model({}, down=Ambiguous("500"))
    outcomes = await send(batch(*map(str, range(size))), model)
    assert all(isinstance(each, Later) and not each.costs_attempt for each in outcomes)
    assert len(model.requests) <= MAX_FAILURES


@pytest.mark.parametrize("error", [Outage("down", after=7), AuthError("401", after=7)])
async def test_an_outage_is_one_request_and_costs_nothing(error: Outage) -> None:
    model = Model({}, down=error)
    outcomes = await send(batch(*"abcd"), model)
    assert outcomes == [Later(error.code, str(error), 7)] * 4
    assert len(model.requests) == 1


async def test_an_outage_in_the_middle_keeps_what_got_through() -> None:
    class Dying(Model):
        async def __call__(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
            if len(self.requests) == 2:
                self.down = Outage("gone")
            return await super().__call__(deliveries)

    outcomes = await send(batch(*"abcd"), Dying({"d": Refusal("no")}))
    assert [type(each) for each in outcomes] == [Delivered, Delivered, Later, Later]


async def test_a_record_alone_pays_for_its_server_error() -> None:
    outcomes = await send(batch("a"), Model({"a": Ambiguous("500")}))
    assert outcomes == [Later("server_error", "500", None, costs_attempt=True)]


async def test_an_endpoint_that_miscounts_is_not_believed() -> None:
    async def miscounting(deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Delivered()] * (len(deliveries) + 1)

    outcomes = await send(batch("a", "b"), miscounting)
    assert [each.code for each in outcomes if isinstance(each, Later)] == [
        "outcomes_miscounted"
    ] * 2


async def test_a_bug_in_an_endpoint_says_its_type_and_not_what_it_held() -> None:
    async def broken(deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        raise KeyError("secret-token")

    (outcome,) = await send(batch("a"), broken)
    assert isinstance(outcome, Later)
    assert "KeyError" in outcome.detail
    assert "secret-token" not in outcome.detail
