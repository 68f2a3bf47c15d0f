"""Rubbish at the HTTP surface: every answer is of the one shape, the gateway goes on, and what is
on the log and among the letters is as it was."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bad_input.commands import write_project
from tests.bad_input.conftest import SECRET
from tests.bad_input.documented import documented
from tests.unit.cli.running import Gateway

ROWS = '{"id": 1, "name": "Ann"}\n{"id": 2, "name": 7}\n{"id": 3, "name": "Cem"}\n'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = write_project(tmp_path_factory.mktemp("api") / "project")
    (folder / "customers.jsonl").write_text(ROWS)
    with Gateway(folder) as running:
        with httpx2.Client(base_url=running.url) as client:
            while client.get("/v1/status").json()["routes"][0]["tally"]["delivered"] != 2:
                time.sleep(0.02)
        yield running
        code, _, err = running.stop()
        assert code == 0
        assert "Traceback" not in err
        assert SECRET not in err
        # What nobody foresaw is an event of this name.
        assert '"part": "api"' not in err


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=gateway.url, timeout=10) as client:
        before = state(client)
        yield client
        assert state(client) == before


def state(client: httpx2.Client) -> Any:
    told = client.get("/v1/status").json()
    return told["log_end"], told["letters"], [each["tally"] for each in told["routes"]]


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()["error"]
    assert told.keys() == {"code", "message", "mend"}
    assert told["message"]
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text
    return told


BODIES = [
    ("a body that is not JSON", b"{", {}),
    ("a body that is not JSON", b"\xff\xfe\x00", {}),
    ("no body where one is needed", b"", {}),
    ("a body that is not JSON", b"[" * 100_000, {}),
    ("a body of other JSON than was asked for", b"[]", {}),
    ("a body of other JSON than was asked for", b'"all"', {}),
    ("a body of other JSON than was asked for", b"null", {}),
    ("a body with a member that nobody knows", b'{"al": true}', {}),
    ("a body with a value of a wrong type", b'{"all": "yes, please"}', {}),
    ("a body with a value of a wrong type", b'{"filter": {"ids": "x"}}', {}),
    ("a body with a value of a wrong type", b'{"filter": {"since": "yesterday"}}', {}),
    ("a body with a value of a wrong type", b'{"filter": {"key": "a\\u0000b"}}', {}),
    ("a body that names nothing", b"{}", {}),
    ("a body of 2 MB", b'{"all": "' + b"x" * (2 << 20) + b'"}', {}),
    ("a body of another media type", b"all=true", {"content-type": "text/plain"}),
    ("a body of another media type", b"<all/>", {"content-type": "application/xml"}),
]


@pytest.mark.parametrize(
    ("name", "body", "headers"), BODIES, ids=[f"{n}-{name}" for n, (name, *_) in enumerate(BODIES)]
)
def test_a_body_that_is_none(
    client: httpx2.Client, name: str, body: bytes, headers: dict[str, str]
) -> None:
    for path in ("/v1/deadletters/replay", "/v1/deadletters/discard"):
        answer = client.post(
            path, content=body, headers={"content-type": "application/json", **headers}
        )
        told = error_of(answer)
        if path.endswith("replay"):
            documented(name, seen=told["message"], ends=str(answer.status_code))


QUERIES = [
    ("a query parameter that nobody knows", "/v1/deadletters?sourse=crm"),
    ("a query parameter of a wrong type", "/v1/deadletters?limit=many"),
    ("a query parameter of a wrong type", "/v1/deadletters?limit=-1"),
    ("a query parameter of a wrong type", "/v1/deadletters?limit=99999999999999999999"),
    ("a query parameter of a wrong type", "/v1/deadletters?since=yesterday"),
    ("a query parameter of a wrong type", "/v1/deadletters?state=opn"),
    ("a query parameter of a wrong type", "/v1/deadletters?key=a%00b"),
    ("a query parameter of a wrong type", "/v1/records?after=-1"),
    ("a query parameter of a wrong type", "/v1/records?after=1e400"),
    ("a query parameter of a wrong type", f"/v1/deadletters?key={'k' * 5_000}"),
    ("an id that there is none of", "/v1/deadletters/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("an id that there is none of", "/v1/deadletters/' OR 1=1 --"),
    ("an id that there is none of", "/v1/deadletters/%00"),
    ("an id that there is none of", "/v1/deadletters/..%2f..%2fetc%2fpasswd/raw"),
    ("an id that there is none of", "/v1/drifts/nothing"),
    ("a place that there is none of", "/v1/nothing"),
    ("a place that there is none of", "/v1/../../etc/passwd"),
    ("a place that there is none of", "/static/../app.py"),
    ("a place that there is none of", "/static/%2e%2e/app.py"),
]


@pytest.mark.parametrize(
    ("name", "path"), QUERIES, ids=[f"{n}-{name}" for n, (name, _) in enumerate(QUERIES)]
)
def test_a_question_that_makes_no_sense(client: httpx2.Client, name: str, path: str) -> None:
    answer = client.get(path)
    told = error_of(answer)
    documented(name, seen=told["message"], ends=str(answer.status_code))


SQLISH = [
    "' OR '1'='1", "'; DROP TABLE letter; --", "%", "_", "\\", '"', "1 UNION SELECT raw FROM letter",
    "\u202e", "\U0001f600", "${jndi:ldap://x}", "{{7*7}}", "../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("text", SQLISH)
def test_strings_like_sql_are_strings(client: httpx2.Client, text: str) -> None:
    for name in ("source", "stream", "route", "contract", "code", "fingerprint", "key", "text"):
        answer = client.get("/v1/deadletters", params={name: text, "state": "any"})
        assert answer.status_code == 200, answer.text
        found = answer.json()["total"]
        assert found == (
            1 if name == "text" and text in ("_", "%", "\\", '"') and _in(client, text) else 0
        ), name
        page = client.get("/letters", params={name: text}, headers={"accept": "text/html"})
        assert page.status_code < 500
        assert "<script>alert" not in page.text
    answer = client.get("/v1/records", params={"contract": text})
    assert answer.status_code in (200, 404, 422)


def _in(client: httpx2.Client, text: str) -> bool:
    (letter,) = client.get("/v1/deadletters", params={"state": "any"}).json()["letters"]
    return text in letter["code"] + letter["detail"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW", "POST"])
@pytest.mark.parametrize("path", ["/v1/status", "/v1/deadletters", "/healthz", "/metrics"])
def test_a_method_that_is_not_possible(client: httpx2.Client, method: str, path: str) -> None:
    if method == "CONNECT":
        return  # It names a host, not a path: among the rubbish below.
    answer = client.request(method, path)
    told = error_of(answer)
    documented("a method that is not possible", seen=told["message"], ends=str(answer.status_code))


RUBBISH = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /v1/status\r\n\r\n",
    b"GET  /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n",
    b"GET http://example.com/ HTTP/1.1\r\nhost: example.com\r\n\r\n",
    b"POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    b"POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999\r\n\r\n",
    (
        b"POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    b"POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0" * 1_000,
    b"\r\n" * 1_000,
]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_on_the_port_is_refused_and_the_next_is_served(
    gateway: Gateway, client: httpx2.Client, rubbish: bytes
) -> None:
    port = int(gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                answer += chunk
        except OSError:
            pass
    if answer:
        status = re.match(rb"HTTP/1\.\d (\d+)", answer)
        assert status is not None
        assert int(status[1]) in (400, 404, 405, 408, 413, 414, 421, 431, 505), answer[:500]
    assert client.get("/healthz").status_code == 200
    documented("rubbish on the port", ends="refused")


def test_connections_that_say_nothing_keep_nobody_out(
    gateway: Gateway, client: httpx2.Client
) -> None:
    port = int(gateway.url.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(200)]
    try:
        for connection in silent[:100]:
            connection.sendall(b"POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-le")
        assert client.get("/readyz").status_code == 200
    finally:
        for connection in silent:
            connection.close()


CURSORS = [7, [], "x", {"files": 7}, {"a": {"b": [1, 2]}}]


def test_a_cursor_that_is_none_is_refused_or_waits_and_can_be_set_right(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "customers.jsonl").write_text(ROWS)
    with Gateway(folder) as gateway, httpx2.Client(base_url=gateway.url, timeout=10) as client:
        place = "/v1/streams/crm/customers/cursor"
        for cursor in CURSORS:
            answer = client.post(place, json={"cursor": cursor})
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                error_of(answer)
            assert client.post(place, json={"cursor": None}).status_code < 300
        while client.get("/v1/status").json()["streams"][0]["state"] != "caught_up":
            time.sleep(0.02)
        code, _, err = gateway.stop()
    assert code == 0
    assert "Traceback" not in err
