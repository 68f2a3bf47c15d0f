from __future__ import annotations

import base64

import pytest

from gateway import events
from gateway.events import LettersDiscarded
from gateway.store.port import LetterFilter
from gateway.types import LetterState


async def ids(client, **params):
    said = (await client.get("/v1/deadletters", params=params)).json()
    return [one["id"] for one in said["letters"]]


async def test_lists_newest_first_and_pages(client):
    first = (await client.get("/v1/deadletters", params={"limit": 4})).json()
    assert [one["id"] for one in first["letters"]] == ["l5", "l4", "l3", "l2"]
    assert first["total"] == 6
    rest = await client.get("/v1/deadletters", params={"limit": 4, "after": first["next"]})
    assert [one["id"] for one in rest.json()["letters"]] == ["l1", "l0"]
    assert rest.json()["next"] is None


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"source": "erp"}, ["l5"]),
        ({"stream": "public.tickets", "code": "row_not_utf8"}, ["l4"]),
        ({"route": "score-customers"}, ["l5"]),
        ({"contract": "customer.v1"}, ["l5"]),
        ({"fingerprint": "v1:bbbbbbbbbbbbbbbb"}, ["l4"]),
        ({"key": "78"}, ["l1"]),
        ({"text": "0000-00-00", "limit": 1}, ["l3"]),
        ({"ids": ["l0", "l5"]}, ["l5", "l0"]),
        ({"state": "resolved"}, []),
        ({"state": "any", "source": "erp"}, ["l5"]),
        ({"since": "2026-05-04T09:45:00Z"}, ["l5"]),
        ({"until": "2026-05-04T09:31:00Z"}, ["l0"]),
    ],
)
async def test_every_filter(client, params, found):
    assert await ids(client, **params) == found


async def test_groups_by_cause(client):
    said = (await client.get("/v1/deadletters", params={"group": "fingerprint"})).json()
    assert said["letters"] == []
    counts = {one["code"]: one["count"] for one in said["groups"]}
    assert counts == {"contract_violated": 4, "row_not_utf8": 1, "refused": 1}


async def test_detail_has_the_bytes_as_text_where_they_are_text(client):
    said = (await client.get("/v1/deadletters/l0")).json()
    assert said["letter"]["stage"] == "normalise"
    assert said["letter"]["key"] == "77"
    assert '"0000-00-00"' in said["raw"]["text"]
    assert said["raw"]["base64"] is None
    assert said["record"] is None


async def test_detail_has_other_bytes_as_base64(client):
    raw = (await client.get("/v1/deadletters/l4")).json()["raw"]
    assert raw["text"] is None
    assert base64.b64decode(raw["base64"]) == b'{"id": 9, "title": "caf\xe9"}'


async def test_detail_of_a_delivery_has_its_record_and_attempts(client):
    said = (await client.get("/v1/deadletters/l5")).json()
    assert said["letter"]["stage"] == "deliver"
    assert said["letter"]["route"] == "score-customers"
    assert said["record"]["data"]["name"] == "Carta Ltd"
    assert said["record"]["specversion"] == "1.0"
    assert [one["code"] for one in said["attempts"]] == ["server_error"]


async def test_raw_is_a_download_and_nothing_a_browser_shows(client):
    said = await client.get("/v1/deadletters/l4/raw")
    assert said.content == b'{"id": 9, "title": "caf\xe9"}'
    assert said.headers["content-type"] == "application/octet-stream"
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["content-disposition"] == 'attachment; filename="l4.json"'


async def test_unknown_letter_is_404(client):
    for path in ("/v1/deadletters/nope", "/v1/deadletters/nope/raw", "/v1/deadletters/%00"):
        said = await client.get(path)
        assert said.status_code == 404
        assert said.json()["error"]["code"] == "dead_letter_unknown"


async def test_replay_of_a_cause_resolves_its_letters(client, world):
    body = {"filter": {"fingerprint": "v1:aaaaaaaaaaaaaaaa"}}
    forecast = await client.post("/v1/deadletters/replay", json={**body, "dry_run": True})
    assert forecast.json()["forecasts"][0]["resolves"] == 4
    assert len(await ids(client)) == 6
    done = (await client.post("/v1/deadletters/replay", json=body)).json()
    assert (done["letters"], done["resolved"], done["dry_run"]) == (4, 4, False)
    assert await ids(client) == ["l5", "l4"]
    where, dry_run, force, by = world.replayed[-1]
    assert (where.fingerprint, dry_run, force, by) == ("v1:aaaaaaaaaaaaaaaa", False, False, "local")


@pytest.mark.parametrize("verb", ["replay", "discard"])
@pytest.mark.parametrize("filter", [{}, {"state": "open"}])
async def test_a_filter_that_names_everything_must_say_so(client, world, verb, filter):
    body = {"filter": filter} | ({"reason": "x"} if verb == "discard" else {})
    said = await client.post(f"/v1/deadletters/{verb}", json=body)
    assert said.status_code == 422
    assert said.json()["error"]["code"] == "filter_empty"
    assert world.replayed == []
    assert len(await ids(client)) == 6


async def test_all_means_all(client):
    done = (await client.post("/v1/deadletters/replay", json={"all": True})).json()
    assert done["letters"] == 6
    assert done["returned"] == 1
    assert await ids(client) == []
    assert await ids(client, state="replaying") == ["l5"]


async def test_discard_closes_with_reason_and_name(client, world):
    with events.capture() as seen:
        said = await client.post(
            "/v1/deadletters/discard",
            json={"filter": {"source": "support"}, "reason": "test data"},
        )
    assert said.json() == {"dry_run": False, "discarded": 5}
    assert seen == [LettersDiscarded("local", "test data", 5)]
    assert await ids(client) == ["l5"]
    found = await world.store.letters.list(LetterFilter(ids=("l0",), state=None))
    assert found[0].state is LetterState.DISCARDED
    assert found[0].resolution == "test data (by local)"
    assert world.freed == 1


async def test_discard_forecast_changes_nothing(client):
    body = {"filter": {"source": "support"}, "reason": "x", "dry_run": True}
    said = await client.post("/v1/deadletters/discard", json=body)
    assert said.json() == {"dry_run": True, "discarded": 5}
    assert len(await ids(client)) == 6


async def test_discard_needs_a_reason(client):
    said = await client.post("/v1/deadletters/discard", json={"all": True})
    assert said.status_code == 422
    assert "reason" in said.json()["error"]["message"]
