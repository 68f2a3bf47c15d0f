"""`headrace backfill`: read a stream again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.cursor import Stream, cursor_of, parts
from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import print_json, say


def register(app: typer.Typer) -> None:
    app.command("backfill")(backfill)


def backfill(
    stream: Stream,
    since: Annotated[
        str | None, typer.Option(metavar="JSON", help="A cursor; without it, the beginning.")
    ] = None,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """Read a stream again. Every row gets a new position, and goes to every route again."""
    from gateway.cli.reach import call, path

    place = path("streams", *parts(stream), "backfill")
    body = {"since": None if since is None else cursor_of(since)}
    found: dict[str, Any] = call(
        Target(project, overlay, url, key_env), lambda gateway: gateway.post(place, body)
    )
    if as_json:
        print_json(found)
        return
    start = "from the beginning" if found["since"] is None else f"from {since}"
    say(f"{stream} will be read again {start}, with the next page.")
