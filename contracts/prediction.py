"""A prediction: what a model answered about a record, with its lineage."""

from __future__ import annotations

import types
from functools import cache
from typing import cast

from contracts.base import NAME, Contract, Value
from contracts.json import Json
from contracts.values import Instant, Text


class Subject(Value):
    """The record that the model was asked about."""

    source: Text
    """The configured system that the record was read from."""
    stream: Text
    """The stream of that system."""
    key: str
    """The key of the business entity in that stream."""
    record_id: Text
    """The identifier of the very record that was sent."""
    contract: Text
    """The contract of that record, with its version: `customer.v1`."""
    version: str | None = None
    """The source's version of the row, where it has one."""


class Model(Value):
    """The model that answered."""

    endpoint: Text
    """The endpoint of the project that the record was sent to."""
    name: Text | None = None
    """The model's name at the server."""
    version: Text | None = None
    """The model's version, as the server tells it."""


class Prediction(Contract, name="prediction", version=1, kind="state"):
    """What a model answered. The shape that the contracts of all endpoints share."""

    subject: Subject
    """What the prediction is about."""
    model: Model
    """Who made it."""
    score: float | None = None
    """The answer as a number, where there is one: a probability, an amount."""
    label: str | None = None
    """The answer as a class, where there is one."""
    outputs: dict[str, Json]
    """All outputs of the model for this record, by name."""
    degraded: bool
    """Whether a fallback answered in the model's place."""
    predicted_at: Instant
    """When the answer came."""


@cache
def prediction_contract(endpoint: str) -> type[Prediction]:
    """The contract of one endpoint's predictions: `prediction.<endpoint>`, version 1.

    The same class for the same name. Raises ValueError where the endpoint's name cannot be part
    of a contract's: small letters, digits, `_`, `-` and `.` can.
    """
    name = f"prediction.{endpoint}"
    if NAME.fullmatch(name) is None:
        raise ValueError(
            f"the endpoint name {endpoint!r} cannot be part of a contract's name: "
            "use small letters, digits, `_`, `-` and `.`"
        )
    made = types.new_class(
        "PredictionOf_" + "".join(c if c.isalnum() else "_" for c in endpoint),
        (Prediction,),
        {"name": name, "version": 1, "kind": "state"},
        lambda body: body.update(
            __module__=__name__, __doc__=f"What the endpoint `{endpoint}` answered."
        ),
    )
    return cast("type[Prediction]", made)
