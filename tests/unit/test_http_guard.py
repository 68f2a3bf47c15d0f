from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.http.guard import ForbiddenAddress, Guard, GuardedResolver

FORBIDDEN = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "168.63.129.16", "0.0.0.0", "0.1.2.3", "192.0.0.192", "192.88.99.1", "198.18.0.1",
    "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1",
    "2001:db8::1", "3fff::1", "5f00::1", "2001:2::1", "4000::1", "e000::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::127.0.0.1",
    "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_neither_public_nor_ours_is_forbidden(address):
    assert Guard().forbidden(address)


@pytest.mark.parametrize("address", [*PUBLIC, "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_public_addresses_and_our_own_are_allowed(address):
    assert Guard().forbidden(address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_can_be_turned_off(address):
    assert Guard(loopback=False).forbidden(address) == "loopback"


@pytest.mark.parametrize("spelling", ["2130706433", "0177.0.0.1", "127.1", "0x7f000001", "", "x"])
def test_an_address_that_is_not_canonical_is_forbidden(spelling):
    assert Guard().forbidden(spelling)


def test_listed_blocks_are_allowed_and_nothing_besides():
    guard = Guard(["10.1.0.0/16", "fd00::/8"])
    assert guard.forbidden("10.1.2.3") is None
    assert guard.forbidden("::ffff:10.1.2.3") is None
    assert guard.forbidden("fd00::1") is None
    assert guard.forbidden("10.2.0.1") == "private"
    # The translator's own network is not the one that was listed.
    assert guard.forbidden("64:ff9b::a01:203")


@pytest.mark.parametrize("block", ["10.0.0.1/8", "ten", "10.0.0.0/33"])
def test_a_block_that_is_none_is_a_config_error(block):
    with pytest.raises(ConfigError, match=r"network\.allow"):
        Guard([block])


@given(st.integers(0, 2**32 - 1))
def test_a_mapped_address_is_judged_as_the_address_it_is(number):
    plain = ipaddress.IPv4Address(number)
    mapped = ipaddress.IPv6Address(number | 0xFFFF << 32)
    guard = Guard()
    assert guard.forbidden(str(plain)) == guard.forbidden(str(mapped))


@given(st.integers(0, 2**32 - 1))
def test_nothing_private_gets_through_a_translation(number):
    guard = Guard()
    plain = ipaddress.IPv4Address(number)
    if Guard(loopback=False).forbidden(plain) is None:
        return
    for address in (
        ipaddress.IPv6Address(0x64FF9B << 96 | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80),
        ipaddress.IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF)),
        ipaddress.IPv6Address(number),
    ):
        if int(address) != 1:
            assert guard.forbidden(address), address


def test_no_socket_is_made_for_a_forbidden_address():
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))
    with pytest.raises(ForbiddenAddress, match="private"):
        Guard().socket(info)


class Names:
    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": a, "port": port, "family": family, "proto": 0, "flags": 0}
            for a in self.addresses
        ]

    async def close(self):
        pass


async def test_a_mixed_answer_keeps_what_is_allowed():
    resolver = GuardedResolver(Names("10.0.0.1", "1.1.1.1"), Guard())
    assert [each["host"] for each in await resolver.resolve("a.example")] == ["1.1.1.1"]


async def test_an_answer_with_nothing_allowed_names_host_and_address():
    resolver = GuardedResolver(Names("10.0.0.1", "169.254.169.254"), Guard())
    with pytest.raises(ForbiddenAddress) as caught:
        await resolver.resolve("a.example")
    assert (caught.value.host, caught.value.address) == ("a.example", "10.0.0.1")
