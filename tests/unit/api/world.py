"""A gateway to look at: a real store with something of everything in it, and the operator's verbs
done on that store alone, without workers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.model import Project
from gateway.control import ApplyReport, Change, EndpointStatus, Forecast, ReplayReport, Status
from gateway.errors import ConfigError
from gateway.store.port import (
    Drift,
    LetterFilter,
    Mend,
    PageResult,
    RouteStep,
    RouteTally,
    Tally,
)
from gateway.store.sql import SqlStore
from gateway.types import (
    Attempt,
    Cursor,
    DeadLetter,
    Delivery,
    DeliverySubject,
    LetterState,
    Operation,
    Position,
    RawSubject,
    Record,
    StreamId,
)

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
PARTY = StreamId("erp", "party.party")
TICKETS = StreamId("support", "public.tickets")
PAYMENTS = StreamId("support", "public.payments")

PROJECT = {
    "instance": "test",
    "sources": {
        "erp": {"type": "tryton", "streams": {"party.party": {"mapping": "mappings/party.yaml"}}},
        "support": {
            "type": "sql",
            "streams": {
                "public.tickets": {"mapping": "mappings/tickets.yaml"},
                "public.payments": {"mapping": "mappings/payments.yaml"},
            },
        },
    },
    "endpoints": {"late-payment": {"type": "open_inference"}, "archive": {"type": "file"}},
    "routes": {
        "score-customers": {"from": "customer.v1", "to": "late-payment"},
        "keep-everything": {"from": ["customer.v1", "ticket.v1"], "to": "archive"},
    },
}
MAPPING = """# What a ticket is called over there.
stream: public.tickets
contract: ticket.v1
key: id
fields:
  id: id
  subject: title
  opened_at: {from: created, as: utc_datetime}
