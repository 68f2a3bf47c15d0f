"""The settings of a Tryton source: how to reach and enter it, what to read, how to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.auth import Secret
from gateway.ports import ConnectorConfig, StreamSettings

ModelName = str
FieldName = str


class TrytonAuth(BaseModel):
    """`session` signs in once and again when the session ends; `basic` sends the password along
    with every request, and the server hashes it every time."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Literal["session", "basic"] = "session"
    username: str = Field(min_length=1)
    password: Secret


class WriteSettings(BaseModel):
    """How rows of one model are written, where the rules do not follow from the model.

    `model` is the model when the sink's stream has a name of its own, so that two routes can
    write to one model by different rules. `references` names the model behind a reference field:
    with `{resource: party.party}` the value 41 means `party.party,41`. `prefix` is a text that
    the field always begins with, and by which a row is found again: with `{message: "Churn: "}`
    the note of one model stays apart from everybody else's. `on_change: replace` makes the new
    row and removes the old one, for what Tryton does not let anybody change (notes).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ModelName | None = None
    references: dict[FieldName, ModelName] = {}
    prefix: dict[FieldName, str] = {}
    on_change: Literal["write", "replace"] | None = None


class TrytonConfig(ConnectorConfig):
    """`url` is the server's address without the database, `database` its name there.

    `context` goes along with every call, over what the user's preferences say: `company`,
    `language` and so on.
    """

    url: str = Field(pattern=r"^https?://[^/\s]+(/[^?#\s]*)?$")
    database: str = Field(pattern=r"^[^/?#\s]+$")
    auth: TrytonAuth
    context: dict[str, Any] = {}
    timeout_secs: float = Field(default=60.0, gt=0, le=3_600)
    max_response_bytes: int = Field(default=64 << 20, ge=1 << 16)
    ca_file: Path | None = None
    writes: dict[str, WriteSettings] = {}

    @field_validator("url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        return url.rstrip("/")


class ChildSettings(BaseModel):
    """Rows of a list field that belong to their parent: an order's lines."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: list[FieldName] = Field(min_length=1)


class TrytonStream(StreamSettings):
    """One model, read as a stream.

    `fields` are names of the model, dotted ones reach through relations (`party.name`); without
    them every stored field but binaries is read. `children` puts the rows of list fields below
    their parent, and reads the parent again when one of them changes. `overlap_secs` is how long
    a transaction may take to commit and still be seen; late commits are looked for every
    `overlap_every_secs`. With `deletes: sweep` the ids are compared every `sweep_every_secs`; a
    sweep that misses more than `sweep_max_share` of the rows holds the stream instead, because a
    changed access rule looks the same.
    """

    fields: list[FieldName] | None = Field(default=None, min_length=1)
    children: dict[FieldName, ChildSettings] = {}
    domain: list[Any] = []
    context: dict[str, Any] = {}
    page_rows: int = Field(default=200, ge=1, le=10_000)
    overlap_secs: float = Field(default=300.0, ge=0, le=86_400)
    overlap_every_secs: float = Field(default=10.0, gt=0)
    deletes: Literal["none", "sweep"] = "none"
    sweep_every_secs: float = Field(default=300.0, gt=0)
    sweep_max_share: float = Field(default=0.5, gt=0, le=1)
