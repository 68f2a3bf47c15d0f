"""Reading a stream: the connector's pages, and a guard against a source that never ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from gateway.errors import Outage
from gateway.ports import Source
from gateway.types import Cursor, Page

MAX_EMPTY_PAGES = 1_000
"""So many pages in a row without a row and without progress are a loop too."""

REMEMBERED_CURSORS = 100_000
"""Cursors of one reading, as 16-byte digests: 1.6 MB at the most."""


class PagingLoop(Outage):
    """The source repeats its pages. Nothing is wrong with the rows already read."""

    code = "paging_loop"


async def extract(source: Source, stream: str, since: Cursor | None) -> AsyncGenerator[Page, None]:
    """Yield the pages of one reading, from `since` until the source is caught up.

    A page with rows whose cursor this reading has had before means that the source goes round in
    circles: it raises PagingLoop before the page is passed on, and the caller waits.
    """
    seen = {_digest(since)}
    idle = 0
    pages = source.pull(stream, since)
    # Closed here and now when the caller drops out, so that a half-read cursor is given back.
    async with aclosing(cast("AsyncGenerator[Page, None]", pages)):
        async for page in pages:
            digest = _digest(page.cursor)
            if digest not in seen:
                idle = 0
                if len(seen) < REMEMBERED_CURSORS:
                    seen.add(digest)
            elif page.rows:
                raise PagingLoop(
                    f"{page.stream} repeats its pages: after {len(seen)} pages it came back to a "
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


def _digest(cursor: Cursor | None) -> bytes:
    encoded = msgspec.json.encode(cursor, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16).digest()
