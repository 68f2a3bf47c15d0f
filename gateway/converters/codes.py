"""Converters that make the codes of ISO lists."""

from __future__ import annotations

from contracts.codes import COUNTRIES, COUNTRY_OF_ALPHA_3, CURRENCIES, WITHDRAWN_CURRENCIES
from gateway.converters.registration import ConversionError, Convert, converter
from gateway.types import RowValue

_ALSO_USED = {"UK": "GB", "EL": "GR"}
"""Reserved by ISO for the United Kingdom, and Greece's prefix in the EU's VAT numbers."""


@converter("country_code")
def country_code() -> Convert:
    """An ISO 3166-1 alpha-2 code, from alpha-2 or alpha-3 in any case; empty text is null."""

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, str):
            raise ConversionError("an ISO 3166-1 country code")
        code = value.strip().upper()
        if not code:
            return None
        code = _ALSO_USED.get(code) or COUNTRY_OF_ALPHA_3.get(code, code)
        if code not in COUNTRIES:
            raise ConversionError("an ISO 3166-1 country code such as 'DE' or 'DEU'")
        return code

    return convert


@converter("currency_code")
def currency_code() -> Convert:
    """An ISO 4217 code, in any case; empty text is null."""

    def convert(value: RowValue) -> RowValue:
        if not isinstance(value, str):
            raise ConversionError("an ISO 4217 currency code")
        code = value.strip().upper()
        if not code:
            return None
        if code not in CURRENCIES and code not in WITHDRAWN_CURRENCIES:
            raise ConversionError("an ISO 4217 currency code such as 'EUR'")
        return code

    return convert
