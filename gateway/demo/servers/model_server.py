"""A server of models over the Open Inference Protocol, as a child process: what all have in common."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import msgspec

from gateway.demo.servers.process import Child

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


class ModelServer:
    """One server on a loopback port. `folder` holds models, settings and log; `venv` its Python
    environment (half a gigabyte), which several servers may share.

    A kind of server says how it is installed, how a model is laid out, and what starts it.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, port: int, *, venv: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.venv = (venv or folder / "venv").absolute()
        self.child: Child | None = None

    async def install(self) -> Path:
        """Make the environment if it is not there yet; returns its python.

        Raises ServerError where it cannot be made.
        """
        raise NotImplementedError

    def add(self, model: ServedModel) -> None:
        """Lay out one model; it is served from the next start on."""
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        """What starts it. Called at each start, so that it may write its settings first."""
        raise NotImplementedError

    def names(self) -> Sequence[str]:
        """The models laid out."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    def model_url(self, name: str) -> str:
        """What `url` of an `open_inference` endpoint takes."""
        return f"{self.url}/v2/models/{name}"

    async def start(self, *, within_secs: float = START_SECS) -> None:
        """Start, and wait until every model is ready. Raises ServerError with the log's end."""
        self.models.mkdir(parents=True, exist_ok=True)
        self.child = Child.start(
            self.name,
            self.command(),
            log=self.log,
            env={"PYTHONUNBUFFERED": "1", "PATH": self._path(), "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
        )
        try:
            await self.child.ready(self.is_ready, within_secs=within_secs)
        except BaseException:
            self.kill()
            raise

    async def is_ready(self) -> bool:
        """Whether the server and every model it holds say so."""
        paths = ["/v2/health/ready", *(f"/v2/models/{name}/ready" for name in self.names())]
        async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as client:
            with contextlib.suppress(httpx2.TransportError):
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

    def _path(self) -> str:
        return f"{self.venv / 'bin'}:{os.environ.get('PATH', os.defpath)}"
