"""Writing: one outcome for each row, safe to repeat.

Tryton has no upsert and no idempotency key: every row is searched by its key first, compared, and
created, changed or left alone. What can go in one transaction is tried in one; where that is
refused, each row goes alone, so that one bad row does not take the others with it. A change
carries the `_timestamp` that was read, so nobody's change in between is overwritten.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from connectors.tryton.client import TrytonClient
from connectors.tryton.coercion import NotTaken
from connectors.tryton.config import WriteSettings
from connectors.tryton.faults import Conflict
from connectors.tryton.target import Change, Definitions, Row, Target
from gateway.errors import Ambiguous, ConfigError, DriftError, Outage, Refusal
from gateway.types import Delivered, Later, Outcome, Refused, Write

DEFINITION_SECS = 60.0
KEYS_AT_ONCE = 100


class Writer:
    """`clock` is monotonic, in seconds."""

    def __init__(
        self,
        client: TrytonClient,
        writes: Mapping[str, WriteSettings],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._writes = writes
        self._clock = clock
        self._known: dict[str, tuple[float, Definitions]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def push(self, stream: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """See `gateway.ports.Sink.push`. What concerns all rows (a model or field that is not
        there, rights to read) is an Outage: the route holds until a person has mended it."""
        settings = self._writes.get(stream) or WriteSettings()
        model = settings.model or stream
        try:
            # Two routes that search, miss and create would make two rows of one key.
            async with self._turns[model]:
                return await self._pushed(model, settings, writes)
        except (ConfigError, DriftError) as error:
            raise Outage(error.message, mend=error.mend, code=error.code) from None

    async def _pushed(
        self, model: str, settings: WriteSettings, writes: Sequence[Write]
    ) -> Sequence[Outcome]:
        target = Target(model, settings, await self._definitions(model))
        outcomes: dict[int, Outcome] = {}
        waves: list[list[Row]] = []
        turns: dict[str, int] = {}
        for place, write in enumerate(writes):
            try:
                row = target.row(place, write)
            except NotTaken as error:
                outcomes[place] = Refused("value_invalid", str(error))
                continue
            # Rows of one key go one after the other, in their order.
            turn = turns[row.identity] = turns.get(row.identity, -1) + 1
            if turn == len(waves):
                waves.append([])
            waves[turn].append(row)
        for wave in waves:
            outcomes |= await self._find(target, wave)
            changes = []
            for row in wave:
                if row.place in outcomes:
                    continue
                decided = target.decide(row)
                if isinstance(decided, Change):
                    changes.append(decided)
                else:
                    outcomes[row.place] = decided
            outcomes |= await self._apply(target, changes)
        return [outcomes[place] for place in range(len(writes))]

    async def _definitions(self, model: str) -> Definitions:
        until, definitions = self._known.get(model, (0.0, {}))
        if self._clock() >= until:
            definitions = await self._client.read(f"model.{model}.fields_get", [])
            self._known[model] = (self._clock() + DEFINITION_SECS, definitions)
        return definitions

    async def _find(self, target: Target, rows: Sequence[Row]) -> dict[int, Outcome]:
        """Read what the keys name, into each row's `found`: one request for each hundred. Returns
        an outcome for those whose search was refused."""
        refused: dict[int, Outcome] = {}
        for start in range(0, len(rows), KEYS_AT_ONCE):
            part = rows[start : start + KEYS_AT_ONCE]
            try:
                await self._search(target, part)
            except Refusal:
                # One key that leads to a row that is gone, or hidden, spoils the search of all.
                for row in part:
                    try:
                        await self._search(target, [row])
                    except Refusal as error:
                        refused[row.place] = _failed(error)
        return refused

    async def _search(self, target: Target, rows: Sequence[Row]) -> None:
        names = {"id", "_timestamp", *target.settings.prefix}
        names |= {name for row in rows for name in (*row.key, *row.values)}
        try:
            sent = await self._client.call(
                f"model.{target.model}.search_read",
                target.domain(rows), 0, None, [["id", "ASC"]], sorted(names),
                context={"active_test": False},
            )  # fmt: skip
        except Ambiguous as error:
            # Nothing was written: no row is at fault, and the same may be asked again.
            raise Outage(error.message, after=error.after, code=error.code) from None
        for row in rows:
            row.found = [each for each in sent if target.is_of(row, each)]

    async def _apply(self, target: Target, changes: Sequence[Change]) -> dict[int, Outcome]:
        verbs: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            verbs[change.verb].append(change)
        return {
            **await self._together(target, verbs["create"], self._create),
            **await self._together(target, verbs["write"], self._write),
            **await self._replaced(target, verbs["replace"]),
            **await self._together(target, verbs["delete"], self._delete),
        }

    async def _replaced(self, target: Target, changes: Sequence[Change]) -> dict[int, Outcome]:
        # The new row first: if we die between the two, there are two, and the next push removes one.
        outcomes = await self._together(target, changes, self._create)
        made = [change for change in changes if isinstance(outcomes[change.row.place], Delivered)]
        for place, removed in (await self._together(target, made, self._delete)).items():
            if not isinstance(removed, Delivered):
                outcomes[place] = removed
        return outcomes

    async def _together(
        self,
        target: Target,
        changes: Sequence[Change],
        run: Callable[[Target, Sequence[Change]], Awaitable[Sequence[str]]],
    ) -> dict[int, Outcome]:
        """All in one transaction, or else each in its own."""
        if not changes:
            return {}
        try:
            receipts = await run(target, changes)
        except (Refusal, Conflict) as error:
            if len(changes) == 1:
                return {changes[0].row.place: _failed(error)}
            outcomes: dict[int, Outcome] = {}
            for change in changes:
                outcomes |= await self._together(target, [change], run)
            return outcomes
        return {
            change.row.place: Delivered(receipt=receipt)
            for change, receipt in zip(changes, receipts, strict=True)
        }

    async def _create(self, target: Target, changes: Sequence[Change]) -> list[str]:
        ids = await self._client.call(
            f"model.{target.model}.create", [change.values for change in changes]
        )
        return [f"created {target.model},{id}" for id in ids]

    async def _write(self, target: Target, changes: Sequence[Change]) -> list[str]:
        pairs: list[Any] = []
        for change in changes:
            pairs += [change.ids, change.values]
        await self._client.call(
            f"model.{target.model}.write", *pairs, context=target.stamps(changes)
        )
        return [f"written {target.model},{change.ids[0]}" for change in changes]

    async def _delete(self, target: Target, changes: Sequence[Change]) -> list[str]:
        ids = [id for change in changes for id in change.ids]
        await self._client.call(f"model.{target.model}.delete", ids, context=target.stamps(changes))
        return [f"deleted {target.model},{change.ids[0]}" for change in changes]


def _failed(error: Refusal | Conflict) -> Outcome:
    if isinstance(error, Conflict):
        return Later(error.code, error.message, costs_attempt=True)
    return Refused(error.code, str(error))
