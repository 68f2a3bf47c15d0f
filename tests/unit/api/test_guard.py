from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from gateway.api.guard import Guard, is_loopback


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8400", 200),
        ("localhost", 200),
        ("LOCALHOST:8400", 200),
        ("[::1]:8400", 200),
        ("127.8.9.1", 200),
        ("evil.example", 421),
        ("evil.example:8400", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("0.0.0.0:8400", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_only_loopback_names_reach_a_gateway_without_keys(client, host, status):
    said = await client.get("/v1/status", headers={"Host": host})
    assert said.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:8400"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8400"}, 403),
    ],
)
async def test_unsafe_requests_come_from_our_own_pages(client, world, headers, status):
    said = await client.post("/v1/apply", json={}, headers=headers)
    assert said.status_code == status
    assert len(world.applied) == (status == 200)
    looked = await client.get("/v1/status", headers=headers)
    assert looked.status_code == 200


async def test_bodies_must_be_json_and_of_bounded_size(client):
    said = await client.post(
        "/v1/apply", content=b"dry_run=1", headers={"Content-Type": "text/plain"}
    )
    assert (said.status_code, said.json()["error"]["code"]) == (415, "media_type_unknown")
    said = await client.post("/v1/apply", content=b" " * ((1 << 20) + 1))
    assert (said.status_code, said.json()["error"]["code"]) == (413, "body_too_large")

    async def endless():
        while True:
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    said = await client.post("/v1/apply", content=endless(), headers=headers)
    assert said.status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for():
    guard = Guard(PlainTextResponse("never"), any_host=True, body_secs=0.01)

    # The transport of the client reads the body itself: speak ASGI directly.
    sent = []

    async def receive():
        await asyncio.sleep(3600)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/apply", "headers": []}
    await guard(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("path", ["/", "/v1/status", "/letters/l0", "/static/console.js", "/nope"])
async def test_every_answer_carries_the_security_headers(client, path):
    said = await client.get(path)
    policy = said.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in said.headers


def test_loopback_names():
    assert all(map(is_loopback, ("localhost", "a.localhost", "127.0.0.1", "127.3.2.1", "::1")))
    assert not any(
        map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "", "127.0.0.1.x"))
    )


async def test_the_bound_host_may_be_named(world):
    from gateway.api.app import create_app

    app = create_app(world, version="1", hosts=["gateway.lan"])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.lan") as client:
        assert (await client.get("/v1/status")).status_code == 200
