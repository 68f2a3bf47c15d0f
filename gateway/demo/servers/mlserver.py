"""An MLServer of our own (Open Inference Protocol V2): environment, model folders, process.

MLServer 1.7 runs on Python before 3.13. Where the gateway's own is newer, another interpreter of
this machine is looked for; `MLServer.unsupported()` says so where there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from gateway.demo.servers.process import Child, ServerError, free_port, make_venv

REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "mlserver.txt"
VERSIONS = ((3, 12), (3, 11))
"""The Pythons that the pinned requirements were made for, the better one first."""

START_SECS = 90.0
SKLEARN = "mlserver_sklearn.SKLearnModel"


class ServedModel(msgspec.Struct, frozen=True):
    """One model to serve.

    `uri` is the model file. `implementation` is the class that runs it: MLServer's scikit-learn
    runtime, or `module.Class` of `runtime`, a Python file that is laid beside the settings.
    `extra` is handed to the runtime as `settings.parameters.extra`. `inputs` and `outputs` are
    the signature that the server shows; the scikit-learn runtime knows none by itself.
    """

    name: str
    uri: Path
    implementation: str = SKLEARN
    runtime: Path | None = None
    version: str | None = None
    extra: Mapping[str, Any] = {}
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()


class MLServer:
    """One server on a loopback port. `folder` holds models, settings and log; `venv` its Python
    environment (half a gigabyte), which several servers may share."""

    name = "MLServer 1.7.1"

    def __init__(self, folder: Path, port: int, *, venv: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.venv = (venv or folder / "venv").absolute()
        self.child: Child | None = None

    @staticmethod
    def unsupported() -> str | None:
        """Why MLServer cannot be had on this machine, or None."""
        if _interpreter() is not None:
            return None
        mine = ".".join(str(part) for part in sys.version_info[:2])
        return (
            f"MLServer needs Python 3.11 or 3.12 with venv; this is {mine} and no other was found."
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "mlserver.log"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    def model_url(self, name: str) -> str:
        """What `url` of an `open_inference` endpoint takes."""
        return f"{self.url}/v2/models/{name}"

    async def install(self) -> Path:
        """Make the environment if it is not there yet; returns its python.

        Raises ServerError with pip's last words, or with what `unsupported` says.
        """
        found = _interpreter()
        if found is None:
            raise ServerError(
                str(self.unsupported()),
                mend="Install one, for instance `apt-get install python3.11-venv`.",
            )
        return await make_venv(self.venv, REQUIREMENTS, python=found)

    def add(self, model: ServedModel) -> Path:
        """Lay out one model's folder; it is served from the next start on. Returns the folder."""
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
        return folder

    async def start(self, *, within_secs: float = START_SECS) -> None:
        """Start, and wait until every model is ready. Raises ServerError with the log's end."""
        self._configure()
        self.child = Child.start(
            self.name,
            [self.venv / "bin" / "mlserver", "start", str(self.models)],
            log=self.log,
            env={"PYTHONUNBUFFERED": "1", "PATH": _path(self.venv), "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
        )
        try:
            await self.child.ready(self.is_ready, within_secs=within_secs)
        except BaseException:
            self.kill()
            raise

    async def is_ready(self) -> bool:
        """Whether the server and every model it holds say so."""
        async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as client:
            with contextlib.suppress(httpx2.TransportError):
                paths = [
                    "/v2/health/ready",
                    *(f"/v2/models/{name}/ready" for name in self._names()),
                ]
                answers = await asyncio.gather(*(client.get(self.url + path) for path in paths))
                return all(answer.status_code == 200 for answer in answers)
        return False

    async def stop(self) -> None:
        """Ask it to finish what it is answering and go; start brings it back."""
        if self.child is not None:
            await self.child.stop()
            self.child = None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def _names(self) -> list[str]:
        return sorted(path.parent.name for path in self.models.glob("*/model-settings.json"))

    def _configure(self) -> None:
        self.models.mkdir(parents=True, exist_ok=True)
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


def _path(venv: Path) -> str:
    return f"{venv / 'bin'}:{os.environ.get('PATH', os.defpath)}"
