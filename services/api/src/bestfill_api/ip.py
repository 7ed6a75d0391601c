"""IP addresses, as callers come from them."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network


@lru_cache(4_096)
def read_address(text: str) -> IPAddress | None:
    """Read an address, IPv4 even where it is written as IPv6; None if it is none, as that of a peer who has left."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def within(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    """Say whether an address is in one of these networks."""
    return any(address in network for network in networks)


@lru_cache(4_096)
def subject(host: str) -> str:
    """Give whom an address stands for: with IPv6 a network of 64 bits, since whoever has one of its addresses has all.

    What is no address stands for itself.
    """
    address = read_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address.packed, 64), strict=False))
    return host if address is None else str(address)
