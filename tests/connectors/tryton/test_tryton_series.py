"""An older series: the RPC lies at the root, nothing coalesces the two change stamps."""

from __future__ import annotations

import pytest

from gateway.demo.servers.tryton import ADMIN
from gateway.types import Delivered, Operation, Write
from tests.connectors.tryton.conftest import Replica, rows_of

pytestmark = pytest.mark.slow

NOTE = {
    "model": "ir.note",
    "references": {"resource": "party.party"},
    "prefix": {"message": "Churn risk: "},
}


def write(key, fields=None, operation=Operation.UPSERT):
    return Write("r@route", key, fields or {}, operation)


async def test_an_older_tryton_is_read_and_written_alike(older_server, opened):
    tryton = await opened(
        older_server,
        {
            "party.party": {
                "page_rows": 5,
                "deletes": "sweep",
                "children": {"addresses": {"fields": ["city"]}},
            }
        },
        user=ADMIN,
        writes={"churn-note": NOTE},
    )
    replica = Replica(tryton, "party.party")
    assert await replica.pull() == [], "an empty table has nothing to say, and no cursor yet"
    made = await tryton.push(
        "party.party", [write({"code": f"O{number}"}, {"name": "Old"}) for number in range(12)]
    )
    assert all(isinstance(each, Delivered) for each in made)
    assert tryton._client.series.startswith("7.0")
    assert len(rows_of(await replica.pull())) == 12
    assert not replica.rows[1]["addresses"]

    # A row that was never written since it was made: write_date is null.
    await tryton.push("party.category", [write({"name": "K"})])
    categories = Replica(tryton, "party.category")
    await categories.pull()
    assert [row["write_date"] for row in categories.rows.values()] == [None]

    (changed, child) = (
        (await tryton.push("party.party", [write({"code": "O3"}, {"name": "New"})]))[0],
        (await tryton.push("party.address", [write({"party": "7"}, {"city": "Jena"})]))[0],
    )
    assert changed.receipt.startswith("written")
    assert child.receipt.startswith("created")
    assert {row["id"] for row in rows_of(await replica.pull())} == {4, 7}
    assert replica.rows[7]["addresses"][0]["city"] == "Jena"

    await tryton.push("party.party", [write({"code": "O9"}, operation=Operation.DELETE)])
    opened.clock.secs += 301
    (page,) = await replica.pull()
    assert [row.key for row in page.rows] == ["10"]
    assert not replica.repeated()

    for text in ("0.2", "0.8", "0.8"):
        (noted,) = await tryton.push("churn-note", [write({"resource": "1"}, {"message": text})])
    assert noted == Delivered("unchanged")
    notes = Replica(tryton, "ir.note")
    await notes.pull()
    assert [row["message"] for row in notes.rows.values()] == ["Churn risk: 0.8"]

    streams = {stream.name for stream in await tryton.discover()}
    assert {"party.party", "party.address", "ir.note"} <= streams
