"""A project's sources and endpoints, opened for one command outside the running gateway."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.config.loaded import LoadedEndpoint, LoadedProject, LoadedSource
from gateway.errors import ConfigError
from gateway.http import HttpSession
from gateway.plugins import missing_package
from gateway.ports import Runtime


@asynccontextmanager
async def opened_source(loaded: LoadedProject, name: str, http: HttpSession) -> AsyncIterator[Any]:
    """A Source and, where the system can be written, Sink."""
    source: LoadedSource = loaded.sources[name]
    async with _opened(loaded, name, source, source.streams, http) as system:
        yield system


@asynccontextmanager
async def opened_endpoint(
    loaded: LoadedProject, name: str, http: HttpSession
) -> AsyncIterator[Any]:
    """An Endpoint."""
    async with _opened(loaded, name, loaded.endpoints[name], {}, http) as system:
        yield system


@asynccontextmanager
async def session(loaded: LoadedProject) -> AsyncIterator[HttpSession]:
    """The guarded HTTP session, with the networks that the project allows."""
    async with HttpSession.open(allow=loaded.project.network.allow) as http:
        yield http


@asynccontextmanager
async def _opened(
    loaded: LoadedProject,
    name: str,
    what: LoadedSource | LoadedEndpoint,
    streams: Any,
    http: HttpSession,
) -> AsyncIterator[Any]:
    # What a look spools must not get in the way of the gateway, so it has a folder of its own.
    with tempfile.TemporaryDirectory(prefix="headrace-") as state:
        runtime = Runtime(name, http, loaded.folder, Path(state))
        try:
            context = what.connector.open(what.config, streams, runtime)
            system = await context.__aenter__()
        except ImportError as error:
            raise _missing(name, error) from None
        try:
            yield system
        finally:
            await context.__aexit__(None, None, None)


def _missing(name: str, error: ImportError) -> ConfigError:
    missing = missing_package(error)
    if missing is None:
        return ConfigError(f"{name} cannot be opened: {error}.", code="broken_connector")
    return ConfigError(f"{name}: {missing.message}", mend=missing.mend, code=missing.code)
