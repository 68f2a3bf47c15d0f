"""The two faces of the session against servers that fail in one way each."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import struct
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.demo.servers.process import free_port
from gateway.errors import Ambiguous, ConfigError, HeadraceError, Outage, Refusal, Unanswered
from gateway.http import HttpSession
from tests.local_server import read_request, serve, serve_raw

SOON = 0.4


@pytest_asyncio.fixture
async def http():
    async with HttpSession.open() as session:
        yield session


@pytest.fixture(params=["direct", "client"])
def post(request, http):
    """One POST through either face; both must agree on what a failure is."""

    async def direct(url, body=b"x", **more):
        answer = await http.post(url, body, **{"timeout_secs": 5.0, **more})
        return answer.status, answer.body

    async def client(url, body=b"x", *, headers=None, timeout_secs=5.0, **more):
        async with http.client(timeout_secs=timeout_secs, **more) as face:
            answer = await face.post(url, content=body, headers=headers)
            return answer.status_code, answer.content

    return direct if request.param == "direct" else client


async def failure(awaitable):
    with pytest.raises(HeadraceError) as caught:
        await awaitable
    assert "hunter2" not in str(caught.value)
    return type(caught.value), caught.value.code


async def test_both_faces_send_and_read(post):
    async def echo(request):
        return web.Response(status=203, body=await request.read() + b"!")

    async with serve(echo) as url:
        assert await post(url, b"hello") == (203, b"hello!")


async def test_a_folded_answer_is_unfolded(post):
    async def folded(request):
        assert request.headers["accept-encoding"] == "gzip, deflate"
        return web.Response(body=gzip.compress(b"hello"), headers={"content-encoding": "gzip"})

    async with serve(folded) as url:
        assert await post(url) == (200, b"hello")


async def test_nobody_listens(post):
    url = f"http://127.0.0.1:{free_port()}/?key=hunter2"
    assert await failure(post(url)) == (Outage, "unreachable")


async def test_a_name_that_is_none(post):
    assert await failure(post("http://no-such-host.invalid/")) == (Outage, "dns_failed")


async def test_an_answer_that_never_comes(post):
    async def silent(reader, writer):
        await read_request(reader)
        await asyncio.sleep(30)

    async with serve_raw(silent) as url:
        assert await failure(post(url, timeout_secs=SOON)) == (Unanswered, "answer_timeout")


async def test_a_connection_that_is_never_taken(post):
    # A listener whose queue is full answers no handshake, as a host behind a silent firewall.
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            assert await failure(post(url, timeout_secs=SOON)) == (Outage, "connect_timeout")
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_lost_before_the_answer(post, reset):
    async def gone(reader, writer):
        await read_request(reader)
        if reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: RST on close

    async with serve_raw(gone) as url:
        assert await failure(post(url)) == (Unanswered, "connection_lost")


async def test_a_body_cut_short(post):
    async def short(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
        await writer.drain()

    async with serve_raw(short) as url:
        assert await failure(post(url)) == (Unanswered, "body_cut_short")


async def test_a_chunked_body_cut_short(post):
    async def short(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()

    async with serve_raw(short) as url:
        assert await failure(post(url)) == (Unanswered, "body_cut_short")


async def test_something_that_is_not_http(post):
    async def other(reader, writer):
        await read_request(reader)
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with serve_raw(other) as url:
        assert await failure(post(url)) == (Ambiguous, "http_malformed")


async def test_a_url_that_cannot_be_used(post):
    assert await failure(post("ftp://a.example/")) == (ConfigError, "url_invalid")
    assert await failure(post("http://u:hunter2@a.example/")) == (ConfigError, "url_invalid")


async def test_a_header_that_cannot_be_sent(post):
    async def never(request):
        raise AssertionError

    async with serve(never) as url:
        got = await failure(post(url, headers={"idempotency-key": "a\r\nx: b"}))
        assert got == (Refusal, "header_invalid")


async def test_a_post_is_never_redirected(http):
    async def elsewhere(request):
        if request.path == "/new":
            raise AssertionError
        return web.Response(status=307, headers={"location": "/new"})

    async with serve(elsewhere) as url:
        assert (await http.post(url, b"x")).status == 307
        async with http.client() as client:
            assert await failure(client.post(url, content=b"x")) == (Outage, "redirected")


async def test_a_get_follows_on_its_own_host_alone(http):
    async def somewhere(request):
        match request.path:
            case "/here":
                return web.Response(status=302, headers={"location": "there"})
            case "/there":
                return web.Response(text="found")
            case "/circle":
                return web.Response(status=302, headers={"location": "/circle"})
            case "/nowhere":
                return web.Response(status=302)
            case _:
                return web.Response(status=302, headers={"location": "http://other.example/"})

    async with serve(somewhere) as url, http.client(base_url=url) as client:
        assert (await client.get("/here")).text == "found"
        for path in ("/circle", "/nowhere", "/away"):
            assert await failure(client.get(path)) == (Outage, "redirected")


async def test_an_idle_connection_closed_by_the_server_costs_nothing(http):
    """The server takes a second request on a kept connection and closes without an answer."""
    connections = 0

    async def one_each(reader, writer):
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await read_request(reader)

    async with serve_raw(one_each) as url:
        assert (await http.post(url, b"1")).body == b"ok"
        assert (await http.post(url, b"2")).body == b"ok"
        assert connections == 2


async def test_pools_do_not_take_each_others_connections(http):
    release = asyncio.Event()

    async def slow(request):
        if request.path == "/slow":
            await release.wait()
        return web.Response()

    async with serve(slow) as url:
        mine, other = http.pool("mine", limit=1), http.pool("other", limit=1)
        assert http.pool("mine") is mine
        waiting = asyncio.create_task(mine.post(url + "/slow", b""))
        await asyncio.sleep(0.05)
        assert (await other.post(url + "/quick", b"")).status == 200
        # No connection of our own is free: nothing was sent.
        assert await failure(mine.post(url, b"", timeout_secs=SOON)) == (Outage, "connect_timeout")
        release.set()
        assert (await waiting).status == 200


async def test_cookies_and_proxies_are_not_shared(http, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    seen = []

    async def setting(request):
        seen.append(request.headers.get("cookie"))
        return web.Response(headers={"set-cookie": "session=hunter2; Path=/"})

    async with serve(setting) as base:
        url = base.replace("127.0.0.1", "localhost")
        await http.post(url, b"")
        async with http.client() as client:
            await client.get(url)
            await client.get(url)
        async with http.client() as client:
            await client.get(url)
        await http.post(url, b"")
    assert seen == [None, None, "session=hunter2", None, None]


async def test_query_strings_go_out_as_they_were_written(http):
    seen = []

    async def note(request):
        seen.append(request.raw_path)
        return web.Response()

    async with serve(note) as url:
        await http.post(url + "/a%2Fb?f=x%20eq%201%2B1&g=%26", b"")
        async with http.client() as client:
            await client.get(url + "/a%2Fb?f=x%20eq%201%2B1&g=%26")
    assert seen == ["/a%2Fb?f=x%20eq%201%2B1&g=%26"] * 2


async def test_an_echo_of_our_credentials_is_blotted_out(http):
    class Fixed:
        async def headers(self):
            return {"authorization": "Bearer hunter2"}

        async def renew(self, refused):
            return False

    async def echo(request):
        return web.Response(status=400, text=f"bad token {request.headers['authorization']}")

    async with serve(echo) as url:
        answer = await http.post(url, b"", auth=Fixed())
    assert answer.body == b"bad token ***"


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost and its key: two PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


async def test_certificates_are_verified_and_an_authority_can_be_added(http, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def hello(request):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_route("*", "/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        url = f"https://localhost:{runner.addresses[0][1]}/"
        assert await failure(http.post(url, b"")) == (Outage, "tls_untrusted")
        async with http.client() as client:
            assert await failure(client.get(url)) == (Outage, "tls_untrusted")
        trusting = http.pool("trusting", ca_file=certificate[0])
        assert (await trusting.post(url, b"")).body == b"hello"
        async with trusting.client() as client:
            assert (await client.get(url)).text == "hello"
        # The name is verified too.
        wrong = url.replace("localhost", "127.0.0.1")
        assert await failure(trusting.post(wrong, b"")) == (Outage, "tls_untrusted")
        plain = url.replace("https", "http")
        assert (await failure(trusting.post(plain, b"")))[0] is Unanswered
    finally:
        await runner.cleanup()


async def test_an_authority_that_cannot_be_read_is_a_config_error(http, tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(ConfigError, match="certificates"):
            http.pool(name, ca_file=tmp_path / name)


async def test_a_stream_of_bytes_can_be_sent_and_read(http):
    async def echo(request):
        return web.Response(body=await request.read())

    async def pieces():
        yield b"one"
        yield b"two"

    async with serve(echo) as url, http.client() as client:
        async with client.stream("POST", url, content=pieces()) as response:
            assert b"".join([piece async for piece in response.aiter_bytes()]) == b"onetwo"
        assert isinstance(response, httpx2.Response)
