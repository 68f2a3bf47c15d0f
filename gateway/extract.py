"""Reading a stream: the connector's pages, and a guard against a source that never ends and a
connector that yields what is no page."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any

import msgspec

from gateway.errors import HeadraceError, Outage
from gateway.ports import Source
from gateway.types import Cursor, Operation, Page, RawRow

MAX_EMPTY_PAGES = 1_000
"""So many pages in a row without a row and without progress are a loop too."""

REMEMBERED_CURSORS = 100_000
"""Cursors of one reading, as 16-byte digests: 1.6 MB at the most."""


class PagingLoop(Outage):
    """The source repeats its pages. Nothing is wrong with the rows already read."""

    code = "paging_loop"


class ConnectorFailed(Outage):
    """The connector did what no connector may. The caller waits and reads again: a bug that
    shows once in a while is then no more than a delay, and one that stays is said."""

    code = "connector_failed"


async def extract(source: Source, stream: str, since: Cursor | None) -> AsyncGenerator[Page, None]:
    """Yield the pages of one reading, from `since` until the source is caught up.

    A page with rows whose cursor this reading has had before means that the source goes round in
    circles: it raises PagingLoop before the page is passed on, and the caller waits. Whatever is
    raised besides HeadraceErrors, and whatever is yielded besides pages, becomes ConnectorFailed.
    """
    seen = {_digest(since)}
    idle = count = 0
    pages = _begun(source, stream, since)
    try:
        while (page := await _next(pages, stream)) is not None:
            count += 1
            digest = _digest(page.cursor)
            if digest not in seen:
                idle = 0
                if len(seen) >= REMEMBERED_CURSORS:
                    seen.clear()  # A circle that is no longer than this is still found.
                seen.add(digest)
            elif page.rows:
                raise PagingLoop(
                    f"{page.stream} repeats its pages: after {count} pages it came back to a "
                    "cursor it had before.",
                    mend="Look at the paging of the source; the stream is tried again meanwhile.",
                )
            else:
                idle += 1
                if idle > MAX_EMPTY_PAGES:
                    raise PagingLoop(
                        f"{page.stream} sent {idle} empty pages without getting any further.",
                        mend="Look at the paging of the source; the stream is tried again meanwhile.",
                    )
            yield page
    finally:
        # Closed here and now when the caller drops out, so that a half-read cursor is given back.
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()


def _begun(source: Source, stream: str, since: Cursor | None) -> AsyncIterator[Page]:
    try:
        pages = source.pull(stream, since)
    except HeadraceError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a connector is somebody's code
        raise _raised(error) from None
    if not isinstance(pages, AsyncIterator):
        if inspect.iscoroutine(pages):
            pages.close()
        raise ConnectorFailed(
            f"The connector's `pull` gave a {type(pages).__name__}, no async iterator of pages.",
            mend="Write it as `async def` with `yield`.",
        )
    return pages


async def _next(pages: AsyncIterator[Page], stream: str) -> Page | None:
    """The next page, None at the end."""
    try:
        page = await anext(pages)
    except StopAsyncIteration:
        return None
    except HeadraceError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody has cancelled us: something inside the connector was.
        raise _raised(error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a connector is somebody's code
        raise _raised(error) from None
    fault = _fault(page, stream)
    if fault is not None:
        raise ConnectorFailed(
            f"The connector's page is none: {fault}.", mend="See `Page` in gateway.types."
        )
    return page


def _raised(error: BaseException) -> ConnectorFailed:
    # The message of a foreign error may hold payload or credentials; its type and place never do.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return ConnectorFailed(
        f"The connector raised {type(error).__name__}{where}, which it should have explained."
    )


def _fault(given: Any, stream: str) -> str | None:
    """What is wrong with a page, None where it is one. Nothing is believed but its type."""
    if not isinstance(given, Page):
        return f"it is of type {type(given).__name__}"
    page: Any = given
    if getattr(page.stream, "stream", None) != stream:
        return f"it is of the stream {page.stream}, and {stream} was asked for"
    if not isinstance(page.rows, Sequence):
        return f"its rows are of type {type(page.rows).__name__}"
    for index, row in enumerate(page.rows):
        if not isinstance(row, RawRow):
            return f"row {index} is of type {type(row).__name__}, not RawRow"
        if not _is_whole(row):
            return f"row {index} has an operation, key, version or time of a wrong type"
    if not isinstance(page.cursor, Mapping):
        return f"its cursor is of type {type(page.cursor).__name__}, not a mapping"
    try:
        msgspec.json.encode(page.cursor)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"its cursor is not JSON ({type(error).__name__})"
    return None


def _is_whole(row: Any) -> bool:
    return (
        isinstance(row.operation, Operation)
        and (row.key is None or isinstance(row.key, str))
        and (row.version is None or isinstance(row.version, str))
        and (row.at is None or isinstance(row.at, datetime))
    )


def _digest(cursor: Cursor | None) -> bytes:
    encoded = msgspec.json.encode(cursor, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16).digest()