"""


def record(stream: StreamId, page: int, row: int, key: str, **data: Any) -> Record:
    return Record(
        position=Position(str(stream), page, row),
        generation=0,
        stream=stream,
        key=key,
        contract="ticket.v1" if stream == TICKETS else "customer.v1",
        operation=Operation.UPSERT,
        data=msgspec.Raw(msgspec.json.encode({"id": key, **data})),
        recorded_at=NOW + timedelta(seconds=row),
        version=f"v{page}",
    )


def raw_letter(
    id: str,
    body: bytes,
    detail: str,
    *,
    stream: StreamId = TICKETS,
    code: str = "contract_violated",
    fingerprint: str = "v1:aaaaaaaaaaaaaaaa",
    key: str | None = "77",
    minutes: int = 0,
) -> DeadLetter:
    subject = RawSubject(
        Position(str(stream), 0, minutes), stream, body, "application/json", Operation.UPSERT, key
    )
    at = NOW + timedelta(minutes=minutes)
    return DeadLetter(id, code, detail, fingerprint, subject, at, contract="ticket.v1")


class World:
    """`gateway.control.Control` over a store in a folder."""

    def __init__(self, store: SqlStore, project: Project) -> None:
        self.store = store
        self.project = project
        self.now = NOW
        self.why_unready: str | None = None
        self.applied: list[bool] = []
        self.accepted: list[tuple[str, Mapping[str, Any] | None, str]] = []
        self.backfilled: list[tuple[StreamId, Cursor | None]] = []
        self.replayed: list[tuple[LetterFilter, bool, bool, str]] = []
        self.freed = 0
        self.broken: Exception | None = None
        self.mapping = MAPPING

    @classmethod
    async def open(cls, folder: Path, settings: Mapping[str, Any] = PROJECT) -> World:
        store = await SqlStore.open(folder / "headrace.db", instance="test", clock=lambda: NOW)
        return cls(store, Project.model_validate(settings))

    async def ingest(
        self,
        stream: StreamId,
        records: list[Record],
        letters: list[DeadLetter] | None = None,
        *,
        filtered: int = 0,
    ) -> None:
        letters = letters or []
        lease = await self.store.log.claim(stream)
        read = len(records) + len(letters) + filtered
        tally = Tally(read, len(records), len(letters), filtered)
        await self.store.log.ingested(
            PageResult(lease, lease.page, {"id": lease.page + 1}, {}, records, letters, tally)
        )

    async def advance(
        self, route: str, offset: int, *, opened: list[DeadLetter] | None = None, **counts: int
    ) -> None:
        lease = await self.store.routes.claim(route, 0, 0)
        tally = RouteTally(**counts)
        await self.store.routes.advanced(
            RouteStep(lease, offset, (), letters=opened or [], tally=tally)
        )

    async def fill(self) -> None:
        """Something of everything: records, letters of three causes, a lagging route, a drift."""
        names = ("Aurora Mills", "Brook & Sons", "Carta Ltd", "Delta Freight", "Ember GmbH")
        await self.ingest(
            PARTY,
            [record(PARTY, 0, i, str(i), name=name, country="DE") for i, name in enumerate(names)],
        )
        bad = msgspec.json.encode(
            {"id": 77, "title": None, "created": "0000-00-00", "who": {"email": "a@b.example"}}
        )
        sentence = (
            "ticket.v1: `created`, read from `created`: there was '0000-00-00', expected an instant"
        )
        letters = [
            raw_letter(
                f"l{n}", bad.replace(b"77", b"%d" % (77 + n)), sentence, key=str(77 + n), minutes=n
            )
            for n in range(4)
        ]
        letters.append(
            raw_letter(
                "l4",
                b'{"id": 9, "title": "caf\xe9"}',
                "The row is not UTF-8: byte 22 cannot be read.",
                code="row_not_utf8",
                fingerprint="v1:bbbbbbbbbbbbbbbb",
                key=None,
                minutes=10,
            )
        )
        tickets = [record(TICKETS, 0, i, str(i), subject=f"Pump {i} leaks") for i in range(20)]
        await self.ingest(TICKETS, tickets, letters, filtered=2)
        customer = record(PARTY, 0, 2, "2", name="Carta Ltd", country="DE")
        delivery = Delivery(
            "score-customers",
            3,
            customer,
            (Attempt(NOW, "server_error", "HTTP 500: no explanation"),),
        )
        refused = DeadLetter(
            "l5",
            "refused",
            "The model refused the input: `country` must be one of DE, FR.",
            "v1:cccccccccccccccc",
            DeliverySubject(delivery),
            NOW + timedelta(minutes=20),
            delivery.attempts,
            contract="customer.v1",
        )
        await self.advance(
            "score-customers", 4, opened=[refused], routed=4, delivered=3, letters=1, predictions=3
        )
        await self.advance("keep-everything", 25, routed=25, delivered=25)
        await self.store.drifts.open(
            Drift(
                "d1",
                PAYMENTS,
                [
                    {
                        "kind": "renamed",
                        "column": "amount",
                        "new": "amount_eur",
                        "before": None,
                        "after": None,
                        "detail": "the column `amount` is gone and `amount_eur` is new",
                        "evidence": ["`amount_eur` has values of the same kind in 50 of 50 rows"],
                    }
                ],
                {"fields.subject": "headline"},
                [{"id": 1, "amount_eur": "12.50"}],
                NOW,
            )
        )

    async def status(self) -> Status:
        if self.broken is not None:
            raise self.broken
        return Status(
            instance=self.project.instance,
            version="1.2.3",
            started_at=NOW,
            log_end=await self.store.log.end(),
            streams=await self.store.streams.list(),
            routes=await self.store.routes.list(),
            endpoints=[
                EndpointStatus(
                    "late-payment",
                    "open_inference",
                    "held",
                    "connection refused",
                    NOW + timedelta(seconds=8),
                    0,
                ),
                EndpointStatus("archive", "file", "up", None, None, 1),
            ],
            letters=await self.store.letters.counts(),
            drifts=len(await self.store.drifts.list()),
        )

    def unready(self) -> str | None:
        return self.why_unready

    async def replay(
        self, where: LetterFilter, *, dry_run: bool, force: bool, by: str
    ) -> ReplayReport:
        """Raw rows become records as they are; deliveries go back into their route."""
        self.replayed.append((where, dry_run, force, by))
        found = await self.store.letters.list(where, 1_000)
        raws = [one for one in found if isinstance(one.subject, RawSubject)]
        forecasts = [
            Forecast(
                group.fingerprint, group.code, group.detail, group.count, group.count, 0, 0, {}
            )
            for group in await self.store.letters.groups(where)
        ]
        if dry_run:
            return ReplayReport(True, len(found), 0, 0, 0, 0, forecasts)
        mends = [
            Mend(one.id, record(TICKETS, 9, n, one.subject.key or one.id), yields=not force)
            for n, one in enumerate(raws)
            if isinstance(one.subject, RawSubject)
        ]
        states = await self.store.letters.mended(mends)
        resolved = sum(state is LetterState.RESOLVED for state in states.values())
        ids = [one.id for one in found if one not in raws]
        returned = await self.store.letters.returned(ids, NOW, force)
        return ReplayReport(
            False, len(found), resolved, len(states) - resolved, returned, 0, forecasts
        )

    async def discarded(self) -> None:
        self.freed += 1

    async def accept(self, drift_id: str, *, by: str, patch: Mapping[str, Any] | None) -> Drift:
        if patch == {"fields.nonsense": 1}:
            raise ConfigError(
                "ticket.v1 has no field nonsense.", file="mappings/tickets.yaml", line=9
            )
        self.accepted.append((drift_id, patch, by))
        await self.store.drifts.close(drift_id, "accepted", by)
        return next(
            one for one in await self.store.drifts.list(include_closed=True) if one.id == drift_id
        )

    async def apply(self, *, dry_run: bool, by: str) -> ApplyReport:
        self.applied.append(dry_run)
        change = Change("routes.score-customers.batch.max_records", "changed", "64", "32")
        return ApplyReport(dry_run, [change], [])

    async def backfill(self, stream: StreamId, since: Cursor | None) -> None:
        self.backfilled.append((stream, since))

    def mapping_text(self, stream: StreamId) -> str:
        return self.mapping
