from __future__ import annotations


async def test_open_drifts_and_one_with_its_mapping(client):
    said = (await client.get("/v1/drifts")).json()["drifts"]
    assert [one["id"] for one in said] == ["d1"]
    one = (await client.get("/v1/drifts/d1")).json()
    assert one["drift"]["changes"][0]["new"] == "amount_eur"
    assert "contract: ticket.v1" in one["mapping"]


async def test_accept_takes_the_proposal_or_a_patch(client, world):
    said = await client.post("/v1/drifts/d1/accept", json={"patch": {"fields.a": "b"}})
    assert said.json()["state"] == "accepted"
    assert said.json()["closed_by"] == "local"
    assert world.accepted == [("d1", {"fields.a": "b"}, "local")]
    assert (await client.get("/v1/drifts")).json()["drifts"] == []
    assert len((await client.get("/v1/drifts?closed=true")).json()["drifts"]) == 1


async def test_accepting_twice_is_a_conflict(client):
    assert (await client.post("/v1/drifts/d1/accept")).status_code == 200
    said = await client.post("/v1/drifts/d1/accept")
    assert said.status_code == 409
    assert said.json()["error"]["code"] == "drift_closed"


async def test_a_patch_that_is_not_valid_says_where(client):
    said = await client.post("/v1/drifts/d1/accept", json={"patch": {"fields.nonsense": 1}})
    assert said.status_code == 422
    assert said.json()["error"]["message"].startswith("mappings/tickets.yaml:9: ")
    assert len((await client.get("/v1/drifts")).json()["drifts"]) == 1


async def test_unknown_drift(client):
    said = await client.get("/v1/drifts/d2")
    assert said.status_code == 404
    assert said.json()["error"]["mend"] == "Known are: d1."
