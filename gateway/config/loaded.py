"""A project that was read and found valid: what the pipeline is built from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from contracts import Contract
from gateway.conditions import Condition
from gateway.config.model import Project
from gateway.config.model import Route as RouteSettings
from gateway.mapping import Mapping as StreamMapping
from gateway.plugins import Plugins
from gateway.ports import Connector, ConnectorConfig, StreamSettings
from gateway.registry import Registry


class LoadedMapping(NamedTuple):
    """A mapping and its file's text, as `headrace apply` compares it."""

    mapping: StreamMapping
    text: str


class LoadedSource(msgspec.Struct, frozen=True):
    """What `connector.open` takes: the validated config, and the settings of each stream."""

    connector: type[Connector]
    config: ConnectorConfig
    streams: Mapping[str, StreamSettings]


class LoadedEndpoint(msgspec.Struct, frozen=True):
    connector: type[Connector]
    config: ConnectorConfig


class LoadedProject(msgspec.Struct, frozen=True):
    """`mappings` goes by the path as the project file writes it, `conditions` by route.

    `project` holds the settings of sources and endpoints as written, references unresolved: it can
    be shown. `digest` changes with any byte of the file, its overlay or a mapping.
    """

    project: Project
    folder: Path
    file: Path
    overlay: str | None
    text: str
    digest: str
    sources: Mapping[str, LoadedSource]
    endpoints: Mapping[str, LoadedEndpoint]
    mappings: Mapping[str, LoadedMapping]
    conditions: Mapping[str, Condition]
    registry: Registry
    plugins: Plugins

    @property
    def contracts(self) -> dict[str, type[Contract]]:
        """Every contract by reference, those of the endpoints' answers among them."""
        return {each.ref: each.contract for each in self.registry}

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / self.project.storage.removeprefix("sqlite:///")

    @property
    def state(self) -> Path:
        """Where the gateway keeps what belongs to this project and is not in the store."""
        return self.folder / ".headrace"

    def route(self, name: str) -> RouteSettings:
        return self.project.routes[name]

    def mapping_file(self, path: str) -> Path:
        return self.folder / path
