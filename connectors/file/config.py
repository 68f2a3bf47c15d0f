"""What a project says about files that are read, and about one that is written."""

from __future__ import annotations

import codecs
from pathlib import PurePath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.ports import ConnectorConfig, StreamSettings

Format = Literal["jsonl", "csv"]
SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".log": "jsonl",
    ".csv": "csv", ".tsv": "csv",
}  # fmt: skip


class FileConfig(ConnectorConfig):
    """As a source: `folder` is where the streams' paths start. As an endpoint: `path` is the file
    that records are appended to, one JSON object a line. Both start at the project's folder."""

    folder: str = "."
    path: str | None = Field(default=None, min_length=1)
    tail_bytes: int = Field(default=4 << 20, ge=0, le=1 << 30)
    """How much of the file's end is read at the start, for the ids that it holds already."""


class FileStream(StreamSettings):
    """One file or, with `*`, `?` or `**` in `path`, many (default: the stream's name).

    `format` follows from the suffix, `.gz` aside. A last line without a line break is taken once
    its file has been quiet for `quiet_secs`. CSV: `delimiter` (a tab for `.tsv`) and `header`,
    the column names of files that do not begin with them.
    """

    path: str | None = Field(default=None, min_length=1)
    format: Format | None = None
    encoding: str = "utf-8"
    page_rows: int = Field(default=1_000, ge=1, le=100_000)
    page_bytes: int = Field(default=4 << 20, ge=1_024, le=256 << 20)
    quiet_secs: float = Field(default=2.0, ge=0, le=3_600)
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    header: list[str] | None = Field(default=None, min_length=1)

    @field_validator("encoding")
    @classmethod
    def _ascii_compatible(cls, value: str) -> str:
        try:
            lines = codecs.encode("a\n", value)
        except LookupError:
            raise ValueError(f"no encoding is called {value}") from None
        if lines != b"a\n":
            raise ValueError(f"lines of {value} cannot be found; convert the file to UTF-8")
        return codecs.lookup(value).name

    @model_validator(mode="after")
    def _csv_only(self) -> FileStream:
        if self.format == "jsonl" and (self.delimiter or self.header):
            raise ValueError("`delimiter` and `header` are for CSV")
        return self

    def format_of(self, path: str) -> Format | None:
        """The format of a path, or None where neither the setting nor the suffix says it."""
        return self.format or SUFFIXES.get(PurePath(path.removesuffix(".gz")).suffix.lower())

    def delimiter_of(self, path: str) -> str:
        return self.delimiter or ("\t" if ".tsv" in PurePath(path).suffixes else ",")
