"""A clock that jumps. Nothing is lost or doubled, order holds, and nobody waits for a time that has
been taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

from gateway.errors import Ambiguous, Outage
from gateway.ids import Ids
from gateway.types import Delivery
from tests.bad_input.conftest import World, adds_up, letters, until
from tests.bad_input.documented import documented


class Clock:
    """The wall's, moved by as much as a test likes."""

    def __init__(self) -> None:
        self.moved = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.moved


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    # By its name: the package offers a function that is called like this module.
    monkeypatch.setattr(import_module("gateway.pipeline.running"), "now", clock)
    return clock


@pytest.mark.parametrize("hours", [-3, -24 * 400, 3, 24 * 400])
async def test_a_jump_between_pages_changes_nothing(world: World, clock: Clock, hours: int) -> None:
    world.good("a", "b")
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        clock.moved = timedelta(hours=hours)
        world.good("a", "c")
        world.crm.add("account", b"no row")
        await until(lambda: world.model.keys() == ["a", "b", "a", "c"])
        assert (await adds_up(gateway))["letters"] == 1
        (letter,) = await letters(gateway)
    assert abs(letter.opened_at - clock()) < timedelta(minutes=5)


async def test_an_endpoint_that_is_held_is_tried_again_after_the_clock_went_back(
    world: World, clock: Clock
) -> None:
    world.good("a", "b")
    world.model.failing = Outage("down")
    async with world.gateway() as gateway:
        await until(lambda: len(world.model.batches) >= 2)
        clock.moved = -timedelta(hours=3)
        world.model.failing = None
        await until(lambda: world.model.keys() == ["a", "b"])
        assert (await adds_up(gateway))["delivered"] == 2
    documented("a clock that goes back", ends="goes on")


async def test_a_key_that_waits_is_tried_again_after_the_clock_went_back(
    world: World, clock: Clock
) -> None:
    world.good("a", "b", "b")
    failing = True

    def refuses(batch: list[Delivery]) -> Ambiguous | None:
        return Ambiguous("500") if failing and any(e.record.key == "b" for e in batch) else None

    world.model.refuses = refuses  # type: ignore[assignment]
    world.project["routes"]["score"]["retry"] = {"first_wait_secs": 1, "max_attempts": 9}
    async with world.gateway() as gateway:

        async def parked() -> bool:
            found = await gateway.control.store.routes.list()
            return [each.parked_records for each in found] == [2]

        await until(parked)
        clock.moved = -timedelta(hours=3)
        failing = False
        await until(lambda: world.model.keys() == ["a", "b", "b"])
        assert (await adds_up(gateway))["delivered"] == 3


def test_ids_never_go_back() -> None:
    times = iter([5_000, 4_000, 1, 6_000, 0])
    ids = Ids(lambda: next(times))
    made = [ids() for _ in range(5)]
    assert made == sorted(set(made))
