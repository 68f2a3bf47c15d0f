"""`headrace cursor`: where a stream is to be read from next."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import print_json, say

app = typer.Typer(name="cursor", help="Show and move cursors.", no_args_is_help=True)

Stream = Annotated[str, typer.Argument(metavar="SOURCE/STREAM", help="Like erp/party.party.")]


@app.command()
def show(
    stream: Stream,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """The cursor of a stream, as its connector wrote it."""
    from gateway.cli.reach import call, path

    place = path("streams", *parts(stream), "cursor")
    found = call(Target(project, overlay, url, key_env), lambda gateway: gateway.get(place))
    _print(found, as_json)


@app.command("set")
def move(
    stream: Stream,
    cursor: Annotated[
        str, typer.Argument(metavar="JSON", help="The cursor, or null for the beginning.")
    ],
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """Set the cursor: the next page is read from there."""
    from gateway.cli.reach import call, path

    place, value = path("streams", *parts(stream), "cursor"), cursor_of(cursor)
    found = call(
        Target(project, overlay, url, key_env),
        lambda gateway: gateway.post(place, {"cursor": value}),
    )
    _print(found, as_json)


def parts(stream: str) -> tuple[str, str]:
    """Source and stream of `source/stream`. Raises CommandError where it is not that."""
    source, slash, name = stream.partition("/")
    if not slash or not source or not name:
        raise CommandError(
            Exit.USAGE, "usage", f"`{stream}` names no stream.", "Write SOURCE/STREAM."
        )
    return source, name


def cursor_of(text: str) -> dict[str, Any] | None:
    """The cursor a person typed. Raises CommandError where it is no JSON object and not null."""
    import msgspec

    try:
        value: dict[str, Any] | None = msgspec.json.decode(text, type=dict[str, Any] | None)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise CommandError(
            Exit.USAGE,
            "usage",
            f"`{text}` is no cursor.",
            "A cursor is a JSON object as `headrace cursor show` prints it, or null.",
        ) from None
    return value


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    import msgspec

    cursor = msgspec.json.encode(found["cursor"]).decode()
    told = "at the beginning" if found["cursor"] is None else cursor
    say(f"{found['source']}/{found['stream']}: {told}")
