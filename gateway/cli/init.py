"""`headrace init`: a project to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import HERE, Json
from gateway.cli.output import TICK, print_json, say

FILES = {
    "headrace.yaml": "project/headrace.yaml",
    "mappings/customer.yaml": "project/mappings/customer.yaml",
    "data/customers.jsonl": "project/data/customers.jsonl",
    "contracts/README.md": "project/contracts/README.md",
    ".gitignore": "project/gitignore",
}
"""Path in the project → template."""


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder; made if need be.")
    ] = HERE,
    *,
    as_json: Json = False,
) -> None:
    """Write a small project that runs as it is: rows of a file become records, and leave again.

    Files that exist are never overwritten.
    """
    from gateway.cli.scaffold import template, write_new

    written, kept = write_new(folder, {path: template(name) for path, name in FILES.items()})
    if as_json:
        print_json({"folder": str(folder.resolve()), "written": written, "kept": kept})
        return
    for name in written:
        say(f"{TICK} {folder / name}")
    for name in kept:
        say(f"· {folder / name} is there already and was left alone")
    option = "" if folder == HERE else f" --project {folder}"
    say(
        "",
        "Next:",
        f"  headrace check{option}                    is everything right, what will a run do",
        f"  headrace preview crm/customers{option}    rows as records; writes nothing",
        f"  headrace run --once{option}               read, normalise, deliver",
        f"  headrace dlq list{option}                 the rows that could not go on, and why",
    )
