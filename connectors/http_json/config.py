"""What the project file says about a JSON service."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gateway.auth import Auth, NoAuth
from gateway.ports import ConnectorConfig


class AnswerPath(ConnectorConfig):
    """Where the answers are in a service's own JSON, as dotted paths.

    `from` leads to a list of one item a record, in the order they were sent (with `mode: single`
    to the item itself); `.` is the whole body. `score` and `label` lead on within an item; an
    item that is a number or a text is taken as the score or the label itself.
    """

    from_: str = Field(alias="from", min_length=1)
    score: str | None = None
    label: str | None = None


class HttpJsonConfig(ConnectorConfig):
    """`results: required` treats a 2xx without verdicts as no answer at all."""

    url: str = Field(pattern=r"^https?://[^/]")
    auth: Auth = NoAuth()
    mode: Literal["batch", "single"] = "batch"
    answer: AnswerPath | None = None
    results: Literal["optional", "required"] = "optional"
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request. Credentials belong to `auth`."""
    deletes: Literal["send", "ignore"] = "send"
    timeout_secs: float = Field(default=30.0, gt=0)
    max_response_bytes: int = Field(default=64 << 20, ge=1024)
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> HttpJsonConfig:
        if self.answer is not None and self.results == "required":
            raise ValueError("`answer` and `results: required` exclude one another")
        if any(name.lower() in ("authorization", "cookie") for name in self.headers):
            raise ValueError("credentials belong to `auth`, by reference, not to `headers`")
        return self
