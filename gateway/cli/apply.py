"""`headrace apply`: take in a changed project file or mapping without a restart."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import counted, print_json, say


def register(app: typer.Typer) -> None:
    app.command("apply")(apply)


def apply(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Take in the changed project file and mappings between two pages."""
    from gateway.cli.reach import call

    report: dict[str, Any] = call(
        Target(project, overlay, url, key_env),
        lambda gateway: gateway.post("/v1/apply", {"dry_run": dry_run}),
    )
    if as_json:
        print_json(report)
        return
    for change in report["changes"]:
        say(f"{change['kind']:<8} {change['place']}")
        for sign, side in (("-", "before"), ("+", "after")):
            for line in (change[side] or "").splitlines():
                say(f"    {sign} {line}")
    if not report["changes"]:
        say("Nothing has changed.")
    elif dry_run:
        say(f"{counted(len(report['changes']), 'change')} would be taken in.")
    else:
        say(f"{counted(len(report['changes']), 'change')} taken in.")
    for place in report["restart_needed"]:
        say(f"{place}: only a restart takes this in.")
