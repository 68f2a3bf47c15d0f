from __future__ import annotations

from gateway import events
from gateway.events import CursorMoved
from tests.unit.api.world import TICKETS


async def test_lists_streams_with_state_and_counts(client):
    said = (await client.get("/v1/streams")).json()["streams"]
    tickets = next(one for one in said if one["stream"]["stream"] == "public.tickets")
    assert tickets["tally"]["filtered"] == 2


async def test_cursor_is_shown_moved_and_shown_again(client):
    path = "/v1/streams/support/public.tickets/cursor"
    assert (await client.get(path)).json()["cursor"] == {"id": 1}
    with events.capture() as seen:
        moved = await client.post(path, json={"cursor": {"id": 0}})
    assert moved.json() == {"source": "support", "stream": "public.tickets", "cursor": {"id": 0}}
    assert seen == [CursorMoved(TICKETS, "local")]
    assert (await client.get(path)).json()["cursor"] == {"id": 0}
    assert (await client.post(path, json={"cursor": None})).status_code == 200
    assert (await client.get(path)).json()["cursor"] is None


async def test_stream_never_read_has_a_cursor_of_null(client):
    said = await client.get("/v1/streams/support/public.payments/cursor")
    assert said.json()["cursor"] is None


async def test_cursor_must_be_said(client):
    said = await client.post("/v1/streams/support/public.tickets/cursor", json={})
    assert said.status_code == 422
    assert "cursor" in said.json()["error"]["message"]


async def test_unknown_names_get_the_nearest(client):
    said = await client.get("/v1/streams/suport/public.tickets/cursor")
    assert said.status_code == 404
    assert said.json()["error"]["mend"] == "Did you mean support?"
    said = await client.get("/v1/streams/support/public.ticket/cursor")
    assert said.json()["error"]["mend"] == "Did you mean public.tickets?"


async def test_backfill_with_and_without_a_cursor(client, world):
    assert (await client.post("/v1/streams/support/public.tickets/backfill")).status_code == 200
    path = "/v1/streams/support/public.tickets/backfill"
    await client.post(path, json={"since": {"id": 3}})
    assert world.backfilled == [(TICKETS, None), (TICKETS, {"id": 3})]


async def test_stream_names_may_hold_slashes(app, client, world):
    from gateway.config.model import Project

    world.project = Project.model_validate(
        {"sources": {"s": {"type": "file", "streams": {"a/b.csv": {"mapping": "m.yaml"}}}}}
    )
    assert (await client.get("/v1/streams/s/a/b.csv/cursor")).json()["stream"] == "a/b.csv"
    assert (await client.get("/v1/streams/s/a%2Fb.csv/cursor")).json()["stream"] == "a/b.csv"
