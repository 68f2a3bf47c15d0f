"""Our own writes, coming back: rows whose content is what it was before are no news.

Without this a write-back would change the row's version, the row would be read again, and the
model would be asked again, for ever (DESIGN's guarantee that a write-back never causes a
prediction by itself).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.store.port import Store
from gateway.types import NO_DATA, Record, StreamId


class Echoes:
    """For a stream that is also written to. `content` gives the hash of what the record says,
    leaving out what we write and what merely changes with every write."""

    def __init__(self, store: Store, content: Callable[[Record], bytes]) -> None:
        self._store = store
        self.content = content

    async def strip(
        self, stream: StreamId, records: Sequence[Record]
    ) -> tuple[Sequence[Record], Mapping[str, bytes], int]:
        """The records that say something new, the hashes to remember, and how many do not."""
        keys = list({record.key for record in records})
        known = dict(await self._store.log.hashes(stream, keys))
        fresh: dict[str, bytes] = {}
        kept: list[Record] = []
        for record in records:
            # A delete is always news, and so is whatever follows it.
            content = b"" if bytes(record.data) == bytes(NO_DATA) else self.content(record)
            if content and known.get(record.key) == content:
                continue
            kept.append(record)
            known[record.key] = fresh[record.key] = content
        return kept, fresh, len(records) - len(kept)
