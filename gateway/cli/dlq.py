"""`headrace dlq`: dead letters found, understood, replayed, discarded."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import ago, counted, print_json, say, short, table, write_bytes

app = typer.Typer(name="dlq", help="Dead letters.", no_args_is_help=True)

Ids: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="[LETTER]...", help="Ids; or use the filters.")
]
Source: TypeAlias = Annotated[str | None, typer.Option(help="Of this source.")]
Stream: TypeAlias = Annotated[str | None, typer.Option(help="Of this stream.")]
Route: TypeAlias = Annotated[str | None, typer.Option(help="Of this route.")]
Code: TypeAlias = Annotated[str | None, typer.Option(help="With this code.")]
Fingerprint: TypeAlias = Annotated[str | None, typer.Option(help="Of this cause.")]
Key: TypeAlias = Annotated[str | None, typer.Option(help="Of this entity.")]
Text: TypeAlias = Annotated[str | None, typer.Option(help="With this in code or detail.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option(metavar="INSTANT", help="Opened then or later, in ISO 8601.")
]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="Every open letter.")]
Dry: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@app.command("list")
def letters(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    state: Annotated[
        str,
        typer.Option(help="open, replaying, resolved, superseded, discarded, or any."),
    ] = "open",
    source: Source = None,
    stream: Stream = None,
    route: Route = None,
    code: Code = None,
    fingerprint: Fingerprint = None,
    key: Key = None,
    text: Text = None,
    since: Since = None,
    group: Annotated[bool, typer.Option("--group", help="One line a cause.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000)] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="LETTER", help="The page after this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Dead letters, newest first, or by cause."""
    from gateway.cli.reach import call

    where = _where(None, source, stream, route, code, fingerprint, key, text, since)
    query = {**where, "state": state, "limit": limit, "after": after}
    if group:
        query["group"] = "fingerprint"
    target = Target(project, overlay, url, key_env)
    found = call(target, lambda gateway: gateway.get("/v1/deadletters", query))
    if as_json:
        print_json(found)
    elif group:
        _groups(found)
    else:
        _list(found)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="LETTER")],
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="The bytes of the row as they came, and nothing else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """One letter: its reason, its bytes as they came, its attempts."""
    from gateway.cli.reach import call, path

    target = Target(project, overlay, url, key_env)
    if raw:
        where = path("deadletters", letter, "raw")
        write_bytes(call(target, lambda gateway: gateway.raw(where)))
        return
    where = path("deadletters", letter)
    found: dict[str, Any] = call(target, lambda gateway: gateway.get(where))
    if as_json:
        print_json(found)
        return
    about = found["letter"]
    via = f" → {about['route']}" if about["route"] else ""
    say(
        f"{about['id']}  {about['state']}  {about['code']}",
        f"  {about['detail']}",
        f"  {about['source']}/{about['stream']}{via}, key {about['key'] or 'unknown'}, "
        f"position {about['position']}, opened {ago(about['opened_at'])}",
        f"  cause {about['fingerprint']}",
    )
    if about["resolution"]:
        say(f"  closed: {about['resolution']}")
    for attempt in found["attempts"]:
        say(f"  attempt {attempt['at']}: {attempt['code']}: {attempt['detail']}")
    body = found["raw"]
    size = f"{body['size_bytes']:,} bytes, {body['media_type']}"
    say(f"  as it came ({size}{', cut' if body['truncated'] else ''}):")
    say("    " + (body["text"] if body["text"] is not None else f"base64 {body['base64']}"))


@app.command()
def replay(
    letters: Ids = None,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    source: Source = None,
    stream: Stream = None,
    route: Route = None,
    code: Code = None,
    fingerprint: Fingerprint = None,
    key: Key = None,
    text: Text = None,
    since: Since = None,
    everything: All = False,
    dry_run: Dry = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even what newer state has overtaken.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put letters in again, each at its own stage, through today's mapping and route."""
    where = _where(letters, source, stream, route, code, fingerprint, key, text, since)
    body = {"filter": where, "all": everything, "dry_run": dry_run, "force": force}
    report = _post("replay", body, Target(project, overlay, url, key_env))
    if as_json:
        print_json(report)
    else:
        _report(report)
    if report["failed"] and not dry_run:
        raise typer.Exit(Exit.FOUND)


