"""`headrace drift`: what changed in a source, the proposed mend, and taking it in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, KeyEnv, Overlay, ProjectDir, Target, Url
from gateway.cli.output import ago, print_json, say, short, table

app = typer.Typer(name="drift", help="Sources that changed their shape.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="DRIFT", help="As `headrace drift list` shows it.")]


@app.command("list")
def drifts(
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """The open drifts."""
    from gateway.cli.reach import call

    query = {"closed": "true"} if closed else {}
    target = Target(project, overlay, url, key_env)
    found = call(target, lambda gateway: gateway.get("/v1/drifts", query))
    if as_json:
        print_json(found)
        return
    if not found["drifts"]:
        say("No drift is open.")
        return
    table(
        ("drift", "stream", "state", "since", "changes"),
        (
            (
                each["id"],
                f"{each['stream']['source']}/{each['stream']['stream']}",
                each["state"],
                ago(each["opened_at"]),
                "; ".join(sentence(change) for change in each["changes"]),
            )
            for each in found["drifts"]
        ),
    )


@app.command()
def show(
    id: Id,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """One drift: what changed, with evidence, samples, and the proposed mend."""
    found = _one(id, Target(project, overlay, url, key_env))
    if as_json:
        print_json(found)
        return
    drift = found["drift"]
    say(f"{drift['id']}  {drift['stream']['source']}/{drift['stream']['stream']}  {drift['state']}")
    for change in drift["changes"]:
        say(f"  {sentence(change)}")
    for sample in drift["samples"][:3]:
        say(f"  sample: {short(sample)}")
    _proposal(drift)


@app.command()
def propose(
    id: Id,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """The lines of the mapping that would mend a drift; nothing is changed."""
    found = _one(id, Target(project, overlay, url, key_env))
    if as_json:
        print_json({"drift": found["drift"]["id"], "proposal": found["drift"]["proposal"]})
        return
    _proposal(found["drift"])


@app.command()
def accept(
    id: Id,
    *,
    project: ProjectDir = HERE,
    overlay: Overlay = None,
    url: Url = None,
    key_env: KeyEnv = None,
    patch: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Instead of the proposal: dotted place → new value."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the mend into the mapping, swap it in, and let the stream go on."""
    from gateway.cli.reach import call, path

    body = {"patch": _patch(patch)} if patch is not None else {}
    drift: dict[str, Any] = call(
        Target(project, overlay, url, key_env),
        lambda gateway: gateway.post(path("drifts", id, "accept"), body),
    )
    if as_json:
        print_json(drift)
        return
    say(f"{drift['id']} is {drift['state']}; the stream goes on.")


def sentence(change: dict[str, Any]) -> str:
    """One change in one line; what a kind of change carries differs."""
    said = change.get("detail") or change.get("sentence")
    if said:
        return str(said)
    rest = {name: each for name, each in change.items() if name != "kind"}
    return f"{change.get('kind', 'changed')} {short(rest)}"


def _one(id: str, target: Target) -> dict[str, Any]:
    from gateway.cli.reach import call, path

    found: dict[str, Any] = call(target, lambda gateway: gateway.get(path("drifts", id)))
    return found


def _proposal(drift: dict[str, Any]) -> None:
    if not drift["proposal"]:
        say("  no mend is proposed: change the mapping by hand, then `headrace apply`.")
        return
    say("  proposed:")
    for place, value in drift["proposal"].items():
        say(f"    {place}: {short(value)}")
    if drift["state"] == "open":
        say(f"  headrace drift accept {drift['id']}")


def _patch(text: str) -> dict[str, Any]:
    import msgspec

    try:
        patch: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise CommandError(
            Exit.USAGE, "usage", "The patch is no JSON object.", 'Like \'{"fields.name": "nom"}\'.'
        ) from None
    return patch
