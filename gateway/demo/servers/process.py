"""A child process with its own port, folder and log, that never outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from gateway.errors import HeadraceError

PR_SET_PDEATHSIG = 1


class ServerError(HeadraceError):
    """A server could not be installed or did not come up; the message ends with its log's tail."""

    code = "server_failed"


def free_port() -> int:
    """A loopback port nobody listens on. It may be taken before it is used: callers retry."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    # A Ctrl-C or kill -9 of the parent must leave nothing behind; only Linux can promise that.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One running process. `stop` asks politely first, `kill` does not."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> Child:
        """Start in a session of its own, output appended to `log`. `user` needs root."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent,
                user=user,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        return self.process.poll() is None

    async def ready(self, probe: Callable[[], Awaitable[bool]], *, within_secs: float) -> None:
        """Wait until `probe` says yes. Raises ServerError when it exits first or time is up."""
        until = time.monotonic() + within_secs
        while True:
            if not self.running():
                raise ServerError(
                    f"{self.name} exited with {self.process.returncode} while starting.",
                    mend=self._tail(),
                )
            with contextlib.suppress(OSError):
                if await probe():
                    return
            if time.monotonic() > until:
                raise ServerError(
                    f"{self.name} was not ready within {within_secs:.0f} s.", mend=self._tail()
                )
            await asyncio.sleep(0.05)

    async def stop(self, within_secs: float = 10.0, sig: signal.Signals = signal.SIGTERM) -> None:
        """Ask the whole process group to end, and kill what does not."""
        if self.running():
            self._signal(sig)
            until = time.monotonic() + within_secs
            while self.running() and time.monotonic() < until:
                await asyncio.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """kill -9 the whole process group."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, sig: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, sig)

    def _tail(self, lines: int = 15) -> str:
        text = self.log.read_bytes()[-20_000:].decode(errors="replace").splitlines()[-lines:]
        return f"The end of {self.log}:\n" + "\n".join(text)


async def port_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1)
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True


async def make_venv(folder: Path, requirements: Path, *, python: str = sys.executable) -> Path:
    """A virtual environment that holds exactly `requirements`, made anew when that file changed.

    Returns the environment's python. Raises ServerError with pip's last words.
    """
    stamp = folder / "requirements.installed"
    wanted = requirements.read_text()
    binary = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == wanted and binary.exists():
        return binary
    log = folder.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    await _run([python, "-m", "venv", "--clear", str(folder)], log)
    await _run(
        [
            str(binary),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
            "--no-input",
            "-r",
            str(requirements),
        ],
        log,
    )
    stamp.write_text(wanted)
    return binary


async def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        try:
            code = await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ServerError(f"`{' '.join(command[:4])} …` failed with {code}.", mend=tail)
