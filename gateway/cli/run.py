"""`headrace run`: the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.exits import Exit
from gateway.cli.options import HERE, Json, Overlay, ProjectDir
from gateway.cli.output import print_json, say

if TYPE_CHECKING:
    from fastapi import FastAPI

    from gateway.api.auth import Keyring
    from gateway.config.loaded import LoadedProject
    from gateway.pipeline import Running, Unsettled

LOCK_WAIT_SECS = 2.0


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Until every source is read and every route has caught up."),
    ] = False,
    host: Annotated[str | None, typer.Option(help="Listen there instead of `api.host`.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of `api.port`; 0: a free one.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Log lines instead of the live view.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Log every step.")] = False,
    as_json: Json = False,
) -> None:
    """Run the gateway until it is told to stop: SIGTERM or Ctrl-C drain it, a second one kills it.

    SIGHUP takes in changed files, as `headrace apply` does.
    """
    from gateway import logs
    from gateway.config.load import load

    loaded = load(project, overlay=overlay)
    live = sys.stdout.isatty() and sys.stderr.isatty() and not (plain or debug or as_json)
    logs.configure("silent" if live else "json" if as_json else "auto", debug=debug)
    where = (host or loaded.project.api.host, _port(loaded, once=once, port=port))
    ended = asyncio.run(_run(loaded, where, once=once, live=live))
    if once:
        _tell(ended, as_json=as_json)
    elif as_json:
        print_json({"status": ended.status, "signal": ended.signal})
    raise typer.Exit(ended.exit_code)


class _Ended:
    """How the run ended, for the last words."""

    def __init__(self, status: Any, unsettled: Sequence[Unsettled], by: int | None) -> None:
        self.status = status
        self.unsettled = unsettled
        self.signal = None if by is None else signal.Signals(by).name
        self.exit_code = Exit.OK
        if by == signal.SIGINT:
            self.exit_code = Exit.INTERRUPTED
        elif any(each.state in ("waiting", "held") for each in unsettled):
            self.exit_code = Exit.OUTAGE
        elif unsettled:
            self.exit_code = Exit.FOUND


async def _run(loaded: LoadedProject, where: tuple[str, int], *, once: bool, live: bool) -> _Ended:
    from gateway import events
    from gateway.api.auth import Keyring
    from gateway.api.serve import check_exposure, listen, serving
    from gateway.cli.holder import Note, held, write_note
    from gateway.cli.version import version
    from gateway.pipeline import running

    host, port = where
    check_exposure(host, has_keys=bool(loaded.project.api.keys))
    # Told before anything is read: a gateway that nobody can ask must not start to work.
    listen(host, port).close()
    token = secrets.token_urlsafe(32)
    keyring = Keyring(loaded.project.api.keys, token=token)
    with ExitStack() as outer:
        outer.enter_context(held(loaded.state, wait_secs=LOCK_WAIT_SECS))
        metrics = outer.enter_context(_counted())
        async with AsyncExitStack() as stack:
            stop = stack.enter_context(_signals())
            gateway = await stack.enter_async_context(running(loaded, version=version()))
            app = _app(loaded, gateway, keyring, metrics)
            url = await stack.enter_async_context(serving(app, host, port))
            write_note(loaded.state, Note(os.getpid(), url, token))
            events.emit(events.Listening(url))
            if live:
                from gateway.cli.live import shown

                await stack.enter_async_context(shown(gateway.control, url))
            unsettled = await _until(gateway, stop, once=once)
            status = await gateway.control.status()
        return _Ended(status, unsettled, stop.signal)


def _app(loaded: LoadedProject, gateway: Running, keyring: Keyring, metrics: Any) -> FastAPI:
    from gateway.api.app import create_app
    from gateway.cli.version import version

    return create_app(
        gateway.control,
        version=version(),
        keyring=keyring,
        metrics=metrics,
        contracts=loaded.contracts,
    )


async def _until(gateway: Running, stop: _Stop, *, once: bool) -> Sequence[Unsettled]:
    """Wait for a signal, for another owner, or with `once` for the end of the work."""
    from gateway import events

    fenced = asyncio.create_task(gateway.fenced())
    settled = asyncio.create_task(gateway.settled()) if once else None
    stopped = asyncio.create_task(stop.wait())
    try:
        while True:
            tasks = [task for task in (fenced, settled, stopped) if task is not None]
            done, _ = await asyncio.wait(
                [*tasks, stop.reload_task()], return_when=asyncio.FIRST_COMPLETED
            )
            if fenced in done:
                fenced.result()
            if stopped in done:
                return ()
            if settled is not None and settled in done:
                return settled.result()
            if stop.reload.is_set():
                stop.reload.clear()
                try:
                    await gateway.control.apply(dry_run=False, by="SIGHUP")
                except Exception as error:  # noqa: BLE001 - a wrong file must not stop the gateway
                    events.emit(events.StepFailed("apply", type(error).__name__, str(error)))
    finally:
        for task in (fenced, settled, stopped, stop.reloading):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task


class _Stop:
    """What signals have asked for."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.reload = asyncio.Event()
        self.reloading: asyncio.Task[bool] | None = None
        self._asked = asyncio.Event()

    def ask(self, number: int) -> None:
        """The first asks to drain; the second ends the process there and then."""
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        self._asked.set()

    async def wait(self) -> None:
        await self._asked.wait()

    def reload_task(self) -> asyncio.Task[bool]:
        if self.reloading is None or self.reloading.done():
            self.reloading = asyncio.create_task(self.reload.wait())
        return self.reloading


@contextmanager
def _signals() -> Iterator[_Stop]:
    loop, stop = asyncio.get_running_loop(), _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask, number)
    loop.add_signal_handler(signal.SIGHUP, stop.reload.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


@contextmanager
def _counted() -> Iterator[Any]:
    from gateway import events
    from gateway.metrics import Metrics

    metrics = Metrics()
    events.subscribe(metrics.observe)
    try:
        yield metrics
    finally:
        events.unsubscribe(metrics.observe)


def _port(loaded: LoadedProject, *, once: bool, port: int | None) -> int:
    # A run to the end is mostly one beside others, and nobody has to know its address.
    if port is not None:
        return port
    return 0 if once else loaded.project.api.port


def _tell(ended: _Ended, *, as_json: bool) -> None:
    import msgspec

    status = ended.status
    if as_json:
        print_json(
            {
                "settled": not ended.unsettled and ended.signal is None,
                "unsettled": list(ended.unsettled),
                "status": status,
            }
        )
        return
    from gateway.cli.status import show

    show(msgspec.to_builtins(status))
    for each in ended.unsettled:
        say(f"{each.place}: {each.state}{f': {each.reason}' if each.reason else ''}")
