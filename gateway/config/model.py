"""What a project file may say. Validated once, frozen, passed on explicitly.

A source's and an endpoint's own settings are validated by the connector's config model: they
arrive here unchecked in `settings` (secrets already references, not values) and the loader checks
them as soon as it knows the connector.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.secrets import Secret

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
ContractRef = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*\.v[1-9][0-9]*$")]


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Drift(Settings):
    """What to do when a stream's shape changes. `accept` takes the new shape as the promise,
    `hold` stops the stream at its cursor until a person accepts."""

    added: Literal["accept", "hold"] = "accept"
    removed: Literal["accept", "hold"] = "hold"
    renamed: Literal["accept", "hold"] = "hold"
    retyped: Literal["accept", "hold"] = "hold"


class Stream(Settings):
    """One stream of a source. `settings` is what the connector's stream settings take."""

    mapping: str
    every_secs: float = Field(default=10.0, gt=0, le=86_400)
    on_flood: Literal["hold", "letter"] = "hold"
    drift: Drift = Drift()
    settings: dict[str, Any] = {}


class Source(Settings):
    type: str
    streams: dict[str, Stream] = {}
    settings: dict[str, Any] = {}


class Endpoint(Settings):
    type: str
    max_in_flight: int = Field(default=4, ge=1, le=1_000)
    settings: dict[str, Any] = {}


class Batch(Settings):
    max_records: int = Field(default=64, ge=1, le=10_000)
    max_bytes: int = Field(default=4 << 20, ge=1)
    max_wait_ms: int = Field(default=20, ge=0, le=60_000)


class Retry(Settings):
    """A record's own failures: attempts, and the wait between them, doubling up to the maximum."""

    max_attempts: int = Field(default=8, ge=1, le=1_000)
    first_wait_secs: float = Field(default=1.0, gt=0)
    max_wait_secs: float = Field(default=300.0, gt=0)


class SinkTarget(Settings):
    """A stream of a business system, and the mapping that makes its rows from records."""

    sink: Name
    stream: str
    mapping: str


class Route(Settings):
    from_: ContractRef | list[ContractRef] = Field(alias="from")
    to: Name | SinkTarget
    when: str | None = None
    start: Literal["earliest", "latest"] | datetime | None = None
    """Must be said for a sink; elsewhere `earliest`."""
    batch: Batch = Batch()
    retry: Retry = Retry()
    on_dead_letter: Literal["continue", "block_key"] = "continue"

    @property
    def contracts(self) -> tuple[str, ...]:
        return (self.from_,) if isinstance(self.from_, str) else tuple(self.from_)


MIN_KEY_CHARS = 16
"""Shorter keys can be guessed."""


class ApiKey(Settings):
    """`viewer` may look, `operator` may replay, accept and apply."""

    name: Name
    key: Secret
    role: Literal["viewer", "operator"] = "operator"


class Api(Settings):
    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65_535)
    keys: list[ApiKey] = []


class Limits(Settings):
    max_row_bytes: int = Field(default=16 << 20, ge=1_024)
    max_depth: int = Field(default=64, ge=1, le=200)
    max_open_letters: int = Field(default=10_000, ge=1)
    """Open letters of one cause and stream after which the stream holds."""
    max_hops: int = Field(default=5, ge=1, le=50)


class Network(Settings):
    """Which addresses outbound requests may reach besides public ones, as CIDR blocks.

    Loopback is always reachable: what runs on the gateway's own machine was put there by its
    owner. Every other private, link-local or special range must be listed.
    """

    allow: list[str] = []


class Project(Settings):
    """The whole file."""

    sources: dict[Name, Source] = {}
    endpoints: dict[Name, Endpoint] = {}
    routes: dict[Name, Route] = {}
    instance: Name = "default"
    storage: str = "sqlite:///.headrace/headrace.db"
    contracts: list[str] = ["contracts/"]
    connectors: list[str] = ["connectors/"]
    api: Api = Api()
    limits: Limits = Limits()
    network: Network = Network()
