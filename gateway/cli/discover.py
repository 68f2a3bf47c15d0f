"""`headrace discover`: what a source offers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, Overlay, ProjectDir
from gateway.cli.output import counted, print_json, say, table

if TYPE_CHECKING:
    from gateway.types import StreamSchema


def register(app: typer.Typer) -> None:
    app.command("discover")(discover)


def discover(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    stream: Annotated[
        str | None, typer.Argument(metavar="[STREAM]", help="With its columns.")
    ] = None,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    as_json: Json = False,
) -> None:
    """Contact a source and list its streams, or the columns of one."""
    streams = asyncio.run(_streams(project, overlay, source))
    if stream is not None:
        streams = [each for each in streams if each.name == stream]
    if stream is not None and not streams:
        raise CommandError(
            Exit.USAGE,
            "stream_unknown",
            f"{source} has no stream `{stream}`.",
            f"`headrace discover {source}` lists them.",
        )
    if as_json:
        print_json({"source": source, "streams": list(streams)})
    elif stream is not None:
        _columns(streams[0])
    else:
        table(
            ("stream", "columns", "key", "writable", "description"),
            (
                (
                    each.name,
                    len(each.fields),
                    ", ".join(field.name for field in each.fields if field.key) or None,
                    each.writable,
                    each.description,
                )
                for each in streams
            ),
        )
        say(
            f"{counted(len(streams), 'stream')}. `headrace discover {source} STREAM` shows columns."
        )


async def _streams(project: Path, overlay: str | None, source: str) -> Sequence[StreamSchema]:
    from gateway.cli.opened import opened_source, session
    from gateway.config.load import load

    loaded = load(project, overlay=overlay)
    known_source(loaded.sources, source)
    async with session(loaded) as http, opened_source(loaded, source, http) as system:
        if not hasattr(system, "discover"):
            raise CommandError(
                Exit.USAGE, "not_a_source", f"{source} can be written, but not read.", None
            )
        found: Sequence[StreamSchema] = await system.discover()
    return sorted(found, key=lambda each: each.name)


def known_source(known: object, source: str) -> None:
    """Raises CommandError with the nearest name where the project has no such source."""
    from gateway.config.problems import did_you_mean

    names = list(known) if isinstance(known, dict) else []
    if source not in names:
        mend = did_you_mean(source, names, otherwise="Configured are")
        raise CommandError(
            Exit.USAGE,
            "source_unknown",
            f"There is no source `{source}`.",
            mend or "The project has none.",
        )


def _columns(stream: StreamSchema) -> None:
    if stream.description:
        say(stream.description)
    table(
        ("column", "type", "key", "null", "description"),
        (
            (each.name, each.type, each.key or None, each.nullable, each.description)
            for each in stream.fields
        ),
        title=stream.name,
    )
