"""Looking at a Tryton: what it offers, and whether what the project asks of it can be had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.tryton.client import TrytonClient
from connectors.tryton.config import TrytonConfig, TrytonStream
from connectors.tryton.shape import STAMPS, read_shape
from gateway.errors import HeadraceError
from gateway.types import Checked, FieldSchema, StreamSchema

INTERNAL = ("ir.", "res.")
"""Tryton's own machinery: its models are not business data. Notes and attachments are."""
SHOWN = frozenset({"ir.note", "ir.attachment"})
FIELDS_AT_ONCE = 2_000


async def discover(client: TrytonClient) -> Sequence[StreamSchema]:
    """Every stored model that is business data, with its fields."""
    fields: dict[str, list[FieldSchema]] = defaultdict(list)
    async for row in _model_fields(client):
        relation = f"({row['relation']})" if row.get("relation") else ""
        fields[row["model"]].append(
            FieldSchema(
                name=row["name"],
                type=f"{row['ttype']}{relation}",
                nullable=row["name"] != "id",
                key=row["name"] == "id",
                description=row.get("string"),
            )
        )
    return [
        StreamSchema(
            name=model,
            fields=tuple(sorted(own, key=lambda field: (not field.key, field.name))),
            writable=True,
        )
        for model, own in sorted(fields.items())
        if _offered(model) and set(STAMPS) <= {field.name for field in own}
    ]


def _offered(model: str) -> bool:
    # A dash stands in the names of the tables between two models.
    return (model in SHOWN or not model.startswith(INTERNAL)) and "-" not in model


async def _model_fields(client: TrytonClient) -> Any:
    known = await client.read("model.ir.model.field.fields_get", [])
    by_name = known.get("model", {}).get("type") == "char"
    # Before 7.0 `model` is a row of ir.model.
    wanted = ["name", "ttype", "relation", "model" if by_name else "model.model"]
    wanted.append("string" if "string" in known else "field_description")
    after = 0
    while True:
        rows = await client.read(
            "model.ir.model.field.search_read",
            [["id", ">", after]], 0, FIELDS_AT_ONCE, [["id", "ASC"]], wanted,
        )  # fmt: skip
        for row in rows:
            model = row["model"] if by_name else (row.get("model.") or {}).get("model")
            label = row.get("string", row.get("field_description"))
            yield {**row, "model": model, "string": label}
        if len(rows) < FIELDS_AT_ONCE:
            return
        after = rows[-1]["id"]


async def check(
    client: TrytonClient, config: TrytonConfig, streams: Mapping[str, TrytonStream]
) -> Sequence[Checked]:
    """One line for the server, one for each stream and each model that is written."""
    where = f"{config.url}, database {config.database}"
    try:
        await client.read("model.res.user.get_preferences", True)
    except HeadraceError as error:
        return [Checked(where, False, str(error))]
    checked = [Checked(where, True, f"Tryton {client.series}, signed in as {config.auth.username}")]
    for name, settings in streams.items():
        checked.append(await _stream(client, name, settings))
    for name, write in config.writes.items():
        checked.append(await _written(client, name, write.model or name))
    return checked


async def _stream(client: TrytonClient, name: str, settings: TrytonStream) -> Checked:
    try:
        shape = await read_shape(client, name, settings)
        rows = await client.read(
            f"model.{name}.search_count", settings.domain,
            context={"active_test": False, **settings.context},
        )  # fmt: skip
    except HeadraceError as error:
        return Checked(name, False, str(error))
    columns = sum("." not in field for field in shape.fields)
    return Checked(name, True, f"{rows} rows, {columns} columns")


async def _written(client: TrytonClient, name: str, model: str) -> Checked:
    try:
        await client.read(f"model.{model}.fields_get", ["id"])
    except HeadraceError as error:
        return Checked(name, False, str(error))
    return Checked(name, True, f"{model} can be written as far as the user's rights go")
