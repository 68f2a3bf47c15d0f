"""A JSON service as an endpoint of routes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from connectors.http_json.config import HttpJsonConfig
from connectors.http_json.message import batch_body, outcomes, single_body
from gateway.auth import authorizer
from gateway.errors import Ambiguous, HeadraceError, Outage, Refusal
from gateway.http import Answer, Pool, header_value, host_of, status_error
from gateway.ports import ConnectorConfig, Endpoint, Runtime, StreamSettings
from gateway.types import Checked, Delivered, Delivery, Later, Operation, Outcome, Refused

MAX_CONNECTIONS = 100
SINGLE_IN_FLIGHT = 16
"""How many requests of one batch are under way at once with `mode: single`."""


class HttpJsonConnector:
    """`type: http`."""

    name: ClassVar[str] = "http"
    summary: ClassVar[str] = "A service that takes JSON by POST, in batches or one record a request"
    config: ClassVar[type[ConnectorConfig]] = HttpJsonConfig
    stream_settings: ClassVar[type[StreamSettings]] = StreamSettings

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: HttpJsonConfig,
        streams: Mapping[str, Any],  # noqa: ARG003 - an endpoint has none
        runtime: Runtime,
    ) -> AsyncIterator[Endpoint]:
        ca_file = runtime.folder / config.ca_file if config.ca_file else None
        pool = runtime.http.pool(runtime.name, limit=MAX_CONNECTIONS, ca_file=ca_file)
        yield HttpJsonEndpoint(config, pool)


class HttpJsonEndpoint:
    """One POST a batch, or one a record."""

    def __init__(self, config: HttpJsonConfig, pool: Pool) -> None:
        self._config = config
        self._pool = pool
        self._auth = authorizer(config.auth, pool)
        self._host = host_of(config.url)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """One outcome each. Raises Refusal, Ambiguous or Outage where one verdict holds for all."""
        batch = [delivery for delivery in deliveries if not self._passed_over(delivery)]
        answered: Sequence[Outcome] = []
        if batch:
            answered = await (
                self._send_each(batch) if self._config.mode == "single" else self._send_all(batch)
            )
        rest = iter(answered)
        return [
            Delivered(receipt="delete_ignored") if self._passed_over(delivery) else next(rest)
            for delivery in deliveries
        ]

    async def check(self) -> Sequence[Checked]:
        """Whether somebody answers there. Nothing is posted, so a service that only knows POST may
        well answer 404 or 405: it is there."""
        try:
            answer = await self._pool.request(
                "OPTIONS", self._config.url, auth=self._auth, timeout_secs=self._config.timeout_secs
            )
        except HeadraceError as error:
            return [Checked("service", ok=False, detail=str(error))]
        if answer.status in (401, 403, 407) or 300 <= answer.status < 400 or answer.status >= 500:
            return [Checked("service", ok=False, detail=str(self._error(answer)))]
        return [Checked("service", ok=True, detail=f"{self._host} answers ({answer.status}).")]

    async def _send_all(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        ids = msgspec.json.encode([delivery.id for delivery in batch])
        key = header_value(batch[0].id) if len(batch) == 1 else hashlib.sha256(ids).hexdigest()
        return outcomes(self._config, batch, await self._post(batch_body(batch), key))

    async def _send_each(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        slots = asyncio.Semaphore(SINGLE_IN_FLIGHT)

        async def one(delivery: Delivery) -> Outcome | HeadraceError:
            async with slots:
                try:
                    answer = await self._post(single_body(delivery), header_value(delivery.id))
                    return outcomes(self._config, [delivery], answer)[0]
                except (Outage, Ambiguous, Refusal) as error:
                    return error

        return _judged(await asyncio.gather(*(one(delivery) for delivery in batch)))

    async def _post(self, body: bytes, key: str) -> Answer:
        answer = await self._pool.post(
            self._config.url,
            body,
            headers={
                "content-type": "application/json",
                "accept": "application/json",
                **{name.lower(): value for name, value in self._config.headers.items()},
                "idempotency-key": key,
            },
            auth=self._auth,
            timeout_secs=self._config.timeout_secs,
            max_response_bytes=self._config.max_response_bytes,
        )
        error = self._error(answer)
        if error is not None:
            raise error
        if answer.is_html:
            answer.json()
        return answer

    def _error(self, answer: Answer) -> HeadraceError | None:
        return status_error(
            answer.status,
            answer.headers,
            host=self._host,
            now=datetime.now(UTC),
            said=_said(answer),
        )

    def _passed_over(self, delivery: Delivery) -> bool:
        return self._config.deletes == "ignore" and delivery.record.operation is Operation.DELETE


def _judged(results: Sequence[Outcome | HeadraceError]) -> Sequence[Outcome]:
    """Errors of single requests as outcomes, so that what got through is not sent again.

    Where nothing got through, the error is raised for all: the caller then holds or halves.
    """
    errors = [each for each in results if isinstance(each, HeadraceError)]
    if errors and len(errors) == len(results) and not any(isinstance(e, Refusal) for e in errors):
        raise next((e for e in errors if isinstance(e, Outage)), errors[0])
    return [_outcome(each) for each in results]


def _outcome(result: Outcome | HeadraceError) -> Outcome:
    match result:
        case Refusal():
            return Refused(result.code, str(result))
        case Outage():
            return Later(result.code, str(result), result.after, costs_attempt=False)
        case Ambiguous():
            return Later(result.code, str(result), result.after, costs_attempt=True)
        case HeadraceError():
            raise result
        case _:
            return result


def _said(answer: Answer) -> str | None:
    """The reason in an error's body, in the usual places: RFC 9457, FastAPI, and plain ones."""
    if answer.status < 400 or answer.is_html:
        return None
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    for name in ("detail", "error", "message", "title"):
        value = body.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str):
            return value
    return None
