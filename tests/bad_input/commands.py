"""A project as a person writes it, run by the real command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.cli.projects import Ran, headrace

PROJECT = """\
sources:
  crm:
    type: file
    streams:
      customers: {path: PATH, mapping: mapping.yaml, every_secs: 0.2, quiet_secs: 0}
endpoints:
  out: {type: file, path: out.jsonl}
routes:
  deliver: {from: customer.v1, to: out}
api: {port: 0}
"""

MAPPING = "contract: customer.v1\nkey: id\nfields: {id: id, name: name}\n"


def write_project(folder: Path, path: str = "customers.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "headrace.yaml").write_text(PROJECT.replace("PATH", path))
    (folder / "mapping.yaml").write_text(MAPPING)
    return folder


class Once:
    """One `headrace run --once`, and what it left behind."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.ran = headrace("run", "--once", "--json", cwd=folder, **env)
        assert self.ran.code == 0, self.ran
        (stream,) = self.ran.json["status"]["streams"]
        self.tally: dict[str, int] = stream["tally"]
        tally = dict(self.tally)
        assert tally.pop("read") == sum(tally.values())

    @property
    def delivered(self) -> list[dict[str, Any]]:
        """What reached the endpoint."""
        out = self.folder / "out.jsonl"
        lines = out.read_text().splitlines() if out.exists() else []
        return [json.loads(line) for line in lines]

    def letters(self) -> list[dict[str, Any]]:
        """Open letters, newest first."""
        found: list[dict[str, Any]] = self.verb("dlq", "list").json["letters"]
        return found

    def raw(self, letter: str) -> Ran:
        return headrace("dlq", "show", letter, "--raw", cwd=self.folder)

    def verb(self, *arguments: str) -> Ran:
        ran = headrace(*arguments, "--json", cwd=self.folder)
        assert ran.code == 0, ran
        return ran
