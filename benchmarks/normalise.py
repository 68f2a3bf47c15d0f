"""From lines of JSON to contract data on the log: a page through its program.

The peer is the loop that everybody writes by hand: json.loads, a dictionary by hand, pydantic,
model_dump_json. Both must make the same bytes. What ours does on top is the mapping as data, the
checks of size, depth, duplicate keys and NaN, and a record with key, version and position.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.customers import START, STREAM, account_rows
from benchmarks.measure import Contender, Result, Work, compare
from contracts.customer import CustomerV1
from gateway.config.model import Limits
from gateway.mapping import Mapping
from gateway.normalise import normalise
from gateway.program import compile_mapping
from gateway.types import Page, RawRow

ROWS = 20_000
PAGE = 1_000
MAPPING = {
    "contract": "customer.v1",
    "key": "Id",
    "version": "SystemModstamp",
    "at": {"from": "SystemModstamp", "as": "utc_datetime"},
    "deleted": "IsDeleted",
    "fields": {
        "id": "Id",
        "name": "Name",
        "type": {"value": "organization"},
        "status": {"from": "Status", "as": "lower"},
        "code": "AccountNumber",
        "email": "Email",
        "phone": "Phone",
        "website": "Website",
        "country": "BillingCountryCode",
        "billing_address": {
            "object": True,
            "fields": {
                "lines": {"from": "BillingStreet", "as": "list"},
                "city": "BillingCity",
                "postal_code": "BillingPostalCode",
                "country": "BillingCountryCode",
            },
        },
        "employees": "NumberOfEmployees",
        "payment_term_days": "PaymentTermDays",
        "updated_at": {"from": "SystemModstamp", "as": "utc_datetime"},
    },
}


async def run() -> list[Result]:
    lines = list(account_rows(ROWS))
    pages = [
        Page(STREAM, [RawRow(line) for line in lines[start : start + PAGE]], {"row": start})
        for start in range(0, ROWS, PAGE)
    ]
    if _ours(pages[:1]) != _by_hand(lines[:PAGE]):
        raise AssertionError("the two do not make the same data: nothing can be compared")

    async def ours() -> Work:
        async def work() -> int:
            return len(_ours(pages))

        return work

    async def by_hand() -> Work:
        async def work() -> int:
            return len(_by_hand(lines))

        return work

    compared = await compare(
        "normalise",
        "rows",
        f"{ROWS:,} rows of {sum(map(len, lines)) // ROWS} bytes to customer.v1, {PAGE:,} a page",
        [Contender("headrace's page program", ours), Contender("pydantic row loop", by_hand)],
    )
    return [compared]


def _ours(pages: Sequence[Page]) -> list[bytes]:
    program = compile_mapping(Mapping.model_validate(MAPPING), CustomerV1)
    made: list[bytes] = []
    for number, page in enumerate(pages):
        done = normalise(
            page, program, page_seq=number, now=START, ids=_no_letters, limits=Limits()
        )
        made += [bytes(record.data) for record in done.records]
    return made


def _no_letters() -> str:
    raise AssertionError("a good row was refused")


def _by_hand(lines: Sequence[bytes]) -> list[bytes]:
    made: list[bytes] = []
    for line in lines:
        row: dict[str, Any] = json.loads(line)
        customer = CustomerV1.model_validate(
            {
                "id": row["Id"],
                "name": row["Name"],
                "type": "organization",
                "status": row["Status"].lower(),
                "code": row["AccountNumber"],
                "email": row["Email"],
                "phone": row["Phone"],
                "website": row["Website"],
                "country": row["BillingCountryCode"],
                "billing_address": {
                    "lines": [row["BillingStreet"]],
                    "city": row["BillingCity"],
                    "postal_code": row["BillingPostalCode"],
                    "country": row["BillingCountryCode"],
                },
                "employees": row["NumberOfEmployees"],
                "payment_term_days": row["PaymentTermDays"],
                "updated_at": row["SystemModstamp"],
            }
        )
        made.append(customer.model_dump_json(exclude_unset=True).encode())
    return made
