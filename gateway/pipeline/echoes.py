"""Our own writes, coming back: rows whose content is what it was before are no news.

Without this a write-back would change the row's version, the row would be read again, and the
model would be asked again, for ever (DESIGN's guarantee that a write-back never causes a
prediction by itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.pipeline.assembly import StreamPlan, content
from gateway.store.port import Store
from gateway.types import Record


class Echoes:
    """For streams that are also written to."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def strip(
        self, plan: StreamPlan, records: Sequence[Record]
    ) -> tuple[Sequence[Record], Mapping[str, bytes], int]:
        """The records that say something new, the hashes to remember, and how many do not."""
        keys = list({record.key for record in records})
        known = dict(await self._store.log.hashes(plan.stream, keys))
        fresh: dict[str, bytes] = {}
        kept: list[Record] = []
        for record in records:
            said = content(plan, record)
            if known.get(record.key) == said:
                continue
            kept.append(record)
            known[record.key] = fresh[record.key] = said
        return kept, fresh, len(records) - len(kept)
