"""The configured inputs and outputs beside those the model says it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.open_inference.config import OpenInferenceConfig
from gateway.types import Checked


def compared(config: OpenInferenceConfig, metadata: Any) -> list[Checked]:
    """One line for the inputs, one for the outputs. Many servers describe neither: that is said
    and is not a fault."""
    if not isinstance(metadata, dict):
        return [Checked("signature", ok=False, detail="The model's metadata is not a JSON object.")]
    sent = (
        {config.tensor: "FP64"}
        if config.mode == "matrix"
        else {each.name: each.datatype for each in config.inputs}
    )
    has = _types(metadata.get("inputs"))
    gives = _types(metadata.get("outputs"))
    return [_inputs(sent, has), _outputs(config, gives)]


def _inputs(sent: Mapping[str, str], has: Mapping[str, str]) -> Checked:
    if not has:
        return Checked(
            "inputs",
            ok=True,
            detail=f"The model does not describe its inputs; {len(sent)} are sent.",
        )
    faults = [f"`{name}` is not sent" for name in has if name not in sent]
    faults += [f"`{name}` is sent but unknown to it" for name in sent if name not in has]
    faults += [
        f"`{name}` is sent as {datatype}, it wants {has[name]}"
        for name, datatype in sent.items()
        if name in has and has[name] != datatype
    ]
    if faults:
        return Checked("inputs", ok=False, detail="; ".join(faults) + ".")
    return Checked("inputs", ok=True, detail=f"All {len(sent)} inputs agree with the model.")


def _outputs(config: OpenInferenceConfig, gives: Mapping[str, str]) -> Checked:
    wanted = {output.from_ for output in config.outputs.values()}
    if not gives:
        return Checked("outputs", ok=True, detail="The model does not describe its outputs.")
    missing = sorted(wanted - gives.keys())
    if missing:
        return Checked(
            "outputs",
            ok=False,
            detail=f"The model has no output {', '.join(missing)}; it has {', '.join(gives)}.",
        )
    return Checked("outputs", ok=True, detail="All outputs agree with the model.")


def _types(tensors: Any) -> dict[str, str]:
    if not isinstance(tensors, Sequence):
        return {}
    return {
        str(tensor["name"]): str(tensor.get("datatype", ""))
        for tensor in tensors
        if isinstance(tensor, dict) and "name" in tensor
    }
