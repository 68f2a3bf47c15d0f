"""The tree of commands, and the one handler that no error gets past."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gateway.cli import (
    apply,
    backfill,
    check,
    connectors,
    contracts,
    cursor,
    demo,
    discover,
    dlq,
    drift,
    init,
    preview,
    status,
)
from gateway.cli import (
    run as run_verb,
)
from gateway.cli.exits import MEANING, tell

EPILOG = "Exit codes: " + "; ".join(f"{int(code)} {text}" for code, text in MEANING.items()) + "."

app = typer.Typer(
    name="headrace",
    help="An integration gateway between business systems and the models that use their data.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (init, demo, check, discover, preview, run_verb, status):
    verb.register(app)
for noun in (dlq, drift, contracts, connectors, cursor):
    app.add_typer(noun.app)
for verb in (backfill, apply):
    verb.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from gateway.cli.version import version

        typer.echo(f"headrace {version()}")
        raise typer.Exit


@app.callback()
def headrace(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An integration gateway between business systems and the models that use their data."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        code = app(given, prog_name="headrace", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does: nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:  # noqa: BLE001 - nothing may get past
        return _ended(error, as_json)
    return int(code or 0)


def _ended(error: BaseException, as_json: bool) -> int:
    from typer import Abort, Exit
    from typer._click.exceptions import ClickException

    from gateway.cli.exits import CommandError
    from gateway.cli.exits import Exit as Code

    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, Exit):
        return int(error.exit_code)
    if isinstance(error, Abort):
        return tell(KeyboardInterrupt(), as_json=as_json)
    if isinstance(error, ClickException):
        said = error.format_message()
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "headrace"
        if not said:
            return int(error.exit_code)  # A group without a command: its help has been shown.
        said = said if said.endswith((".", "?", ")")) else f"{said}."
        mend = f"`{where} --help` shows what it takes."
        return tell(CommandError(Code.USAGE, "usage", said, mend), as_json=as_json)
    return tell(error, as_json=as_json)
