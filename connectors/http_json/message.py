"""The two messages: records into a body, an answer into outcomes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.http_json.config import AnswerPath, HttpJsonConfig
from gateway.errors import Ambiguous
from gateway.http import Answer
from gateway.types import Delivered, Delivery, Later, Operation, Outcome, Refused

_DETAIL = 500


class Sent(msgspec.Struct, frozen=True):
    """One record as it is sent. `data` is null for a delete."""

    id: str
    idempotency_key: str
    contract: str
    source: str
    stream: str
    key: str
    operation: Operation
    version: str | None
    event_at: datetime | None
    recorded_at: datetime
    data: msgspec.Raw


class Batch(msgspec.Struct, frozen=True):
    records: Sequence[Sent]


def batch_body(deliveries: Sequence[Delivery]) -> bytes:
    return msgspec.json.encode(Batch([_sent(delivery) for delivery in deliveries]))


def single_body(delivery: Delivery) -> bytes:
    return msgspec.json.encode(_sent(delivery))


def outcomes(
    config: HttpJsonConfig, deliveries: Sequence[Delivery], answer: Answer
) -> list[Outcome]:
    """One outcome a delivery, from a 2xx answer. Raises Ambiguous for what is no answer."""
    if config.answer is not None:
        items = _items(config, answer.json(), len(deliveries))
        return [_delivered(item, config.answer) for item in items]
    results = _results(config, deliveries, answer)
    if results is None:
        receipt = answer.headers.get("x-request-id") or str(answer.status)
        return [Delivered(receipt=receipt) for _ in deliveries]
    return [_verdict(results.get(delivery.record.id)) for delivery in deliveries]


def _sent(delivery: Delivery) -> Sent:
    record = delivery.record
    return Sent(
        record.id, delivery.id, record.contract, record.stream.source, record.stream.stream,
        record.key, record.operation, record.version, record.event_at, record.recorded_at,
        record.data,
    )  # fmt: skip


def _results(
    config: HttpJsonConfig, deliveries: Sequence[Delivery], answer: Answer
) -> dict[str, Mapping[str, Any]] | None:
    """Verdicts by record id, None where the service gives none and need not."""
    if config.results == "optional" and (not answer.body.strip() or _plain(answer)):
        return None
    body = answer.json()
    results = body.get("results") if isinstance(body, dict) else None
    if results is None and config.mode == "single" and isinstance(body, dict) and "status" in body:
        results = [{"id": deliveries[0].record.id, **body}]
    if results is None and config.results == "optional":
        return None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise _wrong("it has no list of `results`")
    known = {delivery.record.id for delivery in deliveries}
    by_id: dict[str, Mapping[str, Any]] = {}
    for each in results:
        identifier = each.get("id")
        if not isinstance(identifier, str) or identifier not in known or identifier in by_id:
            raise _wrong("its `results` name a record that was not sent, or one twice")
        by_id[identifier] = each
    return by_id


def _plain(answer: Answer) -> bool:
    """Whether a receipt says nothing in JSON: `OK` as text, say. A page is no receipt."""
    return not answer.is_html and not answer.media_type.endswith("json") and answer.body[:1] != b"{"


def _verdict(result: Mapping[str, Any] | None) -> Outcome:
    if result is None:
        return Later("no_verdict", "The service's results leave this record out.", None, True)
    detail = " ".join(str(result.get("detail") or "").split())[:_DETAIL]
    match result.get("status"):
        case "ok":
            value = result.get("answer")
            return Delivered(answer=None if value is None else _prediction(value))
        case "refused":
            return Refused(
                "refused", detail or "The service refused this record and did not say why."
            )
        case "later":
            return Later(
                "later", detail or "The service wants this record later.", _wait(result), True
            )
        case _:
            return Later("no_verdict", "The service's verdict is none that we know.", None, True)


def _wait(result: Mapping[str, Any]) -> float | None:
    secs = result.get("retry_after_secs")
    if isinstance(secs, int | float) and not isinstance(secs, bool) and 0 <= secs < math.inf:
        return float(secs)
    return None


def _items(config: HttpJsonConfig, body: Any, count: int) -> Sequence[Any]:
    assert config.answer is not None
    found = _at(body, config.answer.from_)
    if found is None:
        raise _wrong(f"it has nothing at `{config.answer.from_}`")
    if config.mode == "single":
        return [found]
    if not isinstance(found, list) or len(found) != count:
        what = f"{len(found)} items" if isinstance(found, list) else "no list"
        raise _wrong(f"it has {what} at `{config.answer.from_}` for {count} records")
    return found


def _delivered(item: Any, where: AnswerPath) -> Outcome:
    if item is None or (isinstance(item, float) and not math.isfinite(item)):
        return Refused("no_prediction", "The service answered null for this record.")
    answer = _prediction(item)
    if where.score is not None:
        answer["score"] = _number(_at(item, where.score))
        if answer["score"] is None:
            return Refused("no_prediction", f"The answer has no number at `{where.score}`.")
    if where.label is not None:
        label = _at(item, where.label)
        if label is None:
            return Refused("no_prediction", f"The answer has nothing at `{where.label}`.")
        answer["label"] = str(label)
    return Delivered(answer=answer)


def _prediction(value: Any) -> dict[str, Any]:
    """A service's answer in the shape that predictions share: score, label, outputs, model."""
    if not isinstance(value, dict):
        return {
            "score": _number(value),
            "label": value if isinstance(value, str) else None,
            "outputs": {"answer": value},
            "model": {"name": None, "version": None},
        }
    model = value.get("model")
    label = value.get("label")
    outputs = value.get("outputs")
    return {
        "score": _number(value.get("score")),
        "label": None if label is None else str(label),
        "outputs": outputs if isinstance(outputs, dict) else value,
        "model": {
            name: str(model[name]) if isinstance(model, dict) and model.get(name) else None
            for name in ("name", "version")
        },
    }


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _at(value: Any, path: str) -> Any:
    if path == ".":
        return value
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _wrong(what: str) -> Ambiguous:
    return Ambiguous(
        f"The service's answer is not one: {what}.",
        mend="Compare the endpoint's `answer` and `results` with the service.",
        code="answer_invalid",
    )
