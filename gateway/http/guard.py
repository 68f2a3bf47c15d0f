"""Which addresses may be dialled.

A name is judged by the address it leads to, never by its spelling, and the address that was
judged is the one that is dialled: `Guard.socket` is called by aiohttp for every single socket,
with the address it is about to connect to. So neither DNS that changes its mind between check and
use, nor an address written in an odd way, gets past it.

The ranges are spelled out from IANA's special-purpose registries (IPv4 and IPv6, RFC 6890) and
the multicast registries. `ipaddress.is_global` is not asked: Python 3.11.7 calls ::127.0.0.1,
64:ff9b::7f00:1, 2002:7f00:1::, fec0::1 and 224.0.0.1 global.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors import ConfigError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK = "loopback"

_RANGES: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(block), reason)
    for block, reason in (
        ("127.0.0.0/8", _LOOPBACK),
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("169.254.0.0/16", "link-local (cloud metadata)"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("168.63.129.16/32", "cloud metadata"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::1/128", _LOOPBACK),
        ("::/128", "unspecified"),
        ("fc00::/7", "private"),
        ("fec0::/10", "site-local"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("100::/64", "discard-only"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
    )
)
_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The only space IANA has given out for global unicast; the rest of IPv6 is reserved."""

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")


class ForbiddenAddress(OSError):
    """An address that the guard does not let anyone dial. `reason` says which range it is in."""

    def __init__(self, address: str, reason: str, host: str | None = None) -> None:
        super().__init__(f"{address} is not allowed: {reason}")
        self.address = address
        self.reason = reason
        self.host = host


class Guard:
    """Public addresses, loopback unless `loopback` is off, and the CIDR blocks of `allow`."""

    def __init__(self, allow: Sequence[str] = (), *, loopback: bool = True) -> None:
        self._loopback = loopback
        self._allow = tuple(_network(block) for block in allow)

    def forbidden(self, address: str | Address) -> str | None:
        """Why this address may not be dialled, or None where it may."""
        if isinstance(address, str):
            try:
                address = ipaddress.ip_address(address)
            except ValueError:
                return "not an address in its canonical form"
        if isinstance(address, ipaddress.IPv6Address) and address in _MAPPED:
            # ::ffff:a.b.c.d is a.b.c.d to the operating system: the same host is dialled.
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if any(address.version == block.version and address in block for block in self._allow):
            return None
        reason = _special(address)
        if reason == _LOOPBACK and self._loopback:
            return None
        return reason

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one address that is about to be dialled, or raise ForbiddenAddress.

        `info` is a row of `getaddrinfo`; aiohttp calls this as its `socket_factory`.
        """
        family, kind, protocol, _, sockaddr = info
        reason = self.forbidden(str(sockaddr[0]))
        if reason is not None:
            raise ForbiddenAddress(str(sockaddr[0]), reason)
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Leaves out of every answer what the guard forbids; an answer with nothing left is an error.

    The guard at the socket would refuse them too. Here they go first so that a name with a
    forbidden and a public address is dialled at the public one, and so that the error says which
    address the name leads to.
    """

    def __init__(self, resolver: AbstractResolver, guard: Guard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        judged = [(answer, self._guard.forbidden(answer["host"])) for answer in found]
        allowed = [answer for answer, reason in judged if reason is None]
        if judged and not allowed:
            answer, reason = judged[0]
            raise ForbiddenAddress(answer["host"], reason or "", host)
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


def _special(address: Address) -> str | None:
    if isinstance(address, ipaddress.IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            name, inner = embedded
            reason = _special(inner)
            # Loopback through a translator is the translator's own machine, never ours.
            return f"{name} of {inner}, {reason}" if reason else None
    for block, reason in _RANGES:
        if address.version == block.version and address in block:
            return reason
    if isinstance(address, ipaddress.IPv6Address) and address not in _IPV6_UNICAST:
        return "reserved"
    return None


def _embedded(address: ipaddress.IPv6Address) -> tuple[str, ipaddress.IPv4Address] | None:
    """The IPv4 address that a transition mechanism would send this one to.

    NAT64 RFC 6052, 6to4 RFC 3056, Teredo RFC 4380, IPv4-compatible RFC 4291 2.5.5.1.
    """
    number = int(address)
    if address in _COMPATIBLE and number > 1:
        return "IPv4-compatible form", ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    if address in _NAT64:
        return "NAT64", ipaddress.IPv4Address(number & 0xFFFF_FFFF)
    if address in _SIX_TO_FOUR:
        return "6to4", ipaddress.IPv4Address(number >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        return "Teredo", ipaddress.IPv4Address(number & 0xFFFF_FFFF ^ 0xFFFF_FFFF)
    return None


def _network(block: str) -> Network:
    try:
        return ipaddress.ip_network(block)
    except ValueError as error:
        raise ConfigError(
            f"`{block}` in network.allow is not a CIDR block: {error}.",
            mend="Write it like 10.1.0.0/16.",
        ) from None
