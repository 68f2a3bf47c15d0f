"""Answers from a reply topic, matched to their questions by correlation id.

A consumer of our own without a group reads all partitions from their ends: what was answered
before this process asked is nobody's, because every open question is asked again after a start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from connectors.kafka.client import settings
from connectors.kafka.config import KafkaConfig
from connectors.kafka.message import CORRELATION_ID, ERROR
from gateway.types import Delivered, Later, Outcome, Refused


class Replies:
    """`expect` before the question is sent, `collect` after it."""

    def __init__(self, config: KafkaConfig, topic: str, name: str) -> None:
        self._config = config
        self._topic = topic
        self._name = name
        self._starting = asyncio.Lock()
        self._consumer: Any = None
        self._reading: asyncio.Task[None] | None = None
        self._open: dict[str, asyncio.Future[Outcome]] = {}

    async def expect(self, ids: Sequence[str]) -> None:
        """Raises KafkaError or TimeoutError where the reply topic cannot be read."""
        await self._started()
        loop = asyncio.get_running_loop()
        for ident in ids:
            # Of two askers the last one gets the answer; the first one's time runs out.
            self._open[ident] = loop.create_future()

    async def collect(self, ids: Sequence[str], timeout_secs: float) -> Mapping[str, Outcome]:
        """The answers that came in time, by id."""
        waiting = {ident: self._open[ident] for ident in ids if ident in self._open}
        try:
            if waiting:
                await asyncio.wait(waiting.values(), timeout=timeout_secs)
            return {ident: future.result() for ident, future in waiting.items() if future.done()}
        finally:
            self.forget(ids)

    def forget(self, ids: Sequence[str]) -> None:
        for ident in ids:
            self._open.pop(ident, None)

    async def close(self) -> None:
        reading, self._reading = self._reading, None
        consumer, self._consumer = self._consumer, None
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await reading
        if consumer is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(consumer.stop(), 2.0)

    async def _started(self) -> None:
        async with self._starting:
            if self._reading is not None and not self._reading.done():
                return
            await self.close()
            consumer = AIOKafkaConsumer(
                self._topic,
                **settings(self._config, self._name),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                metadata_max_age_ms=30_000,
            )
            self._consumer = consumer
            async with asyncio.timeout(self._config.timeout_secs):
                await consumer.start()
                # The ends must be known before the first question, or its answer is missed.
                await consumer.seek_to_end()
                for partition in consumer.assignment():
                    await consumer.position(partition)
            self._reading = asyncio.create_task(self._read(consumer), name=f"replies {self._name}")

    async def _read(self, consumer: Any) -> None:
        while True:
            try:
                pages = await consumer.getmany(timeout_ms=1_000)
            except KafkaError:
                # The client reconnects by itself; positions are kept.
                await asyncio.sleep(0.5)
                continue
            for messages in pages.values():
                for each in messages:
                    self._take(dict(each.headers), each.value)

    def _take(self, headers: Mapping[str, bytes | None], value: bytes | None) -> None:
        ident = (headers.get(CORRELATION_ID) or b"").decode(errors="replace")
        future = self._open.get(ident)
        if future is not None and not future.done():
            future.set_result(reply(headers, value))


def reply(headers: Mapping[str, bytes | None], value: bytes | None) -> Outcome:
    """What a message on the reply topic says: an answer, a refusal, or nothing we understand."""
    if ERROR in headers:
        reason = (headers[ERROR] or b"").decode(errors="replace")[:500]
        return Refused("reply_refused", f"The reply refuses the record: {reason or 'no reason'}.")
    try:
        answer = msgspec.json.decode(value or b"", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Later(
            "reply_invalid", f"The reply is not a JSON object: {error}.", costs_attempt=True
        )
    return Delivered(answer=answer)
