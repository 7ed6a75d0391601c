"""Where a caller is: its IP address, through proxies that are trusted and no others."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from bestfill_api.crowd import subject
from bestfill_api.wire import header_values

HOPS_MAX: Final = 10

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def client(peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[IPNetwork]) -> str:
    """Give the caller's address: the peer's, or, read from the right, the last one that a trusted proxy names.

    Whatever stands to the left of that may be made up. What is no address ends the search.
    """
    address = _address(peer)
    if address is None or not _trusted(address, proxies):
        return peer
    hops = b",".join(header_values(headers, b"x-forwarded-for")).rsplit(b",", HOPS_MAX)
    for hop in reversed(hops[-HOPS_MAX:]):
        before = _address(hop.strip().decode("latin-1"))
        if before is None:
            break
        address = before
        if not _trusted(address, proxies):
            break
    return str(address)


@lru_cache(4_096)
def bucket(address: str) -> str:
    """Name what an address shares a limit with: itself, or its IPv6 network of 64 bits."""
    return f"ip:{subject(address)}"


@lru_cache(4_096)
def _address(text: str) -> IPAddress | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _trusted(address: IPAddress, proxies: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in proxies)
