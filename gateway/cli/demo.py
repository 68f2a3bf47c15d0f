"""`headrace demo`: the whole system at work on real servers."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import Json


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """A real ERP, a real database, a real model: the whole system at work, and counted."""
    try:
        from gateway.demo.story import main
    except ModuleNotFoundError as error:
        from gateway.plugins import missing_package

        missing = missing_package(error)
        if missing is None or str(error.name).startswith("gateway"):
            raise
        raise missing from None
    raise typer.Exit(main(keep=keep, json=as_json))
