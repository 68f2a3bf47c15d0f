"""A project that runs for real without a server: its own connector reads and appends JSON lines."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec

from gateway import logs, project_code
from gateway.cli import main

ROOT = Path(__file__).resolve().parents[3]

CONNECTOR = '''
"""JSON lines: a file is a stream, its cursor the number of lines read."""

import json
from collections.abc import Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.errors import Outage
from gateway.ports import ConnectorConfig, StreamSettings
from gateway.types import Checked, Delivered, FieldSchema, Page, RawRow, StreamId, StreamSchema


class LinesConfig(ConnectorConfig):
    path: str | None = None


class LinesStream(StreamSettings):
    path: str


class Lines:
    def __init__(self, config, streams, runtime):
        self.config, self.streams, self.runtime = config, streams, runtime

    def _lines(self, stream):
        path = self.runtime.folder / self.streams[stream].path
        if not path.exists():
            raise Outage(f"{path.name} is not there.", mend="Make it.")
        return path.read_bytes().splitlines()

    async def check(self):
        try:
            for stream in self.streams:
                self._lines(stream)
        except Outage as error:
            return [Checked("lines", False, str(error))]
        return [Checked("lines", True, "can be read")]

    async def discover(self):
        return [
            StreamSchema(name, (FieldSchema("id", "integer", False, True),), "Lines of a file")
            for name in self.streams
        ]

    async def pull(self, stream, since):
        start = since["line"] if since else 0
        rows = self._lines(stream)[start:]
        if rows:
            id = StreamId(self.runtime.name, stream)
            yield Page(id, [RawRow(row) for row in rows], {"line": start + len(rows)})

    async def send(self, deliveries):
        with (self.runtime.folder / self.config.path).open("ab") as file:
            for each in deliveries:
                file.write(bytes(each.record.data or b"null") + b"\\n")
        return [Delivered() for _ in deliveries]


class LinesConnector:
    name = "lines"
    summary = "JSON lines of a file."
    config = LinesConfig
    stream_settings = LinesStream

    @classmethod
    @asynccontextmanager
    async def open(cls, config, streams, runtime):
        yield Lines(config, streams, runtime)
'''

PROJECT = """\
sources:
  crm:
    type: lines
    streams:
      customers: {path: customers.jsonl, mapping: mapping.yaml, every_secs: 0.2}
endpoints:
  out: {type: lines, path: out.jsonl}
routes:
  deliver: {from: customer.v1, to: out}
api: {port: 0}
"""

MAPPING = "contract: customer.v1\nkey: id\nfields: {id: id, name: name}\n"

ROWS = [{"id": 1, "name": "Ann"}, {"id": 2, "name": None}, {"id": 3, "name": "Cem"}]
"""The second breaks the contract."""


def make_project(folder: Path) -> Path:
    """Write the project and return its folder."""
    (folder / "connectors").mkdir(parents=True)
    (folder / "connectors/lines.py").write_text(CONNECTOR)
    (folder / "headrace.yaml").write_text(PROJECT)
    (folder / "mapping.yaml").write_text(MAPPING)
    (folder / "customers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


class Ran(msgspec.Struct):
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change a command's behaviour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "headrace.py"), *map(str, arguments)]


def headrace(*arguments: str | Path, cwd: Path, **env: str) -> Ran:
    """Run one command to its end in this process, behind the same handler as a person's."""
    out, err = io.BytesIO(), io.BytesIO()
    before, around = Path.cwd(), dict(os.environ)
    streams = [io.TextIOWrapper(each, "utf-8", write_through=True) for each in (out, err)]
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment(**env))
    try:
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            code = main([str(each) for each in arguments])
    finally:
        logs.configure("silent")
        project_code.forget()
        os.environ.clear()
        os.environ.update(around)
        os.chdir(before)
    return _ran(code, out.getvalue(), err.getvalue())


def spawned(*arguments: str | Path, cwd: Path, **env: str) -> Ran:
    """Run one command to its end in a process of its own."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return _ran(done.returncode, done.stdout, done.stderr)


def _ran(code: int, out: bytes, err: bytes) -> Ran:
    ran = Ran(code, out.decode(), err.decode())
    assert "Traceback" not in ran.err + ran.out, ran
    return ran
