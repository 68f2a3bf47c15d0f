"""The part of a running gateway that a changed project replaces: open systems and their workers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from gateway.pipeline.assembly import Assembly
from gateway.pipeline.building import Builder, open_systems
from gateway.pipeline.workers import Workers


class Machinery:
    """Systems are opened, used and closed by one task: a connector may hold what must not change
    hands."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._workers: Workers | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def workers(self) -> Workers:
        assert self._workers is not None
        return self._workers

    async def start(self, assembly: Assembly) -> None:
        """Open the systems and set everybody to work. Raises ConfigError; nothing runs then."""
        self._stop = asyncio.Event()
        begun: asyncio.Future[Workers] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._work(assembly, begun, self._stop), name="machinery")
        self._workers = await begun

    async def replace(self, assembly: Assembly, before: Assembly) -> None:
        """Drain, and start with another project; with the old one where that cannot be started."""
        await self.stop()
        try:
            await self.start(assembly)
        except BaseException:
            await self.start(before)
            raise

    async def stop(self) -> None:
        """Drain the workers, then close the systems."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _work(
        self, assembly: Assembly, begun: asyncio.Future[Workers], stop: asyncio.Event
    ) -> None:
        async with AsyncExitStack() as stack:
            try:
                opened = await open_systems(assembly.loaded, stack)
                workers = self._builder.workers(assembly, opened)
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the start
                begun.set_exception(error)
                return
            workers.start()
            begun.set_result(workers)
            await stop.wait()
            await workers.drain()
