"""The operator's port: what the API, the console and the command line can ask of a gateway.

Everything that only reads or writes state goes to `store` directly; what needs the running parts
(programs, routes, readers) is a verb here. `gateway.pipeline` implements it, both for the gateway
that runs and for a project that is opened just to be looked at or mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from gateway.config.model import Project
from gateway.store.port import Drift, LetterFilter, RouteStatus, Store, StreamStatus
from gateway.types import Cursor, StreamId


class EndpointStatus(msgspec.Struct, frozen=True):
    """`state` is up, held (with why and until when the next probe waits) or unknown."""

    name: str
    type: str
    state: str
    reason: str | None
    held_until: datetime | None
    in_flight: int


class Status(msgspec.Struct, frozen=True):
    instance: str
    version: str
    started_at: datetime | None
    """None where the project is only looked at, not run."""
    log_end: int
    streams: Sequence[StreamStatus]
    routes: Sequence[RouteStatus]
    endpoints: Sequence[EndpointStatus]
    letters: Mapping[str, int]
    """Letters by state."""
    drifts: int
    """Open ones."""


class Forecast(msgspec.Struct, frozen=True):
    """What a replay would do, or did, with letters of one cause."""

    fingerprint: str
    code: str
    detail: str
    letters: int
    resolves: int
    superseded: int
    fails: int
    failures: Mapping[str, int]
    """For those that fail: today's reason → count."""


class ReplayReport(msgspec.Struct, frozen=True):
    dry_run: bool
    letters: int
    resolved: int
    superseded: int
    returned: int
    """Deliveries that went back into their route: it settles them."""
    failed: int
    forecasts: Sequence[Forecast]


class Change(msgspec.Struct, frozen=True):
    """One thing that `apply` would swap in: `place` in the project, what kind, before and after."""

    place: str
    kind: str
    before: str | None
    after: str | None


class ApplyReport(msgspec.Struct, frozen=True):
    dry_run: bool
    changes: Sequence[Change]
    restart_needed: Sequence[str]
    """Places whose change only a restart takes in."""


class Control(Protocol):
    @property
    def project(self) -> Project: ...
    @property
    def store(self) -> Store: ...

    async def status(self) -> Status: ...

    def unready(self) -> str | None:
        """Why the gateway cannot work just now (starting, draining, store gone), or None."""
        ...

    async def replay(
        self, where: LetterFilter, *, dry_run: bool, force: bool, by: str
    ) -> ReplayReport:
        """Put letters back in at their own stage, through today's mapping, contract and route.

        A letter whose key has moved on is marked superseded instead, unless forced.
        """
        ...

    async def discarded(self) -> None:
        """Letters were discarded: keys that waited for them are free."""
        ...

    async def accept(self, drift_id: str, *, by: str, patch: Mapping[str, Any] | None) -> Drift:
        """Write the proposal (or `patch`) into the mapping file, swap the mapping in, go on.

        Raises ConfigError when the patched mapping would not be valid; nothing is changed then.
        """
        ...

    async def apply(self, *, dry_run: bool, by: str) -> ApplyReport:
        """Read the project again and swap in what changed between two pages."""
        ...

    async def backfill(self, stream: StreamId, since: Cursor | None) -> None:
        """Read a stream again from `since` (None: from the beginning); every row gets a new position."""
        ...

    def mapping_text(self, stream: StreamId) -> str:
        """The mapping as the file has it now."""
        ...
