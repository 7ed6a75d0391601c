"""Where a caller is: its IP address, through proxies that are trusted and no others."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from bestfill_api.ip import IPNetwork, read_address, subject, within
from bestfill_api.wire import header_values

HOPS_MAX: Final = 10


def client(peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[IPNetwork]) -> str:
    """Give the caller's address: the peer's, or, read from the right, the last one that a trusted proxy names.

    Whatever stands to the left of that may be made up. What is no address ends the search.
    """
    address = read_address(peer)
    if address is None or not within(address, proxies):
        return peer
    hops = b",".join(header_values(headers, b"x-forwarded-for")).rsplit(b",", HOPS_MAX)
    for hop in reversed(hops[-HOPS_MAX:]):
        before = read_address(hop.strip().decode("latin-1"))
        if before is None:
            break
        address = before
        if not within(address, proxies):
            break
    return str(address)


@lru_cache(4_096)
def bucket(address: str) -> str:
    """Name what an address shares a limit with: itself, or its IPv6 network of 64 bits."""
    return f"ip:{subject(address)}"
