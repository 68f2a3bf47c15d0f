"""OAuth 2.0 client credentials against a certified provider (`oidc-provider`, Node.js)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey, RSAKey

from gateway.auth import ClientCredentialsAuth, authorizer
from gateway.demo.servers.process import Child, ServerError, free_port, port_open
from gateway.errors import AuthError, Outage, SecretError
from gateway.http import HttpSession
from tests.conftest import require

pytestmark = pytest.mark.oidc

HERE = Path(__file__).parent / "oidc"
LIFETIME = 60
SECRET = "first-secret-of-the-test-client-0123456789"
ROTATED = "second-secret-of-the-test-client-987654321"
RSA = RSAKey.generate_key(2048, parameters={"kid": "r1", "use": "sig", "alg": "RS256"})
EC = ECKey.generate_key("P-256", parameters={"kid": "e1", "use": "sig", "alg": "ES256"})


def clients(secret: str = SECRET):
    shared = {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
        "scope": "score",
    }
    keyed = {**shared, "token_endpoint_auth_method": "private_key_jwt"}
    return [
        {**shared, "client_id": "basic", "client_secret": secret},
        {
            **shared, "client_id": "post", "client_secret": secret,
            "token_endpoint_auth_method": "client_secret_post",
        },
        {**keyed, "client_id": "rsa", "jwks": {"keys": [RSA.as_dict(private=False)]}},
        {
            **keyed, "client_id": "ec", "jwks": {"keys": [EC.as_dict(private=False)]},
            "token_endpoint_auth_signing_alg": "ES256",
        },
    ]  # fmt: skip


def installed() -> Path:
    """The provider and what it needs, once for all runs with this lock file."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        require("oidc", "Node.js and npm are not installed.")
    lock = (HERE / "package-lock.json").read_bytes()
    home = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve() / "cache"
    folder = home / f"oidc-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        if done.returncode:
            require("oidc", f"npm could not install oidc-provider: {done.stderr[-300:]}")
        (folder / "complete").touch()
    shutil.copyfile(HERE / "server.mjs", folder / "server.mjs")
    return folder


async def started(lifetime: int, log: Path) -> tuple[Child, str]:
    folder = installed()
    for _ in range(3):
        port = free_port()
        settings = json.dumps({"port": port, "clients": clients(), "lifetime": lifetime})
        child = Child.start("oidc-provider", ["node", "server.mjs", settings], log=log, cwd=folder)
        try:
            await child.ready(lambda port=port: port_open(port), within_secs=30)
        except ServerError:
            child.kill()
            continue
        return child, f"http://127.0.0.1:{port}"
    pytest.fail(f"oidc-provider did not start: {log.read_text()[-500:]}")


class Provider:
    """The running provider, and a session to reach it by."""

    def __init__(self, url: str, http: HttpSession) -> None:
        self.url = url
        self.http = http
        self.before = 0

    def config(self, **more):
        settings = {
            "token_url": f"{self.url}/token",
            "client_id": "basic",
            "client_secret": "${env:OIDC_SECRET}",
            "scope": "score",
            **more,
        }
        return ClientCredentialsAuth.model_validate(
            {name: value for name, value in settings.items() if value is not None}
        )

    def auth(self, **more):
        return authorizer(self.config(**more), self.http.pool("tokens"))

    async def ask(self, auth):
        return await self.http.request("GET", f"{self.url}/resource", auth=auth)

    async def issued(self) -> int:
        """How many tokens were given out in this test."""
        return int((await self.http.request("GET", f"{self.url}/issued")).body) - self.before

    async def rotate(self, secret: str) -> None:
        body = json.dumps(clients(secret)).encode()
        assert (await self.http.request("PUT", f"{self.url}/clients", body=body)).status == 200

    async def forget(self) -> None:
        """Drop every token that was given out, as a restart or a revocation would."""
        await self.http.request("POST", f"{self.url}/forget")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    child, url = asyncio.run(started(LIFETIME, tmp_path_factory.mktemp("oidc") / "oidc.log"))
    yield url
    child.kill()


@pytest_asyncio.fixture
async def provider(running, monkeypatch):
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    async with HttpSession.open() as http:
        fresh = Provider(running, http)
        await fresh.rotate(SECRET)
        await fresh.forget()
        fresh.before = await fresh.issued()
        yield fresh


@pytest.mark.parametrize("method", ["basic", "post"])
async def test_a_secret_gets_a_token_that_works(provider, method):
    answer = await provider.ask(provider.auth(client_id=method, auth_method=method))
    assert (answer.status, answer.json()) == (200, {"client": method, "scope": "score"})


