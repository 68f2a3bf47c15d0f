"""A payment: money that moved, or is to."""

from __future__ import annotations

from typing import Literal

from contracts.base import Contract
from contracts.money import Money
from contracts.values import CalendarDate, Instant, SourceId, Text


class PaymentV1(Contract, name="payment", version=1, kind="state"):
    """A payment of a customer, or to one, from the demand to its end."""

    id: SourceId
    """The payment's identifier in the source."""
    customer_id: SourceId | None = None
    """The identifier of the customer who pays, or is paid."""
    order_id: SourceId | None = None
    """The identifier of the order that is paid for."""
    invoice_number: Text | None = None
    """The number of the invoice that is paid."""
    reference: Text | None = None
    """What the payer wrote, or the processor's number."""
    direction: Literal["incoming", "outgoing"] | None = None
    """`incoming` is paid to us, `outgoing` by us."""
    status: Literal["due", "pending", "paid", "failed", "refunded", "cancelled"]
    """`due` is asked for, `pending` is under way."""
    method: (
        Literal["bank_transfer", "direct_debit", "card", "cash", "cheque", "wallet", "other"] | None
    ) = None
    """How it is paid."""
    amount: Money
    """How much."""
    fee: Money | None = None
    """What the processor kept."""
    failure_reason: Text | None = None
    """Why it failed, where it did."""
    invoiced_on: CalendarDate | None = None
    """The day of the invoice."""
    due_on: CalendarDate | None = None
    """The day it is due."""
    paid_at: Instant | None = None
    """When the money came."""
    created_at: Instant | None = None
    """When the source created the row."""
    updated_at: Instant | None = None
    """When the source last changed the row."""
