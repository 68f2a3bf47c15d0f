"""The way to a gateway: over HTTP to one that runs, else through the same HTTP surface in process.

One path and one JSON shape for both: a verb never knows which it was.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import msgspec

from gateway.cli.exits import CommandError, Exit
from gateway.cli.holder import busy, held, holder
from gateway.cli.options import Target
from gateway.errors import Ambiguous, Outage

IN_PROCESS_URL = "http://127.0.0.1"
CALL_SECS = 600.0
"""A replay of many letters takes its time."""
CONFIG_CODES = ("config_", "secret_", "mapping_", "unknown_connector", "missing_extra")


class Gateway:
    """The HTTP surface of one gateway. Its answers are JSON as msgspec decodes it."""

    def __init__(self, client: httpx2.AsyncClient, where: str) -> None:
        self._client = client
        self.where = where

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        given = {
            name: value for name, value in (query or {}).items() if value not in (None, [], ())
        }
        return await self._call("GET", path, params=given)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self._call(
            "POST",
            path,
            content=msgspec.json.encode(body or {}),
            headers={"content-type": "application/json"},
        )

    async def raw(self, path: str) -> bytes:
        """The bytes of an answer that is not JSON."""
        return (await self._answer("GET", path)).content

    async def _call(self, method: str, path: str, **given: Any) -> Any:
        answer = await self._answer(method, path, **given)
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            raise self._stranger(answer.status_code) from None

    async def _answer(self, method: str, path: str, **given: Any) -> httpx2.Response:
        try:
            answer = await self._client.request(method, path, **given)
        except httpx2.InvalidURL as error:
            raise CommandError(Exit.USAGE, "usage", f"{self.where}: {error}.") from None
        except (httpx2.HTTPError, Outage, Ambiguous) as error:
            said = str(error) or type(error).__name__
            raise Outage(
                f"The gateway at {self.where} does not answer: {said.rstrip('.')}.",
                mend="See that it runs, and that the address is right.",
            ) from None
        if answer.is_success:
            return answer
        raise self._refused(answer)

    def _refused(self, answer: httpx2.Response) -> CommandError:
        try:
            said = msgspec.json.decode(answer.content)["error"]
            code, message, mend = str(said["code"]), str(said["message"]), said.get("mend")
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return self._stranger(answer.status_code)
        if answer.status_code in (401, 403):
            mend = f"{mend or ''} Name its variable with --key-env.".strip()
        return CommandError(_exit(answer.status_code, code), code, message, mend)

    def _stranger(self, status: int) -> CommandError:
        return CommandError(
            Exit.OUTAGE,
            "not_a_gateway",
            f"What answers at {self.where} (status {status}) is not a Headrace gateway.",
            "Check the address.",
        )


def path(*parts: str) -> str:
    """`/v1/…` of parts that may hold anything."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def call(target: Target, verb: Callable[[Gateway], Awaitable[Any]]) -> Any:
    """Run a verb against the gateway that a target means, and return what it returns."""
    import asyncio

    async def through() -> Any:
        async with reached(target) as gateway:
            return await verb(gateway)

    return asyncio.run(through())


@asynccontextmanager
async def reached(target: Target) -> AsyncIterator[Gateway]:
    """The gateway at `target.url`, or the one that holds the project, or the project itself.

    Raises Outage where it does not answer, CommandError where the key cannot be had, ConfigError
    where the project cannot be opened.
    """
    if target.url is not None:
        async with _over_http(target.url, _key(target.key_env)) as gateway:
            yield gateway
        return
    from gateway.config.load import located

    folder, _ = located(target.project)
    state = folder / ".headrace"
    note = holder(state)
    if note is not None and note.url is not None:
        async with _over_http(note.url, _key(target.key_env) or note.token) as gateway:
            yield gateway
        return
    async with in_process(target) as gateway:
        yield gateway


@asynccontextmanager
async def in_process(target: Target) -> AsyncIterator[Gateway]:
    """Open the project here, for the time of one command."""
    from gateway import logs
    from gateway.api.app import create_app
    from gateway.cli.version import version
    from gateway.config.load import load
    from gateway.pipeline import open_control

    loaded = load(target.project, overlay=target.overlay)
    logs.configure("silent")
    async with AsyncExitStack() as stack:
        stack.enter_context(held(loaded.state, wait_secs=10.0))
        control = await stack.enter_async_context(open_control(loaded, version=version()))
        app = create_app(control, version=version(), contracts=loaded.contracts)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url=IN_PROCESS_URL, timeout=CALL_SECS
        )
        yield Gateway(await stack.enter_async_context(client), str(loaded.folder))


@asynccontextmanager
async def _over_http(url: str, key: str | None) -> AsyncIterator[Gateway]:
    from gateway.http import HttpSession

    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(
            Exit.USAGE, "usage", f"{url} is no address of a gateway.", "Like http://127.0.0.1:8400."
        )
    if parts.username or parts.password:
        raise CommandError(
            Exit.USAGE,
            "usage",
            "A key does not belong into the address.",
            "Put it into a variable and name that with --key-env.",
        )
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # The operator has typed the address: every network may be meant.
    async with (
        HttpSession.open(allow=("0.0.0.0/0", "::/0")) as session,
        session.client(
            base_url=url if "://" in url else f"http://{url}",
            headers=headers,
            timeout_secs=CALL_SECS,
        ) as client,
    ):
        yield Gateway(client, f"{parts.scheme}://{parts.netloc}")


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise CommandError(
            Exit.CONFIG,
            "secret_missing",
            f"The environment variable {variable} is not set.",
            f"Put the gateway's key into it: export {variable}=…",
        )
    return key


def _exit(status: int, code: str) -> Exit:
    if status in (401, 403) or status >= 500:
        return Exit.OUTAGE
    if status == 409:
        return Exit.CONFLICT
    if status == 422 and code.startswith(CONFIG_CODES):
        return Exit.CONFIG
    return Exit.USAGE if status in (404, 405, 422) else Exit.FOUND


__all__ = ["Gateway", "busy", "call", "path", "reached"]
