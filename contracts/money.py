"""Money: never an amount without its currency."""

from __future__ import annotations

from contracts.base import Value
from contracts.values import Amount, CurrencyCode


class Money(Value):
    """An amount of a currency. Not rounded to the minor unit: unit prices may be finer."""

    amount: Amount
    """The amount in the currency's main unit; negative for what is owed the other way."""
    currency: CurrencyCode
    """ISO 4217 code of the currency."""
