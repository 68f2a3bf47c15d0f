"""Events as log lines: JSON for machines, one short coloured sentence for a person at a terminal.

Lines go to standard error, so that a command's own output stays clean. What libraries log through
`logging` comes out in the same shape, from `warning` up.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict

from gateway import events
from gateway.events import Event, Happened

Mode: TypeAlias = Literal["auto", "json", "pretty", "silent"]

PAINT = {"debug": "\x1b[2m", "info": "", "warning": "\x1b[33m", "error": "\x1b[31m"}
RESET = "\x1b[0m"


def configure(mode: Mode = "auto", *, debug: bool = False, output: TextIO | None = None) -> None:
    """Choose how events are written. `auto` is pretty on a terminal and JSON elsewhere.

    Calling it again replaces the earlier choice. With `debug`, events of that level too.
    """
    output = output or sys.stderr
    if mode == "auto":
        mode = "pretty" if output.isatty() else "json"
    while _writers:
        events.unsubscribe(_writers.pop())
    if mode != "silent":
        writer = PrettyLines(output, debug) if mode == "pretty" else JsonLines(output, debug)
        _writers.append(writer)
        events.subscribe(writer)
    _libraries(mode, output)


class JsonLines:
    """One JSON object a line: `at`, `level`, `event` (the code), then the event's fields."""

    def __init__(self, output: TextIO, debug: bool = False) -> None:
        self._debug = debug
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(output),
            processors=[
                _in_order,
                structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
            ],
        )

    def __call__(self, happened: Happened) -> None:
        event = happened.event
        if event.level == "debug" and not self._debug:
            return
        self._log.msg(
            event.code,
            at=happened.at.isoformat(timespec="milliseconds"),
            level=event.level,
            **event.values(),
        )


class PrettyLines:
    """`12:00:03  crm/Account  1,000 read, 998 appended, 2 dead letters  0.21 s`.

    A page without rows is not worth a line.
    """

    def __init__(self, output: TextIO, debug: bool = False) -> None:
        self._output = output
        self._debug = debug
        self._colour = output.isatty()

    def __call__(self, happened: Happened) -> None:
        event = happened.event
        if event.level == "debug" and not self._debug:
            return
        if isinstance(event, events.PageIngested) and not event.read and not self._debug:
            return
        clock = happened.at.astimezone().strftime("%H:%M:%S")
        line = f"{clock}  {sentence(event)}"
        paint = PAINT[event.level] if self._colour else ""
        self._output.write(f"{paint}{line}{RESET if paint else ''}\n")
        self._output.flush()


def sentence(event: Event) -> str:
    """What happened, in one line for a person. Control characters are made visible."""
    text = _special(event) or _plain(event)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _in_order(_: Any, __: str, line: EventDict) -> EventDict:
    """What every line has comes first."""
    first: dict[str, Any] = {name: line[name] for name in ("at", "level", "event")}
    return first | dict(line)


def _special(event: Event) -> str | None:
    match event:
        case events.GatewayStarted():
            where = f", console at {event.url}" if event.url else ""
            return f"headrace {event.version} started, instance {event.instance}{where}"
        case events.Listening():
            return f"listening at {event.url}"
        case events.GatewayDraining():
            return f"draining: {event.why}"
        case events.GatewayStopped():
            return f"stopped after {event.seconds:,.1f} s"
        case events.CursorMoved():
            what = "is read again" if event.backfill else "has a new cursor"
            return f"{event.stream}  {what}, by {event.by}"
        case events.ApplyDone():
            return f"{_count(event.changes, 'change')} taken in, by {event.by}"
        case events.StepFailed():
            return f"{event.part}  met {event.error}: {event.detail}"
        case _:
            return _of_stream(event) or _of_route(event) or _of_letters(event)


