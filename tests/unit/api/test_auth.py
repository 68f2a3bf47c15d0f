from __future__ import annotations

import httpx2
import pytest

from gateway import events
from gateway.api.app import create_app
from gateway.api.auth import COOKIE, Caller, Keyring, Sessions
from gateway.config.model import Project
from gateway.errors import ConfigError, SecretError
from gateway.events import AccessDenied

VIEW = "view-0123456789abcdef"
OPERATE = "operate-0123456789abcdef"


def keys(*entries):
    listed = [{"name": name, "key": key, "role": role} for name, key, role in entries]
    return Project.model_validate({"api": {"keys": listed}}).api.keys


@pytest.fixture
def keyring(monkeypatch):
    monkeypatch.setenv("VIEW_KEY", VIEW)
    monkeypatch.setenv("OPERATE_KEY", OPERATE)
    return Keyring(
        keys(("grafana", "${env:VIEW_KEY}", "viewer"), ("ops", "${env:OPERATE_KEY}", "operator")),
        token="token-of-this-machine",
    )


@pytest.fixture
async def client(world, keyring):
    app = create_app(world, version="1.2.3", keyring=keyring)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.example") as opened:
        yield opened


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


SAFE = [
    "/v1/status", "/v1/events", "/v1/streams", "/v1/streams/support/public.tickets/cursor",
    "/v1/deadletters", "/v1/deadletters/l0", "/v1/deadletters/l0/raw", "/v1/drifts",
    "/v1/drifts/d1", "/v1/records", "/v1/contracts", "/metrics",
]  # fmt: skip
UNSAFE = [
    ("/v1/apply", {}),
    ("/v1/streams/support/public.tickets/cursor", {"cursor": None}),
    ("/v1/streams/support/public.tickets/backfill", {}),
    ("/v1/deadletters/replay", {"all": True}),
    ("/v1/deadletters/discard", {"all": True, "reason": "x"}),
    ("/v1/drifts/d1/accept", {}),
]


@pytest.mark.parametrize("path", SAFE)
async def test_looking_needs_a_key_of_any_role(client, path):
    for headers in ({}, bearer("wrong"), bearer(""), {"Authorization": f"Basic {VIEW}"}):
        said = await client.get(path, headers=headers)
        assert said.status_code == 401
        assert said.headers["www-authenticate"] == "Bearer"
    assert (await client.get(path, headers=bearer(VIEW))).status_code == 200
    assert (await client.get(path, headers=bearer(OPERATE))).status_code == 200


@pytest.mark.parametrize(("path", "body"), UNSAFE)
async def test_doing_needs_an_operator(client, path, body):
    assert (await client.post(path, json=body)).status_code == 401
    with events.capture() as seen:
        said = await client.post(path, json=body, headers=bearer(VIEW))
    assert (said.status_code, said.json()["error"]["code"]) == (403, "role_missing")
    assert [type(one) for one in seen] == [AccessDenied]
    assert (await client.post(path, json=body, headers=bearer(OPERATE))).status_code == 200


def test_every_route_of_the_api_is_among_those_tested(world, keyring):
    app = create_app(world, version="1.2.3", keyring=keyring)
    tested = {path for path, _ in UNSAFE}
    for path, operations in app.openapi()["paths"].items():
        if "post" in operations:
            concrete = path.replace("{source}/{stream}", "support/public.tickets").replace(
                "{id}", "d1"
            )
            assert concrete in tested, path


async def test_health_is_open(client):
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_this_machines_token_operates(client, world):
    said = await client.post("/v1/apply", json={}, headers=bearer("token-of-this-machine"))
    assert said.status_code == 200
    assert not Keyring(token="token-of-this-machine")


async def test_a_key_is_in_no_answer_event_or_repr(client, keyring):
    with events.capture() as seen:
        said = await client.get("/v1/status", headers=bearer(OPERATE + "x"))
    assert OPERATE not in said.text + repr(seen) + repr(keyring)


def test_keys_are_read_again_and_one_that_is_gone_opens_nothing(tmp_path):
    file = tmp_path / "key"
    file.write_text(OPERATE)
    now = [0.0]
    keyring = Keyring(keys(("ops", f"${{file:{file}}}", "operator")), lambda: now[0])
    assert keyring.find(OPERATE) == Caller("ops", "operator")
    file.write_text("rotated-0123456789abcdef")
    now[0] = 10.0
    assert keyring.find(OPERATE) is None
    assert keyring.find("rotated-0123456789abcdef") is not None
    file.unlink()
    now[0] = 20.0
    assert keyring.find("rotated-0123456789abcdef") is None
    assert keyring


def test_keys_must_exist_and_be_long(monkeypatch):
    with pytest.raises(SecretError):
        Keyring(keys(("ops", "${env:NO_SUCH_KEY}", "operator")))
    monkeypatch.setenv("SHORT", "hunter2")
    with pytest.raises(ConfigError) as told:
        Keyring(keys(("ops", "${env:SHORT}", "operator")))
    assert "hunter2" not in str(told.value)


def test_sessions_end_by_time_and_by_number():
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    token = sessions.open(Caller("ops", "operator"))
    assert sessions.find(token) == Caller("ops", "operator")
    assert sessions.find(token + "x") is None
    now[0] = 12 * 3600.0
    assert sessions.find(token) is None
    tokens = [sessions.open(Caller("ops", "operator")) for _ in range(1_001)]
    assert sessions.find(tokens[0]) is None
    assert sessions.find(tokens[-1]) is not None


async def test_login_trades_a_key_for_a_cookie_and_logout_ends_it(client):
    there = await client.get("/letters?source=erp", headers={"Accept": "text/html"})
    assert there.status_code == 303
    assert there.headers["location"] == "/login?next=%2Fletters%3Fsource%3Derp"
    wrong = await client.post("/login", data={"key": "wrong", "next": "/letters"})
    assert wrong.status_code == 403
    assert COOKIE not in client.cookies
    right = await client.post("/login", data={"key": VIEW, "next": "/letters?source=erp"})
    assert (right.status_code, right.headers["location"]) == (303, "/letters?source=erp")
    cookie = right.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert VIEW not in cookie
    page = await client.get("/letters")
    assert page.status_code == 200
    assert "may look but not change" in page.text
    assert (await client.post("/letters/replay", data={"ids": "l0"})).status_code == 403
    cross = await client.post("/v1/apply", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (cross.status_code, cross.json()["error"]["code"]) == (403, "cross_site")
    await client.post("/logout")
    assert (await client.get("/letters")).status_code == 303


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "x", ""])
async def test_login_leads_nowhere_else(client, target):
    said = await client.post("/login", data={"key": VIEW, "next": target})
    assert said.headers["location"] == "/"
