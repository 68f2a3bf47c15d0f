"""What the project file says about a model behind the Open Inference Protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.auth import Auth, NoAuth
from gateway.ports import ConnectorConfig

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip

_MODEL_URL = re.compile(
    r"(?P<server>https?://.+)/v2/models/(?P<model>[^/?#]+)(/versions/(?P<version>[^/?#]+))?/?"
)


class Input(ConnectorConfig):
    """One feature. `from` is a dotted path into the record's data (`address.country`,
    `lines.0.amount`), or one of `@id @key @source @stream @version` of its envelope; the name
    itself where not given.

    `default` stands in where the path leads to nothing or to null; without one, such a record is
    refused. `.nan` as the default of a floating-point input is sent as null, which MLServer and
    KServe read as NaN: the protocol itself knows no missing value.
    """

    name: str = Field(min_length=1)
    from_: str | None = Field(default=None, alias="from", min_length=1)
    datatype: Datatype = "FP64"
    default: bool | int | float | str | None = None

    @property
    def path(self) -> str:
        return self.from_ or self.name


class Output(ConnectorConfig):
    """One value of the answer: the output tensor's name, and which element of its row, where a
    row has several."""

    from_: str = Field(alias="from", min_length=1)
    index: int | None = Field(default=None, ge=0)


class OpenInferenceConfig(ConnectorConfig):
    """`url` names the model, as in `https://models.example.com/v2/models/churn`, with
    `/versions/3` behind it to pin one.

    `mode: columns` sends one tensor a feature of shape [N,1] (or [N] with `rank: 1`), `matrix`
    one FP64 tensor of shape [N,F] named `tensor`. Of `outputs`, `score` (a number) and `label`
    become the prediction's; without any, every output of the model is kept. `parameters` go along
    with each request, as `content_type: pd` for scikit-learn pipelines in MLServer.
    """

    url: str
    auth: Auth = NoAuth()
    inputs: tuple[Input, ...] = Field(min_length=1)
    outputs: dict[str, Output] = Field(default_factory=dict)
    mode: Literal["columns", "matrix"] = "columns"
    rank: Literal[1, 2] = 2
    tensor: str = "features"
    parameters: dict[str, bool | int | float | str] = Field(default_factory=dict)
    records_parameter: str | None = "headrace_records"
    """The request parameter that says which records a batch holds; null leaves it out."""
    deletes: Literal["ignore", "refuse"] = "ignore"
    """A model has nothing to say about a row that is gone: by default deletes are passed over."""
    timeout_secs: float = Field(default=30.0, gt=0)
    max_response_bytes: int = Field(default=64 << 20, ge=1024)
    ca_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _names_a_model(cls, url: str) -> str:
        if _MODEL_URL.fullmatch(url) is None:
            raise ValueError("write it like https://models.example.com/v2/models/NAME")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _consistent(self) -> OpenInferenceConfig:
        names = [each.name for each in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError("two inputs have the same name")
        if self.mode == "matrix" and any(
            not each.datatype.startswith("FP") for each in self.inputs
        ):
            raise ValueError("`mode: matrix` sends numbers: every input's datatype must be FP…")
        return self

    @property
    def infer_url(self) -> str:
        return f"{self.url}/infer"

    @property
    def server_url(self) -> str:
        return self._parts()["server"]

    @property
    def model(self) -> str:
        return self._parts()["model"]

    def _parts(self) -> dict[str, str]:
        found = _MODEL_URL.fullmatch(self.url)
        assert found is not None
        return found.groupdict()
