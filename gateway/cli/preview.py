"""`headrace preview`: pull, normalise, print; write nothing."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.cursor import Stream, parts
from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, Overlay, ProjectDir
from gateway.cli.output import counted, print_json, say, short

if TYPE_CHECKING:
    from gateway.types import DeadLetter, Record

MAX_PAGES = 100


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)


def preview(
    stream: Stream,
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=1, max=10_000, help="How many rows to read.")
    ] = 20,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    as_json: Json = False,
) -> None:
    """Read some rows of a stream and show the records and dead letters they would become."""
    source, name = parts(stream)
    records, letters, read = asyncio.run(_preview(project, overlay, source, name, rows))
    if as_json:
        print_json(
            {
                "stream": stream,
                "read": read,
                "records": [_record(each) for each in records],
                "letters": [_letter(each) for each in letters],
            }
        )
    else:
        for record in records:
            say(f"✓ {record.contract} {record.key}  {short(_record(record)['data'], 400)}")
        for letter in letters:
            say(f"✗ {letter.code}: {letter.detail}", f"    {short(_letter(letter)['row'], 400)}")
        say(
            f"{counted(read, 'row')} read: {counted(len(records), 'record')}, "
            f"{counted(len(letters), 'dead letter')}."
        )
    if letters:
        raise typer.Exit(Exit.FOUND)


async def _preview(
    project: Path, overlay: str | None, source: str, stream: str, rows: int
) -> tuple[list[Record], list[DeadLetter], int]:
    from gateway.cli.discover import known_source
    from gateway.cli.opened import opened_source, session
    from gateway.config.load import load
    from gateway.config.problems import did_you_mean
    from gateway.normalise import normalise
    from gateway.program import compile_mapping

    loaded = load(project, overlay=overlay)
    known_source(loaded.sources, source)
    settings = loaded.project.sources[source].streams
    if stream not in settings:
        mend = did_you_mean(stream, settings, otherwise="Configured are")
        raise CommandError(
            Exit.USAGE, "stream_unknown", f"{source} has no stream `{stream}` in the project.", mend
        )
    path = settings[stream].mapping
    mapping = loaded.mappings[path].mapping
    program = compile_mapping(mapping, loaded.registry.get(mapping.contract or ""), file=path)
    made = itertools.count(1)
    records: list[Record] = []
    letters: list[DeadLetter] = []
    read = 0
    async with session(loaded) as http, opened_source(loaded, source, http) as system:
        sequence = 0
        async for page in system.pull(stream, None):
            cut = _cut(page, rows - read)
            found = normalise(
                cut,
                program,
                page_seq=sequence,
                now=datetime.now(UTC),
                ids=lambda: f"preview-{next(made)}",
                limits=loaded.project.limits,
            )
            records += found.records
            letters += found.letters
            read += len(cut.rows)
            sequence += 1
            if read >= rows or sequence >= MAX_PAGES:
                break
    return records, letters, read


def _cut(page: Any, rows: int) -> Any:
    import msgspec

    return page if len(page.rows) <= rows else msgspec.structs.replace(page, rows=page.rows[:rows])


def _record(record: Record) -> dict[str, Any]:
    import msgspec

    data = bytes(record.data)
    return {
        "contract": record.contract,
        "key": record.key,
        "operation": record.operation,
        "version": record.version,
        "event_at": record.event_at,
        "data": msgspec.json.decode(data) if data else None,
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    from gateway.types import RawSubject

    body = letter.subject.body if isinstance(letter.subject, RawSubject) else b""
    return {
        "code": letter.code,
        "detail": letter.detail,
        "fingerprint": letter.fingerprint,
        "row": body.decode("utf-8", "replace"),
    }
