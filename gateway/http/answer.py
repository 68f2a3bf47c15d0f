"""An answer that was read to its end, within a size that was agreed on before."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from gateway.errors import Ambiguous, Unanswered

MAX_RESPONSE_BYTES = 64 << 20
ACCEPT_ENCODING = "gzip, deflate"


class Answer(msgspec.Struct, frozen=True):
    """Status, headers (names in lower case, repeated ones joined by `, `), decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type without its parameters, in lower case; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether this is a page for people: a login form or a proxy's notice, never an answer."""
        return self.media_type in ("text/html", "application/xhtml+xml") or self.body[
            :512
        ].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    def json(self) -> Any:
        """The body as JSON. Raises Ambiguous with what came instead."""
        if self.is_html:
            raise Ambiguous(
                f"The answer ({self.status}) is an HTML page where JSON was expected.",
                mend="A login page or a proxy stands before the endpoint, or its URL is wrong.",
                code="html_answer",
            )
        if not self.body.strip():
            raise Ambiguous(
                f"The answer ({self.status}) has no body where JSON was expected.",
                code="answer_not_json",
            )
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Ambiguous(
                f"The answer ({self.status}, {len(self.body)} bytes of "
                f"{self.media_type or 'no media type'}) is not JSON: {error}.",
                code="answer_not_json",
            ) from None


async def bounded(
    chunks: AsyncIterator[bytes], encoding: str, *, limit: int, host: str
) -> AsyncIterator[bytes]:
    """Decode `Content-Encoding` while streaming, and stop as soon as `limit` bytes are passed.

    The limit holds for the bytes that came and for those they unfold to, so that a bomb is cut
    off after `limit` bytes whatever its ratio. Raises Ambiguous.
    """
    came = unfolded = 0
    inflater = _inflater(encoding, host)
    try:
        async for chunk in chunks:
            came += len(chunk)
            if came > limit:
                raise _too_large(host, limit)
            if inflater is None:
                yield chunk
                continue
            rest = chunk
            while rest:
                piece = inflater.decompress(rest, limit - unfolded + 1)
                unfolded += len(piece)
                if unfolded > limit:
                    raise _too_large(host, limit)
                if piece:
                    yield piece
                rest = inflater.unconsumed_tail
                if inflater.eof and inflater.unused_data:
                    # RFC 1952 2.2: a gzip body may have several members, one after the other.
                    rest = inflater.unused_data
                    inflater = _inflater(encoding, host)
                    assert inflater is not None
    except zlib.error:
        raise Ambiguous(
            f"The answer of {host} says it is {encoding} and is not.", code="encoding_invalid"
        ) from None
    if inflater is not None and came and not inflater.eof:
        raise Unanswered(f"The answer of {host} was cut short.", code="body_cut_short")


class _Deflate:
    """`deflate` as servers really send it: zlib's wrapping (RFC 9110 8.4.1.2), or without."""

    def __init__(self) -> None:
        self._inner: Any = None
        self._first = b""

    eof = property(lambda self: self._inner is not None and self._inner.eof)
    unused_data = b""

    @property
    def unconsumed_tail(self) -> bytes:
        return self._inner.unconsumed_tail if self._inner is not None else b""

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        if self._inner is None:
            head = self._first + data
            if len(head) < 2:
                self._first = head
                return b""
            wrapped = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
            self._inner = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
            data = head
        piece: bytes = self._inner.decompress(data, max_length)
        return piece


def _inflater(encoding: str, host: str) -> Any:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Deflate()
    raise Ambiguous(
        f"The answer of {host} is encoded as {encoding!r}, which was not asked for.",
        code="encoding_unknown",
    )


def _too_large(host: str, limit: int) -> Ambiguous:
    return Ambiguous(
        f"The answer of {host} is larger than {limit} bytes.",
        mend="Ask for less at once, or raise the limit.",
        code="answer_too_large",
    )
