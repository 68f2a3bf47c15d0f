"""The questions a stream asks Tryton: what changed, where the newest change is, which rows exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from connectors.tryton.client import TrytonClient
from connectors.tryton.config import TrytonStream
from connectors.tryton.shape import STAMPS, Shape
from gateway.errors import DriftError

BY_ID = [["id", "ASC"]]
IDS_AT_ONCE = 10_000
STAMPS_AT_ONCE = 2_000


_Page = TypeVar("_Page")


class ReadRow(msgspec.Struct, frozen=True):
    id: int
    values: Mapping[str, Any]
    version: str
    at: datetime


class Changes:
    """One stream's questions; each is one request, except where it says otherwise."""

    def __init__(self, client: TrytonClient, shape: Shape, settings: TrytonStream) -> None:
        self._client = client
        self._shape = shape
        self._settings = settings
        # A deactivated row is changed, not gone: Tryton would hide it.
        self._context = {"active_test": False, **settings.context}

    async def page(self, *, above: datetime | None, after: int | None) -> Sequence[ReadRow]:
        """The next rows by id changed after `above`: a full page, or all that is left."""
        domain = [*self._settings.domain]
        if above is not None:
            domain.append(self._changed(">", above))
        if after is not None:
            domain.append(["id", ">", after])
        rows = await self._rows(domain, self._settings.page_rows, self._shape.wanted)
        return _beyond(after, rows, [row.id for row in rows])

    async def rows(self, ids: Sequence[int]) -> Sequence[ReadRow]:
        """These rows, as far as they still exist."""
        domain = [*self._settings.domain, ["id", "in", list(ids)]]
        return await self._rows(domain, len(ids), self._shape.wanted)

    async def versions(self, since: datetime) -> Mapping[int, str]:
        """Id → version of every row changed since then. One request for each 2,000 rows."""
        wanted = ["id", *STAMPS]
        for child in self._shape.children:
            wanted += [f"{child}.id", *(f"{child}.{stamp}" for stamp in STAMPS)]
        found: dict[int, str] = {}
        after: int | None = None
        while True:
            domain = [*self._settings.domain, self._changed(">=", since)]
            if after is not None:
                domain.append(["id", ">", after])
            rows = await self._rows(domain, STAMPS_AT_ONCE, wanted)
            _beyond(after, rows, [row.id for row in rows])
            found.update((row.id, row.version) for row in rows)
            if len(rows) < STAMPS_AT_ONCE:
                return found
            after = rows[-1].id

    async def newest(self) -> datetime | None:
        """The newest change of the model and its children: all that is committed now and was
        changed up to it can be read. One or two requests for each model."""
        models = [self._shape.model, *(self._shape.relation(name) for name in self._shape.children)]
        stamps = [await self._newest(model) for model in models]
        return max((stamp for stamp in stamps if stamp is not None), default=None)

    async def ids(self) -> set[int]:
        """The ids of all rows of the stream. One request for each 10,000."""
        found: set[int] = set()
        after: int | None = None
        while True:
            domain = [*self._settings.domain]
            if after is not None:
                domain.append(["id", ">", after])
            ids = await self._client.read(
                f"model.{self._shape.model}.search",
                domain, 0, IDS_AT_ONCE, BY_ID, context=self._context,
            )  # fmt: skip
            found.update(_beyond(after, ids, ids))
            if len(ids) < IDS_AT_ONCE:
                return found
            after = ids[-1]

    async def _newest(self, model: str) -> datetime | None:
        stamps = ("last_modified_at",) if self._shape.coalesced else STAMPS
        newest: list[datetime] = []
        for stamp in stamps:
            rows = await self._client.read(
                f"model.{model}.search_read",
                [[stamp, "!=", None]], 0, 1, [[stamp, "DESC"]], [stamp], context=self._context,
            )  # fmt: skip
            newest += [row[stamp] for row in rows if row[stamp] is not None]
        return max(newest, default=None)

    def _changed(self, operator: str, at: datetime) -> list[Any]:
        own = self._stamped(operator, at)
        children = [[name, "where", self._stamped(operator, at)] for name in self._shape.children]
        return ["OR", own, *children] if children else own

    def _stamped(self, operator: str, at: datetime) -> list[Any]:
        if self._shape.coalesced:
            return [["last_modified_at", operator, at]]
        # Before 8.0 `write_date` is null until the first change, and nothing coalesces the two.
        return [
            "OR",
            [["write_date", operator, at]],
            [["write_date", "=", None], ["create_date", operator, at]],
        ]

    async def _rows(
        self, domain: Sequence[Any], limit: int, wanted: Sequence[str]
    ) -> Sequence[ReadRow]:
        sent = await self._client.read(
            f"model.{self._shape.model}.search_read",
            list(domain), 0, limit, BY_ID, list(wanted), context=self._context,
        )  # fmt: skip
        rows = []
        for each in sorted(sent, key=lambda each: int(each["id"])):
            values = self._shape.row(each)
            at, version = self._shape.changed_at(values), self._shape.version(values)
            assert at is not None
            assert version is not None
            rows.append(ReadRow(each["id"], values, version, at))
        return rows


def _beyond(after: int | None, page: _Page, ids: Sequence[int]) -> _Page:
    """The page, if it lies behind the last one. One that does not would come for ever."""
    if after is not None and ids and min(ids) <= after:
        raise DriftError(
            f"Tryton sent the row {min(ids)} again when it was asked for those after {after}.",
            mend="A module changes how this model is searched; `page_rows` above the number of "
            "rows reads them at once.",
            code="paging_loop",
        )
    return page
