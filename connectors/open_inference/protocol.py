"""The protocol's two messages: a batch into a request, an answer into rows. Pure."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.open_inference.config import Input, OpenInferenceConfig, Output
from gateway.errors import Ambiguous
from gateway.http import Answer
from gateway.types import Delivered, Delivery, Outcome, Refused

_LARGEST = int(sys.float_info.max)


def request(
    config: OpenInferenceConfig,
    batch: Sequence[Delivery],
    rows: Sequence[Sequence[Any]],
    request_id: str,
) -> bytes:
    """The body of one inference request. `rows` holds one value an input for each delivery."""
    parameters: dict[str, Any] = dict(config.parameters)
    if config.records_parameter is not None:
        # A text, because parameters are flat scalars in this protocol.
        parameters[config.records_parameter] = msgspec.json.encode(
            [
                {
                    "id": delivery.id,
                    "key": delivery.record.key,
                    "version": delivery.record.version,
                    "source": delivery.record.stream.source,
                    "stream": delivery.record.stream.stream,
                }
                for delivery in batch
            ]
        ).decode()
    body: dict[str, Any] = {"id": request_id, "inputs": _tensors(config, rows)}
    if parameters:
        body["parameters"] = parameters
    if config.outputs:
        body["outputs"] = [{"name": name} for name in _wanted(config.outputs)]
    return msgspec.json.encode(body)


def outcomes(
    config: OpenInferenceConfig, batch: Sequence[Delivery], answer: Answer, request_id: str
) -> list[Outcome]:
    """One outcome a delivery, from a 2xx answer.

    Raises Ambiguous for whatever is not plainly an answer to this request: a page of HTML, another
    request's id, a missing output, a wrong number of rows. A row without a number where one was
    asked for is refused alone.
    """
    message = _message(answer)
    if message.get("id") not in (None, "", request_id):
        raise _wrong("it is the answer to another request (its `id` differs)")
    tensors = _by_name(message)
    wanted = config.outputs or {name: Output.model_validate({"from": name}) for name in tensors}
    columns: dict[str, list[Any]] = {}
    for name, output in wanted.items():
        if output.from_ not in tensors:
            raise _wrong(
                f"it has no output `{output.from_}` (it has {', '.join(sorted(tensors)) or 'none'})"
            )
        columns[name] = _column(name, output, tensors[output.from_], len(batch))
    model = {"name": message.get("model_name"), "version": message.get("model_version")}
    return [
        _outcome({name: column[row] for name, column in columns.items()}, model, answer)
        for row in range(len(batch))
    ]


def _tensors(config: OpenInferenceConfig, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    if config.mode == "matrix":
        return [
            {
                "name": config.tensor,
                "shape": [len(rows), len(config.inputs)],
                "datatype": "FP64",
                "data": [value for row in rows for value in row],
            }
        ]
    shape = [len(rows), 1] if config.rank == 2 else [len(rows)]
    return [
        _tensor(each, shape, [row[column] for row in rows])
        for column, each in enumerate(config.inputs)
    ]


def _tensor(each: Input, shape: list[int], data: list[Any]) -> dict[str, Any]:
    tensor: dict[str, Any] = {
        "name": each.name,
        "shape": shape,
        "datatype": each.datatype,
        "data": data,
    }
    if each.datatype == "BYTES":
        # MLServer's word for text; others pass over parameters they do not know.
        tensor["parameters"] = {"content_type": "str"}
    return tensor


def _wanted(outputs: Mapping[str, Output]) -> list[str]:
    return list(dict.fromkeys(output.from_ for output in outputs.values()))


def _message(answer: Answer) -> Mapping[str, Any]:
    try:
        message = answer.json()
    except Ambiguous as error:
        if error.code != "answer_not_json":
            raise
        message = _with_nan(answer, error)
    if not isinstance(message, dict) or not isinstance(message.get("outputs"), list):
        raise _wrong("it has no `outputs`")
    return message


def _with_nan(answer: Answer, error: Ambiguous) -> Any:
    # Python servers may write NaN and Infinity, which JSON does not know: those rows are lost,
    # the others need not be.
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise error from None


def _by_name(message: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    tensors: dict[str, Mapping[str, Any]] = {}
    for tensor in message["outputs"]:
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise _wrong("one of its outputs has no name")
        tensors[tensor["name"]] = tensor
    return tensors


def _column(name: str, output: Output, tensor: Mapping[str, Any], count: int) -> list[Any]:
    """One value a record, out of nested or flat row-major data."""
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not all(
        isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape
    ):
        raise _wrong(f"the output `{output.from_}` has no shape")
    if not isinstance(data, list):
        raise _wrong(f"the output `{output.from_}` has no data")
    if not shape or shape[0] != count:
        raise _wrong(
            f"the output `{output.from_}` has {shape[0] if shape else 'no'} rows for {count} records"
        )
    width = math.prod(shape[1:])
    flat = _flat(data)
    if len(flat) != count * width or not width:
        raise _wrong(
            f"the output `{output.from_}` holds {len(flat)} values where its shape says "
            f"{count * width}"
        )
    rows = [flat[start : start + width] for start in range(0, len(flat), width)]
    if output.index is not None:
        if output.index >= width:
            raise _wrong(
                f"the output `{output.from_}` has {width} values a row, and `{name}` takes the "
                f"one at index {output.index}"
            )
        return [row[output.index] for row in rows]
    if width == 1:
        return [row[0] for row in rows]
    if name in ("score", "label"):
        raise _wrong(
            f"the output `{output.from_}` has {width} values a row: set `index` for `{name}`"
        )
    return rows


def _flat(data: list[Any]) -> list[Any]:
    while data and isinstance(data[0], list):
        data = [value for part in data for value in (part if isinstance(part, list) else [part])]
    return data


def _outcome(values: Mapping[str, Any], model: Mapping[str, Any], answer: Answer) -> Outcome:
    for name, value in values.items():
        if any(_empty(each) for each in (value if isinstance(value, list) else [value])):
            return Refused(
                "no_prediction",
                f"The model answered NaN, infinity or null as `{name}` for this record.",
            )
    score, label = values.get("score"), values.get("label")
    if score is not None and not isinstance(score, int | float):
        raise _wrong("its `score` is not a number")
    return Delivered(
        receipt=answer.headers.get("x-request-id"),
        answer={
            "score": None if score is None else float(score),
            "label": None if label is None else _label(label),
            "outputs": dict(values),
            "model": {key: None if value is None else str(value) for key, value in model.items()},
        },
    )


def _empty(value: Any) -> bool:
    if isinstance(value, int) and abs(value) > _LARGEST:
        return True
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _label(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)


def _wrong(what: str) -> Ambiguous:
    return Ambiguous(
        f"The model's answer is not one: {what}.",
        mend="Compare the endpoint's `outputs` with the model.",
        code="answer_invalid",
    )
