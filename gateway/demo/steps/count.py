"""Step 8: what the systems say, against what the models got and the log keeps."""

from __future__ import annotations

from typing import Any

from gateway.demo.count import (
    Appended,
    Entity,
    Received,
    appended_twice,
    deliveries_repeated,
    instant,
    lost,
    out_of_order,
)
from gateway.demo.model import received
from gateway.demo.running import route
from gateway.demo.steps.read import STREAMS
from gateway.demo.tale import ARCHIVE, MODELLED, SCORING, WRITING, Tale

SHOWN = 5


async def tell(tale: Tale) -> None:
    records = await tale.gateway.records()
    found = {"lost": 0, "out of order": 0, "appended twice": 0}
    table = []
    for name in (*STREAMS, ARCHIVE):
        truth = {
            _entity(name, key): version for key, version in (await tale.versions(name)).items()
        }
        here = [each for each in records if each["source"] == name]
        witness = (
            _received(tale, name)
            if name in MODELLED
            else [_as_received(each) for each in here if not _predicted(each)]
        )
        if name == "shop/accounts":
            # The gateway's own scores moved these rows on; only whether each came can be told.
            truth = {entity: truth[entity] for entity in truth if entity not in _about(witness)}
        missing, disorder = lost(truth, witness), out_of_order(witness)
        repeated = appended_twice(_appended(each) for each in here)
        for each in (*missing[:SHOWN], *disorder[:SHOWN], *repeated[:SHOWN]):
            tale.screen.bad(str(each))
        tale.figures.delivered_again += deliveries_repeated(witness) if name in MODELLED else 0
        table.append(
            (name, len(await tale.versions(name)), MODELLED.get(name, "the log"), len(witness),
             len(missing), len(disorder), len(repeated))
        )  # fmt: skip
        found["lost"] += len(missing)
        found["out of order"] += len(disorder)
        found["appended twice"] += len(repeated)
    tale.screen.table(
        ("stream", "rows there", "witness", "got", "lost", "out of order", "appended twice"), table
    )
    figures = tale.figures
    figures.lost, figures.out_of_order = found["lost"], found["out of order"]
    figures.appended_twice = found["appended twice"]
    for what, count in found.items():
        tale.check(not count, f"{what}: 0", f"{what}: {count}")
    await _summed(tale, records)


async def _summed(tale: Tale, records: list[dict[str, Any]]) -> None:
    """The figures of the whole run; the gateway's own counters are compared, not believed."""
    status = await tale.gateway.status()
    figures = tale.figures
    tallies = [each["tally"] for each in status["streams"]]
    figures.rows_read = sum(each["read"] for each in tallies)
    figures.records_appended = sum(not _predicted(each) for each in records)
    figures.predictions = len(records) - figures.records_appended
    figures.delivered = sum(route(status, name)["delivered"] for name in SCORING)
    figures.written_back = sum(route(status, name)["delivered"] for name in WRITING)
    figures.peak_mb = round(tale.gateway.peak_bytes / 1e6, 1)
    for each in status["streams"]:
        tally = each["tally"]
        parts = ("appended", "letters", "filtered", "already_seen", "unchanged")
        if tally["read"] != sum(tally[part] for part in parts):
            tale.check(False, f"the numbers of {each['stream']} add up: {tally}")
    tale.screen.good(
        "every number adds up: rows read are records, letters, seen before or unchanged"
    )


def _entity(name: str, key: str) -> Entity:
    source, _, stream = name.partition("/")
    return Entity(source, stream, key)


def _as_received(record: dict[str, Any]) -> Received:
    return Received(
        record["offset"], record["id"], _entity(record["source"], record["subject"]),
        instant(record["version"]),
    )  # fmt: skip


def _about(witness: list[Received]) -> set[Entity]:
    return {each.entity for each in witness}


def _received(tale: Tale, name: str) -> list[Received]:
    """What the model got of one stream: several may be sent to the same model."""
    source, _, stream = name.partition("/")
    return [
        each
        for each in received(tale.world.recordings, MODELLED[name])
        if (each.entity.source, each.entity.stream) == (source, stream)
    ]


def _predicted(record: dict[str, Any]) -> bool:
    return bool(record["type"].startswith("prediction."))


def _appended(record: dict[str, Any]) -> Appended:
    return Appended(
        record["id"], _entity(record["source"], record["subject"]), record["version"],
        record["type"],
    )  # fmt: skip
