"""What an HTTP status means for a delivery: one table and one pure function.

The question behind every row is whether the status speaks of *what was sent* or of *the way in*.
What was sent: Refusal, the record becomes a dead letter. The way in (a wrong path, a redirect,
credentials, a model that is not loaded yet): Outage, the route holds and nothing is spent, because
every other record would fare the same until a person or time mends it. Where the status does not
say: Ambiguous, and the caller finds out by halves. `docs/verdicts.md` shows the table for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

import msgspec

from gateway.errors import Ambiguous, AuthError, HeadraceError, Outage, Refusal


class Verdict(StrEnum):
    OUTAGE = "outage"
    AMBIGUOUS = "ambiguous"
    REFUSAL = "refusal"
    AUTH = "auth"


class Rule(msgspec.Struct, frozen=True):
    """`words` finish the sentence “HOST answered 404: …”, `mend` says what a person can do."""

    verdict: Verdict
    code: str
    words: str
    mend: str | None = None


_URL = "Look at the URL and at what is deployed there."
_CREDENTIALS = "Look at `auth` and at what the account may do."

STATUS_RULES: Mapping[int, Rule] = MappingProxyType({
    400: Rule(Verdict.REFUSAL, "bad_request", "it does not accept what was sent"),
    401: Rule(Verdict.AUTH, "unauthorized", "the credentials were refused", _CREDENTIALS),
    402: Rule(Verdict.OUTAGE, "payment_required", "the account has no credit left"),
    403: Rule(Verdict.AUTH, "forbidden", "these credentials may not do that", _CREDENTIALS),
    404: Rule(Verdict.OUTAGE, "not_found", "nothing is there (yet)", _URL),
    405: Rule(Verdict.OUTAGE, "method_not_allowed", "it is not there to be posted to", _URL),
    406: Rule(Verdict.OUTAGE, "not_acceptable", "it cannot answer in JSON", _URL),
    407: Rule(Verdict.AUTH, "proxy_unauthorized", "a proxy wants credentials"),
    408: Rule(Verdict.OUTAGE, "request_timeout", "it had no time for the request"),
    409: Rule(Verdict.AMBIGUOUS, "conflict", "it conflicts with something under way"),
    410: Rule(Verdict.OUTAGE, "gone", "it is gone for good", _URL),
    411: Rule(Verdict.OUTAGE, "length_required", "a proxy on the way drops the length"),
    412: Rule(Verdict.AMBIGUOUS, "precondition_failed", "it has changed in the meantime"),
    413: Rule(Verdict.REFUSAL, "too_large", "what was sent is too large"),
    414: Rule(Verdict.REFUSAL, "uri_too_long", "the address is too long"),
    415: Rule(Verdict.OUTAGE, "media_type", "it does not take this media type", _URL),
    417: Rule(Verdict.OUTAGE, "expectation_failed", "a proxy on the way is in the way"),
    421: Rule(Verdict.OUTAGE, "misdirected", "this host does not serve that name", _URL),
    422: Rule(Verdict.REFUSAL, "unprocessable", "it understands what was sent and rejects it"),
    423: Rule(Verdict.AMBIGUOUS, "locked", "it is locked"),
    424: Rule(Verdict.AMBIGUOUS, "failed_dependency", "something behind it failed"),
    425: Rule(Verdict.OUTAGE, "too_early", "it is too early"),
    426: Rule(Verdict.OUTAGE, "upgrade_required", "it wants another protocol", _URL),
    428: Rule(Verdict.OUTAGE, "precondition_required", "it wants a condition with it"),
    429: Rule(Verdict.OUTAGE, "too_many_requests", "too many requests"),
    431: Rule(Verdict.REFUSAL, "headers_too_large", "the headers are too large"),
    451: Rule(Verdict.OUTAGE, "legal_reasons", "it is withheld for legal reasons"),
    500: Rule(Verdict.AMBIGUOUS, "server_error", "it failed"),
    502: Rule(Verdict.OUTAGE, "bad_gateway", "nothing answers behind it"),
    503: Rule(Verdict.OUTAGE, "unavailable", "it is unavailable"),
    504: Rule(Verdict.OUTAGE, "gateway_timeout", "nothing answered behind it in time"),
    507: Rule(Verdict.OUTAGE, "no_storage", "it has no room left"),
    509: Rule(Verdict.OUTAGE, "bandwidth", "its bandwidth is used up"),
    521: Rule(Verdict.OUTAGE, "origin_down", "nothing answers behind it"),
    522: Rule(Verdict.OUTAGE, "origin_down", "nothing answers behind it"),
    523: Rule(Verdict.OUTAGE, "origin_down", "nothing answers behind it"),
    529: Rule(Verdict.OUTAGE, "overloaded", "it is overloaded"),
})  # fmt: skip
"""Status → rule. A connector that knows its system better passes its own rows besides."""

_INFORMATIONAL = Rule(Verdict.AMBIGUOUS, "status_unknown", "that is not the end of an answer")
_REDIRECT = Rule(
    Verdict.OUTAGE, "redirected", "it is elsewhere, and redirects are not followed",
    "Write the final address as the URL.",
)  # fmt: skip
_CLIENT_ERROR = Rule(Verdict.REFUSAL, "client_error", "it does not accept what was sent")
_SERVER_ERROR = Rule(Verdict.AMBIGUOUS, "server_error", "it failed")
_UNKNOWN = Rule(Verdict.AMBIGUOUS, "status_unknown", "nobody knows what that means")


def rule_of(status: int, overrides: Mapping[int, Rule] | None = None) -> Rule | None:
    """The rule for a status, None for 2xx."""
    if overrides and status in overrides:
        return overrides[status]
    if 200 <= status < 300:
        return None
    if status in STATUS_RULES:
        return STATUS_RULES[status]
    by_class = {1: _INFORMATIONAL, 3: _REDIRECT, 4: _CLIENT_ERROR, 5: _SERVER_ERROR}
    return by_class.get(status // 100, _UNKNOWN)


def status_error(
    status: int,
    headers: Mapping[str, str],
    *,
    host: str,
    now: datetime,
    said: str | None = None,
    overrides: Mapping[int, Rule] | None = None,
) -> HeadraceError | None:
    """The error that a status is, None for 2xx.

    `said` is the reason the other side gave, already taken out of its body by someone who knows
    the protocol; it is shortened here. `now` dates a Retry-After that is a date.
    """
    rule = rule_of(status, overrides)
    if rule is None:
        return None
    message = f"{host} answered {status}: {rule.words}."
    if said and (words := excerpt(said)):
        message += f" It said: “{words}”."
    after = retry_after(headers, now)
    match rule.verdict:
        case Verdict.OUTAGE:
            return Outage(message, after=after, mend=rule.mend, code=rule.code)
        case Verdict.AUTH:
            return AuthError(message, after=after, mend=rule.mend, code=rule.code)
        case Verdict.AMBIGUOUS:
            return Ambiguous(message, after=after, mend=rule.mend, code=rule.code)
        case Verdict.REFUSAL:
            return Refusal(message, mend=rule.mend, code=rule.code)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, in full: whole, fractional, or until an HTTP date (RFC 9110 10.2.3).

    What cannot be read, is negative or not finite counts as not sent; a date gone by is 0.
    """
    value = next((v for name, v in headers.items() if name.lower() == "retry-after"), "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    return seconds if isfinite(seconds) and seconds >= 0 and "_" not in value else None


def excerpt(text: str, limit: int = 200) -> str:
    """One line of at most `limit` characters, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
