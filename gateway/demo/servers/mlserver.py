"""An MLServer of our own (Open Inference Protocol V2): environment, model folders, process.

MLServer 1.7 runs on Python before 3.13. Where the gateway's own is newer, another interpreter of
this machine is looked for; `MLServer.unsupported()` says so where there is none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gateway.demo.servers.model_server import ModelServer, ServedModel
from gateway.demo.servers.process import ServerError, free_port, make_venv

__all__ = ["MLServer", "ServedModel"]

REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "mlserver.txt"
VERSIONS = ((3, 12), (3, 11))
"""The Pythons that the pinned requirements were made for, the better one first."""


class MLServer(ModelServer):
    """MLServer with its scikit-learn runtime, or a runtime that a model brings along."""

    name = "MLServer 1.7.1"

    @staticmethod
    def unsupported() -> str | None:
        """Why MLServer cannot be had on this machine, or None."""
        if _interpreter() is not None:
            return None
        mine = ".".join(str(part) for part in sys.version_info[:2])
        return (
            f"MLServer needs Python 3.11 or 3.12 with venv; this is {mine} and no other was found."
        )

    async def install(self) -> Path:
        found = _interpreter()
        if found is None:
            raise ServerError(
                str(self.unsupported()),
                mend="Install one, for instance `apt-get install python3.11-venv`.",
            )
        return await make_venv(self.venv, REQUIREMENTS, python=found)

    def add(self, model: ServedModel) -> None:
        folder = self.models / model.name
        folder.mkdir(parents=True, exist_ok=True)
        if model.runtime is not None:
            shutil.copyfile(model.runtime, folder / model.runtime.name)
        parameters: dict[str, Any] = {"uri": str(model.uri.absolute()), "extra": dict(model.extra)}
        if model.version is not None:
            parameters["version"] = model.version
        settings: dict[str, Any] = {
            "name": model.name,
            "implementation": model.implementation,
            "parameters": parameters,
        }
        if model.inputs:
            settings["inputs"] = list(model.inputs)
        if model.outputs:
            settings["outputs"] = list(model.outputs)
        (folder / "model-settings.json").write_text(json.dumps(settings, indent=2))

    def names(self) -> Sequence[str]:
        return sorted(path.parent.name for path in self.models.glob("*/model-settings.json"))

    def command(self) -> Sequence[str | Path]:
        settings = {
            "host": "127.0.0.1",
            "http_port": self.port,
            "grpc_port": free_port(),
            # One process: the models are small, and a pool of workers costs memory and a second.
            "parallel_workers": 0,
            "metrics_endpoint": None,
            "debug": False,
        }
        (self.models / "settings.json").write_text(json.dumps(settings, indent=2))
        return [self.venv / "bin" / "mlserver", "start", self.models]


@cache
def _interpreter() -> str | None:
    """A Python that MLServer runs on and that can make environments: ours first."""
    if sys.version_info[:2] in VERSIONS:
        return sys.executable
    for major, minor in VERSIONS:
        path = shutil.which(f"python{major}.{minor}")
        if path is not None and _works(path, (major, minor)):
            return path
    return None


def _works(path: str, version: tuple[int, int]) -> bool:
    # A name on the PATH may be a version manager's, with nothing behind it; Debian splits venv off.
    script = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [path, "-c", script], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.split() == [str(part) for part in version]
