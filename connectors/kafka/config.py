"""What a project says about a Kafka endpoint."""

from __future__ import annotations

import ssl
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.errors import ConfigError
from gateway.ports import ConnectorConfig
from gateway.secrets import Secret

Topic = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]|\{contract\}){1,249}$")]


class Tls(ConnectorConfig):
    """TLS to the brokers. Without `ca_file` the system's authorities are trusted;
    `certificate_file` and `key_file` are the client's own, where the brokers ask for one."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: Secret | None = None

    def context(self) -> ssl.SSLContext:
        """Raises ConfigError where a file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                password = self.key_password.reveal() if self.key_password else None
                context.load_cert_chain(self.certificate_file, self.key_file, password)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"the TLS files of the Kafka endpoint cannot be used: {error}.",
                mend="`ca_file`, `certificate_file` and `key_file` are PEM files.",
            ) from error
        return context


class Sasl(ConnectorConfig):
    """User name and password at the brokers."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str
    password: Secret


class KafkaConfig(ConnectorConfig):
    """`topic` may hold `{contract}`, which becomes the record's contract without its version.

    With `reply_topic` every record is a question: it carries the reply topic and a correlation
    id in its headers, and is delivered when a message with that id arrives there. What does not
    arrive within `reply_timeout_secs` is asked again.
    """

    bootstrap_servers: list[str] = Field(min_length=1)
    topic: Topic
    reply_topic: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")] | None = None
    reply_timeout_secs: float = Field(default=30.0, gt=0, le=3_600)
    timeout_secs: float = Field(default=10.0, gt=0, le=600)
    """How long to wait for the brokers to acknowledge."""
    batch_max_bytes: int = Field(default=512 << 10, ge=1_024, le=64 << 20)
    """Must not be above the topic's `max.message.bytes` (1 MiB where nobody changed it)."""
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    """All but gzip need the package that aiokafka names."""
    tls: Tls | None = None
    sasl: Sasl | None = None

    @model_validator(mode="after")
    def _password_is_protected(self) -> KafkaConfig:
        if self.sasl is not None and self.sasl.mechanism == "PLAIN" and self.tls is None:
            raise ValueError("SASL PLAIN sends the password as it is: add `tls: {}`")
        return self

    def topic_of(self, contract: str) -> str:
        return self.topic.replace("{contract}", contract.rsplit(".v", 1)[0])
