"""The operator's verbs, on a gateway that runs or on a project that is only opened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import drift, events
from gateway.config.load import load
from gateway.config.loaded import LoadedProject
from gateway.config.model import Project
from gateway.control import ApplyReport, EndpointStatus, ReplayReport, Status
from gateway.errors import ConfigError
from gateway.events import emit
from gateway.pipeline.applying import changes, replacement_needed, restart_needed
from gateway.pipeline.assembly import Assembly, assemble
from gateway.pipeline.machinery import Machinery
from gateway.pipeline.replaying import Replaying
from gateway.pipeline.workers import Workers
from gateway.store.port import (
    Drift,
    LetterFilter,
    RouteStatus,
    RouteTally,
    Store,
    StreamStatus,
    Tally,
)
from gateway.types import Cursor, StreamId


class GatewayControl:
    """`gateway.control.Control`. `machinery` is None where nothing runs."""

    def __init__(
        self,
        assembly: Assembly,
        store: Store,
        machinery: Machinery | None,
        *,
        version: str,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self.assembly = assembly
        self._store = store
        self._machinery = machinery
        self._version = version
        self._clock = clock
        self._started_at = clock() if machinery else None
        self._unready: str | None = "starting" if machinery else None
        self._replaying = Replaying(
            store,
            lambda: self.assembly,
            clock=clock,
            ids=ids,
            returned=self._returned,
        )

    @property
    def project(self) -> Project:
        return self.assembly.loaded.project

    @property
    def store(self) -> Store:
        return self._store

    @property
    def _workers(self) -> Workers | None:
        return None if self._machinery is None else self._machinery.workers

    def ready(self, unready: str | None = None) -> None:
        """Say that the gateway works now, or why it does not."""
        self._unready = unready

    def unready(self) -> str | None:
        if self._unready is not None or self._workers is None:
            return self._unready
        return self._workers.trouble()

    async def status(self) -> Status:
        end = await self._store.log.end()
        streams = {each.stream: each for each in await self._store.streams.list()}
        routes = {each.route: each for each in await self._store.routes.list()}
        return Status(
            instance=self.project.instance,
            version=self._version,
            started_at=self._started_at,
            log_end=end,
            streams=[streams.get(id) or _unread(id) for id in self.assembly.streams],
            routes=[routes.get(name) or _unworked(name, end) for name in self.assembly.routes],
            endpoints=self._endpoints(),
            letters=await self._store.letters.counts(),
            drifts=len(await self._store.drifts.list()),
        )

    def _endpoints(self) -> list[EndpointStatus]:
        if self._workers is not None:
            return [gate.status() for gate in self._workers.gates.values()]
        return [
            EndpointStatus(name, each.type, "unknown", None, None, 0)
            for name, each in self.project.endpoints.items()
        ]

    async def replay(
        self, where: LetterFilter, *, dry_run: bool, force: bool, by: str
    ) -> ReplayReport:
        return await self._replaying.run(where, dry_run=dry_run, force=force, by=by)

    async def discarded(self) -> None:
        """Letters were discarded: keys that waited for them are free."""
        if self._workers is not None:
            for worker in self._workers.routes.values():
                worker.refresh()

    def _returned(self, route: str) -> None:
        if self._workers is not None and route in self._workers.routes:
            self._workers.routes[route].refresh()

    async def accept(self, drift_id: str, *, by: str, patch: Mapping[str, Any] | None) -> Drift:
        found = [each for each in await self._store.drifts.list() if each.id == drift_id]
        if not found:
            raise ConfigError(
                f"There is no open drift {drift_id}.",
                mend="`headrace drift list` shows the open ones.",
                code="unknown_drift",
            )
        accepted = found[0]
        proposal = accepted.proposal if patch is None else patch
        patched = self._patched(accepted.stream, proposal) if proposal else None
        # Closed before the mapping is swapped in: the stream would see the drift gone otherwise,
        # and call it reverted.
        await self._store.drifts.close(drift_id, "accepted", by)
        emit(events.DriftClosed(accepted.stream, drift_id, "accepted", by))
        if self._workers is not None:
            self._workers.holds.accepted(accepted.stream, drift_id)
        if patched is not None:
            await self._take_in(patched, by)
        if self._workers is not None and accepted.stream in self._workers.streams:
            self._workers.streams[accepted.stream].nudge()
        closed = await self._store.drifts.list(include_closed=True)
        return next(each for each in closed if each.id == drift_id)

    def _patched(self, stream: StreamId, proposal: Mapping[str, Any]) -> Assembly:
        """Write the mapping, if the project is valid with it; else put back what was there."""
        path = self._mapping_file(stream)
        before = path.read_text("utf-8")
        after = drift.patched(before, proposal)
        _replace(path, after)
        try:
            return assemble(self._reload())
        except ConfigError:
            _replace(path, before)
            raise

    async def apply(self, *, dry_run: bool, by: str) -> ApplyReport:
        fresh = assemble(self._reload())
        found = changes(self.assembly.loaded, fresh.loaded)
        restart = restart_needed(self.assembly.loaded, fresh.loaded)
        if not dry_run:
            if restart:
                raise ConfigError(
                    f"{', '.join(restart)} cannot be changed while the gateway runs.",
                    mend="Restart the gateway to take it in; nothing was changed.",
                    code="restart_needed",
                )
            await self._take_in(fresh, by)
            emit(events.ApplyDone(by, len(found), len(restart)))
        return ApplyReport(dry_run, found, restart)

    async def _take_in(self, fresh: Assembly, by: str) -> None:
        before = self.assembly
        if self._machinery is not None:
            if replacement_needed(before.loaded, fresh.loaded):
                self.ready("taking in a changed project")
                try:
                    await self._machinery.replace(fresh, before)
                finally:
                    self.ready()
            else:
                self._machinery.workers.swap(fresh)
        self.assembly = fresh
        await remember(self._store, fresh.loaded, by, self._clock())

    def _reload(self) -> LoadedProject:
        loaded = self.assembly.loaded
        return load(loaded.file, overlay=loaded.overlay, plugins=loaded.plugins)

    async def backfill(self, stream: StreamId, since: Cursor | None) -> None:
        self._known(stream)
        await self._store.streams.move(stream, since)
        if self._workers is not None and stream in self._workers.streams:
            self._workers.streams[stream].nudge()

    def mapping_text(self, stream: StreamId) -> str:
        return self._mapping_file(stream).read_text("utf-8")

    def _mapping_file(self, stream: StreamId) -> Path:
        self._known(stream)
        loaded = self.assembly.loaded
        return loaded.mapping_file(self.assembly.streams[stream].settings.mapping)

    def _known(self, stream: StreamId) -> None:
        if stream not in self.assembly.streams:
            known = ", ".join(str(each) for each in self.assembly.streams)
            raise ConfigError(
                f"The project has no stream {stream}.",
                mend=f"It has {known or 'none'}.",
                code="unknown_stream",
            )


def _unread(stream: StreamId) -> StreamStatus:
    return StreamStatus(stream, 0, None, "new", None, Tally(), None)


def _unworked(route: str, end: int) -> RouteStatus:
    return RouteStatus(route, 0, 0, end, None, 0, 0, RouteTally())


async def remember(store: Store, loaded: LoadedProject, by: str, at: datetime) -> None:
    """Keep the texts that are in force, so that they can be put back."""
    await store.revisions.add(loaded.file.name, loaded.text, by, at)
    for path, mapping in loaded.mappings.items():
        await store.revisions.add(path, mapping.text, by, at)


def _replace(path: Path, text: str) -> None:
    """All of the new text or all of the old, also when the power fails."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
