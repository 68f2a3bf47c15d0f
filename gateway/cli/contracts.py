"""`headrace contracts`: the shapes that records have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.exits import CommandError, Exit
from gateway.cli.options import HERE, Json, ProjectDir
from gateway.cli.output import CROSS, TICK, print_json, say, short, table

if TYPE_CHECKING:
    from gateway.registry import Registry

app = typer.Typer(name="contracts", help="The shapes that records have.", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(metavar="CONTRACT", help="Like customer.v1.")]
Folder = Annotated[
    Path | None, typer.Option("--schemas", metavar="DIR", help="Default: schemas/ in the project.")
]


@app.command("list")
def contracts(*, project: ProjectDir = HERE, as_json: Json = False) -> None:
    """The contracts that this project can use: the shipped ones and its own."""
    _, registry = _registry(project)
    if as_json:
        print_json({"contracts": [_row(entry) for entry in registry]})
        return
    table(
        ("contract", "kind", "fields", "from", "what"),
        (
            (each["ref"], each["kind"], each["fields"], each["origin"], each["description"])
            for each in map(_row, registry)
        ),
    )


@app.command()
def show(ref: Ref, *, project: ProjectDir = HERE, as_json: Json = False) -> None:
    """One contract: its fields, or with --json its JSON Schema."""
    from gateway.registry import schema

    _, registry = _registry(project)
    found = schema(_get(registry, ref))
    if as_json:
        print_json(found)
        return
    say(f"{ref}: {short(found.get('description', ''), 400)}")
    needed = set(found.get("required", []))
    table(
        ("field", "type", "required", "what"),
        (
            (name, _type(each), name in needed, short(each.get("description", ""), 200))
            for name, each in found.get("properties", {}).items()
        ),
    )


@app.command()
def diff(before: Ref, after: Ref, *, project: ProjectDir = HERE, as_json: Json = False) -> None:
    """What differs between two contracts, field by field."""
    from gateway.registry import schema

    _, registry = _registry(project)
    old, new = schema(_get(registry, before)), schema(_get(registry, after))
    changes = list(_changes(old, new))
    if as_json:
        print_json({"before": before, "after": after, "changes": changes})
        return
    for change in changes:
        sides = " → ".join(
            str(change[side]) for side in ("before", "after") if change[side] is not None
        )
        say(f"{change['change']:<9} {change['field']}: {sides}")
    if not changes:
        say(f"{before} and {after} have the same fields.")


@app.command()
def export(
    *,
    project: ProjectDir = HERE,
    schemas: Folder = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="The shipped ones too.")] = False,
    as_json: Json = False,
) -> None:
    """Publish the JSON Schemas of the project's contracts. What is published never changes."""
    from gateway.registry import export as publish

    folder, registry = _registry(project)
    written = publish(_own(registry, shipped), schemas or folder / "schemas")
    if as_json:
        print_json({"written": [str(each) for each in written]})
        return
    for file in written:
        say(f"{TICK} {file}")
    if not written:
        say("Everything is published already.")


@app.command()
def check(
    *,
    project: ProjectDir = HERE,
    schemas: Folder = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="The shipped ones too.")] = False,
    as_json: Json = False,
) -> None:
    """See that no published contract has changed. Exit code 1 where one has."""
    from gateway.registry import published_differences

    folder, registry = _registry(project)
    found = published_differences(_own(registry, shipped), schemas or folder / "schemas")
    wrong = [each for each in found if each.error]
    if as_json:
        told = [
            {"contract": each.ref, "kind": each.kind, "error": each.error, "said": each.sentence()}
            for each in found
        ]
        print_json({"ok": not wrong, "differences": told})
    else:
        for each in found:
            say(f"{CROSS if each.error else '·'} {each.sentence()}")
        if not wrong:
            say(f"{TICK} no published contract has changed.")
    if wrong:
        raise typer.Exit(Exit.FOUND)


def _registry(project: Path) -> tuple[Path, Registry]:
    """The folder and its contracts; outside a project, the shipped ones. The rest of the project
    need not be valid."""
    from gateway.config.document import read_document
    from gateway.config.load import FILE
    from gateway.config.model import Project
    from gateway.registry import Registry

    file = project / FILE if project.is_dir() else project
    if not file.is_file():
        return project, Registry.load()
    named = read_document(file, file.name).value.get("contracts")
    folders = Project.model_fields["contracts"].default
    if isinstance(named, list) and all(isinstance(each, str) for each in named):
        folders = named
    return file.parent, Registry.load(file.parent.resolve(), folders)


def _get(registry: Registry, ref: str) -> Any:
    from gateway.errors import ConfigError

    try:
        return registry.get(ref)
    except ConfigError as error:
        raise CommandError(Exit.USAGE, "contract_unknown", error.message, error.mend) from None


def _own(registry: Registry, shipped: bool) -> list[Any]:
    return [each.contract for each in registry if shipped or each.origin == "project"]


def _row(entry: Any) -> dict[str, Any]:
    text = (entry.contract.__doc__ or "").strip().partition("\n\n")[0]
    return {
        "ref": entry.ref,
        "kind": entry.contract.contract_kind,
        "fields": len(entry.contract.model_fields),
        "origin": entry.origin,
        "hash": entry.hash,
        "file": entry.file,
        "description": " ".join(text.split()),
    }


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(each) for each in field["anyOf"]))
    if "enum" in field:
        return " | ".join(str(each) for each in field["enum"])
    if "const" in field:
        return str(field["const"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        items = field.get("items")
        return f"list of {_type(items)}" if isinstance(items, dict) else "list"
    return str(field.get("format") or field.get("type") or "any")


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Any:
    before, after = old.get("properties", {}), new.get("properties", {})
    required = set(old.get("required", [])), set(new.get("required", []))
    for name in [*before, *(name for name in after if name not in before)]:
        sides = [
            f"{_type(fields[name])}{', required' if name in needed else ''}"
            if name in fields
            else None
            for fields, needed in ((before, required[0]), (after, required[1]))
        ]
        if sides[0] != sides[1]:
            kind = "added" if sides[0] is None else "removed" if sides[1] is None else "changed"
            yield {"change": kind, "field": name, "before": sides[0], "after": sides[1]}
