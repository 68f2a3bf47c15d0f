"""A gateway of our own, as a child process."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
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


def on_a_terminal(*arguments: str, cwd: Path, until: str) -> str:
    """Run a command on a terminal, press Ctrl-C once `until` is shown, and return all it showed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    process = subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown, asked = b"", False
    ends = time.monotonic() + START_SECS
    try:
        while time.monotonic() < ends:
            if not select.select([master], [], [], 0.2)[0]:
                continue
            try:
                shown += os.read(master, 65_536)
            except OSError:  # Linux says so when the other side is closed
                break
            if until.encode() in shown and not asked:
                process.send_signal(signal.SIGINT)
                asked = True
        assert process.wait(timeout=30) == 130, shown.decode()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return shown.decode()
