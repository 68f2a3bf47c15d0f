from __future__ import annotations

import asyncio
import signal
import socket

import httpx2
import pytest

from gateway.api.app import create_app
from gateway.api.auth import Keyring
from gateway.api.serve import address, check_exposure, listen, serving
from gateway.errors import ConfigError
from tests.unit.api.test_auth import OPERATE, keys


async def test_serves_until_the_block_ends_and_leaves_signals_alone(app):
    before = signal.getsignal(signal.SIGTERM)
    async with serving(app, "127.0.0.1", 0) as url:
        assert signal.getsignal(signal.SIGTERM) is before
        async with httpx2.AsyncClient(base_url=url) as client:
            said = await client.get("/healthz")
            assert said.json() == {"status": "ok"}
            assert "server" not in said.headers
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/healthz")


async def test_a_follower_does_not_keep_the_gateway_from_stopping(app):
    async with serving(app, "127.0.0.1", 0, drain_secs=60) as url:
        client = httpx2.AsyncClient(base_url=url, timeout=20)
        request = client.build_request(
            "GET", "/v1/records", headers={"Accept": "text/event-stream", "Last-Event-ID": "23"}
        )
        said = await client.send(request, stream=True)
        assert said.headers["content-type"].startswith("text/event-stream")
        lines = said.aiter_lines()
        ids = []
        while len(ids) < 2:
            line = await anext(lines)
            if line.startswith("id: "):
                ids.append(line)
        assert ids == ["id: 24", "id: 25"]
    assert "event: closing" in [line async for line in lines]
    await client.aclose()


async def test_port_in_use(app):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as told:
            async with serving(app, "127.0.0.1", port):
                pass
    assert told.value.code == "port_in_use"
    assert f"Port {port} is in use" in str(told.value)
    assert "--port" in str(told.value)


def test_addresses_that_cannot_be_listened_on():
    with pytest.raises(ConfigError) as told:
        listen("no.such.host.invalid", 0)
    assert "api.host" in str(told.value)
    with pytest.raises(ConfigError) as told:
        listen("192.0.2.1", 0)
    assert told.value.code == "address_unusable"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "gateway.lan"])
async def test_off_loopback_needs_keys(app, host):
    with pytest.raises(ConfigError) as told:
        async with serving(app, host, 0):
            pass
    assert told.value.code == "auth_missing"
    assert "api.keys" in str(told.value)


async def test_off_loopback_with_keys(world, monkeypatch):
    monkeypatch.setenv("OPERATE_KEY", OPERATE)
    keyring = Keyring(keys(("ops", "${env:OPERATE_KEY}", "operator")))
    check_exposure("0.0.0.0", has_keys=True)
    app = create_app(world, version="1", keyring=keyring)
    async with serving(app, "127.0.0.1", 0) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.get("/v1/status")).status_code == 401


def test_address_is_one_to_open():
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::1", 8400) == "http://[::1]:8400"
    assert address("::", 1) == "http://[::1]:1"
    assert address("gateway.lan", 1) == "http://gateway.lan:1"


async def test_cancelled_while_serving_stops(app):
    async def forever():
        async with serving(app, "127.0.0.1", 0):
            await asyncio.sleep(3600)

    task = asyncio.create_task(forever())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
