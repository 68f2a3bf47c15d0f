"""A customer: who buys, or may."""

from __future__ import annotations

from typing import Literal

from contracts.address import Address
from contracts.base import Contract
from contracts.identifier import Identifier
from contracts.money import Money
from contracts.values import (
    CalendarDate,
    CountryCode,
    EmailAddress,
    Instant,
    LanguageTag,
    PhoneNumber,
    SourceId,
    Text,
)


class CustomerV1(Contract, name="customer", version=1, kind="state"):
    """An organisation or a person that buys from us, or may."""

    id: SourceId
    """The customer's identifier in the source."""
    name: Text
    """Full name: the registered name of an organisation, given and family name of a person."""
    type: Literal["organization", "person"] | None = None
    """Whether the customer is an organisation or a person."""
    status: Literal["prospect", "active", "inactive", "blocked"] | None = None
    """`prospect` has not bought yet; with `blocked` no new business is done."""
    code: Text | None = None
    """The number that people use for the customer, where it is not the identifier."""
    identifiers: tuple[Identifier, ...] | None = None
    """Identifiers in other schemes, such as VAT numbers."""
    parent_id: SourceId | None = None
    """The identifier of the organisation that this customer belongs to."""
    email: EmailAddress | None = None
    """The address that the customer is written to first."""
    phone: PhoneNumber | None = None
    """The number that the customer is called at first."""
    website: Text | None = None
    """The customer's site, as a URL or a host name."""
    language: LanguageTag | None = None
    """The language that the customer is addressed in (BCP 47)."""
    country: CountryCode | None = None
    """The country that the customer is based in."""
    billing_address: Address | None = None
    """Where invoices go."""
    shipping_address: Address | None = None
    """Where goods go."""
    industry: Text | None = None
    """The branch of business, as the source classifies it."""
    segment: Text | None = None
    """The group that sales and marketing put the customer in."""
    tags: tuple[Text, ...] | None = None
    """Labels that people gave the customer."""
    employees: int | None = None
    """How many people work there."""
    annual_revenue: Money | None = None
    """The customer's own revenue of a year."""
    credit_limit: Money | None = None
    """How much the customer may owe us at a time."""
    payment_term_days: int | None = None
    """Days between an invoice and its due date."""
    owner_id: SourceId | None = None
    """The identifier of our person who looks after the customer."""
    customer_since: CalendarDate | None = None
    """The day the business relation began."""
    created_at: Instant | None = None
    """When the source created the row."""
    updated_at: Instant | None = None
    """When the source last changed the row."""
