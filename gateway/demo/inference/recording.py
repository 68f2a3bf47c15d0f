"""A model server runtime that answers with scikit-learn and writes down what it was asked.

The recording is the demo's independent witness: one JSON line per inference request, flushed
before the answer goes out, with a sequence that grows over restarts and the records the request
named in its parameter `headrace_records` (a JSON text: list of id, key, version, source, stream).
It is written even when the prediction then fails: what counts is what the model got.

Set by `model-settings.json`: `parameters.uri` is the model file, `parameters.extra.recording` the
recording. Inputs are one tensor a feature, each of one value a record.
"""

import json
import time
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np  # type: ignore[import-not-found,unused-ignore]
from mlserver import MLModel  # type: ignore[import-not-found,unused-ignore]
from mlserver.codecs import (  # type: ignore[import-not-found,unused-ignore]
    NumpyCodec,
    StringCodec,
)
from mlserver.errors import InferenceError  # type: ignore[import-not-found,unused-ignore]
from mlserver.types import (  # type: ignore[import-not-found,unused-ignore]
    InferenceRequest,
    InferenceResponse,
)
from mlserver.utils import get_model_uri  # type: ignore[import-not-found,unused-ignore]


class Recording:
    """An append-only file of what arrived, in the order of arrival."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as seen:
            seen.seek(0)
            self._sequence = sum(1 for _ in seen)
        self._file = path.open("a", encoding="utf-8")

    def append(self, request: Any) -> None:
        sent = getattr(request.parameters, "headrace_records", None)
        self._sequence += 1
        line = {
            "sequence": self._sequence,
            "at": time.time(),
            "request": request.id,
            "records": json.loads(sent) if isinstance(sent, str) else sent,
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


class RecordingModel(MLModel):  # type: ignore[misc,unused-ignore]
    """Answers `churn`, the probability in [0, 1], `advice`, the same in words, and hands back
    `customer` where it was sent."""

    async def load(self) -> bool:
        stored = joblib.load(await get_model_uri(self._settings))
        self._model, self._features = stored["model"], stored["features"]
        self._advice = stored["advice"]
        self._recording = Recording(Path(self._settings.parameters.extra["recording"]))
        # The first prediction compiles and allocates; no caller should wait for that.
        self._model.predict_proba(np.zeros((1, len(self._features))))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        self._recording.append(payload)
        inputs = {tensor.name: tensor for tensor in payload.inputs}
        scores = self._model.predict_proba(self._matrix(inputs))[:, 1]
        advice = [
            f"{score:.0%}: {next(words for least, words in self._advice if score >= least)}"
            for score in scores
        ]
        outputs = [
            NumpyCodec.encode_output("churn", scores.reshape(-1, 1)),
            StringCodec.encode_output("advice", advice),
        ]
        if "customer" in inputs:
            customers = StringCodec.decode_input(inputs["customer"])
            outputs.append(StringCodec.encode_output("customer", customers))
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=outputs
        )

    def _matrix(self, inputs: dict[str, Any]) -> Any:
        missing = [name for name in self._features if name not in inputs]
        if missing:
            raise InferenceError(f"{self.name} was not sent the inputs {', '.join(missing)}")
        columns = [
            NumpyCodec.decode_input(inputs[name]).reshape(-1).astype(float)
            for name in self._features
        ]
        if len({len(column) for column in columns}) != 1:
            raise InferenceError(f"{self.name} was sent inputs of different lengths")
        return np.column_stack(columns)
