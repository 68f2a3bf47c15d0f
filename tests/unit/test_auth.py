from __future__ import annotations

import asyncio
import base64

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import ValidationError

from gateway.auth import Auth, ClientCredentialsAuth, NoAuth, authorizer
from gateway.auth.oauth import ClientCredentials
from gateway.errors import AuthError, Outage, SecretError
from gateway.http import HttpSession
from gateway.ports import ConnectorConfig
from tests.local_server import serve


class Settings(ConnectorConfig):
    auth: Auth = NoAuth()


@pytest_asyncio.fixture
async def http():
    async with HttpSession.open() as session:
        yield session


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("KEY", "hunter2")


def made(http, **settings):
    return authorizer(Settings(auth=settings).auth, http.pool("a"))


async def test_each_kind_has_its_header(http):
    pair = base64.b64encode("jörg:hunter2".encode()).decode()
    assert made(http, type="none") is None
    for settings, headers in (
        ({"type": "basic", "username": "jörg", "password": "${env:KEY}"},
         {"authorization": f"Basic {pair}"}),
        ({"type": "bearer", "token": "${env:KEY}"}, {"authorization": "Bearer hunter2"}),
        ({"type": "api_key", "key": "${env:KEY}"}, {"x-api-key": "hunter2"}),
        ({"type": "api_key", "key": "${env:KEY}", "header": "Authorization", "prefix": "Key "},
         {"authorization": "Key hunter2"}),
    ):  # fmt: skip
        assert dict(await made(http, **settings).headers()) == headers


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "basic", "username": "a", "password": "hunter2"},
        {"type": "bearer", "token": "hunter2"},
        {"type": "api_key", "key": "hunter2"},
        {"type": "api_key", "key": "${env:KEY}", "header": "X Y"},
        {"type": "magic"},
        {"type": "oauth2_client_credentials", "token_url": "http://a/", "client_id": "a"},
        {"type": "oauth2_client_credentials", "token_url": "file:///a", "client_id": "a",
         "client_secret": "${env:KEY}"},
        {"type": "oauth2_client_credentials", "token_url": "http://a/", "client_id": "a",
         "client_secret": "${env:KEY}", "auth_method": "private_key_jwt"},
        {"type": "oauth2_client_credentials", "token_url": "http://a/", "client_id": "a",
         "client_secret": "${env:KEY}", "private_key": "${env:KEY}"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_not_shown(settings):
    with pytest.raises(ValidationError) as caught:
        Settings(auth=settings)
    assert "hunter2" not in str(caught.value)


def test_no_auth_is_the_default_of_a_field():
    assert Settings().auth == NoAuth() == Settings(auth={"type": "none"}).auth


async def test_a_rotated_key_is_used_at_once_and_a_refused_one_is_tried_once_more(
    http, monkeypatch
):
    seen = []

    async def guarded(request):
        seen.append(request.headers["x-api-key"])
        if seen[-1] == "hunter2":
            monkeypatch.setenv("KEY", "hunter3")
            return web.Response(status=401)
        return web.Response()

    auth = made(http, type="api_key", key="${env:KEY}")
    async with serve(guarded) as url:
        assert (await http.post(url, b"", auth=auth)).status == 200
    assert seen == ["hunter2", "hunter3"]


async def test_a_key_that_has_not_changed_is_not_tried_again(http):
    seen = []

    async def closed(request):
        seen.append(1)
        return web.Response(status=401)

    auth = made(http, type="api_key", key="${env:KEY}")
    async with serve(closed) as url:
        assert (await http.post(url, b"", auth=auth)).status == 401
        async with http.client(auth=auth) as client:
            assert (await client.get(url)).status_code == 401
    assert len(seen) == 2


@pytest.mark.parametrize("value", ["hunter2\nx: y", "\ufeffhunter2", "hunter2\r"])
async def test_a_secret_that_no_header_can_carry_is_named_and_not_shown(http, monkeypatch, value):
    monkeypatch.setenv("KEY", value)
    with pytest.raises(SecretError) as caught:
        await made(http, type="bearer", token="${env:KEY}").headers()
    assert "${env:KEY}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


class Tokens:
    """A token endpoint that gives t1, t2, … and whatever else a test puts into its answer."""

    def __init__(self):
        self.given = 0
        self.answer = {"token_type": "Bearer", "expires_in": 100}
        self.status = 200
        self.headers = {}
        self.forms = []
        self.delay = 0.0

    async def give(self, request):
        await asyncio.sleep(self.delay)
        self.forms.append(dict(await request.post()))
        self.given += 1
        if isinstance(self.answer, str):
            return web.Response(status=self.status, text=self.answer, headers=self.headers)
        body = {"access_token": f"t{self.given}", **self.answer}
        return web.json_response(body, status=self.status, headers=self.headers)


@pytest_asyncio.fixture
async def tokens():
    endpoint = Tokens()
    async with serve(endpoint.give) as url:
        endpoint.url = url
        yield endpoint


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def credentials(http, tokens, clock=None, **more):
    config = ClientCredentialsAuth(
        token_url=tokens.url + "/token", client_id="me", client_secret="${env:KEY}", **more
    )
    return ClientCredentials(config, http.pool("t"), **({"clock": clock} if clock else {}))


async def bearer(auth):
    return (await auth.headers())["authorization"].removeprefix("Bearer ")


async def test_a_token_is_kept_and_renewed_a_tenth_of_its_life_before_its_end(http, tokens):
    clock = Clock()
    auth = credentials(http, tokens, clock)
    assert await bearer(auth) == "t1"
    clock.now += 89.9
    assert await bearer(auth) == "t1"
    clock.now += 0.2
    assert await bearer(auth) == "t2"


async def test_a_long_token_is_renewed_a_minute_before_its_end(http, tokens):
    tokens.answer["expires_in"] = 3600
    clock = Clock()
    auth = credentials(http, tokens, clock)
    await bearer(auth)
    clock.now += 3539
    assert await bearer(auth) == "t1"
    clock.now += 2
    assert await bearer(auth) == "t2"


async def test_a_token_without_an_end_is_kept_until_it_is_refused(http, tokens):
    del tokens.answer["expires_in"]
    clock = Clock()
    auth = credentials(http, tokens, clock)
    refused = await auth.headers()
    clock.now += 1e9
    assert await bearer(auth) == "t1"
    assert await auth.renew(refused)
    assert await bearer(auth) == "t2"
    # A late 401 to the old token does not throw the new one away.
    assert await auth.renew(refused)
    assert await bearer(auth) == "t2"


async def test_scope_and_audience_go_along_and_the_grant_is_named(http, tokens):
    await bearer(credentials(http, tokens, scope="a b", audience="https://m", auth_method="post"))
    assert tokens.forms == [
        {"grant_type": "client_credentials", "scope": "a b", "audience": "https://m",
         "client_id": "me", "client_secret": "hunter2"}
    ]  # fmt: skip


async def test_whoever_waits_takes_over_when_the_fetching_one_is_cancelled(http, tokens):
    tokens.delay = 0.2
    auth = credentials(http, tokens)
    first = asyncio.create_task(bearer(auth))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(bearer(auth))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).startswith("t")


