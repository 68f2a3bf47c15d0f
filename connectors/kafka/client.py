"""The settings of aiokafka's clients, made from ours."""

from __future__ import annotations

from typing import Any

from connectors.kafka.config import KafkaConfig


def settings(config: KafkaConfig, name: str) -> dict[str, Any]:
    """What producer, consumer and admin client share. Secrets are read now, and not kept."""
    protocol = "SASL_" if config.sasl is not None else ""
    found: dict[str, Any] = {
        "bootstrap_servers": config.bootstrap_servers,
        "client_id": f"headrace-{name}",
        "request_timeout_ms": int(config.timeout_secs * 1_000),
        "security_protocol": protocol + ("SSL" if config.tls is not None else "PLAINTEXT"),
    }
    if config.tls is not None:
        found["ssl_context"] = config.tls.context()
    if config.sasl is not None:
        found |= {
            "sasl_mechanism": config.sasl.mechanism,
            "sasl_plain_username": config.sasl.username,
            "sasl_plain_password": config.sasl.password.reveal(),
        }
    return found
