"""What an HTTP client costs: 64 requests in flight, one record a request and 64 a request.

Ours are the two faces of the guarded session: the direct lane of deliveries, and the httpx2
client that connectors are handed. The server runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import httpx
import httpx2
import msgspec

from benchmarks.customers import customers
from benchmarks.measure import Contender, Result, Work, compare
from gateway.http import HttpSession

IN_FLIGHT = 64
REQUESTS = {1: 2_000, 64: 1_000}
HEADERS = {"content-type": "application/json"}

Post = Callable[[bytes], Awaitable[bytes]]


async def run() -> list[Result]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_server())
        posts = {
            "headrace's direct lane": await _direct(stack, url),
            "headrace's httpx2 client": await _client(stack, url),
            "bare aiohttp": await _aiohttp(stack, url),
            "httpx2": await _httpx2(stack, url),
            "httpx": await _httpx(stack, url),
        }
        return [await _compared(posts, records) for records in REQUESTS]


async def _compared(posts: dict[str, Post], records: int) -> Result:
    body = msgspec.json.encode(list(customers(records)))
    requests = REQUESTS[records]

    def contender(name: str, post: Post) -> Contender:
        async def prepare() -> Work:
            async def work() -> int:
                left = iter(range(requests))

                async def worker() -> None:
                    for _ in left:
                        await post(body)

                await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
                return requests * records

            return work

        return Contender(name, prepare)

    return await compare(
        "http_clients",
        "records",
        f"{requests:,} requests of {records} records, {len(body):,} bytes, {IN_FLIGHT} in flight",
        [contender(name, post) for name, post in posts.items()],
        rounds=3,
    )


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.http_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.stdin.close()
        process.wait(10)


async def _direct(stack: AsyncExitStack, url: str) -> Post:
    session = await stack.enter_async_context(HttpSession.open())
    pool = session.pool("bench", limit=IN_FLIGHT)

    async def post(body: bytes) -> bytes:
        return (await pool.post(url, body, headers=HEADERS)).body

    return post


async def _client(stack: AsyncExitStack, url: str) -> Post:
    session = await stack.enter_async_context(HttpSession.open())
    client = await stack.enter_async_context(session.pool("bench", limit=IN_FLIGHT).client())

    async def post(body: bytes) -> bytes:
        return (await client.post(url, content=body, headers=HEADERS)).content

    return post


async def _aiohttp(stack: AsyncExitStack, url: str) -> Post:
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def post(body: bytes) -> bytes:
        async with session.post(url, data=body, headers=HEADERS) as answer:
            return await answer.read()

    return post


async def _httpx2(stack: AsyncExitStack, url: str) -> Post:
    client = await stack.enter_async_context(httpx2.AsyncClient())

    async def post(body: bytes) -> bytes:
        return (await client.post(url, content=body, headers=HEADERS)).content

    return post


async def _httpx(stack: AsyncExitStack, url: str) -> Post:
    client = await stack.enter_async_context(httpx.AsyncClient())

    async def post(body: bytes) -> bytes:
        return (await client.post(url, content=body, headers=HEADERS)).content

    return post
