"""Attacks on what goes out: by address, by name, by redirect, by body, by header, by time.

Wherever an attack is meant to reach a place it must not, a listener stands there and must see no
connection at all: an error after the fact would be too late.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import tracemalloc
import zlib
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web

from gateway.auth import ClientCredentialsAuth, authorizer
from gateway.errors import Ambiguous, ConfigError, HeadraceError, Outage, Refusal
from gateway.http import HttpSession
from tests.local_server import read_request, serve, serve_raw


class Names:
    """A resolver under the attacker's hand: each look-up gets the next answer."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            {
                "hostname": host, "host": address, "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0, "flags": 0,
            }
            for address in answer
        ]  # fmt: skip

    async def close(self):
        pass


@asynccontextmanager
async def trap():
    """A listener on loopback that counts every connection; yields its port and the count."""
    hits = []

    async def hit(reader, writer):
        hits.append(1)
        with contextlib.suppress(Exception):
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            await writer.drain()

    async with serve_raw(hit) as url:
        yield int(url.rpartition(":")[2]), hits


@pytest_asyncio.fixture
async def http():
    async with HttpSession.open() as session:
        yield session


@pytest_asyncio.fixture
async def strict():
    """A session that may not even reach loopback, so that a trap can stand there."""
    async with HttpSession.open(loopback=False) as session:
        yield session


@pytest.fixture(params=["direct", "client"])
def ask(request):
    """One request by either face; raises the gateway's error."""

    async def direct(session, url, **more):
        return (await session.post(url, b"x", **{"timeout_secs": 5.0, **more})).body

    async def client(session, url, *, timeout_secs=5.0, headers=None, **more):
        async with session.client(timeout_secs=timeout_secs, **more) as face:
            return (await face.post(url, content=b"x", headers=headers)).content

    return direct if request.param == "direct" else client


async def code_of(awaitable, *kinds):
    with pytest.raises(HeadraceError) as caught:
        await awaitable
    assert isinstance(caught.value, kinds or (Outage, ConfigError))
    return caught.value.code


INTERNAL = [
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "168.63.129.16",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.192",
    "[::]", "[fe80::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]",
    "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]", "[0:0:0:0:0:ffff:10.0.0.1]", "[::10.0.0.1]",
    "[::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]", "[2002:7f00:1::1]", "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
]  # fmt: skip


@pytest.mark.parametrize("host", INTERNAL)
async def test_an_internal_address_is_not_dialled(http, ask, host):
    assert await code_of(ask(http, f"http://{host}/latest/meta-data/")) == "address_forbidden"


ODD = [
    "2130706433", "017700000001", "0x7f000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1",
    "127.000.000.001", "00000127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.",
    "[::1]", "localhost", "LOCALHOST", "localhost.", "１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", ODD)
async def test_an_odd_spelling_of_loopback_does_not_get_through(strict, ask, host):
    async with trap() as (port, hits):
        await code_of(ask(strict, f"http://{host}:{port}/"), Outage, ConfigError)
    assert hits == []


async def test_a_name_is_judged_by_where_it_leads(ask):
    async with (
        trap() as (port, hits),
        HttpSession.open(loopback=False, resolver=Names(["127.0.0.1"])) as session,
    ):
        code = await code_of(ask(session, f"http://good.example:{port}/"))
    assert (code, hits) == ("address_forbidden", [])


async def test_every_address_of_a_name_must_be_good_to_be_dialled(ask):
    # The public one is a documentation address that the guard was told to allow: nobody answers.
    names = Names(["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"])
    async with (
        trap() as (port, hits),
        HttpSession.open(loopback=False, allow=["192.0.2.0/24"], resolver=names) as session,
    ):
        code = await code_of(ask(session, f"http://mixed.example:{port}/"))
    assert (code, hits) == ("address_forbidden", [])


async def test_a_name_that_leads_elsewhere_the_second_time_is_judged_again(ask, monkeypatch):
    """DNS rebinding: good while it is looked at, internal when it is used."""
    monkeypatch.setattr("gateway.http.wire.DNS_TTL_SECS", 0)
    names = Names(["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"])

    async def once(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood")
        await writer.drain()

    async with serve_raw(once) as url, HttpSession.open(resolver=names) as session:
        rebound = url.replace("127.0.0.1", "rebind.example")
        assert await ask(session, rebound) == b"good"
        assert await code_of(ask(session, rebound)) == "address_forbidden"
        assert await code_of(ask(session, rebound)) == "address_forbidden"
    # One look-up a connection: what was judged is what was dialled, there is no second question.
    assert names.asked == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/",
        "http://2130706433:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
        "http://user:pass@127.0.0.1:{port}/", "HTTP://127.0.0.1:{port}", "\\\\127.0.0.1:{port}\\",
        "http://169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x",
        "javascript:alert(1)", "http://", "\u0000", "http://[",
    ],
)  # fmt: skip
async def test_a_redirect_leads_nowhere_else(http, method, status, target):
    async with trap() as (port, hits):
        location = target.format(port=port).replace("\u0000", "%00%0d%0a")

        async def redirect(request):
            if request.path != "/":
                return web.Response(text="still here")
            return web.Response(status=status, headers={"location": location})

        async with serve(redirect) as url:
            answer = await http.request(method, url + "/")
            assert answer.status == status
            async with http.client() as client:
                with contextlib.suppress(Outage):
                    seen = await client.request(method, url + "/")
                    # Some of these are paths of the same host when they are read as RFC 3986 says.
                    assert seen.url.port == int(url.rpartition(":")[2])
    assert hits == []


