"""Arrays of ticks or bins: an account each, found through the bitmap in the pool's own account."""

from collections.abc import Iterator, Mapping
from typing import Final

from bestfill_adapters.solana.account import Account, Refused, Snapshot

HALF: Final = 512
"""A pool's own bitmap has a bit for each array from −512 to 511; others are in an extension, which is not read here."""


def array_order(bitmap: bytes, first: int, *, down: bool) -> Iterator[int]:
    """Give the indexes of the arrays that exist, from `first` on, in the order in which a swap walks through them.

    Args:
        bitmap: 1024 bits, lowest first.
        first: the array of the pool's current price, which need not exist.
        down: whether the price falls.

    Raises:
        Refused: the first is outside of the bitmap (`bitmap_extension`).
    """
    if not -HALF <= first < HALF:
        raise Refused("bitmap_extension", "the pool's price is outside of the pool's own bitmap")
    bits, place = int.from_bytes(bitmap, "little"), first + HALF
    if down:
        bits &= (2 << place) - 1
        while bits:
            place = bits.bit_length() - 1
            yield place - HALF
            bits ^= 1 << place
    else:
        bits = bits >> place << place
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1 - HALF
            bits ^= lowest


def find_array(snapshot: Snapshot, arrays: Mapping[int, str], index: int) -> Account:
    """Give the account of an array.

    Raises:
        Refused: it is not among those that may be walked through (`missing_array`), or was not read.
    """
    address = arrays.get(index)
    if address is None:
        raise Refused("missing_array", "the swap needs more of the pool's arrays than can be passed to it")
    return snapshot.get(address)


def recorded_arrays(roles: Mapping[str, object], name: str) -> dict[int, str]:
    """Read which arrays a recording holds: addresses by index, or by start tick.

    Raises:
        ValueError: it does not say so.
    """
    arrays = roles.get(name)
    if not isinstance(arrays, Mapping):
        raise ValueError(f"the recording names no {name}")
    return {int(index): str(address) for index, address in arrays.items()}
