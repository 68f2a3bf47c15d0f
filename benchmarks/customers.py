"""Seeded customers, as a system would hand them over and as records of the log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.types import Operation, Position, Record, StreamId

STREAM = StreamId("crm", "customer")
COUNTRIES = ("AT", "BE", "CH", "DE", "ES", "FR", "GB", "IT", "NL", "PL")
START = datetime(2026, 1, 1, tzinfo=UTC)


def customers(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """The data of `customer.v1`, about 500 bytes of JSON each."""
    chance = random.Random(seed)
    for number in range(count):
        country = chance.choice(COUNTRIES)
        changed = START + timedelta(seconds=number)
        yield {
            "id": str(10_000 + number),
            "name": f"Customer {number} {chance.choice(('GmbH', 'Ltd', 'SA', 'BV'))}",
            "type": "organization",
            "status": chance.choice(("prospect", "active", "inactive")),
            "code": f"C-{number:08}",
            "email": f"office{number}@customer-{number}.example",
            "phone": f"+49 30 {chance.randrange(10**7, 10**8)}",
            "website": f"https://customer-{number}.example",
            "country": country,
            "billing_address": {
                "lines": [f"{chance.randrange(1, 300)} Main Street"],
                "city": f"City {chance.randrange(1_000)}",
                "postal_code": f"{chance.randrange(10_000, 99_999)}",
                "country": country,
            },
            "employees": chance.randrange(1, 5_000),
            "payment_term_days": chance.choice((14, 30, 60)),
            "updated_at": changed.isoformat().replace("+00:00", "Z"),
        }


def account_rows(count: int) -> Iterator[bytes]:
    """The same customers as lines of JSON in the shape of a CRM."""
    for data in customers(count):
        address = data["billing_address"]
        yield msgspec.json.encode(
            {
                "Id": data["id"],
                "Name": data["name"],
                "Status": data["status"].upper(),
                "AccountNumber": data["code"],
                "Email": data["email"],
                "Phone": data["phone"],
                "Website": data["website"],
                "BillingStreet": address["lines"][0],
                "BillingCity": address["city"],
                "BillingPostalCode": address["postal_code"],
                "BillingCountryCode": address["country"],
                "NumberOfEmployees": data["employees"],
                "PaymentTermDays": data["payment_term_days"],
                "IsDeleted": False,
                "SystemModstamp": data["updated_at"].replace("Z", "+00:00"),
            }
        )


def records(count: int) -> list[Record]:
    encode = msgspec.json.encode
    return [
        Record(
            position=Position(str(STREAM), number // 1_000, number % 1_000),
            generation=0,
            stream=STREAM,
            key=data["id"],
            contract="customer.v1",
            operation=Operation.UPSERT,
            data=msgspec.Raw(encode(data)),
            recorded_at=START,
            version=data["updated_at"],
            event_at=START,
        )
        for number, data in enumerate(customers(count))
    ]
