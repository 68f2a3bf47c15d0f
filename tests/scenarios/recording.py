"""An HTTP endpoint that writes down what it gets, in order of arrival: an independent witness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.demo.count import Entity, Received, instant


class Recorder:
    """`url` takes batches as the endpoint `http` sends them. `pause_secs` is how long it thinks
    over each, after writing it down."""

    def __init__(self, pause_secs: float = 0.0) -> None:
        self.received: list[Received] = []
        self.requests = 0
        self.pause_secs = pause_secs
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
        return web.json_response(
            {"results": [{"id": each["id"], "status": "ok"} for each in body["records"]]}
        )


@asynccontextmanager
async def recorder(pause_secs: float = 0.0) -> AsyncIterator[Recorder]:
    made = Recorder(pause_secs)
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