def _of_stream(event: Event) -> str | None:
    match event:
        case events.PageIngested():
            parts = [f"{event.read:,} read", f"{event.appended:,} appended"]
            if event.letters:
                parts.append(_count(event.letters, "dead letter"))
            for number, word in (
                (event.filtered, "filtered"),
                (event.already_seen, "already seen"),
                (event.unchanged, "unchanged"),
            ):
                if number:
                    parts.append(f"{number:,} {word}")
            return f"{event.stream}  {', '.join(parts)}  {event.seconds:.2f} s"
        case events.StreamHeld():
            return f"{event.stream}  held ({event.reason}): {event.detail}"
        case events.StreamResumed():
            return f"{event.stream}  goes on"
        case events.SourceWaiting():
            return (
                f"{event.stream}  waiting ({event.reason}), again in "
                f"{event.retry_after_secs:.0f} s: {event.detail}"
            )
        case events.DriftOpened():
            return f"{event.stream}  drifted: {_count(event.changes, 'change')} ({event.drift})"
        case events.DriftClosed():
            by = f" by {event.by}" if event.by else ""
            return f"{event.stream}  drift {event.outcome}{by} ({event.drift})"
        case _:
            return None


def _of_route(event: Event) -> str | None:
    match event:
        case events.BatchDelivered():
            more = f", {_count(event.predictions, 'prediction')}" if event.predictions else ""
            return (
                f"{event.route} → {event.endpoint}  {event.records:,} delivered{more}"
                f"  {event.seconds:.2f} s"
            )
        case events.RouteHeld():
            return f"{event.route} → {event.endpoint}  held ({event.reason}): {event.detail}"
        case events.RouteResumed():
            held = f" after {event.held_secs:,.1f} s" if event.held_secs is not None else ""
            return f"{event.route} → {event.endpoint}  goes on{held}"
        case events.KeysParked():
            return f"{event.route}  {_count(event.count, 'key')} parked ({event.reason})"
        case _:
            return None


def _of_letters(event: Event) -> str | None:
    match event:
        case events.LettersOpened():
            return f"{event.place}  {_count(event.count, 'dead letter')} ({event.reason})"
        case events.LettersResolved():
            return f"{event.place}  {_count(event.count, 'dead letter')} resolved"
        case events.LettersSuperseded():
            return f"{event.place}  {_count(event.count, 'dead letter')} superseded"
        case events.LettersDiscarded():
            return f"{_count(event.count, 'dead letter')} discarded by {event.by}: {event.why}"
        case events.LettersReplayed():
            parts = [
                f"{number:,} {word}"
                for number, word in (
                    (event.resolved, "resolved"),
                    (event.returned, "back in their route"),
                    (event.superseded, "superseded"),
                    (event.failed, "failed again"),
                )
                if number
            ]
            said = ", ".join(parts) or "nothing changed"
            return f"{_count(event.letters, 'dead letter')} replayed by {event.by}: {said}"
        case _:
            return None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plain(event: Event) -> str:
    fields = "  ".join(f"{name}={value}" for name, value in event.values().items())
    return f"{event.code.replace('_', ' ')}  {fields}"


class _LibraryFormatter(logging.Formatter):
    """A library's record in the shape of ours: its message and the error's type, no traceback."""

    def __init__(self, mode: Mode) -> None:
        super().__init__()
        self._mode = mode
        self._render = structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        if self._mode == "pretty":
            clock = self.formatTime(record, "%H:%M:%S")
            return f"{clock}  {record.name}: {text}{f' ({error})' if error else ''}"
        line: dict[str, Any] = {
            "event": "library_log",
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "library": record.name,
            "message": text,
        }
        if error:
            line["error"] = error
        return str(self._render(None, "", line))


def _libraries(mode: Mode, output: TextIO) -> None:
    root = logging.getLogger()
    while _handlers:
        root.removeHandler(_handlers.pop())
    handler = logging.StreamHandler(output) if mode != "silent" else logging.NullHandler()
    handler.setFormatter(_LibraryFormatter(mode))
    handler.setLevel(logging.WARNING)
    root.addHandler(handler)
    _handlers.append(handler)


_writers: list[JsonLines | PrettyLines] = []
_handlers: list[logging.Handler] = []
