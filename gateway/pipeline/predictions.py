"""A model's answer as a record: it re-enters at the log like any other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import ValidationError

from contracts.prediction import Prediction, prediction_contract
from gateway.errors import Refusal
from gateway.types import Delivered, Delivery, Operation, Position, Record


class Predictions:
    """Makes the prediction records of one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._contract: type[Prediction] = prediction_contract(endpoint)
        self._ref = f"prediction.{endpoint}.v1"

    def record(self, delivery: Delivery, delivered: Delivered, now: datetime) -> Record | None:
        """The answer as a record, None where the endpoint gave none.

        Its position is the asked record's place on the log, so that a delivery can lead to one
        prediction only. Raises Refusal when the answer is no prediction (a score that is NaN).
        """
        if delivered.answer is None:
            return None
        asked = delivery.record
        try:
            prediction = self._contract.model_validate(
                {
                    "subject": {
                        "source": asked.stream.source,
                        "stream": asked.stream.stream,
                        "key": asked.key,
                        "record_id": asked.id,
                        "contract": asked.contract,
                        "version": asked.version,
                    },
                    "model": _model(self.endpoint, delivered.answer),
                    "score": delivered.answer.get("score"),
                    "label": delivered.answer.get("label"),
                    "outputs": delivered.answer.get("outputs") or {},
                    "degraded": delivered.degraded,
                    "predicted_at": now,
                }
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise Refusal(
                f"The model's answer is no prediction: {place}: {first['msg']}.",
                mend="Look at the endpoint's `outputs`, then replay.",
                code="answer_invalid",
            ) from None
        return Record(
            position=Position(f"@{delivery.route}", delivery.offset, 0),
            generation=0,
            stream=asked.stream,
            key=asked.key,
            contract=self._ref,
            operation=Operation.UPSERT,
            data=msgspec.Raw(prediction.model_dump_json(exclude_unset=True).encode()),
            recorded_at=now,
            version=asked.version,
            event_at=asked.event_at,
            caused_by=asked.id,
            hops=asked.hops + 1,
        )


def _model(endpoint: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    named = answer.get("model") or {}
    if not isinstance(named, Mapping):
        named = {"name": named}  # The contract says what is wrong with it.
    return {"endpoint": endpoint, "name": named.get("name"), "version": named.get("version")}
