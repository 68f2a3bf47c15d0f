"""KServe's Python server, where only a Python is at hand that MLServer does not run on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.demo.servers.mlserver import MLServer
from gateway.demo.servers.model_server import ModelServer, ServedModel
from gateway.demo.servers.process import make_venv

REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "kserve.txt"
SERVING = Path(__file__).parent.parent / "inference" / "kserve_serving.py"


class KServe(ModelServer):
    """Serves the demo's models with a recording runtime of its own (`kserve_serving.py`): what a
    model says about implementation, runtime and signature is MLServer's and passed over."""

    name = "KServe 0.21.0"

    async def install(self) -> Path:
        return await make_venv(self.venv, REQUIREMENTS, python=sys.executable)

    def add(self, model: ServedModel) -> None:
        self.models.mkdir(parents=True, exist_ok=True)
        settings = {
            "name": model.name,
            "uri": str(model.uri.absolute()),
            "version": model.version,
            "recording": str(model.extra["recording"]),
        }
        (self.models / f"{model.name}.json").write_text(json.dumps(settings, indent=2))

    def names(self) -> Sequence[str]:
        return sorted(path.stem for path in self.models.glob("*.json"))

    def command(self) -> Sequence[str | Path]:
        models = [json.loads((self.models / f"{name}.json").read_text()) for name in self.names()]
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps({"port": self.port, "models": models}, indent=2))
        return [self.venv / "bin" / "python", SERVING, settings]


def model_server(folder: Path, port: int, *, home: Path) -> MLServer | KServe:
    """MLServer where this machine has a Python for it, KServe elsewhere. Environments are kept
    below `home`, one for each kind."""
    if MLServer.unsupported() is None:
        return MLServer(folder, port, venv=home / "mlserver" / "venv")
    return KServe(folder, port, venv=home / "kserve" / "venv")
