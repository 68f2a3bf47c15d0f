"""`headrace connectors`: which systems can be read and written, and one of your own."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, ProjectDir
from gateway.cli.output import TICK, print_json, say, table

app = typer.Typer(
    name="connectors", help="Systems that can be read and written.", no_args_is_help=True
)


@app.command("list")
def connectors(
    *,
    project: ProjectDir = HERE,
    as_json: Json = False,
) -> None:
    """What can be named as `type` below `sources` and `endpoints`."""
    from gateway.config.load import FILE
    from gateway.errors import ConfigError
    from gateway.plugins import Plugins

    folder = project if project.is_dir() else project.parent
    found = Plugins.found(folder.resolve() if (folder / FILE).is_file() else None, _own(project))
    rows = []
    for each in found.listed():
        try:
            summary, problem = found.named(each.kind, each.name).summary, None
        except ConfigError as error:
            summary, problem = None, f"{error.message} {error.mend or ''}".strip()
        rows.append(
            {
                "type": each.name,
                "kind": each.kind,
                "origin": each.origin,
                "summary": summary,
                "problem": problem,
            }
        )
    if as_json:
        print_json({"connectors": rows})
        return
    table(
        ("type", "as", "from", "what"),
        (
            (row["type"], row["kind"], row["origin"], row["summary"] or row["problem"])
            for row in rows
        ),
    )


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The `type` it is named by.")],
    *,
    project: ProjectDir = HERE,
    as_json: Json = False,
) -> None:
    """Write a connector of the project's own, with a test that passes."""
    from gateway.cli.scaffold import template, write_new

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or keyword.iskeyword(name):
        raise CommandError(
            Exit.USAGE,
            "usage",
            f"`{name}` cannot be a connector's name.",
            "Use small letters, digits and `_`, as in a Python module.",
        )
    folder = project if project.is_dir() else project.parent
    values = {"name": name, "class": "".join(part.title() for part in name.split("_"))}
    files = {
        f"connectors/{name}.py": template("connector/connector.py.txt", values),
        f"tests/test_{name}.py": template("connector/test.py.txt", values),
    }
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise CommandError(
            Exit.CONFLICT, "file_exists", f"{there[0]} exists already.", "Choose another name."
        )
    written, _ = write_new(folder, files)
    if as_json:
        print_json({"written": written})
        return
    for path in written:
        say(f"{TICK} {folder / path}")
    say("", f"Name it in headrace.yaml by `type: {name}`, and change it to what your system needs.")


def _own(project: Path) -> list[str]:
    """The folders of the project's own connectors; the rest of the project need not be valid."""
    from gateway.config.document import read_document
    from gateway.config.load import FILE
    from gateway.config.model import Project

    file = project / FILE if project.is_dir() else project
    default: list[str] = Project.model_fields["connectors"].default
    if not file.is_file():
        return default
    named = read_document(file, file.name).value.get("connectors")
    if isinstance(named, list) and all(isinstance(each, str) for each in named):
        return named
    return default
