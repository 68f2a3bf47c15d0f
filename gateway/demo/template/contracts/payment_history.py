"""A payment as the shop's ledger has it: with what the customer had bought before.

The shipped `payment.v1` is about the money alone. A project that needs more says so in a contract
of its own, on top of it.
"""

from __future__ import annotations

from contracts.payment import PaymentV1
from contracts.values import Amount


class PaymentHistoryV1(PaymentV1, name="payment.history", version=1, kind="state"):
    """A payment, and the customer's purchases up to it."""

    items: int
    """How many items were paid for."""
    purchases_before: int
    """How often the customer had bought before this purchase."""
    days_since_previous: int | None = None
    """Days since the purchase before; null where this is the first one."""
    spent_before: Amount
    """What the customer had spent before, in the payment's currency."""