@pytest.mark.parametrize("method", ["basic", "post"])
async def test_a_secret_of_any_characters_arrives(provider, monkeypatch, method):
    secret = "a+b/c==%41 :&~" * 3
    await provider.rotate(secret)
    monkeypatch.setenv("OIDC_SECRET", secret)
    answer = await provider.ask(provider.auth(client_id=method, auth_method=method))
    assert answer.status == 200


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("key", [RSA, EC], ids=["rsa", "ec"])
async def test_a_private_key_gets_a_token_that_works(provider, tmp_path, form, key):
    path = tmp_path / "key"
    jwk = json.dumps(key.as_dict(private=True)).encode()
    path.write_bytes(key.as_pem(private=True) if form == "pem" else jwk)
    client = "rsa" if key is RSA else "ec"
    auth = provider.auth(
        client_id=client, client_secret=None, private_key=f"${{file:{path}}}",
        auth_method="private_key_jwt", signing_algorithm=key.get("alg"), key_id=key.kid,
        assertion_audience=provider.url,
    )  # fmt: skip
    answer = await provider.ask(auth)
    assert (answer.status, answer.json()["client"]) == (200, client)


async def test_many_requests_share_one_token(provider):
    auth = provider.auth()
    answers = await asyncio.gather(*(provider.ask(auth) for _ in range(25)))
    assert {answer.status for answer in answers} == {200}
    assert await provider.issued() == 1


async def test_a_token_that_was_dropped_is_fetched_once_more_for_all(provider):
    auth = provider.auth()
    await provider.ask(auth)
    await provider.forget()
    answers = await asyncio.gather(*(provider.ask(auth) for _ in range(25)))
    assert {answer.status for answer in answers} == {200}
    assert await provider.issued() == 2


async def test_the_httpx2_face_renews_as_well(provider):
    auth = provider.auth()
    async with provider.http.client(base_url=provider.url, auth=auth) as client:
        assert (await client.get("/resource")).status_code == 200
        await provider.forget()
        assert (await client.get("/resource")).status_code == 200
    assert await provider.issued() == 2


async def test_a_short_token_is_renewed_before_it_ends(provider, tmp_path):
    child, url = await started(1, tmp_path / "short.log")
    try:
        short = Provider(url, provider.http)
        auth = short.auth()
        until = asyncio.get_running_loop().time() + 2.5
        while asyncio.get_running_loop().time() < until:
            assert (await short.ask(auth)).status == 200
            await asyncio.sleep(0.05)
        assert await short.issued() >= 3
    finally:
        child.kill()


async def test_a_rotated_secret_is_read_again_after_a_401(provider, tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    auth = provider.auth(client_secret=f"${{file:{path}}}")
    assert (await provider.ask(auth)).status == 200
    await provider.rotate(ROTATED)
    await provider.forget()
    with pytest.raises(AuthError) as caught:
        await provider.ask(auth)
    assert caught.value.code == "token_refused"
    assert "invalid_client" in str(caught.value)
    path.write_text(ROTATED + "\n")
    assert (await provider.ask(auth)).status == 200


@pytest.mark.parametrize("method", ["basic", "post"])
@pytest.mark.parametrize(("client", "secret"), [("nobody", SECRET), (None, ROTATED)])
async def test_what_the_provider_refuses_is_said_without_the_secret(
    provider, monkeypatch, method, client, secret
):
    monkeypatch.setenv("OIDC_SECRET", secret)
    with pytest.raises(AuthError) as caught:
        await provider.ask(provider.auth(client_id=client or method, auth_method=method))
    assert caught.value.code == "token_refused"
    assert secret not in str(caught.value)
    assert provider.url.removeprefix("http://") in str(caught.value)


async def test_a_token_url_that_is_none_is_an_outage(provider):
    with pytest.raises(Outage) as caught:
        await provider.ask(provider.auth(token_url=f"{provider.url}/nowhere"))
    assert caught.value.code == "not_found"


async def test_a_secret_that_is_none_is_named(provider, monkeypatch):
    monkeypatch.delenv("OIDC_SECRET")
    with pytest.raises(SecretError, match="OIDC_SECRET"):
        await provider.ask(provider.auth())


async def test_a_key_that_is_none_is_named_and_not_shown(provider, monkeypatch):
    monkeypatch.setenv("OIDC_KEY", "-----BEGIN hunter2-----")
    auth = provider.auth(
        client_id="rsa", client_secret=None, private_key="${env:OIDC_KEY}",
        auth_method="private_key_jwt",
    )  # fmt: skip
    with pytest.raises(SecretError) as caught:
        await provider.ask(auth)
    assert "OIDC_KEY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
