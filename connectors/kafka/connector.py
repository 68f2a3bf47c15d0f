"""The connector `kafka`: an endpoint that needs the extra of the same name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.kafka.config import KafkaConfig
from gateway.errors import ConfigError
from gateway.ports import ConnectorConfig, Runtime, StreamSettings

if TYPE_CHECKING:
    from connectors.kafka.endpoint import KafkaEndpoint


class KafkaConnector:
    """Records to a topic; answers, where wanted, from a reply topic."""

    name: ClassVar[str] = "kafka"
    summary: ClassVar[str] = "Apache Kafka: records as CloudEvents, answers from a reply topic"
    config: ClassVar[type[ConnectorConfig]] = KafkaConfig
    stream_settings: ClassVar[type[StreamSettings]] = StreamSettings

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: KafkaConfig,
        streams: Mapping[str, Any],  # noqa: ARG003  (an endpoint has none)
        runtime: Runtime,
    ) -> AsyncIterator[KafkaEndpoint]:
        """Contacts nobody yet: the first check or send does."""
        try:
            from connectors.kafka.endpoint import KafkaEndpoint
        except ImportError as error:
            raise ConfigError(
                f"the endpoint `{runtime.name}` needs the package `{error.name}`.",
                mend='Install it: pip install "headrace[kafka]".',
                code="extra_missing",
            ) from error
        endpoint = KafkaEndpoint(config, runtime.name)
        try:
            yield endpoint
        finally:
            await endpoint.close()
