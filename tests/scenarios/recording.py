"""An HTTP endpoint that writes down what it gets, in order of arrival: an independent witness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from gateway.demo.count import Entity, Received, instant


class Recorder:
    """`url` takes batches as the endpoint `http` sends them. `pause_secs` is how long it thinks
    over each, after writing it down; `answer` makes a model of it."""

    def __init__(
        self,
        pause_secs: float = 0.0,
        answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.received: list[Received] = []
        self.requests = 0
        self.pause_secs = pause_secs
        self.answer = answer
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/records"

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests += 1
        for each in body["records"]:
            self.received.append(
                Received(
                    sequence=self.requests,
                    id=each["id"],
                    entity=Entity(each["source"], each["stream"], each["key"]),
                    version=instant(each["version"]),
                )
            )
        await asyncio.sleep(self.pause_secs)
        results: list[dict[str, Any]] = []
        for each in body["records"]:
            results.append({"id": each["id"], "status": "ok"})
            if self.answer is not None:
                results[-1]["answer"] = self.answer(each)
        return web.json_response({"results": results})


@asynccontextmanager
async def recorder(
    pause_secs: float = 0.0, answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> AsyncIterator[Recorder]:
    made = Recorder(pause_secs, answer)
    app = web.Application()
    app.router.add_post("/records", made.take)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
