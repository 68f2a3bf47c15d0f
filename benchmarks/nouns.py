"""What a noun costs: making a record's position and encoding it, as struct, dataclass and model."""

from __future__ import annotations

import dataclasses

import msgspec
from pydantic import BaseModel, ConfigDict

from benchmarks.measure import Contender, Result, Work, compare
from gateway.types import Position

COUNT = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class PositionDataclass:
    stream: str
    page: int
    row: int


class PositionModel(BaseModel):
    model_config = ConfigDict(frozen=True)

    stream: str
    page: int
    row: int


async def run() -> list[Result]:
    async def struct() -> Work:
        async def work() -> int:
            for number in range(COUNT):
                msgspec.json.encode(Position("crm/customer", 1, number))
            return COUNT

        return work

    async def dataclass() -> Work:
        async def work() -> int:
            for number in range(COUNT):
                msgspec.json.encode(PositionDataclass("crm/customer", 1, number))
            return COUNT

        return work

    async def model() -> Work:
        async def work() -> int:
            for number in range(COUNT):
                PositionModel(stream="crm/customer", page=1, row=number).model_dump_json()
            return COUNT

        return work

    compared = await compare(
        "nouns",
        "nouns",
        f"{COUNT:,} positions made and encoded as JSON",
        [
            Contender("msgspec struct", struct),
            Contender("frozen dataclass", dataclass),
            Contender("frozen pydantic model", model),
        ],
    )
    return [compared]
