from __future__ import annotations

from gateway import events
from gateway.events import GatewayDraining


async def test_status_says_where_everything_stands(client):
    said = (await client.get("/v1/status")).json()
    assert said["log_end"] == 25
    assert said["letters"]["open"] == 6
    assert said["drifts"] == 1
    lags = {route["route"]: route["lag"] for route in said["routes"]}
    assert lags == {"score-customers": 21, "keep-everything": 0}
    read = {stream["stream"]["stream"]: stream["tally"]["read"] for stream in said["streams"]}
    assert read == {"party.party": 5, "public.tickets": 27}


async def test_events_are_newest_first_and_limited(client):
    events.emit(GatewayDraining("one"))
    events.emit(GatewayDraining("two"))
    said = (await client.get("/v1/events", params={"limit": 2})).json()["events"]
    assert [one["values"]["why"] for one in said] == ["two", "one"]
    assert said[0]["code"] == "gateway_draining"


async def test_apply_passes_the_dry_run_on(client, world):
    said = await client.post("/v1/apply", json={"dry_run": True})
    assert said.status_code == 200
    assert said.json()["changes"][0]["before"] == "64"
    await client.post("/v1/apply")
    assert world.applied == [True, False]


async def test_contracts_and_their_schemas(client):
    said = (await client.get("/v1/contracts")).json()["contracts"]
    assert [(one["name"], one["version"]) for one in said] == [("customer", 1), ("ticket", 1)]
    schema = await client.get("/v1/contracts/ticket.v1/schema")
    assert schema.headers["content-type"] == "application/schema+json"
    assert schema.json()["type"] == "object"
    missing = await client.get("/v1/contracts/tickt.v1/schema")
    assert missing.status_code == 404
    assert missing.json()["error"]["mend"] == "Did you mean ticket.v1?"


async def test_health_and_readiness(client, world):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    world.why_unready = "draining"
    said = await client.get("/readyz")
    assert said.status_code == 503
    assert said.json()["error"] == {"code": "unready", "message": "draining", "mend": None}
    assert (await client.get("/healthz")).status_code == 200


async def test_openapi_describes_every_route_and_its_structs(client):
    document = (await client.get("/v1/openapi.json")).json()
    paths = document["paths"]
    assert "/v1/deadletters/{id}" in paths
    assert "/v1/streams/{source}/{stream}/cursor" in paths
    assert not any(path in paths for path in ("/", "/letters", "/login"))
    schemas = document["components"]["schemas"]
    answer = paths["/v1/status"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["$ref"].rpartition("/")[2] in schemas
    assert set(schemas["Problem"]["required"]) == {"code", "message"}
    refs = {
        part.partition('"')[0]
        for part in (await client.get("/v1/openapi.json")).text.split("#/components/schemas/")[1:]
    }
    assert refs <= set(schemas)
