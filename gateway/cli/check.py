"""`headrace check`: everything that can be known before the first run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.exits import Exit
from gateway.cli.options import HERE, Json, Overlay, ProjectDir
from gateway.cli.output import CROSS, TICK, counted, print_json, say

if TYPE_CHECKING:
    from gateway.config.loaded import LoadedProject
    from gateway.http import HttpSession
    from gateway.types import Checked

CONTACT_SECS = 30.0
MIN_FREE_BYTES = 256 << 20


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Contact nobody: judge the files alone.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the project file, no more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge the project, contact every source, endpoint and the store, and say what a run will
    read, send and write."""
    if schema:
        from gateway.config.schema import project_schema

        print_json(project_schema())
        return
    from gateway.cli.plan import planned
    from gateway.config.load import load

    loaded = load(project, overlay=overlay)
    found = [_project(loaded), _store(loaded)]
    if not offline:
        found += asyncio.run(_contacted(loaded))
    plan = planned(loaded)
    wrong = [each for each in found if not each.ok]
    if as_json:
        print_json({"ok": not wrong, "checks": found, "plan": plan})
    else:
        for each in found:
            say(f"{TICK if each.ok else CROSS} {each.subject}: {each.detail}")
        say("", "A run will:")
        for step in plan:
            say(f"  {step.verb:<5} {step.sentence}")
        if not plan:
            say("  do nothing: the project has no streams and no routes yet.")
        if wrong:
            say("", f"{len(wrong)} of {len(found)} checks failed.")
    if wrong:
        raise typer.Exit(Exit.FOUND)


def _project(loaded: LoadedProject) -> Checked:
    from gateway.types import Checked

    project = loaded.project
    streams = sum(len(source.streams) for source in project.sources.values())
    name = loaded.file.name + (f" with overlay {loaded.overlay}" if loaded.overlay else "")
    return Checked(
        name,
        True,
        f"valid: {counted(len(project.sources), 'source')} with {counted(streams, 'stream')}, "
        f"{counted(len(project.endpoints), 'endpoint')}, {counted(len(project.routes), 'route')}.",
    )


def _store(loaded: LoadedProject) -> Checked:
    import os
    import shutil
    import sqlite3

    from gateway.cli.holder import holder
    from gateway.types import Checked

    file, subject = loaded.database, f"store {loaded.project.storage}"
    note = holder(loaded.state)
    if note is not None:
        where = f" at {note.url}" if note.url else ""
        return Checked(subject, True, f"in use by the running gateway{where}.")
    folder = next(each for each in file.parents if each.is_dir())
    if not os.access(file if file.exists() else folder, os.W_OK):
        return Checked(subject, False, f"{folder} cannot be written. Change its owner or mode.")
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        return Checked(subject, False, f"only {free >> 20} MiB are free. Make room.")
    if not file.exists():
        return Checked(subject, True, f"will be made; {free >> 30} GiB are free.")
    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Checked(subject, False, f"cannot be read: {error}. Put it aside, or restore it.")
    if said != "ok":
        return Checked(subject, False, f"is damaged: {said}. Restore it from a copy.")
    size = file.stat().st_size >> 20
    return Checked(subject, True, f"sound, {size} MiB; {free >> 30} GiB are free.")


async def _contacted(loaded: LoadedProject) -> list[Checked]:
    from gateway.cli.opened import session

    async with session(loaded) as http:
        waiting: list[Awaitable[list[Checked]]] = []
        waiting += [_source(loaded, name, http) for name in loaded.sources]
        waiting += [_endpoint(loaded, name, http) for name in loaded.endpoints]
        found = await asyncio.gather(*waiting)
    return [each for some in found for each in some]


async def _source(loaded: LoadedProject, name: str, http: HttpSession) -> list[Checked]:
    from gateway.cli.opened import opened_source
    from gateway.config.model import SinkTarget
    from gateway.ports import Sink
    from gateway.types import Checked

    writers = [
        route
        for route, each in loaded.project.routes.items()
        if isinstance(each.to, SinkTarget) and each.to.sink == name
    ]

    async def look() -> Sequence[Checked]:
        async with opened_source(loaded, name, http) as system:
            found = list(await system.check())
            if writers and not isinstance(system, Sink):
                kind = loaded.project.sources[name].type
                routes = ", ".join(writers)
                found.append(
                    Checked(name, False, f"a {kind} source cannot be written, as {routes} would.")
                )
        return found

    return await _looked(f"source {name}", look())


async def _endpoint(loaded: LoadedProject, name: str, http: HttpSession) -> list[Checked]:
    from gateway.cli.opened import opened_endpoint

    async def look() -> Sequence[Checked]:
        async with opened_endpoint(loaded, name, http) as system:
            return list(await system.check())

    return await _looked(f"endpoint {name}", look())


async def _looked(subject: str, look: Awaitable[Sequence[Any]]) -> list[Checked]:
    from gateway.errors import HeadraceError
    from gateway.types import Checked

    try:
        async with asyncio.timeout(CONTACT_SECS):
            found = await look
    except TimeoutError:
        detail = f"no answer within {CONTACT_SECS:.0f} s. See that it runs and can be reached."
        return [Checked(subject, False, detail)]
    except (HeadraceError, OSError) as error:
        return [Checked(subject, False, str(error))]
    return [
        Checked(f"{subject} {each.subject}".strip(), each.ok, each.detail) for each in found
    ] or [Checked(subject, True, "opened.")]
