"""The demo itself, as a person runs it: to its end, and interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.demo.servers.kserve import model_server
from gateway.demo.servers.mlserver import MLServer
from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.servers.process import ServerError, free_port
from gateway.demo.servers.tryton import TrytonServer
from tests.conftest import require

pytestmark = [
    pytest.mark.tryton,
    pytest.mark.postgresql,
    pytest.mark.mlserver,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
HOME = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve()
MARK = "HEADRACE_DEMO_TEST"
ROUND = uuid.uuid4().hex
"""Tells the processes of these tests from those of others that run at the same time."""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """What the demo installs can be had here; the demo finds it in its place."""
    if (lacking := MLServer.unsupported()) is not None:
        require("mlserver", lacking)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        parts = {
            "mlserver": model_server(here, free_port(), home=HOME),
            "tryton": TrytonServer(here, free_port(), venv=HOME / "tryton" / "venv"),
            "postgresql": PostgresServer(HOME / "postgresql", free_port()),
        }
        for marker, part in parts.items():
            try:
                asyncio.run(part.install())  # type: ignore[attr-defined]
            except ServerError as error:
                require(marker, str(error))


async def started(mark: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "headrace", "demo", *arguments,
        env={**os.environ, MARK: f"{mark}-{ROUND}", "HEADRACE_DEMO_HOME": str(HOME)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


def left_over(mark: str) -> Iterator[str]:
    """Processes that were started by a run: its environment is passed on to all of them."""
    wanted = f"{MARK}={mark}-{ROUND}".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield (folder / "cmdline").read_text().replace("\0", " ")


async def gone(mark: str) -> list[str]:
    """What is still there after the second that the kernel may take."""
    for _ in range(20):
        if not list(left_over(mark)):
            return []
        await asyncio.sleep(0.1)
    return list(left_over(mark))


async def test_the_whole_story_ends_with_zeros_and_leaves_no_process() -> None:
    process = await started("whole", "--json")
    output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text[-4_000:]
    told = json.loads(text.splitlines()[-1])
    assert (told["lost"], told["appended_twice"], told["out_of_order"]) == (0, 0, 0)
    assert told["failed"] == []
    assert told["kills"] >= 1
    assert told["dead_letters"] == told["resolved"] + told["superseded"] == 5
    assert told["rows_read"] > told["records_appended"] > told["predictions"] > 1_000
    assert told["delivered"] >= told["predictions"]
    assert told["written_back"] > 0
    assert 0 < told["p50_ms"] <= told["p95_ms"]
    assert await gone("whole") == []


@pytest.mark.parametrize(
    ("seconds", "sig", "code"),
    [
        (1.0, signal.SIGINT, 130),
        (8.0, signal.SIGTERM, 130),
        (16.0, signal.SIGINT, 130),
        (12.0, signal.SIGKILL, -signal.SIGKILL),
    ],
)
async def test_interrupted_at_any_moment_it_leaves_no_process(
    seconds: float, sig: signal.Signals, code: int
) -> None:
    mark = f"interrupted-{seconds}"
    process = await started(mark)
    reading = asyncio.create_task(process.communicate())
    await asyncio.sleep(seconds)
    assert len(list(left_over(mark))) >= 1
    process.send_signal(sig)
    output, _ = await asyncio.wait_for(reading, 60)
    assert process.returncode == code, output.decode()[-2_000:]
    assert b"Traceback" not in output
    assert await gone(mark) == []
