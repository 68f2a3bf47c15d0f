"""How numbers, times and reasons read on the screen. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup, escape

from gateway.console.payload import visible


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def compact(value: float) -> str:
    """`12,345` up to there, then `123k`, `1.2M`."""
    if abs(value) < 100_000:
        return f"{value:,.0f}"
    for limit, unit, size in ((1e6, "k", 1e3), (1e9, "M", 1e6), (float("inf"), "B", 1e9)):
        if abs(value) < limit:
            return f"{value / size:.3g}{unit}"
    return str(value)


def size(count: int) -> str:
    """`812 bytes`, `1.2 KiB`, `100 MiB`."""
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    value, unit = count / 1024, "KiB"
    if value >= 1024:
        value, unit = value / 1024, "MiB"
    return f"{value:.3g} {unit}"


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`."""
    if seconds < 1:
        return f"{max(seconds, 0):.1f} s"
    for limit, unit, length in ((90, "s", 1), (5400, "min", 60), (129_600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def ago(at: datetime, now: datetime) -> str:
    """`3 min ago`, `in 12 s`, `now`."""
    seconds = (now - at).total_seconds()
    if -1 < seconds < 2:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def due(at: datetime, now: datetime) -> str:
    """`in 12 s`; `now` for what should have been already."""
    return ago(at, now) if at > now else "now"


def sentence(text: str) -> str:
    """`connection refused` as `Connection refused.`, so that another may follow. A name at the
    beginning (`crm/customers`) keeps its letters."""
    text = text.strip()
    if text.partition(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def prose(text: str) -> Markup:
    """A reason with its `code` set as code. Everything else is escaped."""
    pieces = visible(text).split("`")
    if len(pieces) % 2 == 0:
        return escape(visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )


def exact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 letter`, `3 letters`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
