"""What a verb prints: for a person with Rich, for a program one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

TICK, CROSS, DASH = "✓", "✗", "–"
PLAIN = str.maketrans({TICK: "ok", CROSS: "WRONG", DASH: "-", "·": "-", "→": "->", "…": "..."})
"""What our own signs become where the terminal has none of them."""
PIPE_WIDTH = 200


def print_json(document: Any) -> None:
    """Write one document, indented for a person who looks at it."""
    import msgspec

    write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def write_bytes(text: bytes) -> None:
    """Write bytes to standard output as they are: JSON is UTF-8 whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def console(*, stderr: bool = False) -> Console:
    import os

    from rich.console import Console

    # A file or a pipe has no edge that text could run over.
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, highlight=False, width=PIPE_WIDTH if wide else None)


def say(*lines: str) -> None:
    """Plain lines, with whatever cannot be printed made visible."""
    for line in lines:
        sys.stdout.write(visible(line) + "\n")


def visible(text: str) -> str:
    """Text from elsewhere, safe on a terminal: no control characters but line breaks."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        shown = shown.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return shown


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table; columns of numbers stand to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, heading in enumerate(headings):
        numbers = bool(rows) and all(isinstance(row[index], int | None) for row in rows)
        made.add_column(heading, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(visible(_cell(each))) for each in row))
    console().print(made)


def _cell(value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def counted(number: int, noun: str) -> str:
    """`1 letter`, `2 letters`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ago(instant: str | None, now: datetime | None = None) -> str:
    """An ISO instant as its distance from now: `3 min ago`."""
    if not instant:
        return DASH
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def short(value: Any, width: int = 120) -> str:
    """One line of at most `width` characters."""
    import msgspec

    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
