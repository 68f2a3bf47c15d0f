"""The story that `headrace demo` tells, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console

from gateway.demo.running import RunningGateway
from gateway.demo.screen import Screen
from gateway.demo.servers.process import ServerError
from gateway.demo.steps import change, count, kill, outage, predict, read, refuse, rename
from gateway.demo.tale import Figures, Tale
from gateway.demo.world import world

STEPS = (
    ("Everything is read once", read.tell),
    ("Two models answer, their answers are written back", predict.tell),
    ("A change in either system becomes a prediction", change.tell),
    ("The model server goes away and comes back", outage.tell),
    ("Rows that break the contract arrive", refuse.tell),
    ("A column is renamed", rename.tell),
    ("A stream is added, and the gateway killed with -9 while it is read", kill.tell),
    ("The count, asked of everybody but the gateway", count.tell),
)
HOME_VARIABLE = "HEADRACE_DEMO_HOME"
INTERRUPTED = 130
WIDTH = 110
"""Of what is written to a file or a pipe."""


def main(*, keep: bool, json: bool) -> int:
    """Tell the story. Returns the exit code: 0 where everything is as it says, 1 where not.

    Raises ServerError where a part of it cannot be had or does not come up.
    """
    console = Console(stderr=json, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=json, highlight=False, width=WIDTH)
    figures = asyncio.run(_interruptible(Screen(console), keep=keep))
    if figures is None:
        return INTERRUPTED
    if json:
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    return 1 if figures.failed else 0


async def _interruptible(screen: Screen, *, keep: bool) -> Figures | None:
    """None when somebody asked to stop. However it ends, nothing is left running."""
    telling = asyncio.current_task()
    assert telling is not None
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(sig, telling.cancel)
    try:
        return await _told(screen, keep=keep)
    except asyncio.CancelledError:
        screen.line("interrupted; everything is stopped")
        return None
    except BaseExceptionGroup as group:
        raise _first(group) from None


async def _told(screen: Screen, *, keep: bool) -> Figures:
    began = time.monotonic()
    home = Path(os.environ.get(HOME_VARIABLE, ".demo")).resolve()
    async with world(home) as here:
        screen.step(0, "Tryton, PostgreSQL and a model server are made ready")
        with screen.parts() as parts:
            await here.prepare(parts.tell)
        screen.line(
            f"{here.models.name}, Tryton 8.2, PostgreSQL; the seeded databases "
            + ("are from an earlier run" if here.cached else "are new and kept for the next run")
        )
        tale = Tale(here, screen)
        for number, (title, tell) in enumerate(STEPS, 1):
            screen.step(number, title)
            await tell(tale)
        tale.figures.seconds = round(time.monotonic() - began, 1)
        _summary(screen, tale.figures)
        await _ended(screen, here.gateway, keep=keep)
    return tale.figures


def _summary(screen: Screen, figures: Figures) -> None:
    told = msgspec.structs.asdict(figures)
    failed = told.pop("failed")
    screen.table(
        ("the whole run", ""), [(name.replace("_", " "), value) for name, value in told.items()]
    )
    if failed:
        for each in failed:
            screen.bad(each)
    else:
        screen.good("all of it is as it should be")


async def _ended(screen: Screen, gateway: RunningGateway, *, keep: bool) -> None:
    screen.line(f"the console: {gateway.url}/   the project: {gateway.folder}")
    if not keep:
        screen.line("all is stopped now; `headrace demo --keep` leaves it up to be looked at")
        return
    screen.line("everything stays up until Ctrl-C")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that explains a failure of several parts at once: the first of ours, if any."""
    leaves: list[BaseException] = []
    open_ = list(group.exceptions)
    while open_:
        each = open_.pop(0)
        if isinstance(each, BaseExceptionGroup):
            open_ += each.exceptions
        else:
            leaves.append(each)
    return next((each for each in leaves if isinstance(each, ServerError)), leaves[0])
