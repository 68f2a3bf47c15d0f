"""An opportunity: business that may come."""

from __future__ import annotations

from typing import Literal

from contracts.base import Contract
from contracts.money import Money
from contracts.values import CalendarDate, Instant, LongText, Share, SourceId, Text


class OpportunityV1(Contract, name="opportunity", version=1, kind="state"):
    """A deal that may be won or lost; a lead is an opportunity that nobody has qualified yet."""

    id: SourceId
    """The opportunity's identifier in the source."""
    customer_id: SourceId | None = None
    """The identifier of the customer it is about, once there is one."""
    number: Text | None = None
    """The number that people use for it."""
    name: Text | None = None
    """What it is about, in a line."""
    description: LongText | None = None
    """What it is about, at length."""
    type: Literal["lead", "opportunity"] | None = None
    """Whether it has been qualified."""
    status: Literal["open", "won", "lost", "cancelled"]
    """How it stands."""
    stage: Text | None = None
    """The step of the sales process, as the source names it."""
    amount: Money | None = None
    """The value expected."""
    probability: Share | None = None
    """The chance of winning that the source holds, between 0 and 1."""
    expected_close_on: CalendarDate | None = None
    """The day it is expected to be decided."""
    channel: Text | None = None
    """Where it came from: a campaign, the web, a referral."""
    lost_reason: Text | None = None
    """Why it was lost, where it was."""
    owner_id: SourceId | None = None
    """The identifier of our person who works on it."""
    started_on: CalendarDate | None = None
    """The day it began."""
    closed_at: Instant | None = None
    """When it was decided."""
    created_at: Instant | None = None
    """When the source created the row."""
    updated_at: Instant | None = None
    """When the source last changed the row."""
