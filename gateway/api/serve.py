"""Serving the application inside the gateway's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from gateway.api.guard import is_loopback
from gateway.errors import ConfigError

DRAIN_SECS = 3
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - only with keys, see check_exposure


def check_exposure(host: str, *, has_keys: bool) -> None:
    """Raises ConfigError where anybody on the network could steer the gateway."""
    if not has_keys and not is_loopback(host):
        raise ConfigError(
            f"The gateway would listen on {host} without asking anybody for a key.",
            mend="Add `api.keys` to the project file, or listen on 127.0.0.1.",
            code="auth_missing",
        )


@asynccontextmanager
async def serving(
    app: FastAPI, host: str, port: int, *, drain_secs: int = DRAIN_SECS
) -> AsyncIterator[str]:
    """Serve until the block ends; yields the address, `http://127.0.0.1:8400`.

    Port 0 takes a free one. At the end followers are told, requests under way get `drain_secs`.
    Raises ConfigError where the address cannot be listened on, or is open to the network while
    the application has no keys.
    """
    check_exposure(host, has_keys=bool(app.state.gatekeeper.keyring))
    listening = listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        ws="none",
        limit_concurrency=1_000,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=drain_secs,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="api")
    try:
        up = asyncio.create_task(server.up.wait())
        await asyncio.wait((up, task), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            task.result()
        yield address(host, listening.getsockname()[1])
    finally:
        app.state.closing.set()
        app.state.control.store.wake.tell()
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listening.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError that says why there can be none."""
    try:
        found = socket.getaddrinfo(
            host or ANY_ADDRESS,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"{host} is not an address of this machine.",
            mend="Set `api.host` to 127.0.0.1, or to an address this machine has.",
        ) from error
    family, kind, protocol, _, where = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(512)
    except OSError as error:
        opened.close()
        raise _cannot_listen(host, port, error) from error
    opened.setblocking(False)
    return opened


def address(host: str, port: int) -> str:
    """The URL a person on this machine can open."""
    name = "127.0.0.1" if host in ("", ANY_ADDRESS) else "[::1]" if host == "::" else host
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return f"http://{name}:{port}"


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} is in use on {host}.",
            mend="Another gateway may be running; else choose another with `--port` or `api.port`.",
            code="port_in_use",
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"Port {port} may only be used by root.",
            mend="Choose one above 1023 with `--port` or `api.port`.",
            code="port_forbidden",
        )
    return ConfigError(
        f"Cannot listen on {host}, port {port}: {error.strerror}.",
        mend="Set `api.host` to 127.0.0.1, or to an address this machine has.",
        code="address_unusable",
    )


class _Server(uvicorn.Server):
    """Signals are the gateway's business, not the server's. `up` is set once it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
