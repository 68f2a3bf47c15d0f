"""The shop's PostgreSQL: its tables, its rows, and what the story does to them.

Payments are real purchases (see `inference/training.py`); how each was paid, the accounts' names
and the tickets are made up, the same for the same seed. The shop's own people work as the
superuser here; the gateway has a role of its own that may read, and write its scores.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from gateway.demo.names import FIRST, LAST

DATABASE = "shop"
GATEWAY = "gateway"
ARCHIVED_BEFORE = date(1997, 7, 1)
"""Payments of before are in a table of their own, which the gateway does not know at first."""
SCHEMA = """
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;

CREATE TABLE accounts (
  id text PRIMARY KEY, name text NOT NULL, email text NOT NULL, country text NOT NULL,
  customer_since date NOT NULL, churn double precision, churn_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE TABLE payments (
  id bigint PRIMARY KEY, customer_id text NOT NULL REFERENCES accounts, order_id text,
  amount numeric(12,2) NOT NULL, currency text NOT NULL, method text NOT NULL,
  paid_at timestamptz NOT NULL, items integer NOT NULL, purchases_before integer NOT NULL,
  days_since_previous integer, spent_before numeric(12,2) NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE TABLE payments_archive (LIKE payments INCLUDING DEFAULTS INCLUDING INDEXES);

CREATE TABLE tickets (
  id bigint PRIMARY KEY, customer_id text NOT NULL REFERENCES accounts, subject text NOT NULL,
  status text NOT NULL, priority text NOT NULL, channel text NOT NULL,
  opened_at timestamptz NOT NULL, resolved_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE TABLE churn_scores (
  payment_id bigint PRIMARY KEY, customer_id text NOT NULL, churn double precision NOT NULL,
  model text, model_version text, predicted_at timestamptz NOT NULL);

CREATE INDEX ON accounts (updated_at, id);
CREATE INDEX ON payments (updated_at, id);
CREATE INDEX ON payments_archive (updated_at, id);
CREATE INDEX ON tickets (updated_at, id);
CREATE TRIGGER stamp BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER stamp BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER stamp BEFORE UPDATE ON payments_archive FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER stamp BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION stamp();
"""
GRANTS = f"""
GRANT CONNECT ON DATABASE {DATABASE} TO {GATEWAY};
GRANT pg_read_all_stats TO {GATEWAY};
GRANT SELECT ON accounts, payments, payments_archive, tickets, churn_scores TO {GATEWAY};
GRANT UPDATE (churn, churn_at) ON accounts TO {GATEWAY};
GRANT INSERT, UPDATE ON churn_scores TO {GATEWAY};
"""
SUBJECTS = (
    ("The parcel did not arrive", "high"), ("A disc is scratched", "normal"),
    ("Wrong album in the box", "normal"), ("Charged twice", "urgent"),
    ("When will it be in stock?", "low"), ("Please change my address", "low"),
)  # fmt: skip


class Purchase(msgspec.Struct, frozen=True):
    """One line of `purchases.jsonl`: what a customer bought on a day, and the history then."""

    customer: int
    date: date
    items: int
    amount: float
    purchases_before: int
    days_since_previous: float
    spent_before: float


class Shop:
    """`url` is the superuser's way into the server, up to the database's name."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(f"{self._url}/{DATABASE}", min_size=1, max_size=4)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def create(self, password: str) -> None:
        """The database, its tables, and the gateway's role."""
        server = await asyncpg.connect(f"{self._url}/postgres")
        try:
            quoted = await server.fetchval("SELECT quote_literal($1::text)", password)
            await server.execute(f"CREATE ROLE {GATEWAY} LOGIN PASSWORD {quoted}")
            await server.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await server.close()
        await self.open()
        await self.run(SCHEMA)
        await self.run(GRANTS)

    async def seed(self, purchases: Sequence[Purchase], parties: Mapping[int, str]) -> None:
        """`parties` says which customers the ERP knows, too, and by what id."""
        dice = random.Random(1)
        first: dict[int, date] = {}
        for each in purchases:
            first.setdefault(each.customer, each.date)
        accounts = [
            _account(parties.get(who) or f"cd-{who}", day, dice) for who, day in first.items()
        ]
        # The archive comes first: its payments are older, and so are their numbers.
        archived = [each for each in purchases if each.date < ARCHIVED_BEFORE]
        current = [each for each in purchases if each.date >= ARCHIVED_BEFORE]
        numbered = [
            _payment(number, each, parties.get(each.customer) or f"cd-{each.customer}", dice)
            for number, each in enumerate((*archived, *current), 1)
        ]
        archive, payments = numbered[: len(archived)], numbered[len(archived) :]
        tickets = [_ticket(number, dice.choice(payments), dice) for number in range(1, 301)]
        pool = self._opened
        await pool.copy_records_to_table(
            "accounts",
            records=accounts,
            columns=("id", "name", "email", "country", "customer_since"),
        )
        await pool.copy_records_to_table("payments", records=payments, columns=PAYMENT)
        await pool.copy_records_to_table("payments_archive", records=archive, columns=PAYMENT)
        await pool.copy_records_to_table("tickets", records=tickets, columns=TICKET)

    async def run(self, statement: str, *values: Any) -> str:
        said: str = await self._opened.execute(statement, *values)
        return said

    async def row(self, statement: str, *values: Any) -> Any:
        return await self._opened.fetchrow(statement, *values)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        found: list[Any] = await self._opened.fetch(statement, *values)
        return found

    async def versions(self, table: str) -> dict[str, datetime]:
        """The last version of every row, asked of the database itself."""
        rows = await self.rows(f"SELECT id::text AS id, updated_at FROM {table}")  # noqa: S608
        return {row["id"]: row["updated_at"] for row in rows}

    @property
    def _opened(self) -> asyncpg.Pool[Any]:
        if self._pool is None:
            raise RuntimeError("the shop's database is not open")
        return self._pool


PAYMENT = (
    "id", "customer_id", "order_id", "amount", "currency", "method", "paid_at", "items",
    "purchases_before", "days_since_previous", "spent_before",
)  # fmt: skip
TICKET = (
    "id", "customer_id", "subject", "status", "priority", "channel", "opened_at", "resolved_at",
)  # fmt: skip


def _account(key: str, since: date, dice: random.Random) -> tuple[Any, ...]:
    first, last = dice.choice(FIRST), dice.choice(LAST)
    country = dice.choices(("US", "CA", "GB", "DE"), (80, 8, 7, 5))[0]
    return (key, f"{first} {last}", f"account-{key}@example.com", country, since)


def _payment(number: int, bought: Purchase, key: str, dice: random.Random) -> tuple[Any, ...]:
    at = datetime(bought.date.year, bought.date.month, bought.date.day, tzinfo=UTC)
    gap = int(bought.days_since_previous)
    return (
        number, key, None, round(bought.amount, 2), "USD",
        dice.choices(("card", "cheque", "transfer"), (80, 15, 5))[0],
        at + timedelta(seconds=dice.randrange(86_400)), bought.items, bought.purchases_before,
        None if gap < 0 else gap, round(bought.spent_before, 2),
    )  # fmt: skip


def _ticket(number: int, payment: tuple[Any, ...], dice: random.Random) -> tuple[Any, ...]:
    subject, priority = dice.choice(SUBJECTS)
    opened = payment[6] + timedelta(days=dice.randrange(1, 30))
    done = dice.random() < 0.8
    return (
        number, payment[1], subject, "resolved" if done else "open", priority,
        dice.choice(("email", "phone", "web")), opened,
        opened + timedelta(hours=dice.randrange(1, 200)) if done else None,
    )  # fmt: skip
