"""The options that verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
ProjectDir: TypeAlias = Annotated[
    Path,
    typer.Option("--project", "-p", metavar="DIR", help="The project's folder, or its file."),
]
Overlay: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--overlay",
        metavar="NAME",
        help="Lay headrace.NAME.yaml over the project file (also: HEADRACE_OVERLAY).",
    ),
]
Url: TypeAlias = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="A running gateway, instead of a project."),
]
KeyEnv: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--key-env", metavar="NAME", help="The environment variable that holds the gateway's key."
    ),
]

HERE = Path()


class Target(msgspec.Struct, frozen=True):
    """Which gateway or project a verb is about."""

    project: Path = HERE
    overlay: str | None = None
    url: str | None = None
    key_env: str | None = None
