"""Serve scikit-learn models by KServe's Python server, and write down what each was asked.

The stand-in for MLServer where only a newer Python is at hand: the same protocol, the same models,
the same recording as `recording.py`. Run in an environment of its own with one argument, the
settings: {"port": int, "models": [{"name", "uri", "version", "recording"}, …]}.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-not-found,import-untyped,unused-ignore]
import kserve.protocol.rest.server as rest  # type: ignore[import-not-found,unused-ignore]
import numpy as np  # type: ignore[import-not-found,unused-ignore]
from kserve import (  # type: ignore[import-not-found,unused-ignore]
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    Model,
    ModelServer,
)
from kserve.errors import InvalidInput  # type: ignore[import-not-found,unused-ignore]


class RecordingModel(Model):  # type: ignore[misc,unused-ignore]
    """Answers a score in [0, 1] named as the stored model says, and hands back `customer`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings["name"])
        self._version = settings["version"]
        stored = joblib.load(settings["uri"])
        self._model, self._features = stored["model"], stored["features"]
        self._advice = stored.get("advice", ())
        self._model.predict_proba(np.zeros((1, len(self._features))))
        path = Path(settings["recording"])
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sequence = len(path.read_bytes().splitlines()) if path.exists() else 0
        self._recording = path.open("a", encoding="utf-8")
        self.ready = True

    async def predict(
        self, payload: InferRequest, headers: Any = None, response_headers: Any = None
    ) -> InferResponse:
        self._record(payload)
        inputs = {tensor.name: tensor for tensor in payload.inputs}
        scores = self._model.predict_proba(self._matrix(inputs))[:, 1].reshape(-1, 1)
        outputs = [InferOutput("churn", list(scores.shape), "FP64", data=scores.ravel().tolist())]
        if self._advice:
            advice = [
                f"{score:.0%}: {next(words for least, words in self._advice if score >= least)}"
                for score in scores.ravel()
            ]
            outputs.append(InferOutput("advice", list(scores.shape), "BYTES", data=advice))
        if "customer" in inputs:
            sent: InferInput = inputs["customer"]
            outputs.append(InferOutput("customer", sent.shape, "BYTES", data=sent.data))
        return InferResponse(payload.id, self.name, outputs, model_version=self._version)

    def _record(self, payload: InferRequest) -> None:
        sent = (payload.parameters or {}).get("headrace_records")
        self._sequence += 1
        line = {
            "sequence": self._sequence,
            "at": time.time(),
            "request": payload.id,
            "records": json.loads(sent) if isinstance(sent, str) else None,
        }
        self._recording.write(json.dumps(line) + "\n")
        self._recording.flush()

    def _matrix(self, inputs: dict[str, InferInput]) -> Any:
        missing = [name for name in self._features if name not in inputs]
        if missing:
            raise InvalidInput(f"{self.name} was not sent the inputs {', '.join(missing)}")
        return np.column_stack(
            [inputs[name].as_numpy().reshape(-1).astype(float) for name in self._features]
        )


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    # KServe listens on every interface and has no setting for it: a demo stays on loopback.
    made = rest.uvicorn.Config
    rest.uvicorn.Config = lambda app, **more: made(app, **{**more, "host": "127.0.0.1"})
    del sys.argv[1:]
    server = ModelServer(http_port=settings["port"], enable_grpc=False, workers=1)
    server.start([RecordingModel(each) for each in settings["models"]])


if __name__ == "__main__":
    main()
