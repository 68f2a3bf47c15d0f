"""Reading a real Tryton: everything once, whatever happens meanwhile."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from gateway.errors import ConfigError, DriftError
from gateway.types import Operation
from tests.connectors.tryton.conftest import Replica, execute, rows_of

SALES = {
    "fields": ["number", "party.code", "state", "currency.code", "total_amount", "sale_date"],
    "children": {"lines": {"fields": ["product.code", "quantity", "unit_price", "amount"]}},
}
PARTIES = {"children": {"addresses": {"fields": ["city", "country.code"]}}, "page_rows": 7}


async def ids(erp, model):
    return {row["id"] for row in await erp.read(model, ["id"])}


async def test_every_row_is_read_once_and_then_nothing(server, opened, erp):
    tryton = await opened(server, {"sale.opportunity": {"page_rows": 9}})
    replica = Replica(tryton, "sale.opportunity")
    await replica.pull()
    assert set(replica.rows) == await ids(erp, "sale.opportunity")
    assert not replica.repeated()
    for _ in range(3):
        opened.clock.secs += 60
        assert await replica.pull() == []


async def test_rows_have_their_types(server, opened, erp):
    replica = Replica(await opened(server, {"sale.sale": SALES}), "sale.sale")
    await replica.pull()
    row = next(row for row in replica.rows.values() if row["state"] == "done")
    (sent,) = await erp.read(
        "sale.sale", ["total_amount", "party.code", "lines.amount"], [["id", "=", row["id"]]]
    )
    assert row["total_amount"] == Decimal(sent["total_amount"])
    assert row["party"] == {"id": sent["party."]["id"], "code": sent["party."]["code"]}
    assert row["currency"]["code"] == "EUR"
    assert isinstance(row["sale_date"], date)
    assert row["create_date"].tzinfo is UTC
    assert [line["amount"] for line in row["lines"]] == [
        Decimal(line["amount"]) for line in sent["lines."]
    ]
    assert all(line["product"]["code"] for line in row["lines"])


async def test_booleans_are_booleans_and_inactive_rows_are_there(server, opened):
    replica = Replica(await opened(server), "party.party")
    await replica.pull()
    assert {row["active"] for row in replica.rows.values()} == {True, False}
    assert all(type(row["active"]) is bool for row in replica.rows.values())


async def test_a_page_says_the_shape_that_tryton_declares(server, opened):
    tryton = await opened(server, {"sale.sale": SALES})
    page = await anext(tryton.pull("sale.sale", None))
    assert page.fields["total_amount"] == "numeric"
    assert page.fields["party"] == "many2one(party.party)"
    assert page.fields["party.code"] == "char"
    assert page.fields["lines.quantity"] == "float"
    assert set(page.rows[0].body) == {name for name in page.fields if "." not in name}


async def test_every_cursor_leads_to_the_same_rest(server, opened):
    tryton = await opened(server, {"party.party": PARTIES})
    pages = [page async for page in tryton.pull("party.party", None)]
    assert len(pages) > 8
    for place, page in enumerate(pages):
        # As the store hands it back: through JSON.
        cursor = msgspec.json.decode(msgspec.json.encode(page.cursor))
        rest = [page async for page in tryton.pull("party.party", cursor)]
        assert rows_of(rest) == rows_of(pages[place + 1 :])


async def test_a_full_last_page_is_followed_by_an_empty_one_and_not_the_end(server, opened, erp):
    count = len(await ids(erp, "sale.opportunity"))
    tryton = await opened(server, {"sale.opportunity": {"page_rows": count}})
    replica = Replica(tryton, "sale.opportunity")
    pages = await replica.pull()
    assert [len(page.rows) for page in pages] == [count, 0]
    (made,) = await erp.call("sale.opportunity.create", [{"description": "After the empty page"}])
    assert [row["id"] for row in rows_of(await replica.pull())] == [made]


async def test_new_and_changed_rows_come_whether_or_not_write_date_is_set(server, opened, erp):
    replica = Replica(await opened(server), "sale.opportunity")
    await replica.pull()
    (made,) = await erp.call("sale.opportunity.create", [{"description": "Never written since"}])
    assert [(r["id"], r["write_date"]) for r in rows_of(await replica.pull())] == [(made, None)]
    old = min(id for id, row in replica.rows.items() if row["state"] == "lead")
    await erp.call("sale.opportunity.write", [old], {"description": "Changed"})
    assert [(r["id"], r["description"]) for r in rows_of(await replica.pull())] == [
        (old, "Changed")
    ]
    assert replica.rows[old]["write_date"] > replica.rows[old]["create_date"]
    assert await replica.pull() == []
    assert not replica.repeated()


async def test_rows_that_share_one_stamp_over_many_pages_all_come_once(server, opened, erp):
    replica = Replica(await opened(server, {"party.category": {"page_rows": 7}}), "party.category")
    await replica.pull()
    made = await erp.call("party.category.create", [{"name": f"Tie {n}"} for n in range(30)])
    pages = await replica.pull()
    assert [row["id"] for row in rows_of(pages)] == made
    assert len({row["create_date"] for row in rows_of(pages)}) == 1
    opened.clock.secs += 60
    assert rows_of(await replica.pull()) == []
    assert not replica.repeated()


async def test_a_change_of_a_child_reads_its_parent_again(server, opened, erp):
    replica = Replica(await opened(server, {"sale.sale": SALES}), "sale.sale")
    await replica.pull()
    sale = next(row for row in replica.rows.values() if row["state"] == "draft")
    line = sale["lines"][0]
    await erp.call("sale.line.write", [line["id"]], {"quantity": line["quantity"] + 1})
    (again,) = rows_of(await replica.pull())
    assert again["id"] == sale["id"]
    assert again["write_date"] == sale["write_date"]
    assert again["lines"][0]["quantity"] == line["quantity"] + 1
    assert not replica.repeated()


async def test_rows_changed_while_a_stretch_is_swept_come_again_in_their_new_state(
    server, opened, erp
):
    tryton = await opened(server, {"party.party": {"page_rows": 10}})
    replica = Replica(tryton, "party.party")
    reading = tryton.pull("party.party", None)
    replica.take(await anext(reading))
    read, unread = min(replica.rows), max(await ids(erp, "party.party"))
    await erp.call("party.party.write", [read], {"name": "Changed behind"})
    await erp.call("party.party.write", [unread], {"name": "Changed ahead"})
    async for page in reading:
        replica.take(page)
    assert replica.rows[unread]["name"] == "Changed ahead"
    await replica.pull()
    assert replica.rows[read]["name"] == "Changed behind"
    assert replica.already_seen == 1
    assert not replica.repeated()


async def test_a_transaction_that_commits_late_is_found(server, opened, erp):
    replica = Replica(await opened(server, {"party.category": {}}), "party.category")
    first, second = await erp.call("party.category.create", [{"name": "L1"}, {"name": "L2"}])
    await replica.pull()
    high = replica.rows[second]["create_date"]
    # What a transaction leaves that began a minute before the newest stamp and commits now.
    late = (high - timedelta(seconds=60)).replace(tzinfo=None)
    changed = execute(
        server, "UPDATE party_category SET active = 0, write_date = ? WHERE id = ?",
        late.isoformat(" "), first,
    )  # fmt: skip
    assert changed == 1
    opened.clock.secs += 11
    assert [(r["id"], r["active"]) for r in rows_of(await replica.pull())] == [(first, False)]
    opened.clock.secs += 11
    assert await replica.pull() == []


async def test_nothing_new_costs_one_small_request(server, opened):
    tryton = await opened(server, {"sale.sale": SALES})
    replica = Replica(tryton, "sale.sale")
    await replica.pull()
    await replica.pull()
    sent = []
    post = tryton._client._http.post

    async def counted(url, **request):
        sent.append(request["content"])
        return await post(url, **request)

    tryton._client._http.post = counted
    assert await replica.pull() == []
    assert len(sent) == 1
    assert len(sent[0]) < 2_000


async def test_deleted_rows_come_as_deletes(server, opened, erp):
    tryton = await opened(server, {"party.category": {"deletes": "sweep", "page_rows": 3}})
    replica = Replica(tryton, "party.category")
    doomed = await erp.call("party.category.create", [{"name": f"Doomed {n}"} for n in range(5)])
    await replica.pull()
    await erp.call("party.category.delete", doomed)
    assert await replica.pull() == [], "not before a sweep is due"
    opened.clock.secs += 301
    pages = await replica.pull()
    assert [(row.operation, row.key) for page in pages for row in page.rows] == [
        (Operation.DELETE, str(id)) for id in doomed
    ]
    assert [len(page.rows) for page in pages] == [3, 2]
    assert set(replica.rows) == await ids(erp, "party.category")
    opened.clock.secs += 301
    assert await replica.pull() == []


async def test_a_row_that_leaves_the_domain_is_a_delete(server, opened, erp):
    settings = {"deletes": "sweep", "domain": [["state", "=", "lead"]]}
    tryton = await opened(server, {"sale.opportunity": settings})
    replica = Replica(tryton, "sale.opportunity")
    await replica.pull()
    assert {row["state"] for row in replica.rows.values()} == {"lead"}
    gone = min(replica.rows)
    await erp.call("sale.opportunity.cancel", [gone])
    opened.clock.secs += 301
    (page,) = await replica.pull()
    assert [row.key for row in page.rows] == [str(gone)]


async def test_mass_disappearance_holds_instead_of_deleting(server, opened):
    tryton = await opened(server, {"party.party": {"deletes": "sweep"}})
    replica = Replica(tryton, "party.party")
    await replica.pull()
    opened.clock.secs += 301
    cursor = {**replica.cursors[-1], "known": "1-5000"}
    with pytest.raises(DriftError, match="access rule"):
        [page async for page in tryton.pull("party.party", cursor)]


async def test_a_sweep_that_is_switched_on_later_begins_with_what_is_there(server, opened, erp):
    before = Replica(await opened(server), "party.category")
    await before.pull()
    after = Replica(
        await opened(server, {"party.category": {"deletes": "sweep"}}), "party.category"
    )
    after.cursors, after.rows = before.cursors, before.rows
    (page,) = await after.pull()
    assert page.rows == []
    doomed = max(before.rows)
    await erp.call("party.category.delete", [doomed])
    opened.clock.secs += 301
    assert [row.key for page in await after.pull() for row in page.rows] == [str(doomed)]


async def test_a_field_that_is_not_there_is_drift_and_says_what_is(server, opened):
    tryton = await opened(server, {"party.party": {"fields": ["nam", "code"]}})
    with pytest.raises(DriftError, match=r"'nam'.*Nearest by name: name"):
        await anext(tryton.pull("party.party", None))
    tryton = await opened(server, {"party.party": {"fields": ["lang.cod"]}})
    with pytest.raises(DriftError, match=r"'lang\.cod'"):
        await anext(tryton.pull("party.party", None))


async def test_a_field_that_goes_while_it_is_read_is_drift(server, opened):
    tryton = await opened(server, {"party.category": {"fields": ["name"]}})
    replica = Replica(tryton, "party.category")
    await replica.pull()
    # What the connector believes to be there, and is not any more.
    shape = tryton._reader._due["party.category"].shape
    tryton._reader._due["party.category"].shape = msgspec.structs.replace(
        shape, wanted=(*shape.wanted, "colour")
    )
    with pytest.raises(DriftError, match="colour"):
        [page async for page in tryton.pull("party.category", {"high": "2020-01-01T00:00:00Z"})]
    assert await replica.pull() == [], "asked anew, the shape is right again"


async def test_what_cannot_be_a_stream_is_said(server, opened):
    tryton = await opened(
        server,
        {
            "no.such": {},
            "sale.reporting.main": {},
            "party.party": {"children": {"name": {"fields": ["x"]}}},
            "sale.sale": {"fields": ["number.code"]},
        },
    )
    with pytest.raises(DriftError, match=r"no\.such"):
        await anext(tryton.pull("no.such", None))
    with pytest.raises(ConfigError, match="not a list of rows"):
        await anext(tryton.pull("party.party", None))
    with pytest.raises(ConfigError, match="leads nowhere"):
        await anext(tryton.pull("sale.sale", None))
    with pytest.raises(ConfigError, match="cannot be used"):
        await anext(tryton.pull("sale.line", {"high": "yesterday"}))
    found = {each.subject: each for each in await tryton.check()}
    assert not found["no.such"].ok
    assert not found["sale.sale"].ok


async def test_discover_offers_business_models_with_their_fields(server, opened):
    streams = {stream.name: stream for stream in await (await opened(server)).discover()}
    assert {"party.party", "sale.sale", "sale.opportunity", "ir.note"} <= set(streams)
    assert "ir.model" not in streams
    fields = {field.name: field for field in streams["sale.sale"].fields}
    assert fields["party"].type == "many2one(party.party)"
    assert fields["id"].key


async def test_a_cursor_that_a_person_wrote_reads_what_was_changed_since(server, opened, erp):
    tryton = await opened(server)
    since = datetime.now(UTC).isoformat()
    (made,) = await erp.call("party.category.create", [{"name": "Since"}])
    pages = [page async for page in tryton.pull("party.category", {"high": since})]
    assert made in {row["id"] for row in rows_of(pages)}


async def test_a_server_that_repeats_its_page_for_ever_is_drift(server, opened):
    tryton = await opened(server, {"party.party": {"page_rows": 5}})
    call = tryton._client.call

    async def stuck(method, *params, context=None):
        # As a module would that overrides `search` and drops the clause on the id.
        if method.endswith("search_read"):
            params = ([each for each in params[0] if each[0] != "id"], *params[1:])
        return await call(method, *params, context=context)

    tryton._client.call = stuck
    with pytest.raises(DriftError) as caught:
        [page async for page in tryton.pull("party.party", None)]
    assert caught.value.code == "paging_loop"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_history_leads_to_the_same_rows(server, opened, erp, seed):
    """Random changes between random pulls, cut short and taken up again from the last cursor."""
    dice = random.Random(seed)
    settings = {
        "page_rows": dice.choice([2, 5, 50]),
        "deletes": "sweep",
        "fields": ["name", "active"],
        "children": {"addresses": {"fields": ["city"]}},
        "domain": [["code", "like", f"H{seed}-%"]],
    }
    tryton = await opened(server, {"party.party": settings})
    replica = Replica(tryton, "party.party")
    alive: list[int] = []
    for step in range(40):
        match dice.randrange(6):
            case 0 | 1:
                alive += await erp.call(
                    "party.party.create",
                    [{"name": f"{step} {n}", "code": f"H{seed}-{step}-{n}",
                      "addresses": [["create", [{"city": "Bonn"}]]]}
                     for n in range(dice.randrange(1, 8))],
                )  # fmt: skip
            case 2 if alive:
                chosen = dice.sample(alive, min(3, len(alive)))
                await erp.call("party.party.write", chosen, {"name": f"changed in {step}"})
            case 3 if alive:
                (party,) = await erp.read(
                    "party.party", ["addresses"], [["id", "=", dice.choice(alive)]]
                )
                await erp.call("party.address.write", party["addresses"], {"city": f"C{step}"})
            case 4 if len(alive) > 4:
                gone = alive.pop(dice.randrange(len(alive)))
                await erp.call("party.party.delete", [gone])
            case _:
                pages = dice.choice([1, 2, 100])
                opened.clock.secs += dice.choice([0, 5, 400])
                async for page in tryton.pull("party.party", replica.cursors[-1]):
                    replica.take(page)
                    if not (pages := pages - 1):
                        break
    for _ in range(2):
        opened.clock.secs += 400
        await replica.pull()
    assert not replica.repeated()
    there = await erp.read("party.party", ["name", "active", "addresses.city"], settings["domain"])
    assert {
        id: (row["name"], [each["city"] for each in row["addresses"]])
        for id, row in replica.rows.items()
    } == {row["id"]: (row["name"], [each["city"] for each in row["addresses."]]) for row in there}
