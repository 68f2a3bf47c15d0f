"""A gateway of our own, as a child process."""

import json
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.unit.cli.projects import command, environment

START_SECS = 60.0


class Gateway:
    """`headrace run` in a project, stopped at the end of the block."""

    def __init__(self, project: Path, *arguments: str, **env: str) -> None:
        self.project = project
        self._arguments = arguments
        self._env = env

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            command("run", *self._arguments),
            cwd=self.project,
            env=environment(**self._env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + START_SECS
        while not (self.note or {}).get("url"):
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                out, err = self.process.communicate()
                raise AssertionError(f"the gateway did not start: {out!r} {err!r}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def note(self) -> dict[str, Any] | None:
        """`.headrace/gateway.json`."""
        try:
            found: dict[str, Any] = json.loads(
                (self.project / ".headrace/gateway.json").read_bytes()
            )
        except (OSError, ValueError):
            return None
        return found

    @property
    def url(self) -> str:
        return str((self.note or {})["url"])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Signal it, wait, and return exit code, output and log."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), err.decode()
