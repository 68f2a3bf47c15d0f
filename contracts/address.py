"""A postal address."""

from __future__ import annotations

from contracts.base import Value
from contracts.values import CountryCode, Text


class Address(Value):
    """A postal address. What a source holds as one text goes into `lines`."""

    lines: tuple[Text, ...] | None = None
    """Street, house number and whatever stands above the town, a line each."""
    city: Text | None = None
    """Town or city."""
    region: Text | None = None
    """State, province or county, as the source names it."""
    postal_code: Text | None = None
    """Post code or ZIP code, with its leading zeros."""
    country: CountryCode | None = None
    """ISO 3166-1 alpha-2 code of the country."""
