"""What a project says about a database and about each table that is read or written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from gateway.auth import Secret
from gateway.ports import ConnectorConfig, StreamSettings


class SqlConfig(ConnectorConfig):
    """A database, by its SQLAlchemy URL: `postgresql://user@host/database`, `sqlite:///file.db`,
    `mysql://user@host/database`. The driver need not be named.

    Say the password in `password`, by reference; it then never stands in the URL.
    """

    url: str = Field(min_length=1, repr=False)
    password: Secret | None = None
    pool_size: int = Field(default=4, ge=1, le=100)
    connect_timeout_secs: float = Field(default=10.0, gt=0, le=600)
    statement_timeout_secs: float = Field(default=60.0, gt=0, le=86_400)


class SqlStream(StreamSettings):
    """A table or view: `schema.table`, or what `table` says where the stream has another name.

    Read: `cursor` is the column that grows with every change (`updated_at`) or with every new row
    (`id`); without it the whole table is compared at each reading. `key` breaks ties and names
    rows (default: the primary key). `overlap_secs` and `overlap_ids` say how far behind its
    transaction a late row's stamp or number may lie. `deletes: sweep` compares the keys every
    `sweep_every_secs` and tells what is gone.

    Written: `write: update` changes rows that exist and inserts none. `version` is a column whose
    greater value wins, so that an older write never replaces a newer one.
    """

    table: str | None = Field(default=None, min_length=1)
    cursor: str | None = None
    key: list[str] = Field(default=[])
    columns: list[str] = Field(default=[])
    page_rows: int = Field(default=1_000, ge=1, le=50_000)
    overlap_secs: float = Field(default=60.0, ge=0, le=604_800)
    overlap_ids: int = Field(default=1_000, ge=0, le=10_000_000)
    deletes: Literal["none", "sweep"] = "none"
    sweep_every_secs: float = Field(default=300.0, gt=0)
    max_known_rows: int = Field(default=100_000, ge=1, le=5_000_000)
    write: Literal["upsert", "update"] = "upsert"
    version: str | None = None

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value
