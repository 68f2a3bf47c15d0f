"""The gateway as its user runs it: a child process, its command line, its HTTP surface."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from gateway.demo.servers.process import Child, ServerError

START_SECS = 60.0


class RunningGateway:
    """`headrace run` on the project in `folder`. Killed and started again, it is the same one."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder.parent / "gateway.log"
        self.peak_bytes = 0
        self._child: Child | None = None
        self._client = httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=30)

    async def start(self) -> None:
        self._child = Child.start(
            "headrace run", self._command("run"), log=self.log, cwd=self.folder
        )
        try:
            await self._child.ready(self._ready, within_secs=START_SECS)
        except BaseException:
            self._child.kill()
            raise

    def kill(self) -> None:
        """kill -9, as a machine would."""
        if self._child is not None:
            self._measure()
            self._child.kill()

    async def stop(self) -> None:
        """SIGTERM: it drains and goes."""
        if self._child is not None:
            self._measure()
            await self._child.stop(within_secs=20)

    async def close(self) -> None:
        await self.stop()
        await self._client.aclose()

    async def command(self, *arguments: str) -> Any:
        """One verb of the command line on the project, with --json. Returns its document.

        Raises ServerError where it exits with anything but 0.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command(*arguments, "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
        )
        try:
            out, err = await process.communicate()
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            said = (out or err).decode(errors="replace").strip()
            raise ServerError(
                f"`headrace {' '.join(arguments)}` ended with {process.returncode}: {said}"
            )
        return json.loads(out)

    async def get(self, path: str, **query: Any) -> Any:
        """An answer of the HTTP surface. Raises ServerError for anything but 200."""
        answer = await self._client.get(path, params=query)
        if answer.status_code != httpx2.codes.OK:
            raise ServerError(
                f"GET {path} was answered with {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json()

    async def status(self) -> Mapping[str, Any]:
        self._measure()
        found: Mapping[str, Any] = await self.get("/v1/status")
        return found

    async def records(self, after: int = 0, contract: str | None = None) -> list[dict[str, Any]]:
        """Every record of the log after an offset."""
        found: list[dict[str, Any]] = []
        narrowed = {"contract": contract} if contract else {}
        while True:
            page = await self.get("/v1/records", after=after, limit=1_000, **narrowed)
            found += page["records"]
            if page["next"] >= page["end"]:
                return found
            after = page["next"]

    async def letters(self, state: str = "open") -> list[dict[str, Any]]:
        page = await self.get("/v1/deadletters", state=state, limit=1_000)
        found: list[dict[str, Any]] = page["letters"]
        return found

    def _command(self, *arguments: str) -> list[str | Path]:
        return [sys.executable, "-m", "headrace", *arguments, "--project", self.folder]

    async def _ready(self) -> bool:
        try:
            answer = await self._client.get("/readyz")
        except httpx2.TransportError:
            return False
        return answer.status_code == httpx2.codes.OK

    def _measure(self) -> None:
        """The gateway's peak of resident memory, where the system tells (Linux)."""
        if self._child is None:
            return
        try:
            status = Path(f"/proc/{self._child.pid}/status").read_text()
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_bytes = max(self.peak_bytes, int(line.split()[1]) << 10)


def route(status: Mapping[str, Any], name: str) -> dict[str, int]:
    """A route's counts over all its parts."""
    parts = [each for each in status["routes"] if each["route"] == name]
    total = {"lag": sum(each["lag"] for each in parts)}
    for key in ("routed", "delivered", "letters", "predictions", "skipped", "superseded"):
        total[key] = sum(each["tally"][key] for each in parts)
    total["parked"] = sum(each["parked_records"] for each in parts)
    return total


def stream(status: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One stream of the status, by `source/stream`. One that was never read has all zeros."""
    for each in status["streams"]:
        if f"{each['stream']['source']}/{each['stream']['stream']}" == name:
            return dict(each)
    counts = ("read", "appended", "letters", "filtered", "already_seen", "unchanged")
    return {"state": "new", "page": 0, "tally": dict.fromkeys(counts, 0)}
