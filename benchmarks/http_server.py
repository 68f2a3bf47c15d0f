"""A server that takes JSON and answers, in a process of its own so that its cost is not counted.

Listens on loopback, prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def _answer(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(body=b'{"taken":%d}' % len(body), content_type="application/json")


async def main() -> None:
    application = web.Application(client_max_size=64 << 20)
    application.router.add_post("/", _answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
