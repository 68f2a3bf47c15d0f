"""What may leave: URLs and headers, judged before anything is dialled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from gateway.errors import ConfigError, Refusal

_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_IPV4 = re.compile(r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VISIBLE = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "host", "content-length", "expect",
    }
)  # fmt: skip
"""Set by the transport alone (RFC 9110 7.6.1): a caller that could set them could smuggle."""


def check_url(url: str) -> None:
    """Only absolute http and https URLs, without user information, raise nothing.

    A wrong URL comes from the project file, so it is a ConfigError.
    """
    if _CONTROL.search(url):
        raise ConfigError(
            f"The URL of {host_of(url)} holds a space, a control character or a backslash.",
            mend="Percent-encode it.",
            code="url_invalid",
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"A URL cannot be read: {error}.", code="url_invalid") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"The URL of {host_of(url)} is not an absolute http or https address.",
            mend="Write it like https://models.example.com/path.",
            code="url_invalid",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"The URL of {parts.hostname} holds user information.",
            mend="Take it out and use `auth: {type: basic, …}` with a secret reference.",
            code="url_invalid",
        )
    host = parts.hostname
    if ":" not in host and host.rpartition(".")[2].isdecimal() and not _IPV4.fullmatch(host):
        # 2130706433, 127.1 and 0177.0.0.1 mean an address to some and a name to others.
        raise ConfigError(
            f"The host {parts.hostname} is neither a name nor an address in its usual form.",
            mend="Write IPv4 addresses as four decimal numbers.",
            code="url_invalid",
        )


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise Refusal for a header that could break the framing of the request (RFC 9110 5.5).

    Values may come from records, so the same input would always be refused.
    """
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise Refusal(f"{name!r} is not a header name.", code="header_invalid")
        if name.lower() in HOP_BY_HOP:
            raise Refusal(f"The header {name} is not the caller's to set.", code="header_invalid")
        if _NOT_IN_VALUE.search(value):
            raise Refusal(
                f"The value for the header {name} holds a line break or control character.",
                code="header_invalid",
            )


def header_value(text: str) -> str:
    """`text` as a header value: all but visible ASCII percent-encoded, as CloudEvents does it."""
    return text if text.isalnum() and text.isascii() else quote(text, safe=_VISIBLE)


def host_of(url: str) -> str:
    """Host and port, for messages: never user information, path or query, which may be secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "?"
        port = parts.port
    except ValueError:
        return "?"
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port