@app.command()
def discard(
    letters: Ids = None,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the letter.")] = "",
    source: Source = None,
    stream: Stream = None,
    route: Route = None,
    code: Code = None,
    fingerprint: Fingerprint = None,
    key: Key = None,
    text: Text = None,
    since: Since = None,
    everything: All = False,
    dry_run: Dry = False,
    as_json: Json = False,
) -> None:
    """Close letters for good. They stay to be looked at."""
    if not reason:
        raise CommandError(
            Exit.USAGE, "usage", "`--reason` is missing.", "Say why these letters may go."
        )
    where = _where(letters, source, stream, route, code, fingerprint, key, text, since)
    body = {"filter": where, "all": everything, "dry_run": dry_run, "reason": reason}
    report = _post("discard", body, Target(project, overlay, url, key_env))
    if as_json:
        print_json(report)
        return
    verb = "would be discarded" if dry_run else "discarded"
    say(f"{counted(report['discarded'], 'letter')} {verb}.")


def _where(ids: list[str] | None, *rest: str | None) -> dict[str, Any]:
    names = ("source", "stream", "route", "code", "fingerprint", "key", "text", "since")
    named = {name: value for name, value in zip(names, rest, strict=True) if value is not None}
    return {"ids": ids, **named} if ids else named


def _post(verb: str, body: dict[str, Any], target: Target) -> dict[str, Any]:
    from gateway.cli.reach import call, path

    if not body["filter"] and not body["all"]:
        raise CommandError(
            Exit.USAGE,
            "filter_empty",
            f"Which letters are to be {verb}ed?",
            "Name their ids, narrow them down (--fingerprint …), or say --all.",
        )
    place = path("deadletters", verb)
    report: dict[str, Any] = call(target, lambda gateway: gateway.post(place, body))
    return report


def _list(found: dict[str, Any]) -> None:
    if not found["letters"]:
        say("No dead letter matches.")
        return
    table(
        ("letter", "where", "key", "code", "opened", "detail"),
        (
            (
                each["id"],
                each["route"] or f"{each['source']}/{each['stream']}",
                each["key"],
                each["code"],
                ago(each["opened_at"]),
                short(each["detail"], 160),
            )
            for each in found["letters"]
        ),
    )
    say(f"{len(found['letters']):,} of {found['total']:,}.")
    if found["next"]:
        say(f"  --after {found['next']}   shows the next ones")


def _groups(found: dict[str, Any]) -> None:
    if not found["groups"]:
        say("No dead letter matches.")
        return
    table(
        ("letters", "code", "cause", "last", "detail"),
        (
            (
                each["count"],
                each["code"],
                each["fingerprint"],
                ago(each["last_at"]),
                short(each["detail"], 160),
            )
            for each in found["groups"]
        ),
    )
    say(f"{counted(found['total'], 'letter')} of {counted(len(found['groups']), 'cause')}.")


def _report(report: dict[str, Any]) -> None:
    for each in report["forecasts"]:
        say(
            f"{each['fingerprint']}  {each['code']}: {counted(each['letters'], 'letter')}: "
            f"{each['resolves']:,} resolve, {each['superseded']:,} superseded, "
            f"{each['fails']:,} fail"
        )
        for why, count in each["failures"].items():
            say(f"    {count:,} × {why}")
    would = "would be " if report["dry_run"] else ""
    say(
        f"{counted(report['letters'], 'letter')}: {report['resolved']:,} {would}resolved, "
        f"{report['returned']:,} {would}put back into their route, "
        f"{report['superseded']:,} {would}superseded, {report['failed']:,} still fail."
    )
