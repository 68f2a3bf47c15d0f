"""A command that runs to its end and leaves nothing behind when its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.demo.servers.process import Child, ServerError


async def finished(
    name: str,
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
) -> None:
    """Raises ServerError with the log's end where the command fails."""
    child = Child.start(name, command, log=log, env=env)
    try:
        while child.running():
            await asyncio.sleep(0.05)
    finally:
        child.kill()
    if code := child.process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ServerError(f"{name} failed with {code}.", mend=f"The end of {log}:\n{tail}")
