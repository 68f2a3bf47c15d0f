"""Sources that do not do as they should: in their paging, in their errors, in what they yield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from gateway import events
from gateway import extract as extracting
from gateway.errors import ConfigError, DriftError, HeadraceError, Outage
from gateway.pipeline import Running
from gateway.testing.memory import MemoryConnector
from gateway.types import Cursor, Page, RawRow, StreamId
from tests.bad_input.conftest import World, adds_up, letters, until
from tests.bad_input.documented import documented

ACCOUNT = StreamId("crm", "account")
Pull = Callable[[Any, str, Cursor | None], Any]


def rows(*keys: str) -> list[RawRow]:
    return [RawRow(msgspec.json.encode({"id": key, "name": key})) for key in keys]


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pull], None]:
    """Let the stream `crm/account` be read by a function."""

    def use(pull: Pull) -> None:
        monkeypatch.setattr(MemoryConnector, "pull", pull)

    return use


async def standing(gateway: Running, state: str) -> str:
    """Wait until the stream stands so; why."""
    store = gateway.control.store

    async def stands() -> bool:
        return [each.state for each in await store.streams.list()] == [state]

    await until(stands)
    (stream,) = await store.streams.list()
    return str(stream.reason)


# Paging


async def test_an_empty_page_is_not_the_end(world: World, pulls: Callable[[Pull], None]) -> None:
    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Page]:
        for number, keys in enumerate((["a"], [], [], ["b"], [])):
            if since is None or number > since["page"]:
                yield Page(ACCOUNT, rows(*keys), {"page": number})

    pulls(pull)
    async with world.gateway() as gateway:
        await until(lambda: world.model.keys() == ["a", "b"])
        assert await gateway.settled() == []
        assert (await adds_up(gateway))["read"] == 2
        (stream,) = await gateway.control.store.streams.list()
    assert stream.cursor == {"page": 4}
    documented("an empty page", ends=stream.state)


async def test_a_source_that_repeats_its_page_is_read_once(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    async def pull(_: Any, __: str, ___: Cursor | None) -> AsyncIterator[Page]:
        while True:
            yield Page(ACCOUNT, rows("a", "b"), {"page": 1})

    pulls(pull)
    async with world.gateway() as gateway:
        reason = await standing(gateway, "waiting")
        await until(lambda: world.model.keys() == ["a", "b"])
        await asyncio.sleep(1.2)  # It has been tried again meanwhile.
        assert await adds_up(gateway) == {"read": 2, "appended": 2, "letters": 0, "delivered": 2}
    documented("a source that repeats its page for ever", seen=reason, ends="waits")


async def test_a_source_that_goes_round_in_circles_is_noticed_however_long_it_has_run(
    world: World, pulls: Callable[[Pull], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "REMEMBERED_CURSORS", 10)

    async def pull(_: Any, __: str, ___: Cursor | None) -> AsyncIterator[Page]:
        for number in range(25):
            yield Page(ACCOUNT, rows(str(number)), {"page": number})
        while True:
            for number in range(100, 104):
                yield Page(ACCOUNT, rows(str(number)), {"page": number})

    pulls(pull)
    async with world.gateway() as gateway:
        await standing(gateway, "waiting")
        assert (await adds_up(gateway))["read"] == 29


async def test_a_source_that_never_gets_further_is_left_alone_for_a_while(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    asked = 0

    async def pull(_: Any, __: str, ___: Cursor | None) -> AsyncIterator[Page]:
        nonlocal asked
        for _number in range(1_000_000):
            asked += 1
            yield Page(ACCOUNT, (), {"page": 1})

    pulls(pull)
    async with world.gateway() as gateway:
        reason = await standing(gateway, "waiting")
        status = await gateway.control.status()
    assert asked < 5_000
    assert status.log_end == 0
    documented("a source that sends a million empty pages", seen=reason, ends="waits")


async def test_many_empty_pages_that_do_get_further_are_followed_to_their_end(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Page]:
        for number in range(since["page"] + 1 if since else 0, 2_000):
            yield Page(ACCOUNT, (), {"page": number})
        if since is None or since["page"] < 2_000:
            yield Page(ACCOUNT, rows("last"), {"page": 2_000})

    pulls(pull)
    async with world.gateway() as gateway:
        await until(lambda: world.model.keys() == ["last"])
        (stream,) = await gateway.control.store.streams.list()
    assert stream.cursor == {"page": 2_000}


async def test_a_source_that_lies_about_its_order_loses_nothing(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    # Versions and times go back; positions do not, and it is they that count.
    world.mapping["version"] = "version"

    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Page]:
        for page in range(since["page"] + 1 if since else 0, 5):
            made = [
                RawRow(
                    msgspec.json.encode({"id": key, "name": f"{key}{page}", "version": 9 - page})
                )
                for key in "cab"
            ]
            yield Page(ACCOUNT, made, {"page": page})

    pulls(pull)
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        assert (await adds_up(gateway))["delivered"] == 15
    for key in "abc":
        got = [
            msgspec.json.decode(each.record.data)["name"]
            for each in world.model.sent
            if each.record.key == key
        ]
        assert got == [f"{key}{page}" for page in range(5)]


# Errors

RAISED = [
    ("a connector that raises an error of its own", ZeroDivisionError("hunter2-hunter2-hunter2")),
    ("a connector that raises an error of its own", KeyError("hunter2-hunter2-hunter2")),
    ("a connector that raises an error of its own", RecursionError()),
    ("a connector that raises an error of its own", MemoryError()),
    ("a connector that raises an error of its own", StopAsyncIteration()),
    ("a connector that raises an error of its own", asyncio.CancelledError()),
    ("a connector that raises an error of its own", SystemExit(3)),
    ("a system that cannot be reached", Outage("crm.example.com does not answer.", mend="Wait.")),
    ("any other error of a connector", HeadraceError("The answer made no sense.")),
]


@pytest.mark.parametrize(("name", "error"), RAISED, ids=lambda each: type(each).__name__)
async def test_an_error_is_waited_out_and_nothing_is_read_twice(
    world: World, pulls: Callable[[Pull], None], name: str, error: BaseException
) -> None:
    failing = True

    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Page]:
        for number, key in enumerate("abc"):
            if since is None or number > since["page"]:
                if number == 1 and failing:
                    raise error
                yield Page(ACCOUNT, rows(key), {"page": number})

    pulls(pull)
    async with world.gateway() as gateway:
        reason = await standing(gateway, "waiting")
        failing = False
        await until(lambda: world.model.keys() == ["a", "b", "c"])
        assert (await adds_up(gateway))["read"] == 3
    documented(name, seen=reason, ends="waits")


HELD = [
    ("a source that lacks what was asked for", DriftError("There is no table account.")),
    ("a source that a person must set right", ConfigError("`account` has no key.", mend="Say it.")),
]


@pytest.mark.parametrize(("name", "error"), HELD, ids=lambda each: type(each).__name__)
async def test_what_only_a_person_can_mend_holds_the_stream(
    world: World, pulls: Callable[[Pull], None], name: str, error: Exception
) -> None:
    async def pull(_: Any, __: str, ___: Cursor | None) -> AsyncIterator[Page]:
        raise error
        yield

    pulls(pull)
    async with world.gateway() as gateway:
        reason = await standing(gateway, "held")
    documented(name, seen=reason, ends="held")


# What is yielded

PAGE = Page(ACCOUNT, rows("x"), {"page": 1})


def page(**other: Any) -> Page:
    return msgspec.structs.replace(PAGE, **other)


YIELDED = [
    ("a connector that yields no page", None),
    ("a connector that yields no page", [b"{}"]),
    ("a connector that yields no page", {"rows": []}),
    ("a page of another stream", page(stream=StreamId("crm", "other"))),
    ("rows that are no rows", page(rows=[{"id": "x"}])),
    ("rows that are no rows", page(rows=[None])),
    ("rows that are no rows", page(rows=None)),
    ("rows that are no rows", page(rows=[RawRow(b"{}", operation="upsrt")])),  # type: ignore[arg-type]
    ("rows that are no rows", page(rows=[RawRow(b"{}", key=7)])),  # type: ignore[arg-type]
    ("rows that are no rows", page(rows=[RawRow(b"{}", at="today")])),  # type: ignore[arg-type]
    ("a cursor that is not JSON", page(cursor={"at": object()})),
    ("a cursor that is not JSON", page(cursor={1, 2})),
    ("a cursor that is not JSON", page(cursor=None)),
    ("a cursor that is not JSON", page(cursor="7")),
    ("a cursor that is not JSON", page(cursor={"at": "\ud800"})),
]


@pytest.mark.parametrize(("name", "wrong"), YIELDED, ids=range(len(YIELDED)))
async def test_what_is_no_page_says_so_and_what_came_before_is_kept(
    world: World, pulls: Callable[[Pull], None], name: str, wrong: Any
) -> None:
    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Any]:
        if since is None:
            yield Page(ACCOUNT, rows("a"), {"page": 0})
        yield wrong

    pulls(pull)
    with events.capture() as happened:
        async with world.gateway() as gateway:
            reason = await standing(gateway, "waiting")
            await until(lambda: world.model.keys() == ["a"])
            assert (await adds_up(gateway))["read"] == 1
    assert any(isinstance(event, events.SourceWaiting) for event in happened)
    documented(name, seen=reason, ends="waits")


async def test_a_row_that_holds_a_list_is_a_letter(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    async def pull(_: Any, __: str, since: Cursor | None) -> AsyncIterator[Page]:
        if since is None:
            odd: list[Any] = [["a", 1], "text", 7, None, {"id": "set", "name": {1, 2}}]
            made = [*rows("a"), *map(RawRow, odd), *rows("b")]
            yield Page(ACCOUNT, made, {"page": 0})

    pulls(pull)
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        found = await letters(gateway)
        assert await adds_up(gateway) == {"read": 7, "appended": 2, "letters": 5, "delivered": 2}
    assert {each.code for each in found[:4]} == {"row_not_object"}
    documented(
        "a row that a connector hands over as a list", seen=found[0].detail, ends=found[0].code
    )


async def test_an_iterator_that_cannot_be_closed_will_do(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    class Once:
        """All that the port asks for: an async iterator."""

        def __init__(self, since: Cursor | None) -> None:
            self._pages = iter([Page(ACCOUNT, rows("a"), {"page": 0})] if since is None else [])

        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> Page:
            for each in self._pages:
                return each
            raise StopAsyncIteration

    pulls(lambda _, __, since: Once(since))
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        assert (await adds_up(gateway))["delivered"] == 1


async def test_a_pull_that_is_no_generator_says_so(
    world: World, pulls: Callable[[Pull], None]
) -> None:
    async def pull(_: Any, __: str, ___: Cursor | None) -> list[Page]:
        return [PAGE]

    pulls(pull)
    async with world.gateway() as gateway:
        reason = await standing(gateway, "waiting")
    documented("a connector that yields no page", seen=reason, ends="waits")
