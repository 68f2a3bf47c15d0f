"""Exit codes, and how an error is told: a sentence for a person, one JSON document for a program."""

from __future__ import annotations

import json
import os
import sys
import traceback
from enum import IntEnum
from typing import Any

from gateway.errors import (
    AuthError,
    ConfigError,
    DriftError,
    Fenced,
    HeadraceError,
    Outage,
    StoreError,
)


class Exit(IntEnum):
    OK = 0
    FOUND = 1
    USAGE = 2
    CONFIG = 3
    OUTAGE = 4
    CONFLICT = 5
    INTERNAL = 70
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "done, nothing wrong",
    Exit.FOUND: "something is wrong with the data or a check failed",
    Exit.USAGE: "the command is not understood, or names what does not exist",
    Exit.CONFIG: "the project cannot be used as it is written",
    Exit.OUTAGE: "a system, the store or the gateway cannot be reached, or refuses the key",
    Exit.CONFLICT: "another gateway holds the store or the port, or things have changed meanwhile",
    Exit.INTERNAL: "an error of headrace itself: please report it",
    Exit.INTERRUPTED: "interrupted",
}
CONFLICTS = frozenset({"port_in_use", "store_held", "gateway_busy", "drift_closed"})
DEBUG_VARIABLE = "HEADRACE_DEBUG"


class CommandError(HeadraceError):
    """What a verb found out by itself, with the exit code it leads to."""

    def __init__(self, exit_code: Exit, code: str, message: str, mend: str | None = None) -> None:
        super().__init__(message, mend=mend, code=code)
        self.exit_code = exit_code


def exit_code(error: BaseException) -> Exit:
    """The exit code that an error leads to."""
    match error:
        case CommandError():
            return error.exit_code
        case HeadraceError() if error.code in CONFLICTS:
            return Exit.CONFLICT
        case Fenced():
            return Exit.CONFLICT
        case ConfigError():
            return Exit.CONFIG
        case Outage() | AuthError() | StoreError():
            return Exit.OUTAGE
        case DriftError() | HeadraceError():
            return Exit.FOUND
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case OSError():
            return Exit.OUTAGE
        case _:
            return Exit.INTERNAL


def describe(error: BaseException) -> dict[str, Any]:
    """The error as the HTTP surface would say it, with file and line where there are some."""
    if not isinstance(error, HeadraceError):
        return _foreign(error)
    told: dict[str, Any] = {"code": error.code, "message": error.message, "mend": error.mend}
    if isinstance(error, ConfigError) and error.file is not None:
        told |= {"file": error.file, "line": error.line}
    problems = getattr(error, "problems", None)
    if problems is not None:
        told["problems"] = [
            {name: getattr(each, name) for name in type(each).__struct_fields__}
            for each in problems
        ]
    return told


def _foreign(error: BaseException) -> dict[str, Any]:
    if isinstance(error, KeyboardInterrupt):
        return {"code": "interrupted", "message": "Interrupted.", "mend": None}
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        said = error.strerror or type(error).__name__
        return {"code": "system_error", "message": f"{where}{said}.", "mend": None}
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    return {
        "code": "unforeseen",
        "message": f"headrace met an error it did not foresee: {type(error).__name__}{where}.",
        "mend": f"{DEBUG_VARIABLE}=1 shows where it came from; please report it.",
    }


def tell(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    error = _missing_extra(error) or error
    if os.environ.get(DEBUG_VARIABLE) and not isinstance(error, KeyboardInterrupt):
        traceback.print_exception(error)
    told = describe(error)
    if as_json:
        sys.stdout.write(json.dumps({"error": told}) + "\n")
    elif told["code"] == "interrupted":
        sys.stderr.write("\n")
    else:
        sys.stderr.write(_sentences(error, told) + "\n")
    return int(exit_code(error))


def _missing_extra(error: BaseException) -> BaseException | None:
    """An extra that a connector imports when it is opened, and that is not installed."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    from gateway.plugins import missing_package

    ours = str(error.name).partition(".")[0] in ("gateway", "connectors", "contracts")
    return None if ours else missing_package(error)


def _sentences(error: BaseException, told: dict[str, Any]) -> str:
    text = str(error) if isinstance(error, HeadraceError) else told["message"]
    if not isinstance(error, HeadraceError) and told["mend"]:
        text = f"{text} {told['mend']}"
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
