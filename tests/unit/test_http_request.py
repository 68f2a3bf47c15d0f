from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, Refusal
from gateway.http.request import check_headers, check_url, header_value, host_of


@pytest.mark.parametrize(
    "url",
    [
        "http://a/",
        "https://a.example:8443/x?y=z%20",
        "http://[::1]:80",
        "http://10.0.0.1",
        "http://1a/",
    ],
)
def test_absolute_web_addresses_are_good(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "/x", "//a/x", "ftp://a/", "file:///etc/passwd", "gopher://a", "http://",
        "http:///x", "http://u:p@a/", "http://u@a/", "http://:p@a/", "http://a/\r\nHost: b",
        "http://a /", "http://a\\@b/", "http://a:99999/", "http://[::1/", "http://a/\x00",
        "unix:/var/run/docker.sock", "javascript:alert(1)",
        "http://2130706433/", "http://127.1/", "http://0177.0.0.1/", "http://1.2.3.256/",
        "http://1.2.3.4.5/", "http://127.000.000.001/", "http://１.2.3.４/", "http://a.1/",
    ],
)  # fmt: skip
def test_everything_else_is_a_config_error(url):
    with pytest.raises(ConfigError):
        check_url(url)


def test_the_error_shows_neither_credentials_nor_query():
    with pytest.raises(ConfigError) as caught:
        check_url("https://user:hunter2@a.example/x?key=hunter3")
    assert "hunter" not in str(caught.value)
    assert host_of("https://user:hunter2@a.example:81/x?key=hunter3") == "a.example:81"


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nHost: b"}, {"x": "a\nb"}, {"x": "a\rb"}, {"x": "a\x00b"}, {"x": "\x7f"},
        {"x y": "a"}, {"x:": "a"}, {"": "a"}, {"x\r\n": "a"}, {"ü": "a"},
        {"Host": "b"}, {"content-length": "1"}, {"Transfer-Encoding": "chunked"},
        {"connection": "x"}, {"TE": "trailers"}, {"upgrade": "h2c"}, {"expect": "100-continue"},
    ],
)  # fmt: skip
def test_headers_that_could_break_the_framing_are_refused(headers):
    with pytest.raises(Refusal) as caught:
        check_headers(headers)
    assert caught.value.code == "header_invalid"


@given(st.text())
def test_any_text_can_be_made_a_header_value(text):
    value = header_value(text)
    assert value.isascii()
    check_headers({"idempotency-key": value})


def test_ids_of_plain_streams_stay_readable():
    assert header_value("erp/party.party/3/0.0@score") == "erp/party.party/3/0.0@score"
