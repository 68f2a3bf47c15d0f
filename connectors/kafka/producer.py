"""An idempotent producer that sends batches and never sends again what it still holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from connectors.kafka.client import settings
from connectors.kafka.config import KafkaConfig
from connectors.kafka.fault import TOO_LARGE
from connectors.kafka.message import Message

_BY_KEY = DefaultPartitioner()
"""Java's murmur2, so that every other client finds a key in the same partition."""
Receipt = tuple[str, int, int]
"""Topic, partition, offset."""


class Unacknowledged(Exception):
    """The brokers did not answer in time. The message stays with the producer and may yet arrive."""


class _Session:
    """One start of the client, one producer id, and what was handed to it: id → its batch's
    future and its place in there."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.held: dict[str, tuple[asyncio.Future[Any], int]] = {}

    def taken(self, ident: str) -> Receipt | Exception:
        future, index = self.held[ident]
        if not future.done():
            return Unacknowledged()
        self.held.pop(ident, None)
        if (error := future.exception()) is not None:
            return error if isinstance(error, Exception) else KafkaError(str(error))
        written = future.result()
        return (written.topic, written.partition, written.offset + index)


class Producer:
    """`produce` gives one receipt or error a message.

    With idempotence the client retries a batch for ever, in order and without duplicates. So a
    message that was not acknowledged in time is not lost: when the same id comes again, its first
    sending is waited for instead of being repeated.
    """

    def __init__(self, config: KafkaConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._starting = asyncio.Lock()
        self._session: _Session | None = None

    async def produce(self, messages: Sequence[tuple[str, Message]]) -> list[Receipt | Exception]:
        """(id, message) each, in the order of a key. Raises KafkaError, OSError or TimeoutError
        where the brokers cannot be reached at all."""
        found = await self._sent(messages)
        large = [index for index, each in enumerate(found) if isinstance(each, TOO_LARGE)]
        if len(large) > 1:
            # A batch that was too large goes message by message, so that only the large one fails.
            for index in large:
                (found[index],) = await self._sent([messages[index]])
        return found

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await _stopped(session.client)

    async def _sent(self, messages: Sequence[tuple[str, Message]]) -> list[Receipt | Exception]:
        deadline = asyncio.get_running_loop().time() + self._config.timeout_secs
        session = await self._started()
        fresh = [each for each in messages if each[0] not in session.held]
        errors = await _handed_over(session, fresh, deadline)
        waiting = {session.held[ident][0] for ident, _ in messages if ident in session.held}
        if waiting:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(waiting, timeout=left)
        found = [errors.get(ident) or session.taken(ident) for ident, _ in messages]
        refused = any(isinstance(each, KafkaError) and not each.retriable for each in found)
        if refused and self._session is session:
            # The failed batch left a gap in the sequence that the brokers check, and every later
            # one would be refused: go on with a new producer id.
            await self.close()
        return found

    async def _started(self) -> _Session:
        async with self._starting:
            if self._session is None:
                kind = self._config.compression
                client = AIOKafkaProducer(
                    **settings(self._config, self._name),
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=self._config.batch_max_bytes,
                    max_request_size=max(self._config.batch_max_bytes, 1 << 20),
                    compression_type=None if kind == "none" else kind,
                )
                try:
                    await asyncio.wait_for(client.start(), self._config.timeout_secs)
                except BaseException:
                    await _stopped(client)
                    raise
                self._session = _Session(client)
            return self._session


async def _handed_over(
    session: _Session, messages: Sequence[tuple[str, Message]], deadline: float
) -> dict[str, Exception]:
    """Batches a partition; the ids that the client did not take, with the reason."""
    refused: dict[str, Exception] = {}
    partitions: dict[str, list[int] | Exception] = {}
    for topic in {message.topic for _, message in messages}:
        try:
            async with asyncio.timeout_at(deadline):
                partitions[topic] = sorted(await session.client.partitions_for(topic))
        except (KafkaError, TimeoutError) as error:
            partitions[topic] = error if isinstance(error, KafkaError) else Unacknowledged()
    places: dict[tuple[str, int], list[tuple[str, Message]]] = {}
    for ident, message in messages:
        known = partitions[message.topic]
        if isinstance(known, Exception):
            refused[ident] = known
        else:
            place = _BY_KEY(message.key, known, known)
            places.setdefault((message.topic, place), []).append((ident, message))
    for (topic, partition), rows in places.items():
        for idents, batch in _batches(session.client, rows):
            try:
                async with asyncio.timeout_at(deadline):
                    future = await session.client.send_batch(batch, topic, partition=partition)
            except (KafkaError, TimeoutError) as error:
                reason = error if isinstance(error, KafkaError) else Unacknowledged()
                refused |= dict.fromkeys(idents, reason)
                continue
            session.held |= {ident: (future, index) for index, ident in enumerate(idents)}
    return refused


def _batches(client: Any, rows: Sequence[tuple[str, Message]]) -> list[tuple[list[str], Any]]:
    """As few batches as the size allows, in order."""
    made: list[tuple[list[str], Any]] = []
    for ident, message in rows:
        taken = made and made[-1][1].append(
            key=message.key, value=message.value, timestamp=None, headers=message.headers
        )
        if not taken:
            batch = client.create_batch()
            batch.append(
                key=message.key, value=message.value, timestamp=None, headers=message.headers
            )
            made.append(([], batch))
        made[-1][0].append(ident)
    return made


async def _stopped(client: Any) -> None:
    """Flushing waits for brokers that may never come back: ask once, then drop the connection."""
    with contextlib.suppress(Exception):
        try:
            await asyncio.wait_for(client.stop(), 2.0)
        except TimeoutError:
            await client._sender.close()  # noqa: SLF001
            await client.client.close()
