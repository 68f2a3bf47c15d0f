"""Endpoints that answer what is no answer. The route holds, parks or opens a letter; nothing is
lost, and when the endpoint is itself again everything has arrived, each key in order."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.http_json import HttpJsonConnector
from gateway.pipeline import Running
from gateway.testing.memory import MemoryConnector
from gateway.types import Delivered
from tests.bad_input.conftest import SECRET, World, adds_up, letters, until
from tests.bad_input.documented import documented
from tests.local_server import read_request, serve_raw

Writer = asyncio.StreamWriter
Answer = Callable[[bytes, Writer], Awaitable[None]]


def http(body: bytes, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    made = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in made.items())
    return f"HTTP/1.1 {status}\r\n{head}connection: close\r\n\r\n".encode() + body


def sent_ids(request: bytes) -> list[str]:
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    return [each["id"] for each in body["records"]]


def verdicts(ids: list[str]) -> bytes:
    return json.dumps({"results": [{"id": id, "status": "ok"} for id in ids]}).encode()


class Service:
    """Answers as it is told, then as it should; remembers what it was sent and has taken."""

    def __init__(self, answer: Answer) -> None:
        self.answer: Answer | None = answer
        self.asked = 0
        self.taken: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        request = await read_request(reader)
        if request.startswith(b"OPTIONS"):
            writer.write(http(b"{}"))
            return
        self.asked += 1
        if self.answer is not None:
            await self.answer(request, writer)
            return
        ids = sent_ids(request)
        self.taken += [
            each["key"] for each in json.loads(request.partition(b"\r\n\r\n")[2])["records"]
        ]
        writer.write(http(verdicts(ids)))
        await writer.drain()


def plainly(answer: bytes) -> Answer:
    async def write(_: bytes, writer: Writer) -> None:
        writer.write(answer)
        await writer.drain()

    return write


@asynccontextmanager
async def gateway_to(world: World, service: Service, **settings: Any) -> AsyncIterator[Running]:
    """A gateway whose endpoint is `type: http`, posting to the service."""
    async with serve_raw(service) as url:
        world.project["endpoints"]["churn"] = {
            "type": "http",
            "url": f"{url}/score",
            "results": "required",
            "timeout_secs": 0.25,
            **settings,
        }
        async with world.gateway(HttpJsonConnector) as gateway:
            yield gateway


async def reason(gateway: Running) -> str:
    """Why the endpoint is held; waits until it is."""

    async def held() -> bool:
        return [each.state for each in gateway.control._endpoints()] == ["held"]

    await until(held)
    return str((await gateway.control.status()).endpoints[0].reason)


async def endless(_: bytes, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
    while True:
        writer.write(b"0," * 50_000)
        await writer.drain()


async def drip(_: bytes, writer: Writer) -> None:
    for byte in http(b"[" + b" " * 1_000 + b"]"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_in_the_head(_: bytes, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: and more\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(_: bytes, writer: Writer) -> None:
    writer.write(http(b"{}")[:40])
    await writer.drain()
    writer.transport.abort()


async def nothing(_: bytes, writer: Writer) -> None:
    writer.close()


async def wrong_ids(_: bytes, writer: Writer) -> None:
    writer.write(http(verdicts(["nobody", "knows", "these"])))


async def cut_short(request: bytes, writer: Writer) -> None:
    body = verdicts(sent_ids(request))
    writer.write(http(body)[: -len(body) // 2])


async def half_the_json(request: bytes, writer: Writer) -> None:
    body = verdicts(sent_ids(request))
    writer.write(http(body[: len(body) // 2]))


HTML = b"<!doctype html><html><body>Please log in</body></html>"
BOMB = gzip.compress(b"[" + b"0," * (16 << 20) + b"0]")
NESTED = zlib.compress(b"[" * 100_000 + b"]" * 100_000)

HOLDING = [
    ("200 with a page of HTML", plainly(http(HTML, headers={"content-type": "text/html"}))),
    ("200 with a page of HTML", plainly(http(HTML))),
    ("200 with an empty body", plainly(http(b""))),
    ("204 without a body", plainly(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")),
    ("verdicts about records that were not sent", wrong_ids),
    ("JSON that is cut off", half_the_json),
    ("a body that is cut off", cut_short),
    ("a redirect elsewhere", plainly(
        http(b"", "302 Found", {"location": "https://login.example.com/"})
    )),
    ("a redirect elsewhere", plainly(
        http(b"", "307 Temporary Redirect", {"location": "http://169.254.169.254/"})
    )),
    ("a body without end", endless),
    ("a gzip bomb", plainly(http(BOMB, headers={"content-encoding": "gzip"}))),
    ("an answer nested 100,000 deep", plainly(
        http(NESTED, headers={"content-encoding": "deflate"})
    )),
    ("an answer that drips in slowly", drip),
    ("an answer that drips in slowly", drip_in_the_head),
    ("a connection that is reset in mid answer", reset),
    ("a connection that is closed without an answer", nothing),
    ("an answer that is not HTTP", plainly(b"SSH-2.0-OpenSSH_9.6\r\n")),
    ("an answer that is not HTTP", plainly(b"\x16\x03\x01\x00\xff" * 20)),
    ("500 to everything", plainly(http(b"{}", "500 Internal Server Error"))),
    ("503 to everything", plainly(http(b"{}", "503 Service Unavailable"))),
    ("credentials that are refused", plainly(http(b"{}", "401 Unauthorized"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer"), HOLDING, ids=[f"{n}-{name}" for n, (name, _) in enumerate(HOLDING)]
)
async def test_what_is_no_answer_holds_the_route_and_costs_nobody(
    world: World, name: str, answer: Answer
) -> None:
    world.good("a", "b", "c", "d")
    service = Service(answer)
    async with gateway_to(world, service, max_response_bytes=1 << 20) as gateway:
        why = await reason(gateway)
        assert service.taken == []
        world.good("a", "e")
        service.answer = None
        await until(lambda: len(service.taken) >= 6)
        assert (await adds_up(gateway))["delivered"] == 6
        assert await letters(gateway) == []
    assert Counter(service.taken) == Counter("abcdae")
    documented(name, seen=why, ends="holds")


async def test_an_empty_receipt_is_one_where_verdicts_are_not_required(world: World) -> None:
    world.good("a", "b")
    service = Service(plainly(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"))
    async with gateway_to(world, service, results="optional") as gateway:
        assert await gateway.settled() == []
        assert (await adds_up(gateway))["delivered"] == 2


async def test_too_few_verdicts_cost_only_those_left_out(world: World) -> None:
    world.good("a", "b", "c")

    async def too_few(request: bytes, writer: Writer) -> None:
        records = json.loads(request.partition(b"\r\n\r\n")[2])["records"]
        writer.write(http(verdicts([each["id"] for each in records if each["key"] != "b"])))

    service = Service(too_few)
    async with gateway_to(world, service) as gateway:

        async def given_up() -> bool:
            return len(await letters(gateway)) == 1

        await until(given_up)
        (letter,) = await letters(gateway)
        assert (await adds_up(gateway))["delivered"] == 2
    assert letter.key == "b"
    assert len(letter.attempts) == 3
    documented("a verdict that is missing", seen=letter.detail, ends=letter.code)


async def test_a_wrong_number_of_answers_is_no_answer(world: World) -> None:
    world.good("a", "b", "c")
    service = Service(plainly(http(b'{"scores": [1, 2, 3, 4, 5, 6, 7]}')))
    async with gateway_to(world, service, results="optional", answer={"from": "scores"}) as gateway:
        why = await reason(gateway)
    documented("a wrong number of answers", seen=why, ends="holds")


async def test_a_burst_of_500_costs_nobody_and_order_is_kept(world: World) -> None:
    keys = [str(number % 7) for number in range(40)]
    world.good(*keys)
    service = Service(plainly(http(b"oops", "500 Internal Server Error")))
    async with gateway_to(world, service) as gateway:
        await reason(gateway)
        service.answer = None
        await until(lambda: len(service.taken) >= 40)
        assert (await adds_up(gateway))["delivered"] == 40
        assert await letters(gateway) == []


WAITS = ["0", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-1", "1e400", "\u0661"]
"""The forms of RFC 9110, and some that servers send besides."""


@pytest.mark.parametrize("value", WAITS)
async def test_every_form_of_retry_after_is_taken_and_none_does_harm(
    world: World, value: str
) -> None:
    world.good("a", "b")
    head = http(b"{}", "429 Too Many Requests", {"retry-after": value.encode().decode("latin-1")})
    service = Service(plainly(head))
    async with gateway_to(world, service) as gateway:
        why = await reason(gateway)
        service.answer = None
        await until(lambda: len(service.taken) == 2)
        assert (await adds_up(gateway))["delivered"] == 2
        assert await letters(gateway) == []
    documented("429 with any `Retry-After`", seen=why, ends="holds")


async def test_a_wait_of_years_is_taken_for_thirty_days(world: World) -> None:
    world.good("a")
    head = http(b"{}", "429 Too Many Requests", {"retry-after": "99999999999999999999"})
    service = Service(plainly(head))
    async with gateway_to(world, service) as gateway:
        await reason(gateway)
        (endpoint,) = (await gateway.control.status()).endpoints
        started = (await gateway.control.status()).started_at
        assert endpoint.held_until is not None
        assert started is not None
        assert (endpoint.held_until - started).days == 30
    documented("a `Retry-After` of years", ends="holds")


# What an endpoint of somebody's own may do wrong

WRONG = [
    ("an endpoint that raises an error of its own", ZeroDivisionError(SECRET)),
    ("an endpoint that raises an error of its own", asyncio.CancelledError()),
    ("an endpoint that raises an error of its own", SystemExit(1)),
]


@pytest.mark.parametrize(("name", "error"), WRONG, ids=lambda each: type(each).__name__)
async def test_an_endpoints_own_errors_hold_the_route(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    world.good("a", "b")
    failing = True
    send = MemoryConnector.send

    async def broken(self: MemoryConnector, deliveries: Any) -> Any:
        if failing:
            raise error
        return await send(self, deliveries)

    monkeypatch.setattr(MemoryConnector, "send", broken)
    async with world.gateway() as gateway:
        why = await reason(gateway)
        failing = False
        await until(lambda: sorted(world.model.keys()) == ["a", "b"])
        assert (await adds_up(gateway))["delivered"] == 2
    documented(name, seen=why, ends="holds")


@pytest.mark.parametrize("wrong", [None, [], 7, {}, [None, None], ["ok", "ok"], [Delivered()]])
async def test_outcomes_that_are_none_hold_the_route(
    world: World, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    world.good("a", "b")
    failing = True
    send = MemoryConnector.send

    async def broken(self: MemoryConnector, deliveries: Any) -> Any:
        # The same nonsense, for one delivery or for many.
        if failing:
            return wrong if len(deliveries) == 2 or wrong != [Delivered()] else [None]
        return await send(self, deliveries)

    monkeypatch.setattr(MemoryConnector, "send", broken)
    async with world.gateway() as gateway:
        why = await reason(gateway)
        failing = False
        await until(lambda: sorted(world.model.keys()) == ["a", "b"])
        assert (await adds_up(gateway))["delivered"] == 2
    documented("outcomes that are none", seen=why, ends="holds")


ANSWERS: list[Any] = [
    {"score": float("nan")},
    {"score": "high"},
    {"outputs": "\ud800"},
    {"outputs": {"x": object()}},
    {"score": 10**5_000},
    {"model": 7},
    {"model": {"name": ["churn"]}},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
async def test_an_answer_that_is_no_prediction_is_a_letter_of_that_record(
    world: World, answer: Any
) -> None:
    world.good("a", "b")
    world.model.answer = lambda each: Delivered(
        answer=answer if each.record.key == "a" else {"score": 0.5}
    )
    async with world.gateway() as gateway:
        assert await gateway.settled() == []
        found = await letters(gateway)
        sums = await adds_up(gateway)
    assert sums["delivered"] + len(found) == 2
    for each in found:
        assert each.key == "a"
        documented("an answer that is no prediction", seen=each.detail, ends=each.code)


ODD: list[Any] = [[1, 2], "text", 7, True]


@pytest.mark.parametrize("answer", ODD, ids=str)
async def test_an_answer_that_is_no_mapping_is_the_endpoints_fault(
    world: World, answer: Any
) -> None:
    world.good("a")
    world.model.answer = lambda _: Delivered(answer=answer)
    async with world.gateway() as gateway:

        async def given_up() -> bool:
            return len(await letters(gateway)) == 1

        await until(given_up)
        (letter,) = await letters(gateway)
        assert len(letter.attempts) == 3
    documented("outcomes that are none", seen=letter.detail, ends="holds")
