"""Each converter: what it takes, what it makes, what it refuses and how it says so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from gateway.converters import CONVERTERS, ConversionError, bind, scalar_text
from gateway.errors import ConfigError

PLUS_TWO = timezone(timedelta(hours=2))


def convert(name, value, arguments):
    return bind(name, arguments, "fields.x")[1](value)


@pytest.mark.parametrize(
    ("name", "arguments", "value", "result"),
    [
        ("text", {}, "  a b ", "a b"),
        ("text", {}, "   ", None),
        ("text", {"empty_as_null": False}, " ", ""),
        ("text", {"strip": False}, " a ", " a "),
        ("text", {"case": "upper"}, "ab", "AB"),
        ("text", {}, 5, "5"),
        ("text", {}, Decimal("5.00"), "5"),
        ("text", {}, True, "true"),
        ("text", {}, date(2026, 1, 2), "2026-01-02"),
        ("lower", {}, " A@B ", "a@b"),
        ("upper", {}, "de", "DE"),
        ("email_address", {}, "Jane Doe <jane@x.example>", "jane@x.example"),
        ("email_address", {}, "mailto:jane@x.example", "jane@x.example"),
        ("email_address", {}, "", None),
        ("format", {"pattern": "{a}-{b}"}, {"a": 1, "b": "x"}, "1-x"),
        ("format", {"pattern": "{{{value}}}"}, "x", "{x}"),
        ("format", {"pattern": "{a}-{b}"}, {"a": 1, "b": None}, None),
        ("format", {"pattern": "{a}-{b}", "missing": "empty"}, {"a": 1}, "1-"),
        ("join", {}, {"a": "Jane", "b": None, "c": " Doe "}, "Jane Doe"),
        ("join", {"separator": ", "}, ["a", "", "b"], "a, b"),
        ("join", {}, [None, ""], None),
        ("split", {"separator": ";"}, "a; b;;", ["a", "b"]),
        ("integer", {}, " 12 ", 12),
        ("integer", {}, 12.0, 12),
        ("integer", {"grouping": "."}, "1.234", 1234),
        ("integer", {}, "", None),
        ("decimal", {}, "12.50", Decimal("12.50")),
        ("decimal", {}, 0.1, Decimal("0.1")),
        ("decimal", {"point": ",", "grouping": "."}, "1.234,56", Decimal("1234.56")),
        ("decimal", {}, "-1.5e3", Decimal(-1500)),
        ("number", {}, Decimal("0.25"), 0.25),
        ("scale", {"by": 0.01}, "25", Decimal("0.25")),
        ("minor_units", {"currency": "EUR"}, 1250, Decimal("12.50")),
        ("minor_units", {"currency": "JPY"}, "1250", Decimal(1250)),
        ("minor_units", {"currency": "KWD"}, 1250, Decimal("1.250")),
        ("money", {"currency": "EUR"}, "5", {"amount": Decimal(5), "currency": "EUR"}),
        ("boolean", {}, "Yes ", True),
        ("boolean", {}, 0, False),
        ("boolean", {}, Decimal("1.0"), True),
        ("boolean", {}, "", None),
        ("boolean", {"true": ["ja"], "false": ["nein"]}, "JA", True),
        ("not", {}, "f", True),
        ("not", {}, True, False),
        ("equals", {"value": 1}, "1", True),
        ("equals", {"value": "x"}, None, False),
        ("equals", {"value": None}, None, True),
        ("one_of", {"values": ["a", None]}, None, True),
        ("one_of", {"values": ["a", 5]}, 5.0, True),
        ("one_of", {"values": ["a"]}, "b", False),
        ("present", {}, "", False),
        ("present", {}, None, False),
        ("present", {}, 0, True),
        ("default", {"value": "x"}, None, "x"),
        ("default", {"value": "x"}, "y", "y"),
        ("lookup", {"table": {"1": "one", "true": "yes"}}, 1, "one"),
        ("lookup", {"table": {"1": "one", "true": "yes"}}, True, "yes"),
        ("lookup", {"table": {"a": "A"}}, " a ", "A"),
        ("lookup", {"table": {"a": "A"}, "otherwise": None}, "b", None),
        ("complete", {}, {"a": 1, "b": None}, None),
        ("complete", {"parts": ["a", "b"]}, {"a": 1}, None),
        ("complete", {}, {"a": 1}, {"a": 1}),
        ("country_code", {}, " de", "DE"),
        ("country_code", {}, "DEU", "DE"),
        ("country_code", {}, "UK", "GB"),
        ("country_code", {}, "", None),
        ("currency_code", {}, "eur", "EUR"),
        ("count", {}, [1, 2], 2),
        ("list", {}, "a", ["a"]),
        ("list", {}, ["a", None, ""], ["a"]),
        ("json", {}, '{"a": 1.50}', {"a": Decimal("1.50")}),
        ("json", {}, {"a": 1}, {"a": 1}),
        ("date", {}, "2026-01-31", date(2026, 1, 31)),
        ("date", {}, datetime(2026, 1, 31), date(2026, 1, 31)),  # noqa: DTZ001
        ("date", {}, "2026-01-31T00:00:00", date(2026, 1, 31)),
        ("date", {"format": "%d.%m.%Y"}, "31.01.2026", date(2026, 1, 31)),
        (
            "date",
            {"timezone": "Europe/Berlin"},
            datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
            date(2026, 2, 1),
        ),
        ("date", {}, " ", None),
        (
            "utc_datetime",
            {},
            "2026-01-31T12:00:00+02:00",
            datetime(2026, 1, 31, 10, tzinfo=UTC),
        ),
        ("utc_datetime", {}, "2026-01-31 12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("utc_datetime", {}, "2026-01-31 12:00:00+00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (
            "utc_datetime",
            {"timezone": "Europe/Berlin"},
            datetime(2026, 7, 1, 12),  # noqa: DTZ001
            datetime(2026, 7, 1, 10, tzinfo=UTC),
        ),
        (
            "utc_datetime",
            {"timezone": "Europe/Berlin"},
            datetime(2026, 7, 1, 12, tzinfo=PLUS_TWO),
            datetime(2026, 7, 1, 10, tzinfo=UTC),
        ),
        (
            "utc_datetime",
            {"timezone": "Europe/Berlin"},
            "2026-10-25T02:30:00",  # happens twice: the earlier one
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
        (
            "utc_datetime",
            {"format": "%d/%m/%Y %H:%M"},
            "31/01/2026 12:30",
            datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
        ),
        ("utc_datetime", {}, "", None),
        ("instant_from_epoch", {}, 0, datetime(1970, 1, 1, tzinfo=UTC)),
        (
            "instant_from_epoch",
            {"unit": "milliseconds"},
            "1767225600123",
            datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
        ),
    ],
)
def test_converts(name, arguments, value, result) -> None:
    made = convert(name, value, arguments)
    assert made == result
    assert type(made) is type(result)


@pytest.mark.parametrize(
    ("name", "arguments", "value", "expected"),
    [
        ("text", {}, {"a": 1}, "text"),
        ("text", {}, b"x", "text"),
        ("text", {}, float("nan"), "text"),
        ("email_address", {}, "<", "email"),
        ("join", {}, "abc", "list"),
        ("join", {}, [{}], "text"),
        ("split", {}, 5, "text"),
        ("integer", {}, "1.5", "whole number"),
        ("integer", {}, "1e3x", "whole number"),
        ("integer", {}, True, "whole number"),
        ("decimal", {}, "Infinity", "number"),
        ("decimal", {}, "NaN", "number"),
        ("decimal", {}, float("inf"), "finite"),
        ("decimal", {}, Decimal("NaN"), "finite"),
        ("decimal", {}, "1_000", "number"),
        ("decimal", {}, "١٢", "number"),
        ("decimal", {}, "1e9999", "number"),
        ("decimal", {"point": ","}, "1.5", "','"),
        ("decimal", {}, [1], "number"),
        ("decimal", {"grouping": ","}, "1,5", "thousands"),
        ("integer", {"grouping": "."}, "1.5", "whole number"),
        ("number", {}, "1e999", "double"),
        ("boolean", {}, "maybe", "true"),
        ("boolean", {}, 2, "true"),
        ("boolean", {}, [], "boolean"),
        ("lookup", {"table": {"a": 1}}, "b", "'a'"),
        ("lookup", {"table": {"a": 1}}, ["a"], "'a'"),
        ("complete", {}, 5, "object"),
        ("country_code", {}, "Germany", "ISO 3166"),
        ("country_code", {}, 49, "ISO 3166"),
        ("currency_code", {}, "€", "ISO 4217"),
        ("count", {}, "abc", "list"),
        ("json", {}, "{", "JSON"),
        ("json", {}, "[1e999999999]", "JSON"),
        ("json", {}, "[" * 100_000, "JSON"),
        ("date", {}, "0000-00-00", "date"),
        ("date", {}, "2026-02-30", "date"),
        ("date", {}, "2026-01-31T12:00:00", "timezone"),
        ("date", {}, 20260131, "date"),
        ("date", {"format": "%d.%m.%Y"}, "2026-01-31", "%d.%m.%Y"),
        ("utc_datetime", {}, "0000-00-00 00:00:00", "date and time"),
        ("utc_datetime", {}, "2026-01-31", "date and time"),
        ("utc_datetime", {}, date(2026, 1, 31), "date and time"),
        ("utc_datetime", {}, 1700000000, "date and time"),
        ("utc_datetime", {}, "Infinity", "date and time"),
        ("utc_datetime", {}, datetime(1, 1, 1, tzinfo=PLUS_TWO), "years 1 and 9999"),
        ("instant_from_epoch", {}, "soon", "number"),
        ("instant_from_epoch", {}, 10**20, "since 1970"),
        ("instant_from_epoch", {}, float("inf"), "finite"),
    ],
)
def test_refuses_and_says_what_was_expected(name, arguments, value, expected) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(name, value, arguments)
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("utcdatetime", {}, "Did you mean 'utc_datetime'?"),
        ("zzz", {}, "does not exist"),
        ("utc_datetime", {"time_zone": "UTC"}, "Did you mean 'timezone'?"),
        ("not", {"x": 1}, "It takes none."),
        ("utc_datetime", {"timezone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ("utc_datetime", {"timezone": "../../etc/passwd"}, "is no time zone"),
        ("scale", {}, "Missing required argument"),
        ("scale", {"by": "x"}, "with.by"),
        ("scale", {"by": "NaN"}, "finite"),
        ("format", {"pattern": "{a.b}"}, "plain"),
        ("format", {"pattern": "{a[0]}"}, "plain"),
        ("format", {"pattern": "{0}"}, "plain"),
        ("format", {"pattern": "{a!r}"}, "plain"),
        ("format", {"pattern": "{a:>10}"}, "plain"),
        ("format", {"pattern": "{a"}, "expected '}'"),
        ("lookup", {"table": {}}, "empty"),
        ("money", {"currency": "EURO"}, "ISO 4217"),
        ("minor_units", {"currency": "x"}, "ISO 4217"),
        ("decimal", {"point": ",", "grouping": ","}, "differ"),
        ("boolean", {"true": ["x"], "false": ["X"]}, "true and false"),
        ("equals", {"value": [1]}, "must be"),
        ("instant_from_epoch", {"unit": "days"}, "with.unit"),
    ],
)
def test_what_a_mapping_must_not_say(name, arguments, message) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(name, arguments, "fields.x")
    assert "`fields.x." in str(caught.value)
    assert message in str(caught.value)


def test_every_converter_says_what_it_takes() -> None:
    assert [name for name, each in CONVERTERS.items() if len(each.description) < 20] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (5, "5"),
        (5.0, "5"),
        (Decimal("5.00"), "5"),
        (Decimal("1E+2"), "100"),
        (5.5, "5.5"),
        (True, "true"),
        (UUID(int=1), str(UUID(int=1))),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (float("nan"), None),
        (Decimal("Infinity"), None),
        (None, None),
        ([], None),
        (b"x", None),
    ],
)
def test_the_one_text_of_a_scalar(value, text) -> None:
    assert scalar_text(value) == text