async def test_credentials_do_not_follow_a_redirect(http, monkeypatch):
    monkeypatch.setenv("KEY", "hunter2")
    async with trap() as (port, hits):

        async def redirect(request):
            return web.Response(status=302, headers={"location": f"http://127.0.0.1:{port}/"})

        async with serve(redirect) as url:
            config = ClientCredentialsAuth(
                token_url=url + "/token", client_id="me", client_secret="${env:KEY}"
            )
            auth = authorizer(config, http.pool("a"))
            with pytest.raises(Outage) as caught:
                await http.post(url, b"x", auth=auth)
    assert caught.value.code == "redirected"
    assert hits == []


BOMB = 64 << 20


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_decompression_bomb_is_cut_off_early(http, ask, encoding, chunked):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = pack(b"\0" * BOMB)

    async def bomb(request):
        response = web.StreamResponse(headers={"content-encoding": encoding})
        if not chunked:
            response.content_length = len(body)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), 4096):
                await response.write(body[start : start + 4096])
        return response

    async with serve(bomb) as url:
        tracemalloc.start()
        try:
            asked = ask(http, url, max_response_bytes=1 << 20)
            assert await code_of(asked, Ambiguous) == "answer_too_large"
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 16 << 20


async def test_a_bomb_in_an_encoding_nobody_asked_for_is_not_opened(http, ask):
    async def bomb(request):
        return web.Response(body=b"\x1b" * 100, headers={"content-encoding": "br"})

    async with serve(bomb) as url:
        assert await code_of(ask(http, url), Ambiguous) == "encoding_unknown"


async def test_a_bomb_in_a_bomb_is_not_opened(http, ask):
    async def bomb(request):
        body = gzip.compress(gzip.compress(b"\0" * 1000))
        return web.Response(body=body, headers={"content-encoding": "gzip, gzip"})

    async with serve(bomb) as url:
        assert await code_of(ask(http, url), Ambiguous) == "encoding_unknown"


async def test_an_endless_body_is_cut_off(http, ask):
    async def endless(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serve_raw(endless) as url:
        asked = ask(http, url, max_response_bytes=1 << 20)
        assert await code_of(asked, Ambiguous) == "answer_too_large"


@pytest.mark.parametrize("where", ["head", "body", "chunks"])
async def test_a_slow_drip_does_not_outlast_the_one_deadline(http, ask, where):
    """One byte now and then keeps every time-out alive that counts from the last byte."""

    async def drip(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            writer.write(b"Content-Length: 100000\r\n\r\n")
        elif where == "chunks":
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write({"head": b"X-A: 1\r\n", "body": b"x", "chunks": b"1\r\nx\r\n"}[where])
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serve_raw(drip) as url:
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await code_of(ask(http, url, timeout_secs=0.5), Ambiguous) == "answer_timeout"
        # Not a measurement: without the deadline this would go on for ever.
        assert loop.time() - started < 10


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 200_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % i for i in range(50_000)),
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"bad header line\r\n",
        b"X-\x00: a\r\n",
    ],
    ids=["long", "many", "negative", "two-lengths", "smuggling", "no-colon", "nul"],
)
async def test_a_head_that_cannot_be_right_is_an_error_and_nothing_more(http, ask, head):
    async def odd(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nhello")
        await writer.drain()

    async with serve_raw(odd) as url:
        code = await code_of(ask(http, url), Ambiguous)
    assert code in ("http_malformed", "connection_lost", "body_cut_short")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-a", "b\r\nx-evil: 1"), ("x-a", "b\nx-evil: 1"), ("x-a", "b\r\n\r\nGET / HTTP/1.1"),
        ("x-a", "b\x00"), ("x-a\r\nx-evil", "1"), ("x-a: 1\r\nx-evil", "1"),
        ("host", "evil.example"), ("content-length", "0"), ("transfer-encoding", "chunked"),
    ],
)  # fmt: skip
async def test_a_value_cannot_become_another_header(http, name, value):
    async with trap() as (port, hits):
        asked = http.post(f"http://127.0.0.1:{port}/", b"x", headers={name: value})
        assert await code_of(asked, Refusal) == "header_invalid"
    assert hits == []


@pytest.mark.parametrize("value", ["b\r\nx-evil: 1", "b\nx-evil: 1", "b\x00"])
async def test_nor_through_the_httpx2_face(http, value):
    async with trap() as (port, hits), http.client() as client:
        asked = client.get(f"http://127.0.0.1:{port}/", headers={"x-a": value})
        assert await code_of(asked, Refusal) == "header_invalid"
    assert hits == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/\r\nx-evil: 1", "http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: b",
        "http://127.0.0.1:{port}\\@good.example/", "http://good.example@127.0.0.1:{port}/",
        "http://good.example:x@127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/",
        "http+unix://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "\thttp://127.0.0.1:{port}/",
    ],
)  # fmt: skip
async def test_a_url_cannot_say_two_things(http, url):
    async with trap() as (port, hits):
        assert await code_of(http.post(url.format(port=port), b""), ConfigError) == "url_invalid"
    assert hits == []


async def test_the_environment_cannot_turn_requests_aside(http, monkeypatch, tmp_path):
    """Proxies and .netrc of the environment would be a way round the guard."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with trap() as (port, hits):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")

        async def note(request):
            return web.Response(text=str("authorization" in request.headers))

        async with serve(note) as url:
            assert (await http.post(url, b"")).body == b"False"
            async with http.client() as client:
                assert (await client.get(url)).text == "False"
    assert hits == []
