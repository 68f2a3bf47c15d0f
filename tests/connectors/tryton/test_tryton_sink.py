"""Writing to a real Tryton: safe to repeat, one outcome a row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.errors import Ambiguous, Outage, Refusal
from gateway.types import Delivered, Later, Operation, Refused, Write

NOTES = {
    name: {
        "model": "ir.note",
        "references": {"resource": "party.party"},
        "prefix": {"message": prefix},
    }
    for name, prefix in {"churn-note": "Churn risk: ", "100%_note": "100%_sure: "}.items()
}


def write(key, fields=None, operation=Operation.UPSERT):
    return Write("r@route", key, fields or {}, operation)


async def one(tryton, stream, *args, **kwargs):
    (outcome,) = await tryton.push(stream, [write(*args, **kwargs)])
    return outcome


async def test_a_row_is_created_then_left_alone_then_changed(server, opened, erp):
    tryton = await opened(server)
    outcome = await one(tryton, "party.party", {"code": "S1"}, {"name": "Först"})
    assert isinstance(outcome, Delivered)
    assert outcome.receipt.startswith("created party.party,")
    before = await erp.versions("party.party")
    assert await one(tryton, "party.party", {"code": "S1"}, {"name": "Först"}) == Delivered(
        "unchanged"
    )
    assert await erp.versions("party.party") == before
    outcome = await one(tryton, "party.party", {"code": "S1"}, {"name": "Second"})
    assert outcome.receipt.startswith("written party.party,")
    (row,) = await erp.read("party.party", ["name"], [["code", "=", "S1"]])
    assert row["name"] == "Second"


async def test_values_of_json_become_what_the_fields_take(server, opened, erp):
    tryton = await opened(server)
    (lead,) = await erp.call("sale.opportunity.create", [{"description": "Typed"}])
    fields = {
        "amount": "1250.50",
        "conversion_probability": Decimal("0.25"),
        "end_date": "2026-12-24",
        "party": "3",
        "comment": "ünïcode\nand two lines",
    }
    outcome = await one(tryton, "sale.opportunity", {"id": lead}, fields)
    assert outcome.receipt == f"written sale.opportunity,{lead}"
    (row,) = await erp.read("sale.opportunity", [*fields], [["id", "=", lead]])
    assert row["amount"] == "1250.50"
    assert row["conversion_probability"] == 0.25
    assert row["end_date"]["day"] == 24
    assert row["party"] == 3
    assert row["comment"] == "ünïcode\nand two lines"
    again = await one(tryton, "sale.opportunity", {"id": str(lead)}, fields)
    assert again == Delivered("unchanged")


async def test_lists_of_rows_are_set_as_a_whole(server, opened, erp):
    tryton = await opened(server)
    a, b, c = await erp.call("party.category.create", [{"name": n} for n in ("A", "B", "C")])
    for wanted in ([a, b], [b, c], []):
        outcome = await one(tryton, "party.party", {"code": "C0002"}, {"categories": wanted})
        assert outcome.receipt.startswith("written")
        (row,) = await erp.read("party.party", ["categories"], [["code", "=", "C0002"]])
        assert sorted(row["categories"]) == wanted


async def test_one_bad_row_does_not_take_the_others_with_it(server, opened, erp):
    tryton = await opened(server)
    outcomes = await tryton.push(
        "party.identifier",
        [
            write({"party": 3, "code": "AAA"}, {"type": None}),
            write({"party": 3, "code": "DE1"}, {"type": "eu_vat"}),
            write({"party": "three", "code": "BBB"}),
            write({"party": 4, "code": "CCC"}, {"type": None}),
        ],
    )
    assert [type(each) for each in outcomes] == [Delivered, Refused, Refused, Delivered]
    assert outcomes[1].code == "user_error"
    assert "VAT" in outcomes[1].detail
    assert outcomes[2].detail == ("`party` of party.identifier takes a row's id, not 'three'.")
    found = await erp.read("party.identifier", ["code"], [["code", "in", ["AAA", "CCC", "DE1"]]])
    assert [row["code"] for row in found] == ["AAA", "CCC"]


async def test_two_writes_of_one_key_go_one_after_the_other(server, opened, erp):
    tryton = await opened(server)
    writes = [write({"code": "TWICE"}, {"name": name}) for name in ("one", "two", "three")]
    outcomes = await tryton.push("party.party", writes)
    assert [each.receipt.split()[0] for each in outcomes] == ["created", "written", "written"]
    (row,) = await erp.read("party.party", ["name"], [["code", "=", "TWICE"]])
    assert row["name"] == "three"


async def test_a_key_that_two_rows_have_is_refused(server, opened, erp):
    await erp.call("party.party.create", [{"name": "Twin"}, {"name": "Twin"}])
    tryton = await opened(server)
    outcome = await one(tryton, "party.party", {"name": "Twin"}, {"active": False})
    assert isinstance(outcome, Refused)
    assert outcome.code == "key_ambiguous"


async def test_a_row_is_deleted_once(server, opened, erp):
    tryton = await opened(server)
    await one(tryton, "party.party", {"code": "GONE"}, {"name": "Gone soon"})
    outcome = await one(tryton, "party.party", {"code": "GONE"}, operation=Operation.DELETE)
    assert outcome.receipt.startswith("deleted")
    again = await one(tryton, "party.party", {"code": "GONE"}, operation=Operation.DELETE)
    assert again == Delivered("unchanged")
    assert await erp.read("party.party", ["id"], [["code", "=", "GONE"]]) == []


async def test_what_somebody_changed_in_between_is_not_overwritten(server, opened, erp):
    tryton = await opened(server)
    call = tryton._client.call

    async def overtaken(method, *params, context=None):
        if method.endswith(".write"):
            await erp.call("party.party.write", params[0], {"name": "By a person"})
        return await call(method, *params, context=context)

    tryton._client.call = overtaken
    outcome = await one(tryton, "party.party", {"code": "C0005"}, {"name": "By the gateway"})
    assert isinstance(outcome, Later)
    assert (outcome.code, outcome.costs_attempt) == ("conflict", True)
    (row,) = await erp.read("party.party", ["name"], [["code", "=", "C0005"]])
    assert row["name"] == "By a person"


async def test_a_write_whose_answer_was_lost_is_not_done_twice(server, opened, erp):
    tryton = await opened(server)
    call = tryton._client.call

    async def lost(method, *params, context=None):
        answer = await call(method, *params, context=context)
        if method.endswith(".create"):
            raise Ambiguous("The answer was cut short.", code="body_cut_short")
        return answer

    tryton._client.call = lost
    with pytest.raises(Ambiguous):
        await one(tryton, "party.party", {"code": "LOST"}, {"name": "Once"})
    tryton._client.call = call
    assert await one(tryton, "party.party", {"code": "LOST"}, {"name": "Once"}) == Delivered(
        "unchanged"
    )
    assert len(await erp.read("party.party", ["id"], [["code", "=", "LOST"]])) == 1


async def test_what_concerns_all_rows_holds_the_route(server, opened):
    tryton = await opened(server)
    with pytest.raises(Outage, match="no field 'nmae'"):
        await one(tryton, "party.party", {"code": "X"}, {"nmae": "x"})
    with pytest.raises(Outage, match=r"no\.such"):
        await one(tryton, "no.such", {"code": "X"})


async def test_a_user_sees_one_unread_note_of_each_model_at_the_party(server, opened, erp):
    (party,) = await erp.read("party.party", ["id"], [["code", "=", "C0007"]])
    tryton = await opened(server, writes=NOTES)
    await erp.call(
        "ir.note.create",
        [{"resource": f"party.party,{party['id']}", "message": "Churn risk? Called them."}],
    )

    async def shown():
        rows = await erp.read(
            "ir.note",
            ["message_wrapped", "unread", "last_user"],
            [["resource", "=", f"party.party,{party['id']}"]],
        )
        return {row["message_wrapped"]: (bool(row["unread"]), row["last_user"]) for row in rows}

    key = {"resource": str(party["id"])}
    for text in ("0.20, stays", "0.81, leaves", "0.81, leaves"):
        await one(tryton, "churn-note", key, {"message": text})
    await one(tryton, "100%_note", key, {"message": Decimal(1)})
    assert await shown() == {
        "Churn risk? Called them.": (False, "admin"),
        "Churn risk: 0.81, leaves": (True, "Headrace gateway"),
        "100%_sure: 1": (True, "Headrace gateway"),
    }
    # A note that was left twice, by a death between creating and removing, is one again.
    await erp.call(
        "ir.note.create",
        [{"resource": f"party.party,{party['id']}", "message": "Churn risk: 0.20, stays"}],
    )
    await one(tryton, "churn-note", key, {"message": "0.81, leaves"})
    assert len(await shown()) == 3
    outcome = await one(tryton, "churn-note", key, operation=Operation.DELETE)
    assert outcome.receipt.startswith("deleted ir.note")
    assert set(await shown()) == {"Churn risk? Called them.", "100%_sure: 1"}


async def test_a_note_at_a_party_that_is_gone_is_refused_alone(server, opened):
    tryton = await opened(server, writes=NOTES)
    gone, there = await tryton.push(
        "churn-note",
        [write({"resource": id}, {"message": "0.5"}) for id in ("99999", "8")],
    )
    assert isinstance(gone, Refused)
    assert isinstance(there, Delivered)
    again = await one(tryton, "churn-note", {"resource": "99999"}, {"message": "0.5"})
    assert (type(again), again.code) == (Refused, gone.code)


async def test_a_field_that_the_user_may_not_write_is_refused(server, opened):
    tryton = await opened(server)
    outcome = await one(tryton, "currency.currency", {"code": "EUR"}, {"name": "Mine"})
    assert isinstance(outcome, Refused)
    assert "not allowed" in outcome.detail


async def test_a_row_that_is_named_by_its_id_is_never_made(server, opened, erp):
    tryton = await opened(server)
    outcome = await one(tryton, "party.party", {"id": 99_999}, {"name": "Nobody"})
    assert isinstance(outcome, Refused)
    assert outcome.code == "row_missing"
    assert await erp.read("party.party", ["id"], [["name", "=", "Nobody"]]) == []


async def test_a_note_that_may_not_be_removed_is_not_multiplied(server, opened, erp):
    parties = await erp.read("party.party", ["id"], [["code", "in", ["C0010", "C0011"]]])
    tryton = await opened(server, writes=NOTES)

    async def push(text):
        return await tryton.push(
            "churn-note", [write({"resource": row["id"]}, {"message": text}) for row in parties]
        )

    await push("0.1")
    call = tryton._client.call

    async def forbidden(method, *params, context=None):
        # What Tryton says to a user whose rights stop at making notes.
        if method.endswith(".delete"):
            raise Refusal("You are not allowed to delete.", code="user_error")
        return await call(method, *params, context=context)

    tryton._client.call = forbidden
    assert [type(each) for each in await push("0.2")] == [Refused, Refused]
    assert [type(each) for each in await push("0.2")] == [Refused, Refused]
    tryton._client.call = call
    resources = [f"party.party,{row['id']}" for row in parties]
    shown = await erp.read("ir.note", ["message"], [["resource", "in", resources]])
    assert sorted(row["message"][-3:] for row in shown) == ["0.1", "0.1", "0.2", "0.2"]
    await push("0.2")
    shown = await erp.read("ir.note", ["message"], [["resource", "in", resources]])
    assert sorted(row["message"][-3:] for row in shown) == ["0.2", "0.2"]
