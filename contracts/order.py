"""An order, with its lines."""

from __future__ import annotations

from typing import Literal

from contracts.address import Address
from contracts.base import Contract, Value
from contracts.money import Money
from contracts.values import Amount, CalendarDate, CurrencyCode, Instant, SourceId, Text


class OrderLine(Value):
    """One position of an order. Its amounts are in the order's currency."""

    id: SourceId | None = None
    """The line's identifier in the source."""
    position: int | None = None
    """The line's place in the order."""
    product_id: SourceId | None = None
    """The identifier of the product in the source."""
    sku: Text | None = None
    """The stock keeping unit: the number that people use for the product."""
    name: Text | None = None
    """What was ordered, in words."""
    quantity: Amount
    """How much was ordered; negative for what comes back."""
    unit: Text | None = None
    """The unit that the quantity counts."""
    unit_price: Amount | None = None
    """The price of one unit, before tax and after the line's discount."""
    discount: Amount | None = None
    """What was taken off a unit's list price."""
    amount: Amount | None = None
    """The line's total before tax."""


class OrderV1(Contract, name="order", version=1, kind="state"):
    """What a customer ordered, from the quotation to its end."""

    id: SourceId
    """The order's identifier in the source."""
    customer_id: SourceId
    """The identifier of the customer who ordered."""
    number: Text | None = None
    """The number that people use for the order."""
    reference: Text | None = None
    """The customer's own number for it."""
    status: Literal["draft", "quoted", "confirmed", "processing", "completed", "cancelled"]
    """How far the order has come."""
    currency: CurrencyCode
    """The currency of all amounts of this order."""
    untaxed: Money | None = None
    """The total before tax."""
    tax: Money | None = None
    """The tax on it."""
    total: Money | None = None
    """The total with tax."""
    lines: tuple[OrderLine, ...] | None = None
    """What was ordered."""
    billing_address: Address | None = None
    """Where the invoice goes."""
    shipping_address: Address | None = None
    """Where the goods go."""
    channel: Text | None = None
    """Where the order came from."""
    payment_term_days: int | None = None
    """Days between the invoice and its due date."""
    owner_id: SourceId | None = None
    """The identifier of our person who looks after the order."""
    ordered_on: CalendarDate | None = None
    """The day of the order."""
    ordered_at: Instant | None = None
    """The instant of the order, where the source knows it."""
    delivery_on: CalendarDate | None = None
    """The day the delivery is promised for."""
    created_at: Instant | None = None
    """When the source created the row."""
    updated_at: Instant | None = None
    """When the source last changed the row."""
