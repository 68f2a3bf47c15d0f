"""A ticket: a customer asked for help."""

from __future__ import annotations

from typing import Literal

from contracts.base import Contract
from contracts.values import Instant, LongText, SourceId, Text


class TicketV1(Contract, name="ticket", version=1, kind="state"):
    """A request for support, from its opening to its end."""

    id: SourceId
    """The ticket's identifier in the source."""
    customer_id: SourceId | None = None
    """The identifier of the customer who asked."""
    number: Text | None = None
    """The number that people use for the ticket."""
    subject: Text
    """What it is about, in a line."""
    description: LongText | None = None
    """What it is about, at length."""
    status: Literal["new", "open", "waiting", "resolved", "closed"]
    """`waiting` waits for the customer."""
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    """How much it presses."""
    channel: Literal["email", "phone", "chat", "web", "social", "other"] | None = None
    """How the customer asked."""
    category: Text | None = None
    """The kind of request, as the source classifies it."""
    tags: tuple[Text, ...] | None = None
    """Labels that people gave the ticket."""
    assignee_id: SourceId | None = None
    """The identifier of our person who works on it."""
    order_id: SourceId | None = None
    """The identifier of the order it is about."""
    satisfaction: int | None = None
    """The customer's rating, in the scale of the source."""
    opened_at: Instant | None = None
    """When the customer asked."""
    first_response_at: Instant | None = None
    """When somebody first answered."""
    resolved_at: Instant | None = None
    """When it was solved."""
    closed_at: Instant | None = None
    """When it was closed for good."""
    created_at: Instant | None = None
    """When the source created the row."""
    updated_at: Instant | None = None
    """When the source last changed the row."""
