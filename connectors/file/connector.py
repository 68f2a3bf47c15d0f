"""The connector `file`: files as sources, a file as an endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar

from connectors.file.config import FileConfig, FileStream
from connectors.file.endpoint import FileEndpoint
from connectors.file.source import FileSource
from gateway.errors import ConfigError
from gateway.ports import Runtime


class FileConnector:
    """With `path` an endpoint that is written, else a source whose streams are read."""

    name: ClassVar[str] = "file"
    summary: ClassVar[str] = "Files of JSON lines or CSV, read as they grow; a file to append to"
    config: ClassVar[type[FileConfig]] = FileConfig
    stream_settings: ClassVar[type[FileStream]] = FileStream

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: FileConfig, streams: Mapping[str, FileStream], runtime: Runtime
    ) -> AsyncIterator[FileSource | FileEndpoint]:
        """Nothing is opened yet: the first pull or send does."""
        if config.path is None:
            yield FileSource(runtime.name, runtime.folder / config.folder, streams)
            return
        if streams:
            raise ConfigError(
                f"{runtime.name}: `path` names a file to write, and there are streams to read.",
                mend="Make two of it: an endpoint with `path`, a source with `streams`.",
            )
        endpoint = FileEndpoint(runtime.folder / config.path, config.tail_bytes)
        try:
            yield endpoint
        finally:
            await endpoint.close()
