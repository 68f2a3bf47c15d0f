"""`headrace status`: where every stream, route and endpoint stands."""

from __future__ import annotations

from typing import Any

import typer

from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import ago, counted, print_json, say, table


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """Where every stream, route and endpoint stands, and how many dead letters there are."""
    from gateway.cli.reach import call

    target = Target(project, overlay, url, key_env)
    found: dict[str, Any] = call(target, lambda gateway: gateway.get("/v1/status"))
    if as_json:
        print_json(found)
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """The status for a person."""
    running = f"running since {found['started_at']}" if found["started_at"] else "not running"
    say(f"headrace {found['version']}, instance {found['instance']}, {running}")
    say(f"log: {counted(found['log_end'], 'record')}")
    if found["streams"]:
        table(
            ("stream", "state", "read", "appended", "letters", "page", "last", "why"),
            (_stream(each) for each in found["streams"]),
        )
    if found["routes"]:
        table(
            ("route", "part", "routed", "delivered", "letters", "parked", "lag", "oldest"),
            (
                (
                    each["route"],
                    each["part"],
                    each["tally"]["routed"],
                    each["tally"]["delivered"],
                    each["tally"]["letters"],
                    each["parked_records"],
                    each["lag"],
                    ago(each["oldest_undelivered_at"]),
                )
                for each in found["routes"]
            ),
        )
    if found["endpoints"]:
        table(
            ("endpoint", "type", "state", "in flight", "why"),
            (
                (each["name"], each["type"], each["state"], each["in_flight"], each["reason"])
                for each in found["endpoints"]
            ),
        )
    letters = {state: count for state, count in found["letters"].items() if count}
    told = ", ".join(f"{count:,} {state}" for state, count in letters.items()) or "none"
    say(f"dead letters: {told}")
    if letters.get("open"):
        say("  headrace dlq list --group   shows them by cause")
    if found["drifts"]:
        say(f"drifts: {found['drifts']} open", "  headrace drift list   shows them")


def _stream(each: dict[str, Any]) -> tuple[Any, ...]:
    tally = each["tally"]
    return (
        f"{each['stream']['source']}/{each['stream']['stream']}",
        each["state"],
        tally["read"],
        tally["appended"],
        tally["letters"],
        each["page"],
        ago(each["updated_at"]),
        each["reason"],
    )
