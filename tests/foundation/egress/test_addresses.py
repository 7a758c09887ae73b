"""Which addresses count as public, and which spellings of a host are taken at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.addresses import Reach, host_of, reach

NEVER = [
    *("169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::169.254.169.254"),
    *("fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1"),
    *("255.255.255.255", "ff02::1", "240.0.0.1", "not an address", ""),
]
PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "::127.0.0.1", "fc00::1", "fd12:3456::1", "fec0::1"),
    *("2001:0:1::1", "2002:7f00:1::", "2002:808:808::", "192.0.0.8", "198.18.0.1", "203.0.113.9", "2001:db8::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", NEVER)
def test_metadata_link_local_and_nonsense_are_never_reached(address):
    assert reach(address) is Reach.NEVER


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public_however_they_are_wrapped(address):
    assert reach(address) is Reach.PRIVATE


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address):
    assert reach(address) is Reach.PUBLIC


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_an_ipv6_one(address):
    assert reach(f"::ffff:{address}") is reach(str(address))
    assert reach(str(address)) is not Reach.PUBLIC or address.is_global


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "127.0.0.01", "1.2.3", "256.1.1.1", "1e3.0"),
        *(
            "",
            "a b",
            "exa mple.com",
            "host.",
            ".host",
            "a..b",
            "-a.com",
            "a-.com",
            "bücher.example",
            "a%2eb",
            "fe80::1%1",
        ),
        *("x" * 64, ".".join(["abc"] * 70), "ⓔxample.com", "127。0。0。1"),
    ],
)
def test_odd_spellings_of_hosts_are_not_hosts(host):
    assert host_of(host) is None


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("Example.COM", "example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("10.0.0.1", "10.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("judge_1", "judge_1"),
    ],
)
def test_a_host_has_one_spelling(host, plain):
    assert host_of(host) == plain
