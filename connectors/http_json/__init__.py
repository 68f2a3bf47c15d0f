"""Any service that takes JSON by POST: a batch, or one record a request.

A batch is

    {"records": [{"id", "idempotency_key", "contract", "source", "stream", "key", "operation",
                  "version", "event_at", "recorded_at", "data"}, …]}

and with `mode: single` the body is one such record, its `idempotency_key` also in the header
`Idempotency-Key`. The service may answer a verdict a record,

    {"results": [{"id", "status": "ok" | "refused" | "later", "answer"?, "detail"?,
                  "retry_after_secs"?}, …]}

in any order (with `mode: single` the one result itself, or a list of one). Any other JSON answer
is read with `answer: {from: path}`. Without either, a 2xx is a receipt. A page of HTML is never
an answer, whatever its status.
"""

from connectors.http_json.endpoint import HttpJsonConnector

__all__ = ["HttpJsonConnector"]
