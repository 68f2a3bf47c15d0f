"""A project for one scenario, out of parts of the demo's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.demo.project import TEMPLATE
from gateway.demo.running import RunningGateway
from gateway.demo.servers.process import free_port

T = TypeVar("T")


def gateway_on(
    folder: Path, project: Mapping[str, Any], secrets: Mapping[str, str] = {}
) -> RunningGateway:
    """A gateway, not started yet, on `project` with the demo's mappings and contract."""
    port = free_port()
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    # JSON is YAML.
    written = msgspec.json.encode({**project, "api": {"port": port}})
    (folder / "headrace.yaml").write_bytes(msgspec.json.format(written))
    (folder / "secrets").mkdir(mode=0o700)
    for name, secret in secrets.items():
        (folder / "secrets" / name).write_text(secret)
    return RunningGateway(folder, port)


async def until(
    look: Callable[[], Awaitable[T]], holds: Callable[[T], object], within_secs: float = 60.0
) -> T:
    """What `look` saw when it was as wanted. Fails with what was seen last."""
    end = asyncio.get_running_loop().time() + within_secs
    while True:
        seen = await look()
        if holds(seen):
            return seen
        assert asyncio.get_running_loop().time() < end, f"not within {within_secs} s: {seen}"
        await asyncio.sleep(0.05)