@pytest.mark.parametrize(
    ("status", "answer", "kind", "code"),
    [
        (400, {"error": "invalid_grant"}, AuthError, "token_refused"),
        (401, {"error": "invalid_client", "error_description": "no"}, AuthError, "token_refused"),
        (401, "<html>Sign in", AuthError, "unauthorized"),
        (403, "no", AuthError, "forbidden"),
        (404, "no", Outage, "not_found"),
        (429, "slow down", Outage, "too_many_requests"),
        (500, "oops", Outage, "token_endpoint_failed"),
        (503, "later", Outage, "unavailable"),
        (302, "elsewhere", Outage, "redirected"),
        (200, "<html>Sign in", Outage, "token_malformed"),
        (200, "[]", Outage, "token_malformed"),
        (200, "{}", Outage, "token_malformed"),
        (200, {"access_token": 5}, Outage, "token_malformed"),
        (200, {"access_token": "a\nb"}, Outage, "token_malformed"),
        (200, {"token_type": "mac"}, AuthError, "token_type"),
        (200, {"expires_in": "soon"}, Outage, "token_malformed"),
        (200, {"expires_in": None}, None, None),
        (200, {"expires_in": "3600"}, None, None),
    ],
)
async def test_each_answer_of_a_token_endpoint(http, tokens, status, answer, kind, code):
    tokens.status = status
    tokens.answer = answer
    tokens.headers = {"retry-after": "7"}
    auth = credentials(http, tokens)
    if kind is None:
        assert await bearer(auth) == "t1"
        return
    with pytest.raises(kind) as caught:
        await bearer(auth)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)
    if status in (429, 500, 503):
        assert caught.value.after == 7.0


async def test_the_token_endpoint_is_behind_the_same_guard(tokens):
    async with HttpSession.open(loopback=False) as http:
        with pytest.raises(Outage) as caught:
            await bearer(credentials(http, tokens))
    assert caught.value.code == "address_forbidden"
    assert tokens.given == 0
