"""What the gateway asks of the world: sources, sinks, endpoints. The store's port is `gateway.store.port`.

A connector is a class with a name, a config model and `open`. It may offer any of the three
capabilities; the gateway asks for the one a project uses. Retry, rate limits, paging caps,
redaction and metrics wrap a connector from outside: none of them is written inside one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict

from gateway.http import HttpSession
from gateway.types import Checked, Cursor, Delivery, Outcome, Page, StreamSchema, Write


class ConnectorConfig(BaseModel):
    """The base of every connector's settings: unknown settings are errors, values never change."""

    # An error does not show what was written: it may be a secret that should be a reference.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StreamSettings(ConnectorConfig):
    """The base of what a connector accepts below `streams: NAME:` besides the gateway's own
    settings (`mapping`, `every_secs`, `drift`, `on_flood`)."""


class Runtime(msgspec.Struct, frozen=True):
    """What the gateway hands to a connector when it opens it.

    `http` is the one guarded session: no connector makes a client of its own. `folder` is the
    project's folder; relative paths in a config start there. `state` is a folder for what a
    connector must spool.
    """

    name: str
    http: HttpSession
    folder: Path
    state: Path


@runtime_checkable
class Source(Protocol):
    """A system that can be read."""

    async def check(self) -> Sequence[Checked]:
        """Contact the system and say what was found, one line a thing looked at.

        Raises nothing for what a person must mend: that is a `Checked` with `ok=False`.
        """
        ...

    async def discover(self) -> Sequence[StreamSchema]:
        """The streams the system offers, with their columns."""
        ...

    def pull(self, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
        """Yield pages after `since` (None: from the beginning) until the source is caught up.

        The caller commits each page with its cursor before it asks for the next one (of pages
        without rows that follow one another, one a second), and calls
        again `every_secs` after the end. It may drop the iterator at any page and come back
        with any cursor that was ever yielded: the same rows must then be read again.
        Raise Outage to be called again later with the same cursor, DriftError where the system
        no longer has what was asked for, ConfigError for what a person must mend.
        """
        ...


@runtime_checkable
class Sink(Protocol):
    """A system that can be written."""

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Write, and say for each write how it went, in their order.

        A write is asked for again after a crash, so it must be safe to repeat, and one that
        would change nothing must be skipped (`Delivered(receipt="unchanged")`).
        Raise Outage where the whole system is unavailable, Ambiguous where it failed without
        saying which write is at fault; the caller then holds, or tries halves.
        """
        ...


@runtime_checkable
class Endpoint(Protocol):
    """What a route delivers to."""

    async def check(self) -> Sequence[Checked]:
        """As for a source. Where the system describes its inputs, compare nothing here: say them."""
        ...

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one batch and return one outcome each, in order.

        Where the protocol gives one verdict for all, raise it: Refusal (the caller bisects until
        the offending record is alone), Ambiguous (it bisects, and holds where nothing gets
        through), Outage (it holds). Called concurrently up to the endpoint's `max_in_flight`.
        At most one record of a key is in flight at a time.
        """
        ...


class Connector(Protocol):
    """What an entry point of the group `headrace.connectors` (sources, sinks) or
    `headrace.endpoints` leads to: a class whose `config` model validates the YAML below the
    source or endpoint, and whose `open` gives a Source, Sink and/or Endpoint."""

    name: ClassVar[str]
    summary: ClassVar[str]
    config: ClassVar[type[ConnectorConfig]]
    stream_settings: ClassVar[type[StreamSettings]]

    @classmethod
    def open(
        cls, config: Any, streams: Mapping[str, Any], runtime: Runtime
    ) -> AbstractAsyncContextManager[Any]:
        """Open the system: log in, make pools. The gateway leaves the context at the end.

        `config` is an instance of `cls.config`, `streams` maps stream names to instances of
        `cls.stream_settings` (empty for an endpoint). Opening must not contact the system in a
        way that fails when it is down: the first pull or send may.
        """
        ...
