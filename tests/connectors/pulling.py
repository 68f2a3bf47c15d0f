"""Opens a connector as the gateway does, and reads streams to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from gateway.http import HttpSession
from gateway.ports import Runtime
from gateway.types import Cursor, Page


@asynccontextmanager
async def opened(
    connector: Any, config: Mapping[str, Any], streams: Mapping[str, Any], folder: Path
) -> AsyncIterator[Any]:
    """The connector's source or sink; neither SQL nor files go over HTTP."""
    runtime = Runtime(
        name="shop", http=cast(HttpSession, None), folder=folder, state=folder / "state"
    )
    async with connector.open(
        connector.config.model_validate(config),
        {name: connector.stream_settings.model_validate(each) for name, each in streams.items()},
        runtime,
    ) as system:
        yield system


async def read(source: Any, stream: str, since: Cursor | None = None) -> list[Page]:
    return [page async for page in source.pull(stream, since)]


def bodies(pages: Sequence[Page]) -> list[Any]:
    return [row.body for page in pages for row in page.rows]


def end(pages: Sequence[Page], since: Cursor | None = None) -> Cursor | None:
    """The cursor after the pages."""
    return pages[-1].cursor if pages else since
