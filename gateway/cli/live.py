"""The live view of `headrace run` on a terminal: where everything stands, and what happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway import events
from gateway.cli.output import DASH, counted
from gateway.control import Control, Status
from gateway.errors import HeadraceError
from gateway.events import Happened
from gateway.logs import sentence

REFRESH_SECS = 0.5
SHOWN_EVENTS = 8
STATE_STYLE = {"held": "red", "waiting": "yellow", "caught_up": "green", "up": "green"}


@asynccontextmanager
async def shown(control: Control, url: str) -> AsyncIterator[None]:
    """Draw until the block ends."""
    recent: deque[Happened] = deque(maxlen=SHOWN_EVENTS)

    def note(happened: Happened) -> None:
        if happened.event.level != "debug":
            recent.append(happened)

    events.subscribe(note)
    with Live(console=Console(), auto_refresh=False) as live:

        async def draw() -> None:
            while True:
                with contextlib.suppress(HeadraceError):
                    live.update(_view(await control.status(), url, recent), refresh=True)
                await asyncio.sleep(REFRESH_SECS)

        task = asyncio.create_task(draw())
        try:
            yield
        finally:
            events.unsubscribe(note)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(HeadraceError):
                live.update(_view(await control.status(), url, recent), refresh=True)


def _view(status: Status, url: str, recent: deque[Happened]) -> Group:
    letters = status.letters.get("open", 0)
    head = Text.assemble(
        ("headrace", "bold"),
        f" {status.version}  instance {status.instance}  console {url}  log {status.log_end:,}  ",
        (counted(letters, "dead letter"), "red" if letters else "dim"),
        (f"  {counted(status.drifts, 'drift')}", "red" if status.drifts else "dim"),
    )
    lines = [
        Text(
            _clock(each) + sentence(each.event),
            style=_style(each),
            no_wrap=True,
            overflow="ellipsis",
        )
        for each in recent
    ]
    return Group(head, _streams(status), _routes(status), *lines)


def _streams(status: Status) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("stream")
    table.add_column("state")
    for heading in ("read", "appended", "letters"):
        table.add_column(heading, justify="right")
    table.add_column("why", overflow="ellipsis", no_wrap=True)
    for each in status.streams:
        table.add_row(
            str(each.stream),
            Text(each.state.replace("_", " "), style=STATE_STYLE.get(each.state, "")),
            f"{each.tally.read:,}",
            f"{each.tally.appended:,}",
            f"{each.tally.letters:,}",
            Text(each.reason or ""),
        )
    return table


def _routes(status: Status) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("route")
    for heading in ("delivered", "predictions", "letters", "parked", "lag"):
        table.add_column(heading, justify="right")
    for each in status.routes:
        table.add_row(
            each.route,
            f"{each.tally.delivered:,}",
            f"{each.tally.predictions:,}",
            f"{each.tally.letters:,}",
            f"{each.parked_records:,}" if each.parked_records else DASH,
            f"{each.lag:,}",
        )
    for endpoint in status.endpoints:
        if endpoint.state == "held":
            table.add_row(Text(f"{endpoint.name} held: {endpoint.reason}", style="red"))
    return table


def _clock(happened: Happened) -> str:
    return happened.at.astimezone().strftime("%H:%M:%S  ")


def _style(happened: Happened) -> str:
    return {"warning": "yellow", "error": "red"}.get(happened.event.level, "dim")
