"""Contracts: which versions there are, and their JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from gateway.api.auth import Viewer
from gateway.api.problems import not_found
from gateway.api.reply import Json, answers

router = APIRouter(prefix="/contracts", tags=["contracts"])

Contracts: TypeAlias = Mapping[str, type[BaseModel]]
"""Contract by reference: `customer.v2` → its class."""


class ContractView(msgspec.Struct, frozen=True):
    ref: str
    name: str
    version: int
    description: str
    fields: Sequence[str]


class ContractsReply(msgspec.Struct, frozen=True):
    """Every contract version this gateway knows."""

    contracts: Sequence[ContractView]


def contracts_of(request: Request) -> Contracts:
    found: Contracts = request.app.state.contracts
    return found


Known = Annotated[Contracts, Depends(contracts_of)]


@router.get("", responses=answers(ContractsReply), response_class=Json)
async def contracts(_: Viewer, known: Known) -> Json:
    """The contracts, by name and version."""
    return Json(ContractsReply([_view(ref, known[ref]) for ref in sorted(known)]))


@router.get(
    "/{ref}/schema",
    response_class=Response,
    responses={200: {"description": "JSON Schema.", "content": {"application/schema+json": {}}}},
)
async def schema(ref: str, _: Viewer, known: Known) -> Response:
    """The JSON Schema (2020-12) of a contract version, as its data is serialised."""
    if ref not in known:
        raise not_found("contract", ref[:80], sorted(known))
    document: dict[str, Any] = known[ref].model_json_schema(mode="serialization")
    return Response(msgspec.json.encode(document), media_type="application/schema+json")


def _view(ref: str, kind: type[BaseModel]) -> ContractView:
    name, _, version = ref.rpartition(".v")
    text = (kind.__doc__ or "").strip().partition("\n\n")[0]
    return ContractView(ref, name, int(version), " ".join(text.split()), list(kind.model_fields))
