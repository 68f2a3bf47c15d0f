"""The one guarded HTTP session that everything outbound goes through.

`HttpSession` is opened once and handed to every connector. It gives pools, one an endpoint, and
each pool has two faces on the same guarded connections: `client()`, an httpx2 client for
connectors, auth and tests; and `post` / `request`, the direct lane of deliveries.
"""

from gateway.http.answer import MAX_RESPONSE_BYTES, Answer
from gateway.http.authorizer import Authorizer
from gateway.http.guard import ForbiddenAddress, Guard
from gateway.http.outcome import STATUS_RULES, Rule, retry_after, status_error
from gateway.http.pool import Pool
from gateway.http.request import header_value, host_of
from gateway.http.session import HttpSession

__all__ = [
    "MAX_RESPONSE_BYTES",
    "STATUS_RULES",
    "Answer",
    "Authorizer",
    "ForbiddenAddress",
    "Guard",
    "HttpSession",
    "Pool",
    "Rule",
    "header_value",
    "host_of",
    "retry_after",
    "status_error",
]
