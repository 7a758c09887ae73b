"""Which network addresses a request of ours may go to. The answer depends on the address alone, never on its name.

`ipaddress.is_global` alone is not enough: before Python 3.11.10 it took several special networks for global ones, and
an IPv4 address may hide inside an IPv6 one. The networks are those of IANA's special-purpose registries.
"""

from __future__ import annotations

import ipaddress
import re
from enum import Enum

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
            *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),  # clouds' metadata and control
            *("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128"),
        ),
    )
)
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
            *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("::1/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
            *("2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10"),
        ),
    )
)


class Reach(Enum):
    """`NEVER` is not even opened by an allow-list: link-local, metadata services, multicast, "this host"."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def reach(text: str) -> Reach:
    """The reach of one address; what is none is `NEVER`. An IPv4 address inside an IPv6 one counts as itself."""
    try:
        address = _plain(ipaddress.ip_address(text))
    except ValueError:
        return Reach.NEVER
    if any(address in network for network in _NEVER):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE) or not address.is_global:
        return Reach.PRIVATE
    return Reach.PUBLIC


def _plain(address: IP) -> IP:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) >> 32 == 0 and int(address) > 1:  # the old "compatible" form ::a.b.c.d
        return ipaddress.IPv4Address(int(address))
    return address


def host_of(text: str) -> str | None:
    """A host in its one spelling: a name, a dotted quad or an IPv6 address without brackets; `None` for anything else.

    Decimal, octal, hexadecimal and shortened IPv4 addresses are nothing else: resolvers disagree about them.
    """
    host = text.lower()
    if ":" in host:
        return _address(host, ipaddress.IPv6Address)
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        return _address(host, ipaddress.IPv4Address)
    return host if len(host) <= 253 and _NAME.fullmatch(host) else None


def _address(host: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str | None:
    try:
        return None if "%" in host else str(kind(host))
    except ValueError:
        return None
