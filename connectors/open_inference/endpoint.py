"""A model behind the Open Inference Protocol, as an endpoint of routes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from connectors.open_inference.config import OpenInferenceConfig
from connectors.open_inference.feature import Unfit, feature
from connectors.open_inference.protocol import outcomes, request
from connectors.open_inference.signature import compared
from gateway.auth import authorizer
from gateway.errors import HeadraceError, Outage, Refusal
from gateway.http import Answer, Pool, header_value, host_of, status_error
from gateway.ports import ConnectorConfig, Endpoint, Runtime, StreamSettings
from gateway.types import Checked, Delivered, Delivery, Operation, Outcome, Refused

MAX_CONNECTIONS = 100


class OpenInferenceConnector:
    """`type: open_inference`."""

    name: ClassVar[str] = "open_inference"
    summary: ClassVar[str] = (
        "A model behind the Open Inference Protocol V2 (MLServer, KServe, Triton)"
    )
    config: ClassVar[type[ConnectorConfig]] = OpenInferenceConfig
    stream_settings: ClassVar[type[StreamSettings]] = StreamSettings

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: OpenInferenceConfig,
        streams: Mapping[str, Any],  # noqa: ARG003 - an endpoint has none
        runtime: Runtime,
    ) -> AsyncIterator[Endpoint]:
        ca_file = runtime.folder / config.ca_file if config.ca_file else None
        pool = runtime.http.pool(runtime.name, limit=MAX_CONNECTIONS, ca_file=ca_file)
        yield OpenInferenceEndpoint(config, pool)


class OpenInferenceEndpoint:
    """One POST to `…/infer` a batch."""

    def __init__(self, config: OpenInferenceConfig, pool: Pool) -> None:
        self._config = config
        self._pool = pool
        self._auth = authorizer(config.auth, pool)
        self._host = host_of(config.url)
        self._features = tuple(feature(each) for each in config.inputs)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """One outcome each. A record that lacks a feature is refused alone and not sent; a delete
        is not sent either. Raises Refusal, Ambiguous or Outage for the batch."""
        settled: dict[int, Outcome] = {}
        batch: list[tuple[int, Delivery]] = []
        rows: list[list[Any]] = []
        for place, delivery in enumerate(deliveries):
            record = delivery.record
            if record.operation is Operation.DELETE:
                settled[place] = self._deleted()
                continue
            try:
                data = msgspec.json.decode(record.data)
                rows.append([take(record, data) for take in self._features])
            except Unfit as unfit:
                settled[place] = Refused("input_unfit", str(unfit))
                continue
            batch.append((place, delivery))
        if batch:
            answered = await self._infer([delivery for _, delivery in batch], rows)
            settled.update(zip((place for place, _ in batch), answered, strict=True))
        return [settled[place] for place in range(len(deliveries))]

    async def check(self) -> Sequence[Checked]:
        """Server ready, model ready, and its signature beside ours."""
        found = [
            await self._ready("server", f"{self._config.server_url}/v2/health/ready"),
            await self._ready("model", f"{self._config.url}/ready"),
        ]
        if not all(each.ok for each in found):
            return found
        try:
            answer = await self._get(self._config.url)
            return [*found, *compared(self._config, answer.json())]
        except HeadraceError as error:
            return [*found, Checked("signature", ok=False, detail=str(error))]

    async def _infer(self, batch: list[Delivery], rows: list[list[Any]]) -> list[Outcome]:
        key = idempotency_key(batch)
        answer = await self._pool.post(
            self._config.infer_url,
            request(self._config, batch, rows, key),
            headers={
                "content-type": "application/json",
                "accept": "application/json",
                "idempotency-key": key,
            },
            auth=self._auth,
            timeout_secs=self._config.timeout_secs,
            max_response_bytes=self._config.max_response_bytes,
        )
        error = self._error(answer)
        if isinstance(error, Refusal) and await self._unready(answer):
            raise Outage(
                f"The model {self._config.model} at {self._host} is not ready.",
                code="model_not_ready",
            )
        if error is not None:
            raise error
        return outcomes(self._config, batch, answer, key)

    async def _unready(self, refused: Answer) -> bool:
        """MLServer answers 400 while a model is loading, which says nothing about the records."""
        if "not ready" in (said(refused) or ""):
            return True
        return not (await self._ready("model", f"{self._config.url}/ready")).ok

    async def _ready(self, subject: str, url: str) -> Checked:
        # The status alone tells: Triton's body is empty, others' differ.
        try:
            await self._get(url)
        except HeadraceError as error:
            return Checked(subject, ok=False, detail=str(error))
        name = f"The model {self._config.model}" if subject == "model" else self._host
        return Checked(subject, ok=True, detail=f"{name} is ready.")

    async def _get(self, url: str) -> Answer:
        answer = await self._pool.request(
            "GET", url, auth=self._auth, timeout_secs=self._config.timeout_secs
        )
        error = self._error(answer)
        if error is not None:
            raise error
        return answer

    def _error(self, answer: Answer) -> HeadraceError | None:
        return status_error(
            answer.status,
            answer.headers,
            host=self._host,
            now=datetime.now(UTC),
            said=said(answer),
        )

    def _deleted(self) -> Outcome:
        if self._config.deletes == "ignore":
            return Delivered(receipt="delete_ignored")
        return Refused("delete_unsupported", "A model cannot be sent a delete (`deletes: refuse`).")


def idempotency_key(batch: Sequence[Delivery]) -> str:
    """The delivery's id for one, a digest of all their ids for several: the same batch sent again
    has the same key, and another batch never has."""
    if len(batch) == 1:
        return header_value(batch[0].id)
    ids = msgspec.json.encode([delivery.id for delivery in batch])
    return hashlib.sha256(ids).hexdigest()


def said(answer: Answer) -> str | None:
    """The protocol's one error string: `{"error": "…"}`."""
    if answer.status < 400:
        return None
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else None
