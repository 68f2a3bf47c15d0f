"""The value types: what they take, and what they refuse to guess."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts import values
from contracts.codes import COUNTRIES, COUNTRY_OF_ALPHA_3, CURRENCIES, WITHDRAWN_CURRENCIES
from contracts.json import Json
from contracts.money import Money


def taken(kind, value):
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (values.SourceId, 5, "5"),
        (values.SourceId, Decimal("5.00"), "5"),
        (values.SourceId, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (values.CountryCode, "DE", "DE"),
        (values.CurrencyCode, "HRK", "HRK"),
        (values.Amount, 0.1, Decimal("0.1")),
        (values.Amount, "12.50", Decimal("12.50")),
        (
            values.Instant,
            datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            datetime(2025, 12, 31, 23, tzinfo=UTC),
        ),
        (values.CalendarDate, "2026-01-31", date(2026, 1, 31)),
        (values.PhoneNumber, "030/1234", "030/1234"),
        (values.EmailAddress, "ü@bücher.example", "ü@bücher.example"),
        (values.LanguageTag, "pt-BR", "pt-BR"),
    ],
)
def test_takes(kind, value, result) -> None:
    assert taken(kind, value) == result


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (values.SourceId, ""),
        (values.SourceId, 5.5),
        (values.SourceId, True),
        (values.SourceId, None),
        (values.CountryCode, "de"),
        (values.CountryCode, "XX"),
        (values.CountryCode, "UK"),
        (values.CurrencyCode, "EURO"),
        (values.CurrencyCode, "eur"),
        (values.Amount, True),
        (values.Amount, Decimal("1E+38")),
        (values.Amount, Decimal("1E-39")),
        (values.Instant, 1_700_000_000),
        (values.Instant, "1700000000"),
        (values.Instant, "2026-01-31T12:00:00"),
        (values.Instant, datetime(2026, 1, 1)),  # noqa: DTZ001 - the point of it
        (values.Instant, "0000-01-01T00:00:00Z"),
        (values.Instant, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
        (values.CalendarDate, 20260131),
        (values.CalendarDate, "20260131"),
        (values.CalendarDate, "0000-00-00"),
        (values.EmailAddress, "nobody"),
        (values.EmailAddress, "a b@x.example"),
        (values.EmailAddress, "a@x"),
        (values.PhoneNumber, "call me"),
        (values.Share, 1.5),
        (values.Text, ""),
        (values.Text, "\ud800"),
    ],
)
def test_refuses(kind, value) -> None:
    with pytest.raises(ValidationError):
        taken(kind, value)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", float("nan"), float("inf"), Decimal("sNaN")])
def test_money_is_finite(amount) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount, "currency": "EUR"})


@pytest.mark.parametrize(
    ("amount", "written"), [("1E+3", "1000"), ("1E-10", "0.0000000001"), ("-0", "-0")]
)
def test_amounts_are_written_plainly(amount, written) -> None:
    money = Money(amount=Decimal(amount), currency="EUR")
    assert money.model_dump_json() == f'{{"amount":"{written}","currency":"EUR"}}'


def test_json_takes_what_rows_hold() -> None:
    assert taken(Json, {"a": Decimal("1.50"), "b": (date(2026, 1, 1), None, True)}) == {
        "a": 1.5,
        "b": ["2026-01-01", None, True],
    }


def test_json_refuses_what_it_cannot_say() -> None:
    deep: list = []
    for _ in range(100):
        deep = [deep]
    for value in (float("nan"), Decimal("Infinity"), deep, {1: 2}, object()):
        with pytest.raises(ValidationError):
            taken(Json, value)


def test_the_code_lists_are_whole() -> None:
    assert len(COUNTRIES) == 249
    assert set(COUNTRY_OF_ALPHA_3.values()) == COUNTRIES
    assert len(COUNTRY_OF_ALPHA_3) == 249
    assert not CURRENCIES & WITHDRAWN_CURRENCIES
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES | WITHDRAWN_CURRENCIES)
