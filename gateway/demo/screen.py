"""What the person at the terminal sees: headings, live lines while something is awaited, results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class Waiting:
    """One live line; `tell` changes what it says."""

    def __init__(self, spinner: Spinner) -> None:
        self._spinner = spinner

    def tell(self, text: str) -> None:
        self._spinner.update(text=Text(f" {text}", style="dim"))


class Parts:
    """One live line a part, for what is done side by side."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._began = time.monotonic()
        self._parts: dict[str, tuple[str, float]] = {}
        self._spinner = Spinner("dots")

    def tell(self, part: str, doing: str) -> None:
        self._parts[part] = (doing, time.monotonic())
        if not self._screen.live:
            self._screen.line(f"{part}: {doing}")

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for part, (doing, since) in self._parts.items():
            ready = doing == "ready"
            mark = Text("✓", style="green") if ready else self._spinner
            spent = "" if ready else f"{time.monotonic() - since:.0f} s"
            table.add_row("  ", mark, Text(part, style="bold"), doing, Text(spent, style="dim"))
        return table


class Screen:
    """`live` says whether there is somebody to look at moving lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.live = console.is_terminal

    def step(self, number: int, title: str) -> None:
        self._console.print()
        self._console.print(
            Text.assemble(
                (f" {number} ", "bold reverse"), (f" {title}", "bold"),
                (f"   {time.monotonic() - self._began:.0f} s", "dim"),
            )
        )  # fmt: skip

    def line(self, text: str) -> None:
        self._console.print(Text(f"  {text}"), soft_wrap=not self.live)

    def good(self, text: str) -> None:
        self._console.print(Text.assemble(("  ✓ ", "green"), text), soft_wrap=not self.live)

    def bad(self, text: str) -> None:
        self._console.print(Text.assemble(("  ✗ ", "bold red"), text), soft_wrap=not self.live)

    def quote(self, text: str) -> None:
        self._console.print(Text(f"    │ {text}", style="cyan"), soft_wrap=not self.live)

    def table(
        self, headings: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None
    ) -> None:
        made = Table(
            *headings, box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=True
        )
        for index in range(len(headings)):
            if rows and all(isinstance(row[index], int | float) for row in rows):
                made.columns[index].justify = "right"
        for row in rows:
            made.add_row(*(f"{each:,}" if isinstance(each, int) else str(each) for each in row))
        self._console.print(made)

    @contextmanager
    def waiting(self, text: str) -> Iterator[Waiting]:
        spinner = Spinner("dots", text=Text(f" {text}", style="dim"))
        with Live(spinner, console=self._console, transient=True, auto_refresh=self.live):
            yield Waiting(spinner)

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        parts = Parts(self)
        with Live(parts, console=self._console, auto_refresh=self.live, transient=not self.live):
            yield parts
